# SPDX-License-Identifier: BSD-2-Clause
"""Two sources of packets, one stream: nothing mixed, nothing taken back, everything counted."""

import random

import pytest

from macropix.gateware.fpga.uplink import Uplink


@pytest.mark.parametrize("seed", range(4))
def test_packets_stay_whole(simulate, seed):
    """Both sources with rests, a sink with rests: seed 0 never rests."""
    dut, rng = Uplink(), random.Random(seed)
    lazy = 0.3 * bool(seed)
    made = {source: [bytes([16 * source + n % 16, *rng.randbytes(rng.randrange(12))]) for n in range(40)] for source in (0, 1)}
    got, over = bytearray(), []

    def source(port, packets):
        async def play(ctx):
            for packet in packets:
                for i, byte in enumerate(packet):
                    while rng.random() < lazy:
                        await ctx.tick()
                    ctx.set(port.payload.data, byte)
                    ctx.set(port.payload.last, i == len(packet) - 1)
                    ctx.set(port.valid, 1)
                    await ctx.tick().until(port.ready)
                    ctx.set(port.valid, 0)
            over.append(True)

        return play

    async def sink(ctx):
        offered = None
        while len(over) < 2 or offered is not None or ctx.get(dut.o.valid):
            ready = rng.random() >= lazy
            ctx.set(dut.o.ready, ready)
            _, _, valid, byte = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            if offered is not None:
                assert (valid, byte) == (1, offered), "a byte that was offered was taken back"
            offered = byte if valid and not ready else None
            if valid and ready:
                got.append(byte)
        assert ctx.get(dut.idle)
        assert ctx.get(dut.sent) == 40
        ctx.set(dut.clear, 1)
        await ctx.tick()
        assert ctx.get(dut.sent) == 0

    simulate(dut, source(dut.slices, made[0]), source(dut.reports, made[1]), sink)
    stream, left = bytes(got), {0: list(made[0]), 1: list(made[1])}
    while stream:
        queue = left[stream[0] >> 4]
        packet = queue.pop(0)
        assert stream.startswith(packet)
        stream = stream[len(packet) :]
    assert left == {0: [], 1: []}


def test_reports_go_before(simulate):
    """Both wait: the report goes first; a slice under way is finished before the next report, and only slices keep it from idle."""
    dut = Uplink()
    got = []

    async def bench(ctx):
        for port, byte in ((dut.slices, 1), (dut.reports, 2)):
            ctx.set(port.payload.data, byte)
            ctx.set(port.payload.last, 1)
        ctx.set(dut.o.ready, 1)
        ctx.set(dut.reports.valid, 1)
        assert ctx.get(dut.idle)
        ctx.set(dut.slices.valid, 1)
        assert not ctx.get(dut.idle)
        for _ in range(2):
            got.append(ctx.get(dut.o.payload))
            await ctx.tick()
        ctx.set(dut.reports.valid, 0)
        ctx.set(dut.slices.payload.last, 0)
        got.append(ctx.get(dut.o.payload))
        await ctx.tick()
        ctx.set(dut.slices.valid, 0)
        ctx.set(dut.reports.valid, 1)
        await ctx.tick()
        assert not ctx.get(dut.idle)
        assert not ctx.get(dut.o.valid)
        ctx.set(dut.slices.valid, 1)
        ctx.set(dut.slices.payload.last, 1)
        for _ in range(2):
            got.append(ctx.get(dut.o.payload))
            await ctx.tick()
        assert ctx.get(dut.sent) == 2 - 1

    simulate(dut, bench)
    assert got == [2, 2, 1, 1, 2]
