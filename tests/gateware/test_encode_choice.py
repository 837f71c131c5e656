# SPDX-License-Identifier: BSD-2-Clause
"""The choice of a code against the rule in words, ties above all.

bits of each code ─► Choice ─► positions, values, length == the fewest bits, the lower number on a tie
"""

import numpy as np
import pytest
from amaranth.sim import Simulator

from macropix.gateware.config import Config
from macropix.gateware.roic.encode.choice import Choice
from macropix.gateware.roic.encode.meter import ROUND_UP
from macropix.gateware.wire import TAP_BITS, Mode, Positions, Tap, Values


def rule(mode: Mode, tap: Tap, pixels: int, stored: int, holes: bool, runs: int, rice: int, delta: int) -> tuple[Positions, Values, int]:
    if mode is Mode.RAW or tap is not Tap.OUT:
        where = {Positions.FLAGGED: pixels} if holes and tap is Tap.OUT else {Positions.ALL: 0}
        what = {Values.PACKED: TAP_BITS[tap] * stored}
    elif stored == 0:
        return Positions.RUNS, Values.RICE, 0
    elif mode is Mode.EDGE:
        where, what = {Positions.RUNS: runs}, {Values.RICE: rice}
    else:
        where = {Positions.RUNS: runs, Positions.BITMAP: pixels} if holes else {Positions.ALL: 0}
        what = {Values.PACKED: 12 * stored, Values.RICE: rice, Values.DELTA: delta}
    positions, values = min(where, key=lambda one: where[one]), min(what, key=lambda one: what[one])
    return positions, values, (where[positions] + what[values] + 7) // 8


@pytest.mark.parametrize("taps", [False, True])
def test_choice(taps):
    rng = np.random.default_rng(41)
    dut = Choice(Config(taps=taps))
    sim = Simulator(dut)
    sim.add_clock(1e-6)
    seen = set()

    async def bench(ctx):
        for _ in range(400):
            mode = Mode(int(rng.integers(3)))
            tap = Tap(int(rng.integers(6))) if taps and rng.random() < 0.5 else Tap.OUT
            every = mode is Mode.RAW or tap is not Tap.OUT
            pixels = int(rng.choice([1, 2, 8, 100, 1024]))
            stored = pixels if every else int(rng.choice([0, 1, pixels // 2, pixels]))
            holes = bool(rng.integers(2)) if every else stored < pixels
            near = rng.integers(-1, 2, 3)
            runs = max(1, pixels + int(near[0]))
            rice, delta = (max(1, 12 * stored + int(one)) for one in near[1:])
            record = {"stored": stored, "holes": holes, "every": every, "auto": mode is Mode.AUTO, "tap": tap}
            ctx.set(dut.record, record)
            ctx.set(dut.count, pixels - 1)
            for port, bits in ((dut.runs, runs - 1), (dut.rice, rice + ROUND_UP), (dut.delta, delta + ROUND_UP)):
                ctx.set(port, bits)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            for _ in range(dut.latency - 1):
                assert not ctx.get(dut.done)
                await ctx.tick()
            assert ctx.get(dut.done)
            should = rule(mode, tap, pixels, stored, holes, runs, rice, delta)
            assert (ctx.get(dut.o.positions), ctx.get(dut.o.values), ctx.get(dut.o.length)) == should, (
                mode,
                tap,
                record,
                runs,
                rice,
                delta,
            )
            seen.add(should[:2])

    sim.add_testbench(bench)
    sim.run()
    assert len(seen) == 10  # three positions and three values, and FLAGGED, PACKED
