# SPDX-License-Identifier: BSD-2-Clause
"""Packer against a plain joining of bits.

tokens ─► Packer ─► bytes == golden join
"""

import numpy as np
import pytest
from amaranth.sim import Simulator

from macropix.gateware.config import Config
from macropix.gateware.roic.encode.packer import Packer
from macropix.sim.golden.encode.bits import join


def run(tokens: list[tuple[int, int]], *, config: Config, gap: float, stall: float, seed: int) -> tuple[bytes, int]:
    """The bytes, and the clocks they took."""
    dut = Packer(config)
    rng = np.random.default_rng(seed)
    out = bytearray()
    clocks = [0]
    sim = Simulator(dut)
    sim.add_clock(1e-6)

    async def drive(ctx):
        driver = np.random.default_rng(seed + 1)
        for bits, length in [*tokens, (0, 0)]:
            while driver.random() < gap:
                await ctx.tick()
            ctx.set(dut.valid, 1)
            ctx.set(dut.i, {"bits": bits, "length": length, "end": length == 0})
            await ctx.tick().until(dut.ready)
            ctx.set(dut.valid, 0)
            ctx.set(dut.i, {"bits": -1, "length": 7, "end": 0})

    async def watch(ctx):
        while not ctx.get(dut.done):
            assert clocks[0] < 5000, "never done"
            ctx.set(dut.byte_ready, int(rng.random() >= stall))
            if ctx.get(dut.byte_valid & dut.byte_ready):
                out.append(ctx.get(dut.byte))
            await ctx.tick()
            clocks[0] += 1

    sim.add_testbench(watch)
    sim.add_testbench(drive)
    sim.run()
    return bytes(out), clocks[0]


@pytest.mark.parametrize(("gap", "stall"), [(0, 0), (0.5, 0), (0, 0.5), (0.3, 0.3)])
@pytest.mark.parametrize("taps", [False, True])
def test_packer(gap, stall, taps):
    rng = np.random.default_rng(31)
    config = Config(taps=taps)
    tokens = [(int(rng.integers(1 << length)), length) for length in map(int, rng.integers(1, 32 if taps else 26, 200))]
    assert run(tokens, config=config, gap=gap, stall=stall, seed=32)[0] == join(tokens)


@pytest.mark.parametrize("count", range(1, 9))
def test_last_byte_is_filled_with_zeros(count):
    tokens = [(1, 1)] * count
    assert run(tokens, config=Config(), gap=0, stall=0, seed=33)[0] == join(tokens)


def test_nothing_but_the_end():
    assert run([], config=Config(), gap=0, stall=0, seed=34)[0] == b""


@pytest.mark.parametrize(("length", "clocks"), [(1, 1), (8, 1), (12, 1.5), (24, 3)])
def test_throughput(length, clocks):
    tokens = [(0, length)] * 100
    assert run(tokens, config=Config(taps=False), gap=0, stall=0, seed=35)[1] <= 100 * clocks + 4
