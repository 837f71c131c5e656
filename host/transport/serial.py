# SPDX-License-Identifier: BSD-2-Clause
"""``serial:///dev/ttyUSB0?baud=3000000``: a device behind a UART, or a pseudo-terminal.

host ── write ──► tty, raw, 8N1, nobody else's ── read ──► host
"""

import contextlib
import errno
import os
import select
import time
from typing import Any

from macropix.host.errors import DeviceError, UserError
from macropix.host.transport.base import Transport
from macropix.host.transport.url import ParsedUrl

__all__ = ["BAUD", "SerialTransport", "open_serial"]

#: bits a second, as the gateware has it by default
BAUD = 3_000_000
#: seconds the device may take no byte of what is written
STALL = 10.0
#: most bytes of one read, and most kept that come while a write waits
CHUNK, INBOX = 1 << 16, 64 << 20

_HINTS = {
    errno.ENOENT: "is it plugged in? ls /dev/serial/by-id shows what is",
    errno.EACCES: "you may not: add yourself to the group that owns it (on Debian: sudo usermod -aG dialout $USER), and log in anew",
    errno.EBUSY: "another program has it: close that one first",
    errno.ENOTTY: "that is no serial port",
    errno.ENXIO: "its device is gone: plug it in again",
    errno.ENODEV: "its device is gone: plug it in again",
    errno.EIO: "its device is gone: plug it in again",
}
_HINTS[errno.EPERM], _HINTS[errno.EAGAIN] = _HINTS[errno.EACCES], _HINTS[errno.EBUSY]


class SerialTransport(Transport):
    """A terminal device in raw mode, locked against others that ask.

    A UART has no way to hold the host up: with one command at a time (``in_flight`` = 1) nothing runs over on the way down.

    Parameters
    ----------
    device : str
        Path of the device node.
    baud : int
        Bits a second; of no meaning to a pseudo-terminal.
    name : str
        The URL.

    Raises
    ------
    DeviceError
        If it is not there, not permitted, in use, or no serial port; with what a person can do about it.
    """

    in_flight = 1

    def __init__(self, device: str, *, baud: int = BAUD, name: str = ""):
        super().__init__(name or f"serial://{device}")
        self.device = device
        self._come: list[bytes] = []
        self._end: DeviceError | None = None
        self._port: Any = _open(device, baud, self.name)
        self._descriptor: int | None = self._port.fileno()
        self._poll = select.poll()
        self._poll.register(self._port.fileno(), select.POLLIN)

    def write(self, data: bytes) -> None:
        """Sends all of `data`; what comes meanwhile is kept for `read`.

        Raises DeviceError if none of it goes for 10 s, or it is gone.
        """
        descriptor = self._need_open()
        view = memoryview(data)
        deadline = time.monotonic() + STALL
        while view:
            try:
                view = view[os.write(descriptor, view) :]
                deadline = time.monotonic() + STALL
                continue
            except BlockingIOError:
                pass
            except OSError as error:
                raise self._gone(error) from None
            ways = [descriptor] if sum(map(len, self._come)) < INBOX else []
            readable, _, _ = select.select(ways, [descriptor], [], max(0.0, deadline - time.monotonic()))
            if readable and (come := self._receive(descriptor)):
                self._come.append(come)
            if time.monotonic() >= deadline:
                raise DeviceError(
                    f"{self.name} takes no bytes: waited {STALL:g} s to send {len(view)}", hint="is the device behind it alive?"
                )

    def read(self, timeout: float) -> bytes:
        """What has come, as soon as something has; ``b""`` after `timeout` seconds. Raises DeviceError if it is gone."""
        if self._come:
            come = b"".join(self._come)
            self._come.clear()
            return come
        descriptor = self._need_open()
        if not self._poll.poll(max(0.0, timeout) * 1000):
            return b""
        return self._receive(descriptor)

    def _receive(self, descriptor: int) -> bytes:
        try:
            come = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._gone(error) from None
        if not come:
            raise self._gone(OSError(errno.EIO, "hung up"))
        return come

    def _gone(self, error: OSError) -> DeviceError:
        self._end = DeviceError(
            f"{self.name} is gone: {error.strerror}", hint="unplugged, or what served it has ended: bring it back, and open it again"
        )
        return self._end

    def _need_open(self) -> int:
        if self._end is not None:
            raise DeviceError(self._end.message, hint=self._end.hint)
        if self._descriptor is None:
            raise DeviceError(f"{self.name} is closed")
        return self._descriptor

    def fileno(self) -> int | None:
        """The port's."""
        return self._descriptor

    def close(self) -> None:
        """Gives the port back."""
        self._descriptor = None
        with contextlib.suppress(OSError):  # unplugged
            self._port.close()


def _open(device: str, baud: int, name: str) -> Any:
    import termios

    import serial

    try:
        return serial.Serial(device, baud, bytesize=8, parity="N", stopbits=1, timeout=0, exclusive=True)
    except ValueError as error:
        raise UserError(f"{name}: {baud} baud is not to be had there", found=str(error), hint="?baud=N chooses another rate") from None
    except (OSError, termios.error) as error:
        number = error.args[0] if error.args and isinstance(error.args[0], int) else getattr(error, "errno", None)
        # pyserial tells of a node that is no terminal in words alone
        number = errno.ENOTTY if number is None and "ioctl" in str(error) else number
        why = os.strerror(number) if number is not None else str(error)
        if number == errno.EAGAIN:
            why = "locked by another program"
        raise DeviceError(f"{name} can't be opened: {why}", hint=_HINTS.get(number or 0)) from None


def open_serial(parsed: ParsedUrl) -> SerialTransport:
    """``serial:///dev/ttyUSB0?baud=3000000``."""
    for option in parsed.options:
        if option != "baud":
            raise UserError(f"unknown option {option!r} of serial://", expected="baud")
    text = parsed.options.get("baud", str(BAUD))
    if not text.isdecimal() or not 0 < int(text) <= 100_000_000:
        raise UserError(f"option 'baud' is a number of bits a second, not {text!r}")
    if not parsed.file.startswith("/"):
        raise UserError(
            f"{parsed.text} names no serial port", expected="serial:///dev/ttyUSB0", hint="with three slashes: the path begins with one"
        )
    return SerialTransport(parsed.file, baud=int(text), name=parsed.text)
