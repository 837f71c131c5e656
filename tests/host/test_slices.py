# SPDX-License-Identifier: BSD-2-Clause
"""Payloads of slices: every code comes back as it went in, and what no encoder writes is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from macropix.gateware.wire import TAP_BITS, Mode, Positions, Tap, ThresholdMode, Values
from macropix.host.decode.errors import REASONS, DecodeError
from macropix.host.decode.plain import decode_plain
from macropix.host.decode.slices import decode_slice
from macropix.sim.golden.encode.payload import payload


def both(text: bytes, pixels: int, positions: int, values: int, tap: int = 0):
    """What the compiled decoder and its plain twin say, which must be the same; None if both refuse."""
    try:
        fast = decode_slice(text, pixels, positions, values, tap)
        fast = (fast.index.tolist(), fast.value.tolist(), fast.masked.tolist(), (fast.threshold, fast.threshold_mode))
    except DecodeError:
        fast = None
    try:
        plain = decode_plain(text, pixels, positions, values, tap)
    except DecodeError:
        plain = None
    assert fast == plain
    return fast


def pixels_of(seed: int, size: int, share: float, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = np.clip(np.rint(rng.normal(0, sigma, size)), -2048, 2047).astype(np.int64)
    return values, rng.random(size) < share


@pytest.mark.parametrize("size", [1, 2, 63, 64, 65, 100, 784, 1023, 1024])
@pytest.mark.parametrize("positions", list(Positions))
@pytest.mark.parametrize("values", list(Values))
def test_every_code_comes_back(size, positions, values):
    for seed, (share, sigma) in enumerate([(0.0, 50), (0.05, 2000), (0.3, 20), (0.9, 300), (1.0, 5000), (1.0, 0)]):
        value, sent = pixels_of(seed, size, share, sigma)
        if positions in (Positions.ALL, Positions.FLAGGED):
            sent[:] = True
        masked = np.random.default_rng(seed).random(size) < 0.2
        if not sent.any():
            continue
        _, _, text = payload(
            value, sent, masked, tap=Tap.OUT, mode=Mode.AUTO, threshold=0, threshold_mode=ThresholdMode.ABS, positions=positions,
            coding=values,
        )  # fmt: skip
        index, got, flagged, prefix = both(text, size, positions.value, values.value)
        assert index == np.flatnonzero(sent).tolist()
        assert got == value[sent].tolist()
        assert flagged == (np.flatnonzero(masked).tolist() if positions is Positions.FLAGGED else [])
        assert prefix == ((0, 0) if values is Values.RICE else (-1, -1))


@pytest.mark.parametrize("mode", list(ThresholdMode))
@pytest.mark.parametrize("threshold", [0, 1, 12, 700, 2047])
def test_thresholds(mode, threshold):
    value, _ = pixels_of(threshold, 900, 1, 900)
    value[:4] = -2048, 2047, threshold, -threshold
    past = {
        ThresholdMode.ABS: np.abs(value) >= threshold,
        ThresholdMode.POS: value >= threshold,
        ThresholdMode.NEG: value <= -threshold,
    }[mode]
    sent = past if threshold else np.ones(900, bool)
    positions, values, text = payload(
        value, sent, np.zeros(900, bool), tap=Tap.OUT, mode=Mode.EDGE, threshold=threshold, threshold_mode=mode
    )
    index, got, _, prefix = both(text, 900, positions.value, values.value)
    assert index == np.flatnonzero(sent).tolist()
    assert got == value[sent].tolist()
    assert prefix == (threshold, mode.value)


@pytest.mark.parametrize("tap", list(Tap))
def test_taps(tap):
    bits = TAP_BITS[tap]
    rng = np.random.default_rng(bits)
    value = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), 1024)
    value[:2] = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    _, _, text = payload(
        value, np.ones(1024, bool), np.zeros(1024, bool), tap=tap, mode=Mode.RAW, threshold=0, threshold_mode=ThresholdMode.ABS
    )
    index, got, _, _ = both(text, 1024, 0, 0, tap.value)
    assert index == list(range(1024))
    assert got == value.tolist()


def test_nothing_sent():
    assert both(b"", 784, Positions.RUNS.value, Values.RICE.value) == ([], [], [], (-1, -1))


def bits(text: str) -> bytes:
    """Bits in the order they are sent."""
    text = text.replace(" ", "")
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8][::-1], 2) for at in range(0, len(text), 8))


#: T = 0, ABS; the value code of 1 is a zero, then k = bit_length((32 + 8) >> 3) = 3 bits
_PREFIX = "00000000000 00"


@pytest.mark.parametrize(
    ("reason", "text", "pixels", "positions", "values", "tap"),
    [
        (1, bits("0101"), 1, 0, 0, 0),
        (1, b"", 1, 0, 0, 0),
        (1, b"", 9, 2, 0, 0),
        (2, bits("00000000000 11" + "0" * 30), 1, 0, 1, 0),
        (3, bits(_PREFIX + "0" + "1" * 12 + "0" * 12), 1, 0, 1, 0),
        (4, bits("110 11" + "0" * 20), 2, 1, 0, 0),
        (5, bits(_PREFIX + "1 0 0000"), 1, 0, 1, 0),
        (6, bits(_PREFIX + "0" + "1" * 12 + "000000000001"), 1, 0, 1, 0),
        (7, bits("0" * 12) + b"\0", 1, 0, 0, 0),
        (8, bits("000000000000 0001"), 1, 0, 0, 0),
        (9, bits("0 000"), 3, 2, 0, 0),
        (10, b"\0\0", 1, 0, 0, 6),
        (11, b"\0\0", 1, 0, 3, 0),
        (12, b"\0\0", 1, 0, 1, 5),
        (12, b"\0\0", 1, 3, 0, 5),
    ],
)
def test_every_refusal(reason, text, pixels, positions, values, tap):
    with pytest.raises(DecodeError) as caught:
        decode_slice(text, pixels, positions, values, tap)
    assert caught.value.reason == reason, REASONS[caught.value.reason]
    assert both(text, pixels, positions, values, tap) is None


def test_rice_by_hand():
    """17 above T = 3, positive; 64 → a = 64 gives k = bit_length((32 + 8) >> 3) = 3: 17 >> 3 = 2 → 110, low bits 001."""
    text = bits("11000000000 00" + "0" + "110" + "100")
    assert both(text, 1, 0, 1) == ([0], [20], [], (3, 0))


def test_delta_by_hand():
    """−3, then +1 more: zigzag 5, 2. a = 128: k = bit_length(80 >> 3) = 4; a = 128 + 5 − 16 = 117: k = bit_length((58 + 14) >> 3) = 4."""
    assert both(bits("0 1010" + "0 0100"), 2, 0, 2) == ([0, 1], [-3, -2], [], (-1, -1))


@given(
    st.binary(max_size=60),
    st.sampled_from([1, 2, 7, 8, 9, 60, 64, 65, 300, 1024]),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([0, 0, 0, 1, 2, 5, 7]),
)
@settings(max_examples=1500, deadline=None, derandomize=True)
def test_garbage_is_refused_alike(text, pixels, positions, values, tap):
    both(text, pixels, positions, values, tap)


@pytest.mark.parametrize("positions", list(Positions))
@pytest.mark.parametrize("values", list(Values))
def test_damage_is_refused_alike(positions, values):
    """Every bit flipped, every byte dropped or doubled: both decoders say the same, and what they accept is a whole slice."""
    value, sent = pixels_of(5, 70, 0.4, 30)
    if positions in (Positions.ALL, Positions.FLAGGED):
        sent[:] = True
    _, _, text = payload(
        value, sent, ~sent, tap=Tap.OUT, mode=Mode.AUTO, threshold=0, threshold_mode=ThresholdMode.ABS, positions=positions, coding=values
    )
    for at in range(len(text)):
        for changed in (
            text[:at] + text[at + 1 :],
            text[: at + 1] + text[at:],
            *(text[:at] + bytes([text[at] ^ 1 << bit]) + text[at + 1 :] for bit in range(8)),
        ):
            got = both(changed, 70, positions.value, values.value)
            if got is not None:
                assert all(0 <= place < 70 for place in got[0])
                assert got[0] == sorted(set(got[0]))
                assert all(-2048 <= one <= 2047 for one in got[1])
