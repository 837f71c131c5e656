# SPDX-License-Identifier: BSD-2-Clause
"""The fixed pattern against the golden one: several geometries, one frame behind the other."""

import numpy as np

from macropix.gateware.roic.pattern import Pattern
from macropix.sim.golden.cds import pattern


def test_golden(simulate):
    dut = Pattern()

    async def testbench(ctx):
        for rows, cols, amplitude in ((7, 9, 255), (12, 3, 16), (1, 20, 1), (4, 4, 0)):
            ctx.set(dut.amplitude, amplitude)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            got = []
            for n in range(rows * cols + dut.latency):
                ctx.set(dut.step, n < rows * cols)
                ctx.set(dut.row_last, n % cols == cols - 1)
                if n >= dut.latency:
                    got.append(ctx.get(dut.pattern))
                await ctx.tick()
            np.testing.assert_array_equal(np.array(got).reshape(rows, cols), pattern(rows, cols, amplitude))
            assert any(got) == (amplitude > 0)

    simulate(dut, testbench, clocks=400)
