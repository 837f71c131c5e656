# SPDX-License-Identifier: BSD-2-Clause
"""Every single-byte fault at every byte of a stream, fed to the production decoder in random chunks.

stream ── flip, overwrite, drop, insert, duplicate, cut ──► PacketDecoder ──► FrameAssembler ──► held against the truth

Must hold for each fault: no wrong pixel, at most one slice lost, and the loss reported exactly.
"""

import dataclasses
import multiprocessing
import os
import random
import signal
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
from macropix.host.stream import Stream

__all__ = ["Faults", "Outcome", "faults_at", "inject", "judge"]

#: whole values a byte is overwritten with, and that are inserted before it; 0xA5 may begin a packet
VALUES = (0x00, 0xA5)
#: ways to cut the stream into chunks, prepared once
CUTTINGS = 64

_DATA, _STATUS = int(Kind.DATA.value), int(Kind.STATUS.value)

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
    for value in (*VALUES, byte ^ 0xFF):
        if value != byte:
            yield f"overwrite {value}", head + bytes([value]) + tail
    yield "drop", head + tail
    yield "duplicate", head + bytes([byte, byte]) + tail
    for value in VALUES:
        yield f"insert {value}", head + bytes([value, byte]) + tail
    yield "cut", head


def judge(stream: Stream, data: bytes, cuts: list[int], *, begin: int = 0, ends_at: int | None = None) -> Outcome:
    """Decodes `data` in chunks cut at `cuts`, and holds what comes against the truth of `stream`.

    Parameters
    ----------
    stream : Stream
    data : bytes
        The stream with a fault in it.
    cuts : list of int
        Where chunks end, ascending.
    begin : int
        Byte to begin at, the first of a packet: the hosts have taken everything before it.
    ends_at : int or None
        Where the stream was cut off, if it was: then exactly the slices before that must come, and the end be reported.
    """
    decoder = PacketDecoder()
    hosts = {epoch: _host(stream, epoch, begin) for epoch in stream.epochs}
    ends: dict[int, bytes] = {}
    seen: set[tuple[int, int, int]] = set()
    wrong, at = 0, begin
    for cut in (*cuts, None):
        if cut is not None and not at < cut < len(data):
            continue
        packets = decoder.feed(data[at:cut])
        if cut is None:
            packets += decoder.finish()
        at = cut or at
        for packet in packets:
            if packet.kind == _STATUS:
                ends[packet.epoch] = packet.payload
            elif packet.kind == _DATA:
                for host in hosts.values():
                    if (frame := host.add(packet)) is not None:
                        wrong += _wrong(stream, frame, seen)
    return _outcome(stream, hosts, ends, decoder.statistics.end_missing, wrong, begin, ends_at)


def _host(stream: Stream, epoch: int, begin: int) -> FrameAssembler:
    """A host that has claimed `epoch`, knows every setting the stream was taken with, and has taken all before `begin`."""
    host = FrameAssembler(stream.geometry)
    before = sum(place.data and place.epoch == epoch for place in stream.packets if place.offset < begin)
    host.claim(epoch, number=(stream.first + before) % (1 << 16))
    host.known = stream.known
    return host


def _wrong(stream: Stream, frame: Frame, seen: set[tuple[int, int, int]]) -> int:
    """Pixels of a delivered frame that are not true. One that was never taken, or comes twice, is wrong altogether."""
    key = (frame.epoch, frame.time & 0xFFFFFFFF, frame.kernel)
    truth = stream.truth.get(key)
    if truth is None or key in seen:
        return frame.pixels
    seen.add(key)
    if frame.index.tobytes() == truth.index.tobytes() and frame.value.tobytes() == truth.value.tobytes():
        return 0
    own, true = np.zeros(frame.pixels, np.int64), np.zeros(frame.pixels, np.int64)
    own[frame.index], true[truth.index] = frame.value.astype(np.int64) + (1 << 40), truth.value.astype(np.int64) + (1 << 40)
    return int((own != true).sum())


def _outcome(
    stream: Stream, hosts: dict[int, FrameAssembler], ends: dict[int, bytes], end_missing: bool, wrong: int, begin: int, ends_at: int | None
) -> Outcome:
    lost = told = 0
    stop = len(stream.data) if ends_at is None else ends_at
    for epoch, host in hosts.items():
        found = host.statistics
        useless = found.undecodable + found.unknown_tag
        own = [place for place in stream.packets if place.data and place.epoch == epoch]
        before = sum(place.offset < begin for place in own)
        lost += sum(place.end <= stop for place in own) - before - found.received + useless
        sent = Status.from_payload(ends[epoch]).sent if epoch in ends else 0
        told += found.missing + useless + max(0, sent - before - found.received - found.missing)
    exact = lost == told
    if ends_at is not None:
        whole = ends_at == begin or any(place.end == ends_at for place in stream.packets)
        exact = exact and lost == 0 and end_missing == (not whole)
    return Outcome(1, wrong, lost, int(not exact))


def inject(stream: Stream, *, seed: int = 1, jobs: int = 0, step: int = 1, progress: Progress | None = None) -> Faults:
    """Every fault at every byte, or at every `step`-th. On `jobs` processes, one a core if 0."""
    began, show = time.monotonic(), progress or (lambda _what, _done, _of: None)
    jobs = jobs or os.cpu_count() or 1
    every = range(0, len(stream.data), step)
    places = [every[start : start + 16] for start in range(0, len(every), 16)]
    total, done = Outcome(), 0
    with multiprocessing.get_context("forkserver").Pool(jobs, _begin, (stream, seed)) as pool:
        for number, outcome in pool.imap_unordered(_work, places):
            total.add(outcome)
            done += number
            show("faults", done, len(every))
    return Faults(total, len(every), stream.slices, stream.kinds, time.monotonic() - began)


_STATE: dict[str, Any] = {}


def _begin(stream: Stream, seed: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the workers, quietly
    chance = random.Random(seed)
    _STATE["stream"], _STATE["cuttings"] = stream, [_cutting(len(stream.data), chance) for _ in range(CUTTINGS)]


def _cutting(size: int, chance: random.Random) -> list[int]:
    """Places to cut at: chunks of a few bytes, of a packet, of many."""
    largest, at, cuts = chance.choice((10, 60, 60, 300, 300, 300, 2000, 2000)), 0, []
    while (at := at + chance.randint(1, largest)) < size:
        cuts.append(at)
    return cuts


def _work(places: range) -> tuple[int, Outcome]:
    stream, total = _STATE["stream"], Outcome()
    for place in places:
        begin = _begin_before(stream, place, place % 3)
        for number, (name, data) in enumerate(faults_at(stream.data, place)):
            cuts = _STATE["cuttings"][(place * 31 + number) % CUTTINGS]
            found = judge(stream, data, cuts, begin=begin, ends_at=place if name == "cut" else None)
            if found.wrong_pixels or found.max_slices_lost > 1 or found.reports_inexact:
                found.first = f"{name} at byte {place}"
            total.add(found)
    return len(places), total


def _begin_before(stream: Stream, place: int, packets: int) -> int:
    """Where to begin for a fault at byte `place`: `packets` or more before the one it hits. What is before that reaches the decoder whole
    and leaves it at rest, fault or not."""
    before = [one.offset for one in stream.packets if one.offset <= place and not one.open]
    return before[max(0, len(before) - 1 - packets)]
