# SPDX-License-Identifier: BSD-2-Clause
"""Single-byte faults: the harness counts what it should, a sample survives here, the whole of it in ``macropix verify --faults``."""

import binascii
import zlib

import pytest

import macropix.host
from macropix.gateware.wire import Kind
from macropix.host.decode.bytes import PacketDecoder
from macropix.host.faults import faults_at, inject, judge
from macropix.host.specimen import record_stream
from macropix.host.stream import renumbered


@pytest.fixture(scope="module")
def stream():
    with macropix.host.open("model://", seed=2) as device:
        return record_stream(device, seed=2)


@pytest.fixture(scope="module")
def long_frames():
    """Frames of more than one slice."""
    with macropix.host.open("model://?rows=48&cols=44", seed=2) as device:
        return record_stream(device, seed=2)


def test_it_holds_every_kind(stream):
    codes = {f"{p} {v}" for p in ("ALL", "RUNS", "BITMAP") for v in ("PACKED", "RICE", "DELTA")} - {"BITMAP RICE"}
    assert codes | {"BITMAP RICE", "FLAGGED PACKED", "RUNS EMPTY", "TAP SUM", "TAP CDS"} <= set(stream.kinds)
    assert len(set(stream.epochs)) == 2
    assert len({settings.tag for settings in stream.settings}) > 5
    assert max(sum(key[:2] == other[:2] for other in stream.truth) for key in stream.truth) >= 1
    assert stream.slices == sum(truth.slices for truth in stream.truth.values())


def test_a_shot_of_several_kernels_is_in_it(stream):
    assert len({kernel for _, _, kernel in stream.truth}) >= 3


def test_frames_of_several_slices(long_frames):
    assert max(truth.slices for truth in long_frames.truth.values()) == 2
    assert any(place.open for place in long_frames.packets)


def test_untouched_nothing_is_lost(stream, long_frames):
    for one in (stream, long_frames):
        found = judge(one, one.data, list(range(1, len(one.data), 7)))
        assert (found.wrong_pixels, found.max_slices_lost, found.reports_inexact) == (0, 0, 0)


def test_faults_are_what_they_are_called():
    made = dict(faults_at(b"\x01\x02\x03", 1))
    assert made["flip 0"] == b"\x01\x03\x03"
    assert made["drop"] == b"\x01\x03"
    assert made["duplicate"] == b"\x01\x02\x02\x03"
    assert made["insert 165"] == b"\x01\xa5\x02\x03"
    assert made["overwrite 253"] == b"\x01\xfd\x03"
    assert made["cut"] == b"\x01"
    assert len(made) == 16


def test_a_sample_of_all_faults(stream):
    found = inject(stream, step=97, jobs=1)
    assert found.trouble is None
    assert found.outcome.faults > 15 * found.positions
    assert found.positions == -(-len(stream.data) // 97)
    assert found.outcome.max_slices_lost == 1, "some faults do cost a slice"


def test_a_sample_of_all_faults_where_frames_have_several_slices(long_frames):
    assert inject(long_frames, step=193, jobs=1).trouble is None


@pytest.mark.parametrize("before", [1, 4])
def test_across_the_wrap_of_the_running_number(stream, before):
    wrapped = renumbered(stream, (1 << 16) - before)
    numbers = [packet.number for packet in PacketDecoder().feed(wrapped.data) if packet.kind == Kind.DATA.value]
    assert {65535, 0, 1} <= set(numbers)
    found = inject(wrapped, step=131, jobs=1)
    assert found.trouble is None
    assert found.outcome.max_slices_lost == 1


def rewrite(stream, number: int, change) -> bytes:
    """The stream with one data packet changed and its CRCs made right again: what no check can find."""
    place = [one for one in stream.packets if one.data][number]
    packet = bytearray(stream.data[place.offset : place.end])
    change(packet)
    packet[-4:] = zlib.crc32(bytes(packet[:-4])).to_bytes(4, "little")
    return stream.data[: place.offset] + bytes(packet) + stream.data[place.end :]


def test_wrong_pixels_would_be_counted(stream):
    decoder = PacketDecoder()
    packed = [p.kind == Kind.DATA.value and p.values == 0 and p.positions == 0 and p.tap == 0 for p in decoder.feed(stream.data)]
    data = [p for p, one in zip(stream.packets, packed) if one]
    number = [one for one in stream.packets if one.data].index(data[0])
    found = judge(stream, rewrite(stream, number, lambda packet: packet.__setitem__(20, packet[20] ^ 1)), [])
    assert found.wrong_pixels == 1


def test_a_frame_that_comes_twice_would_be_counted(stream):
    first, second = [one for one in stream.packets if one.data][1:3]
    again = stream.data[first.offset : first.end]
    head = bytearray(again[:18])
    head[4:6] = second.number.to_bytes(2, "little")
    head += binascii.crc_hqx(bytes(head), 0xFFFF).to_bytes(2, "little")
    whole = bytes(head) + again[20:-4]
    data = stream.data[: second.offset] + whole + zlib.crc32(whole).to_bytes(4, "little") + stream.data[second.end :]
    assert judge(stream, stream.data, []).wrong_pixels == 0
    assert judge(stream, data, []).wrong_pixels >= 100


def test_two_lost_slices_would_be_counted(stream):
    first, second = [one for one in stream.packets if one.data][1:3]
    cut = stream.data[: first.offset] + stream.data[first.end : second.offset] + stream.data[second.end :]
    found = judge(stream, cut, [])
    assert (found.max_slices_lost, found.reports_inexact) == (2, 0)


def test_a_silent_loss_would_be_inexact(stream):
    """The last slice of an epoch gone, and the status packets that would tell it."""
    own = [one for one in stream.packets if one.epoch == stream.epochs[-1]]
    last = max(place for place, one in enumerate(own) if one.data)
    found = judge(stream, stream.data[: own[last].offset], [])
    assert found.max_slices_lost == 1
    assert found.reports_inexact == 1


def test_a_cut_is_judged_by_what_came_before(stream):
    place = stream.packets[3]
    assert judge(stream, stream.data[: place.offset + 9], [], ends_at=place.offset + 9).reports_inexact == 0
    assert judge(stream, stream.data[: place.offset], [], ends_at=place.offset).reports_inexact == 0
    assert judge(stream, stream.data[: place.offset + 9], [], ends_at=place.offset).reports_inexact == 1
