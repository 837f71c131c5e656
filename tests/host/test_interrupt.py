# SPDX-License-Identifier: BSD-2-Clause
"""An interruption waits for its moment, and is never lost."""

import os
import signal
import threading

import pytest

from macropix.host import interrupt as interrupt_module
from macropix.host.interrupt import DeferredInterrupt


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def waits(steps: list[str]) -> None:
    with DeferredInterrupt() as deferred:
        interrupt()
        steps.append("went on")
        deferred.check()
        steps.append("not reached")


def test_it_waits_for_the_check():
    steps: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        waits(steps)
    assert steps == ["went on"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def never_checks(steps: list[str]) -> None:
    with DeferredInterrupt():
        interrupt()
        steps.append("to the end")
    steps.append("not reached")


def test_it_is_raised_at_the_end_if_nobody_checks():
    steps: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        never_checks(steps)
    assert steps == ["to the end"]


def twice() -> None:
    with DeferredInterrupt():
        interrupt()
        interrupt()
        pytest.fail("not reached")


def test_a_second_one_is_not_kept_waiting(monkeypatch):
    monkeypatch.setattr(interrupt_module, "BOUNCE", 0.0)
    with pytest.raises(KeyboardInterrupt):
        twice()


def test_a_key_pressed_twice_is_one():
    steps: list[str] = []
    with pytest.raises(KeyboardInterrupt), DeferredInterrupt() as deferred:
        interrupt()
        interrupt()
        try:
            deferred.check()
        finally:
            interrupt()
            steps.append("closed in peace")
    assert steps == ["closed in peace"]


def fails() -> None:
    with DeferredInterrupt():
        interrupt()
        raise ZeroDivisionError


def test_an_error_of_the_block_goes_first():
    with pytest.raises(ZeroDivisionError):
        fails()
    with pytest.raises(KeyboardInterrupt):  # the handler of before is back
        interrupt()


def test_other_threads_and_other_handlers_are_left_alone():
    def worker() -> None:
        with DeferredInterrupt() as deferred:
            deferred.check()

    thread = threading.Thread(target=worker)
    thread.start()
    thread.join()
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append(1))
    try:
        with DeferredInterrupt():
            interrupt()
        assert seen == [1]
    finally:
        signal.signal(signal.SIGINT, before)
