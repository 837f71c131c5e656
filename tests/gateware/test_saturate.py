# SPDX-License-Identifier: BSD-2-Clause
"""Narrowing against its definition, at the ends and beside them; delay; and what both refuse."""

import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.roic.delay import delay
from macropix.gateware.roic.saturate import saturate


class Narrow(wiring.Component):
    """saturate() and delay() with ports."""

    wide: In(signed(7))
    narrow: Out(signed(4))
    clipped: Out(1)
    late: Out(signed(7))

    def elaborate(self, platform):
        m = Module()
        value, clipped = saturate(self.wide, 4)
        m.d.comb += [self.narrow.eq(value), self.clipped.eq(clipped), self.late.eq(delay(m, self.wide, 3))]
        return m


def test_every_value(simulate):
    dut = Narrow()

    async def testbench(ctx):
        for value in range(-64, 64):
            ctx.set(dut.wide, value)
            await ctx.delay(1e-9)
            assert ctx.get(dut.narrow) == max(-8, min(7, value))
            assert ctx.get(dut.clipped) == (not -8 <= value <= 7)
            await ctx.tick()
            assert ctx.get(dut.late) == (value - 2 if value >= -61 else 0) or value < -61

    simulate(dut, testbench, clocks=200)


def test_refused():
    with pytest.raises(TypeError, match=r"only a signed value can be narrowed here, not unsigned\(5\)"):
        saturate(Signal(5), 4)
    with pytest.raises(ValueError, match="4 bits cannot be narrowed to 4"):
        saturate(Signal(signed(4)), 4)
    with pytest.raises(ValueError, match="clocks must not be negative, and is -1"):
        delay(None, Signal(), -1)
