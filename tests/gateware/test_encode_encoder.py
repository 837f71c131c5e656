# SPDX-License-Identifier: BSD-2-Clause
"""The die's encoder against the golden model, byte by byte.

frames ─► driver ─► Encoder ─► monitor ─► packets == golden packets
"""

import dataclasses
import zlib

import numpy as np
import pytest
from amaranth.sim import Simulator

from macropix.gateware.config import Config
from macropix.gateware.roic.encode.encoder import Encoder
from macropix.gateware.wire import CRC16, HEADER_BYTES, OVERHEAD_BYTES, SLICE_PIXELS, TAP_BITS, Tap, ThresholdMode
from macropix.sim.golden.die import Frame, reset_registers
from macropix.sim.golden.encode.slices import encode_frame
from macropix.sim.golden.threshold import sent

SMALL = Config(taps=False)
TAPS = Config()
LARGE = Config(rows=48, cols=48, taps=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shot:
    """One frame as the chain hands it over."""

    values: np.ndarray
    mode: int = 0
    threshold: int = 0
    threshold_mode: int = 0
    tap: int = 0
    masked: np.ndarray | None = None
    saturated: np.ndarray | None = None
    epoch: int = 0x1234
    tag: int = 0x5678
    shot: int = 0
    kernel: int = 0
    time: int = 0

    @property
    def golden(self) -> Frame:
        values = np.asarray(self.values, np.int64).reshape(1, -1)
        zeros = np.zeros(values.shape, np.uint8)
        masked = zeros.astype(bool) if self.masked is None else np.asarray(self.masked, bool).reshape(1, -1)
        mode = ThresholdMode(self.threshold_mode % 3)
        return Frame(
            shot=self.shot,
            kernel=self.kernel,
            tap=Tap(self.tap % 6),
            taps={},
            value=values,
            sent=sent(values, self.threshold, mode, masked),
            masked=masked,
            saturated=zeros if self.saturated is None else np.asarray(self.saturated, np.uint8).reshape(1, -1),
            clipped={},
        )

    @property
    def registers(self) -> dict[str, int]:
        return reset_registers() | {name: getattr(self, name) for name in ("mode", "threshold", "threshold_mode", "tap")}

    @property
    def descriptor(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in ("epoch", "tag", "shot", "kernel", "time")}


def expected(shots: list[Shot]) -> list[bytes]:
    out: list[bytes] = []
    for shot in shots:
        out += encode_frame(shot.golden, registers=shot.registers, epoch=shot.epoch, tag=shot.tag, time=shot.time, number=len(out))
    return out


@dataclasses.dataclass
class Seen:
    """What came out, and when: clocks of each slice's last pixel, and of each packet's first and last byte."""

    packets: list[bytes]
    closed: list[int]
    first: list[int]
    last: list[int]
    produced: int
    idle: int


async def _drive(ctx, dut, shots, rng, gap, clock, closed):
    for shot in shots:
        golden = shot.golden
        for name in ("mode", "threshold", "threshold_mode", "tap"):
            ctx.set(getattr(dut.settings, name), int(getattr(shot, name)))
        for name, value in shot.descriptor.items():
            ctx.set(getattr(dut.descriptor, name), value)
        arrays = [array.reshape(-1).tolist() for array in (golden.value, golden.sent, golden.masked, golden.saturated)]
        size = golden.value.size
        for n in range(size):
            if n % SLICE_PIXELS == 0:
                while not ctx.get(dut.pixels.room):
                    await ctx.tick()
                ctx.set(dut.pixels.reserve, 1)
                await ctx.tick()
                ctx.set(dut.pixels.reserve, 0)
            while rng.random() < gap:
                await ctx.tick()
            slice_last = n % SLICE_PIXELS == SLICE_PIXELS - 1 or n == size - 1
            value, past, masked, saturated = (array[n] for array in arrays)
            pixel = {
                "value": value,
                "sent": past,
                "masked": masked,
                "saturated": saturated,
                "slice_last": slice_last,
                "frame_last": n == size - 1,
            }
            ctx.set(dut.pixels.payload, pixel)
            ctx.set(dut.pixels.valid, 1)
            if slice_last:
                closed.append(clock[0])
            await ctx.tick()
            ctx.set(dut.pixels.valid, 0)
            # what is not valid means nothing
            ctx.set(dut.pixels.payload, {"value": -1, "sent": 1, "masked": 1, "saturated": 15, "slice_last": 1, "frame_last": 1})


async def _watch(ctx, dut, wanted, rng, stall, clock, seen, deadline):
    packet = bytearray()
    held = None
    while len(seen.packets) < wanted:
        assert clock[0] < deadline, f"{len(seen.packets)} of {wanted} packets within {deadline} clocks"
        ready = int(rng.random() >= stall)
        ctx.set(dut.o.ready, ready)
        valid, payload = ctx.get(dut.o.valid), ctx.get(dut.o.payload.as_value())
        if held is not None:
            assert valid, "valid withdrawn"
            assert payload == held, "payload changed before it was taken"
        held = payload if valid and not ready else None
        if valid and ready:
            if not packet:
                seen.first.append(clock[0])
            packet.append(payload & 0xFF)
            if payload >> 8:
                seen.packets.append(bytes(packet))
                seen.last.append(clock[0])
                packet.clear()
        await ctx.tick()
        clock[0] += 1
    ctx.set(dut.o.ready, 1)
    for _ in range(20):
        assert not ctx.get(dut.o.valid), "a byte behind the last packet"
        await ctx.tick()
    seen.produced, seen.idle = ctx.get(dut.produced), ctx.get(dut.idle)


def run(config: Config, shots: list[Shot], *, seed: int = 1, gap: float = 0, stall: float = 0) -> Seen:
    dut = Encoder(config)
    rng = np.random.default_rng(seed)
    clock = [0]
    seen = Seen([], [], [], [], -1, -1)
    wanted = sum(-(-shot.golden.value.size // SLICE_PIXELS) for shot in shots)
    pixels = sum(shot.golden.value.size for shot in shots)
    deadline = int((pixels * 10 + wanted * 400) / (1 - gap) / (1 - stall))
    sim = Simulator(dut)
    sim.add_clock(1e-6)

    async def drive(ctx):
        await _drive(ctx, dut, shots, np.random.default_rng(seed + 1), gap, clock, seen.closed)

    async def watch(ctx):
        await _watch(ctx, dut, wanted, rng, stall, clock, seen, deadline)

    sim.add_testbench(watch)  # first: it counts the clocks
    sim.add_testbench(drive)
    sim.run()
    return seen


def check(config: Config, shots: list[Shot], **kwargs) -> Seen:
    seen = run(config, shots, **kwargs)
    golden = expected(shots)
    assert len(seen.packets) == len(golden)
    for number, (is_, should) in enumerate(zip(seen.packets, golden)):
        header, length = is_[:HEADER_BYTES], int.from_bytes(is_[2:4], "little") & 0xFFF
        assert length + OVERHEAD_BYTES == len(is_), f"packet {number} says {length} bytes of payload and has {len(is_) - OVERHEAD_BYTES}"
        assert CRC16(8).compute(header[:-2]) == int.from_bytes(header[-2:], "little")
        assert zlib.crc32(is_[:-4]) == int.from_bytes(is_[-4:], "little")
        assert is_.hex() == should.hex(), f"packet {number}"
    assert seen.produced == len(golden)
    assert seen.idle == 1
    return seen


def shares(rng, count: int, share: float, threshold: int, mode: int, *, smooth: bool = False) -> np.ndarray:
    """Values of which about `share` are past the threshold."""
    if smooth:
        values = np.clip(np.cumsum(rng.integers(-6, 7, count)), -2048, 2047)
    else:
        values = np.clip(np.rint(rng.laplace(0, rng.choice([3, 40, 600]), count)), -2048, 2047).astype(np.int64)
    if threshold == 0:
        return values
    past = rng.random(count) < share
    size = np.clip(np.abs(values) + threshold, threshold, 2047)
    sign = {1: 1, 2: -1}.get(mode, np.where(rng.random(count) < 0.5, -1, 1))
    return np.where(past, size * sign, np.clip(values, 1 - threshold, threshold - 1))


def random_shot(rng, config: Config, *, pixels: int | None = None, share: float | None = None, **fields) -> Shot:
    pixels = int(rng.integers(1, 150)) if pixels is None else pixels
    tap = int(rng.choice([0, 0, 0, 1, 2, 3, 4, 5])) if config.taps else 0
    fields = {
        "mode": int(rng.integers(0, 4)),
        "threshold": int(rng.choice([0, 1, 2, 5, 60, 2047])),
        "threshold_mode": int(rng.integers(0, 4)),
        "tap": tap,
    } | fields
    share = float(rng.choice([0, 0.02, 0.05, 0.25, 0.5, 0.9, 1])) if share is None else share
    if fields["tap"] % 6 in (0, 5):
        values = shares(rng, pixels, share, fields["threshold"], fields["threshold_mode"], smooth=bool(rng.integers(2)))
    else:
        bits = min(TAP_BITS[Tap(fields["tap"])], config.sum_width) - 1
        values = rng.integers(-(1 << bits), 1 << bits, pixels)
    return Shot(
        values=values,
        masked=rng.random(pixels) < rng.choice([0, 0, 0.1, 1]),
        saturated=np.where(rng.random(pixels) < 0.02, rng.integers(0, 16, pixels), 0),
        epoch=int(rng.integers(1 << 16)),
        tag=int(rng.integers(1 << 16)),
        shot=int(rng.integers(1 << 16)),
        kernel=int(rng.integers(8)),
        time=int(rng.integers(1 << 32)),
        **fields,
    )


@pytest.mark.parametrize("config", [SMALL, TAPS], ids=["plain", "taps"])
@pytest.mark.parametrize(("gap", "stall"), [(0, 0), (0.5, 0), (0, 0.6), (0.3, 0.3)])
def test_random_frames(config, gap, stall):
    """Back to back, each with settings of its own."""
    rng = np.random.default_rng([11, int(gap * 10), int(stall * 10)])
    check(config, [random_shot(rng, config, pixels=int(rng.integers(1, 100))) for _ in range(12)], gap=gap, stall=stall)


@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.parametrize("share", [0, 0.05, 0.5, 1])
def test_share(mode, share):
    """Every threshold mode; and the codes that a decoder has to expect do come."""
    rng = np.random.default_rng([12, mode, int(share * 100)])
    shots = [
        random_shot(rng, SMALL, pixels=pixels, mode=mode, share=share, threshold=threshold, threshold_mode=threshold_mode)
        for pixels, threshold, threshold_mode in [(120, 20, 0), (64, 1, 1), (127, 300, 2), (65, 20, 3)]
    ]
    check(SMALL, shots, stall=0.2)


def ramp(count: int) -> np.ndarray:
    return np.arange(count) % 4096 - 2048


N = 80
ADVERSARIAL = {
    "zero": np.zeros(N, int),
    "largest": np.full(N, 2047),
    "smallest": np.full(N, -2048),
    "ends": np.where(np.arange(N) % 2, 2047, -2048),
    "escapes": np.where(np.arange(N) % 40 == 39, 2047, 0),
    "escapes below": np.where(np.arange(N) % 40 == 39, -2048, 0),
    "first": np.where(np.arange(N) == 0, 9, 0),
    "last": np.where(np.arange(N) == N - 1, 9, 0),
    "last but one": np.where(np.arange(N) == N - 2, -9, 0),
    "every other": np.where(np.arange(N) % 2, 9, 0),
    "ramp": ramp(N) // 2,
    "one pixel": np.array([5]),
    "one pixel unsent": np.array([0]),
}


@pytest.mark.parametrize("threshold", [0, 1])
@pytest.mark.parametrize("mode", [0, 1, 2])
def test_adversarial(mode, threshold):
    shots = [Shot(values=values, mode=mode, threshold=threshold) for values in ADVERSARIAL.values()]
    check(SMALL, shots, stall=0.1)


def test_long_gap_escapes():
    """A gap of 900 behind short ones, and one that ends the slice."""
    values = np.zeros(1024, int)
    values[:40:2] = 5
    values[960] = -5
    check(LARGE, [Shot(values=values, mode=1, threshold=5)])


def test_slices_of_a_frame():
    """1,500 pixels and 2,050: first, last, where and number; slices of one pixel and two."""
    rng = np.random.default_rng(13)
    plans = [(1025, 1, 0.05), (1500, 2, 0.3), (2048, 1, 0.02), (2050, 0, 1)]
    shots = [random_shot(rng, LARGE, pixels=pixels, mode=mode, share=share, threshold=40) for pixels, mode, share in plans]
    seen = check(LARGE, shots, stall=0.05)
    assert len(seen.packets) == 2 + 2 + 2 + 3


def test_numbers_begin_anew_behind_clear():
    dut = Encoder(SMALL)
    sim = Simulator(dut)
    sim.add_clock(1e-6)

    async def bench(ctx):
        ctx.set(dut.o.ready, 1)
        numbers = []
        for clear, produced in [(0, 0), (0, 1), (1, 0), (0, 1)]:
            ctx.set(dut.clear, clear)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            assert ctx.get(dut.produced) == produced
            assert ctx.get(dut.idle)
            ctx.set(dut.pixels.reserve, 1)
            await ctx.tick()
            ctx.set(dut.pixels.reserve, 0)
            ctx.set(dut.pixels.payload, {"value": 1, "sent": 1, "masked": 0, "saturated": 0, "slice_last": 1, "frame_last": 1})
            ctx.set(dut.pixels.valid, 1)
            assert not ctx.get(dut.idle)
            assert not ctx.get(dut.pixels.room)
            await ctx.tick()
            ctx.set(dut.pixels.valid, 0)
            packet = bytearray()
            for _ in range(100):
                if ctx.get(dut.o.valid):
                    packet.append(ctx.get(dut.o.payload.data))
                await ctx.tick()
            numbers.append(int.from_bytes(packet[4:6], "little"))
        assert numbers == [0, 1, 0, 1]

    sim.add_testbench(bench)
    sim.run()


def test_one_pixel_a_clock():
    """Sparse frames of 784 pixels follow each other as fast as they come: the second reading never holds the first up."""
    rng = np.random.default_rng(14)
    shots = [random_shot(rng, SMALL, pixels=784, mode=1, share=0.25, threshold=40, threshold_mode=0) for _ in range(3)]
    seen = check(SMALL, shots)
    assert max(np.diff(seen.closed)) <= 784 + Encoder.latency + HEADER_BYTES + 2
    # and behind the last pixel a packet is out before the next frame is in
    assert max(np.subtract(seen.last, seen.closed)) < 784
    assert set(np.subtract(seen.first, seen.closed)) == {Encoder.latency}


def test_a_byte_a_clock():
    """RAW: 12 bits a pixel leave in 1.5 clocks."""
    seen = check(SMALL, [Shot(values=ramp(784), mode=0)])
    assert seen.last[0] - seen.first[0] <= 784 * 1.5 + OVERHEAD_BYTES + 12


def test_a_second_slice_comes_while_the_first_waits():
    """With a sink that takes nothing two slices fit, and no third is admitted."""
    dut = Encoder(SMALL)
    sim = Simulator(dut)
    sim.add_clock(1e-6)

    async def bench(ctx):
        admitted = 0
        for _ in range(400):
            room = ctx.get(dut.pixels.room)
            ctx.set(dut.pixels.reserve, room)
            ctx.set(dut.pixels.valid, room)
            ctx.set(dut.pixels.payload, {"value": 1, "sent": 1, "masked": 0, "saturated": 0, "slice_last": 1, "frame_last": 1})
            admitted += room
            ctx.set(dut.o.ready, int(admitted == 1 and not ctx.get(dut.o.payload.last)))
            await ctx.tick()
        assert admitted == 2
        assert ctx.get(dut.produced) == 2
        assert not ctx.get(dut.idle)

    sim.add_testbench(bench)
    sim.run()
