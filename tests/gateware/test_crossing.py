# SPDX-License-Identifier: BSD-2-Clause
"""Clock crossings: orders, answers, counts, windows and slices between clocks of unrelated periods and phases."""

import random
from itertools import pairwise

import pytest
from amaranth.sim import Simulator

from macropix.gateware.config import Config
from macropix.gateware.fpga.crossing import DieBridge, LaneBridge
from macropix.gateware.fpga.snapshot import Snapshot
from macropix.gateware.wire import LaneTest

# (die or rx period, sync period, phase of sync), microseconds
CLOCKS = [(1.0, 0.731, 0.17), (1.0, 1.389, 0.61), (1.0, 1.0, 0.5), (1.0, 0.27, 0.1), (0.31, 1.0, 0.9)]
COUNTS = ("produced", "saturated_di", "saturated_cds", "saturated_pga", "saturated_adc", "saturated_pedestal")
SEPARATE = Config(separate_clocks=True)


def simulate(dut, *benches, clocks, other="die", background=(), limit=20_000):
    period, sync, phase = clocks

    async def deadline(ctx):
        await ctx.delay(limit * 1e-6)
        raise AssertionError(f"not finished in {limit} us")

    simulator = Simulator(dut)
    simulator.add_clock(sync * 1e-6, phase=phase * 1e-6, domain="sync")
    simulator.add_clock(period * 1e-6, domain=other)
    for bench in benches:
        simulator.add_testbench(bench)
    for bench in (*background, deadline):
        simulator.add_testbench(bench, background=True)
    simulator.run()


async def pulse(ctx, signal, domain="sync"):
    ctx.set(signal, 1)
    await ctx.tick(domain)
    ctx.set(signal, 0)


def counts_of(ctx, counts):
    return tuple(ctx.get(counts[name]) for name in COUNTS)


@pytest.mark.parametrize("clocks", CLOCKS)
def test_snapshots_are_never_torn(clocks):
    """All fields say the same, and time does not run backwards; what stands still is seen as it is."""
    dut, seen = Snapshot(24, i_domain="die", o_domain="sync"), []

    async def die(ctx):
        for n in range(400):
            ctx.set(dut.i, n % 256 * 0x010101)
            await ctx.tick("die")
        await ctx.tick("die").repeat(10)
        await ctx.tick("sync").repeat(10)
        assert ctx.get(dut.o) == 399 % 256 * 0x010101

    async def watch(ctx):
        while True:
            *_, word = await ctx.tick("sync").sample(dut.o)
            assert len({word & 255, word >> 8 & 255, word >> 16}) == 1, hex(word)
            seen.append(word & 255)

    simulate(dut, die, background=[watch], clocks=clocks)
    steps = [(b - a) % 256 for a, b in pairwise(seen)]
    assert max(steps) < 60
    assert len(set(seen)) > 15


@pytest.mark.parametrize("clocks", CLOCKS)
def test_idle_and_counts(clocks):
    """Exposures one behind the other: idle is never told too early, and with it the counts are those of the die, all of them."""
    dut, rng = DieBridge(SEPARATE), random.Random(3)
    state = {"count": 0, "started": 0, "finished": 0, "asked": 0, "clears": 0}

    def tell(ctx, *, idle, count):
        state["count"] = count
        ctx.set(dut.die.idle, idle)
        for name in COUNTS:
            ctx.set(dut.die.counts[name], count)

    async def die(ctx):
        """Behind a start idle stays until the first pixel; behind the last pixel slices still leave, also into the next exposure."""
        tell(ctx, idle=1, count=0)
        quiet = exposing = draining = 0
        while True:
            *_, start, clear, shot = await ctx.tick("die").sample(dut.die.start, dut.die.clear, dut.die.descriptor.shot)
            ctx.set(dut.die.finished, 0)
            if clear:
                assert (start, exposing, draining) == (0, 0, 0)
                state["clears"] += 1
                tell(ctx, idle=1, count=0)
            if start:
                state["started"] += 1
                assert shot == state["started"]
                assert not exposing
                quiet, exposing = rng.randrange(1, 12), rng.randrange(3, 30)
            elif quiet:
                quiet -= 1
            elif exposing:
                exposing -= 1
                if not exposing:
                    state["finished"] += 1
                    draining = rng.randrange(2, 30)
                    ctx.set(dut.die.finished, 1)
            elif draining:
                draining -= 1
            busy = draining or (exposing and not quiet)
            tell(ctx, idle=not busy, count=state["count"] + bool(busy))

    async def fpga(ctx):
        async def wait_idle():
            while not ctx.get(dut.fpga.idle):
                await ctx.tick("sync")
            assert state["finished"] == state["started"] == state["asked"]
            assert set(counts_of(ctx, dut.fpga.counts)) == {state["count"]}

        finished = 0
        for shot in range(1, 40):
            if rng.random() < 0.7:
                await wait_idle()
                if rng.random() < 0.4:
                    await pulse(ctx, dut.fpga.clear)
                    assert set(counts_of(ctx, dut.fpga.counts)) == {0}
                    if rng.random() < 0.5:
                        await wait_idle()
                        assert state["count"] == 0
            ctx.set(dut.fpga.descriptor, {"epoch": 1, "tag": 2, "shot": shot, "kernel": 3, "time": 4})
            state["asked"] += 1
            await pulse(ctx, dut.fpga.start)
            while True:
                assert not ctx.get(dut.fpga.idle)
                *_, done = await ctx.tick("sync").sample(dut.fpga.finished)
                if done:
                    break
            finished += 1
        await wait_idle()
        assert finished == state["started"] == state["finished"] == 39
        assert state["clears"] > 3

    async def whole(ctx):
        last = 0
        while True:
            await ctx.tick("sync")
            counts = counts_of(ctx, dut.fpga.counts)
            assert len(set(counts)) == 1, counts
            assert counts[0] >= last or counts[0] == 0
            last = counts[0]

    simulate(dut, fpga, background=[die, whole], clocks=clocks)


@pytest.mark.parametrize("clocks", CLOCKS)
def test_nothing_from_before_a_clear(clocks):
    """The counts jump to 0 and stay there, however the clear falls into a round of the snapshot."""
    for wait in range(12):
        dut = DieBridge(SEPARATE)

        async def die(ctx, dut=dut):
            ctx.set(dut.die.idle, 1)
            ctx.set(dut.die.counts.produced, 7)
            while True:
                *_, clear = await ctx.tick("die").sample(dut.die.clear)
                if clear:
                    ctx.set(dut.die.counts.produced, 0)

        async def fpga(ctx, dut=dut, wait=wait):
            while not ctx.get(dut.fpga.idle):
                await ctx.tick("sync")
            assert ctx.get(dut.fpga.counts.produced) == 7
            await ctx.tick("sync").repeat(wait + 1)
            await pulse(ctx, dut.fpga.clear)
            rose = 0
            for _ in range(120):
                assert ctx.get(dut.fpga.counts.produced) == 0
                rose += ctx.get(dut.fpga.idle)
                await ctx.tick("sync")
            assert rose > 20

        simulate(dut, fpga, background=[die], clocks=clocks)


@pytest.mark.parametrize("clocks", CLOCKS)
@pytest.mark.parametrize("delay", [0, 1, 3])
def test_windows(clocks, delay):
    """Writes and reads at both windows reach a memory of the other clock once each, in order, with what the master holds."""
    dut, rng = DieBridge(SEPARATE), random.Random(delay)
    memories = {"scene": {}, "pedestal": {}}
    accesses = {"scene": 0, "pedestal": 0}

    def memory(name):
        port = getattr(dut.die, name)

        async def bench(ctx):
            while True:
                signals = port.read, port.write, port.address, port.write_data
                if delay == 0:
                    # a write is answered in its clock
                    ctx.set(port.done, ctx.get(port.write))
                *_, read, write, address, data = await ctx.tick("die").sample(*signals)
                ctx.set(port.done, 0)
                accesses[name] += read + write
                if write:
                    memories[name][address] = data
                if (write and delay) or read:
                    await ctx.tick("die").repeat(max(delay - 1, 0)) if delay > 1 else None
                    if read:
                        ctx.set(port.read_data, memories[name][address])
                    await pulse(ctx, port.done, "die")

        return bench

    async def access(ctx, port, signal, address, data=0):
        ctx.set(port.address, address)
        ctx.set(port.write_data, data)
        ctx.set(signal, 1)
        *_, done, read_data = await ctx.tick("sync").sample(port.done, port.read_data)
        ctx.set(signal, 0)
        while not done:
            *_, done, read_data = await ctx.tick("sync").sample(port.done, port.read_data)
        return read_data

    async def fpga(ctx):
        wanted = {"scene": {}, "pedestal": {}}
        made = dict.fromkeys(wanted, 0)
        for _ in range(60):
            name = rng.choice(list(wanted))
            port = getattr(dut.fpga, name)
            made[name] += 1
            if wanted[name] and rng.random() < 0.5:
                address = rng.choice(list(wanted[name]))
                assert await access(ctx, port, port.read, address) == wanted[name][address]
                await ctx.tick("sync").repeat(3)
                assert ctx.get(port.read_data) == wanted[name][address], "read data is not held"
            else:
                address, data = rng.randrange(1 << 15), rng.randrange(1 << 16)
                await access(ctx, port, port.write, address, data)
                wanted[name][address] = data
        assert memories == wanted
        assert accesses == made

    simulate(dut, fpga, background=[memory("scene"), memory("pedestal")], clocks=clocks)


def test_settings_and_lane_test():
    dut = DieBridge(SEPARATE)

    async def bench(ctx):
        ctx.set(dut.fpga.settings.threshold, 77)
        assert ctx.get(dut.die.settings.threshold) == 77
        ctx.set(dut.fpga.lane_test, LaneTest.FIXED)
        await ctx.tick("die").repeat(4)
        assert ctx.get(dut.die.lane_test) == LaneTest.FIXED

    simulate(dut, bench, clocks=CLOCKS[0])


def test_one_clock_is_wires():
    """Both bridges, no latency."""
    die, lane = DieBridge(Config()), LaneBridge(Config())

    async def bench(ctx):
        ctx.set(die.fpga.start, 1)
        ctx.set(die.fpga.scene.address, 99)
        ctx.set(die.die.idle, 1)
        ctx.set(die.die.finished, 1)
        ctx.set(die.die.counts.saturated_adc, 5)
        ctx.set(die.die.pedestal.done, 1)
        await ctx.delay(1e-9)
        assert (ctx.get(die.die.start), ctx.get(die.die.scene.address)) == (1, 99)
        assert (ctx.get(die.fpga.idle), ctx.get(die.fpga.finished), ctx.get(die.fpga.pedestal.done)) == (1, 1, 1)
        assert ctx.get(die.fpga.counts.saturated_adc) == 5

    async def lane_bench(ctx):
        ctx.set(lane.i.data, 0xA5)
        ctx.set(lane.i.valid, 1)
        ctx.set(lane.i_locked, 1)
        ctx.set(lane.i_realigns, 3)
        await ctx.delay(1e-9)
        assert (ctx.get(lane.o.data), ctx.get(lane.o.valid), ctx.get(lane.locked), ctx.get(lane.realigns)) == (0xA5, 1, 1, 3)

    for dut, one in ((die, bench), (lane, lane_bench)):
        simulator = Simulator(dut)
        simulator.add_testbench(one)
        simulator.run()


def carry(clocks, slices, *, gap=0.0, pause=10, limit=20_000):
    """What comes out of a `LaneBridge`: (bytes, good), of a slice broken off (bytes, None); checks the order of start, bytes, end."""
    dut, rng, events, current = LaneBridge(SEPARATE), random.Random(8), [], []

    async def put(ctx, **values):
        for name in ("valid", "data", "start", "end", "good"):
            ctx.set(getattr(dut.i, name), values.get(name, 0))
        await ctx.tick("rx")

    async def rx(ctx):
        ctx.set(dut.i_locked, 1)
        for data, good in slices:
            for place, byte in enumerate(data):
                while rng.random() < gap:
                    await put(ctx)
                await put(ctx, valid=1, data=byte, start=place == 0)
            await put(ctx, end=1, good=good)
            for _ in range(pause):
                await put(ctx)
        await put(ctx)
        await ctx.tick("sync").repeat(60)
        assert ctx.get(dut.locked)

    async def sync(ctx):
        opened = False
        while True:
            o = dut.o
            *_, valid, data, start, end, good = await ctx.tick("sync").sample(o.valid, o.data, o.start, o.end, o.good)
            assert not (valid and end)
            if start:
                assert valid
                if opened:
                    events.append((bytes(current), None))
                current.clear()
                opened = True
            if valid:
                assert opened
                current.append(data)
            if end:
                events.append((bytes(current), bool(good)))
                current.clear()
                opened = False
        await ctx.tick("sync")

    simulate(dut, rx, background=[sync], clocks=clocks, other="rx", limit=limit)
    return events


@pytest.mark.parametrize("clocks", [c for c in CLOCKS if c[1] <= c[0]])
@pytest.mark.parametrize("gap", [0.0, 0.5])
def test_slices_pass(clocks, gap):
    rng = random.Random(5)
    slices = [(rng.randbytes(rng.choice((0, 1, 2, 20, 80))), rng.random() < 0.7) for _ in range(15)]
    slices = [(data, good and bool(data)) for data, good in slices]
    assert carry(clocks, slices, gap=gap) == slices


@pytest.mark.parametrize("pause", [0, 10, 400])
def test_a_slow_fpga_loses_whole_slices(pause):
    """``sync`` at a third of ``rx``: what runs over ends bad, nothing good is wrong, and what fits passes."""
    rng = random.Random(6)
    slices = [(rng.randbytes(n), True) for n in (20, 300, 24, 200, 5, 5, 150, 30)]
    events = carry((0.31, 1.0, 0.2), slices, pause=pause)
    good = [data for data, well in events if well]
    assert set(good) <= {data for data, _ in slices}
    assert [data for data, _ in slices if data in good] == good
    assert len(events) <= len(slices)
    if pause == 400:
        assert [bool(well) for _, well in events] == [len(data) < 60 for data, _ in slices]


def test_error_counts_cross():
    dut = LaneBridge(SEPARATE)

    async def bench(ctx):
        ctx.set(dut.i_code_errors, 1)
        ctx.set(dut.i_disparity_errors, 2)
        ctx.set(dut.i_realigns, 3)
        await ctx.tick("sync").repeat(30)
        assert (ctx.get(dut.code_errors), ctx.get(dut.disparity_errors), ctx.get(dut.realigns)) == (1, 2, 3)

    simulate(dut, bench, clocks=CLOCKS[0], other="rx")


def test_flags_of_several_lanes_cross():
    dut = LaneBridge(Config(lanes=4, separate_clocks=True))

    async def bench(ctx):
        for locked, swapped in ((1, 0), (0, 1), (0, 0)):
            ctx.set(dut.i_locked, locked)
            ctx.set(dut.i_swapped, swapped)
            await ctx.tick("sync").repeat(6)
            assert (ctx.get(dut.locked), ctx.get(dut.swapped)) == (locked, swapped)

    simulate(dut, bench, clocks=CLOCKS[0], other="rx")
