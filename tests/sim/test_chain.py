# SPDX-License-Identifier: BSD-2-Clause
"""Integrator, double sampling, gain, converter and pedestal, at their edges, by hand."""

import numpy as np
import pytest

from macropix.sim.golden.adc import convert
from macropix.sim.golden.cds import pattern, sample
from macropix.sim.golden.integrator import integrate
from macropix.sim.golden.narrow import rounded
from macropix.sim.golden.pedestal import subtract
from macropix.sim.golden.pga import amplify


def array(*values):
    return np.array(values, np.int64)


def lists(pair):
    return pair[0].tolist(), pair[1].tolist()


def test_rounding_is_to_nearest_halves_up():
    exact = array(-33, -32, -31, -17, -16, -15, 15, 16, 17, 31, 32, 33, 47, 48)
    assert rounded(exact, 5).tolist() == [int(np.floor(v / 32 + 0.5)) for v in exact]
    assert rounded(array(-16, 16), 5).tolist() == [0, 1]


OPEN = {"well_low": -131072, "well_high": 131071}


class TestIntegrator:
    def test_unit_time_is_a_256th(self):
        # 256 · x · 256 / 2^16 = x
        assert lists(integrate(array(256 * 65504, -256 * 7), time=256, test_charge=0, **OPEN)) == ([65504, -7], [False, False])

    def test_halves_go_up(self):
        assert integrate(array(32767, 32768, -32768, -32769), time=1, test_charge=0, **OPEN)[0].tolist() == [0, 1, 0, -1]

    def test_the_test_charge_comes_before_the_well(self):
        assert lists(integrate(array(0), time=0, test_charge=500, well_low=0, well_high=400)) == ([400], [True])

    def test_wells(self):
        s = array(-10, -9, 0, 9, 10) << 16
        assert lists(integrate(s, time=1, test_charge=0, well_low=-9, well_high=9)) == (
            [-9, -9, 0, 9, 9],
            [True, False, False, False, True],
        )

    def test_the_largest_sum_and_time(self):
        s = array(25 * (512 * 65535 + 2048 * 256))
        assert lists(integrate(s, time=4095, test_charge=0, **OPEN)) == ([131071], [True])

    def test_a_well_upside_down_reads_its_upper_end(self):
        assert integrate(array(0), time=0, test_charge=0, well_low=5, well_high=-5)[0].tolist() == [-5]


class TestCds:
    def test_on_takes_reset_level_and_pattern_away(self):
        d, clipped = sample(array(100, -100), base=1024, pattern=array(3, 4), n1=array(-5, 6), n2=array(1, -2), cds=1)
        assert (d.tolist(), clipped.tolist()) == ([101, -102], [False, False])

    def test_off_shows_them(self):
        d, _ = sample(array(100, -100), base=1024, pattern=array(3, 4), n1=array(-5, 6), n2=array(1, -2), cds=0)
        assert d.tolist() == [1024 + 3 - 5 + 100 + 1, 1024 + 4 + 6 - 100 - 2]

    def test_the_reset_level_clips_at_both_ends_and_still_cancels(self):
        d, clipped = sample(array(7, 7, 7), base=4000, pattern=array(95, 96, 0), n1=array(0, 0, -4001), n2=0, cds=1)
        assert d.tolist() == [7, 7, 7]
        assert clipped.tolist() == [False, True, True]
        d, _ = sample(array(7, 7), base=4000, pattern=array(96, 0), n1=array(0, -4001), n2=0, cds=0)
        assert d.tolist() == [4095 + 7, 7]

    def test_the_difference_clips(self):
        d, clipped = sample(array(131071, 131071, -131072, -131072), base=0, pattern=0, n1=0, n2=array(0, 1, 0, -1), cds=1)
        assert d.tolist() == [131071, 131071, -131072, -131072]
        assert clipped.tolist() == [False, True, False, True]

    def test_pattern_by_hand(self):
        # (0, 0): z = 0x3C6F; z ^= z >> 7 (0x0078) = 0x3C17; · 0x2545 mod 2^16 = 0x8533; z ^= z >> 9 (0x0042) = 0x8571 → 0x71 = 113
        assert pattern(1, 1, 16).tolist() == [[113]]
        assert pattern(1, 1, 255).tolist() == [[113 * 255 >> 4]]
        assert not pattern(4, 5, 0).any()

    def test_pattern_spreads_evenly(self):
        values = pattern(60, 60, 16).ravel()
        assert values.min() < 5
        assert values.max() > 250
        assert abs(values.mean() - 127.5) < 6


class TestGainAndConverter:
    @pytest.mark.parametrize("gain", range(8))
    def test_octaves(self, gain):
        assert lists(amplify(array(3, -3), gain)) == ([3 << min(gain, 5), -3 << min(gain, 5)], [False, False])

    def test_gain_clips(self):
        assert lists(amplify(array(65535, 65536, -65536, -65537), 1)) == ([131070, 131071, -131072, -131072], [False, True, False, True])

    def test_white_fills_the_converter(self):
        # 65,504 = 2047 · 32, half the well
        assert lists(convert(array(65504, 65519, 65520, -65552, -65553))) == (
            [2047, 2047, 2047, -2048, -2048],
            [False, False, True, False, True],
        )

    def test_pedestal(self):
        assert lists(subtract(array(2047, -2048, 5), array(-1, 1, 2), 1)) == ([2047, -2048, 3], [True, True, False])
        assert lists(subtract(array(5), array(2), 0)) == ([5], [False])
