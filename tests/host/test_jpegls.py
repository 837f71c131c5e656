# SPDX-License-Identifier: BSD-2-Clause
"""The peer's figure is honest: lossless, 12 bit, of the right frame."""

import jpeg_ls
import numpy as np
import pytest

from macropix.host.jpegls import jpegls_bytes


def test_it_is_the_length_of_a_lossless_code():
    values = (np.add.outer(np.arange(40), np.arange(50)) * 20) % 2048
    coded = jpeg_ls.encode_buffer(values.astype("<u2").tobytes(), 40, 50, 1, bits_stored=12)
    assert (np.asarray(jpeg_ls.decode(np.frombuffer(bytes(coded), np.uint8))) == values).all()
    assert jpegls_bytes(values) == len(coded)


def test_a_flat_frame_is_short_and_noise_is_not():
    flat, noise = np.full((30, 30), 7), np.random.default_rng(1).integers(0, 2048, (30, 30))
    assert jpegls_bytes(flat) < 60
    assert jpegls_bytes(noise) > 900 * 11 / 8


def test_small_values_are_not_cut():
    """Frames below 256 are 12-bit frames too: all of their pixels are coded."""
    noise = np.random.default_rng(1).integers(0, 200, (30, 30))
    assert jpegls_bytes(noise) > 900 * 7 / 8


def test_signed_frames_are_shifted():
    values = np.random.default_rng(1).integers(-5, 6, (30, 30))
    coded = jpeg_ls.encode_buffer((values + 2048).astype("<u2").tobytes(), 30, 30, 1, bits_stored=12)
    assert jpegls_bytes(values) == len(coded)


@pytest.mark.parametrize("value", [-2049, 2048])
def test_more_than_12_bits_are_refused(value):
    with pytest.raises(ValueError, match="values must be from -2048 to 2047"):
        jpegls_bytes(np.array([[0, value]]))
