# SPDX-License-Identifier: BSD-2-Clause
"""The compiled golden model is held to the plain one, which is held to scipy: every kernel, read, threshold, and values at every limit."""

import numpy as np
import pytest

from macropix.gateware.config import Config
from macropix.gateware.registers import CONTROL
from macropix.gateware.wire import Mode, Read, Scene, Tap, ThresholdMode
from macropix.host import kernels
from macropix.sim.golden.die import expose, reset_registers
from macropix.sim.golden.fast import expose_stack, fits
from macropix.sim.golden.settings import Settings

SMALL = {3: Config(rows=23, cols=45), 5: Config(rows=19, cols=26, macro=5)}


def scenes_of(config: Config, seed: int) -> np.ndarray:
    """Noise, all there is of 16 bits, black, white, and a checker of both."""
    rng = np.random.default_rng(seed)
    shape = (config.rows, config.cols)
    checker = (np.add.outer(*map(np.arange, shape)) % 2 * 65535).astype(np.uint16)
    noise = [rng.integers(0, top, shape, dtype=np.uint16) for top in (65535, 65505, 3)]
    return np.stack([*noise, np.zeros(shape, np.uint16), np.full(shape, 65535, np.uint16), checker, 65535 - checker])


def same(config: Config, registers: dict, weights, darks, seed: int = 1, pedestal=None, mask=None) -> np.ndarray:
    """Holds both models to each other; all values, to see that they say something."""
    scenes = scenes_of(config, seed)
    value, sent = expose_stack(config, scenes, registers, weights, darks, pedestal=pedestal, mask=mask)
    for scene, one, past in zip(scenes, value, sent, strict=True):
        plain = expose(config, scene, registers, weights, darks, pedestal=pedestal, mask=mask)
        np.testing.assert_array_equal(one, plain.value)
        np.testing.assert_array_equal(past, plain.sent)
    return value


@pytest.mark.parametrize("macro", [3, 5])
@pytest.mark.parametrize("read", list(Read))
def test_every_kernel(macro, read):
    for seed, name in enumerate(kernels.names(macro)):
        codes = kernels.get(name, macro).codes.reshape(-1)
        registers = {**reset_registers(), "read": read.value, "threshold": 17, "threshold_mode": list(ThresholdMode)[seed % 3].value}
        value = same(SMALL[macro], registers, codes, np.zeros(macro**2, int), seed)
        assert value.any() or (read is Read.SINGLE and codes[macro**2 // 2] == 0)


@pytest.mark.parametrize("mode", list(ThresholdMode))
@pytest.mark.parametrize("threshold", [0, 1, 2047])
def test_thresholds(mode, threshold):
    registers = {**reset_registers(), "threshold": threshold, "threshold_mode": mode.value}
    same(SMALL[3], registers, kernels.get("laplacian").codes.reshape(-1), np.zeros(9, int))


@pytest.mark.parametrize("seed", range(30))
def test_anything_the_registers_can_hold(seed):
    """Weights to ±512, darks to ±2048, every gain, wells that cross, times to 4,095, maps: where all that clips does."""
    rng = np.random.default_rng(seed)
    macro = int(rng.choice([3, 3, 5]))
    config = SMALL[macro]
    registers = reset_registers()
    for name in ("time", "gain", "cds", "well_low", "well_high", "test_charge", "base", "threshold", "threshold_mode", "read"):
        register = CONTROL[name]
        if rng.random() < 0.6:
            registers[name] = int(rng.choice([register.minimum, register.maximum, rng.integers(register.minimum, register.maximum + 1)]))
    registers |= {"pedestal_enable": int(rng.integers(2)), "mask_enable": int(rng.integers(2)), "mode": Mode.AUTO.value}
    extreme = rng.choice([-512, 511], macro**2) if seed % 2 else rng.integers(-512, 512, macro**2)
    darks = rng.choice([-2048, 2047], macro**2) if seed % 3 else np.zeros(macro**2, int)
    pedestal = rng.integers(-2048, 2048, config.max_outputs)
    mask = rng.random(config.max_outputs) < 0.2
    same(config, registers, extreme, darks, seed, pedestal, mask)


def test_the_largest_sums_do_not_wrap():
    """5 × 5 at full weight and white: 25 · 511 · 65,535 + 25 · 256 · 2,047 needs 31 bits."""
    registers = {**reset_registers(), "time": 1}
    for weight, dark in ((511, 2047), (-512, -2048)):
        value = same(SMALL[5], registers, np.full(25, weight), np.full(25, dark))
        assert abs(int(value[4, 0, 0])) > 100


def test_the_result_goes_where_it_is_wanted():
    config, scenes = SMALL[3], scenes_of(SMALL[3], 1)
    codes, darks = kernels.get("sobel-x").codes.reshape(-1), np.zeros(9, int)
    value, sent = expose_stack(config, scenes, reset_registers(), codes, darks)
    again = np.full_like(value, 99), np.zeros_like(sent)
    expose_stack(config, scenes, reset_registers(), codes, darks, value=again[0], sent=again[1])
    np.testing.assert_array_equal(again[0], value)
    np.testing.assert_array_equal(again[1], sent)


@pytest.mark.parametrize(
    "changes",
    [{"noise_reset": 1}, {"noise_signal": 1}, {"pattern_amplitude": 1}, {"tap": Tap.DI.value}, {"scene_source": Scene.FLAT.value}],
)
def test_what_differs_from_frame_to_frame_is_refused(changes):
    registers = {**reset_registers(), **changes}
    assert not fits(Settings.of(SMALL[3], registers))
    with pytest.raises(ValueError, match="noise, pattern"):
        expose_stack(SMALL[3], scenes_of(SMALL[3], 1), registers, [0] * 9, [0] * 9)


def test_scenes_of_another_shape_or_type_are_refused():
    for scenes in (np.zeros((2, 23, 44), np.uint16), np.zeros((23, 45), np.uint16), np.zeros((2, 23, 45), np.int32)):
        with pytest.raises(ValueError, match="scenes are u16"):
            expose_stack(SMALL[3], scenes, reset_registers(), [0] * 9, [0] * 9)
