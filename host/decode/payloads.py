# SPDX-License-Identifier: BSD-2-Clause
"""The payloads of many slices, compiled: each decoded straight to its place, dense or sparse, or the first that is not plainly right named.

rows of the table, where each goes ─► by form ─► two abreast (`lanes`) ─► pixels ─► codes end where the header says? ─► else: stop

It accepts exactly what `slices.decode_slice` accepts, but for FLAGGED, which it leaves to it. A slice that it does not accept is named, not judged: the careful decoder says what is wrong with it.
"""

import numba
import numpy as np

from macropix.gateware.wire import HEADER_BYTES, PREFIX_BITS, SLICE_PIXELS, Positions, ThresholdMode, Values
from macropix.host.decode.bits import get, peek, put, trailing_zeros, word_at
from macropix.host.decode.lanes import (
    ACC,
    AT,
    BAD,
    BASE,
    BIT,
    LANE,
    PIXELS,
    SENT,
    SIGN,
    THRESHOLD,
    runs_delta,
    runs_packed,
    runs_rice,
    values_delta,
    values_rice,
)
from macropix.host.decode.scan import COLUMN
from macropix.host.decode.slices import TAP_BITS

__all__ = ["INTO", "MUST_ALL", "MUST_MODE", "MUST_THRESHOLD", "PLAN", "ROW", "WERE_SENT", "close_up", "decode", "scratch"]

#: columns of a plan, a row a slice: row of the table; pixel of the output at which the slice begins; T and threshold mode it must tell,
#: −1 for any; whether every pixel must be sent; and, as result, how many were
ROW, INTO, MUST_THRESHOLD, MUST_MODE, MUST_ALL, WERE_SENT, PLAN = range(7)

_ALL, _RUNS, _BITMAP, _FLAGGED = (int(one.value) for one in Positions)
_PACKED, _RICE, _DELTA = (int(one.value) for one in Values)
_MODES, _ABS, _NEG = len(ThresholdMode), int(ThresholdMode.ABS.value), int(ThresholdMode.NEG.value)
_T_BITS = PREFIX_BITS - 2
_OFFSET, _POSITIONS, _VALUES, _LENGTH, _COUNT, _TAP = (COLUMN[name] for name in ("offset", "positions", "values", "length", "count", "tap"))
_TAP_BITS = np.array(TAP_BITS, np.int64)
#: RUNS and places known, each with RICE and DELTA; RUNS with PACKED
_FORMS = 5
_U = np.uint64


@numba.njit(_nrt=False)
def _bitmap(buffer, at, pixels, places):
    """Places of the ones among `pixels` bits from byte `at` on; how many there are."""
    count = 0
    for begin in range(0, pixels, 64):
        word = word_at(buffer, at + (begin >> 3))
        if pixels - begin < 64:
            word &= (_U(1) << _U(pixels - begin)) - _U(1)
        while word:
            put(places, count, begin + trailing_zeros(word))
            count += 1
            word &= word - _U(1)
    return count


@numba.njit(_nrt=False)
def _packed(buffer, bit, bits, count, places, base, out, index, dense):
    """`count` values in two's complement; the bit behind them."""
    top, mask = bits - 1, _U((1 << bits) - 1)
    for n in range(count):
        y = np.int64(peek(buffer, bit) & mask)
        y -= (y >> top) << bits
        place = get(places, n)
        if dense:
            put(out, base + place, y)
        else:
            put(out, base + n, y)
            put(index, base + n, place)
        bit += bits
    return bit


@numba.njit(_nrt=False)
def _ended(buffer, row, bit):
    """Whether codes that end at `bit` fill the payload, and zeros the rest of its last byte."""
    limit = (row[_OFFSET] + HEADER_BYTES + row[_LENGTH]) * 8
    if bit > limit or limit - bit >= 8:
        return False
    return peek(buffer, bit) & ((_U(1) << _U(limit - bit)) - _U(1)) == 0


@numba.njit(_nrt=False)
def _right(buffer, table, plan, lane, slice_):
    """Whether a lane that has been decoded is a slice as it must be; notes how many pixels were sent."""
    row = table[plan[slice_, ROW]]
    sent = plan[slice_, WERE_SENT] = lane[SENT]
    if lane[ACC] != 0 or lane[BAD] != 0 or sent == 0 or not _ended(buffer, row, lane[AT]):
        return False
    return plan[slice_, MUST_ALL] == 0 or sent == row[_COUNT] + 1


@numba.njit(_nrt=False)
def _run(form, states, buffer, lanes, places, out, index, dense):
    if form == 0:
        runs_rice(states, buffer, lanes, out, index, dense)
    elif form == 1:
        runs_delta(states, buffer, lanes, out, index, dense)
    elif form == 2:
        values_rice(states, buffer, lanes, places, out, index, dense)
    elif form == 3:
        values_delta(states, buffer, lanes, places, out, index, dense)
    else:
        runs_packed(states, buffer, lanes, out, index, dense)


@numba.njit(_nrt=False)
def _settle(form, waiting, waits, states, buffer, table, plan, lanes, places, out, index, dense):
    """Decodes what waits in a form's two lanes. The slice that is not right, or −1."""
    for lane in range(waits, 2):
        lanes[lane, BIT], lanes[lane, PIXELS] = lanes[0, BIT], 0
    _run(form, states, buffer, lanes, places, out, index, dense)
    for lane in range(waits):
        if not _right(buffer, table, plan, lanes[lane], waiting[lane]):
            return waiting[lane]
    return -1


def scratch() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Where `decode` keeps the slices that wait for a second one of their form: compiled code without reference counts makes no arrays."""
    places = np.empty((_FORMS, 2, SLICE_PIXELS), np.uint16)
    return np.zeros((_FORMS, 2, LANE), np.int64), places, np.zeros((_FORMS, 2), np.int64), np.zeros(_FORMS, np.int64)


@numba.njit(cache=True, nogil=True, _nrt=False)
def decode(states, buffer, table, plan, first, last, out, index, dense, lanes, places, waiting, waits):
    """Decodes slices `first` … `last` − 1 of `plan`. A slice that this function leaves to the careful decoder, or −1 if there is none.

    Parameters
    ----------
    states : uint32 array
        `bits.STATES`.
    buffer : uint8 array
        `bits.SLACK` bytes at least behind the last packet.
    table, plan : int64 arrays
        Packets found by `scan`; a row a slice, see `PLAN`.
    out : int16 or int32 array
        Dense: every pixel of every slice, 0 where none was sent. Sparse: from each slice's place on, the values sent.
    index : uint32 array
        Sparse: as `out`, the pixels sent, counted from the slice's first.
    dense : bool
    lanes, places, waiting, waits : arrays
        What `scratch` gives, of each thread's own.
    """
    waits[:] = 0
    for slice_ in range(first, last):
        row, base = table[plan[slice_, ROW]], plan[slice_, INTO]
        pixels, positions, values, tap = row[_COUNT] + 1, row[_POSITIONS], row[_VALUES], row[_TAP]
        bits, begin = _TAP_BITS[tap], row[_OFFSET] + HEADER_BYTES
        if dense:
            out[base : base + pixels] = 0
        if bits == 0 or values > _DELTA or positions == _FLAGGED:
            return slice_
        if tap != 0 and (values != _PACKED or positions != _ALL):
            return slice_
        if positions == _RUNS and values == _RICE and row[_LENGTH] == 0:
            plan[slice_, WERE_SENT] = 0
            if plan[slice_, MUST_ALL]:
                return slice_
            continue
        form = (values == _DELTA) + 2 * (positions != _RUNS) if values != _PACKED else _FORMS - 1
        lane, its_places = lanes[form, waits[form]], places[form, waits[form]]
        bit, sent = begin * 8, pixels
        if positions == _BITMAP:
            sent = _bitmap(buffer, begin, pixels, its_places)
            bit += pixels
        elif positions == _ALL:
            for place in range(pixels):
                put(its_places, place, place)
        if values == _PACKED and positions != _RUNS:
            plan[slice_, WERE_SENT] = sent
            bit = _packed(buffer, bit, bits, sent, its_places, base, out, index, dense)
            if sent == 0 or not _ended(buffer, row, bit) or (plan[slice_, MUST_ALL] and sent != pixels):
                return slice_
            continue
        lane[BIT], lane[PIXELS], lane[BASE] = bit, sent, base
        if values == _RICE:
            prefix = np.int64(peek(buffer, bit)) & ((1 << PREFIX_BITS) - 1)
            threshold, mode = prefix & ((1 << _T_BITS) - 1), prefix >> _T_BITS
            if mode >= _MODES or (plan[slice_, MUST_THRESHOLD] >= 0 and threshold != plan[slice_, MUST_THRESHOLD]):
                return slice_
            if plan[slice_, MUST_MODE] >= 0 and mode != plan[slice_, MUST_MODE]:
                return slice_
            lane[BIT] += PREFIX_BITS
            lane[THRESHOLD] = threshold
            lane[SIGN] = 2 if mode == _ABS or threshold == 0 else np.int64(mode == _NEG)
        waiting[form, waits[form]] = slice_
        waits[form] += 1
        if waits[form] == 2:
            wrong = _settle(form, waiting[form], 2, states, buffer, table, plan, lanes[form], places[form], out, index, dense)
            if wrong >= 0:
                return wrong
            waits[form] = 0
    for form in range(_FORMS):
        if waits[form]:
            wrong = _settle(form, waiting[form], waits[form], states, buffer, table, plan, lanes[form], places[form], out, index, dense)
            if wrong >= 0:
                return wrong
    return -1


@numba.njit(cache=True, nogil=True, _nrt=False)
def close_up(plan, slices, pixels, out, found, value, index):
    """What a sparse `decode` has left at each slice's place, one behind the other; `index` counts from the frame's first pixel."""
    at = 0
    for slice_ in range(slices):
        base, sent = plan[slice_, INTO], plan[slice_, WERE_SENT]
        first = np.uint32(base % pixels)
        for n in range(sent):
            value[at + n] = out[base + n]
            index[at + n] = found[base + n] + first
        at += sent
