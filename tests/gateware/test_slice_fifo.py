# SPDX-License-Identifier: BSD-2-Clause
"""Slice FIFO: whole good slices or nothing, whatever comes and however the reader stalls."""

import random
from dataclasses import dataclass, field

import pytest
from amaranth.sim import Simulator

from macropix.gateware.config import Config
from macropix.gateware.fpga.slice_fifo import SliceFifo

DEPTH = 4096


@dataclass
class Scoreboard:
    """Slices as they come out, and the counts at the end."""

    packets: list = field(default_factory=list)
    current: bytearray = field(default_factory=bytearray)
    arrived: int = 0
    overflow: int = 0
    corrupt: int = 0


def run(writer, *, stall=0.0, seed=1, clocks=60_000, reader=True):
    """`writer(ctx, dut)` writes; a reader that stalls takes everything; ends when the FIFO is empty behind the writer."""
    dut, board, rng = SliceFifo(Config(fifo_bytes=DEPTH)), Scoreboard(), random.Random(seed)

    async def write(ctx):
        await writer(ctx, dut)
        idle(ctx, dut)
        if reader:
            await ctx.tick().until(dut.empty)
        board.arrived, board.overflow, board.corrupt = (ctx.get(x) for x in (dut.arrived, dut.dropped_overflow, dut.dropped_corrupt))

    async def read(ctx):
        held = None
        while True:
            ctx.set(dut.o.ready, rng.random() >= stall)
            *_, valid, ready, payload = await ctx.tick().sample(dut.o.valid, dut.o.ready, dut.o.payload)
            if held is not None:
                assert valid, "valid fell without ready"
                assert payload == held, "payload changed before it was taken"
            held = payload if valid and not ready else None
            if valid and ready:
                board.current.append(payload.data)
                if payload.last:
                    board.packets.append(bytes(board.current))
                    board.current.clear()

    async def deadline(ctx):
        await ctx.delay(clocks * 1e-6)
        raise AssertionError(f"not finished in {clocks} clocks")

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(write)
    if reader:
        simulator.add_testbench(read, background=True)
    simulator.add_testbench(deadline, background=True)
    simulator.run()
    assert not board.current, "a slice came out in part"
    return board


def idle(ctx, dut):
    for name in ("valid", "start", "end", "good"):
        ctx.set(getattr(dut.i, name), 0)


async def put(ctx, dut, data, good=True, *, end=True, rng=None, gap=0.0):
    for place, byte in enumerate(data):
        while rng and rng.random() < gap:
            idle(ctx, dut)
            await ctx.tick()
        ctx.set(dut.i.valid, 1)
        ctx.set(dut.i.start, place == 0)
        ctx.set(dut.i.data, byte)
        ctx.set(dut.i.end, 0)
        await ctx.tick()
    idle(ctx, dut)
    if end:
        ctx.set(dut.i.end, 1)
        ctx.set(dut.i.good, good)
        await ctx.tick()
        idle(ctx, dut)


@pytest.mark.parametrize("stall", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("gap", [0.0, 0.6])
def test_good_and_bad_slices(stall, gap):
    rng = random.Random(7)
    wanted, bad = [], []

    async def writer(ctx, dut):
        for _ in range(24):
            data, good = rng.randbytes(rng.choice((1, 2, 3, 30, 60))), rng.random() < 0.7
            await put(ctx, dut, data, good, rng=rng, gap=gap)
            (wanted if good else bad).append(data)

    board = run(writer, stall=stall)
    assert board.packets == wanted
    assert len(bad) > 2
    assert (board.arrived, board.overflow, board.corrupt) == (len(wanted), 0, len(bad))


def test_nothing_is_seen_of_a_slice_before_its_end():
    async def writer(ctx, dut):
        await put(ctx, dut, bytes(50), end=False)
        for _ in range(10):
            await ctx.tick()
            assert not ctx.get(dut.o.valid)
            assert not ctx.get(dut.empty)
        ctx.set(dut.i.end, 1)
        await ctx.tick()
        assert ctx.get(dut.empty)

    board = run(writer)
    assert (board.packets, board.corrupt) == ([], 1)


def test_a_start_ends_an_open_slice():
    async def writer(ctx, dut):
        await put(ctx, dut, b"lost", end=False)
        await put(ctx, dut, b"kept")

    board = run(writer)
    assert board.packets == [b"kept"]
    assert (board.arrived, board.corrupt) == (1, 1)


def test_an_end_of_nothing_is_counted():
    async def writer(ctx, dut):
        await put(ctx, dut, b"", good=False)
        await put(ctx, dut, b"x")

    board = run(writer)
    assert board.packets == [b"x"]
    assert (board.arrived, board.corrupt) == (1, 1)


def test_overflow_drops_whole_slices():
    """Nobody reads: slices go until it is full, then none, bad ones count as corrupt; what went in comes out, and then it goes on."""
    rng = random.Random(9)
    slices = [rng.randbytes(1500) for _ in range(5)]
    wanted = [slices[0], slices[1], b"small"]

    async def writer(ctx, dut):
        ctx.set(dut.o.ready, 0)
        for place, data in enumerate(slices):
            await put(ctx, dut, data, good=place != 3)
        await put(ctx, dut, b"small")
        counts = ctx.get(dut.arrived), ctx.get(dut.dropped_overflow), ctx.get(dut.dropped_corrupt)
        assert counts == (5, 2, 1)
        got, current = [], bytearray()
        ctx.set(dut.o.ready, 1)
        while not ctx.get(dut.empty):
            *_, valid, payload = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            if valid:
                current.append(payload.data)
                if payload.last:
                    got.append(bytes(current))
                    current.clear()
        assert got == wanted
        await put(ctx, dut, b"again")
        assert (await ctx.tick().sample(dut.o.payload).until(dut.o.valid))[0].data == ord("a")

    run(writer, reader=False)


@pytest.mark.parametrize(("length", "fits"), [(DEPTH, True), (DEPTH + 1, False)])
def test_filled_to_the_last_byte(length, fits):
    """A slice that is as long as the FIFO, and one byte more; the one behind it arrives."""
    data = random.Random(3).randbytes(length)

    async def writer(ctx, dut):
        await put(ctx, dut, b"ab")
        for _ in range(8):
            await ctx.tick()
        await put(ctx, dut, data)
        for _ in range(length):
            await ctx.tick()
        await put(ctx, dut, b"cd")

    board = run(writer)
    assert board.packets == [b"ab", *([data] if fits else []), b"cd"]
    assert (board.arrived, board.overflow, board.corrupt) == (3, int(not fits), 0)


def test_throughput_and_latency():
    """The first byte `latency` clocks behind the end; then a byte a clock."""
    data = bytes(range(40))
    clocks = []

    async def writer(ctx, dut):
        await put(ctx, dut, data, end=False)
        ctx.set(dut.o.ready, 1)
        ctx.set(dut.i.end, 1)
        ctx.set(dut.i.good, 1)
        for clock in range(60):
            *_, valid = await ctx.tick().sample(dut.o.valid)
            idle(ctx, dut)
            if valid:
                clocks.append(clock)
        assert clocks == list(range(dut.latency, dut.latency + 40))

    run(writer, reader=False)


def test_clear():
    async def writer(ctx, dut):
        await put(ctx, dut, b"xyz")
        await put(ctx, dut, b"xyz", good=False)
        await ctx.tick().until(dut.empty)
        assert (ctx.get(dut.arrived), ctx.get(dut.dropped_corrupt)) == (1, 1)
        ctx.set(dut.clear, 1)
        await ctx.tick()
        ctx.set(dut.clear, 0)
        assert (ctx.get(dut.arrived), ctx.get(dut.dropped_overflow), ctx.get(dut.dropped_corrupt)) == (0, 0, 0)
        await put(ctx, dut, b"new")

    board = run(writer)
    assert board.packets == [b"xyz", b"new"]
    assert board.arrived == 1
