# SPDX-License-Identifier: BSD-2-Clause
"""A frame: sparse columns and dense arrays of the same thing; sent is not the same as not 0."""

import io

import numpy as np
import pytest
from PIL import Image

from macropix.gateware.wire import Read, Saturation, Tap
from macropix.host.frame import Frame
from macropix.host.geometry import Geometry
from macropix.host.settings import FRAME_REGISTERS, Settings


def settings(**registers) -> Settings:
    values = {register.name: register.reset for register in FRAME_REGISTERS}
    return Settings(registers={**values, **registers}, weights=(0,) * 9, darks=(0,) * 9, kernel=0, kernel_name="mine")


def frame(index, value, *, masked=(), of: Settings | None = None, tap: Tap = Tap.OUT) -> Frame:
    return Frame(
        rows=2, cols=3, index=np.array(index, np.uint32), value=np.array(value, np.int32), shot=1, kernel=0, tap=tap, time=5, tag=6,
        epoch=7, saturated=Saturation(0), slices=1, wire_bytes=30, masked_index=np.array(masked, np.uint32), settings=of,
    )  # fmt: skip


def test_dense():
    one = frame([0, 2, 4], [5, 0, -7])
    assert one.image.tolist() == [[5, 0, 0], [0, -7, 0]]
    assert one.sent.tolist() == [[True, False, True], [False, True, False]]
    assert one.edges.tolist() == one.image.tolist()
    assert not one.masked.any()
    assert (one.shape, one.pixels, one.share) == ((2, 3), 6, 0.5)
    assert np.asarray(one).tolist() == one.image.tolist()
    assert np.array(one, np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="always a copy"):
        np.array(one, copy=False)


def test_edges_of_a_raw_frame():
    raw = frame(range(6), [5, -5, 4, -9, 0, 9], masked=[5], of=settings(threshold=5))
    assert raw.edges.tolist() == [[5, -5, 0], [-9, 0, 0]]
    assert frame(range(6), [5, -5, 4, -9, 0, 9], of=settings(threshold=5, threshold_mode=1)).edges.tolist() == [[5, 0, 0], [0, 0, 9]]
    assert frame(range(6), [5, -5, 4, -9, 0, 9], of=settings(threshold=5, threshold_mode=2)).edges.tolist() == [[0, -5, 0], [-9, 0, 0]]
    assert frame(range(6), [5, -5, 4, -9, 0, 9], of=settings()).edges.tolist() == [[5, -5, 4], [-9, 0, 9]]
    sums = frame(range(6), [5, 4, 3, 2, 1, 0], of=settings(threshold=5, tap=1), tap=Tap.SUM)
    assert (sums.edges == sums.image).all()


def test_masked_by_map():
    mask = np.array([[0, 0, 1], [0, 0, 0]], bool)
    plain = settings(mask_enable=1)
    of = Settings(registers=plain.registers, weights=(), darks=(), kernel=0, mask=mask)
    assert frame([0], [1], of=of).masked.tolist() == mask.tolist()


def test_picture():
    assert frame([0, 1], [0, 10]).picture().tolist() == [[0, 255, 0], [0, 0, 0]]
    assert frame([0, 1], [-10, 5]).picture().tolist() == [[1, 192, 128], [128, 128, 128]]
    assert frame([], []).picture().tolist() == [[0, 0, 0], [0, 0, 0]]


def test_notebook():
    png = Image.open(io.BytesIO(frame([0, 1], [0, 10])._repr_png_()))
    assert png.size == (279, 186)
    assert np.asarray(png)[0, 100] == 255


def test_repr():
    assert repr(frame([1], [2], of=settings())) == "<Frame 2 × 3, shot 1, mine, OUT: 1 of 6 sent, 30 bytes>"
    assert "kernel 0" in repr(frame([1], [2]))


def test_geometry():
    geometry = Geometry(rows=32, cols=32, border=1, macro=3)
    assert [geometry.shape(read) for read in (Read.SINGLE, Read.SLIDING, Read.TILES)] == [(30, 30), (28, 28), (10, 10)]
    assert [geometry.read_of(n) for n in (900, 784, 100, 101)] == [Read.SINGLE, Read.SLIDING, Read.TILES, None]
    five = Geometry(rows=32, cols=32, border=1, macro=5)
    assert [five.shape(read) for read in (Read.SLIDING, Read.TILES)] == [(26, 26), (6, 6)]
