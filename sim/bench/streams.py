# SPDX-License-Identifier: BSD-2-Clause
"""Driver and monitor of a byte stream with Amaranth's port names, stalling at random.

bytes ──► `Source` ═ <name>__payload, __valid, __ready ═► device       device ═► `Sink` ──► bytes
"""

import random
from collections import deque

from cocotb.triggers import FallingEdge, RisingEdge

__all__ = ["Sink", "Source"]


class Source:
    """Drives a stream into the device. Values change at the falling edge, and count at the rising one.

    Parameters
    ----------
    dut, name, clock
        Device, prefix of the stream's ports, and the handle of its clock.
    stall : float (0 … 1)
        Share of clocks without an offer between two payloads. An offer once made stays until it is taken.
    rng : random.Random
    """

    def __init__(self, dut, name: str, clock, *, stall: float, rng: random.Random):
        self.queue: deque[int] = deque()
        self.stall = stall
        self._clock, self._rng = clock, rng
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
                offered = bool(self.queue) and self._rng.random() >= self.stall
                self._valid.value = offered
                if offered:
                    self._payload.value = int(self.queue[0])
            await RisingEdge(self._clock)
            if offered and int(self._ready.value):
                self.queue.popleft()
                offered = False


class Sink:
    """Takes a stream from the device, not ready in a share `stall` of the clocks. Checks that an offer stays until it is taken."""

    def __init__(self, dut, name: str, clock, *, stall: float, rng: random.Random):
        self.taken = bytearray()
        self.stall = stall
        self._clock, self._rng = clock, rng
        self._payload = getattr(dut, f"{name}__payload")
        self._valid = getattr(dut, f"{name}__valid")
        self._ready = getattr(dut, f"{name}__ready")
        self._ready.value = 0

    async def run(self) -> None:
        """Forever: start it with `cocotb.start_soon`."""
        refused: int | None = None
        while True:
            await FallingEdge(self._clock)
            ready = self._rng.random() >= self.stall
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
