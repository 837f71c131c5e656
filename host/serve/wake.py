# SPDX-License-Identifier: BSD-2-Clause
"""How a server's loop is woken from outside: by another thread, or by a signal.

stop() ── a byte ──► socket pair ──► select ──► loop ends
"""

import contextlib
import signal
import socket
import threading
from collections.abc import Iterator

__all__ = ["Wake"]

#: what ends a server: Ctrl-C, an order from outside, the end of its terminal
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Wake:
    """A descriptor that turns readable at `stop`.

    Attributes
    ----------
    stopped : bool
    number : int
        The signal that did it; 0: none.
    """

    def __init__(self):
        self.stopped = False
        self.number = 0
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)

    def fileno(self) -> int:
        """To select on."""
        return self._near.fileno()

    def stop(self, number: int = 0) -> None:
        """From any thread, or a signal's handler."""
        self.stopped, self.number = True, self.number or number
        with contextlib.suppress(OSError):
            self._far.send(b".")

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """While the block runs, signals that end a program end the loop instead.

        One that is ignored (a shell does so to what it starts in the background) stays so. Of no effect outside the main thread.
        """
        before = {}
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    before[number] = signal.signal(number, lambda number, _: self.stop(number))
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def close(self) -> None:
        """Frees the descriptors."""
        self._near.close()
        self._far.close()
