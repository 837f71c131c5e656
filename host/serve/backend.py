# SPDX-License-Identifier: BSD-2-Clause
"""The served device: opened when it is needed, asked for bytes without ever waiting long.

peer's bytes ──► write ──► Transport ──► take ──► outbox        ``wait``: how long nothing new can come by itself
"""

import time
from collections.abc import Callable

from macropix.host.transport.base import Transport

__all__ = ["Backend"]

#: seconds of silence behind a write before a simulated device may rest, and so give up half a command: the other half may be on its way,
#: 40 ms late where a client lets Nagle wait for an acknowledgement
GRACE = 0.06
#: seconds one read may take
SLICE = 0.05
#: seconds one read may take of a device without a descriptor to wait for
GLANCE = 0.002


class Backend:
    """A transport that is opened when first used, and again behind its end.

    Parameters
    ----------
    opener : callable
        Opens the transport.
    """

    def __init__(self, opener: Callable[[], Transport]):
        self._opener = opener
        self._transport: Transport | None = None
        self._resting = False
        #: when something was written last, if that may matter yet
        self._written: float | None = None

    def open(self) -> Transport:
        """The transport, opened if need be. Raises what the opener raises."""
        if self._transport is None:
            self._transport = self._opener()
            self._resting, self._written = False, None
        return self._transport

    @property
    def is_open(self) -> bool:
        """Whether there is a transport."""
        return self._transport is not None

    @property
    def live(self) -> bool:
        """Whether it goes on while nobody looks."""
        return self._transport is not None and self._transport.live

    def fileno(self) -> int | None:
        """A descriptor to wait for, if it has one."""
        return None if self._transport is None else self._transport.fileno()

    def write(self, data: bytes) -> None:
        """Bytes from the peer, as they are. Raises DeviceError if the device is gone."""
        self.open().write(data)
        self._resting, self._written = False, time.monotonic()

    def take(self) -> bytes:
        """What the device has to say; ``b""`` if nothing now. Raises DeviceError if it is gone."""
        transport = self.open()
        if transport.live:
            return transport.read(0.0 if transport.fileno() is not None else GLANCE)
        if self._resting:
            return b""
        began = time.monotonic()
        if self._written is not None and began < self._written + GRACE:
            return transport.read(0.0)
        data = transport.read(SLICE)
        self._resting = not data and time.monotonic() - began < SLICE
        self._written = None
        return data

    @property
    def wait(self) -> float | None:
        """Seconds behind an empty `take` until the next can bring something that neither descriptor nor peer announces; None: for ever."""
        if self._transport is None or self._resting:
            return None
        if self._transport.live:
            return None if self._transport.fileno() is not None else 0.0
        return 0.0 if self._written is None else max(0.0, self._written + GRACE - time.monotonic())

    def discard(self) -> None:
        """What a live device says while nobody listens is none of the next controller's. Raises DeviceError if it is gone."""
        if self.live:
            for _ in range(64):
                if not self.take():
                    return

    def close(self) -> None:
        """Lets the device go, until the next `open`."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
