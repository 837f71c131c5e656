# SPDX-License-Identifier: BSD-2-Clause
"""A recorded stream, and everything that is true about it: what faults are tried on.

bytes ── packets and where they lie      golden model ── what each frame must be
"""

import binascii
import dataclasses
import functools
import zlib
from collections.abc import Iterator, Sequence

import numpy as np

from macropix.gateware.wire import Kind
from macropix.host.decode.bytes import Packet
from macropix.host.geometry import Geometry
from macropix.host.settings import Settings

__all__ = ["Place", "Stream", "Truth", "places", "renumbered"]


@dataclasses.dataclass(frozen=True)
class Truth:
    """What one frame must be, by the golden model, and which slices it came in."""

    index: np.ndarray
    value: np.ndarray
    slices: int


@dataclasses.dataclass(frozen=True)
class Place:
    """One packet of the stream: where it lies, and whose it is. A decoder may begin before it if no frame is `open` there."""

    offset: int
    size: int
    epoch: int
    data: bool
    number: int
    open: bool

    @property
    def end(self) -> int:
        """First byte behind it."""
        return self.offset + self.size


@dataclasses.dataclass(frozen=True)
class Stream:
    """A recorded stream and everything that is true about it."""

    data: bytes
    geometry: Geometry
    epochs: tuple[int, ...]
    settings: tuple[Settings, ...]
    #: (epoch, time modulo 2^32, kernel) → truth
    truth: dict[tuple[int, int, int], Truth]
    packets: tuple[Place, ...]
    #: number of each epoch's first data slice: 0, unless `renumbered`
    first: int
    kinds: tuple[str, ...]

    @functools.cached_property
    def known(self) -> dict[tuple[int, int], Settings]:
        """The settings by tag and kernel, as a host knows them."""
        return {(settings.tag, settings.kernel): settings for settings in self.settings}

    @property
    def slices(self) -> int:
        """Data slices in it."""
        return sum(place.data for place in self.packets)


def renumbered(stream: Stream, first: int) -> Stream:
    """The same stream as if each claim had begun with slice `first`: so that the running number wraps in the middle of it."""
    data = bytearray(stream.data)
    for place in stream.packets:
        if place.data:
            packet = data[place.offset : place.end]
            packet[4:6] = ((place.number + first) % (1 << 16)).to_bytes(2, "little")
            packet[18:20] = binascii.crc_hqx(packet[:18], 0xFFFF).to_bytes(2, "little")
            packet[-4:] = zlib.crc32(packet[:-4]).to_bytes(4, "little")
            data[place.offset : place.end] = packet
    return dataclasses.replace(stream, data=bytes(data), first=first)


def places(packets: Sequence[Packet]) -> Iterator[Place]:
    """Where each packet of a whole stream lies."""
    unfinished = False
    for packet in packets:
        data = packet.kind == Kind.DATA.value
        yield Place(packet.offset, packet.size, packet.epoch, data, packet.number, unfinished)
        unfinished = not packet.last if data else unfinished
