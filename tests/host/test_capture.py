# SPDX-License-Identifier: BSD-2-Clause
"""Captures into files: self-sufficient, whole or not there, and honest about how they ended."""

import errno
import io
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from macropix.gateware.registers import CONTROL
from macropix.host import CaptureFile, record
from macropix.host import open as open_device
from macropix.host.decode.bytes import PacketDecoder
from macropix.host.errors import DataLostError, DeviceError, UserError
from macropix.host.frame import Frame
from macropix.host.store.column import OutputFile


def same(one: Frame, other: Frame) -> None:
    """Every field and every pixel."""
    for name in ("rows", "cols", "shot", "kernel", "tap", "time", "tag", "epoch", "saturated", "slices", "wire_bytes"):
        assert getattr(one, name) == getattr(other, name), name
    for name in ("index", "value", "masked_index", "image", "edges", "sent", "masked"):
        assert (getattr(one, name) == getattr(other, name)).all(), name
    assert one.settings.to_dict() == other.settings.to_dict()


def taken(device, path, **options) -> list[Frame]:
    """Two kernels, a mask, noise, and a change of mode on the way."""
    scene = np.random.default_rng(1).integers(0, 65000, (12, 12)).astype(np.uint16)
    device.load_scene(scene)
    device.load_kernel(0, "laplacian")
    device.load_kernel(1, "sobel_x")
    device.sequence([0, 1])
    mask = np.zeros((8, 8), bool)
    mask[3, 4] = True
    device.load_pedestal(np.full((8, 8), 3), mask)
    device.registers.update(mode="edge", threshold=100, noise_signal=20)
    frames = []
    with record(device, path, scene=scene, scene_facts={"source": "random", "shape": [12, 12]}, columns=("tile",), **options) as recorder:
        for tile in range(4):
            recorder.note(tile=tile)
            if tile == 2:
                device.registers.mode = "raw"
            frames += device.capture(3)
        recorder.fact(threshold_lsb=100)
        recorder.log("all tiles taken")
    return frames


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.h5"


def test_file_holds_the_frames(device, path):
    frames = taken(device, path)
    assert len(frames) == 24
    assert os.listdir(path.parent) == ["run.h5"]
    with CaptureFile(path) as file:
        assert len(file) == 24
        for one, other in zip(frames, file, strict=True):
            same(one, other)
        same(file[-1], frames[-1])
        same(file[5], frames[5])
        with pytest.raises(IndexError, match="holds 24 frames: no frame 24"):
            file[24]


def test_raw_stream_decoded_anew_is_what_the_columns_say(device, path):
    taken(device, path)
    with CaptureFile(path) as file:
        for one, other in zip(file, file.decode(), strict=True):
            same(one, other)
        assert b"".join(file.raw(7)) == b"".join(file.raw())
        chunks = file.file["raw/chunk_end"][()]
        assert chunks[-1] == len(b"".join(file.raw()))
        assert (np.diff(chunks) > 0).all()


def test_damage_in_the_raw_stream_would_be_noticed(device, path):
    taken(device, path)
    with h5py.File(path, "r+") as file:
        stream = file["raw/stream"]
        some = [one for one in PacketDecoder().feed(stream[()].tobytes()) if one.kind == 0][7]
        stream[some.offset + 40] ^= 1
    with CaptureFile(path) as file:
        assert len(list(file.decode())) == 23


def test_everything_beside_the_frames(device, path):
    taken(device, path, facts={"threshold_source": "100", "nested": {"a": [1, 2]}})
    with CaptureFile(path) as file:
        assert file.complete
        assert file.attributes()["format_version"] == "1.0"
        assert file.attributes()["protocol_version"] == "1.0"
        assert file.attributes()["url"] == "model://damaged"
        assert file.attributes()["seed"] == 1
        assert file.attributes()["ended"] == "ok"
        assert file.epoch == device.epoch
        assert file.begin.rows == 12
        assert file.ledger == device.ledger()
        assert file.ledger.ok
        assert file.registers == {**device.registers.values(), "mode": 1, "shots": 1}
        assert file.facts == {"threshold_source": "100", "nested": {"a": [1, 2]}, "threshold_lsb": 100}
        assert file.scene_facts == {"source": "random", "shape": [12, 12]}
        assert (file.scene == device.scene).all()
        assert file.kernels[1][0] == "sobel_x"
        assert file.kernels[1][1].tolist() == [[-128, 0, 128], [-256, 0, 256], [-128, 0, 128]]
        assert (file.file["response/weight"][()] == device.mirror.weight).all()
        assert file.column("tile").tolist() == [tile for tile in range(4) for _ in range(6)]
        assert [text for _, text in file.log][1] == "all tiles taken"
        assert set(file.settings[0].registers) == {name for name, one in CONTROL.items() if one.frame}
        assert len(file.settings) == 4
        assert (
            file.attributes("device")["configuration"] == device.config.to_json()
            or file.attributes("device")["configuration"]["rows"] == 12
        )
        with pytest.raises(UserError, match="has no column 'tyle'"):
            file.column("tyle")
        assert "24 frames" in repr(file)
    assert "closed" in repr(file)


def test_a_file_has_an_epoch_of_its_own(device, path, tmp_path):
    taken(device, path)
    taken(device, tmp_path / "second.h5")
    with CaptureFile(path) as one, CaptureFile(tmp_path / "second.h5") as other:
        assert one.epoch != other.epoch
        assert one[0].shot == other[0].shot == 0
        assert (one[0].image == other[0].image).all()  # the noise begins anew with the shots


def test_documented(device, path):
    """docs/file.md names every group and dataset there is, and no other."""
    taken(device, path)
    text = (Path(__file__).parents[2] / "docs" / "file.md").read_text()
    found: list[str] = []
    attributes: list[str] = []

    def note(name, item):
        if isinstance(item, h5py.Dataset):
            found.append(name)
        if name not in ("registers", "device/begin", "device/end", "facts", "scene", "ledger"):
            attributes.extend(f"{name}.{one}" for one in item.attrs)

    with h5py.File(path) as file:
        file.visititems(note)
        attributes.extend(file.attrs)
    for name in found:
        documented = name.replace("maps/0", "maps/N").replace("frames/tile", "frames/COLUMN")
        assert f"`{documented}`" in text, name
    for name in attributes:
        assert f"`{name.rpartition('.')[2]}`" in text, name
    for name in re.findall(r"^\| `((?:raw|frames|settings|maps|kernels|response|scene|log)/\w+(?:/\w+)?)`", text, re.MULTILINE):
        assert name.replace("maps/N", "maps/0").replace("frames/COLUMN", "frames/tile") in found, name


def test_interrupted(device, path):
    with pytest.raises(KeyboardInterrupt), record(device, path):
        for n, _ in enumerate(device.capture(0)):
            if n == 4:
                raise KeyboardInterrupt
    assert not device.running
    with CaptureFile(path) as file:
        assert not file.complete
        assert file.attributes()["ended"].startswith("KeyboardInterrupt")
        assert len(file) >= 5
        assert file.ledger.ok
        for one, other in zip(file, file.decode(), strict=True):
            same(one, other)


def test_device_fails_on_the_way(device, transport, path):
    with pytest.raises(DeviceError, match="gone"), record(device, path):
        for n, _ in enumerate(device.capture(0)):
            transport.gone = n == 4
    with CaptureFile(path) as file:
        assert not file.complete
        assert "DeviceError" in file.attributes()["ended"]
        assert len(file) >= 5


def test_device_fails_only_when_asked_for_its_ledger(device, transport, path):
    with pytest.raises(DeviceError, match="gone"), record(device, path):
        list(device.capture(3))
        transport.gone = True
    with CaptureFile(path) as file:
        assert not file.complete
        assert len(file) == 3


def test_loss_is_in_the_file(device, transport, path):
    with record(device, path) as recorder:
        seen = [0]

        def up(data: bytes) -> bytes:
            seen[0] += bool(data)
            return data[:25] + data[26:] if seen[0] == 6 else data

        transport.up = up
        list(device.capture(12))
        transport.up = lambda data: data
    assert recorder.ledger.lost == 1
    with pytest.raises(DataLostError):
        recorder.ledger.check()
    with CaptureFile(path) as file:
        assert not file.complete
        assert file.attributes()["ended"] == "DataLostError: data was lost"
        assert file.ledger.lost == 1
        assert len(file) == 11


@pytest.mark.parametrize("error", [UserError("no"), ValueError("bug"), SystemExit(1)])
def test_other_exceptions_leave_no_file(device, path, error):
    with pytest.raises(type(error)), record(device, path):
        list(device.capture(2))
        raise error
    assert os.listdir(path.parent) == []
    assert device.link.on_raw == [] == device.link.on_frame == device.on_settings


def test_an_older_file_stays_until_the_new_one_is_whole(device, path):
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="bug"), record(device, path):
        raise ValueError("bug")
    assert path.read_bytes() == b"old"
    with record(device, path):
        list(device.capture(1))
    assert len(CaptureFile(path)) == 1


def test_killed(path):
    """SIGKILL in the middle: nothing under the final name."""
    script = textwrap.dedent(
        f"""
        import macropix.host
        with macropix.host.open("model://?rows=12&cols=12") as device, macropix.host.record(device, {str(path)!r}):
            for n, _ in enumerate(device.capture(0)):
                if n == 20:
                    print("running", flush=True)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"running\n"
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    finally:
        process.kill()
        process.stdout.close()
    assert not path.exists()


def fail_after(monkeypatch, count: int) -> None:
    """The disk is full from the count-th byte on."""
    left = [count]

    def limited(file: io.FileIO, data) -> int:
        size = memoryview(data).nbytes
        if left[0] < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left[0] -= size
        return io.FileIO.write(file, data)

    monkeypatch.setattr(OutputFile, "put", limited)


@pytest.mark.parametrize("room", [0, 100, 20_000, 60_000, 150_000])
def test_disk_full(device, path, monkeypatch, room):
    fail_after(monkeypatch, room)
    with pytest.raises(UserError, match=r"No space left on device") as caught, record(device, path):
        for _ in device.capture(3):
            pass
        for _ in range(200):
            device.link.on_raw[0](os.urandom(4096))
    assert str(path) in str(caught.value)
    assert os.listdir(path.parent) == []
    assert not device.running
    assert device.snap() is not None


def test_disk_full_for_real(tmp_path):
    """A limit on file size set by the system, in a process of its own: an error in words, and no crash at its end."""
    script = textwrap.dedent(
        f"""
        import resource, signal, sys
        import macropix.host
        from macropix.host.errors import UserError
        device = macropix.host.open("model://?rows=12&cols=12")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50000, 50000))
        try:
            with device, macropix.host.record(device, {str(tmp_path / "run.h5")!r}):
                for _ in device.capture(3000):
                    pass
        except UserError as error:
            print(error)
            sys.exit(2)
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2, done.stderr
    assert "no room to write" in done.stdout
    assert done.stderr == ""
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [("missing/run.h5", "the output folder .*missing does not exist"), (".", "is a folder")],
)
def test_no_place_for_the_file(device, tmp_path, name, message):
    with pytest.raises(UserError, match=message), record(device, tmp_path / name):
        pass
    assert device.snap() is not None


def test_recording_does_not_begin_in_a_capture(device, path):
    device.start(0)
    with pytest.raises(UserError, match="stop it before a recording begins"):
        record(device, path)
    device.stop()


def test_columns_and_notes(device, path):
    with pytest.raises(UserError, match="has a column 'shot' of its own"), record(device, path, columns=("shot",)):
        pass
    assert os.listdir(path.parent) == []
    with (
        pytest.raises(UserError, match="this file has no column 'row'; expected tile"),
        record(device, path, columns=("tile",)) as recorder,
    ):
        recorder.note(row=1)


def test_memory_is_bounded_over_a_long_capture(device, path):
    """Buffers are written out on the way: what is held doesn't grow with the number of frames."""
    with record(device, path) as recorder:
        most = 0
        for frame in device.capture(9000):
            most = max(most, sum(len(column.parts) for column in recorder.writer._all()))
            del frame
        assert recorder.frames == 9000
        assert recorder.writer._stream.data.shape[0] > 0
    assert most < 22 * 4100
    assert len(CaptureFile(path)) == 9000


def test_empty_capture(device, path):
    with record(device, path):
        pass
    with CaptureFile(path) as file:
        assert file.complete
        assert len(file) == 0
        assert list(file) == list(file.decode()) == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "there is no file"),
        (lambda path: path.write_bytes(b""), "can't be read as a capture file"),
        (lambda path: path.write_bytes(b"no HDF5" * 100), "can't be read as a capture file"),
        (lambda path: h5py.File(path, "w").close(), "an HDF5 file, but not a capture of ours; expected macropix capture, found no format"),
        (lambda path: path.mkdir(), "can't be read as a capture file"),
    ],
)
def test_foreign_files(path, make, message):
    make(path)
    with pytest.raises(UserError, match=message):
        CaptureFile(path)


def test_truncated_file(device, path):
    taken(device, path)
    whole = path.read_bytes()
    for share in (0.999, 0.9, 0.5, 0.1):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(UserError, match="expected a whole HDF5 file, found a truncated file"):
            CaptureFile(path)


def test_newer_format(device, path):
    taken(device, path)
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = "2.3"
    with pytest.raises(UserError, match=r"expected file format 1\.0 or older, found 2\.3 \(pip install --upgrade macropix\)"):
        CaptureFile(path)
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = "1.7"
    CaptureFile(path).close()


@pytest.mark.parametrize("name", ["settings", "device", "settings/registers"])
def test_something_missing(device, path, name):
    taken(device, path)
    with h5py.File(path, "r+") as file:
        del file[name]
    with pytest.raises(UserError, match="something is missing in this capture file"):
        CaptureFile(path)


def test_same_seed_same_bytes(tmp_path):
    streams = []
    for name in ("one.h5", "two.h5"):
        with open_device("model://?rows=12&cols=12", seed=5) as device:
            taken(device, tmp_path / name)
        with CaptureFile(tmp_path / name) as file:
            streams.append(b"".join(file.raw()))
        time.sleep(0.01)
    assert streams[0] == streams[1]
