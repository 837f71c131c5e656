# SPDX-License-Identifier: BSD-2-Clause
"""Codes laid one behind the other.

(code, length) … ──► bytes, bit 0 of byte 0 first, the last byte filled with zeros
"""

from collections.abc import Iterable

import numba
import numpy as np

__all__ = ["join", "pack"]


def join(codes: Iterable[tuple[int, int]]) -> bytes:
    """The bytes of (code, length) pairs: plain to read."""
    word = at = 0
    for code, length in codes:
        word |= code << at
        at += length
    return word.to_bytes((at + 7) // 8, "little")


@numba.njit(cache=True)
def _pack(codes, lengths, out):  # pragma: no cover (compiled)
    word = 0
    held = 0
    at = 0
    for i in range(codes.size):
        word |= codes[i] << held
        held += lengths[i]
        while held >= 8:
            out[at] = word & 0xFF
            word >>= 8
            held -= 8
            at += 1
    if held:
        out[at] = word & 0xFF


def pack(codes: np.ndarray, lengths: np.ndarray) -> bytes:
    """`join`, compiled. A code has at most 48 bits and no bits beyond its length."""
    out = np.zeros((int(lengths.sum()) + 7) // 8, np.uint8)
    _pack(np.ascontiguousarray(codes, np.int64), np.ascontiguousarray(lengths, np.int64), out)
    return out.tobytes()
