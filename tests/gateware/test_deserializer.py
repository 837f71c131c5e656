# SPDX-License-Identifier: BSD-2-Clause
"""Deserialiser: slices off the lane from each bit offset, whole or not at all, and what one damaged place costs."""

import gc
import random
import zlib

import pytest
from amaranth.sim import Simulator

from macropix.gateware.config import Config
from macropix.gateware.fpga.aligner import Aligner
from macropix.gateware.fpga.deserializer import MAX_BYTES, Deserializer
from macropix.gateware.fpga.symbols import LOCK_ERRORS
from macropix.gateware.roic.serializer import Serializer
from macropix.gateware.wire import K_END, K_IDLE, K_START
from macropix.sim.golden import lane

LANE_BITS = (1, 2, 5, 10)
COMMA, NUMBER, START, END = (K_IDLE, 1), (0, 0), (K_START, 1), (K_END, 1)
IDLE = [COMMA, NUMBER]


def packet(rng, length):
    """Any bytes, and their CRC-32: the lane asks for no more."""
    body = rng.randbytes(length)
    return body + zlib.crc32(body).to_bytes(4, "little")


def framed(packet):
    return [START, *((byte, 0) for byte in packet), END]


def bits_of(symbols, disparity=-1):
    bits = []
    for byte, k in symbols:
        symbol, disparity = lane.encode(byte, k, disparity)
        bits += [symbol >> i & 1 for i in range(10)]
    return bits


class Receiver:
    """A `Deserializer` fed with bits, stretch by stretch.

    ``events``: for each stretch the slices that ended in it, (bytes, good). ``counts``: code errors, disparity errors, realigns, locked
    at its end.
    """

    def __init__(self, bits, stretches, *, prepare=None):
        dut = Deserializer(Config(lane_bits=bits))
        self.events, self.counts = [], []

        async def feed(ctx):
            if prepare:
                prepare(ctx, dut)
            left, current = [], None
            for stretch in stretches:
                left, events = left + stretch, []
                whole = len(left) // bits * bits
                for n in range(0, whole, bits):
                    ctx.set(dut.lane, sum(bit << i for i, bit in enumerate(left[n : n + bits])))
                    _, _, *sample = await ctx.tick().sample(dut.o.valid, dut.o.data, dut.o.start, dut.o.end, dut.o.good)
                    current = self._take(sample, current, events)
                left = left[whole:]
                self.events.append(events)
                self.counts.append(tuple(ctx.get(x) for x in (dut.code_errors, dut.disparity_errors, dut.realigns, dut.locked)))

        simulator = Simulator(dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(feed)
        simulator.run()

    @staticmethod
    def _take(sample, current, events):
        valid, data, start, end, good = sample
        assert not (valid and end)
        if valid:
            assert bool(start) == (current is None)
            current = (current or b"") + bytes([data])
        if end:
            events.append((current or b"", bool(good)))
            current = None
        return current


FLUSH = bits_of(IDLE * 4)


def good(events):
    return [data for data, well in events if well]


@pytest.mark.parametrize("bits", LANE_BITS)
def test_from_each_offset(bits):
    """Unknown bits first; locked by the first comma, so not even the first slice is lost."""
    rng = random.Random(bits)
    packets = [packet(rng, n) for n in (3, 9)]
    line = bits_of(IDLE * 2 + framed(packets[0]) + IDLE * 2 + framed(packets[1]) + IDLE * 3)
    # the ten offsets one behind the other: eleven bits too many between one and the next
    stretches = [line + [0] * 11 for _ in range(10)]
    receiver = Receiver(bits, stretches)
    assert [good(events) for events in receiver.events] == [packets] * 10
    assert all(len(events) == 2 for events in receiver.events)
    assert receiver.counts[-1][2] == 9
    assert receiver.counts[-1][3] == 1


def test_fillers_inside_a_slice():
    data = packet(random.Random(1), 6)
    symbols = framed(data)
    line = bits_of(IDLE * 2 + [s for symbol in symbols for s in (symbol, COMMA)] + IDLE * 3)
    assert Receiver(10, [line]).events == [[(data, True)]]


def test_what_ends_a_slice_bad():
    """None of these is good, each is told once, and the slice behind it arrives."""
    rng = random.Random(2)
    data, after = packet(rng, 5), packet(rng, 7)
    body = [(byte, 0) for byte in data]
    wrong = bytes([data[0] ^ 1]) + data[1:]
    cases = {
        "CRC-32": framed(wrong),
        "no byte": [START, END],
        "a byte missing": framed(data[:3] + data[4:]),
        "K30.7 inside": [START, *body[:2], (0xFE, 1), *body[2:], END],
        "start inside": [START, *body[:2], *framed(data)],
        "no end": [START, *body],
        "too long": framed(packet(rng, MAX_BYTES - 3)),
    }
    tail = IDLE * 2 + framed(after) + IDLE * 4
    lines = [bits_of(IDLE * 2 + symbols + tail) for symbols in cases.values()]
    # a missing start is no slice at all
    lines.append(bits_of(IDLE * 2 + body + [END] + tail))
    receiver = Receiver(10, lines)
    told = [[(len(data), well) for data, well in events] for events in receiver.events]
    whole, behind = (len(data), True), (len(after), True)
    assert told[0] == [(len(data), False), behind]
    assert told[1] == [(0, False), behind]
    assert told[2] == [(len(data) - 1, False), behind]
    assert told[3] == [(2, False), behind]
    assert told[4] == [(2, False), whole, behind]
    assert told[5] == [(len(data) + 2, False), behind]  # both D0.0 of the idle pairs count as bytes
    assert told[6] == [(MAX_BYTES, False), behind]
    assert told[7] == [behind]
    assert (receiver.counts[-1][0], receiver.counts[-1][2:]) == (0, (0, 1))


def test_longest_slice():
    data = packet(random.Random(3), MAX_BYTES - 4)
    assert Receiver(10, [bits_of(IDLE * 2 + framed(data) + IDLE * 3)]).events == [[(data, True)]]


def test_a_start_of_wrong_disparity_begins_a_slice():
    """What was damaged lies before it, the slice is whole."""
    data = packet(random.Random(4), 6)
    line = bits_of(IDLE * 2) + bits_of(framed(data) + IDLE * 4, disparity=1)
    if bits_of(IDLE * 2 + framed(data) + IDLE * 4) == line:
        line = bits_of(IDLE * 2) + bits_of(framed(data) + IDLE * 4, disparity=-1)
    receiver = Receiver(10, [line])
    assert receiver.events == [[(data, True)]]
    assert receiver.counts[0][1] == 1


def test_lock_and_counts():
    """The lock is lost behind four wrong symbols, comes back with a comma; nothing is counted between; counts wrap."""
    nonsense = [1] * 10

    def prepare(ctx, dut):
        ctx.set(dut.code_errors, 0xFFFF)

    idle = bits_of(IDLE * 4)
    stretches = [idle, nonsense * (LOCK_ERRORS - 1) + idle, nonsense * 50 + [0] * 30, [0, 1] * 3 + idle, idle]
    receiver = Receiver(10, stretches, prepare=prepare)
    assert [counts[3] for counts in receiver.counts] == [1, 1, 0, 1, 1]
    codes = [counts[0] for counts in receiver.counts]
    assert codes[1] == LOCK_ERRORS - 2  # 0xFFFF + 3 wraps
    assert codes[2] == codes[3] == codes[1] + LOCK_ERRORS
    assert receiver.counts[-1][2] == 0, "a comma that finds no lock is no realignment"
    assert [e for events in receiver.events for e in events] == []


@pytest.mark.parametrize("bits", LANE_BITS)
def test_noise_gives_no_slice(bits):
    rng = random.Random(bits)
    data = packet(rng, 4)
    stretches = [[rng.randrange(2) for _ in range(6000)], bits_of(IDLE * 2 + framed(data) + IDLE * 3)]
    events = Receiver(bits, stretches).events
    assert good(events[0]) == []
    assert good(events[1]) == [data]


def damaged(line, place, kind, rng):
    head, tail = line[:place], line[place:]
    if kind == "flip":
        return [*head, tail[0] ^ 1, *tail[1:]]
    if kind == "drop":
        return head + tail[1:]
    if kind == "insert":
        return [*head, rng.randrange(2), *tail]
    return [*head, *(rng.randrange(2) for _ in range(12)), *tail[12:]]  # burst


def check_damage(bits, step, seed):
    rng = random.Random(seed)
    packets = [packet(rng, n) for n in (4, 6, 3)]
    line = bits_of(IDLE * 4 + [symbol for data in packets for symbol in framed(data) + IDLE * 2] + IDLE * 3)
    places = range(seed % step, len(line) - 90, step)
    cases = [(place, kind) for place in places for kind in ("flip", "drop", "insert", "burst")]
    receiver = Receiver(bits, [line] + [damaged(line, *case, rng) for case in cases])
    assert receiver.events[0] == [(data, True) for data in packets]
    losses, told_twice = [], 0
    for case, events in zip(cases, receiver.events[1:], strict=True):
        came = good(events)
        assert [data for data in packets if data in came] == came, case
        losses.append(len(packets) - len(came))
        told_twice += len(events) > len(packets)
    assert max(losses) == 1, cases[losses.index(max(losses))]
    assert min(losses) == 0
    assert told_twice <= 1 + len(cases) // 50
    return len(cases)


@pytest.mark.parametrize("bits", LANE_BITS)
def test_one_damaged_place_loses_at_most_one_slice(bits):
    assert check_damage(bits, 97 if bits < 5 else 31, seed=bits) >= 20


@pytest.mark.slow
def test_every_damaged_place_loses_at_most_one_slice():
    assert check_damage(10, 1, seed=5) > 1000


@pytest.mark.parametrize("bits", LANE_BITS)
def test_serializer_to_deserializer(bits):
    """The pair as built, wired with a few bits between, stalls at the source."""
    rng = random.Random(bits)
    packets = [packet(rng, n) for n in (8, 1, 12)]
    source, got = Serializer(Config(lane_bits=bits)), []

    async def drive(ctx):
        for data in packets:
            for place, byte in enumerate(data):
                while rng.random() < 0.3:
                    await ctx.tick()
                ctx.set(source.i.payload, {"data": byte, "last": place == len(data) - 1})
                ctx.set(source.i.valid, 1)
                await ctx.tick().until(source.i.ready)
                ctx.set(source.i.valid, 0)
        await ctx.tick().until(source.idle)

    async def record(ctx):
        async for *_, word in ctx.tick().sample(source.lane):
            got.extend(word >> i & 1 for i in range(bits))

    async def deadline(ctx):
        await ctx.delay(20_000e-6)
        raise AssertionError("not finished in 20,000 clocks")

    simulator = Simulator(source)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive)
    simulator.add_testbench(record, background=True)
    simulator.add_testbench(deadline, background=True)
    simulator.run()
    for offset in (0, 3, 7):
        assert Receiver(bits, [[1, 0, 0] * 3 + [0] * offset + got + FLUSH]).events == [[(data, True) for data in packets]]


def test_throughput_and_latency():
    """Ten bits a clock: a byte a clock; the last bit of a symbol to its byte takes `latency` clocks."""
    dut = Deserializer(Config())
    data = packet(random.Random(6), 20)
    symbols = IDLE * 2 + framed(data) + IDLE * 4
    line, clocks = bits_of(symbols), []

    async def feed(ctx):
        for n in range(0, len(line), 10):
            ctx.set(dut.lane, sum(bit << i for i, bit in enumerate(line[n : n + 10])))
            await ctx.tick()
            if ctx.get(dut.o.valid):
                clocks.append(n // 10)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(feed)
    simulator.run()
    # after the edge that takes symbol n the outputs show what was taken latency - 1 edges before
    first = symbols.index(START) + 1 + dut.latency - 1
    assert clocks == list(range(first, first + len(data)))


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
def test_aligner_refuses():
    with pytest.raises(ValueError, match=r"bits must be one of \(1, 2, 5, 10\), not 3"):
        Aligner(3)
    gc.collect()
