# SPDX-License-Identifier: BSD-2-Clause
"""The guarantee of the stream, exhaustively: every bit flipped, every byte dropped, doubled, something put before every byte, and the
stream cut at every byte. No wrong pixel, at most one slice lost, exact counts.

The stream holds every kind of slice, frames of two slices, a kernel sequence, a configuration change, an empty frame, two epochs,
running numbers across their wrap, stale slices, and bytes between packets.
"""

import dataclasses
import functools
import random

import numpy as np
import pytest

from macropix.gateware.config import Config
from macropix.gateware.registers import STATUS
from macropix.gateware.wire import Kind, Mode, Op, Positions, Read, ThresholdMode, Values
from macropix.host.decode import frames, slices
from macropix.host.decode.bytes import Packet, PacketDecoder
from macropix.host.decode.frames import FrameAssembler
from macropix.host.frame import Frame
from macropix.host.geometry import Geometry
from macropix.host.settings import FRAME_REGISTERS, Settings
from macropix.sim.golden.die import expose, reset_registers
from macropix.sim.golden.encode.slices import encode_slice
from macropix.sim.golden.packets import packet, reply

CONFIG = Config(rows=36, cols=36)
GEOMETRY = Geometry.of(CONFIG)
KERNELS = {0: (-32,) * 4 + (256,) + (-32,) * 4, 1: (-64, 0, 64, -128, 0, 128, -64, 0, 64)}
#: epoch → number of its first slice
EPOCHS = {0x1111: 65530, 0x2222: 0}


class Stream:
    """A recorded stream, and everything that a host must make of it."""

    def __init__(self):
        self.parts: list[bytes] = []
        self.frames: dict[tuple[int, int, int], tuple] = {}
        self.members: dict[tuple[int, int], tuple[int, int, int]] = {}
        self.settings: list[Settings] = []
        self.epoch = self.number = self.shot = self.other = 0

    def claim(self, epoch: int) -> None:
        self.epoch, self.number, self.shot, self.other = epoch, EPOCHS[epoch], 0, 0
        self.parts.append(reply(77, Op.CLAIM, 0, **self.head()))
        self.status()

    def head(self) -> dict[str, int]:
        self.other += 1
        return {"number": self.other - 1, "epoch": self.epoch, "where": 1000 * self.other}

    def status(self) -> None:
        words = [0] * sum(register.words for register in STATUS.values())
        words[STATUS["epoch"].address] = self.epoch
        words[STATUS["sent"].address] = (self.number - EPOCHS[self.epoch]) & 0xFFFF
        self.parts.append(packet(Kind.STATUS, b"".join(word.to_bytes(2, "little") for word in words), **self.head()))

    def frame(self, scene: np.ndarray, kernel: int = 0, *, mask: np.ndarray | None = None, code: tuple = (None, None), **registers) -> None:
        values = {**reset_registers(), **{name: int(getattr(value, "value", value)) for name, value in registers.items()}}
        settings = Settings(
            registers={one.name: values[one.name] for one in FRAME_REGISTERS}, weights=KERNELS[kernel], darks=(0,) * 9, kernel=kernel
        )
        self.settings.append(settings)
        golden = expose(CONFIG, scene, values, KERNELS[kernel], (0,) * 9, shot=self.shot, kernel=kernel, mask=mask)
        sent = np.ones(golden.value.shape, bool) if settings.mode is Mode.RAW else golden.sent
        key = self.epoch, self.shot, kernel
        index = np.flatnonzero(sent)
        masked = np.flatnonzero(golden.masked) if settings.mode is Mode.RAW else np.zeros(0, int)
        dense = golden.value.reshape(-1)[index]
        self.frames[key] = index.astype("u4").tobytes(), dense.astype("i4").tobytes(), masked.tolist(), golden.value.shape
        for start in range(0, golden.value.size, 1024):
            self.parts.append(
                encode_slice(
                    golden, start, registers=values, epoch=self.epoch, tag=settings.tag, time=5000 + self.shot, number=self.number,
                    positions=code[0], coding=code[1],
                )
            )  # fmt: skip
            self.members[self.epoch, self.number & 0xFFFF] = key
            self.number += 1


@pytest.fixture(scope="module")
def stream() -> Stream:
    rng = np.random.default_rng(7)
    flat = np.full((36, 36), 20000, np.uint16)
    steps = flat.copy()
    steps[:, 20:] = 24000
    specks = flat.copy()
    specks[rng.integers(2, 34, 12), rng.integers(2, 34, 12)] += 9000
    noise = (flat + rng.integers(0, 200, flat.shape)).astype(np.uint16)
    made = Stream()
    made.claim(0x1111)
    tiles = {"read": Read.TILES, "threshold": 1, "mode": Mode.AUTO}
    for coding in Values:
        made.frame(noise, code=(Positions.ALL, coding), **{**tiles, "threshold": 0})
        made.shot += 1
        made.frame(specks, code=(Positions.RUNS, coding), **tiles)
        made.shot += 1
        made.frame(specks, code=(Positions.BITMAP, coding), **tiles, threshold_mode=ThresholdMode.POS)
        made.shot += 1
    made.frame(steps, 0, **tiles)
    made.frame(steps, 1, **tiles)  # a sequence of two kernels
    made.claim(0x2222)
    made.parts.append(made.parts[4])  # stale: of the epoch before
    assert len(b"".join(made.parts)) < 2500
    made.frame(flat, **{**tiles, "mode": Mode.EDGE})  # nothing sent
    made.shot += 1
    mask = np.zeros(121, bool)
    mask[[3, 99]] = True
    made.frame(flat, mask=mask, **{**tiles, "mode": Mode.RAW, "mask_enable": 1})
    made.parts.append(b"\xa5\xa5\x00noise\xa5")
    for shot, threshold in enumerate((900, 901, 1400)):  # frames of two slices, and a change of configuration
        made.shot = shot + 2
        made.frame(specks, read=Read.SINGLE, mode=Mode.EDGE, threshold=threshold)
    made.status()
    return made


@pytest.fixture(autouse=True)
def remember(monkeypatch):
    """The production decoder, but each payload only once: nearly all are the same in every damaged stream."""
    monkeypatch.setattr(frames, "decode_slice", _decode)


@functools.lru_cache(maxsize=1 << 16)
def _decode(*arguments):
    return slices.decode_slice(*arguments)


@dataclasses.dataclass
class Result:
    packets: list[Packet]
    frames: list[Frame]
    counts: dict[int, object]
    decoder: PacketDecoder


def decode(stream: Stream, data: bytes, cuts: list[int]) -> Result:
    """What the host's decoders make of `data`, in chunks; as a device does, it moves on to the epoch it has claimed when answered."""
    decoder, assembler = PacketDecoder(), FrameAssembler(GEOMETRY)
    for settings in stream.settings:
        assembler.know(settings)
    assembler.claim(0x1111, number=EPOCHS[0x1111])
    result = Result([], [], {0x1111: assembler.statistics}, decoder)
    for start, stop in zip((0, *cuts), (*cuts, None)):
        packets = decoder.feed(data[start:stop])
        if stop is None:
            packets += decoder.finish()
        for one in packets:
            result.packets.append(one)
            if one.kind != 0 and one.epoch != assembler.epoch:
                assembler.finish()
                assembler.claim(one.epoch, number=EPOCHS[one.epoch])
                result.counts[one.epoch] = assembler.statistics
            elif one.kind == 0 and (frame := assembler.add(one)) is not None:
                result.frames.append(frame)
    assembler.finish()
    return result


@pytest.fixture(scope="module")
def truth(stream) -> Result:
    return decode(stream, b"".join(stream.parts), [])


def check(stream: Stream, truth: Result, result: Result, *, lost_at_most: int | None = 1) -> int:
    """Everything the guarantee says, of one damaged stream. Gives the number of packets lost."""
    want = [(one.kind, one.epoch, one.number, one.payload) for one in truth.packets]
    have = [(one.kind, one.epoch, one.number, one.payload) for one in result.packets]
    at = -1
    for one in have:  # what is delivered is what was sent, in order
        at = want.index(one, at + 1)
    lost = len(want) - len(have)
    assert lost_at_most is None or lost <= lost_at_most
    alive, epoch = set(), 0x1111
    for one in result.packets:
        epoch = epoch if one.kind == 0 else one.epoch
        if one.kind == 0 and one.epoch == epoch:
            alive.add((epoch, one.number))
    keys = []
    for frame in result.frames:
        key = frame.epoch, frame.shot, frame.kernel
        keys.append(key)
        assert (frame.index.tobytes(), frame.value.tobytes(), frame.masked_index.tolist(), frame.shape) == stream.frames[key]
    parts: dict[tuple, list[bool]] = {}
    for member, key in stream.members.items():
        parts.setdefault(key, []).append(member in alive)
    assert keys == [key for key in stream.frames if all(parts[key])]
    for epoch, counts in result.counts.items():
        numbers = [number for where, number in stream.members if where == epoch]
        there = [number for number in numbers if (epoch, number) in alive]
        before_last = numbers.index(there[-1]) + 1 if there else 0
        assert counts.received == len(there)
        assert counts.missing == before_last - len(there)
        assert counts.frames_incomplete == sum(any(parts[key]) and not all(parts[key]) for key in parts if key[0] == epoch)
        assert (counts.unknown_tag, counts.undecodable, counts.duplicates) == (0, 0, 0)
    return lost


def cuts_of(rng: random.Random, size: int) -> list[int]:
    return sorted(rng.randrange(size + 1) for _ in range(rng.randrange(4)))


def test_stream_holds_what_it_should(stream, truth):
    assert check(stream, truth, truth) == 0
    data = [one for one in truth.packets if one.kind == 0]
    kinds = {(Positions(one.positions), Values(one.values)) for one in data}
    assert kinds == {(p, v) for p in (Positions.ALL, Positions.RUNS, Positions.BITMAP) for v in Values} | {
        (Positions.FLAGGED, Values.PACKED)
    }
    assert any(one.length == 0 for one in data)
    assert any(not one.first for one in data)
    assert {one.kernel for one in data} == {0, 1}
    assert {one.number for one in data} >= {65535, 0}
    assert truth.counts[0x2222].stale == 1
    assert all(index for index, _, _, _ in list(stream.frames.values())[:9])
    assert len({one.tag for one in data}) >= 6


@pytest.mark.parametrize("part", range(4))
def test_every_bit_flipped(stream, truth, part):
    data, rng = b"".join(stream.parts), random.Random(part)
    for at in range(part, len(data), 4):
        for bit in range(8):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            lost = check(stream, truth, decode(stream, bytes(changed), cuts_of(rng, len(data))))
            assert lost == (_at(truth, at) is not None), f"bit {bit} of byte {at}"


def _at(truth: Result, at: int) -> Packet | None:
    return next((one for one in truth.packets if one.offset <= at < one.offset + one.size), None)


@pytest.mark.parametrize("fault", ["drop", "double", "zero", "sync", "random"])
def test_every_byte(stream, truth, fault):
    data, rng = b"".join(stream.parts), random.Random(fault)
    for at in range(len(data) + (fault not in ("drop", "double"))):
        if fault == "drop":
            changed = data[:at] + data[at + 1 :]
        else:
            extra = {"double": data[at : at + 1], "zero": b"\0", "sync": b"\xa5", "random": rng.randbytes(1)}[fault]
            changed = data[:at] + extra + data[at:]
        lost = check(stream, truth, decode(stream, changed, cuts_of(rng, len(changed))))
        around = [data[one.offset : one.offset + one.size] for one in (_at(truth, at - 1), _at(truth, at)) if one is not None]
        assert lost == any(changed.count(whole) < data.count(whole) for whole in around), at


def test_every_truncation(stream, truth):
    data, rng = b"".join(stream.parts), random.Random(3)
    ends = [one.offset + one.size for one in truth.packets]
    for at in range(len(data)):
        result = decode(stream, data[:at], cuts_of(rng, at))
        check(stream, truth, result, lost_at_most=None)
        assert len(result.packets) == sum(end <= at for end in ends)
        assert result.decoder.statistics.end_missing or _at(truth, at) is None or _at(truth, at).offset == at


def test_a_packet_twice(stream, truth):
    data, rng = b"".join(stream.parts), random.Random(4)
    for one in truth.packets:
        end = one.offset + one.size
        result = decode(stream, data[:end] + data[one.offset :], cuts_of(rng, len(data)))
        extra = result.counts.get(one.epoch)
        if one.kind == 0 and one.epoch == 0x2222:
            assert extra.duplicates == 1
            extra.duplicates = 0
        elif one.kind == 0:
            assert sum(counts.duplicates + counts.stale for counts in result.counts.values()) == 2
            for counts in result.counts.values():
                counts.duplicates = 0
        result.packets.remove(next(other for other in result.packets if other.offset == end))
        check(stream, truth, result)
