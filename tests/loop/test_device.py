# SPDX-License-Identifier: BSD-2-Clause
"""The host against every backend: what is written is read back, what is exposed is what golden computes, and the ledger adds up."""

import numpy as np
import pytest

import macropix.host
from macropix.gateware.config import Config
from macropix.gateware.registers import CONTROL, STATUS, WINDOWS, features
from macropix.gateware.wire import Error, Mode, Op, Read, Scene, Tap, ThresholdMode
from macropix.host import CaptureFile, kernels, record
from macropix.host.command import command
from macropix.host.errors import DeviceError
from macropix.sim.golden.die import expose

CONFIG = Config()


def scene_of(seed: int) -> np.ndarray:
    """Blocks, a slope and noise: something for every kernel, white and black included."""
    rng = np.random.default_rng(seed)
    scene = np.kron(rng.integers(0, 65505, (8, 8)), np.ones((4, 4), int)) + rng.integers(-900, 900, (32, 32))
    return np.clip(scene, 0, 65504).astype(np.uint16)


def golden(device, frame, pedestal=None, mask=None):
    """The golden model's frame of the scene that was loaded, never of what the device sent."""
    return expose(
        CONFIG,
        device.scene,
        frame.settings.registers,
        frame.settings.weights,
        frame.settings.darks,
        shot=frame.shot & 0xFFFF,
        kernel=frame.kernel,
        pedestal=pedestal,
        mask=mask,
    )


def check(device, frame, **maps) -> int:
    """Every pixel, sent or not. Gives the number of pixels that aren't 0."""
    want = golden(device, frame, **maps)
    raw = frame.settings.mode is Mode.RAW or frame.settings.tap is not Tap.OUT
    sent = np.ones(want.sent.shape, bool) if raw else want.sent
    assert (frame.sent == sent).all()
    assert (frame.image == np.where(sent, want.value, 0)).all()
    assert frame.saturated.value == int(np.bitwise_or.reduce(want.saturated, axis=None))
    return int(np.count_nonzero(frame.image))


def test_info(device):
    info = device.info
    assert (info.protocol_major, info.rows, info.cols, info.border, info.macro, info.kernels) == (1, 32, 32, 1, 3, 8)
    assert info.config_hash == CONFIG.hash
    if device.config is not None:  # a served device tells what it is by its registers alone
        assert device.config == CONFIG
    assert info.features == features(CONFIG)
    assert device.status().epoch == device.epoch == device.registers["epoch"]


@pytest.mark.parametrize("name", list(CONTROL))
def test_every_register_reads_back(device, name):
    register = CONTROL[name]
    for value in (register.minimum, register.maximum, register.reset):
        device.registers[name] = value
        back = device.registers[name]
        assert int(getattr(back, "value", back)) == value


def test_every_status_register_reads_as_in_the_packet(device):
    list(device.capture(2))
    status = device.status().to_dict()
    for name in STATUS:
        if name not in ("device_time", "commands_done"):
            assert int(device.registers[name]) == status[name], name


@pytest.mark.parametrize("name", list(WINDOWS))
def test_every_window_reads_back(device, name):
    window = WINDOWS[name]
    depth = window.depth(CONFIG)
    if name == "bias":
        depth = 9
    rng = np.random.default_rng(3)
    low = -(1 << (window.width - 1)) if window.signed else 0
    words = rng.integers(low, low + (1 << window.width), depth) & 0xFFFF
    if name == "pedestal":
        words &= 0x8FFF
    device._write_window(window, 0, words)
    for at in (0, depth // 2, depth - 1):
        (word,) = device.link.read(window.base + at, 1)
        assert (word ^ int(words[at])) & ((1 << window.width) - 1) == 0
    if name != "bias":
        with pytest.raises(DeviceError, match=Error.ADDRESS.name):
            device.link.read(max(window.base + depth, 0), 1) if name not in ("weight", "scene") else device.link.read(0x0F00, 1)


@pytest.mark.parametrize("name", kernels.names())
@pytest.mark.parametrize("read", list(Read))
def test_every_kernel(device, name, read):
    device.load_scene(scene_of(1))
    device.load_kernel(3, name)
    device.sequence([3])
    device.registers.update(read=read, mode="raw")
    # in the 1 × 1 read the centre alone acts: a kernel without one sees nothing, and one with a positive one nothing negative
    weights = kernels.get(name).weights if read is not Read.SINGLE else kernels.get(name).weights[1, 1]
    nonzero = check(device, device.snap())
    assert nonzero > 50 if np.any(weights) else nonzero == 0
    for mode, threshold_mode, threshold in (
        ("edge", "abs", 40),
        ("edge", "pos", 1),
        ("edge", "neg", 200),
        ("auto", "abs", 7),
        ("auto", "abs", 0),
    ):
        device.registers.update(mode=mode, threshold_mode=threshold_mode, threshold=threshold)
        nonzero = check(device, device.snap())
        assert (nonzero > 0) == bool(np.any(weights < 0 if threshold_mode == "neg" else weights))
    assert device.ledger().ok


@pytest.mark.parametrize("tap", list(Tap))
def test_taps(device, tap):
    device.load_scene(scene_of(2))
    device.load_kernel(0, "sobel_x")
    device.registers.update(tap=tap, pattern_amplitude=7, noise_reset=9, noise_signal=5, cds=0, gain=1)
    for _ in range(2):
        assert check(device, device.snap()) > 500
    assert device.ledger().ok


@pytest.mark.parametrize(
    "registers",
    [
        {"time": 0},
        {"time": 4095},
        {"gain": 5},
        {"cds": 0, "base": 4095, "pattern_amplitude": 255},
        {"well_low": 0},
        {"well_low": -500, "well_high": 700, "test_charge": 300},
        {"noise_signal": 255, "noise_reset": 255, "seed": 0xDEADBEEF},
    ],
)
def test_the_analogue_chain(device, registers):
    device.load_scene(scene_of(3))
    device.load_kernel(0, "laplacian")
    device.registers.update(**registers)
    for _ in range(2):
        check(device, device.snap())
    assert device.ledger().ok


def test_response_table(device):
    rng = np.random.default_rng(4)
    device.load_scene(scene_of(4))
    device.load_response(rng.integers(-512, 512, 1024), rng.integers(-2048, 2048, 1024))
    device.load_kernel(0, rng.integers(-512, 512, (3, 3)))
    assert check(device, device.snap()) > 100


def test_pedestal_and_mask(device):
    rng = np.random.default_rng(5)
    device.load_scene(scene_of(5))
    device.load_kernel(0, "laplacian")
    pedestal, mask = rng.integers(-2048, 2048, (28, 28)), rng.random((28, 28)) < 0.1
    device.load_pedestal(pedestal, mask)
    frame = device.snap()
    check(device, frame, pedestal=pedestal, mask=mask)
    assert (frame.masked == mask).all()
    assert (np.flatnonzero(mask) == frame.masked_index).all()
    device.registers.update(mode="edge", threshold=100)
    frame = device.snap()
    check(device, frame, pedestal=pedestal, mask=mask)
    assert not (frame.sent & mask).any()


@pytest.mark.parametrize("source", [scene for scene in Scene if scene is not Scene.MEMORY])
def test_scenes_of_its_own(device, source):
    device.load_kernel(0, "identity")
    device.registers.update(scene_source=source, scene_level=40000, seed=99, read="single")
    for frame in device.capture(3):
        check(device, frame)


def test_sequence_and_shots(device):
    device.load_scene(scene_of(6))
    for place, name in enumerate(("identity", "laplacian", "sobel_y", "kirsch_ne")):
        device.load_kernel(place, name)
    device.sequence([3, 1, 0, 2])
    device.registers.update(mode="edge", threshold=30, noise_signal=30)
    frames = list(device.capture(5))
    assert [frame.kernel for frame in frames] == [3, 1, 0, 2] * 5
    assert [frame.shot for frame in frames] == [shot for shot in range(5) for _ in range(4)]
    times = [frame.time for frame in frames]
    assert times == sorted(set(times))
    for frame in frames:
        check(device, frame)
    ledger = device.ledger()
    assert ledger.ok
    assert (ledger.frames, ledger.produced) == (20, 20)
    assert device.status().shots_done == 5


def test_shots_go_on_between_claims(device):
    assert [device.snap().shot for _ in range(3)] == [0, 1, 2]
    device.claim()
    assert device.snap().shot == 0


def test_free_run_with_changes_on_the_way(device):
    device.load_scene(scene_of(7))
    device.load_kernel(0, "laplacian")
    device.registers.update(mode="edge", threshold=1)
    seen = []
    for frame in device.capture(0):
        check(device, frame)
        seen.append(frame)
        if len(seen) == 4:
            device.registers.threshold = 300
        if frame.settings.threshold == 300 and frame.kernel_name == "laplacian":
            device.load_kernel(0, "sobel_x")
        if frame.kernel_name == "sobel_x":
            break
        assert len(seen) < 3000
    assert {(frame.settings.threshold, frame.kernel_name) for frame in seen} == {(1, "laplacian"), (300, "laplacian"), (300, "sobel_x")}
    assert device.status().idle
    ledger = device.ledger()
    assert ledger.balanced
    assert ledger.lost == 0


def test_scene_changes_while_it_runs(device):
    """Writes wait for the end of the exposure: a frame sees all words of a command or none."""
    device.load_kernel(0, "identity")
    device.registers.update(read="single", mode="raw")
    device.load_scene(np.full((32, 32), 256))
    for n, frame in enumerate(device.capture(0)):
        rows = frame.image
        assert np.isin(rows, (8, 800)).all()
        first = (np.diff(rows[1:, :].reshape(-1)) != 0).sum()
        assert first <= 8
        if n == 3:
            device.load_scene(np.full((32, 32), 256 * 100))
        if (rows == 800).all():
            break
        assert n < 3000
    assert device.ledger().balanced


def test_busy(device):
    device.start(0)
    with pytest.raises(DeviceError, match="still running"):
        device.link.run([(macropix.host.device.Op.START, 0, (), 0)])
    device.stop()
    assert device.ledger().triggers_missed == 1


def test_nothing_sent(device):
    device.load_scene(np.full((32, 32), 1000))
    device.load_kernel(0, "laplacian")
    device.registers.update(mode="edge", threshold=2)
    frame = device.snap()
    assert (frame.index.size, frame.wire_bytes) == (0, 24)
    assert device.ledger().ok


def test_capture_file(device, tmp_path):
    device.load_scene(scene_of(8))
    device.load_kernel(0, "laplacian")
    device.registers.update(mode="auto", threshold=25, threshold_mode=ThresholdMode.POS)
    with record(device, tmp_path / "run.h5", scene=device.scene) as recorder:
        frames = list(device.capture(20))
    assert recorder.ledger.ok
    with CaptureFile(tmp_path / "run.h5") as file:
        assert file.complete
        for one, stored, anew in zip(frames, file, file.decode(), strict=True):
            assert (one.image == stored.image).all()
            assert (one.sent == anew.sent).all()
            assert (one.time, one.shot) == (stored.time, stored.shot) == (anew.time, anew.shot)


def test_same_seed_same_stream(url, tmp_path):
    """The same calls, the same epochs: the same bytes, time stamps included."""
    if url not in ("model://", "rtl://"):
        pytest.skip("a served device has a past, and a time of its own")
    streams = []
    for name in ("one.h5", "two.h5"):
        with macropix.host.open(url, timeout=30, seed=3) as device:
            device.load_scene(scene_of(9))
            device.load_kernel(0, "laplacian")
            device.registers.update(mode="edge", threshold=10, noise_signal=40, seed=5)
            with record(device, tmp_path / name):
                list(device.capture(10))
        with CaptureFile(tmp_path / name) as file:
            streams.append(b"".join(file.raw()))
    assert streams[0] == streams[1]


def test_closing_in_the_middle(alone):
    with pytest.raises(ZeroDivisionError), macropix.host.open(alone, timeout=30, seed=4) as device:
        for _ in device.capture(0):
            1 / 0
    with pytest.raises(DeviceError):
        device.status()


def test_a_command_that_stops_in_the_middle_is_given_up(device):
    """Behind 2^16 silent clocks: what comes then is heard at once."""
    transport = device.link.transport
    before, repeats, threshold = device.status(), device.link.repeats, device.registers.threshold
    transport.write(command(Op.WRITE, 1, device.epoch, CONTROL["threshold"].address, [threshold ^ 1])[:15])
    for _ in range(20):  # each ends when the device has been silent for longer than a frame takes
        assert transport.read(0.1) == b""
    status = device.status()
    assert status.commands_corrupt - before.commands_corrupt == 1
    assert device.registers.threshold == threshold
    assert device.link.repeats == repeats
