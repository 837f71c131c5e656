# SPDX-License-Identifier: BSD-2-Clause
"""The decoder of a slice's payload once more, in plain Python and as slow as it is plain: the compiled one is held to it."""

from macropix.gateware.wire import DELTA, GAP, TAP_BITS, VALUE, Positions, Rice, Tap, ThresholdMode, Values
from macropix.host.decode.errors import DecodeError

__all__ = ["decode_plain"]


class _Bits:
    """The payload as one stream of bits."""

    def __init__(self, payload: bytes):
        self.text = "".join(f"{byte:08b}"[::-1] for byte in payload)
        self.at = 0

    def take(self, count: int) -> int:
        if self.at + count > len(self.text):
            raise DecodeError(1)
        bits = self.text[self.at : self.at + count]
        self.at += count
        return int(bits[::-1] or "0", 2)


class _RiceReader:
    """One adaptive code."""

    def __init__(self, rice: Rice):
        self.rice = rice
        self.a = rice.start

    def read(self, bits: _Bits) -> int:
        k = (((self.a >> 1) + (self.a >> 3)) >> 3).bit_length()
        ones = 0
        while ones < self.rice.LIMIT and bits.take(1):
            ones += 1
        if ones < self.rice.LIMIT:
            value = (ones << k) + bits.take(k)
        else:
            value = bits.take(self.rice.raw_bits)
            if value >> k < self.rice.LIMIT:
                raise DecodeError(3)
        self.a += value - (self.a >> 3)
        return value


def _in_range(value: int) -> int:
    if not -2048 <= value <= 2047:
        raise DecodeError(6)
    return value


class _ValueReader:
    """Values in the code that the header names."""

    def __init__(self, bits: _Bits, values: Values, width: int):
        self.bits, self.values, self.width = bits, values, width
        self.threshold, self.mode = 0, ThresholdMode.ABS
        self.prefix = (-1, -1)
        self.rice = _RiceReader(VALUE if values is Values.RICE else DELTA)
        self.before = 0
        if values is Values.RICE:
            self.threshold, mode = bits.take(11), bits.take(2)
            if mode > 2:
                raise DecodeError(2)
            self.mode = ThresholdMode(mode)
            self.prefix = (self.threshold, mode)

    def read(self) -> int:
        if self.values is Values.PACKED:
            value = self.bits.take(self.width)
            return value - (1 << self.width) if value >> (self.width - 1) else value
        if self.values is Values.DELTA:
            zigzag = self.rice.read(self.bits)
            self.before = _in_range(self.before + (zigzag // 2 if zigzag % 2 == 0 else -(zigzag + 1) // 2))
            return self.before
        negative = self.mode is ThresholdMode.NEG
        if self.mode is ThresholdMode.ABS or self.threshold == 0:
            negative = bool(self.bits.take(1))
        size = self.rice.read(self.bits) + self.threshold
        if negative and size == 0:
            raise DecodeError(5)
        return _in_range(-size if negative else size)


def decode_plain(
    payload: bytes, pixels: int, positions: int, values: int, tap: int
) -> tuple[list[int], list[int], list[int], tuple[int, int]]:
    """As `slices.decode_slice`: index, value, masked pixels, (T, threshold mode) or (-1, -1)."""
    if tap not in [one.value for one in Tap]:
        raise DecodeError(10)
    if values not in [one.value for one in Values]:
        raise DecodeError(11)
    where, how, taken_at = Positions(positions), Values(values), Tap(tap)
    if taken_at is not Tap.OUT and (how is not Values.PACKED or where is not Positions.ALL):
        raise DecodeError(12)
    if where is Positions.RUNS and how is Values.RICE and not payload:
        return [], [], [], (-1, -1)
    bits = _Bits(payload)
    bitmap = [bits.take(1) for _ in range(pixels)] if where in (Positions.BITMAP, Positions.FLAGGED) else [1] * pixels
    reader = _ValueReader(bits, how, TAP_BITS[taken_at])
    index, value, gaps, at = [], [], _RiceReader(GAP), 0
    while at < pixels:
        if where is Positions.RUNS:
            at += gaps.read(bits)
            if at > pixels:
                raise DecodeError(4)
            if at == pixels:
                break
        if where is not Positions.BITMAP or bitmap[at]:
            index.append(at)
            value.append(reader.read())
        at += 1
    if -(-bits.at // 8) != len(payload):
        raise DecodeError(7)
    if "1" in bits.text[bits.at :]:
        raise DecodeError(8)
    if not index:
        raise DecodeError(9)
    masked = [n for n in range(pixels) if not bitmap[n]] if where is Positions.FLAGGED else []
    return index, value, masked, reader.prefix
