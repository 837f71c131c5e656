# SPDX-License-Identifier: BSD-2-Clause
"""Pedestal and mask against the golden model, with pauses, from frame to frame; the window's words there and back."""

import random

import numpy as np
import pytest

from macropix.gateware.config import Config
from macropix.gateware.roic.pedestal import AHEAD, Pedestal
from macropix.sim.golden.pedestal import subtract

CONFIG = Config(rows=8, cols=9)


async def access(ctx, window, address, write=None):
    """One access as the bus makes it: a pulse, address and data held until done. Returns what was read, and the clocks it took."""
    ctx.set(window.address, address)
    ctx.set(window.read, write is None)
    ctx.set(window.write, write is not None)
    if write is not None:
        ctx.set(window.write_data, write)
    clocks = 0
    while True:
        done = ctx.get(window.done)
        if done:
            break
        await ctx.tick()
        ctx.set(window.read, 0)
        ctx.set(window.write, 0)
        clocks += 1
        assert clocks < 20
    value = ctx.get(window.read_data)
    await ctx.tick().repeat(2)
    assert ctx.get(window.done) == 0
    assert write is not None or ctx.get(window.read_data) == value
    return value, clocks


@pytest.mark.parametrize(("enable", "mask"), [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_golden(simulate, edges, enable, mask):
    dut, rng, count = Pedestal(CONFIG), random.Random(enable), CONFIG.max_outputs
    pedestals, masks = edges(rng, 12, count), [rng.getrandbits(1) for _ in range(count)]

    async def testbench(ctx):
        for n in range(count):
            await access(ctx, dut.window, n, (pedestals[n] & 0xFFF) | masks[n] << 15)
        ctx.set(dut.subtract, enable)
        ctx.set(dut.mask, mask)
        for length in (count, 17, count):
            ys = edges(rng, 12, length)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            got, steps, at = [], [0] * 8, 0
            while len(got) < length:
                if steps[-AHEAD]:
                    ctx.set(dut.y, ys[at])
                    at += 1
                if steps[-AHEAD - dut.latency]:
                    got.append((ctx.get(dut.o_y), ctx.get(dut.clipped), ctx.get(dut.masked)))
                step = sum(steps) < length and rng.random() < 0.8
                ctx.set(dut.step, step)
                steps.append(step)
                await ctx.tick()
            y, clipped = subtract(np.array(ys), np.array(pedestals[:length]), enable)
            wanted = [one and bool(mask) for one in map(bool, masks[:length])]
            assert got == list(zip(y.tolist(), clipped.tolist(), wanted, strict=True))

    simulate(dut, testbench, clocks=1_000)


def test_window(simulate):
    dut, rng = Pedestal(CONFIG), random.Random(2)
    words = [rng.getrandbits(16) for _ in range(CONFIG.max_outputs)]

    async def testbench(ctx):
        assert await access(ctx, dut.window, 5) == (0, 4)
        for address, word in enumerate(words):
            assert (await access(ctx, dut.window, address, word))[1] == 1
        for address in rng.sample(range(len(words)), 20):
            assert (await access(ctx, dut.window, address))[0] == words[address] & 0x8FFF

    simulate(dut, testbench, clocks=1_000)
