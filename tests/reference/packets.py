# SPDX-License-Identifier: BSD-2-Clause
"""Packets from the device: protocol.md, "Packets from the device". Written from the document alone, see `__init__`.

bytes ──► scan ──► packets, and what was broken
"""

import zlib
from binascii import crc_hqx
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

DATA, STATUS, REPLY = 0, 1, 2
ALL, RUNS, BITMAP, FLAGGED = range(4)
PACKED, RICE, DELTA = range(3)
OUT, SUM, DI, CDS, PGA, ADC = range(6)
OPS: Mapping[str, int] = {"WRITE": 1, "READ": 2, "CLAIM": 3, "STATUS": 4, "START": 5, "STOP": 6}
ERRORS = ("OK", "CORRUPT", "EPOCH", "OP", "ADDRESS", "READ_ONLY", "LENGTH", "BUSY")

HEADER = (
    ("sync", 8), ("kind", 2), ("first", 1), ("last", 1), ("positions", 2), ("values", 2), ("length", 12),
    ("saturated", 4), ("number", 16), ("epoch", 16), ("tag", 16), ("shot", 16), ("count", 10), ("kernel", 3),
    ("tap", 3), ("where", 32), ("crc", 16),
)  # fmt: skip


class ImpossibleError(ValueError):
    """A payload or packet that no device of this protocol makes."""


class Packet(NamedTuple):
    """A packet's header fields, its payload, and where its sync byte stood in the stream."""

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
    def pixels(self) -> int:
        return self.count + 1

    @property
    def start(self) -> int:
        """Index in the frame of the slice's first pixel."""
        return 0 if self.first else self.where

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return 24 + self.length


@dataclass
class Scan:
    """What a stream holds."""

    packets: list[Packet] = field(default_factory=list)
    broken: int = 0  # header right, CRC-32 wrong
    unfinished: int = 0  # header right, end of the stream inside the packet
    skipped: int = 0  # bytes that belong to no packet delivered


def crc16(data: bytes) -> int:
    """CRC-16/IBM-3740."""
    return crc_hqx(data, 0xFFFF)


def read_header(data: bytes, at: int) -> dict[str, int] | None:
    """The header's fields, or None if these 20 bytes are no header."""
    raw = data[at : at + 20]
    bits, fields = int.from_bytes(raw, "little"), {}
    for name, width in HEADER:
        fields[name] = bits & ((1 << width) - 1)
        bits >>= width
    good = fields.pop("sync") == 0xA5 and fields.pop("crc") == crc16(raw[:18]) and fields["kind"] != 3
    return fields if good else None


def scan(data: bytes) -> Scan:
    """Every whole packet of a finished stream, as the document's "Finding packets" says.

    At the end: fewer than 20 bytes behind an 0xA5 are taken for noise, not for an unfinished packet.
    """
    found, at = Scan(), 0
    while (at := data.find(b"\xa5", at)) >= 0 and at + 20 <= len(data):
        fields = read_header(data, at)
        if fields is not None:
            end = at + 20 + fields["length"] + 4
            if end > len(data):
                found.unfinished += 1
            elif zlib.crc32(data[at : end - 4]) != int.from_bytes(data[end - 4 : end], "little"):
                found.broken += 1
            else:
                found.packets.append(Packet(**fields, payload=data[at + 20 : end - 4], offset=at))
                at = end
                continue
        at += 1  # behind this 0xA5, not behind the packet's end
    found.skipped = len(data) - sum(p.size for p in found.packets)
    return found
