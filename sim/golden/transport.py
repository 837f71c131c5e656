# SPDX-License-Identifier: BSD-2-Clause
"""``model://``: the golden model behind the host's transport, in process, no compiler.

host ── write ──► GoldenDevice ──► read ──► host
"""

from macropix.gateware.config import Config
from macropix.host.errors import DeviceError
from macropix.host.transport.base import Transport
from macropix.host.transport.url import ParsedUrl, config_from
from macropix.sim.golden.device import GIVE_UP, GoldenDevice

__all__ = ["ModelTransport", "open_model"]


class ModelTransport(Transport):
    """A `GoldenDevice` as a byte stream. The same calls give the same bytes.

    Parameters
    ----------
    config : Config
        Sizes of the device.
    name : str
        The URL.
    """

    in_flight = 8
    live = False

    def __init__(self, config: Config, *, name: str = "model://"):
        super().__init__(name, config=config)
        self._device: GoldenDevice | None = GoldenDevice(config)

    @property
    def device(self) -> GoldenDevice:
        """What is behind it. Raises DeviceError once closed."""
        if self._device is None:
            raise DeviceError(f"{self.name} is closed")
        return self._device

    def write(self, data: bytes) -> None:
        """Bytes for the device; commands are executed as they become whole."""
        self.device.feed(data)

    def read(self, timeout: float) -> bytes:
        """What the device has to say, at once. At rest: ``b""``, and 2^16 clocks pass, so that half a command is given up; none with a
        `timeout` of 0.
        """
        data = self.device.take()
        if data or timeout <= 0:
            return data
        self.device.idle(GIVE_UP)
        return self.device.take()

    def close(self) -> None:
        """Forget the device."""
        self._device = None


def open_model(url: ParsedUrl) -> ModelTransport:
    """The transport behind ``model://`` with the configuration of the URL's options."""
    return ModelTransport(config_from(url.options), name=url.text)
