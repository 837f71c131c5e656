# SPDX-License-Identifier: BSD-2-Clause
"""What every backend is to the host: bytes out, bytes in.

host ── write(bytes) ──► device ── read(timeout) ──► host
"""

import abc
import types
from typing import Any

from macropix.gateware.config import Config

__all__ = ["Transport"]


class Transport(abc.ABC):
    """A byte stream to a device. Knows nothing of packets.

    Simulated backends let their clock run only inside `write` and `read`.

    Attributes
    ----------
    name : str
        What a person calls it: the URL.
    config : Config or None
        What the device was built from, where the backend built it itself.
    facts : dict
        What is worth telling beside the data, by snake_case name with unit: ``build_seconds``, ``cached`` …
    in_flight : int
        Window commands that may be unanswered at once; 1 where the way down has no buffer.
    live : bool
        The device goes on by itself. False: simulated, or recorded; it moves only inside `write` and `read`.
    """

    in_flight: int = 1
    live: bool = True

    def __init__(self, name: str, *, config: Config | None = None, facts: dict[str, Any] | None = None):
        self.name = name
        self.config = config
        self.facts: dict[str, Any] = {} if facts is None else facts

    @abc.abstractmethod
    def write(self, data: bytes) -> None:
        """Sends all of `data`. Raises DeviceError if the device is gone."""

    @abc.abstractmethod
    def read(self, timeout: float) -> bytes:
        """What has come, at least one byte, as soon as there is one; ``b""`` when none came within `timeout` seconds.

        ``b""`` earlier than that means: nothing can come any more until something is written (a simulated device at rest,
        the end of a recording). A host then stops waiting. With a `timeout` of 0 nothing is waited for, and a simulated device is not let
        rest for so long that it would give up half a command. Raises DeviceError if the device is gone.
        """

    def fileno(self) -> int | None:
        """A descriptor that turns readable when bytes have come; None if there is none."""
        return None

    @abc.abstractmethod
    def close(self) -> None:
        """Lets the device go. Any number of times."""

    def __enter__(self):
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: types.TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"
