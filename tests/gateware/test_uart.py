# SPDX-License-Identifier: BSD-2-Clause
"""UART: bytes over a wire whose other end has a clock of its own."""

import gc
import random
from fractions import Fraction
from itertools import pairwise

import pytest
from amaranth.sim import Simulator

from macropix.gateware.fpga.uart import FIFO_BYTES, BitClock, UartRx, UartTx

CLOCK = 1e-6
DIVISORS = [4, 16, 12.5, Fraction(12_000_000, 921_600), 50]


def simulate(dut, *benches, background=(), clocks=60_000):
    async def deadline(ctx):
        await ctx.delay(clocks * CLOCK)
        raise AssertionError(f"not finished in {clocks} clocks")

    simulator = Simulator(dut)
    simulator.add_clock(CLOCK)
    for bench in benches:
        simulator.add_testbench(bench)
    for bench in (*background, deadline):
        simulator.add_testbench(bench, background=True)
    simulator.run()


async def send_bits(ctx, wire, bits, bit):
    for value in bits:
        ctx.set(wire, value)
        await ctx.delay(bit)


def frame(byte, stop=1):
    return [0, *(byte >> i & 1 for i in range(8)), stop]


@pytest.mark.parametrize("divisor", DIVISORS)
@pytest.mark.parametrize("error", [-0.02, 0, 0.02])
def test_receives(divisor, error):
    """Bytes back to back and with pauses, at any phase, 2 % fast and slow."""
    dut, rng = UartRx(divisor), random.Random(1)
    data, got = [0x00, 0xFF, 0x55, 0xAA, *rng.randbytes(8)], []

    async def line(ctx):
        bit = float(divisor) * CLOCK * (1 + error)
        await ctx.delay(30.37 * CLOCK)
        for byte in data:
            await send_bits(ctx, dut.rx, frame(byte), bit)
            if rng.random() < 0.3:
                await ctx.delay(rng.random() * 3 * bit)
        await ctx.delay(2 * bit)

    async def take(ctx):
        ctx.set(dut.o.ready, 1)
        while len(got) < len(data):
            *_, valid, byte, framing, overrun = await ctx.tick().sample(dut.o.valid, dut.o.payload, dut.framing, dut.overrun)
            assert not framing
            assert not overrun
            if valid:
                got.append(byte)

    simulate(dut, line, take)
    assert got == data


@pytest.mark.parametrize("divisor", DIVISORS)
@pytest.mark.parametrize("error", [-0.02, 0, 0.02])
def test_sends(divisor, error):
    """What a receiver 2 % fast or slow samples in the middle of each bit; bytes that wait follow without a gap."""
    dut, rng = UartTx(divisor), random.Random(2)
    data, got, starts, wave = [0x00, 0xFF, 0x55, *rng.randbytes(5)], [], [], []

    async def feed(ctx):
        await ctx.tick().repeat(7)
        for place, byte in enumerate(data):
            if place == 4:
                await ctx.tick().repeat(int(25 * divisor))
            ctx.set(dut.i.payload, byte)
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
            ctx.set(dut.i.valid, 0)

        await ctx.tick().repeat(int(11 * divisor))

    async def record(ctx):
        while True:
            *_, tx = await ctx.tick().sample(dut.tx)
            wave.append(tx)

    simulate(dut, feed, background=[record])
    bit, clock = float(divisor) * (1 + error), 0
    while len(got) < len(data):
        clock = wave.index(0, clock)
        starts.append(clock)
        samples = [wave[int(clock + (i + 0.5) * bit)] for i in range(10)]
        assert (samples[0], samples[9]) == (0, 1)
        got.append(sum(value << i for i, value in enumerate(samples[1:9])))
        clock = int(clock + 9.5 * bit)
    assert got == data
    gaps = [b - a for a, b in pairwise(starts[:4])]
    assert all(abs(gap - 10 * divisor) <= 1 for gap in gaps), gaps


def test_bit_rate_does_not_drift():
    """1,000 bits of 13.0208… clocks take as long as they should."""
    divisor = Fraction(12_000_000, 921_600)
    dut, ticks = BitClock(divisor), []

    async def bench(ctx):
        clock = 0
        while len(ticks) < 1000:
            *_, tick = await ctx.tick().sample(dut.tick)
            clock += 1
            if tick:
                ticks.append(clock)

    simulate(dut, bench)
    assert abs((ticks[-1] - ticks[0]) - 999 * divisor) < 1.3
    assert {b - a for a, b in pairwise(ticks)} == {13, 14}


def test_framing_and_glitches():
    """A low stop bit discards the byte and waits for the wire to be high; a start bit that is none is passed over; the next byte comes."""
    dut, got, framing = UartRx(16), [], []
    bit = 16 * CLOCK

    async def line(ctx):
        await send_bits(ctx, dut.rx, [1, *frame(0x5A, stop=0), 0, 0, 0, 1, 1], bit)
        await send_bits(ctx, dut.rx, [0], 5 * CLOCK)
        await send_bits(ctx, dut.rx, [1, 1, 1, *frame(0xC3), 1, 1], bit)

    async def take(ctx):
        ctx.set(dut.o.ready, 1)
        while True:
            *_, valid, byte, bad = await ctx.tick().sample(dut.o.valid, dut.o.payload, dut.framing)
            framing.extend([1] * bad)
            got.extend([byte] * valid)

    simulate(dut, line, background=[take])
    assert got == [0xC3]
    assert framing == [1]


def test_fifo_holds_sixteen():
    """Nobody takes: sixteen wait, the rest is lost and told; what waits comes in order."""
    dut, got, lost = UartRx(4), [], []
    data = list(range(FIFO_BYTES + 3))

    async def line(ctx):
        for byte in data:
            await send_bits(ctx, dut.rx, frame(byte), 4 * CLOCK)
        await ctx.delay(10 * CLOCK)
        ctx.set(dut.o.ready, 1)
        while ctx.get(dut.o.valid):
            got.append(ctx.get(dut.o.payload))
            await ctx.tick()

    async def watch(ctx):
        while True:
            *_, overrun = await ctx.tick().sample(dut.overrun)
            lost.extend([1] * overrun)

    simulate(dut, line, background=[watch])
    assert got == data[:FIFO_BYTES]
    assert len(lost) == 3


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
@pytest.mark.parametrize(
    ("divisor", "error", "message"),
    [
        (3.9, ValueError, r"divisor must be from 4 to 65536 clocks a bit, not 3\.9"),
        (70_000, ValueError, "not 70000"),
        ("16", TypeError, "divisor must be a number, not '16'"),
        (True, TypeError, "divisor must be a number, not True"),
    ],
)
@pytest.mark.parametrize("kind", [UartRx, UartTx])
def test_refuses(kind, divisor, error, message):
    with pytest.raises(error, match=message):
        kind(divisor)
    gc.collect()
