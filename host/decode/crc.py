# SPDX-License-Identifier: BSD-2-Clause
"""The protocol's two CRCs, for compiled code: a header's in 18 look-ups that don't wait for each other, a packet's 16 bytes at a time.

bytes ──► table of each place ── xor ──► CRC        (a CRC is linear: the bytes' contributions add up)

The tables are computed from `wire`'s polynomials when this is imported.
"""

import numpy as np

from macropix.gateware.wire import CRC16, CRC32, HEADER_BYTES
from macropix.host.decode.bits import entered, get, inlined, word_at

__all__ = ["CRC16_BYTES", "CRC16_NONE", "CRC16_TABLE", "CRC32_TABLE", "crc16", "crc32"]

#: bytes that a header's CRC covers
CRC16_BYTES = HEADER_BYTES - 2
_WIDE = 16
_U = np.uint64


def _crc32_table() -> np.ndarray:
    """[place · 256 + byte]: what `byte` leaves behind when `place` zero bytes follow it."""
    polynomial = int(f"{CRC32.polynomial:032b}"[::-1], 2)  # reflected: bits come least significant first
    first = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        first = (first >> 1) ^ np.where(first & 1, np.uint32(polynomial), np.uint32(0)).astype(np.uint32)
    tables = [first]
    for _ in range(_WIDE - 1):
        tables.append((tables[-1] >> 8) ^ first[tables[-1] & 0xFF])
    return np.concatenate(tables)


def _crc16_table() -> tuple[np.ndarray, int]:
    """[byte's place in the header · 256 + byte], of a start from 0; and what the start value leaves behind."""
    first = np.arange(256, dtype=np.int64) << 8
    for _ in range(8):
        first = ((first << 1) ^ np.where(first & 0x8000, CRC16.polynomial, 0)) & 0xFFFF
    tables = [first]
    for _ in range(CRC16_BYTES - 1):
        tables.append(((tables[-1] << 8) & 0xFFFF) ^ first[tables[-1] >> 8])
    start = CRC16.initial_crc
    for _ in range(CRC16_BYTES):
        start = ((start << 8) & 0xFFFF) ^ int(first[start >> 8])
    return np.concatenate(tables[::-1]).astype(np.uint16), start


CRC32_TABLE = _crc32_table()
CRC16_TABLE, CRC16_NONE = _crc16_table()


@inlined
def crc16(table, buffer, at):
    """CRC-16 of the header's bytes from `at` on."""
    crc = np.int64(CRC16_NONE)
    for place in range(CRC16_BYTES):
        crc ^= get(table, place * 256 + get(buffer, at + place))
    return crc


@inlined
def _eight(table, word, place):
    """What eight bytes leave behind, the last of which `place` bytes follow."""
    crc = get(table, place * 256 + np.int64(word >> _U(56)))
    for byte in range(7):
        crc ^= get(table, (place + 7 - byte) * 256 + np.int64((word >> _U(8 * byte)) & _U(0xFF)))
    return crc


@entered
def crc32(table, buffer, at, end):
    """CRC-32 of bytes `at` … `end` − 1."""
    crc = np.int64(0xFFFFFFFF)
    while at + 16 <= end:
        crc = _eight(table, word_at(buffer, at) ^ _U(crc), 8) ^ _eight(table, word_at(buffer, at + 8), 0)
        at += 16
    while at < end:
        crc = (crc >> 8) ^ get(table, (crc ^ get(buffer, at)) & 0xFF)
        at += 1
    return crc ^ 0xFFFFFFFF
