# SPDX-License-Identifier: BSD-2-Clause
"""Every pixel the raster issues, against the definition of the three reads; warm-up, slots, slices and room."""

import itertools
import random

import pytest

from macropix.gateware.config import Config, Form
from macropix.gateware.roic.raster import WARM_UP, Raster, slot

GEOMETRIES = [{"rows": 8, "cols": 9}, {"rows": 12, "cols": 8, "border": 0, "macro": 5}, {"rows": 11, "cols": 11, "border": 4}]


def expected(config: Config, read: int) -> list[tuple[int, ...]]:
    """(row_end, valid, row_last, slice_last, frame_last) of each pixel; what stands beside valid = 0 is left 0."""
    h, v, macro = config.image_rows, config.image_cols, config.macro
    newest = {
        0: [(r, c) for r in range(h) for c in range(v)],
        1: [(r, c) for r in range(macro - 1, h) for c in range(macro - 1, v)],
        2: [(macro * r + macro - 1, macro * c + macro - 1) for r in range(h // macro) for c in range(v // macro)],
    }[read if read < 3 else 0]
    last_column = newest[-1][1]
    pixels = []
    for r in range(h):
        for c in range(v):
            row_end = c == v - 1
            if (r, c) not in newest:
                pixels.append((row_end, 0, 0, 0, 0))
                continue
            n = newest.index((r, c))
            end = n == len(newest) - 1
            pixels.append((row_end, 1, c == last_column, end or n % 1024 == 1023, end))
            if end:
                return [tuple(map(int, pixel)) for pixel in pixels]
    raise AssertionError


async def frame(ctx, dut, read, room):
    """One frame: the pixels, the clock of each, the clocks of warm-up, the number of issues before each reservation."""
    pixels, clocks, warm, reserved, clock, quiet = [], [], 0, [], 0, 0
    ctx.set(dut.read, read)
    ctx.set(dut.start, 1)
    while quiet < 40:
        ctx.set(dut.room, int(room()))
        issue = ctx.get(dut.issue)
        warm += ctx.get(dut.warm)
        if issue.step:
            mark = issue.mark
            beside = (mark.row_last, mark.slice_last, mark.frame_last) if mark.valid else (0, 0, 0)
            pixels.append((issue.row_end, mark.valid, *beside))
            clocks.append(clock)
        else:
            assert not issue.mark.valid
        if ctx.get(dut.reserve):
            assert ctx.get(dut.room)
            reserved.append(sum(pixel[1] for pixel in pixels))
        quiet = quiet + 1 if pixels and pixels[-1][-1] else 0
        await ctx.tick()
        ctx.set(dut.start, 0)
        clock += 1
    return pixels, clocks, warm, reserved


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_pixels(simulate, geometry, form):
    config = Config(**geometry, form=form)
    dut = Raster(config)

    async def testbench(ctx):
        for read in (0, 1, 2, 3):
            pixels, clocks, warm, reserved = await frame(ctx, dut, read, lambda: True)
            assert pixels == expected(config, read)
            assert clocks[0] == WARM_UP + 2
            assert {later - earlier for earlier, later in itertools.pairwise(clocks)} == {slot(config)}
            assert warm == WARM_UP
            assert reserved == [0]

    simulate(dut, testbench, clocks=20_000)


def test_slices(simulate):
    """Two slices: each reserved before its first pixel, once, and not before there is room."""
    config = Config(rows=34, cols=37)
    dut = Raster(config)
    rng = random.Random(1)

    async def testbench(ctx):
        for read, room in ((0, lambda: True), (0, lambda: rng.random() < 0.05), (1, lambda: rng.random() < 0.5)):
            pixels, clocks, _, reserved = await frame(ctx, dut, read, room)
            assert pixels == expected(config, read)
            count = sum(pixel[1] for pixel in pixels)
            assert reserved == ([0, 1024] if count > 1024 else [0])
            gaps = [later - earlier for earlier, later in itertools.pairwise(clocks)]
            assert sum(gap > 1 for gap in gaps) == len(reserved) - 1

    simulate(dut, testbench, clocks=20_000)


def test_no_room_no_pixel(simulate):
    dut = Raster(Config(rows=8, cols=8))

    async def testbench(ctx):
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        for _ in range(60):
            assert not ctx.get(dut.issue).step
            await ctx.tick()
        ctx.set(dut.room, 1)
        await ctx.tick().repeat(3)
        assert ctx.get(dut.issue).step

    simulate(dut, testbench, clocks=100)
