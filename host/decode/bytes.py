# SPDX-License-Identifier: BSD-2-Clause
"""From chunks of bytes to whole packets: protocol.md, "Finding packets".

    bytes ─► find 0xA5 ─► header, CRC-16 ─► payload, CRC-32 ─► Packet
               ▲              │ wrong           │ wrong
               └── next byte ◄┴─────────────────┘

Pure over the bytes: no I/O, no clock; chunks may be cut anywhere, and what comes out doesn't depend on where.
"""

import binascii
import dataclasses
import zlib

from macropix.gateware.wire import CRC_BYTES, HEADER_BYTES, MAX_PAYLOAD, UP_SYNC, Header, Kind
from macropix.host.decode.layout import fields
from macropix.host.decode.statistics import PacketStatistics

__all__ = ["FIELDS", "MAX_PACKET", "Packet", "PacketDecoder"]

#: (name, shift, mask) of every field of the header, from its layout
FIELDS = fields(Header)
#: longest packet, bytes
MAX_PACKET = HEADER_BYTES + MAX_PAYLOAD + CRC_BYTES

_HEAD = HEADER_BYTES - 2
_SYNC = bytes([UP_SYNC])
_KINDS = frozenset(int(kind.value) for kind in Kind)
_SHIFT = {name: (shift, mask) for name, shift, mask in FIELDS}
_KIND_SHIFT, _KIND_MASK = _SHIFT["kind"]
_LENGTH_SHIFT, _LENGTH_MASK = _SHIFT["length"]
_PICKED = tuple((shift, mask) for name, shift, mask in FIELDS if name not in ("sync", "crc"))


@dataclasses.dataclass(slots=True)
class Packet:
    """A packet whose CRCs are right. Fields as in `wire.Header`, all plain integers; `offset` counts the stream's bytes before it."""

    kind: int
    first: int
    last: int
    positions: int
    values: int
    length: int
    saturated: int
    number: int
    epoch: int
    tag: int
    shot: int
    count: int
    kernel: int
    tap: int
    where: int
    payload: bytes
    offset: int

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return HEADER_BYTES + self.length + CRC_BYTES


assert tuple(field.name for field in dataclasses.fields(Packet))[:-2] == tuple(n for n, _, _ in FIELDS if n not in ("sync", "crc"))


class PacketDecoder:
    """Finds packets in a stream that comes in chunks. Holds at most one unfinished packet and the last chunk."""

    def __init__(self):
        self.statistics = PacketStatistics()
        self._buffer = b""
        self._base = 0  # bytes of the stream before the buffer

    def feed(self, chunk: bytes) -> list[Packet]:
        """The packets that `chunk` completes, in order."""
        self.statistics.bytes += len(chunk)
        self._buffer = self._buffer + chunk if self._buffer else bytes(chunk)
        return self._search(final=False)

    def finish(self) -> list[Packet]:
        """The stream has ended: packets still found behind an unfinished one. `statistics.end_missing` says whether one was."""
        return self._search(final=True)

    @property
    def waiting(self) -> int:
        """Bytes held back as the beginning of an unfinished packet."""
        return len(self._buffer)

    def _search(self, *, final: bool) -> list[Packet]:
        data, statistics, found = self._buffer, self.statistics, []
        size, at = len(data), 0
        while True:
            sync = data.find(_SYNC, at)
            statistics.skipped += (size if sync < 0 else sync) - at
            if sync < 0:
                at = size
                break
            at = sync
            if size - at < HEADER_BYTES:
                if not final:
                    break
                statistics.end_missing = True
            elif (head := self._header(data, at)) is None:
                statistics.bad_headers += 1
            else:
                end = at + HEADER_BYTES + ((head >> _LENGTH_SHIFT) & _LENGTH_MASK) + CRC_BYTES
                if end > size:
                    if not final:
                        break
                    statistics.end_missing = True
                    statistics.broken += 1
                elif zlib.crc32(data[at : end - CRC_BYTES]) == int.from_bytes(data[end - CRC_BYTES : end], "little"):
                    found.append(self._packet(head, data[at + HEADER_BYTES : end - CRC_BYTES], self._base + at))
                    at = end
                    continue
                else:
                    statistics.broken += 1
            statistics.skipped += 1
            at += 1
        self._buffer = data[at:]
        self._base += at
        return found

    @staticmethod
    def _header(data: bytes, at: int) -> int | None:
        """The header at `at` as one number, if it is one."""
        if binascii.crc_hqx(data[at : at + _HEAD], 0xFFFF) != data[at + _HEAD] | data[at + _HEAD + 1] << 8:
            return None
        word = int.from_bytes(data[at : at + HEADER_BYTES], "little")
        return word if ((word >> _KIND_SHIFT) & _KIND_MASK) in _KINDS else None

    def _packet(self, head: int, payload: bytes, offset: int) -> Packet:
        packet = Packet(*[(head >> shift) & mask for shift, mask in _PICKED], payload, offset)  # pyright: ignore[reportCallIssue]
        if packet.kind == Kind.DATA.value:
            self.statistics.data += 1
        elif packet.kind == Kind.STATUS.value:
            self.statistics.status += 1
        else:
            self.statistics.replies += 1
        return packet
