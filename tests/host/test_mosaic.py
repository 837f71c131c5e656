# SPDX-License-Identifier: BSD-2-Clause
"""The tiles' valid areas join: pad by replication, then crop."""

import numpy as np
import pytest

from macropix.gateware.wire import Read
from macropix.host.errors import UserError
from macropix.host.geometry import Geometry
from macropix.host.mosaic import Mosaic

G32 = Geometry(rows=32, cols=32, border=1, macro=3)
ODD = Geometry(rows=13, cols=17, border=2, macro=3)
FIVE = Geometry(rows=20, cols=16, border=1, macro=5)


def picture(rows: int, cols: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 65536, (rows, cols)).astype(np.uint16)


def array_sees(scene: np.ndarray, geometry: Geometry, read: Read) -> np.ndarray:
    """What an array makes of a scene, by the plainest rule: the sum of each macro-pixel, weighted so that places are told apart."""
    b, m = geometry.border, geometry.macro
    inner = scene[b : geometry.rows - b, b : geometry.cols - b].astype(np.int64)
    if read is Read.SINGLE:
        return inner
    weights = np.arange(1, m * m + 1).reshape(m, m)
    step = 1 if read is Read.SLIDING else m
    rows, cols = geometry.shape(read)
    return np.array([[(inner[r * step : r * step + m, c * step : c * step + m] * weights).sum() for c in range(cols)] for r in range(rows)])


def whole(image: np.ndarray, macro: int, read: Read) -> np.ndarray:
    """The same rule over the whole image, padded as rule 6 says."""
    if read is Read.SINGLE:
        return image.astype(np.int64)
    if read is Read.SLIDING:
        image = np.pad(image, macro // 2, mode="edge")
    else:
        image = np.pad(image, ((0, -image.shape[0] % macro), (0, -image.shape[1] % macro)), mode="edge")
    weights, step = np.arange(1, macro * macro + 1).reshape(macro, macro), 1 if read is Read.SLIDING else macro
    rows, cols = (image.shape[0] - macro) // step + 1, (image.shape[1] - macro) // step + 1
    windows = np.lib.stride_tricks.sliding_window_view(image.astype(np.int64), (macro, macro))[::step, ::step]
    return (windows * weights).sum(axis=(2, 3))[:rows, :cols]


@pytest.mark.parametrize("geometry", [G32, ODD, FIVE], ids=["32", "odd", "five"])
@pytest.mark.parametrize("read", list(Read))
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (9, 13), (30, 30), (28, 28), (29, 31), (60, 61), (97, 45)])
def test_tiles_join_to_the_whole_image(geometry, read, shape):
    image = picture(*shape)
    mosaic = Mosaic(image, geometry, read)
    canvas = mosaic.canvas()
    tiles = list(mosaic)
    assert len(tiles) == len(mosaic)
    assert [tile.number for tile in tiles] == list(range(len(mosaic)))
    laid = 0
    for tile in tiles:
        assert tile.scene.shape == (geometry.rows, geometry.cols)
        assert tile.scene.dtype == np.uint16
        frame = array_sees(tile.scene, geometry, read)
        laid += canvas.lay(tile, frame, frame % 2 == 0)
    expected = whole(image, geometry.macro, read)
    assert canvas.complete
    assert laid == expected.size == mosaic.pixels
    np.testing.assert_array_equal(canvas.image, expected)
    np.testing.assert_array_equal(canvas.sent, expected % 2 == 0)


def test_sizes():
    image = picture(501, 315)
    assert len(Mosaic(image, G32, Read.SLIDING)) == 18 * 12
    assert Mosaic(image, G32, Read.SLIDING).shape == (501, 315)
    assert Mosaic(image, G32, Read.SINGLE).grid == (17, 11)
    assert Mosaic(image, G32, Read.TILES).shape == (167, 105)


def test_incomplete_is_told():
    mosaic = Mosaic(picture(40, 40), G32, Read.SINGLE)
    canvas = mosaic.canvas()
    for tile in list(mosaic)[:-1]:
        canvas.lay(tile, np.zeros((30, 30)), np.ones((30, 30), bool))
    assert not canvas.complete
    assert canvas.seen.sum() == 1500


def test_a_frame_of_another_shape_is_refused():
    mosaic = Mosaic(picture(40, 40), G32, Read.SINGLE)
    with pytest.raises(ValueError, match=r"a frame of \(28, 28\) in a mosaic of frames of \(30, 30\)"):
        mosaic.canvas().lay(next(iter(mosaic)), np.zeros((28, 28)), np.zeros((28, 28), bool))


def test_single():
    scene = picture(32, 32)
    mosaic = Mosaic.single(scene, G32, Read.SLIDING)
    (tile,) = list(mosaic)
    np.testing.assert_array_equal(tile.scene, scene)
    assert mosaic.shape == (28, 28)
    assert not mosaic.joined
    (tile,) = list(Mosaic.single(scene[:5, :7], G32, Read.SLIDING))
    np.testing.assert_array_equal(tile.scene[:5, :7], scene[:5, :7])
    assert (tile.scene[5:, 7:] == scene[4, 6]).all()
    with pytest.raises(UserError, match=r"larger than the array; expected at most 32 × 32 pixels, found 33 × 32 \(--mosaic"):
        Mosaic.single(picture(33, 32), G32, Read.SLIDING)


@pytest.mark.parametrize("image", [np.zeros((4, 4)), np.zeros((4, 4, 3), np.uint16), np.zeros((0, 4), np.uint16)])
def test_what_is_no_scene_is_refused(image):
    with pytest.raises(UserError, match="a mosaic is made of a grey u16 image"):
        Mosaic(image, G32, Read.SINGLE)
