# SPDX-License-Identifier: BSD-2-Clause
# amaranth: UnusedElaboratable=no
"""Meter and code lengths against the golden Rice codes: exact bits, before anything is coded.

values ─► CodeLength, Meter ─► bits == Σ golden lengths
"""

import numpy as np
import pytest
from amaranth.sim import Simulator

from macropix.gateware.roic.encode.code_length import BITS, CodeLength
from macropix.gateware.roic.encode.meter import ROUND_UP, Meter
from macropix.gateware.wire import DELTA, GAP, PREFIX_BITS, VALUE, Rice
from macropix.sim.golden.encode.payload import differences, gaps
from macropix.sim.golden.encode.rice import codes


def bits(rice: Rice, values) -> int:
    return int(codes(rice, np.asarray(values, np.int64))[1].sum())


@pytest.mark.parametrize("rice", [GAP, VALUE, DELTA], ids=["gap", "value", "delta"])
def test_code_length(rice):
    rng = np.random.default_rng(21)
    top = {GAP: 1023, VALUE: 2048, DELTA: 8190}[rice]
    slices = [
        np.minimum(rng.geometric(0.2, 60), top),
        rng.integers(0, top + 1, 60),
        np.zeros(60, int),
        np.full(60, top),
        np.where(np.arange(60) % 20 == 19, top, 0),
    ]
    dut = CodeLength(rice, base=5)
    sim = Simulator(dut)
    sim.add_clock(1e-6)

    async def bench(ctx):
        for values in slices:
            for n, v in enumerate(values):
                ctx.set(dut.v, int(v))
                ctx.set(dut.coded, 1)
                ctx.set(dut.sign, n % 2)
                ctx.set(dut.last, n == len(values) - 1)
                await ctx.tick()
            ctx.set(dut.coded, 0)
            ctx.set(dut.last, 0)
            ctx.set(dut.v, 1)
            await ctx.tick().repeat(dut.latency - 1)
            assert ctx.get(dut.bits) == 5 + bits(rice, values) + len(values) // 2
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)

    sim.add_testbench(bench)
    sim.run()


def test_code_length_refuses():
    with pytest.raises(TypeError, match=r"rice must be a wire\.Rice, not 5"):
        CodeLength(5)
    with pytest.raises(ValueError, match="base must be from -1 to 31, not 32"):
        CodeLength(GAP, base=32)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9, 1.0])
def test_meter(share):
    """Gaps between the pixels, slices back to back as far as the meter allows."""
    rng = np.random.default_rng([22, int(share * 10)])
    threshold = 17
    dut = Meter()
    sim = Simulator(dut)
    sim.add_clock(1e-6)

    async def bench(ctx):
        ctx.set(dut.threshold, threshold)
        for sign in (0, 1):
            past = rng.random(90) < share
            size = np.minimum(rng.geometric(0.02, 90) + threshold, 2047)
            y = np.where(past, size * np.where((rng.random(90) < 0.5) & bool(sign), -1, 1), 0)
            ctx.set(dut.sign, sign)
            for n in range(90):
                while rng.random() < 0.2:
                    await ctx.tick()
                ctx.set(dut.y, int(y[n]))
                ctx.set(dut.sent, bool(past[n]))
                ctx.set(dut.last, n == 89)
                ctx.set(dut.valid, 1)
                await ctx.tick()
                ctx.set(dut.valid, 0)
            ctx.set(dut.sign, 1 - sign)
            clocks = 1
            while not ctx.get(dut.done):
                await ctx.tick()
                clocks += 1
                assert clocks < 20, "never done"
            assert clocks == dut.latency
            assert ctx.get(dut.rice) - ROUND_UP == PREFIX_BITS + bits(VALUE, np.abs(y[past]) - threshold) + sign * past.sum()
            assert ctx.get(dut.delta) - ROUND_UP == bits(DELTA, differences(y[past]))
            if past.any():
                assert ctx.get(dut.runs) + 1 == bits(GAP, gaps(past))
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)

    sim.add_testbench(bench)
    sim.run()


def test_no_slice_overflows_the_sums():
    """The longest a slice can get in each code stays within the sums, offsets included."""
    rng = np.random.default_rng(23)
    for rice, top in ((GAP, 1023), (VALUE, 2048), (DELTA, 8190)):
        for values in (np.full(1024, top), rng.choice([0, top], 1024), rng.integers(0, top + 1, 1024)):
            assert bits(rice, values) + 1024 + PREFIX_BITS + ROUND_UP < 1 << BITS
