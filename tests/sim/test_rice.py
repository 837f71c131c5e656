# SPDX-License-Identifier: BSD-2-Clause
"""Rice codes by hand, and the compiled twin against the plain one."""

import numpy as np
import pytest

from macropix.gateware.wire import DELTA, GAP, VALUE
from macropix.sim.golden.encode import bits, rice


def written(pairs) -> list[str]:
    """Codes as text, first bit on the lane first."""
    return [f"{code:0{length}b}"[::-1] if length else "" for code, length in pairs]


def test_gap_by_hand():
    # a = 32: (16 + 4) >> 3 = 2, k = 2. 0 → 0 ones, zero, 00. a = 32 + 0 − 4 = 28: (14 + 3) >> 3 = 2, k = 2.
    # 5 = 1·4 + 1 → 1, 0, low bits 01 (least significant first: 1, 0). a = 28 + 5 − 3 = 30: (15 + 3) >> 3 = 2, k = 2.
    # 1023 >> 2 = 255 ≥ 12 → twelve ones, 1023 in 10 bits. a = 30 + 1023 − 3 = 1050: (525 + 131) >> 3 = 82, k = 7.
    # 200 = 1·128 + 72 → 1, 0, 72 in 7 bits (0001001 least significant first).
    assert written(rice.code(GAP, [0, 5, 1023, 200])) == ["000", "1010", "1" * 22, "10" + "0001001"]


def test_value_by_hand():
    # a = 64: (32 + 8) >> 3 = 5, k = 3. 7 → 0, 111. a = 64 + 7 − 8 = 63: (31 + 7) >> 3 = 4, k = 3.
    # 96 >> 3 = 12 → escape: twelve ones, 96 in 12 bits. a = 63 + 96 − 7 = 152: (76 + 19) >> 3 = 11, k = 4.
    # 191 >> 4 = 11 → eleven ones, a zero, 15 in 4 bits.
    assert written(rice.code(VALUE, [7, 96, 191])) == ["0111", "1" * 12 + "000001100000", "1" * 11 + "0" + "1111"]


def test_k_falls_to_zero():
    pairs = rice.code(GAP, [0] * 60)
    assert pairs[-1] == (0, 1)
    assert [length for _, length in pairs] == sorted((length for _, length in pairs), reverse=True)


@pytest.mark.parametrize("code", [GAP, VALUE, DELTA])
def test_the_escape_is_the_longest_and_the_state_stays_in_its_bits(code):
    rng = np.random.default_rng(1)
    for values in ([(1 << code.raw_bits) - 1] * 200, rng.integers(0, 1 << code.raw_bits, 2000).tolist()):
        assert max(length for _, length in rice.code(code, values)) <= code.max_bits
    a = code.start
    for _ in range(500):
        a += (1 << code.raw_bits) - 1 - (a >> 3)
        assert a < 1 << code.state_bits


@pytest.mark.parametrize("code", [GAP, VALUE, DELTA])
@pytest.mark.parametrize("scale", [1, 4, 30, 300])
def test_compiled_is_plain(code, scale):
    rng = np.random.default_rng(scale)
    values = np.minimum(rng.exponential(scale, 1024).astype(np.int64), (1 << code.raw_bits) - 1)
    values[rng.integers(0, 1024, 20)] = (1 << code.raw_bits) - 1
    words, lengths = rice.codes(code, values)
    assert list(zip(words.tolist(), lengths.tolist(), strict=True)) == rice.code(code, values)
    assert bits.pack(words, lengths) == bits.join(rice.code(code, values))


def test_bits_leave_least_significant_first():
    assert bits.join([(1, 1), (0b10, 2), (0x1FF, 9)]) == bytes([0b11111101, 0b1111])
    assert bits.join([]) == b""
    assert bits.pack(np.zeros(0, np.int64), np.zeros(0, np.int64)) == b""


def test_values_beyond_the_code_are_refused():
    with pytest.raises(ValueError, match="from 0 to 1023, not 1024"):
        rice.code(GAP, [1024])
