# SPDX-License-Identifier: BSD-2-Clause
"""A device as a pseudo-terminal: programs that know only serial ports open it like one.

program ── open, read, write ──► /dev/pts/N ◄──► master ◄──► Backend ◄──► device
"""

import contextlib
import errno
import math
import os
import pty
import select
import stat
import tty
from collections.abc import Callable

from macropix.host.errors import MacropixError
from macropix.host.serve.backend import Backend
from macropix.host.serve.peer import OUTBOX
from macropix.host.serve.wake import Wake
from macropix.host.transport.base import Transport

__all__ = ["Terminal"]

#: seconds between two looks whether somebody has opened it: nothing else tells
LOOK = 0.05
#: bytes taken at once
CHUNK = 1 << 16


class Terminal:
    """Serves what `opener` opens as a pseudo-terminal, in raw mode, to whoever runs as the same user.

    Parameters
    ----------
    opener : callable
        Opens the transport; called at once.
    event : callable, optional
        Told what happens: ``event(name, **facts)``.

    Raises
    ------
    DeviceError
        If the device doesn't open.
    """

    def __init__(self, opener: Callable[[], Transport], *, event: Callable[..., None] | None = None):
        self._event = event or (lambda _name, **_facts: None)
        self._backend = Backend(opener)
        self._wake = Wake()
        self._outbox = bytearray()
        self._open = False
        self._master, slave = pty.openpty()
        try:
            tty.setraw(slave)
            os.fchmod(slave, stat.S_IRUSR | stat.S_IWUSR)
            self.path = os.ttyname(slave)
            os.set_blocking(self._master, False)
            self._backend.open()
        except BaseException:
            os.close(self._master)
            self._wake.close()
            raise
        finally:
            os.close(slave)  # from here on, the master tells whether somebody has it open

    @property
    def url(self) -> str:
        """By which a client on this machine opens it."""
        return f"serial://{self.path}"

    def stop(self) -> None:
        """Ends `run`; from any thread."""
        self._wake.stop()

    def signals(self) -> contextlib.AbstractContextManager[None]:
        """While the block runs, Ctrl-C and what else ends a program is a `stop`."""
        return self._wake.signals()

    def run(self) -> int:
        """Serves until `stop`, or a signal, whose number it gives (0: none). Closes everything; a client finds the terminal hung up.

        Raises DeviceError if the device is gone: a terminal can't say so.
        """
        try:
            while not self._wake.stopped:
                self._turn()
        except MacropixError as error:
            self._event("device_lost", message=str(error))
            raise
        finally:
            os.close(self._master)
            self._wake.close()
            self._backend.close()
        return self._wake.number

    def _turn(self) -> None:
        if not self._look():
            self._backend.discard()
            self._poll([(self._wake.fileno(), select.POLLIN)], LOOK)
            return
        moved = False
        if len(self._outbox) < OUTBOX and (data := self._backend.take()):
            self._outbox += data
            moved = True
        self._flush()
        ready = self._poll(self._wanted(), 0.0 if moved and len(self._outbox) < OUTBOX else self._time_left())
        if ready.get(self._master, 0) & select.POLLIN and (data := self._receive()):
            self._backend.write(data)

    def _look(self) -> bool:
        """Whether somebody has the terminal open, or has left something in it."""
        events = self._poll([(self._master, select.POLLIN)], 0.0).get(self._master, 0)
        now = not events & select.POLLHUP or bool(events & select.POLLIN)
        if now != self._open:
            self._open = now
            self._event("connected" if now else "disconnected", peer=self.path)
            if not now:
                self._outbox.clear()
        return now

    def _wanted(self) -> list[tuple[int, int]]:
        full = len(self._outbox) >= OUTBOX
        wanted = [(self._wake.fileno(), select.POLLIN)]
        wanted.append((self._master, (0 if full else select.POLLIN) | (select.POLLOUT if self._outbox else 0)))
        if not full and (descriptor := self._backend.fileno()) is not None:
            wanted.append((descriptor, select.POLLIN))
        return wanted

    def _time_left(self) -> float | None:
        return None if len(self._outbox) >= OUTBOX else self._backend.wait

    @staticmethod
    def _poll(wanted: list[tuple[int, int]], timeout: float | None) -> dict[int, int]:
        poll = select.poll()
        for descriptor, events in wanted:
            poll.register(descriptor, events)
        return dict(poll.poll(None if timeout is None else math.ceil(1000 * timeout)))

    def _flush(self) -> None:
        while self._outbox:
            try:
                with memoryview(self._outbox) as view:
                    sent = os.write(self._master, view[:CHUNK])
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                sent = len(self._outbox)  # nobody has it open any more
            del self._outbox[:sent]

    def _receive(self) -> bytes:
        try:
            return os.read(self._master, CHUNK)
        except BlockingIOError:
            return b""
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return b""
