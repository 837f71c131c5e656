# SPDX-License-Identifier: BSD-2-Clause
"""What a host believes: epochs, running numbers, tags, and which slices make a whole frame. Every refusal is counted, once."""

import dataclasses

import numpy as np
import pytest

from macropix.gateware.registers import CONTROL
from macropix.gateware.wire import Saturation, Tap
from macropix.host.decode.bytes import Packet, PacketDecoder
from macropix.host.decode.frames import FrameAssembler
from macropix.host.geometry import Geometry
from macropix.host.settings import FRAME_REGISTERS, Settings, tag
from macropix.sim.golden.packets import packet

EPOCH = 0x1234
#: 36 × 36 imaging pixels, read one by one: slices of 1,024 and 272 pixels
GEOMETRY = Geometry(rows=38, cols=38, border=1, macro=3)
SHAPE = (36, 36)


def settings_of(kernel: int = 0, **registers: int) -> Settings:
    values = {register.name: register.reset for register in FRAME_REGISTERS}
    return Settings(
        registers={**values, "read": 0, "mode": 1, "threshold": 7, **registers}, weights=(256,) * 9, darks=(0,) * 9, kernel=kernel
    )


ONE = settings_of()


def slices(number: int, *, shot: int = 0, settings: Settings = ONE, epoch: int = EPOCH, time: int = 0, sent=(), **fields) -> list[Packet]:
    """The two slices of a frame. `sent`: for each slice, whether its first pixel is sent, with a value of 7."""
    made = []
    for place, count in enumerate((1024, 272)):
        some = place < len(sent) and sent[place]
        # T = 7, ABS; gap 0: k = 2 at a = 32, '0 00'; sign 0, value 0: '0 000'; the last gap in raw bits
        text = f"{7:011b}"[::-1] + "00" + "000" + "0" + "0000" + "1" * 12 + f"{count - 1:010b}"[::-1] if some else ""
        text += "0" * (-len(text) % 8)
        payload = bytes(int(text[at : at + 8][::-1], 2) for at in range(0, len(text), 8))
        head = {
            "first": int(place == 0),
            "last": int(place == 1),
            "positions": 1,
            "values": 1,
            "number": (number + place) & 0xFFFF,
            "epoch": epoch,
            "tag": settings.tag,
            "shot": shot & 0xFFFF,
            "count": count - 1,
            "kernel": settings.kernel,
            "where": 1024 if place else time & 0xFFFFFFFF,
        }
        made += PacketDecoder().feed(packet(0, payload, **{**head, **fields}))
    return made


@pytest.fixture
def assembler() -> FrameAssembler:
    made = FrameAssembler(GEOMETRY)
    made.claim(EPOCH)
    made.know(ONE)
    return made


def give(assembler: FrameAssembler, *packets: Packet) -> list:
    return [frame for one in packets if (frame := assembler.add(one)) is not None]


def counts(assembler: FrameAssembler) -> dict[str, int]:
    return {name: count for name, count in dataclasses.asdict(assembler.statistics).items() if count}


def test_whole_frame(assembler):
    (frame,) = give(assembler, *slices(0, shot=3, sent=(True, True), time=99, saturated=5))
    assert frame.shape == SHAPE
    assert frame.index.tolist() == [0, 1024]
    assert frame.value.tolist() == [7, 7]
    assert (frame.shot, frame.kernel, frame.tap, frame.time, frame.tag, frame.epoch) == (3, 0, Tap.OUT, 99, ONE.tag, EPOCH)
    assert (frame.saturated, frame.slices, frame.wire_bytes) == (Saturation.DI | Saturation.PGA, 2, 48 + 12)
    assert frame.settings is ONE
    assert counts(assembler) == {"received": 2, "frames": 1}


def test_stale_epochs(assembler):
    assert give(assembler, *slices(0, epoch=EPOCH ^ 1), *slices(0, epoch=0)) == []
    assert len(give(assembler, *slices(0))) == 1
    assert counts(assembler) == {"received": 2, "frames": 1, "stale": 4}


def test_epoch_0_is_never_believed():
    assembler = FrameAssembler(GEOMETRY)
    assembler.know(ONE)
    assert give(assembler, *slices(0, epoch=0)) == []
    assert counts(assembler) == {"stale": 2}


@pytest.mark.parametrize("start", [0, 65534, 65535])
@pytest.mark.parametrize("lost", [1, 2, 3, 1000, 32766])
def test_jumps_across_the_wrap(assembler, start, lost):
    assembler.claim(EPOCH, number=start)
    assert len(give(assembler, *slices(start), *slices(start + 2 + lost))) == 2
    assert counts(assembler) == {"received": 4, "frames": 2, "missing": lost}


def test_frames_across_the_wrap(assembler):
    assembler.claim(EPOCH, number=65527)
    frames = [frame for n in range(6) for frame in give(assembler, *slices(65527 + 2 * n, shot=n))]
    assert [frame.shot for frame in frames] == list(range(6))
    assert counts(assembler) == {"received": 12, "frames": 6}


def test_duplicates(assembler):
    first, last = slices(0)
    assert len(give(assembler, first, first, last, last, first)) == 1
    assert counts(assembler) == {"received": 2, "frames": 1, "duplicates": 3}


def test_shot_and_time_count_on(assembler):
    times = [0, 0x7FFFFFFF, 0xFFFFFFF0, 0x1_00000010, 0x1_7FFFFFFF]
    shots = [0, 65535, 65536, 65537, 131071]
    frames = [give(assembler, *slices(2 * n, shot=shot, time=time))[0] for n, (shot, time) in enumerate(zip(shots, times))]
    assert [frame.time for frame in frames] == times
    assert [frame.shot for frame in frames] == shots
    assembler.note_time(0x9_0000_0000)
    (frame,) = give(assembler, *slices(10, shot=131072, time=0x8_FFFFFFFF))
    assert frame.time == 0x8_FFFFFFFF


def test_unknown_tag(assembler):
    other = settings_of(threshold=8)
    assert give(assembler, *slices(0, settings=other), *slices(2, settings=other, shot=1)) == []
    assert counts(assembler) == {"received": 4, "unknown_tag": 4, "frames_incomplete": 2}
    assert len(give(assembler, *slices(4))) == 1


def test_tag_of_another_kernel_is_not_believed(assembler):
    """Equal biases at two places of the bank give equal tags; still the host must have written both."""
    other = settings_of(kernel=1)
    assert other.tag == ONE.tag
    assert give(assembler, *slices(0, settings=other)) == []
    assert assembler.know(other)
    (frame,) = give(assembler, *slices(2, settings=other))
    assert frame.settings is other


def test_tag_collision_is_refused(assembler):
    """Two configurations with one tag: found by search, as CRC-16 has only 65,536 values."""
    target = ONE.tag
    seed = next(
        seed for seed in range(2, 1 << 20) if tag({**ONE.registers, "seed": seed, "scene_level": 1}, ONE.weights, ONE.darks) == target
    )
    clash = settings_of(seed=seed, scene_level=1)
    assert clash.tag == target
    assert not assembler.know(clash)
    assert assembler.known[target, 0] is ONE
    assembler.forget()
    assert assembler.know(clash)


@pytest.mark.parametrize("lost", [0, 1])
def test_lost_slice_costs_its_frame_alone(assembler, lost):
    stream = [*slices(0), *slices(2, shot=1), *slices(4, shot=2)]
    del stream[2 + lost]
    assert [frame.shot for frame in give(assembler, *stream)] == [0, 2]
    assert counts(assembler) == {"received": 5, "missing": 1, "frames": 2, "frames_incomplete": 1}


def test_last_and_first_lost(assembler):
    """Two halves of two frames are no frame, even of the same shot and kernel."""
    stream = [slices(0)[0], slices(2)[1]]
    assert give(assembler, *stream) == []
    assert counts(assembler)["missing"] == 2
    stream = [slices(4)[0], slices(4)[1]]
    assert len(give(assembler, *stream)) == 1


@pytest.mark.parametrize("change", [{"shot": 1}, {"settings": settings_of(kernel=1)}, {"where": 1023}, {"where": 2048}, {"tap": 1}])
def test_slices_of_different_frames_are_not_joined(assembler, change):
    assembler.know(settings_of(kernel=1))
    assert give(assembler, slices(0)[0], slices(0, **change)[1]) == []
    assert counts(assembler)["frames_incomplete"] >= 1
    assert len(give(assembler, *slices(2))) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"count": 1000, "last": 0},  # not the last, and not full
        {"payload": b"\0"},  # a payload that ends within a code
    ],
)
def test_undecodable_slices(assembler, change):
    first, last = slices(0)
    bad = dataclasses.replace(first, **change)
    assert give(assembler, bad, last) == []
    assert counts(assembler) == {"received": 2, "undecodable": 1, "frames_incomplete": 1}
    assert len(give(assembler, *slices(2, shot=1))) == 1


def test_prefix_must_be_that_of_the_settings(assembler):
    other = settings_of(threshold=8)
    assembler.know(other)
    assert give(assembler, *slices(0, settings=other, sent=(True,))) == []
    assert counts(assembler) == {"received": 2, "undecodable": 1, "frames_incomplete": 1}


def test_raw_must_send_all(assembler):
    raw = settings_of(mode=0)
    assembler.know(raw)
    assert give(assembler, *slices(0, settings=raw)) == []
    assert counts(assembler)["undecodable"] == 2


def test_frame_of_the_wrong_size(assembler):
    first, last = slices(0)
    assert give(assembler, first, dataclasses.replace(last, count=200)) == []
    assert counts(assembler) == {"received": 2, "undecodable": 1, "frames_incomplete": 1}


def test_trusting_takes_any_tag_and_tells_the_read_by_the_size():
    assembler = FrameAssembler(GEOMETRY, trusting=True)
    assembler.claim(EPOCH)
    (frame,) = give(assembler, *slices(0, sent=(True,)))
    assert frame.settings is None
    assert frame.shape == SHAPE
    assert frame.edges.sum() == frame.image.sum() == 7


def test_flagged_pixels_are_masked(assembler):
    raw = settings_of(mode=0)
    assembler.know(raw)
    first, last = slices(0, settings=raw)
    flags = np.ones(1024, bool)
    flags[[5, 900]] = False
    first = dataclasses.replace(first, positions=3, values=0, payload=np.packbits(flags, bitorder="little").tobytes() + bytes(1536))
    last = dataclasses.replace(last, positions=0, values=0, payload=bytes(272 * 12 // 8))
    (frame,) = give(assembler, first, last)
    assert np.flatnonzero(frame.masked).tolist() == [5, 900] == frame.masked_index.tolist()
    assert frame.sent.all()


def test_every_register_counts_into_the_tag():
    for register in FRAME_REGISTERS:
        other = ONE.registers[register.name] + (1 if ONE.registers[register.name] < register.maximum else -1)
        assert settings_of(**{register.name: other}).tag != ONE.tag, register.name
    assert {register.name for register in FRAME_REGISTERS} == {name for name, one in CONTROL.items() if one.frame}
