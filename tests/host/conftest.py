# SPDX-License-Identifier: BSD-2-Clause
"""A device in process whose bytes a test may damage, either way."""

import contextlib
import threading
from collections.abc import Callable

import pytest

from macropix.gateware.config import Config
from macropix.host.device import Device
from macropix.host.errors import DeviceError
from macropix.host.serve.server import Server
from macropix.host.serve.terminal import Terminal
from macropix.host.transport.base import Transport
from macropix.sim.golden.device import GIVE_UP, GoldenDevice


class Damaged(Transport):
    """The golden device behind a bad link. `down` and `up` change, or swallow, what one `write` or `read` carries."""

    def __init__(self, config: Config | None = None, in_flight: int = 1):
        super().__init__("model://damaged", config=config or Config(rows=12, cols=12))
        self.in_flight = in_flight
        self.device = GoldenDevice(self.config)
        self.down: Callable[[bytes], bytes] = lambda data: data
        self.up: Callable[[bytes], bytes] = lambda data: data
        self.written: list[bytes] = []
        self.closed = 0
        self.gone = False
        self.endless = b""

    def write(self, data: bytes) -> None:
        if self.gone or self.closed:
            raise DeviceError("gone")
        self.written.append(data)
        self.device.feed(self.down(data))

    def read(self, timeout: float) -> bytes:
        if self.gone or self.closed:
            raise DeviceError("gone")
        for _ in range(3):
            data = self.up(self.device.take())
            if data:
                return data
            self.device.idle(GIVE_UP)
        return self.endless

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def damaged() -> type[Damaged]:
    """The class, to make one's own."""
    return Damaged


@pytest.fixture
def transport() -> Damaged:
    """12 × 12 pixels, not open yet."""
    return Damaged()


@pytest.fixture
def device(transport):
    """The same, claimed."""
    with Device(transport, timeout=2, seed=1) as made:
        yield made


class Serving:
    """A server or a terminal in a thread of its own, and what it has told."""

    def __init__(self, server, events: list[dict]):
        self.server, self.events = server, events
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.server.run()
        except DeviceError as error:
            self.error = error

    @property
    def url(self) -> str:
        return self.server.url

    def told(self, name: str) -> list[dict]:
        return [event for event in self.events if event["name"] == name]

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self.server.stop()
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture
def serve():
    """Serves what a function opens: ``serve(opener, pty=False, **options)``; stopped behind the test."""
    running: list[Serving] = []

    def start(opener: Callable[[], Transport], *, pty: bool = False, **options) -> Serving:
        events: list[dict] = []

        def event(name: str, **facts) -> None:
            events.append({"name": name, **facts})

        made = Terminal(opener, event=event) if pty else Server(opener, event=event, **options)
        running.append(Serving(made, events))
        return running[-1]

    yield start
    for one in running:
        one.stop()
