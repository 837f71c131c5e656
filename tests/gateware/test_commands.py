# SPDX-License-Identifier: BSD-2-Clause
"""Commands found and checked in a byte stream: against the golden finder, and the decoder's own rules."""

import random

import pytest

from macropix.gateware.fpga.commands import CommandDecoder
from macropix.gateware.wire import COMMAND_BYTES, MAX_WORDS, Op
from macropix.sim.golden.commands import CommandFinder, Request
from macropix.sim.golden.packets import command


def take(simulate, stream: bytes, *, seed: int = 0, rests: dict[int, int] | None = None, timeout: int = 1 << 16, clocks: int = 40_000):
    """What a decoder makes of `stream`: requests, and how often it gave up. `rests`: clocks of rest before byte i."""
    dut = CommandDecoder(timeout)
    rng = random.Random(seed)
    found, gave_up, sent = [], [], []

    async def talk(ctx):
        for i, byte in enumerate(stream):
            if rests and i in rests:
                await ctx.tick().repeat(rests[i])
            while seed and rng.random() < 0.3:
                await ctx.tick()
            ctx.set(dut.i.payload, byte)
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
            ctx.set(dut.i.valid, 0)
        await ctx.tick().repeat(40 + (2 * timeout if timeout < 1000 else 0))
        sent.append(True)

    async def listen(ctx):
        while not sent:
            if not ctx.get(dut.valid):
                await ctx.tick()
                continue
            fields = {name: ctx.get(getattr(dut.command, name)) for name in ("sequence", "epoch", "address", "words")}
            op = ctx.get(dut.command.as_value()) >> 8 & 0xFF
            corrupt, words = bool(ctx.get(dut.corrupt)), b""
            await ctx.tick().repeat(1 + rng.randrange(3))
            if op == Op.WRITE.value and not ctx.get(dut.long):
                for i in range(fields["words"]):
                    ctx.set(dut.next, 1)
                    await ctx.tick()
                    ctx.set(dut.next, 0)
                    words += ctx.get(dut.word).to_bytes(2, "little")
                    assert ctx.get(dut.last) == (i == fields["words"] - 1)
                    await ctx.tick().repeat(1 + rng.randrange(2))
            assert ctx.get(dut.long) == (fields["words"] > MAX_WORDS)
            ctx.set(dut.done, 1)
            await ctx.tick()
            ctx.set(dut.done, 0)
            found.append(Request(op=op, data=words, corrupt=corrupt, **fields))

    async def watched(ctx):
        while not sent:
            await ctx.tick()
            if ctx.get(dut.abandoned):
                gave_up.append(True)

    simulate(dut, talk, listen, watched, clocks=clocks)
    return found, len(gave_up)


def garbled(seed: int, commands: int) -> bytes:
    """Commands of all kinds, damaged in every way, between noise rich in sync bytes."""
    rng = random.Random(seed)
    stream = b""
    for sequence in range(commands):
        op = rng.choice([1, 1, 1, 2, 3, 4, 5, 6, 0, 9, 255])
        words = (
            [rng.choice([0xC3C3, rng.randrange(65536)]) for _ in range(rng.choice([0, 1, 2, 7]))]
            if op == 1
            else rng.choice([0, 1, 256, 257])
        )
        text = bytearray(command(op, sequence, rng.randrange(65536), rng.randrange(65536), words))
        damage = rng.random()
        if damage < 0.15:
            text[rng.randrange(len(text))] ^= 1 << rng.randrange(8)
        elif damage < 0.3:
            del text[rng.randrange(len(text))]
        elif damage < 0.4:
            text.insert(rng.randrange(len(text)), 0xC3)
        stream += bytes(text) + bytes(rng.choice([0xC3, 0, 0x5A]) for _ in range(rng.choice([0, 0, 1, 5, 13])))
    return stream


@pytest.mark.parametrize("seed", range(3))
def test_finds_what_the_golden_finder_finds(simulate, seed):
    stream = garbled(seed, 30) + bytes(64)
    golden = CommandFinder().feed(stream)
    assert len(golden) > 15
    assert any(request.corrupt for request in golden)
    found, gave_up = take(simulate, stream, seed=seed)
    assert found == golden
    assert gave_up == 0


def test_a_header_inside_a_refused_header(simulate):
    """The sync of a good command lies at every place behind a false one."""
    good = command(Op.WRITE, 7, 1, 0x100, [1, 2, 3])
    for before in (0, 1, 5, 10, 11):
        found, _ = take(simulate, b"\xc3" + bytes(before) + good)
        assert [request.sequence for request in found] == [7], before


def test_the_most_words(simulate):
    words = [(i * 40503 + 1) & 0xFFFF for i in range(MAX_WORDS)]
    found, _ = take(simulate, command(Op.WRITE, 1, 2, 3, words) + command(Op.STOP, 2, 2))
    assert [len(request.data) for request in found] == [512, 0]
    assert found[0].data == b"".join(word.to_bytes(2, "little") for word in words)
    assert not found[0].corrupt


def test_too_many_words_end_with_the_header(simulate):
    text = command(Op.WRITE, 1, 2, 3, [0] * (MAX_WORDS + 1))[:COMMAND_BYTES]
    found, _ = take(simulate, text + command(Op.STOP, 2, 2))
    assert [(request.sequence, request.words, request.corrupt) for request in found] == [(1, 257, False), (2, 0, False)]


@pytest.mark.parametrize("cut", [1, 11, 12, 13, 16, 18, 21])
def test_gives_up_in_the_middle(simulate, cut):
    """A command cut anywhere is given up once, and the next is found."""
    first, second = command(Op.WRITE, 1, 2, 3, [4, 5, 6]), command(Op.STATUS, 2, 2)
    assert cut < len(first)
    found, gave_up = take(simulate, first[:cut] + second, rests={cut: 150}, timeout=128)
    assert gave_up == 1
    assert [request.sequence for request in found] == [2]


def test_waits_long_enough(simulate):
    first = command(Op.WRITE, 1, 2, 3, [4, 5, 6])
    found, gave_up = take(simulate, first, rests={1: 120, 12: 100, 14: 120, 20: 120}, timeout=128)
    assert gave_up == 0
    assert [request.sequence for request in found] == [1]


def test_noise_without_a_sync_is_not_given_up(simulate):
    found, gave_up = take(simulate, bytes(20), rests={5: 300}, timeout=128)
    assert (found, gave_up) == ([], 0)


@pytest.mark.parametrize("timeout", [0, 16, 100])
def test_refuses_a_timeout(refused, timeout):
    refused(ValueError, f"timeout must be a power of two from 32 on, not {timeout}", lambda: CommandDecoder(timeout))
