# SPDX-License-Identifier: BSD-2-Clause
"""A picture taken as a recipe says, over the golden model; and what is wrong with one is noticed."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import macropix.host
from macropix.gateware.wire import Read, ThresholdMode
from macropix.host.errors import MismatchError, UserError
from macropix.host.image import read_image
from macropix.host.mosaic import Mosaic
from macropix.host.oracle import Check, Comparison, compare, config_of, golden
from macropix.host.recipe import Recipe
from macropix.host.run import Run, raw_bytes
from macropix.host.scan import scan
from macropix.host.store.hdf5 import CaptureFile

X1 = Path(__file__).parents[2].parent / "shared" / "images" / "baggage" / "X1.png"


@pytest.fixture
def device():
    with macropix.host.open("model://", seed=3) as opened:
        yield opened


def scene(rows: int = 40, cols: int = 70) -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.minimum(
        np.kron(rng.integers(0, 60000, (rows // 5, cols // 5)), np.ones((5, 5), int)) + rng.integers(0, 3000, (rows, cols)), 65504
    ).astype(np.uint16)


def laplacian(image: np.ndarray) -> np.ndarray:
    """y of the paper's Laplacian at time 256 and gain 0, by the words of docs/numbers.md."""
    padded = np.pad(image.astype(np.int64), 1, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    s = windows[..., 1, 1] * 256 - 32 * (windows.sum(axis=(2, 3)) - windows[..., 1, 1])
    q = np.clip((s * 256 + (1 << 15)) >> 16, -131072, 131071)
    return np.clip((q + 16) >> 5, -2048, 2047)


@pytest.mark.parametrize(("mode", "sign"), [("edge", "abs"), ("auto", "pos"), ("edge", "neg"), ("raw", "abs")])
def test_a_mosaic_is_what_convolution_says(device, tmp_path, mode, sign):
    image = scene()
    recipe = Recipe(mosaic=True, threshold="60", threshold_mode=sign, mode=mode)
    taken = Run(device, recipe, image).take(tmp_path / "a.h5", check=True)
    y = laplacian(image)
    sent = {"abs": abs(y) >= 60, "pos": y >= 60, "neg": y <= -60}[sign] if mode != "raw" else np.ones_like(y, bool)
    np.testing.assert_array_equal(taken.canvas.sent, sent)
    np.testing.assert_array_equal(taken.canvas.image, np.where(sent, y, 0))
    assert taken.trouble is None
    assert taken.check_whole
    assert (taken.check.compared, taken.check.differing) == (y.size, 0)
    assert (taken.pixels_total, taken.pixels_sent) == (y.size, int(sent.sum()))
    with CaptureFile(tmp_path / "a.h5") as file:
        assert len(file) == taken.frames == 2 * 3
        assert file.column("tile_col").tolist() == [0, 1, 2, 0, 1, 2]
        np.testing.assert_array_equal(file.scene, image)
        assert Recipe.of(file.facts["recipe"]) == recipe
        assert file.facts["threshold_source"] == "60 ADC LSB"
        assert sum(frame.wire_bytes for frame in file) == taken.bytes_on_wire


def test_bytes_of_raw_frames():
    assert raw_bytes(784) == 1176 + 24
    assert raw_bytes(1025) == 1536 + 24 + 2 + 24


def test_raw_mode_costs_what_raw_costs(device):
    taken = Run(device, Recipe(mosaic=True, mode="raw", threshold="0"), scene()).take()
    assert taken.bytes_on_wire == taken.bytes_raw


def test_several_frames_of_each_tile(device):
    taken = Run(device, Recipe(mosaic=True, frames=3), scene()).take(check=True)
    assert (taken.frames, taken.check.compared, taken.check.differing) == (18, 3 * 2800, 0)


@pytest.mark.parametrize("stride", [0, 1, 3])
def test_noise_and_pattern_are_held_against_each_tile(device, stride):
    registers = {"noise_signal": 20, "noise_reset": 30, "pattern_amplitude": 60}
    recipe = Recipe(mosaic=True, cds=False, mode="raw", threshold="0", stride=stride, frames=2, registers=registers)
    taken = Run(device, recipe, scene()).take(check=True)
    assert not taken.check_whole
    assert taken.check.differing == 0
    assert taken.check.compared == 2 * taken.mosaic.pixels or taken.check.compared >= 2 * taken.mosaic.pixels


def test_thresholds_from_a_capture(device):
    image, run = scene(), Run(device, Recipe(mosaic=True, threshold="5%"), scene())
    y = laplacian(image)
    taken = run.take()
    assert taken.threshold_lsb == -(-5 * int(abs(y).max()) // 100)
    np.testing.assert_array_equal(taken.raw, y)
    taken = Run(device, Recipe(mosaic=True, threshold="10%sent"), image).take()
    assert taken.pixels_sent <= 0.1 * y.size
    assert (abs(y) >= taken.threshold_lsb - 1).sum() > 0.1 * y.size
    assert taken.threshold_source == "10%sent of the pixels of a raw pre-capture"
    noisy = Run(device, Recipe(mosaic=True, threshold="3sigma", registers={"noise_signal": 60}), image).take(check=True)
    assert 1 < noisy.threshold_lsb < 100
    assert noisy.check.differing == 0
    with pytest.raises(UserError, match="the flat frames have no spread"):
        Run(device, Recipe(mosaic=True, threshold="3sigma"), image).take()


def test_a_test_scene_of_the_device(device):
    taken = Run(device, Recipe(threshold="1", registers={"scene_source": "prbs"}), None).take(check=True)
    assert taken.check.compared == 784
    assert taken.check.nonzero > 500
    assert taken.check.differing == 0


def test_registers_of_the_run_before_do_not_linger(device):
    Run(device, Recipe(registers={"base": 7, "noise_signal": 100}), scene(30, 30)).take()
    taken = Run(device, Recipe(mosaic=True), scene()).take(check=True)
    assert taken.check_whole
    assert device.registers.base == 1024


def test_a_wrong_pixel_is_noticed(device, monkeypatch):
    image = scene()
    run = Run(device, Recipe(mosaic=True, threshold="60"), image)
    wrong = image.copy()
    wrong[20, 20] ^= 0x4000
    run.mosaic = Mosaic(wrong, device.geometry, Read.SLIDING)
    original = list(Mosaic(image, device.geometry, Read.SLIDING))

    def other(device, scenes, shots):
        return scan(device, (tile.scene for _, tile in zip(scenes, original, strict=True)), shots)

    monkeypatch.setattr("macropix.host.run.scan", other)
    taken = run.take(check=True)
    assert 0 < taken.check.differing <= 9
    assert isinstance(taken.trouble, MismatchError)
    assert taken.trouble.exit_status == 6


def test_a_wrong_pixel_of_a_single_tile_is_noticed(device):
    check = Check(config_of(device.info, device.config))
    device.registers.update(read="sliding", mode="raw")
    device.load_kernel(0, "identity")
    image = scene(30, 30)
    image = np.pad(image, 1)
    device.load_scene(image)
    frame = device.snap()
    assert check.frame(frame, scene=image).differing == 0
    image[10, 10] ^= 0x2000
    assert check.frame(frame, scene=image).differing == 1
    assert check.total == Comparison(2 * 784, check.total.nonzero, 1)


def test_compare_counts_what_is_sent_and_what_is_worth():
    values, sent = np.array([1, 2, 0, 0]), np.array([True, True, False, False])
    assert compare(values, sent, values, sent) == Comparison(4, 2, 0)
    assert compare(values, sent, np.array([1, 3, 0, 0]), sent).differing == 1
    assert compare(values, sent, values, np.array([True, True, True, False])).differing == 1
    assert compare(values[:3], sent[:3], values, sent) == Comparison(4, 2, 4)


def test_config_from_status_alone(device):
    assert config_of(device.info, None) == dataclasses.replace(device.config, fifo_bytes=8192, lane_bits=10)


def test_no_golden_model(monkeypatch):
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: ())
    with pytest.raises(UserError, match="no golden model is installed"):
        golden()


@pytest.mark.skipif(not X1.is_file(), reason=f"{X1} is not there")
def test_the_paper_s_own_definition(device):
    """46.1 % of the pen case: Laplacian, y ≥ 1 (issue 2)."""
    picture = read_image(X1)
    taken = Run(device, Recipe(mosaic=True, threshold="1", threshold_mode="pos"), picture.scene).take(check=True)
    assert round(100 * taken.pixels_sent / taken.pixels_total, 1) == 46.1
    assert taken.check_whole
    assert taken.check == Comparison(501 * 315, taken.pixels_sent, 0)
    assert ThresholdMode(device.registers["threshold_mode"]) is ThresholdMode.POS
