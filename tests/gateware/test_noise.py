# SPDX-License-Identifier: BSD-2-Clause
"""Both noises against the golden sequences, at several amplitudes, from frame to frame, with pauses between macro-pixels."""

import random

import numpy as np
import pytest

from macropix.gateware.roic.noise import Noise
from macropix.gateware.roic.xorshift import NOISE_RESET, NOISE_SIGNAL
from macropix.sim.golden.noise import noise, states


@pytest.mark.parametrize(("reset", "signal"), [(255, 1), (1, 255), (0, 0), (77, 130)])
def test_golden(simulate, reset, signal):
    dut, rng = Noise(), random.Random(reset)

    async def testbench(ctx):
        for seed, shot, kernel in ((1, 0, 0), (0xCAFEBABE, 0xFFFF, 7)):
            for name, value in {"seed": seed, "shot": shot, "kernel": kernel, "amplitude_reset": reset, "amplitude_signal": signal}.items():
                ctx.set(getattr(dut, name), value)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            ctx.set(dut.warm, 1)
            await ctx.tick().repeat(16)
            ctx.set(dut.warm, 0)
            got, stepped = [], [0] * dut.latency
            while len(got) < 60:
                if stepped[-dut.latency]:
                    got.append((ctx.get(dut.reset), ctx.get(dut.signal)))
                step = rng.random() < 0.7
                ctx.set(dut.step, step)
                stepped.append(step)
                await ctx.tick()
            ctx.set(dut.step, 0)
            wanted = [
                noise(states(seed, shot, kernel, constant, 60), amplitude)
                for constant, amplitude in ((NOISE_RESET, reset), (NOISE_SIGNAL, signal))
            ]
            np.testing.assert_array_equal(np.array(got).T, wanted)

    simulate(dut, testbench, clocks=400)
