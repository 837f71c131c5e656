# SPDX-License-Identifier: BSD-2-Clause
"""The adaptive, bounded Rice code, twice: plain to read, compiled to use. A test holds them equal.

values ──► (code, length) each, least significant bit first
"""

from collections.abc import Iterable

import numba
import numpy as np

from macropix.gateware.wire import Rice

__all__ = ["code", "codes"]


def code(rice: Rice, values: Iterable[int]) -> list[tuple[int, int]]:
    """(code, its length in bits) of each value, from the start of a slice. Bit 0 of a code leaves first.

    Raises
    ------
    ValueError
        If a value doesn't fit into the code's raw bits.
    """
    a = rice.start
    out = []
    for v in map(int, values):
        if not 0 <= v < 1 << rice.raw_bits:
            raise ValueError(f"a value of this code is from 0 to {(1 << rice.raw_bits) - 1}, not {v}")
        k = (((a >> 1) + (a >> 3)) >> 3).bit_length()
        ones = v >> k
        if ones < rice.LIMIT:
            out.append((((1 << ones) - 1) | ((v & ((1 << k) - 1)) << (ones + 1)), ones + 1 + k))
        else:
            out.append((((1 << rice.LIMIT) - 1) | (v << rice.LIMIT), rice.max_bits))
        a += v - (a >> 3)
    return out


@numba.njit(cache=True)
def _codes(values, start, raw_bits, limit, out, lengths):  # pragma: no cover (compiled)
    a = start
    for i in range(values.size):
        v = values[i]
        mean = ((a >> 1) + (a >> 3)) >> 3
        k = 0
        while mean:
            k += 1
            mean >>= 1
        ones = v >> k
        if ones < limit:
            out[i] = ((1 << ones) - 1) | ((v & ((1 << k) - 1)) << (ones + 1))
            lengths[i] = ones + 1 + k
        else:
            out[i] = ((1 << limit) - 1) | (v << limit)
            lengths[i] = limit + raw_bits
        a += v - (a >> 3)


def codes(rice: Rice, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`code`, compiled: codes and lengths, int64 each. Values are taken to fit."""
    values = np.ascontiguousarray(values, np.int64)
    out, lengths = np.empty(values.size, np.int64), np.empty(values.size, np.int64)
    _codes(values, rice.start, rice.raw_bits, rice.LIMIT, out, lengths)
    return out, lengths
