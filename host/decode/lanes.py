# SPDX-License-Identifier: BSD-2-Clause
"""One pixel of one lane, in plain words: what `wide` does for sixteen, and what it leaves: escapes, and the ends of slices.

    state of a lane ─► gap? ─► value ─► pixel put down, state stepped          gap up to the end, or all values there: the slice has ended

Nothing is refused underway: marks are kept, and `payloads` holds them, and where the codes ended, against the header.
"""

import numpy as np

from macropix.gateware.wire import DELTA, GAP, TAP_BITS, VALUE, Rice, Tap, Values
from macropix.host.decode.bits import called, get, peek, put, trailing_zeros
from macropix.host.decode.wide import ACC, AT, BAD, BASE, BEFORE, BIT, COUNT, GAPS, NEGATIVE, PIXELS, SIGN, VALUES, T

__all__ = ["fill", "one"]

_PACKED, _RICE, _DELTA = (int(kind.value) for kind in Values)
_BITS = TAP_BITS[Tap.OUT]
_GAP_START, _VALUE_START, _DELTA_START = GAP.start, VALUE.start, DELTA.start
_GAP_RAW, _VALUE_RAW, _DELTA_RAW = GAP.raw_bits, VALUE.raw_bits, DELTA.raw_bits
_LIMIT = Rice.LIMIT
#: a of a payload that no encoder writes, so that it cannot grow without end
_MOST = (1 << 24) - 1
_U = np.uint64


@called
def fill(state, lane, bit, pixels, base, kind):
    """A slice, or a list of places, of `pixels` into a lane."""
    state[BIT, lane], state[PIXELS, lane], state[BASE, lane] = bit, pixels, base
    state[AT, lane] = state[BEFORE, lane] = state[COUNT, lane] = state[ACC, lane] = state[BAD, lane] = 0
    state[GAPS, lane] = _GAP_START
    state[VALUES, lane] = _DELTA_START if kind == _DELTA else _VALUE_START
    state[T, lane] = state[SIGN, lane] = state[NEGATIVE, lane] = 0


@called
def _code(bits, a, raw_bits):
    """(value, bits taken, mark of a needless escape) of a Rice code."""
    mean, k = ((a >> 1) + (a >> 3)) >> 3, 0
    while mean:
        k += 1
        mean >>= 1
    ones = trailing_zeros(~bits)
    if ones >= _LIMIT:
        value = np.int64((bits >> _U(_LIMIT)) & _U((1 << raw_bits) - 1))
        return value, np.int64(_LIMIT + raw_bits), np.int64(value >> k < _LIMIT)
    low = np.int64((bits >> _U(ones + 1)) & ((_U(1) << _U(k)) - _U(1)))
    return (ones << k) + low, ones + 1 + k, np.int64(0)


@called
def one(state, lane, buffer, places, out, index, dense, kind, runs):
    """The next pixel of a lane; False if there is none: its slice has ended, and BIT stands behind the last code."""
    bit, at, count, base = np.int64(state[BIT, lane]), np.int64(state[AT, lane]), np.int64(state[COUNT, lane]), np.int64(state[BASE, lane])
    if runs:
        if at == state[PIXELS, lane]:  # the last pixel was sent: there is no gap behind it
            return False
        a = np.int64(state[GAPS, lane])
        gap, taken, mark = _code(peek(buffer, bit), a, _GAP_RAW)
        state[BAD, lane] |= mark
        state[GAPS, lane] = min(a + gap - (a >> 3), _MOST)
        at += gap
        bit += taken
        if at >= state[PIXELS, lane]:
            state[BIT, lane] = bit
            state[BAD, lane] |= at > state[PIXELS, lane]
            return False
    elif count == state[PIXELS, lane]:
        return False
    else:
        at = get(places[lane], count)
    bits = peek(buffer, bit)
    if kind == _PACKED:
        y = np.int64(bits & _U((1 << _BITS) - 1))
        y -= (y >> (_BITS - 1)) << _BITS
        bit += _BITS
    elif kind == _RICE:
        sign, threshold = _U(state[SIGN, lane]), np.int64(state[T, lane])
        negative = np.int64(bits & sign) ^ np.int64(state[NEGATIVE, lane])
        a = np.int64(state[VALUES, lane])
        value, taken, mark = _code(bits >> sign, a, _VALUE_RAW)
        y = value + threshold
        state[ACC, lane] |= (y - negative) >> 11 != 0
        y = (y ^ -negative) + negative
        bit += taken + np.int64(sign)
        state[BAD, lane] |= mark
        state[VALUES, lane] = min(a + value - (a >> 3), _MOST)
    else:
        a = np.int64(state[VALUES, lane])
        value, taken, mark = _code(bits, a, _DELTA_RAW)
        y = np.int64(state[BEFORE, lane]) + ((value >> 1) ^ -(value & 1))
        state[ACC, lane] |= (y + 2048) >> 12 != 0
        state[BEFORE, lane] = np.int64(np.int16(y))
        bit += taken
        state[BAD, lane] |= mark
        state[VALUES, lane] = min(a + value - (a >> 3), _MOST)
    if dense:
        put(out, base + at, y)
    else:
        put(out, base + count, y)
        put(index, base + count, at)
    state[BIT, lane], state[AT, lane], state[COUNT, lane] = bit, at + 1, count + 1
    return True
