# SPDX-License-Identifier: BSD-2-Clause
"""Striper: columns as the golden lane model deals them, stalls on both sides, a byte a clock."""

import random

import pytest

from macropix.gateware.roic.striper import Striper
from macropix.sim.golden import lane


def columns_of(simulate, packets, lanes, *, stall_in=0.0, stall_out=0.0, seed=1):
    """Columns that came, (bytes or None a lane, last), and the clocks it took."""
    dut, rng, came = Striper(lanes), random.Random(seed), []
    want = sum(-(-len(packet) // lanes) for packet in packets)
    clocks = 0

    async def source(ctx):
        for packet in packets:
            for place, byte in enumerate(packet):
                while rng.random() < stall_in:
                    await ctx.tick()
                ctx.set(dut.i.payload, {"data": byte, "last": place == len(packet) - 1})
                ctx.set(dut.i.valid, 1)
                await ctx.tick().until(dut.i.ready)
                ctx.set(dut.i.valid, 0)

    async def sink(ctx):
        nonlocal clocks
        held = None
        assert ctx.get(dut.empty)
        while len(came) < want:
            ready = rng.random() >= stall_out
            ctx.set(dut.o.ready, ready)
            _, _, valid, payload = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            clocks += 1
            column = ([byte if payload.some >> n & 1 else None for n, byte in enumerate(payload.data)], bool(payload.last))
            assert held is None or (valid and column == held), "a column changed while it waited"
            held = column if valid and not ready else None
            if valid and ready:
                came.append(column)
        await ctx.tick()
        assert ctx.get(dut.empty)

    simulate(dut, source, sink)
    return came, clocks


def golden(packets, lanes):
    """The same from the golden lane model's words."""
    columns = []
    for packet in packets:
        rows = list(zip(*(part[1:-1] for part in lane.dealt(packet, lanes)), strict=True))
        columns += [([None if k else byte for byte, k in row], row is rows[-1]) for row in rows]
    return columns


@pytest.mark.parametrize("lanes", [2, 4])
@pytest.mark.parametrize(("stall_in", "stall_out"), [(0, 0), (0.5, 0), (0, 0.7), (0.5, 0.5)])
def test_columns(simulate, lanes, stall_in, stall_out):
    rng = random.Random(lanes)
    packets = [rng.randbytes(n) for n in (1, 2, 3, 4, 5, 9, 24, 1, 31)]
    came, _ = columns_of(simulate, packets, lanes, stall_in=stall_in, stall_out=stall_out)
    assert came == golden(packets, lanes)


@pytest.mark.parametrize("lanes", [2, 4])
def test_a_byte_a_clock(simulate, lanes):
    packets = [bytes(range(200))]
    _, clocks = columns_of(simulate, packets, lanes)
    assert clocks == 200 + Striper.latency


def test_refuses(refused):
    refused(ValueError, "lanes must be an integer from 2 to 16, not 1", lambda: Striper(1))
