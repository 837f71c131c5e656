# SPDX-License-Identifier: BSD-2-Clause
"""Commands and their replies: protocol.md, "Packets to the device". Written from the document alone, see `__init__`.

bytes to the device ──► commands, as a device finds them          reply packet ──► its fields
"""

import struct
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from .packets import ERRORS, OPS, REPLY, ImpossibleError, Packet, crc16


class Reply(NamedTuple):
    """A reply's fields, and the words of a READ."""

    sequence: int
    op: int
    error: int
    address: int
    words: int
    corrupt: int
    data: list[int]


class Command(NamedTuple):
    """A command as a device finds it."""

    op: int
    sequence: int
    epoch: int
    address: int
    words: int
    data: list[int]
    error: int  # of those that the bytes alone tell: 0, CORRUPT, OP, LENGTH
    offset: int
    bytes: int


def reply(p: Packet) -> Reply:
    """Payload of a reply."""
    if p.kind != REPLY or p.length < 10 or p.length % 2:
        raise ImpossibleError(f"a reply of {p.length} bytes")
    return Reply(*struct.unpack_from("<HBBHHH", p.payload), list(struct.unpack(f"<{p.length // 2 - 5}H", p.payload[10:])))


def build_command(op: int, sequence: int, epoch: int, address: int = 0, data: Sequence[int] = (), words: int | None = None) -> bytes:
    """A command; `words` is needed for READ alone."""
    count = len(data) if words is None else words
    head = struct.pack("<BBHHHH", 0xC3, op, sequence, epoch, address, count)
    out = head + struct.pack("<H", crc16(head)) + struct.pack(f"<{len(data)}H", *data)
    return out + struct.pack("<I", zlib.crc32(out))


def error_of(corrupt: bool, op: int, words: int) -> int:
    """The first of the errors that the bytes alone tell."""
    if corrupt:
        return ERRORS.index("CORRUPT")
    if op not in OPS.values():
        return ERRORS.index("OP")
    right = 1 <= words <= 256 if op in (OPS["WRITE"], OPS["READ"]) else words == 0
    return 0 if right else ERRORS.index("LENGTH")


def commands(data: bytes) -> tuple[list[Command], Counter[str]]:
    """Commands as a device finds them, and counts: `corrupt` ones, headers `refused`, an `unfinished` end."""
    found, counts, at = [], Counter(), 0
    while (at := data.find(b"\xc3", at)) >= 0:
        if at + 12 > len(data):
            counts["unfinished"] += 1
            break
        _, op, sequence, epoch, address, words, crc = struct.unpack_from("<BBHHHHH", data, at)
        if crc != crc16(data[at : at + 10]):
            counts["refused"] += 1
            at += 1
            continue
        body, end, corrupt = [], at + 12, False
        if words <= 256:  # a longer one is answered right behind its header
            end += (2 * words if op == OPS["WRITE"] else 0) + 4
            if end > len(data):
                counts["unfinished"] += 1
                break
            body = list(struct.unpack(f"<{(end - 4 - at - 12) // 2}H", data[at + 12 : end - 4]))
            corrupt = zlib.crc32(data[at : end - 4]) != int.from_bytes(data[end - 4 : end], "little")
            counts["corrupt"] += corrupt
        found.append(Command(op, sequence, epoch, address, words, body, error_of(corrupt, op, words), at, end - at))
        at = end
    return found, counts
