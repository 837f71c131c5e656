# SPDX-License-Identifier: BSD-2-Clause
"""The host's decoder and the reference, which share no line, judge the same bytes: docs/vectors, and thousands of damaged streams.

stream ─► damage ─┬─► chunks ─► PacketDecoder, FrameAssembler ─┐
                  ├─► chunks ─► StackDecoder, FrameAssembler ──┤
                  └─► scan, assemble (tests/reference) ────────┴─► the same packets, frames, counts; no frame that was not sent
"""

import dataclasses
import functools
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from macropix.gateware.config import Config
from macropix.gateware.wire import Error, Kind, Op
from macropix.host.command import unpack_reply
from macropix.host.decode import frames, slices
from macropix.host.decode.bytes import PacketDecoder
from macropix.host.decode.frames import FrameAssembler
from macropix.host.decode.stack_decoder import StackDecoder
from macropix.host.frame import Frame
from macropix.host.geometry import Geometry
from macropix.host.settings import Settings

from .frames import Beliefs, assemble
from .frames import Frame as ReferenceFrame
from .packets import Packet, Scan, scan
from .payload import Slice, decode_slice
from .vectors import NAMES, Vector

CASES, PARTS = 12_000, 6
VECTORS = {name: Vector(name) for name in NAMES}
#: the JSON's name → the reference's
COUNTS = {"received": "received", "missing": "lost", "duplicates": "repeated", "stale": "stale", "unknown_tag": "foreign_slices"}


@functools.lru_cache(maxsize=1 << 12)
def _production(*arguments):
    return slices.decode_slice(*arguments)


@functools.lru_cache(maxsize=1 << 12)
def _reference(packet: Packet) -> Slice:
    return decode_slice(packet)


@pytest.fixture(autouse=True)
def remember(monkeypatch):
    """Each payload is decoded once: in nearly all damaged streams they are the same."""
    monkeypatch.setattr(frames, "decode_slice", _production)


def shown(frame: Frame | ReferenceFrame) -> tuple:
    """A frame as both know it."""
    if isinstance(frame, ReferenceFrame):
        head = (frame.rows, frame.columns, frame.epoch, frame.tag, frame.shot, frame.kernel, frame.tap, frame.time, frame.saturated)
        return head, tuple(frame.indices), tuple(frame.values), tuple(frame.masked)
    head = (frame.rows, frame.cols, frame.epoch, frame.tag, frame.shot % (1 << 16), frame.kernel, int(frame.tap.value))
    columns = (tuple(one.tolist()) for one in (frame.index, frame.value, frame.masked_index))
    return (*head, frame.time % (1 << 32), int(frame.saturated.value)), *columns


@functools.cache
def truth(name: str) -> frozenset:
    """Every frame of a stream, but for its time."""
    true = set()
    for one in VECTORS[name].about["frames"]:
        tap = ["OUT", "SUM", "DI", "CDS", "PGA", "ADC"].index(one["tap"])
        head = (one["rows"], one["columns"], one["epoch"], one["tag"], one["shot"], one["kernel"], tap, one["saturated"])
        sent = range(one["rows"] * one["columns"]) if one["sent"] == "ALL" else one["sent"]
        true.add((head, tuple(sent), tuple(one["values"]), tuple(one["masked"])))
    return frozenset(true)


def without_time(frame: tuple) -> tuple:
    head, *columns = frame
    return (*head[:7], *head[8:]), *columns


@functools.cache
def known(name: str) -> FrameAssembler:
    """One that knows all that the host has written to the device which made a stream."""
    about = VECTORS[name].about
    config = Config.from_json(about["config"])
    made = FrameAssembler(Geometry.of(config))
    for one in about["configurations"]:
        for kernel in range(config.kernels):
            settings = Settings(registers=one["registers"], weights=tuple(one["weights"]), darks=tuple(one["darks"]), kernel=kernel)
            assert settings.tag == one["tag"]
            assert made.know(settings)
    return made


class Host:
    """The production decoders, end to end, as the host's link uses them."""

    def __init__(self, name: str, epoch: int | None, forgotten: int | None = None):
        knowing = known(name)
        self.decoder, self.assembler = PacketDecoder(), FrameAssembler(knowing.geometry)
        self.assembler.known = {key: settings for key, settings in knowing.known.items() if key[0] != forgotten}
        self.epoch = epoch
        self.packets, self.frames, self.counts = [], [], Counter()
        self.assembler.claim(epoch or 0)

    def decode(self, chunks: Sequence[bytes]) -> "Host":
        for chunk in chunks:
            self._take(self.decoder.feed(chunk))
        self._take(self.decoder.finish())
        self._close()
        return self

    def _take(self, packets) -> None:
        for packet in packets:
            self.packets.append(packet)
            if packet.kind == Kind.DATA.value:
                frame = self.assembler.add(packet)
                if frame is not None:
                    self.frames.append(frame)
            elif packet.kind == Kind.REPLY.value and self.epoch in (None, packet.epoch):
                answer = unpack_reply(packet.payload)
                if (answer["op"], answer["error"]) == (Op.CLAIM.value, Error.OK.value):
                    self._close()
                    self.assembler.claim(packet.epoch)

    def _close(self) -> None:
        self.assembler.finish()
        self.counts.update(dataclasses.asdict(self.assembler.statistics))


class QuickHost(Host):
    """The same by the compiled way, many frames at once."""

    def decode(self, chunks: Sequence[bytes]) -> "QuickHost":
        self.decoder = StackDecoder(self.assembler, sparse=True, other=lambda packet: self._take([packet]))
        for stacks in [*(self.decoder.feed(chunk) for chunk in chunks), self.decoder.finish()]:
            self.frames += [frame for stack in stacks for frame in stack.frames()]
        self._close()
        return self


def chunks(rng: random.Random, data: bytes) -> list[bytes]:
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice((0, 1, 3, 20))))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)])]


def judge(rng: random.Random, name: str, data: bytes, epoch: int | None, forgotten: int | None = None) -> tuple[Host, Scan, Beliefs]:
    """Both judges on `data`, held to each other and to what was sent. `forgotten`: a tag that neither knows."""
    host, quick = Host(name, epoch, forgotten).decode(chunks(rng, data)), QuickHost(name, epoch, forgotten).decode(chunks(rng, data))
    assert [shown(one) for one in quick.frames] == [shown(one) for one in host.frames]
    assert (quick.counts, quick.decoder.statistics) == (host.counts, host.decoder.statistics)
    found = scan(data)
    assert [(one.offset, one.kind, one.epoch, one.number, one.payload) for one in host.packets] == [
        (one.offset, one.kind, one.epoch, one.number, one.payload) for one in found.packets
    ]
    counted = host.decoder.statistics
    assert (counted.broken, counted.skipped) == (found.broken + found.unfinished, found.skipped)
    assert counted.end_missing or not found.unfinished
    shapes = {tag: shape for tag, shape in VECTORS[name].shapes.items() if tag != forgotten}
    belief = assemble(found.packets, shapes, epoch, lambda one: _reference(one._replace(offset=0)))
    have, want = [shown(one) for one in host.frames], [shown(one) for one in belief.frames]
    assert have == want
    assert {without_time(one) for one in have} <= truth(name)
    assert {ours: host.counts[ours] for ours in COUNTS} == {ours: getattr(belief, theirs) for ours, theirs in COUNTS.items()}
    assert host.counts["frames"] == len(have)
    assert host.counts["frames_incomplete"] == belief.foreign + belief.incomplete + belief.impossible
    return host, found, belief


# ---- as they are -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_both_understand_every_stream(name):
    vector, rng = VECTORS[name], random.Random(name)
    for _ in range(8):
        host, _, _ = judge(rng, name, vector.stream, vector.epoch)
        assert len(host.frames) == len(vector.about["frames"])
        assert [without_time(shown(one))[0][4] for one in host.frames] == [one["shot"] for one in vector.about["frames"]]


def test_the_host_counts_every_fault():
    vector, rng = VECTORS["faults"], random.Random(1)
    meant = dict(vector.about["counts"])
    for _ in range(30):
        host, _, _ = judge(rng, "faults", vector.stream, vector.epoch)
        counted = host.decoder.statistics
        assert counted.end_missing
        assert counted.broken == meant["broken"] + meant["unfinished"]
        assert counted.skipped == meant["skipped"]
        assert {name: host.counts[name] for name in (*COUNTS, "undecodable")} == {name: meant[name] for name in (*COUNTS, "undecodable")}
        assert host.counts["frames_incomplete"] == meant["incomplete"]


def test_epoch_0_is_never_believed():
    vector = VECTORS["faults"]
    (packet,) = [one for one in vector.about["packets"] if one["kind"] == "DATA" and one["epoch"] == 0]
    data = vector.stream[packet["offset"] :][: packet["bytes"]]
    for epoch in (None, 0):
        host, _, _ = judge(random.Random(0), "faults", data, epoch)
        assert (host.counts["stale"], host.counts["received"]) == (1, 0)


def test_silence_is_an_end_of_the_stream():
    """A live host takes it for one, and searches what it holds back: what comes behind is found as in a stream of its own."""
    rng, held = random.Random("silence"), 0
    for n in range(1000):
        name = rng.choice(NAMES)
        data, bounds, _ = window(rng, name)
        data = damaged(rng, data, bounds, DAMAGES[n % len(DAMAGES)])
        silence = rng.randrange(len(data) + 1)
        decoder, packets = PacketDecoder(), []
        found = [scan(data[:silence]), scan(data[silence:])]
        for part in (data[:silence], data[silence:]):
            for chunk in chunks(rng, part):
                packets += decoder.feed(chunk)
            held += decoder.waiting > 0
            packets += decoder.finish()
        want = [(offset + one.offset, one.number, one.payload) for offset, scan_ in zip((0, silence), found) for one in scan_.packets]
        assert [(one.offset, one.number, one.payload) for one in packets] == want
        assert decoder.statistics.broken == sum(one.broken + one.unfinished for one in found)
        assert decoder.statistics.skipped == sum(one.skipped for one in found)
    assert held > 500


# ---- damaged -----------------------------------------------------------------------------------------------------


def window(rng: random.Random, name: str) -> tuple[bytes, list[int], int | None]:
    """Some packets in a row of a stream and what is between them; where they begin; the epoch that the host believes."""
    vector = VECTORS[name]
    packets = vector.about["packets"]
    first = rng.randrange(len(packets))
    if rng.random() < 0.5:  # most packets of some streams are replies
        first = rng.choice([n for n, one in enumerate(packets) if one["kind"] == "DATA"])
    last = min(len(packets), first + rng.randrange(2, 14)) - 1
    if name == "faults" and rng.random() < 0.4:  # the jump and the wraps, which need what is before
        jump = next(n for n in range(1, len(packets)) if packets[n]["number"] - packets[n - 1]["number"] > 30000)
        first, last = jump - 2, len(packets) - 1
    start = packets[first]["offset"]
    end = packets[last]["offset"] + packets[last]["bytes"]
    if name == "faults" and last == len(packets) - 1:
        end = len(vector.stream)
    bounds = [packets[n]["offset"] - start for n in range(first, last + 1)] + [end - start]
    data = vector.stream[start:end]
    data_epochs = [one["epoch"] for one in packets[first : last + 1] if one["kind"] == "DATA"]
    epoch = vector.epoch
    if epoch is None and data_epochs and rng.random() < 0.9:
        epoch = rng.choice(data_epochs)
    claim = next((one for one in packets if one.get("op") == 3 and one["epoch"] == epoch), None)
    if claim is not None and rng.random() < 0.3:  # told by the stream
        reply = vector.stream[claim["offset"] :][: claim["bytes"]]
        return reply + data, [0] + [len(reply) + at for at in bounds], None
    return data, bounds, epoch


DAMAGES = ("flip", "drop", "insert", "cut", "duplicate", "splice")


def damaged(rng: random.Random, data: bytes, bounds: list[int], kind: str) -> bytes:
    """`data` with one damage; half of those that take or move a piece do so between packets."""

    def places(count: int) -> list[int]:
        exact = rng.random() < 0.5
        return sorted(min(rng.choice(bounds), len(data)) if exact else rng.randrange(len(data) + 1) for _ in range(count))

    at = rng.randrange(len(data))
    if kind == "flip":
        return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
    if kind == "drop":
        return data[:at] + data[at + rng.randrange(1, 4) :]
    if kind == "insert":
        return data[:at] + bytes(rng.choice((0xA5, rng.randrange(256))) for _ in range(rng.randrange(1, 30))) + data[at:]
    if kind == "cut":
        a, b = places(2)
        return data[:a] if rng.random() < 0.3 else data[:a] + data[b:]
    if kind == "duplicate":
        a, b = places(2)
        return data[:b] + data[a:]
    a, b, c = places(3)
    return data[:a] + data[b:c] + data[a:b] + data[c:]


#: what each part must have met: damage that nothing survives, or that costs nothing, would prove nothing
LEAST = {
    "frames": 1300, "several": 250, "received": 3000, "duplicates": 1000, "stale": 180, "unknown_tag": 200, "missing": 3000, "broken": 1000,
    "unfinished": 250, "frames_incomplete": 500, "foreign": 100,
}  # fmt: skip


@pytest.mark.parametrize("part", range(PARTS))
def test_damaged_streams_are_judged_alike(part):
    rng, seen = random.Random(f"damage {part}"), Counter()
    for n in range(CASES // PARTS):
        name = rng.choice((*NAMES, "faults", "slices"))
        data, bounds, epoch = window(rng, name)
        kinds = [DAMAGES[n % len(DAMAGES)]] + [rng.choice(DAMAGES) for _ in range(rng.choice((0, 0, 1, 2)))]
        for kind in kinds:
            data = damaged(rng, data, bounds, kind) if data else data
        forgotten = rng.choice(list(VECTORS[name].shapes)) if rng.random() < 0.25 else None
        try:
            host, found, belief = judge(rng, name, data, epoch, forgotten)
        except AssertionError as error:
            raise AssertionError(f"case {n} of part {part}: {name}, {kinds}, epoch {epoch}, without {forgotten}: {data.hex()}") from error
        several = sum(frame.rows * frame.columns > 1024 for frame in belief.frames)
        seen.update(host.counts)
        seen.update(broken=found.broken, unfinished=found.unfinished, several=several, foreign=belief.foreign)
    for what, least in LEAST.items():
        assert seen[what] >= least, seen
