# SPDX-License-Identifier: BSD-2-Clause
"""Ctrl-C at a moment of our choosing: a file in the making is never interrupted between two bytes.

SIGINT, SIGTERM, SIGHUP ──► remembered ──► `check` between two frames ──► KeyboardInterrupt       a second, later, is not kept waiting
"""

import signal
import threading
import time
import types

__all__ = ["DeferredInterrupt"]

#: signals that end a run in order, and the handlers they have while nobody else wants them
_SIGNALS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}


#: seconds within which a second signal is one with the first: a key pressed twice
BOUNCE = 1.0


class DeferredInterrupt:
    """While the block runs, the first such signal waits for `check`, or for the end of the block; then a KeyboardInterrupt is raised, whose
    argument is the signal's number.

    Outside the main thread, and for signals that somebody else handles, it does nothing.
    """

    def __init__(self):
        self.pending = 0
        self._first = 0.0
        self._ours: list[signal.Signals] = []

    def __enter__(self) -> "DeferredInterrupt":
        if threading.current_thread() is threading.main_thread():
            self._ours = [number for number, usual in _SIGNALS.items() if signal.getsignal(number) is usual]
            for number in self._ours:
                signal.signal(number, self._remember)
        return self

    def _remember(self, number: int, frame: types.FrameType | None) -> None:
        if self._first > 0:
            if time.monotonic() - self._first > BOUNCE:
                signal.default_int_handler(number, frame)
            return
        self.pending, self._first = number, time.monotonic()

    def check(self) -> None:
        """Raises KeyboardInterrupt if one is waiting."""
        if self.pending:
            number, self.pending = self.pending, 0
            raise KeyboardInterrupt(number)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: types.TracebackType | None) -> None:
        for number in self._ours:
            signal.signal(number, _SIGNALS[number])
        self._ours = []
        if error is None:
            self.check()
