# SPDX-License-Identifier: BSD-2-Clause
"""Payloads: by hand, through a plain decoder written from docs/protocol.md, and the choice of the shortest."""

import itertools

import numpy as np
import pytest

from macropix.gateware.wire import DELTA, GAP, MAX_PAYLOAD, TAP_BITS, VALUE, Mode, Positions, Tap, ThresholdMode, Values
from macropix.sim.golden.encode.payload import payload
from macropix.sim.golden.threshold import sent as past

ABS, POS, NEG = ThresholdMode


class Reader:
    """Bits of a payload, one at a time, and its codes, as the protocol's text has them."""

    def __init__(self, text: bytes):
        self.word, self.left = int.from_bytes(text, "little"), 8 * len(text)

    def number(self, bits: int) -> int:
        assert bits <= self.left, "the payload ends inside a code"
        value = self.word & ((1 << bits) - 1)
        self.word >>= bits
        self.left -= bits
        return value

    def signed(self, bits: int) -> int:
        value = self.number(bits)
        return value - (1 << bits) if value >> (bits - 1) else value


class Adaptive:
    def __init__(self, code, reader):
        self.code, self.reader, self.a = code, reader, code.start

    def __call__(self) -> int:
        k = (((self.a >> 1) + (self.a >> 3)) >> 3).bit_length()
        ones = 0
        while ones < 12 and self.reader.number(1):
            ones += 1
        v = self.reader.number(self.code.raw_bits) if ones == 12 else (ones << k) + self.reader.number(k)
        self.a += v - (self.a >> 3)
        return v


def decode(positions, coding, text, count, tap=Tap.OUT) -> tuple[list[int], list[int], list[int]]:
    """Index and value of every pixel sent, and which are flagged as masked."""
    reader = Reader(text)
    bitmap = [reader.number(1) for _ in range(count)] if positions in (Positions.BITMAP, Positions.FLAGGED) else [1] * count
    if positions is Positions.RUNS and coding is Values.RICE and not text:
        return [], [], []
    threshold, mode = (reader.number(11), ThresholdMode(reader.number(2))) if coding is Values.RICE else (0, ABS)
    gap, value, delta = Adaptive(GAP, reader), Adaptive(VALUE, reader), Adaptive(DELTA, reader)
    index, values, before, at = [], [], 0, 0
    while at < count:
        if positions is Positions.RUNS:
            at += gap()
            if at == count:
                break
        elif positions is Positions.BITMAP and not bitmap[at]:
            at += 1
            continue
        if coding is Values.PACKED:
            y = reader.signed(TAP_BITS[tap])
        elif coding is Values.RICE:
            negative = reader.number(1) if mode is ABS or threshold == 0 else mode is NEG
            y = -(value() + threshold) if negative else value() + threshold
        else:
            e = delta()
            y = before + (e // 2 if e % 2 == 0 else -(e + 1) // 2)
        before = y
        index.append(at)
        values.append(y)
        at += 1
    assert reader.left < 8
    assert reader.word == 0
    return index, values, [i for i, bit in enumerate(bitmap) if not bit] if positions is Positions.FLAGGED else []


def make(values, *, threshold=0, mode=Mode.AUTO, threshold_mode=ABS, masked=None, tap=Tap.OUT, **forced):
    values = np.asarray(values, np.int64)
    masked = np.zeros(values.size, bool) if masked is None else np.asarray(masked, bool)
    sent = past(values, threshold, threshold_mode, masked)
    done = payload(values, sent, masked, tap=tap, mode=mode, threshold=threshold, threshold_mode=threshold_mode, **forced)
    return *done, sent


def random_values(rng, size, share, threshold):
    values = np.where(rng.random(size) < share, rng.integers(threshold, 2048, size), rng.integers(-threshold + 1, threshold, size))
    return values * rng.choice([-1, 1], size)


def test_edge_by_hand():
    # T = 12, ABS, four pixels 0 −14 13 0: prefix 12 (11 bits) and 0 (2 bits); gap 1, sign 1, 2; gap 0, sign 0, 1; gap 1 to the end
    positions, coding, text, _ = make([0, -14, 13, 0], threshold=12, mode=Mode.EDGE)
    gaps = ["0" + "10", "0" + "00", "0" + "10"]  # 1, 0, 1; k = 2 throughout: a = 32, 29, 26
    codes = "00110000000" + "00" + gaps[0] + "1" + "0" + "010" + gaps[1] + "0" + "0" + "100" + gaps[2]
    expected = int(codes[::-1], 2).to_bytes((len(codes) + 7) // 8, "little")
    assert (positions, coding, text) == (Positions.RUNS, Values.RICE, expected)


def test_raw_by_hand():
    # 1, −1, 2047 in 12 bits: 0x001, 0xFFF, 0x7FF, least significant first
    assert make([1, -1, 2047], threshold=9, mode=Mode.RAW)[:3] == (Positions.ALL, Values.PACKED, bytes.fromhex("01f0ffff07"))


def test_raw_flags_masked_pixels():
    assert make([1, -1], mode=Mode.RAW, masked=[0, 1])[:3] == (Positions.FLAGGED, Values.PACKED, bytes.fromhex("05c0ff03"))


@pytest.mark.parametrize("tap", [tap for tap in Tap if tap is not Tap.OUT])
def test_taps_send_all_whatever_the_mode(tap):
    low, high = -(1 << (TAP_BITS[tap] - 1)), (1 << (TAP_BITS[tap] - 1)) - 1
    values = [low, 0, high, -1]
    positions, coding, text, _ = make(values, tap=tap, mode=Mode.EDGE, threshold=5, masked=[0, 1, 0, 0])
    assert (positions, coding) == (Positions.ALL, Values.PACKED)
    assert decode(positions, coding, text, 4, tap) == ([0, 1, 2, 3], values, [])


@pytest.mark.parametrize("mode", [Mode.EDGE, Mode.AUTO])
def test_nothing_sent_is_no_payload(mode):
    assert make([1, 2, 3], threshold=12, mode=mode)[:3] == (Positions.RUNS, Values.RICE, b"")
    assert make([500], threshold=12, mode=mode, masked=[1])[:3] == (Positions.RUNS, Values.RICE, b"")


@pytest.mark.parametrize("threshold_mode", list(ThresholdMode))
@pytest.mark.parametrize("share", [0.002, 0.05, 0.5, 1.0])
@pytest.mark.parametrize(("positions", "coding"), [(None, None), *itertools.product(list(Positions)[1:3], Values)])
def test_what_is_coded_comes_back(threshold_mode, share, positions, coding):
    rng = np.random.default_rng([int(1000 * share), threshold_mode.value])
    for size, threshold, mode in (
        (1, 1, Mode.AUTO),
        (784, 25, Mode.EDGE),
        (1024, 2047, Mode.AUTO),
        (1024, 0, Mode.AUTO),
        (97, 3, Mode.AUTO),
    ):
        values = random_values(rng, size, share, max(threshold, 1))
        masked = rng.random(size) < 0.02
        used, code, text, sent = make(
            values, threshold=threshold, mode=mode, threshold_mode=threshold_mode, masked=masked, positions=positions, coding=coding
        )
        index, back, _ = decode(used, code, text, size)
        assert index == np.flatnonzero(sent).tolist()
        assert back == values[sent].tolist()
        assert len(text) <= MAX_PAYLOAD


def test_flagged_comes_back_with_any_values():
    rng = np.random.default_rng(3)
    values, masked = rng.integers(-2048, 2048, 300), rng.random(300) < 0.1
    for coding in Values:
        positions, code, text, _ = make(values, mode=Mode.RAW, masked=masked, coding=coding)
        assert (positions, code) == (Positions.FLAGGED, coding)
        assert decode(positions, code, text, 300) == (list(range(300)), values.tolist(), np.flatnonzero(masked).tolist())


SLICES = {
    "empty corner": np.zeros(784, np.int64),
    "few": np.where(np.arange(784) % 40 == 0, 100, 0),
    "half": np.random.default_rng(0).integers(-30, 31, 784),
    "noise": np.random.default_rng(0).integers(-2048, 2048, 784),
    "smooth": np.arange(784) * 2 + 100,
    "blocks": np.repeat(np.random.default_rng(2).integers(0, 2, 49) * 900, 16),
}


@pytest.mark.parametrize("name", SLICES)
@pytest.mark.parametrize("threshold", [0, 12])
def test_auto_takes_the_fewest_bits_each_judged_alone(name, threshold):
    values = SLICES[name]
    positions, coding, text, sent = make(values, threshold=threshold)
    if not sent.any():
        return
    sizes = {}
    for one, other in itertools.product([*([Positions.ALL] if sent.all() else []), Positions.RUNS, Positions.BITMAP], Values):
        sizes[one, other] = len(make(values, threshold=threshold, positions=one, coding=other)[2])
    assert len(text) == min(sizes.values())
    assert sizes[positions, coding] == len(text)


def test_auto_takes_every_code_there_is():
    seen = {make(values, threshold=t)[:2] for values in SLICES.values() for t in (0, 1, 12)}
    assert {positions for positions, _ in seen} == {Positions.ALL, Positions.RUNS, Positions.BITMAP}
    assert {coding for _, coding in seen} == set(Values)


def test_ties_go_to_the_lower_number():
    # one pixel of value −2048: PACKED 12 bits; RICE 13 + 1 + 24; DELTA 25. One gap of 0: 3 bits against 1 bit of bitmap, 0 of ALL
    assert make([-2048])[:2] == (Positions.ALL, Values.PACKED)
    # three pixels, the first sent: gaps 0 and 2 → 3 + 3 bits; a bitmap of 3
    assert make([99, 0, 0], threshold=5)[0] is Positions.BITMAP
    # six pixels, gaps 0, 5 → 3 + 4 bits; bitmap 6. Gaps 3, 2 → 3 + 3 bits, bitmap 6: a tie, RUNS is lower
    assert make([0, 0, 0, 99, 0, 0], threshold=5)[0] is Positions.RUNS
    # one value 1, T = 1, POS: RICE 13 + 4 bits against PACKED 12; DELTA 2 at k = 4: 5 bits
    assert make([1], threshold=1, threshold_mode=POS)[1] is Values.DELTA


def test_the_worst_edge_slice_fits():
    rng = np.random.default_rng(8)
    worst = 0
    for values in (np.full(1024, -2048), np.where(np.arange(1024) % 16, 1, -2048), np.where(rng.random(1024) < 0.07, 2047, 1)):
        worst = max(worst, len(make(values, threshold=1, mode=Mode.EDGE)[2]))
    assert worst <= MAX_PAYLOAD


def test_all_cannot_say_that_a_pixel_is_not_sent():
    with pytest.raises(ValueError, match="positions ALL, but a pixel is not sent"):
        make([1, 99], threshold=12, positions=Positions.ALL)
