# SPDX-License-Identifier: BSD-2-Clause
"""Driver and monitor of a byte stream with Amaranth's port names, stalling at random.

bytes ──► `Source` ═ <name>__payload, __valid, __ready ═► device       device ═► `Sink` ──► bytes
"""

import random
from collections import deque

from cocotb.triggers import FallingEdge, RisingEdge

__all__ = ["Sink", "Source", "Stalls"]

#: share of stalls that are long ones
LONG = 0.01


class Stalls:
    """Whether to stall in a clock: at random, some of the stalls many clocks long.

    Parameters
    ----------
    rng : random.Random
    share : float (0 … 1)
        Of the clocks in which a stall begins. May be changed at any time; 1 stalls for good.
    longest : int
        Most clocks of a long stall; 0: there are none.
    """

    def __init__(self, rng: random.Random, share: float, longest: int = 0):
        self.share, self.longest = share, longest
        self._rng = rng
        self._left = 0

    def __call__(self) -> bool:
        """For the next clock."""
        if self._left:
            self._left -= 1
            return True
        if not self.share or self._rng.random() >= self.share:
            return False
        if self.longest and self._rng.random() < LONG:
            self._left = self._rng.randrange(self.longest)
        return True


class Source:
    """Drives a stream into the device. Values change at the falling edge, and count at the rising one.

    Parameters
    ----------
    dut, name, clock
        Device, prefix of the stream's ports, and the handle of its clock.
    stalls : Stalls
        Clocks without an offer between two payloads. An offer once made stays until it is taken.
    """

    def __init__(self, dut, name: str, clock, stalls: Stalls):
        self.queue: deque[int] = deque()
        self.stalls = stalls
        self._clock = clock
        self._payload = getattr(dut, f"{name}__payload")
        self._valid = getattr(dut, f"{name}__valid")
        self._ready = getattr(dut, f"{name}__ready")
        self._valid.value = 0
        self._payload.value = 0

    def send(self, payloads) -> None:
        """Queue payloads (bytes, or any integers)."""
        self.queue.extend(payloads)

    async def run(self) -> None:
        """Forever: start it with `cocotb.start_soon`."""
        offered = False
        while True:
            await FallingEdge(self._clock)
            if not offered:
                offered = bool(self.queue) and not self.stalls()
                self._valid.value = offered
                if offered:
                    self._payload.value = int(self.queue[0])
            await RisingEdge(self._clock)
            if offered and int(self._ready.value):
                self.queue.popleft()
                offered = False


class Sink:
    """Takes a stream from the device, not ready where it stalls. Checks that an offer stays until it is taken."""

    def __init__(self, dut, name: str, clock, stalls: Stalls):
        self.taken = bytearray()
        self.stalls = stalls
        self._clock = clock
        self._payload = getattr(dut, f"{name}__payload")
        self._valid = getattr(dut, f"{name}__valid")
        self._ready = getattr(dut, f"{name}__ready")
        self._ready.value = 0

    async def run(self) -> None:
        """Forever: start it with `cocotb.start_soon`."""
        refused: int | None = None
        while True:
            await FallingEdge(self._clock)
            ready = not self.stalls()
            self._ready.value = ready
            await RisingEdge(self._clock)
            if not int(self._valid.value):
                assert refused is None, "the device withdrew a payload that was not taken"
                continue
            payload = int(self._payload.value)
            assert refused is None or refused == payload, f"the device changed a waiting payload from {refused} to {payload}"
            refused = None if ready else payload
            if ready:
                self.taken.append(payload)
