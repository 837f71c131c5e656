# SPDX-License-Identifier: BSD-2-Clause
"""The CRC register against zlib, binascii and Amaranth's own processor, with pauses, restarts and codewords."""

import binascii
import random
import zlib

import pytest
from amaranth.lib.crc import Algorithm
from amaranth.sim import Simulator

from macropix.gateware.crc import Crc
from macropix.gateware.wire import CRC16, CRC32

FOREIGN = {"crc32": (CRC32(8), zlib.crc32), "crc16": (CRC16(8), lambda text: binascii.crc_hqx(text, 0xFFFF))}


@pytest.mark.parametrize("name", FOREIGN)
def test_against_the_standard_library(name):
    parameters, reference = FOREIGN[name]
    rng = random.Random(5)
    dut = Crc(parameters)
    sim = Simulator(dut)
    sim.add_clock(1e-6)

    async def bench(ctx):
        for text in (b"", b"123456789", b"\x00", b"\xff" * 5, *(rng.randbytes(rng.randrange(1, 40)) for _ in range(20))):
            if not text or rng.random() < 0.5:  # a start by itself, or with the first byte
                ctx.set(dut.start, 1)
                await ctx.tick()
                ctx.set(dut.start, 0)
                joined = False
            else:
                joined = True
            for n, byte in enumerate(text):
                while not joined and rng.random() < 0.3:
                    await ctx.tick()
                ctx.set(dut.start, joined and n == 0)
                ctx.set(dut.data, byte)
                ctx.set(dut.valid, 1)
                await ctx.tick()
                ctx.set(dut.valid, 0)
                ctx.set(dut.start, 0)
                joined = False
            assert ctx.get(dut.crc) == reference(text)

    sim.add_testbench(bench)
    sim.run()


@pytest.mark.parametrize(("parameters", "order"), [(CRC32(8), "little"), (CRC16(8), "big")], ids=["crc32", "crc16"])
def test_codewords_match(parameters, order):
    dut = Crc(parameters)
    sim = Simulator(dut)
    sim.add_clock(1e-6)
    size = parameters.algorithm.crc_width // 8
    text = b"photocurrent"
    good = text + parameters.compute(text).to_bytes(size, order)
    flipped = bytes([good[0] ^ 4, *good[1:]])

    async def bench(ctx):
        for word, match in ((good, 1), (flipped, 0), (good[:-1], 0)):
            for n, byte in enumerate(word):
                ctx.set(dut.start, n == 0)
                ctx.set(dut.data, byte)
                ctx.set(dut.valid, 1)
                await ctx.tick()
            ctx.set(dut.valid, 0)
            assert ctx.get(dut.match_detected) == match

    sim.add_testbench(bench)
    sim.run()


def test_words_as_wide_as_the_crc():
    parameters = CRC16(16)
    rng = random.Random(6)
    words = [rng.getrandbits(16) for _ in range(40)]
    dut = Crc(parameters)
    sim = Simulator(dut)
    sim.add_clock(1e-6)

    async def bench(ctx):
        ctx.set(dut.valid, 1)
        for word in words:
            ctx.set(dut.data, word)
            await ctx.tick()
        assert ctx.get(dut.crc) == parameters.compute(words)
        assert ctx.get(dut.crc) == binascii.crc_hqx(b"".join(word.to_bytes(2, "big") for word in words), 0xFFFF)

    sim.add_testbench(bench)
    sim.run()


def test_refuses():
    with pytest.raises(TypeError, match="parameters must be"):
        Crc(CRC32)
    mixed = Algorithm(crc_width=16, polynomial=0x1021, initial_crc=0, reflect_input=True, reflect_output=False, xor_output=0)
    with pytest.raises(ValueError, match="reflected or neither"):
        Crc(mixed(8))
    with pytest.raises(ValueError, match="no wider than the CRC"):
        Crc(CRC16(24))
