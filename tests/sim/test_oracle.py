# SPDX-License-Identifier: BSD-2-Clause
"""The whole picture against scipy, and against the tiles a die would take of it."""

import numpy as np
import pytest
from scipy import ndimage

from macropix.gateware.config import Config
from macropix.gateware.wire import Read, Tap
from macropix.sim.golden import oracle
from macropix.sim.golden.bias import lookup

LAPLACIAN = lookup([-32] * 4 + [256] + [-32] * 4)
SKEW = lookup([-512, 300, 7, 0, 256, -9, 1, 2, 511])


def picture(seed, shape):
    return (np.random.default_rng(seed).integers(0, 256, shape) * 256).astype(np.uint16)


def image(scene, read, response=LAPLACIAN, **changes):
    registers = {**oracle.reset_registers(), **changes}
    return oracle.image(scene, macro=3, read=read, registers=registers, weights=response[0], darks=response[1])


def test_the_laplacian_of_an_8_bit_picture_is_exact():
    """y = 8c − Σn, the paper's own integer, with the outermost pixels replicated."""
    scene = picture(1, (40, 57))
    grey = (scene >> 8).astype(np.int64)
    kernel = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]])
    expected = ndimage.correlate(grey, kernel, mode="nearest")
    frame = image(scene, Read.SLIDING, mode=1, threshold=1, threshold_mode=1)
    assert np.array_equal(frame.value, np.clip(expected, -2048, 2047))
    assert np.array_equal(frame.sent, expected >= 1)


def test_tiles_are_padded_to_whole_ones():
    scene = picture(2, (10, 13))
    frame = image(scene, Read.TILES, SKEW)
    assert frame.value.shape == (4, 5)
    grey = np.pad(scene, [(0, 2), (0, 2)], mode="edge").astype(np.int64)
    expected = sum(int(w) * grey[j // 3 :: 3, j % 3 :: 3] for j, w in enumerate(SKEW[0]))
    assert np.array_equal(frame.taps[Tap.SUM], expected)


def test_single_is_the_picture():
    scene = picture(3, (9, 11))
    assert np.array_equal(image(scene, Read.SINGLE).value, scene.astype(np.int64) // 32)


@pytest.mark.parametrize("read", list(Read))
def test_a_die_sees_the_same_as_the_whole_picture(read):
    config = Config(rows=17, cols=14, border=1)
    scene = picture(5, (17, 14))
    registers = {**oracle.reset_registers(), "read": read.value, "time": 200, "gain": 2, "test_charge": -77, "well_low": 0, "cds": 0}
    frame = oracle.expose(config, scene, registers, *SKEW)
    whole = image(scene[1:-1, 1:-1], read, SKEW, **{k: v for k, v in registers.items() if k != "read"})
    rows, cols = frame.value.shape
    offset = 1 if read is Read.SLIDING else 0
    for tap, values in frame.taps.items():
        assert np.array_equal(values, whole.taps[tap][offset : offset + rows, offset : offset + cols]), tap


def test_noise_and_pattern_belong_to_a_tile():
    for name in ("pattern_amplitude", "noise_reset", "noise_signal"):
        with pytest.raises(ValueError, match=f"{name} is 2: noise and pattern belong to a tile"):
            image(picture(0, (9, 9)), Read.SINGLE, **{name: 2})


def test_no_picture():
    with pytest.raises(ValueError, match="two dimensions"):
        image(np.zeros(4, np.uint16), Read.SINGLE)


def test_a_large_picture_takes_no_time():
    import time

    scene = picture(7, (1430, 900))
    start = time.perf_counter()
    image(scene, Read.SLIDING)
    assert time.perf_counter() - start < 2  # 0.2 s on an idle core
