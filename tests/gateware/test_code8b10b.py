# SPDX-License-Identifier: BSD-2-Clause
"""8b/10b: the tables against published symbols and the golden model; encoder and decoder against the tables."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator

from macropix.gateware.code8b10b import CONTROLS, Decoder8b10b, Encoder8b10b, symbol
from macropix.sim.golden import lane

POINTS = [(byte, 0) for byte in range(256)] + [(byte, 1) for byte in CONTROLS]

# as printed in textbooks: abcdei fghj at RD−, RD+
PUBLISHED = {
    (0x00, 0): ("100111 0100", "011000 1011"),  # D0.0
    (0xB5, 0): ("101010 1010", "101010 1010"),  # D21.5
    (0x4A, 0): ("010101 0101", "010101 0101"),  # D10.2
    (0x50, 0): ("011011 0101", "100100 0101"),  # D16.2
    (0xF1, 0): ("100011 0111", "100011 0001"),  # D17.7
    (0xEB, 0): ("110100 1110", "110100 1000"),  # D11.7
    (0xBC, 1): ("001111 1010", "110000 0101"),  # K28.5
    (0x3C, 1): ("001111 1001", "110000 0110"),  # K28.1
    (0xFB, 1): ("110110 1000", "001001 0111"),  # K27.7
    (0xFD, 1): ("101110 1000", "010001 0111"),  # K29.7
}


def simulate(dut, bench, clocks=20_000):
    async def deadline(ctx):
        await ctx.delay(clocks * 1e-6)
        raise AssertionError(f"not finished in {clocks} clocks")

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.add_testbench(deadline, background=True)
    simulator.run()


def test_published_symbols():
    for (byte, k), texts in PUBLISHED.items():
        for disparity, text in zip((-1, 1), texts, strict=True):
            assert symbol(byte, bool(k), disparity)[0] == int(text.replace(" ", "")[::-1], 2), (byte, k, disparity)


def test_every_point_is_the_golden_models():
    for byte, k in POINTS:
        for disparity in (-1, 1):
            assert symbol(byte, bool(k), disparity) == lane.encode(byte, k, disparity), (byte, k, disparity)


def test_encoder_and_decoder():
    """Every point after every disparity, decoded with no error."""
    encoder, decoder, m = Encoder8b10b(), Decoder8b10b(), Module()
    m.submodules.encoder, m.submodules.decoder = encoder, decoder
    m.d.comb += decoder.symbol.eq(encoder.symbol)
    rng = random.Random(1)
    sent = list(POINTS * 12)
    rng.shuffle(sent)
    seen = set()

    async def bench(ctx):
        disparity = -1
        ctx.set(decoder.unknown, 1)
        for place, (byte, k) in enumerate(sent):
            while rng.random() < 0.1:
                await ctx.tick()
                ctx.set(decoder.valid, 0)
            ctx.set(encoder.enable, 1)
            ctx.set(encoder.byte, byte)
            ctx.set(encoder.k, k)
            await ctx.tick()
            seen.add((byte, k, disparity))
            expected, disparity = lane.encode(byte, k, disparity)
            assert ctx.get(encoder.symbol) == expected, (byte, k)
            ctx.set(encoder.enable, 0)
            ctx.set(decoder.valid, 1)
            await ctx.tick()
            assert ctx.get(decoder.o_valid)
            assert (ctx.get(decoder.byte), ctx.get(decoder.k)) == (byte, k)
            assert (ctx.get(decoder.code_error), ctx.get(decoder.disparity_error)) == (0, 0), (place, byte, k)
            ctx.set(decoder.valid, 0)
            ctx.set(decoder.unknown, 0)

    simulate(m, bench)
    assert len(seen) == 2 * len(POINTS)


def test_decoder_finds_every_wrong_symbol():
    """All 1,024 patterns at both disparities: right, none, or of the other disparity."""
    decoder = Decoder8b10b()
    points = {disparity: {lane.encode(byte, k, disparity)[0]: (byte, k) for byte, k in POINTS} for disparity in (-1, 1)}
    outcomes = {"right": 0, "code": 0, "disparity": 0}

    async def feed(ctx, pattern, unknown):
        ctx.set(decoder.symbol, pattern)
        ctx.set(decoder.unknown, unknown)
        ctx.set(decoder.valid, 1)
        await ctx.tick()
        ctx.set(decoder.valid, 0)

    async def bench(ctx):
        for disparity in (-1, 1):
            comma = lane.encode(0xBC, 1, -disparity)[0]
            for pattern in range(1024):
                await feed(ctx, comma, 1)
                assert not ctx.get(decoder.disparity_error)
                await feed(ctx, pattern, 0)
                errors = ctx.get(decoder.code_error), ctx.get(decoder.disparity_error)
                here, there = points[disparity].get(pattern), points[-disparity].get(pattern)
                assert errors == (here is there is None, here is None and there is not None), (disparity, pattern)
                if here or there:
                    assert (ctx.get(decoder.byte), ctx.get(decoder.k)) == (here or there)
                outcomes["right" if here else "disparity" if there else "code"] += 1

    simulate(decoder, bench)
    assert outcomes["right"] == 2 * len(POINTS)
    assert min(outcomes.values()) > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((256, False, 1), "byte 0x100"),
        ((0x1D, True, 1), "control symbol for byte 0x1d"),
        ((0, False, 0), "disparity must be -1 or 1, not 0"),
    ],
)
def test_no_such_symbol(arguments, message):
    with pytest.raises(ValueError, match=message):
        symbol(*arguments)
