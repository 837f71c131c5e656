# SPDX-License-Identifier: BSD-2-Clause
"""Sums against scipy's correlation, and bias look-up."""

import numpy as np
import pytest
from scipy import ndimage

from macropix.gateware.wire import Read
from macropix.sim.golden.bias import lookup
from macropix.sim.golden.macropixel import sums

SIZES = [(3, 1), (3, 0), (5, 1), (5, 3)]


def random_case(seed, macro):
    rng = np.random.default_rng(seed)
    scene = rng.integers(0, 65536, (17, 23), dtype=np.uint16)
    return scene, rng.integers(-512, 512, macro**2), rng.integers(-2048, 2048, macro**2)


def correlated(scene, weights, darks, macro, border):
    inside = scene[border : scene.shape[0] - border, border : scene.shape[1] - border].astype(np.int64)
    whole = ndimage.correlate(inside, weights.reshape(macro, macro), mode="constant", output=np.int64)
    half = macro // 2
    return whole[half : inside.shape[0] - half, half : inside.shape[1] - half] + 256 * darks.sum()


@pytest.mark.parametrize(("macro", "border"), SIZES)
@pytest.mark.parametrize("seed", range(3))
def test_sliding_is_a_correlation_of_the_imaging_pixels(macro, border, seed):
    scene, weights, darks = random_case(seed, macro)
    s = sums(scene, weights, darks, macro=macro, border=border, read=Read.SLIDING)
    assert np.array_equal(s, correlated(scene, weights, darks, macro, border))


@pytest.mark.parametrize(("macro", "border"), SIZES)
def test_tiles_are_every_mth_of_it(macro, border):
    scene, weights, darks = random_case(9, macro)
    s = sums(scene, weights, darks, macro=macro, border=border, read=Read.TILES)
    h, v = scene.shape[0] - 2 * border, scene.shape[1] - 2 * border
    assert s.shape == (h // macro, v // macro)
    assert np.array_equal(s, correlated(scene, weights, darks, macro, border)[::macro, ::macro][: h // macro, : v // macro])


@pytest.mark.parametrize(("macro", "border"), SIZES)
def test_single_takes_the_centre(macro, border):
    scene, weights, darks = random_case(4, macro)
    s = sums(scene, weights, darks, macro=macro, border=border, read=Read.SINGLE)
    inside = scene[border : 17 - border, border : 23 - border].astype(np.int64)
    assert np.array_equal(s, inside * weights[macro**2 // 2] + 256 * darks[macro**2 // 2])


def test_the_kernel_is_not_flipped():
    scene = np.zeros((8, 8), np.uint16)
    scene[2, 5] = 1
    weights = np.arange(9)
    s = sums(scene, weights, np.zeros(9), macro=3, border=1, read=Read.SLIDING)
    # macro-pixel (r, c) has pixel (2, 5) at row 1 − r, column 4 − c of it
    assert s[0, 2:].tolist() == [5, 4]
    assert s[1, 2:].tolist() == [2, 1]


def test_the_largest_sums_have_the_stated_width():
    bright = np.full((8, 8), 65535, np.uint16)
    s = sums(bright, np.full(25, -512), np.full(25, -2048), macro=5, border=0, read=Read.TILES)
    assert s[0, 0] == -25 * (512 * 65535 + 2048 * 256)
    assert s[0, 0] >= -(2**30)


def test_lookup_defaults():
    weights, darks = lookup([-512, -1, 0, 511])
    assert weights.tolist() == [-512, -1, 0, 511]
    assert darks.tolist() == [0, 0, 0, 0]


def test_lookup_tables_go_by_code_modulo_1024():
    weights, darks = lookup([-1, 3], np.arange(1024) - 500, np.arange(1024))
    assert weights.tolist() == [523, -497]
    assert darks.tolist() == [1023, 3]
