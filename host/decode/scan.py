# SPDX-License-Identifier: BSD-2-Clause
"""Finds packets, compiled: protocol.md, "Finding packets". The same search as `bytes.PacketDecoder`, which a test holds it to.

bytes ─► 0xA5? ─► CRC-16? ─► whole? ─► CRC-32? ─► a row of the table: offset, fields of the header
"""

import numpy as np

from macropix.gateware.wire import CRC_BYTES, HEADER_BYTES, UP_SYNC, Header, Kind
from macropix.host.decode.bits import entered, get, word_at
from macropix.host.decode.crc import CRC16_BYTES, crc16, crc32
from macropix.host.decode.layout import fields
from macropix.host.decode.statistics import PacketStatistics

__all__ = ["COLUMN", "COLUMNS", "STATISTICS", "scan", "statistics_of"]

_FIELDS = [(name, shift, mask) for name, shift, mask in fields(Header) if name not in ("sync", "crc")]
#: column of the table by name: where the packet begins, then every field of its header
COLUMN = {name: place for place, name in enumerate(["offset", *(name for name, _, _ in _FIELDS)])}
COLUMNS = len(COLUMN)
#: what `scan` counts, in this order
STATISTICS = ("data", "status", "replies", "skipped", "broken", "bad_headers", "end_missing")

_BYTE = np.array([shift >> 3 for _, shift, _ in _FIELDS], np.uint8)
_SHIFT = np.array([shift & 7 for _, shift, _ in _FIELDS], np.uint8)
_MASK = np.array([mask for _, _, mask in _FIELDS], np.uint32)
_KIND, _LENGTH = COLUMN["kind"], COLUMN["length"]
_KINDS = len(Kind)
_SKIPPED, _BROKEN, _BAD, _MISSING = (STATISTICS.index(name) for name in ("skipped", "broken", "bad_headers", "end_missing"))


@entered
def scan(crc16_table, crc32_table, buffer, at, size, final, table, rows, counts):
    """(where to go on, rows that are filled) of a search of bytes `at` … `size` − 1, as far as packets are whole and have rows.

    Parameters
    ----------
    crc16_table, crc32_table : arrays
        Of `crc`.
    buffer : uint8 array
        8 bytes at least behind `size`.
    final : bool
        Nothing comes behind these bytes: a packet without its end is broken.
    table : int64 array (any, COLUMNS)
    rows : int
        Rows that are filled already.
    counts : int64 array
        By `STATISTICS`; added to.
    """
    while rows < table.shape[0]:
        begin = at
        while at < size and buffer[at] != UP_SYNC:
            at += 1
        counts[_SKIPPED] += at - begin
        if at == size:
            break
        if size - at < HEADER_BYTES:
            if not final:
                break
            counts[_MISSING] = 1
        elif crc16(crc16_table, buffer, at) != get(buffer, at + CRC16_BYTES) | get(buffer, at + CRC16_BYTES + 1) << 8:
            counts[_BAD] += 1
        else:
            row = table[rows]
            row[0] = at
            for place in range(COLUMNS - 1):
                row[place + 1] = np.int64(word_at(buffer, at + _BYTE[place]) >> np.uint64(_SHIFT[place])) & np.int64(_MASK[place])
            end = at + HEADER_BYTES + row[_LENGTH] + CRC_BYTES
            if row[_KIND] >= _KINDS:
                counts[_BAD] += 1
            elif end > size:
                if not final:
                    break
                counts[_MISSING] = 1
                counts[_BROKEN] += 1
            elif crc32(crc32_table, buffer, at, end - CRC_BYTES) == np.int64(word_at(buffer, end - CRC_BYTES) & np.uint64(0xFFFFFFFF)):
                counts[row[_KIND]] += 1
                rows += 1
                at = end
                continue
            else:
                counts[_BROKEN] += 1
        counts[_SKIPPED] += 1
        at += 1
    return at, rows


def statistics_of(counts: np.ndarray, size: int) -> PacketStatistics:
    """What `scan` has counted, of a stream of `size` bytes so far."""
    told = dict(zip(STATISTICS, counts.tolist()))
    return PacketStatistics(bytes=size, **{**told, "end_missing": bool(told["end_missing"])})
