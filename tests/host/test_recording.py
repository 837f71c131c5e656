# SPDX-License-Identifier: BSD-2-Clause
"""Recorded streams behind the device's reading half: capture files and bare bytes."""

import numpy as np
import pytest

from macropix.host import CaptureFile, record
from macropix.host import open as open_device
from macropix.host.decode.bytes import PacketDecoder
from macropix.host.errors import UserError
from macropix.sim.golden.packets import packet


@pytest.fixture
def run(device, tmp_path):
    device.load_scene(np.random.default_rng(1).integers(0, 65000, (12, 12)))
    device.load_kernel(0, "laplacian")
    device.registers.update(mode="edge", threshold=50)
    with record(device, tmp_path / "run.h5"):
        frames = list(device.capture(5))
    with CaptureFile(tmp_path / "run.h5") as file:
        (tmp_path / "stream.bin").write_bytes(b"".join(file.raw()))
    return frames, tmp_path


@pytest.mark.parametrize("name", ["run.h5", "stream.bin", "stream.bin?chunk=1", "stream.bin?chunk=100"])
def test_replay(run, name):
    frames, folder = run
    with open_device(f"file://{folder}/{name}") as recording:
        got = list(recording.capture())
        assert len(got) == 5
        for one, other in zip(frames, got):
            assert (one.image == other.image).all()
            assert (one.sent == other.sent).all()
            assert (one.shot, one.tag, one.time, one.epoch) == (other.shot, other.tag, other.time, other.epoch)
            assert (other.settings is None) == ("bin" in name)
        ledger = recording.ledger()
        assert ledger.ok
        assert ledger.received == 5
        assert recording.status().rows == 12
        assert recording.geometry.rows == 12
        assert recording.config is None
        assert recording.url.endswith(name)


def test_some_shots(run):
    with open_device(f"file://{run[1]}/run.h5") as recording:
        assert [frame.shot for frame in recording.capture(2)] == [0, 1]


@pytest.mark.parametrize("name", ["load_scene", "registers", "start", "snap"])
def test_no_commands(run, name):
    with open_device(f"file://{run[1]}/run.h5") as recording:
        with pytest.raises(UserError, match=f"is a recording: it takes no commands, so there is no {name}"):
            getattr(recording, name)
        with pytest.raises(UserError, match="it takes no commands"):
            recording.transport.write(b"x")
        with pytest.raises(AttributeError):
            _ = recording.nonsense


def test_truncated_stream(run):
    path = run[1] / "stream.bin"
    path.write_bytes(path.read_bytes()[:-100])
    with open_device(f"file://{path}") as recording:
        frames = list(recording.frames())
        assert len(frames) == 5
        assert recording.decoder.statistics.end_missing


def test_damaged_stream(run):
    path = run[1] / "stream.bin"
    data = bytearray(path.read_bytes())
    third = [one for one in PacketDecoder().feed(bytes(data)) if one.kind == 0][2]
    data[third.offset + 30] ^= 0xFF
    path.write_bytes(bytes(data))
    with open_device(f"file://{path}") as recording:
        assert len(list(recording.frames())) == 4
        assert recording.ledger().lost == 1
        assert not recording.ledger().ok


def test_stream_without_status(run):
    path = run[1] / "data.bin"
    data = packet(0, b"", first=1, last=1, positions=1, values=1, number=7, epoch=9, count=63)
    path.write_bytes(data + packet(0, b"", first=1, last=1, positions=1, values=1, number=9, epoch=9, count=63))
    with open_device(f"file://{path}") as recording, pytest.raises(UserError, match="no status packet has told the size of the array"):
        list(recording.frames())
    with open_device(f"file://{path}?rows=12&cols=12") as recording:
        assert [frame.shape for frame in recording.frames()] == [(8, 8), (8, 8)]
        assert recording._assembler.statistics.missing == 1
        assert recording.statistics.missing == 1
        assert recording.ledger() is None
        with pytest.raises(UserError, match="there was no status packet so far"):
            recording.status()


def test_two_claims_in_one_stream(device, tmp_path):
    chunks: list[bytes] = []
    device.link.on_raw.append(chunks.append)
    for _ in range(2):
        device.claim()
        list(device.capture(3))
    (tmp_path / "two.bin").write_bytes(b"".join(chunks))
    with open_device(f"file://{tmp_path}/two.bin") as recording:
        assert [frame.shot for frame in recording.frames()] == [0, 1, 2, 0, 1, 2]
        assert recording.ledger().ok


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("file://", "names no file"),
        ("file:///no/such/file", "can't be read; expected|can't be read, found No such file"),
        ("file:///tmp", "Is a directory"),
        ("file://x?chunk=0", "option 'chunk' is a number of bytes, not '0'"),
        ("file://x?speed=2", "unknown option 'speed'"),
    ],
)
def test_bad_urls(url, message):
    with pytest.raises(UserError, match=message):
        open_device(url)


def test_garbage(tmp_path):
    (tmp_path / "x.bin").write_bytes(b"\xa5garbage" * 100)
    with open_device(f"file://{tmp_path}/x.bin") as recording:
        assert list(recording.frames()) == []
        assert recording.ledger() is None
