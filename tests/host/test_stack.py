# SPDX-License-Identifier: BSD-2-Clause
"""The compiled way from bytes to frames is held to the careful one: on whole streams, and on damaged ones, to every count.

stream ─► damage ─► pieces ─┬─► StackDecoder, dense and sparse ─┐
                            └─► PacketDecoder, FrameAssembler ──┴─► the same frames, the same counts, the same other packets
"""

import dataclasses
import random
from collections import Counter

import numpy as np
import pytest

from macropix.gateware.wire import Kind, Mode, Positions, Read, Tap, ThresholdMode, Values
from macropix.host.decode import stack_decoder as stacks
from macropix.host.decode.bytes import PacketDecoder
from macropix.host.decode.frames import FrameAssembler
from macropix.host.decode.stack_decoder import StackDecoder
from macropix.host.errors import UserError
from macropix.host.geometry import Geometry
from macropix.host.settings import FRAME_REGISTERS, Settings
from macropix.sim.golden.die import Frame, reset_registers
from macropix.sim.golden.encode.slices import encode_slice
from macropix.sim.golden.packets import packet

EPOCH = 7
#: 2,400 pixels: two full slices and a short one; and 5 × 7 at stride 3
GEOMETRY = Geometry(rows=42, cols=62, border=0, macro=3)


def settings_of(**changes: int) -> Settings:
    registers = {**reset_registers(), "read": Read.SLIDING.value, "mode": Mode.AUTO.value, "threshold": 12, **changes}
    return Settings(registers={one.name: registers[one.name] for one in FRAME_REGISTERS}, weights=(0,) * 9, darks=(0,) * 9, kernel=0)


SETTINGS = {
    "auto": settings_of(),
    "edge": settings_of(mode=Mode.EDGE.value, threshold=3, threshold_mode=ThresholdMode.NEG.value),
    "all": settings_of(threshold=0),
    "raw": settings_of(mode=Mode.RAW.value),
    "sum": settings_of(tap=Tap.SUM.value),
    "tiles": settings_of(read=Read.TILES.value),
}
FORMS = [(positions, values) for positions in (Positions.RUNS, Positions.BITMAP) for values in Values]


@dataclasses.dataclass
class Made:
    """A stream of frames in every form, its packets, and the frames as they are."""

    packets: list[bytes]
    values: list[np.ndarray]
    sent: list[np.ndarray]


def make(seed: int, names: list[str], *, other: bool = True) -> Made:
    """Frames of the settings named, each slice in the device's form or in one asked for; between packets now and then a status."""
    rng = np.random.default_rng(seed)
    made, number = Made([], [], []), 0
    for shot, name in enumerate(names):
        settings = SETTINGS[name]
        shape = GEOMETRY.shape(settings.read)
        value = np.clip(np.rint(rng.laplace(0, rng.choice([3, 60, 900]), shape)), -2048, 2047).astype(np.int64)
        tap = settings.tap
        if tap is Tap.SUM:
            value = value * 400_000
        threshold = settings.threshold
        past = settings.passes(value) if tap is Tap.OUT else np.ones(shape, bool)
        past &= rng.random(shape) < rng.choice([0, 0.05, 0.3, 1])
        if threshold == 0:
            past[:] = True
        masked = (rng.random(shape) < 0.1) if name == "raw" and rng.random() < 0.5 else np.zeros(shape, bool)
        frame = Frame(
            shot=shot,
            kernel=0,
            tap=tap,
            taps={},
            value=value,
            sent=past,
            masked=masked,
            saturated=rng.integers(0, 16, shape).astype(np.uint8),
            clipped={},
        )
        for start in range(0, value.size, 1024):
            forced = FORMS[rng.integers(len(FORMS))] if name in ("auto", "all") and rng.random() < 0.6 else (None, None)
            if not past.reshape(-1)[start : start + 1024].any():
                forced = (None, None)
            made.packets.append(
                encode_slice(
                    frame,
                    start,
                    registers=settings.registers,
                    epoch=EPOCH,
                    tag=settings.tag,
                    time=shot * 5000,
                    number=number,
                    positions=forced[0],
                    coding=forced[1],
                )
            )
            number += 1
            if other and rng.random() < 0.03:
                made.packets.append(packet(Kind.STATUS, bytes(120), number=number & 0xFFFF, epoch=EPOCH))
        made.values.append(value)
        made.sent.append(np.ones(shape, bool) if name in ("raw", "sum") else past)
    return made


def assembler(*, trusting: bool = False, without: str = "") -> FrameAssembler:
    made = FrameAssembler(GEOMETRY, trusting=trusting)
    for name, settings in SETTINGS.items():
        if name != without and not trusting:
            assert made.know(settings)
    made.claim(EPOCH)
    return made


def shown(frame) -> tuple:
    head = (frame.shape, frame.shot, frame.time, frame.kernel, frame.tap, frame.tag, frame.epoch, frame.saturated, frame.slices)
    columns = tuple(tuple(one.tolist()) for one in (frame.index, frame.value, frame.masked_index))
    return (*head, frame.wire_bytes, id(frame.settings) if frame.settings else None), *columns


def carefully(pieces: list[bytes], into: FrameAssembler):
    decoder, frames, others = PacketDecoder(), [], []
    for found in [*(decoder.feed(piece) for piece in pieces), decoder.finish()]:
        for one in found:
            if one.kind != Kind.DATA.value:
                others.append((one, len(frames)))
            elif (frame := into.add(one)) is not None:
                frames.append(frame)
    into.finish()
    return frames, others, decoder.statistics


def fast(pieces: list[bytes], into: FrameAssembler, **options):
    found, others = [], []
    decoder = StackDecoder(into, other=lambda one: others.append((one, sum(map(len, found)))), **options)
    for piece in pieces:
        found += decoder.feed(piece)
    found += decoder.finish()
    into.finish()
    return found, others, decoder.statistics


def pieces_of(rng: random.Random, data: bytes) -> list[bytes]:
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice((0, 1, 5, 40))))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)])]


def agree(pieces: list[bytes], **kind) -> Counter:
    """Both ways over the same pieces; what happened."""
    careful, quick, dense = assembler(**kind), assembler(**kind), assembler(**kind)
    frames, others, counted = carefully(pieces, careful)
    found, found_others, found_counted = fast(pieces, quick, sparse=True)
    assert [shown(frame) for stack in found for frame in stack.frames()] == [shown(frame) for frame in frames]
    assert found_others == others
    assert found_counted == counted
    assert quick.statistics == careful.statistics
    images, others_of_dense, _ = fast(pieces, dense, dtype=np.int32)
    assert others_of_dense == others
    assert dense.statistics == careful.statistics
    pictures = [image for stack in images for image in stack.images]
    assert len(pictures) == len(frames)
    for picture, frame in zip(pictures, frames):
        np.testing.assert_array_equal(picture, frame.image)
    assert [n for stack in images for n in stack.sent.tolist()] == [frame.index.size for frame in frames]
    return Counter(dataclasses.asdict(careful.statistics) | {"broken": counted.broken, "frames": len(frames)})


NAMES = ["auto", "edge", "all", "raw", "sum", "tiles", "tiles", "tiles", "auto", "auto"]


@pytest.mark.parametrize("seed", range(6))
def test_whole_streams(seed):
    """What goes in comes out, by either way, in pieces or at once, and the fast way is taken."""
    made, rng = make(seed, NAMES), random.Random(seed)
    data = b"".join(made.packets)
    counts = agree(pieces_of(rng, data))
    assert counts["frames"] == len(NAMES)
    found, _, _ = fast([data], assembler(), sparse=True)
    frames = [frame for stack in found for frame in stack.frames()]
    for frame, value, sent in zip(frames, made.values, made.sent, strict=True):
        np.testing.assert_array_equal(frame.sent, sent)
        np.testing.assert_array_equal(frame.image, np.where(sent, value, 0))


@pytest.mark.parametrize("positions", [Positions.RUNS, Positions.BITMAP, Positions.ALL])
@pytest.mark.parametrize("values", list(Values))
@pytest.mark.parametrize("share", [0.02, 0.3, 1.0])
def test_every_form_is_decoded_by_the_compiled_way(positions, values, share, monkeypatch):
    """All the forms that a device chooses: the assembler, which is the slow way, sees no packet."""
    monkeypatch.setattr(FrameAssembler, "add", None)
    rng = np.random.default_rng(5)
    settings = settings_of(threshold=0)
    shape = GEOMETRY.shape(Read.SLIDING)
    packets, images = [], []
    for shot in range(3):
        value = np.clip(np.rint(rng.laplace(0, 200, shape)), -2048, 2047).astype(np.int64)
        value.reshape(-1)[:3] = -2048, 2047, 0
        sent = rng.random(shape) < (1 if positions is Positions.ALL else share)
        sent.reshape(-1)[[0, 1, 2, 1024, 2048]] = True
        frame = Frame(
            shot=shot, kernel=0, tap=Tap.OUT, taps={}, value=value, sent=sent, masked=~sent, saturated=np.zeros(shape, np.uint8), clipped={}
        )
        for start in range(0, value.size, 1024):
            packets.append(
                encode_slice(
                    frame,
                    start,
                    registers=settings.registers,
                    epoch=EPOCH,
                    tag=settings.tag,
                    time=0,
                    number=len(packets),
                    positions=positions,
                    coding=values,
                )
            )
        images.append(np.where(sent, value, 0))
    into = FrameAssembler(GEOMETRY)
    into.know(settings)
    into.claim(EPOCH)
    found, _, _ = fast([b"".join(packets)], into)
    np.testing.assert_array_equal(np.concatenate([stack.images for stack in found]), images)


DAMAGES = ("flip", "drop", "insert", "lose", "twice", "swap", "noise", "cut")


def damaged(rng: random.Random, packets: list[bytes], kind: str) -> bytes:
    """A stream with one damage: to a byte, or to a whole packet."""
    packets = list(packets)
    at = rng.randrange(len(packets))
    if kind in ("flip", "drop", "insert"):
        text = packets[at]
        byte = rng.randrange(len(text))
        middle = {"flip": bytes([text[byte] ^ 1 << rng.randrange(8)]), "drop": b"", "insert": bytes([text[byte], rng.choice((0xA5, 0))])}[
            kind
        ]
        packets[at] = text[:byte] + middle + text[byte + 1 :]
    elif kind == "lose":
        del packets[at : at + rng.randrange(1, 5)]
    elif kind == "twice":
        packets[at:at] = packets[max(0, at - 2) : at + 1]
    elif kind == "swap":
        other = rng.randrange(len(packets))
        packets[at], packets[other] = packets[other], packets[at]
    elif kind == "noise":
        packets.insert(at, rng.randbytes(rng.randrange(1, 60)) + b"\xa5" * rng.randrange(3))
    else:
        packets = [*packets[:at], packets[at][: rng.randrange(len(packets[at]))]]
    return b"".join(packets)


@pytest.mark.parametrize("part", range(4))
def test_damaged_streams_are_judged_alike(part):
    rng, seen = random.Random(f"stack {part}"), Counter()
    streams = [make(100 * part + n, rng.choices(list(SETTINGS), k=5)).packets for n in range(8)]
    for n in range(60):
        packets = rng.choice(streams)
        data = damaged(rng, packets, DAMAGES[n % len(DAMAGES)])
        kind = rng.choice([{}, {}, {"trusting": True}, {"without": rng.choice(list(SETTINGS))}])
        try:
            seen.update(agree(pieces_of(rng, data), **kind))
        except AssertionError as error:
            raise AssertionError(f"case {n} of part {part}, {kind}: {data.hex()}") from error
    for what, least in {"frames": 200, "missing": 20, "duplicates": 5, "broken": 8, "frames_incomplete": 25, "unknown_tag": 10}.items():
        assert seen[what] >= least, seen


@pytest.mark.parametrize("values", list(Values))
@pytest.mark.parametrize("positions", list(Positions))
def test_payloads_that_no_encoder_writes(positions, values):
    """Payloads damaged under right CRCs: what the careful decoder refuses is refused, what it takes is taken."""
    rng, refused = random.Random(f"{positions} {values}"), 0
    settings = settings_of(threshold=0)
    shape = GEOMETRY.shape(Read.TILES)
    settings = settings_of(threshold=0, read=Read.TILES.value)
    value = np.random.default_rng(1).integers(-300, 300, shape)
    sent = np.ones(shape, bool) if positions in (Positions.ALL, Positions.FLAGGED) else value > 100
    frame = Frame(
        shot=0, kernel=0, tap=Tap.OUT, taps={}, value=value, sent=sent, masked=~sent, saturated=np.zeros(shape, np.uint8), clipped={}
    )
    text = encode_slice(
        frame, 0, registers=settings.registers, epoch=EPOCH, tag=settings.tag, time=0, number=0, positions=positions, coding=values
    )
    payload = text[20:-4]
    for n in range(150):
        at = rng.randrange(len(payload))
        changed = bytearray(payload)
        if n % 5 == 0:
            changed = changed[:at]
        elif n % 5 == 1:
            changed = changed + bytes([rng.choice((0, 1))])
        elif n % 5 == 2:
            changed[at:] = rng.randbytes(len(changed) - at)
        else:
            changed[at] ^= 1 << rng.randrange(8)
        # among others, so that it is decoded abreast of them
        packets = [
            packet(
                Kind.DATA, bytes(changed) if number == 5 else payload, first=1, last=1, positions=positions.value, values=values.value,
                number=number, epoch=EPOCH, tag=settings.tag, shot=0, count=value.size - 1, kernel=0, tap=0, where=0,
            )
            for number in range(18)
        ]  # fmt: skip
        results = []
        for way in (carefully, fast):
            into = FrameAssembler(GEOMETRY)
            into.know(settings)
            into.claim(EPOCH)
            if way is carefully:
                frames, _, _ = carefully(packets, into)
            else:
                found, _, _ = fast([b"".join(packets)], into, sparse=True)
                frames = [one for stack in found for one in stack.frames()]
            results.append(([shown(one) for one in frames], into.statistics))
        refused += len(results[0][0]) < 18
        assert results[0] == results[1], bytes(changed).hex()
    assert refused > 20


def test_threads_give_the_same(monkeypatch):
    made = make(3, ["auto"] * 30, other=False)
    one, two = (fast([b"".join(made.packets)], assembler(), threads=threads)[0] for threads in (1, 2))
    np.testing.assert_array_equal(np.concatenate([s.images for s in one]), np.concatenate([s.images for s in two]))
    assert sum(map(len, two)) == 30


def test_a_large_frame_comes_in_small_chunks_and_memory_is_bounded():
    """A frame of 64 slices, byte by byte at its ends: what is held is the open frame and a piece."""
    geometry = Geometry(rows=256, cols=256, border=0, macro=3)
    settings = settings_of(read=Read.SINGLE.value)
    value = np.random.default_rng(1).integers(-40, 40, (256, 256))
    frame = Frame(
        shot=0,
        kernel=0,
        tap=Tap.OUT,
        taps={},
        value=value,
        sent=abs(value) >= 12,
        masked=value > 99,
        saturated=np.zeros(value.shape, np.uint8),
        clipped={},
    )
    into = FrameAssembler(geometry)
    into.know(settings)
    into.claim(EPOCH)
    decoder, number, seen = StackDecoder(into), 0, 0
    for shot in range(40):
        packets = [
            encode_slice(
                dataclasses.replace(frame, shot=shot), start, registers=settings.registers, epoch=EPOCH, tag=settings.tag, time=shot,
                number=number + start // 1024,
            )
            for start in range(0, value.size, 1024)
        ]  # fmt: skip
        number += len(packets)
        data = b"".join(packets)
        for piece in (data[:1], data[1:50], *(data[at : at + 5000] for at in range(50, len(data), 5000))):
            for stack in decoder.feed(piece):
                np.testing.assert_array_equal(stack.images, np.where(frame.sent, value, 0)[None])
                assert stack.shot.tolist() == [seen]
                seen += 1
    assert seen == 40
    assert decoder._buffer.size <= 2 * (len(data) + stacks.PIECE) + 8192 + 2 * stacks.PIECE


def test_wide_values_need_a_wide_type():
    made = make(1, ["sum"], other=False)
    with pytest.raises(UserError, match="SUM"):
        fast([b"".join(made.packets)], assembler())


def test_a_dense_stack_has_no_frames():
    made = make(1, ["auto"], other=False)
    (stack,) = fast([b"".join(made.packets)], assembler())[0]
    with pytest.raises(ValueError, match="sparse"):
        next(stack.frames())
