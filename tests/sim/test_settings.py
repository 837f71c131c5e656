# SPDX-License-Identifier: BSD-2-Clause
"""What stored values act as, and the tag."""

import numpy as np
import pytest

from macropix.gateware import registers
from macropix.gateware.config import Config
from macropix.gateware.wire import Mode, Read, Scene, Tap, ThresholdMode
from macropix.sim.golden.settings import Settings, reset_registers, tag


def test_reset_values_are_the_register_maps():
    assert reset_registers() == {name: register.reset for name, register in registers.CONTROL.items()}


def test_the_tag_is_the_gatewares():
    rng = np.random.default_rng(4)
    for _ in range(20):
        values = {register.name: int(rng.integers(register.minimum, register.maximum + 1)) for register in registers.CONTROL.values()}
        weights, darks = rng.integers(-512, 512, 9), rng.integers(-2048, 2048, 9)
        assert tag(values, weights, darks) == registers.tag(values, weights, darks)


def test_the_tag_covers_every_latched_register_and_no_other():
    zero = [0] * 9
    plain = tag(reset_registers(), zero, zero)
    for register in registers.CONTROL.values():
        other = {**reset_registers(), register.name: register.reset ^ 1}
        assert (tag(other, zero, zero) != plain) == register.frame, register.name
    assert tag(reset_registers(), [1, *zero[1:]], zero) != tag(reset_registers(), zero, [1, *zero[1:]])


@pytest.mark.parametrize(
    ("name", "stored", "acts"),
    [
        ("read", 3, Read.SINGLE), ("mode", 3, Mode.RAW), ("threshold_mode", 3, ThresholdMode.ABS), ("tap", 6, Tap.OUT),
        ("tap", 7, Tap.OUT), ("scene_source", 6, Scene.MEMORY), ("scene_source", 7, Scene.MEMORY), ("gain", 6, 5), ("gain", 7, 5),
        ("tap", 5, Tap.ADC), ("read", 2, Read.TILES), ("gain", 5, 5),
    ],
)  # fmt: skip
def test_values_without_a_meaning(name, stored, acts):
    assert getattr(Settings.of(Config(), {**reset_registers(), name: stored}), name) == acts


def test_what_is_left_out_acts_as_zero():
    full = {
        **reset_registers(),
        "pattern_amplitude": 3,
        "noise_reset": 4,
        "noise_signal": 5,
        "pedestal_enable": 1,
        "mask_enable": 1,
        "tap": 2,
    }
    bare = Settings.of(Config(noise=False, pedestal_map=False, taps=False), full)
    assert (bare.pattern_amplitude, bare.noise_reset, bare.noise_signal) == (0, 0, 0)
    assert (bare.pedestal_enable, bare.mask_enable, bare.tap) == (0, 0, Tap.OUT)
    whole = Settings.of(Config(), full)
    assert (whole.noise_reset, whole.mask_enable, whole.tap) == (4, 1, Tap.DI)
