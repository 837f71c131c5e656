# SPDX-License-Identifier: BSD-2-Clause
"""The payloads of many slices, compiled: each decoded straight to its place, dense or sparse, or the first that is not plainly right named.

table, where each goes ─► by form ─► sixteen abreast (`wide`) ─► pixels ─► codes end where the header says? ─► else: stop

It accepts exactly what `slices.decode_slice` accepts, but for FLAGGED, which it leaves to it. A slice that it does not accept is named,
not judged: the careful decoder says what is wrong with it.
"""

import numpy as np

from macropix.gateware.wire import HEADER_BYTES, PREFIX_BITS, SLICE_PIXELS, Positions, ThresholdMode, Values
from macropix.host.decode.bits import called, entered, get, peek, put, trailing_zeros, word_at
from macropix.host.decode.lanes import fill, one
from macropix.host.decode.scan import COLUMN
from macropix.host.decode.slices import TAP_BITS
from macropix.host.decode.wide import ACC, BAD, BIT, COUNT, LANES, NEGATIVE, PIXELS, SIGN, STATE, T, turns

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
#: RUNS with PACKED, RICE, DELTA; places known, with RICE, DELTA
_FORMS = 5
#: lanes that are worth no vectors
_FEW = 1
_runs_packed, _runs_rice, _runs_delta = turns(_PACKED, True), turns(_RICE, True), turns(_DELTA, True)
_values_rice, _values_delta = turns(_RICE, False), turns(_DELTA, False)
_U = np.uint64


@called
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


@called
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


@called
def _ended(buffer, row, bit):
    """Whether codes that end at `bit` fill the payload, and zeros the rest of its last byte."""
    limit = (row[_OFFSET] + HEADER_BYTES + row[_LENGTH]) * 8
    if bit > limit or limit - bit >= 8:
        return False
    return peek(buffer, bit) & ((_U(1) << _U(limit - bit)) - _U(1)) == 0


@called
def _right(buffer, table, plan, state, lane, slice_):
    """Whether a lane whose slice has ended is a slice as it must be; notes how many pixels were sent."""
    row = table[plan[slice_, ROW]]
    sent = plan[slice_, WERE_SENT] = state[COUNT, lane]
    if state[ACC, lane] != 0 or state[BAD, lane] != 0 or sent == 0 or not _ended(buffer, row, np.int64(state[BIT, lane])):
        return False
    return plan[slice_, MUST_ALL] == 0 or sent == row[_COUNT] + 1


@called
def _turns(form, state, buffer, places, out, index, dense):
    if form == 0:
        return _runs_packed(state, buffer, places, out, index, dense)
    if form == 1:
        return _runs_rice(state, buffer, places, out, index, dense)
    if form == 2:
        return _runs_delta(state, buffer, places, out, index, dense)
    if form == 3:
        return _values_rice(state, buffer, places, out, index, dense)
    return _values_delta(state, buffer, places, out, index, dense)


@called
def _until_one_ends(form, state, buffer, places, out, index, dense):
    """Decodes the slices of all lanes until one has ended; its lane."""
    kind, runs = (form, True) if form < 3 else (form - 2, False)
    while True:
        looks = _turns(form, state, buffer, places, out, index, dense)
        for lane in range(LANES):
            if looks >> lane & 1 and not one(state, lane, buffer, places, out, index, dense, kind, runs):
                return lane


@called
def _copy(state, places, source, target, listed):
    """What is in one lane into another."""
    for row in range(STATE):
        state[row, target] = state[row, source]
    if listed:
        for place in range(state[COUNT, source], state[PIXELS, source]):
            places[target, place] = places[source, place]


@called
def _settle(form, state, waiting, waits, buffer, table, plan, places, out, index, dense):
    """Decodes until one of the first `waits` lanes has ended, and puts the last of them in its place. The slice if it is not right, or −1.

    Lanes behind them do the same as the first, and put down the same: a turn takes no longer for it.
    """
    listed = form >= 3
    if waits <= _FEW:
        ended, (kind, runs) = waits - 1, (form - 2, False) if listed else (form, True)
        while one(state, ended, buffer, places, out, index, dense, kind, runs):
            pass
    else:
        for lane in range(waits, LANES):
            _copy(state, places, 0, lane, listed)
        ended = _until_one_ends(form, state, buffer, places, out, index, dense)
    slice_ = waiting[ended]
    right = _right(buffer, table, plan, state, ended, slice_)
    if ended != waits - 1:
        _copy(state, places, waits - 1, ended, listed)
        waiting[ended] = waiting[waits - 1]
    return -1 if right else slice_


def scratch() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Where `decode` keeps the slices under way: compiled code without reference counts makes no arrays."""
    places = np.zeros((_FORMS, LANES, SLICE_PIXELS), np.uint16)
    return np.zeros((_FORMS, STATE, LANES), np.int32), places, np.zeros((_FORMS, LANES), np.int64), np.zeros(_FORMS, np.int64)


@entered
def decode(buffer, table, plan, first, last, out, index, dense, states, places, waiting, waits):
    """Decodes slices `first` … `last` − 1 of `plan`. A slice that this function leaves to the careful decoder, or −1 if there is none.

    Parameters
    ----------
    buffer : uint8 array
        `bits.SLACK` bytes at least behind the last packet.
    table, plan : int64 arrays
        Packets found by `scan`; a row a slice, see `PLAN`.
    out : int16 or int32 array
        Dense: every pixel of every slice, 0 where none was sent. Sparse: from each slice's place on, the values sent.
    index : uint32 array
        Sparse: as `out`, the pixels sent, counted from the slice's first.
    dense : bool
    states, places, waiting, waits : arrays
        What `scratch` gives, of each thread's own.
    """
    waits[:] = 0
    for slice_ in range(first, last):
        row, base = table[plan[slice_, ROW]], plan[slice_, INTO]
        pixels, positions, values, tap = row[_COUNT] + 1, row[_POSITIONS], row[_VALUES], row[_TAP]
        bits, begins = _TAP_BITS[tap], row[_OFFSET] + HEADER_BYTES
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
        form = values if positions == _RUNS else values + 2  # ALL or BITMAP with PACKED uses no lane
        lane = waits[form]
        bit, sent = begins * 8, pixels
        if positions == _BITMAP:
            sent = _bitmap(buffer, begins, pixels, places[form, lane])
            bit += pixels
        elif positions == _ALL:
            for place in range(pixels):
                put(places[form, lane], place, place)
        if values == _PACKED and positions != _RUNS:
            plan[slice_, WERE_SENT] = sent
            bit = _packed(buffer, bit, bits, sent, places[form, lane], base, out, index, dense)
            if sent == 0 or not _ended(buffer, row, bit) or (plan[slice_, MUST_ALL] and sent != pixels):
                return slice_
            continue
        state = states[form]
        threshold, sign, negative = 0, 0, 0
        if values == _RICE:
            prefix = np.int64(peek(buffer, bit)) & ((1 << PREFIX_BITS) - 1)
            threshold, mode = prefix & ((1 << _T_BITS) - 1), prefix >> _T_BITS
            if mode >= _MODES or (plan[slice_, MUST_THRESHOLD] >= 0 and threshold != plan[slice_, MUST_THRESHOLD]):
                return slice_
            if plan[slice_, MUST_MODE] >= 0 and mode != plan[slice_, MUST_MODE]:
                return slice_
            bit += PREFIX_BITS
            sign = np.int64(mode == _ABS or threshold == 0)
            negative = np.int64(mode == _NEG and sign == 0)
        fill(state, lane, bit, sent, base, values)
        state[T, lane], state[SIGN, lane], state[NEGATIVE, lane] = threshold, sign, negative
        waiting[form, lane] = slice_
        waits[form] += 1
        if waits[form] == LANES:
            wrong = _settle(form, state, waiting[form], LANES, buffer, table, plan, places[form], out, index, dense)
            if wrong >= 0:
                return wrong
            waits[form] -= 1
    for form in range(_FORMS):
        while waits[form]:
            wrong = _settle(form, states[form], waiting[form], waits[form], buffer, table, plan, places[form], out, index, dense)
            if wrong >= 0:
                return wrong
            waits[form] -= 1
    return -1


@entered
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
