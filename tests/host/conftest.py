# SPDX-License-Identifier: BSD-2-Clause
"""A device in process whose bytes a test may damage, either way."""

from collections.abc import Callable

import pytest

from macropix.gateware.config import Config
from macropix.host.device import Device
from macropix.host.errors import DeviceError
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
