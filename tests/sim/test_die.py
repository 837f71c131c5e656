# SPDX-License-Identifier: BSD-2-Clause
"""One exposure: scenes, maps, and what is refused."""

import numpy as np
import pytest

from macropix.gateware.config import Config
from macropix.gateware.wire import Saturation, Tap
from macropix.sim.golden.die import expose, reset_registers

CONFIG = Config(rows=10, cols=12)
IDENTITY = ([0] * 4 + [256] + [0] * 4, [0] * 9)


def take(scene=None, **changes):
    maps = {name: changes.pop(name) for name in ("pedestal", "mask") if name in changes}
    return expose(CONFIG, scene, {**reset_registers(), **changes}, *IDENTITY, shot=2, kernel=1, **maps)


def test_a_dark_scene_is_dark():
    frame = take(np.zeros((10, 12), np.uint16))
    assert frame.value.shape == (6, 8)
    assert not frame.value.any()
    assert not frame.saturated.any()
    assert set(frame.taps) == set(Tap)


def test_white_is_full_scale_and_unclipped():
    frame = take(scene_source=3)
    assert (frame.value == 2047).all()
    assert not frame.saturated.any()
    brighter = take(scene_source=3, scene_level=65535)
    assert (brighter.value == 2047).all()
    assert (brighter.saturated == Saturation.ADC.value).all()


def test_every_stage_counts_what_it_clips():
    frame = take(scene_source=3, well_high=100)
    assert frame.counts["saturated_di"] == 48
    frame = take(scene_source=3, gain=5)
    assert (frame.counts["saturated_pga"], frame.counts["saturated_adc"]) == (48, 48)
    frame = take(scene_source=3, base=4095, pattern_amplitude=255)
    assert 40 < frame.counts["saturated_cds"] <= 48
    frame = take(scene_source=3, pedestal_enable=1, pedestal=np.full(80, -1))
    assert (frame.counts["saturated_adc"], frame.counts["saturated_pedestal"]) == (0, 48)
    assert (frame.saturated == Saturation.ADC.value).all()


def test_maps_go_by_macro_pixel_number():
    pedestal = np.arange(80)
    mask = np.zeros(80, bool)
    mask[7] = True
    frame = take(scene_source=3, pedestal_enable=1, mask_enable=1, pedestal=pedestal, mask=mask)
    assert np.array_equal(frame.value.ravel(), 2047 - np.arange(48))
    assert np.flatnonzero(frame.masked).tolist() == [7]
    assert np.flatnonzero(~frame.sent).tolist() == [7]
    plain = take(scene_source=3, pedestal=pedestal, mask=mask)
    assert (plain.value == 2047).all()
    assert not plain.masked.any()


def test_the_tap_selects():
    for tap in Tap:
        frame = take(scene_source=5, noise_signal=9, gain=1, pedestal_enable=1, pedestal=np.full(80, 5), tap=tap.value)
        assert frame.tap is tap
        assert frame.value is frame.taps[tap]
    assert len({frame.taps[tap].tobytes() for tap in Tap}) == 6


def test_cds_takes_noise_of_the_reset_away_but_not_of_the_signal():
    quiet = take(scene_source=5)
    assert np.array_equal(take(scene_source=5, noise_reset=50, pattern_amplitude=100).value, quiet.value)
    assert not np.array_equal(take(scene_source=5, noise_signal=50).value, quiet.value)
    assert not np.array_equal(take(scene_source=5, noise_reset=50, cds=0).value, take(scene_source=5, cds=0).value)


def test_noise_goes_by_seed_shot_and_kernel():
    def noisy(seed, shot, kernel):
        registers = {**reset_registers(), "scene_source": 3, "scene_level": 1000, "noise_signal": 60, "seed": seed}
        return expose(CONFIG, None, registers, *IDENTITY, shot=shot, kernel=kernel).value.tobytes()

    assert noisy(1, 0, 0) == noisy(1, 0, 0)
    assert len({noisy(1, 0, 0), noisy(2, 0, 0), noisy(1, 1, 0), noisy(1, 0, 1)}) == 4


def test_no_scene():
    with pytest.raises(ValueError, match="scene_source is MEMORY, but there is no scene"):
        take()
    with pytest.raises(ValueError, match="a scene is 10 × 12 pixels, not 12 × 10"):
        take(np.zeros((12, 10), np.uint16))
