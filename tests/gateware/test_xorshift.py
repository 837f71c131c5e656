# SPDX-License-Identifier: BSD-2-Clause
"""The generator against the golden sequence, and Marsaglia's own."""

import pytest

from macropix.gateware.roic.xorshift import NOISE_RESET, NOISE_SIGNAL, PRBS, Xorshift
from macropix.sim.golden.noise import states

CASES = [(1, 0, 0), (0, 0, 0), (0xFFFFFFFF, 0xFFFF, 7), (0xDEADBEEF, 0x1234, 5)]


@pytest.mark.parametrize("constant", [NOISE_RESET, NOISE_SIGNAL, PRBS])
def test_golden_states(simulate, constant):
    dut = Xorshift(constant)

    async def testbench(ctx):
        # the last case makes the seeded state 0, for which G stands in
        for seed, shot, kernel in [*CASES, (constant ^ 0x0102_0300, 0x0102, 3)]:
            ctx.set(dut.seed, seed)
            ctx.set(dut.shot, shot)
            ctx.set(dut.kernel, kernel)
            ctx.set(dut.load, 1)
            ctx.set(dut.step, 1)
            await ctx.tick()
            ctx.set(dut.load, 0)
            await ctx.tick().repeat(16)
            for state in states(seed, shot, kernel, constant, 20):
                assert ctx.get(dut.value) == int(state)
                await ctx.tick()
            ctx.set(dut.step, 0)
            held = ctx.get(dut.value)
            await ctx.tick()
            assert ctx.get(dut.value) == held

    simulate(dut, testbench, clocks=1_000)


def test_published_sequence(simulate):
    """The paper's own start, 2463534242, goes on with 723471715."""
    dut = Xorshift(1)

    async def testbench(ctx):
        ctx.set(dut.seed, 2463534242 ^ 1)
        ctx.set(dut.load, 1)
        await ctx.tick()
        ctx.set(dut.load, 0)
        ctx.set(dut.step, 1)
        await ctx.tick()
        assert ctx.get(dut.value) == 723471715
        await ctx.tick()
        assert ctx.get(dut.value) == 2497366906

    simulate(dut, testbench, clocks=10)


@pytest.mark.parametrize("constant", [0, -1, 1 << 32])
def test_constant_out_of_range(refused, constant):
    refused(ValueError, "constant must be from 1 to 0xFFFFFFFF, not", lambda: Xorshift(constant))
