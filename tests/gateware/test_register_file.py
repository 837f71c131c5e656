# SPDX-License-Identifier: BSD-2-Clause
"""Every address: what is stored, what is read back, and that no count tears."""

import random

import numpy as np
import pytest

from macropix.gateware.config import Config
from macropix.gateware.fpga.address_check import AddressCheck
from macropix.gateware.fpga.identity import gateware_hash, identity
from macropix.gateware.fpga.register_file import RegisterFile
from macropix.gateware.registers import CONTROL, CONTROL_BASE, CONTROL_WORDS, STATUS, STATUS_WORDS
from macropix.sim.golden.memory import Memory

SMALL = Config(rows=8, cols=8)


async def access(ctx, dut, base, words=None, count=0):
    """Write `words` from `base` on, or read `count`."""
    ctx.set(dut.base, base)
    ctx.set(dut.load, 1)
    await ctx.tick()
    ctx.set(dut.load, 0)
    got = []
    for word in [None] * count if words is None else words:
        pulse = dut.read if word is None else dut.write
        ctx.set(dut.write_data, word or 0)
        ctx.set(pulse, 1)
        _, _, done, data = await ctx.tick().sample(dut.done, dut.read_data)
        ctx.set(pulse, 0)
        while not done:
            _, _, done, data = await ctx.tick().sample(dut.done, dut.read_data)
        if word is None:
            got.append(data)
    return got


def test_control_registers_read_back(simulate):
    """Random words through the gateware and the golden memory: the same read-back, and the values behind it."""
    dut, golden, rng = RegisterFile(SMALL), Memory(SMALL), random.Random(1)

    async def bench(ctx):
        assert await access(ctx, dut, CONTROL_BASE, count=CONTROL_WORDS) == golden.read(CONTROL_BASE, CONTROL_WORDS).tolist()
        for _ in range(4):
            words = [rng.choice([0xFFFF, 0, rng.randrange(65536)]) for _ in range(CONTROL_WORDS)]
            await access(ctx, dut, CONTROL_BASE, words)
            golden.write(CONTROL_BASE, np.array(words, np.uint16))
            assert await access(ctx, dut, CONTROL_BASE, count=CONTROL_WORDS) == golden.read(CONTROL_BASE, CONTROL_WORDS).tolist()
            for name in CONTROL:
                assert ctx.get(dut.values[name]) == golden.register(name), name

    simulate(dut, bench)


def test_reset_values(simulate):
    dut = RegisterFile(SMALL)

    async def bench(ctx):
        for name, register in CONTROL.items():
            assert ctx.get(dut.values[name]) == register.reset, name

    simulate(dut, bench)


def test_tag_port_reads_the_control_words(simulate):
    dut, golden = RegisterFile(SMALL), Memory(SMALL)

    async def bench(ctx):
        ctx.set(dut.tag_select, 1)
        for index in range(CONTROL_WORDS):
            ctx.set(dut.tag_index, index)
            await ctx.tick()
            assert ctx.get(dut.tag_word) == golden.read(CONTROL_BASE + index, 1)[0]

    simulate(dut, bench)


def test_status_block_is_the_register_map(simulate):
    """Each register at its address, with values that tell every word from every other."""
    dut, rng = RegisterFile(SMALL), random.Random(2)
    constant = identity(SMALL)
    values = {name: constant.get(name, rng.getrandbits(register.width)) for name, register in STATUS.items()}
    wanted = [word for name, register in STATUS.items() for word in register.to_words(values[name])]

    async def bench(ctx):
        for name, value in values.items():
            if name not in constant:
                ctx.set(getattr(dut.live, name), value)
        assert await access(ctx, dut, 0, count=STATUS_WORDS) == wanted
        for start in range(STATUS_WORDS):
            assert await access(ctx, dut, start, count=1) == [wanted[start]], start
        await access(ctx, dut, 0, [0xFFFF] * STATUS_WORDS)
        assert await access(ctx, dut, 0, count=STATUS_WORDS) == wanted

    simulate(dut, bench)


@pytest.mark.parametrize("name", ["device_time", "sent", "saturated_pedestal"])
def test_counts_do_not_tear(simulate, name):
    """The register changes while its words are read: they belong to the moment of the first."""
    dut, register = RegisterFile(SMALL), STATUS[name]
    before, after = (1 << register.width) - 1, 1 << (register.width - 1)

    async def bench(ctx):
        ctx.set(getattr(dut.live, name), before)
        ctx.set(dut.base, register.address)
        ctx.set(dut.load, 1)
        await ctx.tick()
        ctx.set(dut.load, 0)
        words = []
        for _ in range(register.words):
            ctx.set(dut.read, 1)
            await ctx.tick()
            ctx.set(dut.read, 0)
            ctx.set(getattr(dut.live, name), after)
            await ctx.tick().until(dut.done)
            words.append(ctx.get(dut.read_data))
        assert register.from_words(words) == before
        assert register.from_words(await access(ctx, dut, register.address, count=register.words)) == after

    simulate(dut, bench)


@pytest.mark.parametrize(("name", "base"), [("scene", 0x8000), ("pedestal", 0x4000), ("bias", 0x1000), ("bias", 0x2000)])
@pytest.mark.parametrize("delay", [0, 1, 5])
def test_windows(simulate, name, base, delay):
    """A window that takes its time: every word once, to its address, and read back from there."""
    dut, rng = RegisterFile(SMALL), random.Random(3)
    window, memory, log = getattr(dut, name), {}, []
    words = [rng.randrange(65536) for _ in range(9)]
    stop = []

    async def serve(ctx):
        while not stop:
            if ctx.get(window.write) or ctx.get(window.read):
                writes = ctx.get(window.write)
                address = ctx.get(window.address)
                log.append((writes, address))
                for _ in range(delay if writes else max(delay, 1)):
                    await ctx.tick()
                    assert not ctx.get(window.write)
                    assert not ctx.get(window.read)
                    assert ctx.get(window.address) == address
                if writes:
                    memory[address] = ctx.get(window.write_data)
                else:
                    ctx.set(window.read_data, memory[address])
                ctx.set(window.done, 1)
                await ctx.tick()
                ctx.set(window.done, 0)
            else:
                await ctx.tick()

    async def bench(ctx):
        await ctx.tick()
        await access(ctx, dut, base + 3, words)
        assert await access(ctx, dut, base + 3, count=9) == words
        await ctx.tick().repeat(3)
        stop.append(True)

    simulate(dut, bench, serve)
    first = base + 3 & (0x7FFF if name == "scene" else 0x3FFF)
    assert log == [(1, first + i) for i in range(9)] + [(0, first + i) for i in range(9)]


CONFIGS = [
    Config(),
    SMALL,
    Config(kernels=3, response_table=False, pedestal_map=False),
    Config(rows=181, cols=182),
    Config(rows=200, cols=200),
]


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
def test_addresses_that_are_there(simulate, config):
    """Ranges about every border, against the golden memory."""
    dut, golden, rng = AddressCheck(config), Memory(config), random.Random(4)
    borders = [0, STATUS_WORDS, 0x100, 0x100 + CONTROL_WORDS, 0x1000, 0x1000 + 32 * config.kernels, 0x2000, 0x2400, 0x2800, 0x4000]
    borders += [0x4000 + config.max_outputs, 0x8000, 0x8000 + config.pixels, 0x10000]
    ranges = [(max(0, min(0xFFFF, border + rng.randrange(-4, 4))), rng.choice([1, 2, 3, 4, 256])) for border in borders for _ in range(12)]
    ranges += [(border, 1) for border in borders if border < 0x10000] + [(border - 1, 1) for border in borders if border]
    ranges += [(0x2000 + 1023, 2), (0, STATUS_WORDS), (0, STATUS_WORDS + 1), (0xFFFF, 2), (0xFF00, 256)]
    ranges = [(address, words) for address, words in ranges if address < 0x10000]
    answers = []

    async def bench(ctx):
        for address, words in ranges:
            ctx.set(dut.address, address)
            ctx.set(dut.words, words)
            await ctx.tick().repeat(2)
            answers.append(bool(ctx.get(dut.there)))
            assert ctx.get(dut.status) == (address < 0x100)

    simulate(dut, bench)
    wanted = [golden.there(address, words) for address, words in ranges]
    assert answers == wanted
    assert 10 < sum(wanted) < len(wanted) - 10


def test_identity():
    values = identity(SMALL)
    assert values["config_hash"] == SMALL.hash
    assert (values["rows"], values["cols"], values["slice_pixels"]) == (8, 8, 1024)
    assert values["gateware_hash"] == gateware_hash() != 0
