# SPDX-License-Identifier: BSD-2-Clause
"""From the payload of a data slice to its sent pixels: protocol.md, "The payload of a data slice".

    payload ─► bitmap? ─► threshold prefix? ─► (gap,) value … ─► index, value, masked

Compiled by numba, and strict: whatever an encoder could not have written is a `DecodeError`, never a pixel. `plain.py` says
the same in plain Python; tests hold the two equal.
"""

import dataclasses

import numba
import numpy as np

from macropix.gateware import wire
from macropix.host.decode.errors import DecodeError

__all__ = ["SlicePixels", "decode_slice"]

_ALL, _RUNS, _BITMAP, _FLAGGED = (int(positions.value) for positions in wire.Positions)
_PACKED, _RICE, _DELTA = (int(values.value) for values in wire.Values)
_ABS, _NEG = int(wire.ThresholdMode.ABS.value), int(wire.ThresholdMode.NEG.value)
_MODES = len(wire.ThresholdMode)
_LIMIT = wire.Rice.LIMIT
_GAP_START, _GAP_RAW = wire.GAP.start, wire.GAP.raw_bits
_VALUE_START, _VALUE_RAW = wire.VALUE.start, wire.VALUE.raw_bits
_DELTA_START, _DELTA_RAW = wire.DELTA.start, wire.DELTA.raw_bits
_T_BITS = wire.PREFIX_BITS - 2
_LOW, _HIGH = -2048, 2047

#: bits of a PACKED value by the header's tap; 0: no such tap
TAP_BITS = tuple({int(tap.value): bits for tap, bits in wire.TAP_BITS.items()}.get(tap, 0) for tap in range(8))
#: ones at the low end of 12 bits
_ONES = np.array([((~v & (v + 1)).bit_length() - 1) for v in range(1 << _LIMIT)], np.uint8)
#: k of the Rice code by (a >> 1) + (a >> 3) >> 3
_K = np.array([v.bit_length() for v in range(8192)], np.uint8)
#: codes read past the payload's end find zeros here before the check behind each pixel
_PADDING = bytes(32)


@dataclasses.dataclass(slots=True)
class SlicePixels:
    """The sent pixels of one slice, counted from its first."""

    #: ascending, uint32
    index: np.ndarray
    #: int32
    value: np.ndarray
    #: uint32: sent, but flagged as masked
    masked: np.ndarray
    #: T and threshold mode of the prefix; -1, -1 without one
    threshold: int
    threshold_mode: int


@numba.njit(cache=True, inline="always")
def _peek(words, bit):
    """The 64 bits from `bit` on."""
    word, shift = bit >> 6, np.uint64(bit & 63)
    low = words[word] >> shift
    return low | ((words[word + 1] << np.uint64(1)) << (np.uint64(63) - shift))


@numba.njit(cache=True, inline="always")
def _rice(bits, a, raw_bits):
    """(value, bits taken) of a Rice code; value -1 if the escape wasn't needed."""
    k = np.int64(_K[((a >> 1) + (a >> 3)) >> 3])
    ones = np.int64(_ONES[bits & np.uint64((1 << _LIMIT) - 1)])
    if ones < _LIMIT:
        low = np.int64((bits >> np.uint64(ones + 1)) & ((np.uint64(1) << np.uint64(k)) - np.uint64(1)))
        return (ones << k) | low, ones + 1 + k
    value = np.int64((bits >> np.uint64(_LIMIT)) & np.uint64((1 << raw_bits) - 1))
    return (value if value >> k >= _LIMIT else np.int64(-1)), np.int64(_LIMIT + raw_bits)


@numba.njit(cache=True)
def _decode(words, size, pixels, positions, values, tap_bits, index, value, masked, about):
    """Number of sent pixels, or minus the place of the reason in `errors.REASONS`. `about`: masked pixels, T, threshold mode."""
    limit = size * 8
    about[0], about[1], about[2] = 0, -1, -1
    if positions == _RUNS and values == _RICE and size == 0:
        return 0
    bit = np.int64(0)
    bitmap = np.int64(0)
    listed = positions in (_BITMAP, _FLAGGED)
    if listed:
        bit = pixels
    threshold, mode = np.int64(0), np.int64(_ABS)
    if bit > limit:
        return -1
    if values == _RICE:
        prefix = np.int64(_peek(words, bit) & np.uint64((1 << (_T_BITS + 2)) - 1))
        bit += _T_BITS + 2
        threshold, mode = prefix & ((1 << _T_BITS) - 1), prefix >> _T_BITS
        if mode >= _MODES:
            return -2
        about[1], about[2] = threshold, mode
    signed = mode == _ABS or threshold == 0
    gap_a = np.int64(_GAP_START)
    value_a = np.int64(_VALUE_START if values == _RICE else _DELTA_START)
    n, flagged, at, before = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    while at < pixels:
        if bit > limit:
            return -1
        if positions == _RUNS:
            gap, taken = _rice(_peek(words, bit), gap_a, _GAP_RAW)
            if gap < 0:
                return -3
            gap_a += gap - (gap_a >> 3)
            bit += taken
            at += gap
            if at > pixels:
                return -4
            if at == pixels:
                break
        elif listed:
            if at & 63 == 0:
                bitmap = np.int64(words[at >> 6])
            here = (bitmap >> (at & 63)) & 1
            if positions == _FLAGGED:
                if here == 0:
                    masked[flagged] = at
                    flagged += 1
            elif here == 0:
                at += 1
                continue
        bits = _peek(words, bit)
        if values == _PACKED:
            y = np.int64(bits & ((np.uint64(1) << np.uint64(tap_bits)) - np.uint64(1)))
            y -= (y >> (tap_bits - 1)) << tap_bits
            bit += tap_bits
        elif values == _RICE:
            negative = mode == _NEG
            if signed:
                negative = (bits & np.uint64(1)) != 0
                bits >>= np.uint64(1)
                bit += 1
            y, taken = _rice(bits, value_a, _VALUE_RAW)
            if y < 0:
                return -3
            value_a += y - (value_a >> 3)
            bit += taken
            y += threshold
            if negative:
                if y == 0:
                    return -5
                y = -y
            if y < _LOW or y > _HIGH:
                return -6
        else:
            y, taken = _rice(bits, value_a, _DELTA_RAW)
            if y < 0:
                return -3
            value_a += y - (value_a >> 3)
            bit += taken
            y = before + ((y >> 1) ^ -(y & 1))
            if y < _LOW or y > _HIGH:
                return -6
            before = y
        index[n] = at
        value[n] = y
        n += 1
        at += 1
    if bit > limit:
        return -1
    if (bit + 7) >> 3 != size:
        return -7
    if bit < limit and (_peek(words, bit) & ((np.uint64(1) << np.uint64(limit - bit)) - np.uint64(1))) != 0:
        return -8
    if n == 0:
        return -9
    about[0] = flagged
    return n


def decode_slice(payload: bytes, pixels: int, positions: int, values: int, tap: int) -> SlicePixels:
    """The sent pixels of a slice of `pixels` pixels. Arguments as in the header (`pixels` = count + 1).

    Raises
    ------
    DecodeError
        If an encoder could not have written this: a code, count, value or length that does not fit, or padding that is not zero.
    """
    tap_bits = TAP_BITS[tap]
    if tap_bits == 0:
        raise DecodeError(10)
    if values > _DELTA:
        raise DecodeError(11)
    if tap != 0 and (values != _PACKED or positions != _ALL):
        raise DecodeError(12)
    words = np.frombuffer(payload + _PADDING[: 32 - len(payload) % 8], "<u8")
    index, value, masked = np.empty(pixels, np.uint32), np.empty(pixels, np.int32), np.empty(pixels, np.uint32)
    about = np.empty(3, np.int64)
    sent = _decode(words, len(payload), pixels, positions, values, tap_bits, index, value, masked, about)
    if sent < 0:
        raise DecodeError(-sent)
    return SlicePixels(index[:sent], value[:sent], masked[: about[0]], int(about[1]), int(about[2]))
