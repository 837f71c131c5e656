# SPDX-License-Identifier: BSD-2-Clause
"""Every single-byte fault at every byte of a stream, fed to the production decoder in random chunks.

stream ── flip, overwrite, drop, insert, duplicate, cut ──► PacketDecoder ──► FrameAssembler ──► held against the truth

Must hold for each fault: no wrong pixel, at most one slice lost, and the loss reported exactly.
"""

import dataclasses
import multiprocessing
import os
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from macropix.gateware.wire import Kind
from macropix.host.decode.bytes import PacketDecoder
from macropix.host.decode.frames import FrameAssembler
from macropix.host.errors import MacropixError, MismatchError
from macropix.host.frame import Frame
from macropix.host.status import Status
from macropix.host.stream import Stream, record_stream

__all__ = ["Faults", "Outcome", "faults_at", "inject", "judge", "record_stream"]

#: whole values a byte is overwritten with, and that are inserted before it: among them both sync bytes
OVERWRITES = (0x00, 0xFF, 0xA5, 0xC3)
#: ways to cut the stream into chunks, prepared once
CUTTINGS = 64

Progress = Callable[[str, int, int], None]


@dataclasses.dataclass
class Outcome:
    """What one fault, or many, did."""

    faults: int = 0
    wrong_pixels: int = 0
    max_slices_lost: int = 0
    reports_inexact: int = 0
    first: str = ""

    def add(self, other: "Outcome") -> None:
        """Joins another's figures."""
        self.faults += other.faults
        self.wrong_pixels += other.wrong_pixels
        self.max_slices_lost = max(self.max_slices_lost, other.max_slices_lost)
        self.reports_inexact += other.reports_inexact
        self.first = self.first or other.first


@dataclasses.dataclass
class Faults:
    """What came of all of them."""

    outcome: Outcome
    positions: int
    slices: int
    kinds: tuple[str, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The figures for ``--json``."""
        return {
            "positions": self.positions,
            "faults": self.outcome.faults,
            "wrong_pixels": self.outcome.wrong_pixels,
            "max_slices_lost": self.outcome.max_slices_lost,
            "reports_inexact": self.outcome.reports_inexact,
            "slices": self.slices,
            "slice_kinds": list(self.kinds),
            "fault_seconds": round(self.seconds, 3),
        }

    @property
    def trouble(self) -> MacropixError | None:
        """A fault that the stream did not survive as promised."""
        outcome = self.outcome
        if outcome.wrong_pixels or outcome.max_slices_lost > 1 or outcome.reports_inexact:
            return MismatchError(
                f"the stream does not survive every fault; first {outcome.first}",
                expected="0 wrong pixels, at most 1 slice lost, every report exact",
                found=f"{outcome.wrong_pixels}, {outcome.max_slices_lost}, {outcome.reports_inexact} not",
            )
        return None


def faults_at(data: bytes, place: int) -> Iterator[tuple[str, bytes]]:
    """Every fault at byte `place`: its name, and the stream with it."""
    head, byte, tail = data[:place], data[place], data[place + 1 :]
    for bit in range(8):
        yield f"flip {bit}", head + bytes([byte ^ 1 << bit]) + tail
    for value in (*OVERWRITES, byte ^ 0xFF):
        if value != byte:
            yield f"overwrite {value}", head + bytes([value]) + tail
    yield "drop", head + tail
    yield "duplicate", head + bytes([byte, byte]) + tail
    for value in OVERWRITES:
        yield f"insert {value}", head + bytes([value, byte]) + tail
    yield "cut", head


def judge(stream: Stream, data: bytes, cuts: list[int], *, ends_at: int | None = None) -> Outcome:
    """Decodes `data` in chunks cut at `cuts`, and holds what comes against the truth of `stream`.

    `ends_at` is where the stream was cut off, if it was: then exactly the slices before that must come, and the end be reported.
    """
    decoder = PacketDecoder()
    hosts = {epoch: _host(stream, epoch) for epoch in stream.epochs}
    ends: dict[int, Status] = {}
    seen: set[tuple[int, int, int]] = set()
    wrong = 0

    def take(packets) -> None:
        nonlocal wrong
        for packet in packets:
            if packet.kind == Kind.STATUS.value and packet.epoch in hosts:
                ends[packet.epoch] = Status.from_payload(packet.payload)
            elif packet.kind == Kind.DATA.value:
                for host in hosts.values():
                    if (frame := host.add(packet)) is not None:
                        wrong += _wrong(stream, frame, seen)

    at = 0
    for cut in (*(cut for cut in cuts if cut < len(data)), len(data)):
        take(decoder.feed(data[at:cut]))
        at = cut
    take(decoder.finish())
    return _outcome(stream, hosts, ends, decoder, wrong, ends_at)


def _host(stream: Stream, epoch: int) -> FrameAssembler:
    """A host that has claimed `epoch` and knows every setting the stream was taken with."""
    host = FrameAssembler(stream.geometry)
    host.claim(epoch)
    for settings in stream.settings:
        host.know(settings)
    return host


def _wrong(stream: Stream, frame: Frame, seen: set[tuple[int, int, int]]) -> int:
    """Pixels of a delivered frame that are not true. One that was never taken, or comes twice, is wrong altogether."""
    key = (frame.epoch, frame.shot, frame.kernel)
    truth = stream.truth.get(key)
    if truth is None or key in seen:
        return frame.pixels
    seen.add(key)
    if np.array_equal(frame.index, truth.index) and np.array_equal(frame.value, truth.value):
        return 0
    own, true = np.zeros(frame.pixels, np.int64), np.zeros(frame.pixels, np.int64)
    own[frame.index], true[truth.index] = frame.value + (1 << 40), truth.value + (1 << 40)
    return int((own != true).sum())


def _outcome(
    stream: Stream, hosts: dict[int, FrameAssembler], ends: dict[int, Status], decoder: PacketDecoder, wrong: int, ends_at: int | None
) -> Outcome:
    lost = told = 0
    for epoch, host in hosts.items():
        found = host.statistics
        useless = found.undecodable + found.unknown_tag
        must = sum(1 for offset, size, own, data in stream.packets if data and own == epoch and (ends_at is None or offset + size <= ends_at))
        lost += must - found.received + useless
        tail = ends[epoch].sent - found.received - found.missing if epoch in ends and ends[epoch].sent else 0
        told += found.missing + useless + max(0, tail)
    exact = lost == told
    if ends_at is not None:
        whole = ends_at == 0 or any(offset + size == ends_at for offset, size, *_ in stream.packets)
        exact = exact and lost == 0 and decoder.statistics.end_missing == (not whole)
    return Outcome(1, wrong, lost, int(not exact))


def inject(stream: Stream, *, seed: int = 1, jobs: int = 0, progress: Progress | None = None) -> Faults:
    """Every fault at every byte. On `jobs` processes, one a core if 0."""
    began, show = time.monotonic(), progress or (lambda _what, _done, _of: None)
    jobs = jobs or os.cpu_count() or 1
    places = [range(start, min(start + 16, len(stream.data))) for start in range(0, len(stream.data), 16)]
    total, done = Outcome(), 0
    with multiprocessing.get_context("forkserver").Pool(jobs, _begin, (stream, seed)) as pool:
        for number, outcome in pool.imap_unordered(_work, places):
            total.add(outcome)
            done += number
            show("faults", done, len(stream.data))
    return Faults(total, len(stream.data), stream.slices, stream.kinds, time.monotonic() - began)


_STATE: dict[str, Any] = {}


def _begin(stream: Stream, seed: int) -> None:
    chance = random.Random(seed)
    _STATE["stream"], _STATE["cuttings"] = stream, [_cutting(len(stream.data), chance) for _ in range(CUTTINGS)]


def _cutting(size: int, chance: random.Random) -> list[int]:
    """Places to cut at: chunks of a byte or two, of a packet, of many, mixed."""
    largest, at, cuts = chance.choice((8, 60, 300, 2000)), 0, []
    while (at := at + chance.randint(1, largest)) < size:
        cuts.append(at)
    return cuts


def _work(places: range) -> tuple[int, Outcome]:
    stream, total = _STATE["stream"], Outcome()
    for place in places:
        for number, (name, data) in enumerate(faults_at(stream.data, place)):
            cuts = _STATE["cuttings"][(place * 31 + number) % CUTTINGS]
            found = judge(stream, data, cuts, ends_at=place if name == "cut" else None)
            if found.wrong_pixels or found.max_slices_lost > 1 or found.reports_inexact:
                found.first = f"{name} at byte {place}"
            total.add(found)
    return len(places), total
