# SPDX-License-Identifier: BSD-2-Clause
"""Every source against the golden test scenes, in both forms; the window's words there and back."""

import random

import numpy as np
import pytest

from macropix.gateware import wire
from macropix.gateware.config import Config, Form
from macropix.gateware.roic.scene import Scene
from macropix.sim.golden.scene import test_scene as golden_scene

GEOMETRIES = [{"rows": 8, "cols": 9}, {"rows": 9, "cols": 8, "border": 0}, {"rows": 11, "cols": 12, "border": 4}]


async def expose(ctx, dut, rng, step_when) -> np.ndarray:
    """The imaging pixels of one frame."""
    config = dut.config
    h, v = config.image_rows, config.image_cols
    ctx.set(dut.start, 1)
    await ctx.tick()
    ctx.set(dut.start, 0)
    ctx.set(dut.warm, 1)
    await ctx.tick().repeat(16)
    ctx.set(dut.warm, 0)
    got, steps, issued = [], [0] * 4, 0
    while len(got) < h * v:
        if steps[-dut.latency]:
            got.append(ctx.get(dut.x))
        step = issued < h * v and step_when()
        ctx.set(dut.step, step)
        ctx.set(dut.row_end, issued % v == v - 1)
        issued += step
        steps.append(step)
        await ctx.tick()
    return np.array(got).reshape(h, v)


def imaging(config, scene):
    return scene[config.border : config.rows - config.border, config.border : config.cols - config.border]


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_patterns(simulate, geometry, form):
    config = Config(**geometry, form=form)
    dut, rng = Scene(config), random.Random(1)
    inside = (config.border + 1) * config.cols + config.border + 1

    async def testbench(ctx):
        for source in [source for source in wire.Scene if source is not wire.Scene.MEMORY]:
            for level, seed, shot in ((0xFFFF, 1, inside), (0x1234, 0xDEADBEEF, inside | 0x4100), (1, 0, 0)):
                ctx.set(dut.source, source.value)
                ctx.set(dut.level, level)
                ctx.set(dut.seed, seed)
                ctx.set(dut.shot, shot)
                got = await expose(ctx, dut, rng, lambda: rng.random() < 0.8)
                wanted = imaging(config, golden_scene(config, source, level, seed, shot))
                np.testing.assert_array_equal(got, wanted)
                assert got.any() or not shot

    simulate(dut, testbench, clocks=10_000)


@pytest.mark.parametrize("form", Form)
def test_memory(simulate, form):
    """Zero at first; what the bus writes, it reads, and the raster sees, whatever value without meaning selects it."""
    config = Config(rows=8, cols=9, form=form)
    dut, rng = Scene(config), random.Random(2)
    scene = np.random.default_rng(1).integers(0, 65536, (8, 9))

    async def access(ctx, address, write=None):
        ctx.set(dut.window.address, address)
        ctx.set(dut.window.read, write is None)
        ctx.set(dut.window.write, write is not None)
        ctx.set(dut.window.write_data, 0 if write is None else write)
        clocks = 0
        while not ctx.get(dut.window.done):
            await ctx.tick()
            ctx.set(dut.window.read, 0)
            ctx.set(dut.window.write, 0)
            clocks += 1
            assert clocks < 20
        value = ctx.get(dut.window.read_data)
        await ctx.tick()
        assert not ctx.get(dut.window.done)
        assert write is not None or ctx.get(dut.window.read_data) == value
        return value, clocks

    async def testbench(ctx):
        ctx.set(dut.level, 0xFFFF)
        assert not (await expose(ctx, dut, rng, lambda: True)).any()
        for address, word in enumerate(scene.reshape(-1)):
            assert (await access(ctx, address, int(word)))[1] == 1
        for source in (0, 6, 7):
            ctx.set(dut.source, source)
            np.testing.assert_array_equal(await expose(ctx, dut, rng, lambda: rng.random() < 0.6), imaging(config, scene))
            for address in rng.sample(range(config.pixels), 10):
                assert await access(ctx, address) == (scene.reshape(-1)[address], dut.latency + 1)

    simulate(dut, testbench, clocks=3_000)
