# SPDX-License-Identifier: BSD-2-Clause
"""A line of 2,048 pixels without scene memory, over every backend: frames of many slices, kernel sequences, words that never come."""

import numpy as np
import pytest

import macropix.host
from macropix.gateware.config import Config, SceneForm
from macropix.gateware.registers import SCENE, Feature
from macropix.gateware.wire import Op, Read, Scene
from macropix.host.errors import DeviceError, UserError
from macropix.host.oracle import Check
from macropix.host.scan import scan

ROWS, COLS = 8, 2048
CONFIG = Config(rows=ROWS, cols=COLS, scene=SceneForm.STREAMED)
WORDS = (ROWS - 2) * (COLS - 2)


@pytest.fixture(scope="module")
def wide(url):
    if url.partition("://")[0] not in ("model", "rtl"):
        pytest.skip("a served device is what its server was told, not what the URL says")
    with macropix.host.open(f"{url}?rows={ROWS}&cols={COLS}&scene=streamed", timeout=60, seed=4) as device:
        yield device


@pytest.fixture
def device(wide):
    wide.reset()
    wide.claim()
    wide.load_kernel(0, "laplacian")
    wide.load_kernel(1, "sobel_y")
    return wide


def scene(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.minimum(np.kron(rng.integers(0, 60000, (2, 128)), np.ones((4, 16), int)) + rng.integers(0, 5000, (ROWS, COLS)), 65504).astype(
        np.uint16
    )


def words(device, count: int, at: int = 0) -> list:
    return [(Op.WRITE, SCENE.base + at + done, [7] * min(256, count - done), 0) for done in range(0, count, 256)]


def test_it_says_what_it_is(device):
    assert Feature.STREAMED_SCENE in device.info.features
    assert device.info.config_hash == CONFIG.hash == device.config.hash


@pytest.mark.parametrize("read", list(Read))
def test_every_pixel_of_a_wide_line(device, read):
    """Two kernels and two shots: four exposures, each sent its pixels anew, one run behind the other."""
    check, picture = Check(CONFIG), scene(read.value)
    device.sequence([1, 0])
    device.registers.update(read=read, mode="auto", threshold=40, pattern_amplitude=9)
    device.load_scene(picture)
    frames = list(device.capture(2))
    assert [(frame.kernel, frame.shot) for frame in frames] == [(1, 0), (0, 0), (1, 1), (0, 1)]
    for frame in frames:
        check.frame(frame, scene=picture)
    assert frames[0].slices == -(-frames[0].pixels // 1024)
    assert check.total.compared == 4 * frames[0].pixels
    assert check.total.nonzero > check.total.compared // 8
    assert check.total.differing == 0
    device.ledger().check()


def test_scenes_one_behind_the_other(device):
    check, pictures = Check(CONFIG), [scene(seed) for seed in (5, 6, 7)]
    device.registers.update(mode="edge", threshold=60)
    found = list(scan(device, pictures))
    assert [number for number, _ in found] == [0, 1, 2]
    for number, frame in found:
        check.frame(frame, scene=pictures[number])
    assert check.total.differing == 0 < check.total.nonzero


def test_a_test_scene_needs_no_words(device):
    device.registers.update(scene_source=Scene.PRBS, mode="edge", threshold=100)
    assert Check(CONFIG).frame(device.snap()).differing == 0


@pytest.mark.parametrize(("sent", "slices"), [(0, 0), (1, 1), (5000, 1), (7000, 3), (WORDS - 1, 8)])
def test_words_that_never_come(device, sent, slices):
    """STOP abandons what has begun: no frame of it, its slices are all accounted for, and the next run is right."""
    device.registers.update(mode="edge", threshold=200)
    device.load_scene(scene(8))
    device.start(2)
    device.link.run(words(device, sent))
    assert not device.status().idle
    device.stop()
    assert list(device.frames()) == []
    status, ledger = device.status(), device.ledger()
    assert (status.frames_done, status.shots_done) == (0, 0)
    assert ledger.produced == ledger.sent == ledger.received == slices
    assert ledger.frames_incomplete == (slices > 0)
    frame = device.snap()
    assert frame.shot == (slices > 0)
    assert Check(CONFIG).frame(frame, scene=device.scene).differing == 0


def test_a_claim_in_mid_exposure(device):
    device.load_scene(scene(9))
    device.start(0)
    device.link.run(words(device, 3000))
    device.claim()
    assert device.status().idle
    device.registers.update(mode="edge", threshold=100)
    frame = device.snap()
    assert frame.shot == 0
    assert Check(CONFIG).frame(frame, scene=device.scene).differing == 0
    device.ledger().check()


def test_what_is_refused(device):
    """Words before the start, out of their order, and commands that would wait for words behind them: refused, and nothing else happens."""
    device.load_scene(scene(10))
    with pytest.raises(DeviceError, match="refused WRITE of 0x8000"):
        device.link.run(words(device, 4))
    device.start(1)
    device.registers.update(threshold=300, mode="edge")  # nothing has come yet: it acts on the exposure
    device.link.run([(Op.WRITE, SCENE.base, [1, 2, 3], 0)])
    early, late = (Op.WRITE, SCENE.base + 2, [1], 0), (Op.WRITE, SCENE.base + 4, [1], 0)
    for request in (early, late, (Op.WRITE, 0x0100, [1], 0), (Op.READ, 0x0100, (), 1)):
        with pytest.raises(DeviceError, match="it waits for other words of a streamed scene"):
            device.link.run([request])
    assert device.link.read(0x0000, 1) == [0]
    device.link.run(words(device, WORDS - 3, 3))
    device._feeder.begin(0)
    (frame,) = device.frames()
    picture = np.full((ROWS, COLS), 7, np.uint16)
    picture[1, 1:4] = 1, 2, 3
    assert frame.settings.threshold == 300
    assert Check(CONFIG).frame(frame, scene=picture).differing == 0


def test_no_scene_at_all():
    device = macropix.host.open("model://?rows=8&cols=9&scene=streamed")
    with device, pytest.raises(UserError, match="no scene memory, and no scene was given"):
        device.snap()
