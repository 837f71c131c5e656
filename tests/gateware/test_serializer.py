# SPDX-License-Identifier: BSD-2-Clause
"""Serializer: what is on the lane, bit by bit, read with the golden model's 8b/10b table."""

import random

import pytest
from amaranth.sim import Simulator

from macropix.gateware.config import Config
from macropix.gateware.roic.serializer import IDLE_SYMBOLS, QUIET_SYMBOLS, Serializer
from macropix.gateware.wire import K_END, K_IDLE, K_START, LaneTest
from macropix.sim.golden import lane

LANE_BITS = (1, 2, 5, 10)
START = [lane.encode(K_START, 1, disparity)[0] for disparity in (-1, 1)]


class Bench:
    """A `Serializer` whose lane is recorded, and a script that drives it."""

    def __init__(self, bits, script, *, clocks=30_000):
        self.dut = Serializer(Config(lane_bits=bits))
        self.bits = []
        self.idle = []  # one a clock

        async def drive(ctx):
            await script(self, ctx)

        async def deadline(ctx):
            await ctx.delay(clocks * 1e-6)
            raise AssertionError(f"script not finished in {clocks} clocks")

        async def record(ctx):
            async for *_, word, idle in ctx.tick().sample(self.dut.lane, self.dut.idle):
                self.bits += [word >> i & 1 for i in range(bits)]
                self.idle.append(idle)

        simulator = Simulator(self.dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(drive)
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


def first_comma(bits):
    pattern = [lane.encode(K_IDLE, 1, disparity)[0] for disparity in (-1, 1)]
    return next(n for n in range(len(bits)) if sum(bit << i for i, bit in enumerate(bits[n : n + 10])) in pattern)


def symbols_of(bits):
    """(byte, k) from the first comma on; every symbol right, disparity too."""
    start = first_comma(bits)
    disparity, symbols = None, []
    for n in range(start, len(bits) - 9, 10):
        word = sum(bit << i for i, bit in enumerate(bits[n : n + 10]))
        if disparity is None:
            disparity = -1 if lane.decode(word, -1) else 1
        found = lane.decode(word, disparity)
        assert found is not None, f"symbol {len(symbols)} is wrong"
        byte, k, disparity = found
        symbols.append((byte, k))
    return symbols


def slices_of(symbols):
    """Packets, K28.5 inside them, and symbols of idle before each; asserts the grammar."""
    packets, fillers, gaps, gap, current = [], 0, [], 0, None
    for byte, k in symbols:
        if current is None and (byte, k) == (K_START, True):
            gaps.append(gap)
            current = bytearray()
        elif current is None:
            assert (byte, k) == ((0, False) if gap % 2 else (K_IDLE, True)), gap
            gap += 1
        elif not k:
            current.append(byte)
        elif byte == K_IDLE:
            fillers += 1
        else:
            assert byte == K_END
            packets.append(bytes(current))
            current, gap = None, 0
    assert current is None
    return packets, fillers, gaps


@pytest.mark.parametrize("bits", LANE_BITS)
@pytest.mark.parametrize("stall", [0.0, 0.5, 0.9])
def test_slices_on_the_lane(bits, stall):
    rng = random.Random(bits)
    packets = [rng.randbytes(n) for n in (5, 1, 40, 12)]

    async def script(bench, ctx):
        for packet in packets:
            await bench.send(ctx, packet, rng, stall)
        await bench.drain(ctx)

    bench = Bench(bits, script)
    came, fillers, gaps = slices_of(symbols_of(bench.bits))
    assert came == packets
    assert min(gaps) >= IDLE_SYMBOLS
    if stall == 0:
        assert fillers == 0
        assert max(gaps[1:]) == IDLE_SYMBOLS
    elif bits == 10:
        assert fillers > 0


def test_idle_only_behind_the_last_bit():
    async def script(bench, ctx):
        assert ctx.get(bench.dut.idle)
        await bench.send(ctx, bytes(range(20)))
        await bench.drain(ctx)

    bench = Bench(10, script)
    symbols = symbols_of(bench.bits)
    lag = first_comma(bench.bits) // 10
    end = symbols.index((K_END, True)) + lag
    last_busy = max(clock for clock, idle in enumerate(bench.idle) if not idle)
    assert end + QUIET_SYMBOLS - 4 <= last_busy <= end + QUIET_SYMBOLS


@pytest.mark.parametrize("bits", LANE_BITS)
def test_prbs7(bits):
    async def script(bench, ctx):
        ctx.set(bench.dut.test, LaneTest.PRBS7)
        await ctx.tick().repeat(40 * 10 // bits)

    sent = Bench(bits, script).bits[60:]
    assert len(sent) > 2 * 127
    assert all(sent[n] == sent[n - 7] ^ sent[n - 6] for n in range(7, len(sent)))
    assert sent[:127] == sent[127:254]
    assert sum(sent[:127]) == 64


@pytest.mark.parametrize("bits", LANE_BITS)
def test_fixed_alternates(bits):
    async def script(bench, ctx):
        ctx.set(bench.dut.test, LaneTest.FIXED)
        await ctx.tick().repeat(30 * 10 // bits)

    sent = Bench(bits, script).bits[60:]
    assert sent == [n % 2 ^ sent[0] for n in range(len(sent))]


@pytest.mark.parametrize("test", [LaneTest.PRBS7, LaneTest.FIXED])
def test_a_lane_test_loses_no_slice(test):
    """Switched on while a slice is sent: it goes on to its end; the next waits, and follows enough idle symbols."""
    packets = [bytes(range(16)), bytes(range(50, 70))]
    idle = []

    async def switched(bench, ctx):
        dut = bench.dut
        for place, byte in enumerate(packets[0]):
            if place == 8:
                ctx.set(dut.test, test)
            ctx.set(dut.i.payload, {"data": byte, "last": place == len(packets[0]) - 1})
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
        ctx.set(dut.i.payload, {"data": packets[1][0], "last": 0})
        for _ in range(100):
            *_, ready, quiet = await ctx.tick().sample(dut.i.ready, dut.idle)
            assert not ready
            idle.append(quiet)
        ctx.set(dut.test, LaneTest.OFF)
        await bench.send(ctx, packets[1])
        await bench.drain(ctx)

    bench = Bench(10, switched)
    assert not any(idle)
    bits = bench.bits
    starts = [n for n in range(0, len(bits) - 9, 10) if sum(b << i for i, b in enumerate(bits[n : n + 10])) in START]
    assert len(starts) >= 2
    first = symbols_of(bits[: (starts[0] // 10 + 18) * 10])
    assert slices_of(first)[0] == packets[:1]
    second = symbols_of(bits[starts[-1] - 40 :])
    assert slices_of(second)[0] == packets[1:]
