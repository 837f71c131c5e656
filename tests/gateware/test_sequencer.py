# SPDX-License-Identifier: BSD-2-Clause
"""Shots, sequences, stops, and the loan of the bus; and when the device counts as drained."""

import random

import pytest

from macropix.gateware.fpga.drain import QUIET_CLOCKS, Drain
from macropix.gateware.fpga.sequencer import Sequencer

TAG_CLOCKS, EXPOSURE_CLOCKS = 7, 20


class Bench:
    """A sequencer with a tag unit and a die that take their time; `frames` are the descriptors of the exposures begun."""

    def __init__(self, seed: int = 1):
        self.dut = Sequencer()
        self.rng = random.Random(seed)
        self.frames, self.statuses, self.lent, self.over = [], 0, 0, False
        self.clock = 0

    async def die(self, ctx):
        """Answers latch and expose; checks what must hold in every clock."""
        dut = self.dut
        latching = exposing = 0
        while not self.over:
            self.clock += 1
            ctx.set(dut.time, self.clock)
            ctx.set(dut.tag, self.clock * 3 & 0xFFFF)
            ctx.set(dut.tag_done, latching == 1)
            ctx.set(dut.finished, exposing == 1)
            latching, exposing = max(latching - 1, 0), max(exposing - 1, 0)
            _, _, latch, expose, grant, status, exposing_now, descriptor = await ctx.tick().sample(
                dut.latch, dut.expose, dut.bus_grant, dut.status, dut.exposing, dut.descriptor
            )
            assert not (grant and exposing_now)
            self.lent += grant
            self.statuses += status
            if latch:
                assert not latching
                assert not exposing
                assert not grant
                latching = TAG_CLOCKS
            if expose:
                exposing = EXPOSURE_CLOCKS
                self.frames.append({name: int(descriptor[name]) for name in ("epoch", "tag", "shot", "kernel", "time")})
                assert self.frames[-1]["time"] == self.clock - 1
                assert self.frames[-1]["tag"] == (self.clock - 1) * 3 & 0xFFFF

    async def pulse(self, ctx, name):
        ctx.set(getattr(self.dut, name), 1)
        await ctx.tick()
        ctx.set(getattr(self.dut, name), 0)

    async def start(self, ctx, shots=1, length=1, sequence=0):
        ctx.set(self.dut.shots, shots)
        ctx.set(self.dut.sequence_length, length)
        ctx.set(self.dut.sequence, sequence)
        ctx.set(self.dut.settled, 1)
        ctx.set(self.dut.epoch, 0xABCD)
        await self.pulse(ctx, "start")
        # what is written now acts on the next start
        ctx.set(self.dut.shots, 5)
        ctx.set(self.dut.sequence_length, 3)
        ctx.set(self.dut.sequence, 0o777)

    async def idle(self, ctx):
        while ctx.get(self.dut.running):
            await ctx.tick()
        await ctx.tick().repeat(5)

    def run(self, simulate, play, clocks=5_000):
        async def all_of_it(ctx):
            await play(ctx)
            self.over = True
            await ctx.tick()

        simulate(self.dut, all_of_it, self.die, clocks=clocks)

    @property
    def order(self):
        return [(frame["shot"], frame["kernel"]) for frame in self.frames]


@pytest.mark.parametrize(("length", "steps"), [(1, 1), (2, 2), (8, 8), (0, 1), (9, 8), (15, 8)])
def test_shots_and_sequences(simulate, length, steps):
    bench, kernels = Bench(), [3, 0, 7, 1, 2, 6, 5, 4]
    dut = bench.dut

    async def play(ctx):
        await bench.start(ctx, 2, length, sum(kernel << 3 * i for i, kernel in enumerate(kernels)))
        await bench.idle(ctx)
        assert ctx.get(dut.shots_done) == 2
        assert ctx.get(dut.frames_done) == 2 * steps
        assert ctx.get(dut.drained)

    bench.run(simulate, play)
    assert bench.order == [(shot, kernels[i]) for shot in range(2) for i in range(steps)]
    assert bench.statuses == 1
    assert {frame["epoch"] for frame in bench.frames} == {0xABCD}


def test_shot_numbers_go_on_until_a_clear(simulate):
    bench = Bench()
    dut = bench.dut

    async def play(ctx):
        await bench.start(ctx, 2)
        await bench.idle(ctx)
        await bench.pulse(ctx, "missed")
        await bench.start(ctx, 1)
        await bench.idle(ctx)
        assert [ctx.get(getattr(dut, name)) for name in ("shots_done", "frames_done", "triggers_missed")] == [3, 3, 1]
        await bench.pulse(ctx, "clear")
        assert [ctx.get(getattr(dut, name)) for name in ("shots_done", "frames_done", "triggers_missed")] == [0, 0, 0]
        await bench.start(ctx, 1)
        await bench.idle(ctx)

    bench.run(simulate, play)
    assert [shot for shot, _ in bench.order] == [0, 1, 2, 0]
    assert bench.statuses == 3


def test_runs_until_stopped(simulate):
    bench = Bench()

    async def play(ctx):
        await bench.start(ctx, 0)
        while len(bench.frames) < 20:
            await ctx.tick()
        assert ctx.get(bench.dut.running)
        await bench.pulse(ctx, "stop")
        assert ctx.get(bench.dut.running)
        await bench.idle(ctx)
        assert ctx.get(bench.dut.frames_done) == 20
        # a stop of what doesn't run is not remembered, nor reported
        await bench.pulse(ctx, "stop")
        await ctx.tick().repeat(5)
        await bench.start(ctx, 2)
        await bench.idle(ctx)

    bench.run(simulate, play)
    assert [shot for shot, _ in bench.order] == list(range(22))
    assert bench.statuses == 2


def test_a_stop_cuts_a_shot_between_frames(simulate):
    """Two of three frames: the shot doesn't count as done, its number is not used again, the next begins with the first kernel."""
    bench = Bench()

    async def play(ctx):
        await bench.start(ctx, 1, 3, 0o321)
        while len(bench.frames) < 2:
            await ctx.tick()
        await bench.pulse(ctx, "stop")
        await bench.idle(ctx)
        assert ctx.get(bench.dut.shots_done) == 0
        assert ctx.get(bench.dut.frames_done) == 2
        await bench.start(ctx, 1, 3, 0o321)
        await bench.idle(ctx)

    bench.run(simulate, play)
    assert bench.order == [(0, 1), (0, 2), (1, 1), (1, 2), (1, 3)]


def test_the_bus_is_lent_between_exposures(simulate):
    """A request waits for the exposure under way, holds the next one as long as it stands, and loses none."""
    bench = Bench()
    dut = bench.dut

    async def play(ctx):
        await bench.start(ctx, 12)
        while ctx.get(dut.running):
            await ctx.tick().repeat(bench.rng.randrange(1, 60))
            running = ctx.get(dut.running)
            ctx.set(dut.bus_request, 1)
            _, _, grant = await ctx.tick().sample(dut.bus_grant)
            while not grant:
                _, _, grant = await ctx.tick().sample(dut.bus_grant)
            before = len(bench.frames)
            for _ in range(bench.rng.randrange(1, 30)):
                assert ctx.get(dut.bus_grant)
                assert not ctx.get(dut.exposing)
                await ctx.tick()
            assert len(bench.frames) == before
            ctx.set(dut.bus_request, 0)
            assert running or not ctx.get(dut.running)
        await bench.idle(ctx)

    bench.run(simulate, play)
    assert len(bench.frames) == 12
    assert bench.lent > 50


def test_status_waits_for_the_drain(simulate):
    bench = Bench()
    dut = bench.dut

    async def play(ctx):
        await bench.start(ctx, 1)
        ctx.set(dut.settled, 0)
        await bench.idle(ctx)
        await ctx.tick().repeat(50)
        assert bench.statuses == 0
        assert not ctx.get(dut.drained)
        ctx.set(dut.settled, 1)
        await ctx.tick().repeat(5)
        assert bench.statuses == 1

    bench.run(simulate, play)


SIGNS = ["active", "die_idle", "fifo_empty", "uplink_idle", "lane_busy"]


@pytest.mark.parametrize("sign", SIGNS)
def test_any_sign_of_life_starts_the_wait_anew(simulate, sign):
    dut = Drain()
    rest = {name: int(name not in ("active", "lane_busy")) for name in SIGNS}

    async def bench(ctx):
        for name, value in rest.items():
            ctx.set(getattr(dut, name), value)
        for _ in range(2):
            await ctx.tick().repeat(QUIET_CLOCKS - 1)
            assert not ctx.get(dut.drained)
            await ctx.tick()
            assert ctx.get(dut.drained)
            ctx.set(getattr(dut, sign), 1 - rest[sign])
            await ctx.tick()
            assert not ctx.get(dut.drained)
            ctx.set(getattr(dut, sign), rest[sign])

    simulate(dut, bench)


def test_a_lane_test_only_where_nothing_has_to_pass(simulate):
    dut = Drain()

    async def bench(ctx):
        for name in ("die_idle", "fifo_empty", "uplink_idle"):
            ctx.set(getattr(dut, name), 1)
        ctx.set(dut.wanted.as_value(), 1)
        await ctx.tick().repeat(QUIET_CLOCKS - 1)
        assert ctx.get(dut.lane_test.as_value()) == 0
        await ctx.tick()
        assert ctx.get(dut.lane_test.as_value()) == 1
        ctx.set(dut.lane_busy, 1)
        await ctx.tick().repeat(3)
        assert ctx.get(dut.lane_test.as_value()) == 1
        ctx.set(dut.die_idle, 0)
        await ctx.tick()
        assert ctx.get(dut.lane_test.as_value()) == 0

    simulate(dut, bench)
