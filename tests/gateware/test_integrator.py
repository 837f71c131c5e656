# SPDX-License-Identifier: BSD-2-Clause
"""The integrator against the golden model in both forms, marks and taps beside it; the well's every order of its ends."""

import itertools
import random

import numpy as np
import pytest

from macropix.gateware.config import Config, Form
from macropix.gateware.roic.integrator import AHEAD, Integrator, Well
from macropix.gateware.roic.raster import slot
from macropix.sim.golden.integrator import integrate

SETTINGS = [
    {"time": 256, "test_charge": 0, "well_low": -131072, "well_high": 131071},
    {"time": 4095, "test_charge": 131071, "well_low": -131072, "well_high": 131071},
    {"time": 4095, "test_charge": -131072, "well_low": -99000, "well_high": 131000},
    {"time": 0, "test_charge": -7, "well_low": -7, "well_high": -7},
    {"time": 1, "test_charge": 5000, "well_low": 0, "well_high": 131071},
    {"time": 300, "test_charge": 12, "well_low": 1000, "well_high": -1000},
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("config", [Config(), Config(macro=5), Config(form=Form.SHARED), Config(macro=5, form=Form.SHARED, taps=False)])
def test_golden(simulate, edges, config, settings):
    rng = random.Random(settings["time"])
    dut, pause = Integrator(config), slot(config)
    sums = edges(rng, config.sum_width, 60 if pause == 1 else 25)
    sums += [near << 8 | rng.getrandbits(8) for near in (-131073, -131072, 131071, 131072)] + [128, 127, -128, -129]
    marks = [rng.getrandbits(3) << 1 | 1 for _ in sums]

    async def testbench(ctx):
        for name, value in settings.items():
            ctx.set(getattr(dut, name), value)
        got, early, clock = [], [], 0
        while len(got) < len(sums):
            n, wait = divmod(clock, pause)
            ctx.set(dut.mark, dut.mark.shape().from_bits(marks[n] if not wait and n < len(sums) else 0))
            ctx.set(dut.s, sums[n] if not wait and n < len(sums) else rng.getrandbits(20))
            if ctx.get(dut.ahead).valid:
                early.append((clock + AHEAD, ctx.get(dut.ahead).as_bits()))
            if ctx.get(dut.o_mark).valid:
                got.append(
                    (clock, ctx.get(dut.o_mark).as_bits(), ctx.get(dut.q), ctx.get(dut.clipped), ctx.get(dut.o_s) if config.taps else 0)
                )
            await ctx.tick()
            clock += 1
        clocks, bits, q, clipped, s = zip(*got, strict=True)
        assert list(clocks) == [n * pause + dut.latency for n in range(len(sums))]
        assert list(bits) == marks
        assert early[: len(got)] == list(zip(clocks, bits, strict=True))
        wanted, well = integrate(np.array(sums), **settings)
        np.testing.assert_array_equal(q, wanted)
        np.testing.assert_array_equal(clipped, well)
        assert not config.taps or list(s) == sums

    simulate(dut, testbench, clocks=2_000)


def test_well(through):
    """Every order of low, high and u, equal ones included."""
    points = [-131072, -5, 4, 5, 6, 131071]
    cases = list(itertools.product([*points, 131072, -131073, 1 << 20, -(1 << 21)], points, points))
    dut = Well(22)
    # the ends stand as long as the value is under way
    inputs = [{"u": u, "low": low, "high": high} for u, low, high in cases for _ in range(2)]
    got = through(dut, inputs, ("q", "clipped"), 2)[::2]
    wanted = [min(max(u, low), high) for u, low, high in cases]
    assert got == [(q, q != u) for q, (u, _, _) in zip(wanted, cases, strict=True)]


def test_narrow_well(refused):
    refused(ValueError, "width must be at least 19, not 18", lambda: Well(18))
