# SPDX-License-Identifier: BSD-2-Clause
"""Deskew: slices off several lanes, whatever their skew; what a slip, a swapped wire or a damaged place costs.

golden lane model ─► `Line`: symbols of each lane ─► bits, delayed and damaged ─► StripedDeserializer ─► slices
"""

import random
import zlib

import pytest
from amaranth.sim import Simulator

from macropix.gateware.config import Config
from macropix.gateware.fpga.deskew import SKEW_SYMBOLS
from macropix.gateware.fpga.striped_deserializer import StripedDeserializer
from macropix.gateware.fpga.symbols import LOCK_ERRORS
from macropix.gateware.roic.striped_serializer import StripedSerializer
from macropix.gateware.wire import K_END, K_IDLE
from macropix.sim.golden import lane

#: lanes, bits a clock
FORMS = [(2, 1), (2, 10), (4, 2), (4, 5), (4, 10)]
#: most bits that a lane may lie behind another
BOUND = 10 * SKEW_SYMBOLS


def packet(rng, length=24):
    """Any bytes, and their CRC-32."""
    body = rng.randbytes(length - 4)
    return body + zlib.crc32(body).to_bytes(4, "little")


class Line:
    """What the lanes carry, symbol by symbol, from the golden lane model; a byte a clock at the most."""

    def __init__(self, lanes, bits, *, pair=0):
        self.lanes, self.pair = lanes, pair
        self.waits = max(0, -(-lanes * bits // 10) - 1)  # columns of K28.5 behind each of bytes
        self.symbols = [[] for _ in range(lanes)]

    def idle(self, pairs=2):
        for _ in range(pairs):
            for n, row in enumerate(self.symbols):
                row += lane.idle_pair(n, self.pair, lanes=self.lanes)
            self.pair += 1
        return self

    def slice(self, data):
        for row, (start, *part, end) in zip(self.symbols, lane.dealt(data, self.lanes), strict=True):
            row.append(start)
            for symbol in part:
                row += [symbol, *[(K_IDLE, True)] * self.waits]
            row.append(end)
        return self.idle()

    def bits(self):
        return [bits_of(row) for row in self.symbols]


def bits_of(symbols, disparity=-1):
    bits = []
    for byte, k in symbols:
        symbol, disparity = lane.encode(byte, k, disparity)
        bits += [symbol >> i & 1 for i in range(10)]
    return bits


def delayed(lines, delays, rng=None):
    """Each lane later by its bits, of zeros or of anything; all as long as the latest."""
    rng = rng or random.Random(0)
    most = max(delays)
    return [
        [rng.randrange(2) for _ in range(d)] + one + [0, 1] * ((most - d) // 2) + [0] * ((most - d) % 2)
        for one, d in zip(lines, delays, strict=True)
    ]


class Receiver:
    """A `StripedDeserializer` fed with stretches of bits on each lane.

    ``events``: for each stretch the slices that ended in it, (bytes, good). ``states``: locked, swapped at its end. ``counts``: code
    errors, disparity errors, realigns at its end. ``swapped``: clocks in which it said so.
    """

    def __init__(self, lanes, bits, stretches):
        dut = StripedDeserializer(Config(lanes=lanes, lane_bits=bits))
        self.events, self.states, self.counts = [], [], []
        self.swapped = 0

        async def feed(ctx):
            left, current = [[] for _ in range(lanes)], None
            for stretch in stretches:
                left, events = [old + new for old, new in zip(left, stretch, strict=True)], []
                whole = min(len(one) for one in left) // bits * bits
                for at in range(0, whole, bits):
                    word = 0
                    for n, one in enumerate(left):
                        for i in range(bits):
                            word |= one[at + i] << n * bits + i
                    ctx.set(dut.lane, word)
                    *sample, swapped = await ctx.tick().sample(dut.o.valid, dut.o.data, dut.o.start, dut.o.end, dut.o.good, dut.swapped)
                    _, _, valid, data, start, end, good = sample
                    self.swapped += swapped
                    assert not (valid and end)
                    if valid:
                        assert bool(start) == (current is None)
                        current = (current or b"") + bytes([data])
                    if end:
                        events.append((current or b"", bool(good)))
                        current = None
                left = [one[whole:] for one in left]
                self.events.append(events)
                self.states.append((ctx.get(dut.locked), ctx.get(dut.swapped)))
                self.counts.append(tuple(ctx.get(x) for x in (dut.code_errors, dut.disparity_errors, dut.realigns)))

        simulator = Simulator(dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(feed)
        simulator.run()


def good(events):
    return [data for data, well in events if well]


def two_slices(lanes, bits, rng, *, before=2, pair=3):
    """Two slices, idle pairs before and enough behind."""
    packets = [packet(rng, 24), packet(rng, rng.randrange(25, 33))]
    line = Line(lanes, bits, pair=pair).idle(before)
    for data in packets:
        line.slice(data)
    return packets, line.idle(9).bits()


def test_every_bit_of_skew():
    """One lane behind the other by −50 … 50 bits, one case behind the other: not even the first slice is lost."""
    rng = random.Random(1)
    packets, line = two_slices(2, 10, rng)
    skews = range(-BOUND, BOUND + 1)
    receiver = Receiver(2, 10, [delayed(line, (max(-skew, 0), max(skew, 0)), rng) for skew in skews])
    assert [good(events) for events in receiver.events] == [packets] * len(skews)
    assert receiver.states == [(1, 0)] * len(skews)


@pytest.mark.parametrize(("lanes", "bits"), FORMS)
def test_offsets_and_skews_of_all_lanes(lanes, bits):
    rng = random.Random(lanes + bits)
    packets, line = two_slices(lanes, bits, rng)
    cases = [[rng.randrange(BOUND + 1) for _ in range(lanes)] for _ in range(4 if bits < 5 else 20)]
    cases += [[BOUND * (n == m) for n in range(lanes)] for m in range(lanes)]
    cases += [[BOUND * (n != m) for n in range(lanes)] for m in range(lanes)]
    receiver = Receiver(lanes, bits, [delayed(line, case, rng) for case in cases])
    assert [good(events) for events in receiver.events] == [packets] * len(cases)
    assert [len(events) for events in receiver.events] == [2] * len(cases)
    assert receiver.states == [(1, 0)] * len(cases)


@pytest.mark.parametrize("late", range(4))
def test_beyond_the_bound(late):
    """Nothing arrives, each slice is counted once, LOCKED is off; back within the bound all is well."""
    rng = random.Random(3)
    line = Line(4, 5, pair=6).idle(10)
    packets = [packet(rng, 28) for _ in range(3)]
    for data in packets:
        line.slice(data)
    line = line.idle(9).bits()
    far, near = ([skew * (n == late) for n in range(4)] for skew in (BOUND + 20, BOUND))
    receiver = Receiver(4, 5, [delayed(line, delays, rng) for delays in (near, far, near)])
    assert [good(events) for events in receiver.events] == [packets, [], packets]
    assert [len(events) for events in receiver.events] == [3, 3, 3]
    assert [state[0] for state in receiver.states] == [1, 0, 1]


def test_locked_before_any_slice():
    """By the idle pairs alone, and only when all lanes have theirs."""
    line = Line(2, 10)
    parts = []
    for pairs in (1, 14, 14, 14):
        part = Line(2, 10, pair=line.pair).idle(pairs)
        line.pair = part.pair
        parts.append(part.bits())
    first, apart, dead, together = parts[0], delayed(parts[1], (23, 0)), [parts[2][0], [1] * len(parts[2][1])], parts[3]
    receiver = Receiver(2, 10, [first, apart, dead, together, delayed(parts[3], (0, 48))])
    assert [state[0] for state in receiver.states] == [0, 1, 0, 1, 1]


@pytest.mark.parametrize("lanes", [2, 4])
def test_swapped_lanes(lanes):
    """Two wires crossed: nothing arrives, and it is told; put right, all comes."""
    rng = random.Random(lanes)
    packets, line = two_slices(lanes, 10, rng)
    crossed = [line[1], line[0], *line[2:]]
    receiver = Receiver(lanes, 10, [line, crossed, line])
    assert [good(events) for events in receiver.events] == [packets, [], packets]
    assert receiver.states == [(1, 0), (0, 1), (1, 0)]


def damaged(line, place, kind, rng):
    head, tail = line[:place], line[place:]
    if kind == "flip":
        return [*head, tail[0] ^ 1, *tail[1:]]
    if kind == "drop":
        return head + tail[1:]
    if kind == "insert":
        return [*head, rng.randrange(2), *tail]
    return [*head, *(rng.randrange(2) for _ in range(12)), *tail[12:]]  # burst


def check_damage(lanes, bits, step, seed, delays):
    rng = random.Random(seed)
    packets = [packet(rng) for _ in range(3)]
    line = Line(lanes, bits, pair=2).idle(2)
    for data in packets:
        line.slice(data)
    line = line.idle(9).bits()
    places = range(seed % step, len(line[0]) - 200, step)
    cases = [(place, n, kind) for place in places for n in range(lanes) for kind in ("flip", "drop", "insert", "burst")]

    def hurt(place, n, kind):
        lines = [damaged(one, place, kind, rng) if n == m else one for m, one in enumerate(line)]
        longest = max(len(one) for one in lines)
        return delayed([one + [0, 1][: longest - len(one)] for one in lines], delays)

    receiver = Receiver(lanes, bits, [delayed(line, delays)] + [hurt(*case) for case in cases])
    assert receiver.events[0] == [(data, True) for data in packets]
    losses, told = [], []
    for case, events in zip(cases, receiver.events[1:], strict=True):
        came = good(events)
        assert [data for data in packets if data in came] == came, case
        losses.append(len(packets) - len(came))
        told.append(len(events) - len(came))
    assert max(losses) == 1, cases[losses.index(max(losses))]
    assert min(losses) == 0
    assert 4 * sum(losses) > len(cases)
    assert all(counted <= lost for counted, lost in zip(told, losses, strict=True)), "more slices told as broken than lost"
    assert sum(told) > 0.75 * sum(losses)
    assert receiver.swapped == 0, "a damaged slice looks like a swapped lane"
    return len(cases)


@pytest.mark.parametrize(("lanes", "bits", "step"), [(2, 1, 151), (2, 10, 41), (4, 2, 151), (4, 5, 139), (4, 10, 251)])
def test_one_damaged_place_loses_at_most_one_slice(lanes, bits, step):
    """A flipped bit, a slip either way, a burst, on each lane; the lanes lie apart."""
    delays = [7, 29, 0, 50][:lanes]
    assert check_damage(lanes, bits, step, lanes + bits, delays) >= 16


@pytest.mark.slow
@pytest.mark.parametrize(("lanes", "bits"), [(2, 10), (4, 5)])
def test_many_damaged_places_lose_at_most_one_slice(lanes, bits):
    assert check_damage(lanes, bits, 41, 5, [50, 0, 13, 41][:lanes]) > 80


def test_what_breaks_a_slice():
    """One lane that ends early, late or not at all, has lost or gained a byte, or carries what does not belong there."""
    rng = random.Random(9)
    data, after = packet(rng, 26), packet(rng, 24)
    cases = {
        "a byte missing": lambda row: row[:2] + row[3:],
        "a byte too many": lambda row: [*row[:2], (1, False), *row[2:]],
        "K29.7 early": lambda row: [*row[:2], (K_END, True), *row[3:]],
        "no K29.7": lambda row: [*row[:-1], (K_IDLE, True)],
        "no start": lambda row: [(K_IDLE, True), *row[1:]],
        "K30.7 inside": lambda row: [*row[:3], (0xFE, True), *row[4:]],
        "another byte": lambda row: [*row[:3], (row[3][0] ^ 1, False), *row[4:]],
    }
    lines = []
    for change in cases.values():
        for n in range(4):
            line = Line(4, 2, pair=1).idle(3)
            parts = lane.dealt(data, 4)
            parts[n] = change(parts[n])
            for row, part in zip(line.symbols, parts, strict=True):
                row += part
            lines.append(line.idle().slice(after).idle(9).bits())
    receiver = Receiver(4, 2, [delayed(line, (0,) * 4) if len({len(one) for one in line}) == 1 else evened(line) for line in lines])
    for case, events in zip([(name, n) for name in cases for n in range(4)], receiver.events, strict=True):
        told = [False, True] if case != ("no start", 0) else [True]  # lane 0 tells of a slice
        assert [well for _, well in events] == told, case
        assert events[-1] == (after, True), case


def evened(lines):
    """Lanes of unequal length, filled up to the longest."""
    longest = max(len(one) for one in lines)
    return [one + ([0, 1] * longest)[: longest - len(one)] for one in lines]


def test_a_slice_without_its_start_does_not_look_like_a_swapped_lane():
    """Behind K28.5 its bytes stand where the numbers of idle pairs do, and some are those of other lanes."""
    data, after = packet(random.Random(12), 24), packet(random.Random(13), 24)
    numbers = bytes(random.Random(14).choice([0, 1, 2, 3]) for _ in range(400))
    lines = []
    for n in range(4):
        line = Line(4, 5, pair=3).idle(9)
        line.slice(data[:1] + numbers)
        for symbol, row in enumerate(line.symbols):
            if symbol == n:
                row[18] = (K_IDLE, True)
        lines.append(line.slice(after).idle(9).bits())
    receiver = Receiver(4, 5, lines)
    assert [good(events) for events in receiver.events] == [[after]] * 4
    assert receiver.swapped == 0


def test_a_start_counts_only_behind_the_own_number():
    """K27.7 with data before it, or with another lane's pair, begins nothing."""
    rng = random.Random(11)
    data, after = packet(rng, 24), packet(rng, 24)
    lines = []
    for wrong in ([(K_IDLE, True), (0x01, False)], [(0x00, False), (0x00, False)], [(K_IDLE, True), (K_IDLE, True)]):
        line = Line(2, 5, pair=1).idle(3)
        line.symbols[0] += wrong
        line.symbols[1] += lane.idle_pair(1, 4, lanes=2)
        lines.append(line.slice(data).slice(after).idle(9).bits())
    receiver = Receiver(2, 5, lines)
    assert [good(events) for events in receiver.events] == [[after]] * 3


def test_faster_than_a_byte_a_clock():
    """Four lanes of ten bits that never wait: short bursts pass, a long slice breaks, nothing wrong comes."""
    rng = random.Random(13)
    short, long, after = packet(rng, 24), packet(rng, 120), packet(rng, 24)
    line = Line(4, 10)
    line.waits = 0
    line.idle(9).slice(short).idle(9).slice(long).idle(9).slice(after).idle(9)
    (events,) = Receiver(4, 10, [line.idle(9).bits()]).events
    assert [well for _, well in events] == [True, False, True]
    assert good(events) == [short, after]


def test_counts_are_of_all_lanes():
    """Wrong symbols on two lanes in the same column count twice; behind a lock lost its lane does not count."""
    nonsense = [1] * 10
    idle = Line(4, 10).idle(16).bits()
    hurt = [one[:40] + nonsense * 2 + one[60:] if n in (1, 3) else one for n, one in enumerate(idle)]
    dead = [nonsense * 32 if n == 2 else one for n, one in enumerate(idle)]
    receiver = Receiver(4, 10, [idle, hurt, idle, dead, idle])
    codes = [counts[0] for counts in receiver.counts]
    assert (codes[0], codes[2]) == (0, 4)
    assert codes[4] == 4 + LOCK_ERRORS
    assert [state[0] for state in receiver.states] == [1, 1, 1, 0, 1]


@pytest.mark.parametrize(("lanes", "bits"), FORMS)
def test_noise_gives_no_slice(lanes, bits):
    rng = random.Random(bits)
    packets, line = two_slices(lanes, bits, rng)
    noise = [[rng.randrange(2) for _ in range(3000)] for _ in range(lanes)]
    events = Receiver(lanes, bits, [noise, line]).events
    assert good(events[0]) == []
    assert good(events[1]) == packets


@pytest.mark.parametrize(("lanes", "bits"), FORMS)
def test_serializer_to_deserializer(lanes, bits):
    """The pair as built, with any skew between, stalls at the source."""
    rng = random.Random(bits)
    packets = [packet(rng, n) for n in (25, 40, 24, 24, 27)]
    source, got = StripedSerializer(Config(lanes=lanes, lane_bits=bits)), [[] for _ in range(lanes)]

    async def drive(ctx):
        await ctx.tick().repeat(200)
        for number, data in enumerate(packets):
            for place, byte in enumerate(data):
                while number % 2 and rng.random() < 0.3:
                    await ctx.tick()
                ctx.set(source.i.payload, {"data": byte, "last": place == len(data) - 1})
                ctx.set(source.i.valid, 1)
                await ctx.tick().until(source.i.ready)
                ctx.set(source.i.valid, 0)
        await ctx.tick().until(source.idle)

    async def record(ctx):
        async for *_, word in ctx.tick().sample(source.lane):
            for n, one in enumerate(got):
                one += [word >> n * bits + i & 1 for i in range(bits)]

    async def deadline(ctx):
        await ctx.delay(20_000e-6)
        raise AssertionError("not finished in 20,000 clocks")

    simulator = Simulator(source)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive)
    simulator.add_testbench(record, background=True)
    simulator.add_testbench(deadline, background=True)
    simulator.run()
    for delays in ([0] * lanes, [rng.randrange(BOUND + 1) for _ in range(lanes)]):
        receiver = Receiver(lanes, bits, [delayed(got, delays), [[0, 1] * 60] * lanes])
        assert receiver.events[0] + receiver.events[1] == [(data, True) for data in packets]


def test_latency():
    """Lanes without skew, one bit a clock: `latency` clocks from the last bit of lane 0's symbol to its byte."""
    dut = StripedDeserializer(Config(lanes=2, lane_bits=1))
    data = packet(random.Random(6), 24)
    line, clocks = Line(2, 1).idle(2).slice(data).idle(2), []
    bits = line.bits()

    async def feed(ctx):
        for n in range(len(bits[0])):
            ctx.set(dut.lane, bits[0][n] | bits[1][n] << 1)
            await ctx.tick()
            if ctx.get(dut.o.valid):
                clocks.append(n)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(feed)
    simulator.run()
    first = [10 * (5 + column) + 9 + dut.latency - 1 for column in range(12)]
    assert clocks == sorted(first + [clock + 1 for clock in first])
