# SPDX-License-Identifier: BSD-2-Clause
"""Ctrl-C at a moment of our choosing: a file in the making is never interrupted between two bytes.

SIGINT ──► remembered ──► `check` between two frames ──► KeyboardInterrupt         a second SIGINT is not kept waiting
"""

import signal
import threading
import types

__all__ = ["DeferredInterrupt"]


class DeferredInterrupt:
    """While the block runs, the first SIGINT waits for `check`, or for the end of the block.

    Outside the main thread, and where somebody else handles SIGINT, it does nothing.
    """

    def __init__(self):
        self.pending = False
        self._before: object = None

    def __enter__(self) -> "DeferredInterrupt":
        ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if ours:
            self._before = signal.signal(signal.SIGINT, self._remember)
        return self

    def _remember(self, number: int, frame: types.FrameType | None) -> None:
        if self.pending:
            signal.default_int_handler(number, frame)
        self.pending = True

    def check(self) -> None:
        """Raises KeyboardInterrupt if one is waiting."""
        if self.pending:
            self.pending = False
            raise KeyboardInterrupt

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: types.TracebackType | None) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._before = None
        if error is None:
            self.check()
