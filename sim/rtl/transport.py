# SPDX-License-Identifier: BSD-2-Clause
"""``rtl://``: the compiled gateware behind the host's transport. Bytes go in and out at the byte stream, and nowhere else."""

import time

from macropix.gateware.config import Config, Link
from macropix.host.errors import DeviceError
from macropix.host.transport.base import Transport
from macropix.host.transport.url import ParsedUrl, config_from
from macropix.sim.rtl.build import build
from macropix.sim.rtl.library import Library

__all__ = ["RtlTransport", "open_rtl"]

#: clocks of silence behind which a batch is handed over: behind a write the first, then with each read twice as many, up to the second
GAP, LONGEST_GAP = 24, 4096
#: bytes waiting to go in, from which a write steps the device by itself
BACKLOG = 1 << 16
#: clocks of one batch, so that a deadline is looked at and a free run seen; or twice `_quiet`, if that is more
BATCH = 1 << 17
#: clocks that a read without patience may let pass in silence: fewer than the 65,536 behind which a command is given up
GLANCE = 60_000


def _quiet(config: Config) -> int:
    """Clocks without a byte behind which nothing more is to come: longer than any frame takes on lane and link.

    The slowest frame is exposed in ``max_outputs · (M² + 8)`` clocks (shared multiplier), waits whole in the slice FIFO while the lane
    brings at most 4,119 bytes of it, and a UART may then be slow in showing its first bit.
    """
    exposure = config.pixels * (config.subpixels + 8) + 4096
    lane = 4200 * (10 // config.lane_bits)
    bit = config.clock_hz // config.uart_baud if config.link is Link.UART else 1
    return 2 * (exposure + lane) + 64 * bit


class RtlTransport(Transport):
    """The whole `Top`, compiled by Verilator and stepped in batches.

    The device's clock advances only inside `read` and, with much to send, `write`: nothing happens while nobody looks, and the same
    calls give the same bytes.

    Parameters
    ----------
    config : Config
        Sizes of the gateware.
    name : str
        The URL.
    """

    live = False

    def __init__(self, config: Config, *, name: str = "rtl://"):
        made = build(config)
        super().__init__(name, config=config, facts={"build_seconds": made.seconds, "cached": made.cached})
        # a stream waits for the device; a UART's bytes would run over while a command waits for an exposure's end
        self.in_flight = 8 if config.link is Link.STREAM else 1
        self._library = Library(made.library)
        self._quiet = _quiet(config)
        self._batch = max(BATCH, 2 * self._quiet)
        self._shortest_gap = GAP if config.link is Link.STREAM else 12 * config.clock_hz // config.uart_baud
        self._gap = self._shortest_gap
        self._pending = b""
        self._closed = False
        self._come: list[bytes] = []

    @property
    def clocks(self) -> int:
        """Clocks of the FPGA since its reset."""
        return self._library.clocks

    def write(self, data: bytes) -> None:
        """Bytes for the device, in order. They enter, at most one a clock, as it is stepped."""
        self._pending += data
        self._gap = self._shortest_gap
        if len(self._pending) >= BACKLOG:
            made = self._step()
            if made:
                self._come.append(made)

    def read(self, timeout: float) -> bytes:
        """What has come, stepping the device until something does.

        Returns ``b""`` once the device has been silent for longer than any frame takes, so that nothing more can come by itself, or
        when `timeout` (s) has passed. With a `timeout` of 0 it is stepped once, for `GLANCE` silent clocks at the most.
        """
        if self._come:
            come = b"".join(self._come)
            self._come.clear()
            return come
        if timeout <= 0:
            return self._step(min(GLANCE, self._quiet))
        deadline = time.monotonic() + timeout
        while True:
            before = len(self._pending)
            made = self._step()
            if made:
                return made
            if len(self._pending) == before or time.monotonic() > deadline:
                return b""

    def close(self) -> None:
        """Free the device; any number of times."""
        self._closed = True
        self._library.close()

    def _step(self, quiet: int | None = None) -> bytes:
        if self._closed:
            raise DeviceError(f"{self.name} is closed")
        taken, made = self._library.run(self._pending, clocks=self._batch, gap=self._gap, quiet=quiet or self._quiet)
        self._pending = self._pending[taken:]
        self._gap = max(self._gap, min(2 * self._gap, LONGEST_GAP))
        return made


def open_rtl(url: ParsedUrl) -> RtlTransport:
    """The transport behind ``rtl://`` with the configuration of the URL's options."""
    return RtlTransport(config_from(url.options), name=url.text)
