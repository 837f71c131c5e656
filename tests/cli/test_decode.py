# SPDX-License-Identifier: BSD-2-Clause
"""``macropix decode``: capture files and bare bytes, whole and damaged."""

import shutil

import h5py
import numpy as np
import tifffile
from PIL import Image

from macropix.gateware.wire import Kind
from macropix.host.decode.bytes import PacketDecoder
from macropix.host.store.hdf5 import CaptureFile


def test_decode_a_capture_file(told, recorded, tmp_path):
    status, found = told("decode", recorded, "-o", tmp_path / "a.tif")
    assert status == 0
    assert found["frames"] == found["frames_stored"] == 6
    assert found["frames_differing"] == found["stream_bytes_skipped"] == 0
    joined = tifffile.imread(tmp_path / "a.tif")
    assert joined.shape == (50, 70), "the mosaic joined"
    with CaptureFile(recorded) as file:
        np.testing.assert_array_equal(joined[28:, 28:56], file[4].image[:22])
        assert np.count_nonzero(joined[28:, 28:56]) > 0
    status, _ = told("decode", recorded, "--frame", 2, "-o", tmp_path / "a.png")
    assert status == 0
    with Image.open(tmp_path / "a.png") as shown:
        assert shown.size == (28, 28)


def test_decode_bare_bytes(told, recorded, tmp_path):
    with CaptureFile(recorded) as file:
        data = b"".join(file.raw())
    (tmp_path / "run.bin").write_bytes(data)
    status, found = told("decode", tmp_path / "run.bin", "-o", tmp_path / "all.tif")
    assert (status, found["frames"], found["stream_bytes"]) == (0, 6, len(data))
    with tifffile.TiffFile(tmp_path / "all.tif") as pages:
        assert len(pages.pages) == 6
    last = [packet for packet in PacketDecoder().feed(data) if packet.kind == Kind.DATA.value][-1]
    # through the last slice, and through the status packet behind it
    for end, frames, lost in ((last.offset + last.size - 1, 5, 0), (last.offset + last.size + 30, 6, None)):
        (tmp_path / "cut.bin").write_bytes(data[:end])
        status, found = told("decode", tmp_path / "cut.bin")
        assert status == 5
        assert found["error"]["kind"] == "data_lost"
        assert "the end is missing" in found["error"]["message"]
        assert found["frames"] == found["ledger"]["received"] == frames
        assert found["ledger"]["lost"] == lost, "None: slices have come since the last status, nobody knows"
    begins = data.index(b"\xa5", 600)
    (tmp_path / "late.bin").write_bytes(data[begins:])
    status, found = told("decode", f"file://{tmp_path}/late.bin?rows=32&cols=32")
    assert found["frames"] > 0


def test_decode_a_damaged_capture_file(told, recorded, tmp_path):
    """One bit of one slice: that slice is lost, the others are compared with their own twins, and none is laid in another's place."""
    with CaptureFile(recorded) as file:
        packets = PacketDecoder().feed(b"".join(file.raw()))
        second = [one for one in packets if one.kind == Kind.DATA.value][1]
        last = file[5].image
    shutil.copy(recorded, tmp_path / "bad.h5")
    with h5py.File(tmp_path / "bad.h5", "r+") as file:
        file["raw/stream"][second.offset + 22] ^= 4
    status, found = told("decode", tmp_path / "bad.h5", "-o", tmp_path / "bad.tif")
    assert status == 5
    assert (found["frames"], found["frames_stored"], found["frames_missing"], found["frames_differing"]) == (5, 6, 1, 0)
    assert (found["ledger"]["sent"], found["ledger"]["received"], found["ledger"]["lost"]) == (6, 5, 1)
    assert found["stream_bytes_skipped"] == second.size
    assert "1 of 6 stored frames missing, 1 slices lost on the link" in found["error"]["message"]
    joined = tifffile.imread(tmp_path / "bad.tif")
    np.testing.assert_array_equal(joined[28:, 56:], last[:22, :14])
    assert not joined[:28, 28:56].any()
    status, found = told("decode", tmp_path / "bad.h5", "--frame", 1, "-o", tmp_path / "lost.png")
    assert status == 2
    assert "frame 1 was lost" in found["message"]
