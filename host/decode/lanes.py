# SPDX-License-Identifier: BSD-2-Clause
"""Two slices abreast: what one waits for, the other fills.

    payload 0 ─► code ─► state ─► next bit ─► …        A code's length says where the next begins: a chain of some 26 clocks a pixel.
    payload 1 ─► code ─► state ─► next bit ─► …        Two slices know nothing of each other, so their chains overlap.

Each function here takes two slices whose payload has the same form, decodes them pixel by pixel in turn until one ends, and then each
to its end. Nothing is refused underway: marks are kept, and `slices` holds them, and where the codes ended, against the header at the end.
"""

import numba
import numpy as np

from macropix.gateware.wire import DELTA, GAP, TAP_BITS, VALUE, Tap, Values
from macropix.host.decode.bits import get, peek, put, rice, start_of, step

__all__ = [
    "ACC",
    "AT",
    "BAD",
    "BASE",
    "BIT",
    "LANE",
    "PIXELS",
    "SENT",
    "SIGN",
    "THRESHOLD",
    "runs_delta",
    "runs_packed",
    "runs_rice",
    "values_delta",
    "values_rice",
]

#: fields of a lane: bit at which its codes begin, and end; its pixels, or with a list of places the sent ones; where its pixels go; T;
#: sign bits (0, 1) and the sign without one, as 2 · mask + default; sent pixels; marks
BIT, PIXELS, BASE, THRESHOLD, SIGN, AT, SENT, ACC, BAD, LANE = range(10)

_GAP, _VALUE, _DELTA = start_of(GAP), start_of(VALUE), start_of(DELTA)
_GAP_RAW, _VALUE_RAW, _DELTA_RAW = GAP.raw_bits, VALUE.raw_bits, DELTA.raw_bits
_PACKED_KIND, _RICE_KIND, _DELTA_KIND = (int(one.value) for one in Values)
_BITS = TAP_BITS[Tap.OUT]
_U = np.uint64


@numba.njit(inline="always", _nrt=False)
def _signed(bits, state, sign, threshold):
    """A value of RICE: (y, state's value, bits taken, mark of a value out of range or of −0, mark of a needless escape)."""
    mask = _U(sign >> 1)
    negative = np.int64(bits & mask) ^ (sign & 1)
    value, taken, bad = rice(bits >> mask, state, _VALUE_RAW)
    size = value + threshold
    return (size ^ -negative) + negative, value, taken + np.int64(mask), (size - negative) >> 11, bad


@numba.njit(inline="always", _nrt=False)
def _difference(bits, state, before):
    """A value of DELTA: (y, state's value, bits taken, mark of a value out of range, mark of a needless escape)."""
    value, taken, bad = rice(bits, state, _DELTA_RAW)
    y = before + ((value >> 1) ^ -(value & 1))
    return y, value, taken, (y + 2048) >> 12, bad


@numba.njit(inline="always", _nrt=False)
def _plain(bits):
    """A value of PACKED at tap OUT, in the same form."""
    y = np.int64(bits & _U((1 << _BITS) - 1))
    return y - ((y >> (_BITS - 1)) << _BITS), np.int64(0), np.int64(_BITS), np.int64(0), np.int64(0)


def _runs(kind):
    """RUNS: a gap, a value, a gap, a value …, the values coded as `kind` says."""

    @numba.njit(_nrt=False)
    def alone(states, buffer, lane, out, index, dense, bit, at, gaps, values, before, count, acc, bad):
        pixels, base, threshold, sign = lane[PIXELS], lane[BASE], lane[THRESHOLD], lane[SIGN]
        while True:
            bits = peek(buffer, bit)
            gap, taken, mark = rice(bits, gaps, _GAP_RAW)
            if at + gap >= pixels:
                break
            bad |= mark
            gaps = step(states, gaps, gap)
            bit += taken
            bits >>= _U(taken)
            if kind == _DELTA_KIND:
                before, value, taken, beyond, mark = _difference(bits, values, before)
                y = before
            elif kind == _PACKED_KIND:
                y, value, taken, beyond, mark = _plain(bits)
            else:
                y, value, taken, beyond, mark = _signed(bits, values, sign, threshold)
            bad |= mark
            acc |= beyond
            if kind != _PACKED_KIND:
                values = step(states, values, value)
            bit += taken
            at += gap
            if dense:
                put(out, base + at, y)
            else:
                put(out, base + count, y)
                put(index, base + count, at)
            at += 1
            count += 1
        if at != pixels:  # the gap to the end; behind a last pixel that is sent there is none
            bit += taken
            bad |= mark | np.int64(at + gap != pixels)
        lane[AT], lane[SENT], lane[ACC], lane[BAD] = bit, count, acc, bad

    @numba.njit(_nrt=False)
    def pair(states, buffer, lanes, out, index, dense):
        first, second = lanes[0], lanes[1]
        bit0, pixels0, base0, t0, sign0 = first[BIT], first[PIXELS], first[BASE], first[THRESHOLD], first[SIGN]
        bit1, pixels1, base1, t1, sign1 = second[BIT], second[PIXELS], second[BASE], second[THRESHOLD], second[SIGN]
        at0 = at1 = count = before0 = before1 = acc0 = acc1 = bad0 = bad1 = np.int64(0)
        gaps0 = gaps1 = np.int64(_GAP)
        values0 = values1 = np.int64(_DELTA if kind == _DELTA_KIND else _VALUE)
        while True:
            bits0, bits1 = peek(buffer, bit0), peek(buffer, bit1)
            gap0, taken0, mark0 = rice(bits0, gaps0, _GAP_RAW)
            gap1, taken1, mark1 = rice(bits1, gaps1, _GAP_RAW)
            if at0 + gap0 >= pixels0 or at1 + gap1 >= pixels1:
                break
            bad0 |= mark0
            bad1 |= mark1
            gaps0, gaps1 = step(states, gaps0, gap0), step(states, gaps1, gap1)
            bit0 += taken0
            bit1 += taken1
            at0 += gap0
            at1 += gap1
            bits0 >>= _U(taken0)
            bits1 >>= _U(taken1)
            if kind == _DELTA_KIND:
                before0, value0, taken0, beyond0, mark0 = _difference(bits0, values0, before0)
                before1, value1, taken1, beyond1, mark1 = _difference(bits1, values1, before1)
                y0, y1 = before0, before1
            elif kind == _PACKED_KIND:
                y0, value0, taken0, beyond0, mark0 = _plain(bits0)
                y1, value1, taken1, beyond1, mark1 = _plain(bits1)
            else:
                y0, value0, taken0, beyond0, mark0 = _signed(bits0, values0, sign0, t0)
                y1, value1, taken1, beyond1, mark1 = _signed(bits1, values1, sign1, t1)
            bad0 |= mark0
            bad1 |= mark1
            acc0 |= beyond0
            acc1 |= beyond1
            if kind != _PACKED_KIND:
                values0, values1 = step(states, values0, value0), step(states, values1, value1)
            bit0 += taken0
            bit1 += taken1
            if dense:
                put(out, base0 + at0, y0)
                put(out, base1 + at1, y1)
            else:
                put(out, base0 + count, y0)
                put(out, base1 + count, y1)
                put(index, base0 + count, at0)
                put(index, base1 + count, at1)
            at0 += 1
            at1 += 1
            count += 1
        alone(states, buffer, first, out, index, dense, bit0, at0, gaps0, values0, before0, count, acc0, bad0)
        alone(states, buffer, second, out, index, dense, bit1, at1, gaps1, values1, before1, count, acc1, bad1)

    return pair


def _values(delta):
    """Values alone, whose places are known."""

    @numba.njit(_nrt=False)
    def alone(states, buffer, lane, places, out, index, dense, bit, values, before, count, acc, bad):
        sent, base, threshold, sign = lane[PIXELS], lane[BASE], lane[THRESHOLD], lane[SIGN]
        while count < sent:
            bits = peek(buffer, bit)
            if delta:
                before, value, taken, beyond, mark = _difference(bits, values, before)
                y = before
            else:
                y, value, taken, beyond, mark = _signed(bits, values, sign, threshold)
            bad |= mark
            acc |= beyond
            values = step(states, values, value)
            bit += taken
            if dense:
                put(out, base + get(places, count), y)
            else:
                put(out, base + count, y)
                put(index, base + count, get(places, count))
            count += 1
        lane[AT], lane[SENT], lane[ACC], lane[BAD] = bit, count, acc, bad

    @numba.njit(_nrt=False)
    def pair(states, buffer, lanes, places, out, index, dense):
        first, second = lanes[0], lanes[1]
        places0, places1 = places[0], places[1]
        bit0, base0, t0, sign0 = first[BIT], first[BASE], first[THRESHOLD], first[SIGN]
        bit1, base1, t1, sign1 = second[BIT], second[BASE], second[THRESHOLD], second[SIGN]
        before0 = before1 = acc0 = acc1 = bad0 = bad1 = np.int64(0)
        values0 = values1 = np.int64(_DELTA if delta else _VALUE)
        both = min(first[PIXELS], second[PIXELS])
        for count in range(both):
            bits0, bits1 = peek(buffer, bit0), peek(buffer, bit1)
            if delta:
                before0, value0, taken0, beyond0, mark0 = _difference(bits0, values0, before0)
                before1, value1, taken1, beyond1, mark1 = _difference(bits1, values1, before1)
                y0, y1 = before0, before1
            else:
                y0, value0, taken0, beyond0, mark0 = _signed(bits0, values0, sign0, t0)
                y1, value1, taken1, beyond1, mark1 = _signed(bits1, values1, sign1, t1)
            bad0 |= mark0
            bad1 |= mark1
            acc0 |= beyond0
            acc1 |= beyond1
            values0, values1 = step(states, values0, value0), step(states, values1, value1)
            bit0 += taken0
            bit1 += taken1
            if dense:
                put(out, base0 + get(places0, count), y0)
                put(out, base1 + get(places1, count), y1)
            else:
                put(out, base0 + count, y0)
                put(out, base1 + count, y1)
                put(index, base0 + count, get(places0, count))
                put(index, base1 + count, get(places1, count))
        alone(states, buffer, first, places0, out, index, dense, bit0, values0, before0, both, acc0, bad0)
        alone(states, buffer, second, places1, out, index, dense, bit1, values1, before1, both, acc1, bad1)

    return pair


runs_rice, runs_delta, runs_packed = _runs(_RICE_KIND), _runs(_DELTA_KIND), _runs(_PACKED_KIND)
values_rice, values_delta = _values(False), _values(True)
