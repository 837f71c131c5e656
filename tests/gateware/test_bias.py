# SPDX-License-Identifier: BSD-2-Clause
"""The bias bank and the tag: looked-up weights, dark sum, and a CRC equal to `registers.tag`."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.bus import WindowPort
from macropix.gateware.config import Config
from macropix.gateware.fpga.bias import BiasBank
from macropix.gateware.fpga.control_registers import ControlRegisters
from macropix.gateware.fpga.tag import Tag
from macropix.gateware.registers import CONTROL, CONTROL_BASE, tag
from macropix.sim.golden.bias import lookup
from macropix.sim.golden.settings import reset_registers
from macropix.sim.golden.settings import tag as golden_tag

CONFIGS = {
    "table": Config(),
    "no table": Config(response_table=False),
    "macro 5": Config(macro=5),
    "three kernels": Config(kernels=3),
}


class Latch(wiring.Component):
    """Control registers, bank and tag as the readout joins them."""

    def __init__(self, config: Config):
        self.config = config
        super().__init__(
            {
                "window": In(WindowPort()),
                "index": In(5),
                "write": In(1),
                "write_data": In(16),
                "kernel": In(3),
                "single": In(1),
                "start": In(1),
                "tag": Out(16),
                "done": Out(1),
            }
        )
        self.bias = BiasBank(config)

    def elaborate(self, platform):
        m = Module()
        m.submodules.bias = bias = self.bias
        m.submodules.control = control = ControlRegisters()
        m.submodules.tagger = tagger = Tag()
        wiring.connect(m, wiring.flipped(self.window), bias.window)
        m.d.comb += [
            control.index.eq(self.index),
            control.write.eq(self.write),
            control.write_data.eq(self.write_data),
            bias.kernel.eq(self.kernel),
            bias.single.eq(self.single),
            bias.start.eq(tagger.look_up),
            tagger.start.eq(self.start),
            tagger.control_word.eq(control.word),
            tagger.bias_word.eq(bias.word),
            tagger.bias_valid.eq(bias.valid),
            tagger.bias_done.eq(bias.done),
            self.tag.eq(tagger.tag),
            self.done.eq(tagger.done),
        ]
        with m.If(tagger.reading):
            m.d.comb += control.index.eq(tagger.index)
        return m


async def put(ctx, window, address, word):
    ctx.set(window.address, address)
    ctx.set(window.write_data, word & 0xFFFF)
    ctx.set(window.write, 1)
    assert ctx.get(window.done)
    await ctx.tick()
    ctx.set(window.write, 0)


async def get(ctx, window, address):
    ctx.set(window.address, address)
    await ctx.tick()
    ctx.set(window.read, 1)
    await ctx.tick()
    ctx.set(window.read, 0)
    for _ in range(8):
        if ctx.get(window.done):
            return ctx.get(window.read_data)
        await ctx.tick()
    raise AssertionError("no answer from the window")


@pytest.mark.parametrize("name", CONFIGS)
def test_weights_dark_sum_and_tag(simulate, name):
    config = CONFIGS[name]
    dut, rng = Latch(config), random.Random(1)
    count = config.subpixels
    codes = {kernel: [rng.randrange(-512, 512) for _ in range(count)] for kernel in range(config.kernels)}
    codes[0][:2] = [-512, 511]
    registers = reset_registers()
    weights = [(b ^ 512) - 512 for b in range(1024)]
    darks = [0] * 1024
    clocks = []

    async def latch(ctx, kernel):
        ctx.set(dut.kernel, kernel)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        for n in range(200):
            if ctx.get(dut.done):
                clocks.append(n + 1)
                found = ctx.get(dut.tag)
                await ctx.tick()
                return found
            await ctx.tick()
        raise AssertionError("no tag")

    async def check(ctx, kernel, single):
        ctx.set(dut.single, single)
        found = await latch(ctx, kernel)
        w, dark = lookup(codes.get(kernel, [0] * count), weights, darks)
        assert [ctx.get(dut.bias.weight[j]) for j in range(count)] == w.tolist()
        assert ctx.get(dut.bias.dark_sum) == (dark[count // 2] if single else dark.sum())
        assert found == tag(registers, w, dark) == golden_tag(registers, w, dark)

    async def bench(ctx):
        for kernel, row in codes.items():
            for j, code in enumerate(row):
                await put(ctx, dut.window, 0x1000 + 32 * kernel + j, code)
        await check(ctx, 0, 0)
        if config.response_table:
            for code in {code for row in codes.values() for code in row} | {0}:
                weights[code & 1023], darks[code & 1023] = rng.randrange(-512, 512), rng.choice([-2048, 2047, rng.randrange(-2048, 2048)])
                await put(ctx, dut.window, 0x2000 + (code & 1023), weights[code & 1023])
                await put(ctx, dut.window, 0x2400 + (code & 1023), darks[code & 1023])
        for register in CONTROL.values():
            registers[register.name] = rng.randint(register.minimum, register.maximum)
            for i, word in enumerate(register.to_words(registers[register.name])):
                ctx.set(dut.index, register.address - CONTROL_BASE + i)
                ctx.set(dut.write_data, word)
                ctx.set(dut.write, 1)
                await ctx.tick()
                ctx.set(dut.write, 0)
        for kernel in (1, config.kernels - 1, 7):
            for single in (0, 1):
                await check(ctx, kernel, single)

    simulate(dut, bench)
    assert set(clocks) == {25 + dut.bias.latency + 3}


def test_windows_read_back_sign_extended(simulate):
    dut = BiasBank(Config())

    async def bench(ctx):
        for address, width in ((0x1000, 10), (0x10FF, 10), (0x2000, 10), (0x23FF, 10), (0x2400, 12), (0x27FF, 12)):
            for word in (1 << width - 1, (1 << width - 1) - 1, 0xFFFF, 0x5555, 0):
                await put(ctx, dut.window, address, word)
                stored = word & ((1 << width) - 1)
                assert await get(ctx, dut.window, address) == (stored - (stored >> width - 1 << width)) & 0xFFFF
        assert await get(ctx, dut.window, 0x2001) == 1
        assert await get(ctx, dut.window, 0x2000 + 1022) == 0xFFFE
        assert await get(ctx, dut.window, 0x2401) == 0

    simulate(dut, bench)
