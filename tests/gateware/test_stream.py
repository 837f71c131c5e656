# SPDX-License-Identifier: BSD-2-Clause
"""A streamed scene: the whole device against the golden one, words early, late, lost, twice, too few; and that no scene memory is built."""

import random
import re

import numpy as np
import pytest

from macropix.gateware.config import Config, Form, SceneForm
from macropix.gateware.registers import CONTROL, SCENE
from macropix.gateware.roic.scene_queue import DEPTH, SceneQueue
from macropix.gateware.top import Top
from macropix.gateware.verilog import to_verilog
from macropix.gateware.wire import Error, Kind, Mode, Op, Read
from macropix.gateware.wire import Scene as Source
from tests.gateware.test_top import LAPLACIAN, Script, kind, play, register, timeless

WORDS = 36  # imaging pixels of 8 × 8


class Stream(Script):
    """Commands of a run, its scene words in order."""

    def __init__(self, seed: int):
        super().__init__()
        self.numbers = np.random.default_rng(seed)
        self.position = 0

    def start(self) -> bytes:
        self.position = 0
        return self(Op.START)

    def words(self, count: int) -> bytes:
        """The next words."""
        said = self(Op.WRITE, SCENE.base + self.position, self.numbers.integers(0, 65536, count).tolist())
        self.position += count
        return said


def error(packet: bytes) -> Error:
    return Error(packet[23])


def held_against_golden(config: Config, commands: list[bytes], **options) -> list[bytes]:
    """Packets of the gateware: data, and everything else, each in the golden device's order."""
    got, wanted = play(config, commands, **options)
    for data in (True, False):
        one, other = ([comparable(packet) for packet in found if (kind(packet) is Kind.DATA) is data] for found in (got, wanted))
        assert one == other
    return got


def comparable(packet: bytes) -> bytes:
    """Without times; and without the tag in a reply, which may leave before or behind the latch of an exposure that its command begins."""
    text = timeless(packet)
    return text[:8] + bytes(2) + text[10:] if kind(packet) is Kind.REPLY else text


@pytest.mark.parametrize(("form", "seed"), [(Form.PARALLEL, 3), (Form.SHARED, 0)])
def test_frames_refusals_and_abandoned_exposures(form, seed):
    say = Stream(7)
    commands = [
        say(Op.CLAIM),
        say(Op.WRITE, 0x1000 + 3 * 32, LAPLACIAN),
        say.write("sequence", 3),
        say.write("shots", 2),
        say.words(4),  # before a start
        say.start(),
        say.write("time", 200),  # nothing has come yet: it acts on the first exposure
        say.words(20),
        say(Op.WRITE, SCENE.base, [1, 2, 3]),  # not the next
        say(Op.WRITE, SCENE.base + 21, [1, 2, 3]),
        say.write("gain", 2),  # would wait for words behind it
        say(Op.READ, CONTROL["gain"].address, 1),
        say(Op.READ, 0, 4),  # status needs no bus
        say.words(WORDS - 20),
        say.write("gain", 1),  # between two exposures
        say.words(WORDS),
        say.words(1),  # behind the run
        say.write("shots", 0),
        say.start(),
        say.words(WORDS),
        say.words(10),
        say(Op.STOP),
        say.write("shots", 1),
        say.start(),
        say.words(WORDS),
        say.start(),
        say.words(5),
        say(Op.CLAIM),
        say.start(),
        say(Op.STOP),
        say.write("scene_source", Source.RAMP.value),
        say.start(),
        say.words(3),
        say.write("scene_source", Source.MEMORY.value),
        say.write("read", Read.TILES.value),
        say.start(),
        say.words(WORDS),  # exactly so many: 6 × 6 pixels hold 2 × 2 macro-pixels
        say.write("mode", Mode.EDGE.value),
        say(Op.STATUS),
    ]
    config = Config(rows=8, cols=8, scene=SceneForm.STREAMED, form=form)
    got = held_against_golden(config, commands, seed=seed, clocks=60_000)
    refused = [error(packet) for packet in got if kind(packet) is Kind.REPLY and error(packet) is not Error.OK]
    assert refused == [Error.SCENE] * 7
    data = [packet for packet in got if kind(packet) is Kind.DATA]
    last = [packet[1] >> 3 & 1 for packet in data]
    assert last == [1, 1, 1, 0, 1, 0, 1, 1]
    status = [packet for packet in got if kind(packet) is Kind.STATUS][-1]
    assert (register(status, "frames_done"), register(status, "produced"), register(status, "sent")) == (2, 2, 2)


def test_the_queue_keeps_its_words_in_order(simulate):
    """Random writes and takes, full and empty; a write into the full queue is done when there is room, or with a flush."""
    dut, rng = SceneQueue(), random.Random(4)
    sent, got, filled = [], [], []

    async def testbench(ctx):
        waiting = False
        for clock in range(6_000):
            eager = 0.9 if clock // 1500 % 2 == 0 else 0.2
            if not waiting and rng.random() < eager:
                sent.append(rng.randrange(1 << 16))
                ctx.set(dut.window.write_data, sent[-1])
                ctx.set(dut.window.write, 1)
                waiting = True
            take = ctx.get(dut.ready) and rng.random() > eager
            ctx.set(dut.take, int(take))
            await ctx.tick()
            ctx.set(dut.window.write, 0)
            ctx.set(dut.take, 0)
            if take:
                got.append(ctx.get(dut.word))
            waiting = waiting and not ctx.get(dut.window.done)
        assert got == sent[: len(got)]
        assert len(got) > 1000
        while ctx.get(dut.ready):
            ctx.set(dut.take, 1)
            await ctx.tick()
        ctx.set(dut.take, 0)
        for _ in range(2 * DEPTH):  # until one stays in hand
            ctx.set(dut.window.write, 1)
            await ctx.tick()
            ctx.set(dut.window.write, 0)
            if not ctx.get(dut.window.done):
                break
            filled.append(1)
        await ctx.tick().repeat(20)
        assert DEPTH - 2 <= len(filled) <= DEPTH
        assert not ctx.get(dut.window.done)
        ctx.set(dut.flush, 1)
        await ctx.tick()
        assert ctx.get(dut.window.done)
        ctx.set(dut.flush, 0)
        await ctx.tick().repeat(4)
        assert not ctx.get(dut.ready)

    simulate(dut, testbench)


def memories(**options) -> list[int]:
    """Bits of each memory in the Verilog of the whole device."""
    config = Config(**options, response_table=False, pedestal_map=False, taps=False, noise=False)
    found = re.findall(r"^\s*reg \[(\d+):0\] \S+ \[(\d+):0\];", to_verilog(config, Top(config)), re.MULTILINE)
    return sorted((int(width) + 1) * (int(depth) + 1) for width, depth in found)


def test_no_scene_memory_is_built():
    """Of a streamed array of 2,048 columns nothing grows with the rows; the largest memory holds less than three of its lines."""
    with_memory = memories(rows=9, cols=2048)
    streamed = memories(rows=9, cols=2048, scene=SceneForm.STREAMED)
    assert 9 * 2048 * 16 in with_memory
    assert 9 * 2048 * 16 not in streamed
    assert 16 * (DEPTH - 1) in streamed  # and a register behind it
    assert max(streamed) < 3 * 2048 * 16
    assert memories(rows=99, cols=2048, scene=SceneForm.STREAMED) == streamed
