# SPDX-License-Identifier: BSD-2-Clause
"""Pictures on disk: what is written is what was meant, and half a file is never seen."""

import errno
import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from macropix.host.errors import UserError
from macropix.host.store import files
from macropix.host.store.png import edge_grey, grey, mask, png_bytes, write_png
from macropix.host.store.tiff import write_tiff

VALUES = np.array([[0, 5, -5], [100, -200, 2047]], np.int32)


def test_grey():
    assert grey(np.array([[0, 100, 200, -7]])).tolist() == [[0, 127, 255, 0]]
    assert grey(np.zeros((2, 2), int)).max() == 0


def test_edges_around_mid_grey():
    shown = edge_grey(np.array([[0, 10, -10, 5]]))
    assert shown[0, 0] == 128
    assert shown[0, 1] == 255
    assert shown[0, 2] == 1
    assert 128 < shown[0, 3] < 255
    assert (edge_grey(np.zeros((2, 2), int)) == 128).all()


def test_mask():
    assert mask(np.array([[True, False]])).tolist() == [[255, 0]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_holds_the_values(tmp_path, dtype):
    values = np.arange(12, dtype=dtype).reshape(3, 4) * 20
    write_png(tmp_path / "a.png", values)
    with Image.open(tmp_path / "a.png") as image:
        assert (np.asarray(image) == values).all()
    assert (np.asarray(Image.open(io.BytesIO(png_bytes(np.dstack([values.astype(np.uint8)] * 3))))).shape) == (3, 4, 3)
    with pytest.raises(ValueError, match="a PNG holds u8 or u16, not int32"):
        png_bytes(VALUES)


def test_tiff_holds_the_values(tmp_path):
    write_tiff(tmp_path / "a.tif", VALUES, description="y")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].dtype == np.int16
        assert file.pages[0].description == "y"
        assert (file.asarray() == VALUES).all()
    write_tiff(tmp_path / "b.tif", [VALUES, VALUES * 100_000])
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert len(file.pages) == 2
        assert (file.pages[1].asarray() == VALUES * 100_000).all()
    with pytest.raises(ValueError, match="at least one page"):
        write_tiff(tmp_path / "c.tif", [])


def test_nothing_half_written(tmp_path):
    target = tmp_path / "a.png"
    target.write_text("old")

    def stop():
        with files.replacing(target) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_told(tmp_path, code):
    def fill():
        with files.replacing(tmp_path / "a.png") as temporary:
            temporary.write_text("half")
            raise OSError(code, "No space left on device")

    with pytest.raises(UserError, match="no room to write"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written(tmp_path):
    with pytest.raises(UserError, match=r"the output folder .*none does not exist \(make it first\)"):
        write_png(tmp_path / "none" / "a.png", np.zeros((2, 2), np.uint8))
    with pytest.raises(UserError, match=r"is a folder; expected a file name"):
        write_png(tmp_path, np.zeros((2, 2), np.uint8))
