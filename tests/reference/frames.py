# SPDX-License-Identifier: BSD-2-Clause
"""Whole frames: protocol.md, "What a host believes". Written from the document alone, see `__init__`.

packets ──► epoch, number ──► slices of one frame ──► tag, numbers, pixels ──► frames; everything else is counted
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from .commands import reply
from .packets import DATA, OPS, REPLY, ImpossibleError, Packet
from .payload import Slice, decode_slice

SLICE = 1024  # pixels of every slice but the last of its frame


@dataclass
class Frame:
    """A frame that is whole."""

    rows: int
    columns: int
    epoch: int
    tag: int
    shot: int
    kernel: int
    tap: int
    time: int  # device time at the start of the exposure, modulo 2^32
    saturated: int
    indices: list[int]
    values: list[int]
    masked: list[int]


@dataclass
class Beliefs:
    """What a host makes of a stream's data packets."""

    frames: list[Frame] = field(default_factory=list)
    received: int = 0  # slices of the epoch, each number once
    lost: int = 0  # slices, by jumps of the running number
    repeated: int = 0  # slices whose number was seen before
    stale: int = 0  # slices of another epoch
    foreign: int = 0  # frames of a tag not in `shapes`, whole or not
    foreign_slices: int = 0  # the slices of these that came
    incomplete: int = 0  # frames with a slice missing
    impossible: int = 0  # frames with a payload or a geometry that cannot be


def assemble(
    stream: Iterable[Packet],
    shapes: Mapping[int, tuple[int, int]],
    epoch: int | None = None,
    decode: Callable[[Packet], Slice] = decode_slice,
) -> Beliefs:
    """Packets in order of arrival -> whole frames. `shapes` maps each tag the host has computed to (rows, columns).

    With epoch = None each CLAIM's reply says what was claimed. Any such reply starts the running number anew.
    """
    host, expected, claimed = Beliefs(), 0, epoch
    held: list[Packet] = []

    def close() -> None:
        if held:
            settle(host, held, shapes, decode)
        held.clear()

    for p in stream:
        if p.kind == REPLY and epoch in (None, p.epoch):
            answer = reply(p)
            if answer.op == OPS["CLAIM"] and answer.error == 0:
                close()
                claimed, expected = p.epoch, 0
        if p.kind != DATA:
            continue
        if p.epoch != claimed or p.epoch == 0:
            host.stale += 1
            continue
        jump = (p.number - expected) % 2**16
        if jump >= 2**15:
            host.repeated += 1
            continue
        host.lost += jump
        host.received += 1
        expected = (p.number + 1) % 2**16
        if p.first or any((p.tag, p.shot, p.kernel, p.tap) != (q.tag, q.shot, q.kernel, q.tap) for q in held[-1:]):
            close()
        held.append(p)
        if p.last:
            close()
    close()
    return host


def settle(host: Beliefs, slices: list[Packet], shapes: Mapping[int, tuple[int, int]], decode: Callable[[Packet], Slice]) -> None:
    """Believe one frame's slices, or count why not."""
    if slices[0].tag not in shapes:
        host.foreign += 1
        host.foreign_slices += len(slices)
        return
    # Nothing but this frame's slices can come between them, so their numbers follow each other. `start` alone would
    # not do: a shot may hold the same kernel twice, and then two frames differ in nothing but number and time.
    follows = all(b.number == (a.number + 1) % 2**16 for a, b in pairwise(slices))
    if not (slices[0].first and slices[-1].last and follows):
        host.incomplete += 1
        return
    rows, columns = shapes[slices[0].tag]
    p, at, saturated, indices, sent, masked = slices[0], 0, 0, [], [], []
    try:
        for s in slices:
            if s.start != at or (s.pixels != SLICE and not s.last):
                raise ImpossibleError("a slice that does not begin where the one before ended")
            part = decode(s)
            indices += [at + n for n in part.indices]
            masked += [at + n for n in part.masked]
            sent += part.values
            saturated |= s.saturated
            at += s.pixels
        if at != rows * columns:
            raise ImpossibleError(f"{at} pixels in a frame of {rows} x {columns}")
    except ImpossibleError:
        host.impossible += 1
        return
    host.frames.append(Frame(rows, columns, p.epoch, p.tag, p.shot, p.kernel, p.tap, p.where, saturated, indices, sent, masked))
