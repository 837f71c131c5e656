# SPDX-License-Identifier: BSD-2-Clause
"""Replies and status packets against the golden packets, over a sink that rests."""

import random

import pytest

from macropix.gateware.fpga.reporter import Reporter
from macropix.gateware.registers import STATUS_WORDS
from macropix.gateware.wire import Error, Kind, Op
from macropix.sim.golden.packets import packet, reply


class Bench:
    """A reporter, a register file that answers after a while, and a sink."""

    def __init__(self, seed: int):
        self.dut = Reporter()
        self.rng = random.Random(seed)
        self.lazy = 0.4 * bool(seed)
        self.packets, self.current, self.over = [], bytearray(), False
        self.words, self.address = [self.rng.randrange(65536) for _ in range(1024)], 0

    async def registers(self, ctx):
        dut = self.dut
        while not self.over:
            _, _, load, read = await ctx.tick().sample(dut.load, dut.read)
            if load:
                self.address = 0
            if read:
                for _ in range(self.rng.randrange(1, 4)):
                    await ctx.tick()
                ctx.set(dut.read_data, self.words[self.address])
                ctx.set(dut.read_done, 1)
                await ctx.tick()
                ctx.set(dut.read_done, 0)
                self.address += 1

    async def sink(self, ctx):
        dut, offered = self.dut, None
        while not self.over:
            ready = self.rng.random() >= self.lazy
            ctx.set(dut.o.ready, ready)
            _, _, valid, byte, last = await ctx.tick().sample(dut.o.valid, dut.o.payload.data, dut.o.payload.last)
            if offered is not None:
                assert (valid, byte) == (1, offered)
            offered = byte if valid and not ready else None
            if valid and ready:
                self.current.append(byte)
                if last:
                    self.packets.append(bytes(self.current))
                    self.current.clear()

    async def reply(self, ctx, op, sequence, address=0, words=0, error=Error.OK):
        command = self.dut.command
        ctx.set(command.op.as_value(), int(op.value))
        for name, value in (("sequence", sequence), ("address", address), ("words", words)):
            ctx.set(getattr(command, name), value)
        ctx.set(self.dut.error.as_value(), error.value)
        self.address = 500
        ctx.set(self.dut.reads, op is Op.READ and error is Error.OK)
        ctx.set(self.dut.busy, 1)
        ctx.set(self.dut.reply, 1)
        await ctx.tick().until(self.dut.replied)
        ctx.set(self.dut.reply, 0)
        ctx.set(self.dut.busy, 0)

    async def status(self, ctx):
        ctx.set(self.dut.status, 1)
        await ctx.tick()
        ctx.set(self.dut.status, 0)

    def run(self, simulate, play):
        async def all_of_it(ctx):
            await play(ctx)
            for _ in range(2_000):
                await ctx.tick()
                if ctx.get(self.dut.quiet):
                    break
            await ctx.tick().repeat(3)
            self.over = True

        simulate(self.dut, all_of_it, self.registers, self.sink)
        assert not self.current


COMMON = {"epoch": 0xBEEF, "tag": 0x1234, "where": 0x89ABCDEF}


async def common(ctx, dut):
    ctx.set(dut.epoch, 0xBEEF)
    ctx.set(dut.tag, 0x1234)
    ctx.set(dut.time, 0x89ABCDEF)
    ctx.set(dut.corrupt, 0xFFFE)


@pytest.mark.parametrize("seed", range(3))
def test_replies_and_status(simulate, seed):
    bench = Bench(seed)

    async def play(ctx):
        await common(ctx, bench.dut)
        await bench.reply(ctx, Op.START, 0x8001)
        await bench.reply(ctx, Op.READ, 2, 500, 1)
        await bench.reply(ctx, Op.READ, 3, 500, 256)
        await bench.reply(ctx, Op.READ, 4, 500, 9, Error.ADDRESS)
        await bench.status(ctx)
        await ctx.tick().until(bench.dut.quiet)
        ctx.set(bench.dut.clear, 1)
        await ctx.tick()
        ctx.set(bench.dut.clear, 0)
        await bench.reply(ctx, Op.WRITE, 5, 0x100, 7, Error.READ_ONLY)

    bench.run(simulate, play)
    words = bench.words
    text = b"".join(word.to_bytes(2, "little") for word in words[:STATUS_WORDS])
    assert bench.packets == [
        reply(0x8001, Op.START, Error.OK, corrupt=0xFFFE, number=0, **COMMON),
        reply(2, Op.READ, Error.OK, address=500, words=1, corrupt=0xFFFE, read=words[500:501], number=1, **COMMON),
        reply(3, Op.READ, Error.OK, address=500, words=256, corrupt=0xFFFE, read=words[500:756], number=2, **COMMON),
        reply(4, Op.READ, Error.ADDRESS, address=500, words=9, corrupt=0xFFFE, number=3, **COMMON),
        packet(Kind.STATUS, text, number=4, **COMMON),
        reply(5, Op.WRITE, Error.READ_ONLY, address=0x100, words=7, corrupt=0xFFFE, number=0, **COMMON),
    ]


def test_a_status_waits_for_the_command_and_is_owed_once(simulate):
    bench = Bench(0)

    async def play(ctx):
        dut = bench.dut
        await common(ctx, dut)
        ctx.set(dut.busy, 1)
        for _ in range(3):
            await bench.status(ctx)
            await ctx.tick().repeat(20)
        assert not ctx.get(dut.quiet)
        assert not bench.current
        await bench.reply(ctx, Op.STOP, 1)

    bench.run(simulate, play)
    assert [one[1] & 3 for one in bench.packets] == [Kind.REPLY.value, Kind.STATUS.value]


def test_the_time_is_of_one_clock(simulate):
    """It carries into its high half in every clock: low and high belong together."""
    bench = Bench(3)
    times = []

    async def play(ctx):
        dut = bench.dut
        await common(ctx, dut)

        for n in range(6):
            ctx.set(dut.time, (n << 16) - 12)
            for name in ("reply", "busy"):
                ctx.set(getattr(dut, name), 1)
            time = (n + 1 << 16) - 20 - n
            done = 0
            while not done:
                ctx.set(dut.time, time)
                times.append(time)
                time += 1
                _, _, done = await ctx.tick().sample(dut.replied)
            for name in ("reply", "busy"):
                ctx.set(getattr(dut, name), 0)
            await ctx.tick()

    bench.run(simulate, play)
    assert len(bench.packets) == 6
    assert all(int.from_bytes(one[14:18], "little") in times for one in bench.packets)
