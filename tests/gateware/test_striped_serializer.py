# SPDX-License-Identifier: BSD-2-Clause
"""StripedSerializer: what is on each lane, bit by bit, read with the golden model's 8b/10b table and its words on several lanes."""

import random
from itertools import pairwise

import pytest
from amaranth.sim import Simulator

from macropix.gateware.config import Config
from macropix.gateware.roic.serializer import IDLE_SYMBOLS, QUIET_SYMBOLS
from macropix.gateware.roic.striped_serializer import StripedSerializer
from macropix.gateware.wire import K_END, K_IDLE, K_START, LaneTest
from macropix.sim.golden import lane

ENDS = [lane.encode(K_END, True, disparity)[0] for disparity in (-1, 1)]
#: lanes, bits a clock
FORMS = [(2, 1), (2, 10), (4, 1), (4, 2), (4, 5), (4, 10)]


class Bench:
    """A `StripedSerializer` whose lanes are recorded, and a script that drives it."""

    def __init__(self, lanes, bits, script, *others, clocks=30_000):
        self.dut = StripedSerializer(Config(lanes=lanes, lane_bits=bits))
        self.bits = [[] for _ in range(lanes)]
        self.idle = []  # one a clock

        async def drive(ctx):
            await script(self, ctx)

        def background(other):
            async def bench(ctx):
                await other(self, ctx)

            return bench

        async def deadline(ctx):
            await ctx.delay(clocks * 1e-6)
            raise AssertionError(f"script not finished in {clocks} clocks")

        async def record(ctx):
            async for *_, word, idle in ctx.tick().sample(self.dut.lane, self.dut.idle):
                for n, one in enumerate(self.bits):
                    one += [word >> n * bits + i & 1 for i in range(bits)]
                self.idle.append(idle)

        simulator = Simulator(self.dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(drive)
        for other in others:
            simulator.add_testbench(background(other), background=True)
        simulator.add_testbench(record, background=True)
        simulator.add_testbench(deadline, background=True)
        simulator.run()

    async def send(self, ctx, packet, rng=None, stall=0.0):
        for place, byte in enumerate(packet):
            while stall and rng.random() < stall:
                await ctx.tick()
            ctx.set(self.dut.i.payload, {"data": byte, "last": place == len(packet) - 1})
            ctx.set(self.dut.i.valid, 1)
            await ctx.tick().until(self.dut.i.ready)
            ctx.set(self.dut.i.valid, 0)

    async def drain(self, ctx):
        await ctx.tick().until(self.dut.idle)

    def columns(self, begin=0, end=None):
        """Byte and k of all lanes, symbol by symbol from the first K28.5 on; every symbol right, disparity too."""
        commas = [lane.encode(K_IDLE, True, disparity)[0] for disparity in (-1, 1)]
        words = [[sum(bit << i for i, bit in enumerate(one[n : n + 10])) for n in range(begin, len(one[:end]) - 9)] for one in self.bits]
        first = next(n for n, word in enumerate(words[0]) if word in commas)
        rows = []
        for one in words:
            disparity, row = None, []
            for word in one[first::10]:
                if disparity is None:
                    disparity = -1 if lane.decode(word, -1) else 1
                found = lane.decode(word, disparity)
                assert found is not None, f"symbol {len(row)} is wrong"
                row.append(found[:2])
                disparity = found[2]
            rows.append(row)
        return list(zip(*rows, strict=True))


def slices_of(columns):
    """Packets, columns of waiting and the idle symbols before each; asserts the grammar of docs/protocol.md."""
    lanes = len(columns[0])
    packets, waits, gaps, gap, pair, inside = [], 0, [], 0, None, None
    for column in columns:
        kinds = {byte for byte, k in column if k}
        if inside is None and kinds == {K_START} and all(k for _, k in column):
            gaps.append(gap)
            inside = [b""] * lanes
        elif inside is None and gap % 2:
            pair = column[0][0] >> 5 if pair is None else pair + 1
            assert list(column) == [lane.idle_pair(n, pair, lanes=lanes)[1] for n in range(lanes)]
            gap += 1
        elif inside is None:
            assert list(column) == [(K_IDLE, True)] * lanes
            gap += 1
        elif list(column) == [(K_END, True)] * lanes:
            packets.append(lane.gathered(inside))
            inside, gap = None, 0
        else:
            assert kinds <= {K_IDLE}
            waits += all(k for _, k in column)
            inside = [part + bytes([byte]) if not k else part for part, (byte, k) in zip(inside, column, strict=True)]
    assert inside is None
    return packets, waits, gaps


@pytest.mark.parametrize(("lanes", "bits"), FORMS)
@pytest.mark.parametrize("stall", [0.0, 0.7])
def test_slices_on_the_lanes(lanes, bits, stall):
    rng = random.Random(bits)
    packets = [rng.randbytes(n) for n in (24, 5, 1, 41, 12)]

    async def script(bench, ctx):
        for packet in packets:
            await bench.send(ctx, packet, rng, stall)
        await bench.drain(ctx)

    came, waits, gaps = slices_of(Bench(lanes, bits, script).columns())
    assert came == packets
    assert min(gaps) >= IDLE_SYMBOLS
    if stall == 0 and lanes * bits <= 10:
        assert waits == 0
        assert max(gaps[1:]) <= IDLE_SYMBOLS + 2
    elif bits == 10:
        assert waits > 0


def test_the_golden_symbols():
    """Slices as fast as they go, one bit a clock: symbol for symbol what the golden lane model deals."""
    rng = random.Random(7)
    packets = [rng.randbytes(n) for n in (25, 7)]

    async def script(bench, ctx):
        for packet in packets:
            await bench.send(ctx, packet)
        await bench.drain(ctx)

    columns = Bench(4, 1, script).columns()
    rows = [[column[n] for column in columns] for n in range(4)]
    for n, row in enumerate(rows):
        for packet in packets:
            part = lane.dealt(packet, 4)[n]
            at = row.index(part[0])
            assert row[at : at + len(part)] == part
            row = row[at + len(part) :]


@pytest.mark.parametrize(("lanes", "bits"), FORMS)
def test_throughput(lanes, bits):
    """One slice of 80 bytes: `lanes · bits / 10` bytes a clock, or one; what a column holds is there before it begins."""

    async def script(bench, ctx):
        await ctx.tick().repeat(100)
        await bench.send(ctx, bytes(80))
        await bench.drain(ctx)

    columns = Bench(lanes, bits, script).columns()
    start, end = (next(i for i, column in enumerate(columns) if column[0] == (byte, True)) for byte in (K_START, K_END))
    clocks = (end - start - 1) * 10 // bits
    if lanes * bits <= 10:
        assert clocks == 800 // (lanes * bits)
    else:
        assert 80 - lanes <= clocks <= 80


def test_idle_only_behind_the_last_bit():
    async def script(bench, ctx):
        assert ctx.get(bench.dut.idle)
        await bench.send(ctx, bytes(range(21)))
        await bench.drain(ctx)

    bench = Bench(4, 10, script)
    columns = bench.columns()
    lag = len(bench.idle) - len(columns)
    end = columns.index(((K_END, True),) * 4) + lag
    last_busy = max(clock for clock, idle in enumerate(bench.idle) if not idle)
    assert end + QUIET_SYMBOLS - 4 <= last_busy <= end + QUIET_SYMBOLS


@pytest.mark.parametrize("bits", [1, 10])
def test_lane_tests_are_on_all_lanes(bits):
    for test, fits in (
        (LaneTest.PRBS7, lambda sent, n: sent[n] == sent[n - 7] ^ sent[n - 6]),
        (LaneTest.FIXED, lambda sent, n: sent[n] != sent[n - 1]),
    ):

        async def script(bench, ctx, test=test):
            ctx.set(bench.dut.test, test)
            await ctx.tick().repeat(40 * 10 // bits)

        sent = [one[60:] for one in Bench(4, bits, script).bits]
        assert sent[0] == sent[1] == sent[2] == sent[3]
        assert len(sent[0]) > 2 * 127
        assert all(fits(sent[0], n) for n in range(7, len(sent[0])))
        assert any(sent[0])


@pytest.mark.parametrize("test", [LaneTest.PRBS7, LaneTest.FIXED])
def test_a_lane_test_loses_no_slice(test):
    """Switched on while a slice is sent: it goes on to its end; the next waits, and follows enough idle symbols."""
    packets = [bytes(range(16)), bytes(range(50, 71))]
    idle, off = [], []

    async def send(bench, ctx):
        for packet in packets:
            await bench.send(ctx, packet)
        await bench.drain(ctx)

    async def switch(bench, ctx):
        await ctx.tick().until(bench.dut.i.valid & bench.dut.i.ready)
        await ctx.tick().repeat(8)
        ctx.set(bench.dut.test, test)
        for _ in range(100):
            _, _, quiet = await ctx.tick().sample(bench.dut.idle)
            idle.append(quiet)
        ctx.set(bench.dut.test, LaneTest.OFF)
        off.append(len(bench.idle))

    bench = Bench(2, 10, send, switch)
    assert not any(idle)
    words = [sum(bit << i for i, bit in enumerate(bench.bits[0][n : n + 10])) for n in range(0, len(bench.bits[0]) - 9, 10)]
    ends = [n for n, word in enumerate(words) if word in ENDS]
    assert len(ends) == 2
    assert ends[0] < 40 < 100 < off[0] < ends[1]
    assert slices_of(bench.columns(end=10 * (ends[0] + 1)))[0] == packets[:1]
    came, _, gaps = slices_of(bench.columns(begin=10 * off[0]))
    assert came == packets[1:]
    assert gaps[0] >= IDLE_SYMBOLS


def test_pairs_are_counted_through_slices_and_tests():
    async def send(bench, ctx):
        await ctx.tick().repeat(14)
        await bench.send(ctx, bytes(6))
        await bench.drain(ctx)
        ctx.set(bench.dut.test, LaneTest.FIXED)
        await ctx.tick().repeat(62)
        ctx.set(bench.dut.test, LaneTest.OFF)
        await ctx.tick().repeat(62)

    bench = Bench(2, 5, send)
    columns = bench.columns()
    tests = [column == ((0xB5, False),) * 2 for column in columns]
    assert sum(tests) in (30, 32)
    # nothing waits inside the slice: a byte behind K28.5 is a number
    steps = enumerate(pairwise(columns), 1)
    numbers = [(at, now[0][0] >> 5) for at, (before, now) in steps if before[0] == (K_IDLE, True) and not now[0][1]]
    assert len(numbers) > 20
    for (at, number), (then, following) in pairwise(numbers):
        assert (following - number) % 8 == (1 + sum(tests[at:then]) // 2) % 8
