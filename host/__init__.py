# SPDX-License-Identifier: BSD-2-Clause
"""What runs beside the detector: transports, decoders, the device, files and the command line.

`open` is where it begins; everything heavy is imported when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if __name__ != "macropix.host":
    raise ImportError(
        f"this package is macropix.host, but it was imported as {__name__!r}: "
        "install the project (pip install -e .) and import macropix.host"
    )

if TYPE_CHECKING:
    from macropix.host.capture import record
    from macropix.host.device import Device
    from macropix.host.store.hdf5 import CaptureFile

__all__ = ["CaptureFile", "open", "record", "version"]

_LAZY = {"CaptureFile": "macropix.host.store.hdf5", "record": "macropix.host.capture"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def open(url: str, *, timeout: float = 10.0, seed: int | None = None) -> "Device":
    """Opens and claims the device behind `url`; ``file://`` opens a recording, which has the reading half of a device.

    Parameters
    ----------
    url : str
        ``model://`` (golden model, in process), ``rtl://`` (the gateware, compiled), ``serial:///dev/ttyUSB0`` (a UART), ``tcp://host:port``
        (served by ``macropix serve-device``), ``file://run.h5`` (a recording) …
    timeout : float
        Seconds that any answer may take.
    seed : int or None
        Where the claim's nonce comes from; None: at random.

    Raises
    ------
    UserError
        For a URL that can't be used.
    DeviceError
        If the device doesn't answer, or speaks a newer protocol.
    """
    from macropix.host.transport.url import open_transport, parse

    if parse(url).scheme == "file":
        from macropix.host.recording import Recording

        return Recording(open_transport(url))  # pyright: ignore[reportReturnType, reportArgumentType]
    from macropix.host.device import Device

    return Device(open_transport(url), timeout=timeout, seed=seed)


def version() -> str:
    """Version of the installed package."""
    from importlib.metadata import version as installed

    return installed("macropix")
