# SPDX-License-Identifier: BSD-2-Clause
"""The sum against the golden model: every shape of weights, three reads, both sizes and forms, tiny arrays and pauses."""

import random

import numpy as np
import pytest

from macropix.gateware.config import Config, Form
from macropix.gateware.roic.macropixel import MacroPixel
from macropix.gateware.roic.raster import slot
from macropix.gateware.wire import Read
from macropix.sim.golden.macropixel import sums

CONFIGS = [
    Config(rows=8, cols=9),
    Config(rows=9, cols=9, macro=5),
    Config(rows=11, cols=11, border=4),
    Config(rows=8, cols=9, form=Form.SHARED),
    Config(rows=9, cols=9, macro=5, form=Form.SHARED),
    Config(rows=11, cols=11, border=4, form=Form.SHARED),
]


def issues(config: Config, read: Read):
    """(row_end, valid) of every imaging pixel up to the frame's last macro-pixel."""
    h, v, macro = config.image_rows, config.image_cols, config.macro

    def complete(r, c):
        if read is Read.SINGLE:
            return True
        if read is Read.SLIDING:
            return r >= macro - 1 and c >= macro - 1
        return r % macro == macro - 1 and c % macro == macro - 1

    marks = [(c == v - 1, complete(r, c)) for r in range(h) for c in range(v)]
    return marks[: max(n for n, (_, valid) in enumerate(marks) if valid) + 1]


@pytest.mark.parametrize("config", CONFIGS)
def test_golden(simulate, config):
    dut, rng, pause = MacroPixel(config), random.Random(1), slot(config)
    count, b = config.subpixels, config.border
    shapes = [
        [-512] * count,
        [511] * count,
        [rng.choice((-512, 511)) for _ in range(count)],
        [rng.randint(-512, 511) for _ in range(count)],
        [int(j == rng.randrange(count)) for j in range(count)],
    ]
    frames = [(shape, read) for shape in shapes for read in Read][:: 1 if pause == 1 else 2]

    async def testbench(ctx):
        for n, (weights, read) in enumerate(frames):
            white = n < 6
            scene = (
                np.full((config.rows, config.cols), 65535)
                if white
                else np.random.default_rng(n).integers(0, 65536, (config.rows, config.cols))
            )
            darks = [rng.choice((-2048, 2047, rng.randint(-2048, 2047)))] * count
            ctx.set(dut.single, read is Read.SINGLE)
            for j, weight in enumerate(weights):
                ctx.set(dut.weight[j], weight)
            ctx.set(dut.dark_sum, darks[count // 2] if read is Read.SINGLE else sum(darks))
            got = await frame(ctx, scene[b : config.rows - b, b : config.cols - b].reshape(-1).tolist(), read)
            wanted = sums(scene, weights, darks, macro=config.macro, border=b, read=read)
            np.testing.assert_array_equal(got, wanted.reshape(-1))

    async def frame(ctx, pixels, read):
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        await ctx.tick()
        got, due, clock, wait = [], [], 0, 0
        todo = issues(config, read)
        count, total = 0, sum(valid for _, valid in todo)
        while len(got) < total:
            step = count < len(todo) and wait == 0
            if step:
                row_end, valid = todo[count]
                bits = 1 | int(row_end) << 1 | (int(valid) | rng.getrandbits(3) << 1) << 2
                ctx.set(dut.issue, dut.issue.shape().from_bits(bits))
                ctx.set(dut.x, pixels[count])
                if valid:
                    due.append((clock + dut.latency, bits >> 2))
                count, wait = count + 1, pause - 1 + (rng.randint(0, 2) if rng.random() < 0.2 else 0)
            else:
                ctx.set(dut.issue, dut.issue.shape().from_bits(0))
                ctx.set(dut.x, rng.getrandbits(16))
                wait = max(wait - 1, 0)
            if ctx.get(dut.mark).valid:
                assert due.pop(0) == (clock, ctx.get(dut.mark).as_bits())
                got.append(ctx.get(dut.s))
            await ctx.tick()
            clock += 1
        return got

    simulate(dut, testbench, clocks=30_000)
