# SPDX-License-Identifier: BSD-2-Clause
"""Whole frames among the packets found, compiled: those of which nothing at all is amiss, and where each of their slices goes.

table of packets ─► epoch, number, tag, sequence as they must be, first to last? ─► plan (a row a slice), frames (a row a frame)
                         │ not quite
                         ▼ stop: `FrameAssembler` judges from here on
"""

from macropix.gateware.wire import SLICE_PIXELS, Kind
from macropix.host.decode.bits import called, entered
from macropix.host.decode.payloads import INTO, MUST_ALL, MUST_MODE, MUST_THRESHOLD, ROW
from macropix.host.decode.scan import COLUMN

__all__ = ["ENOUGH", "FRAME", "FRAMES", "KNOWN", "MORE", "OTHER", "STOP", "plan_frames"]

#: columns of the table of known settings
KNOWN = ("tag", "kernel", "read", "pixels", "threshold", "mode", "all")
_TAG, _KERNEL, _READ, _PIXELS, _THRESHOLD, _MODE, _ALL = range(len(KNOWN))
#: columns of `frames`; `settings` is the row of the known ones, −1 for none; `into` its first pixel in the output; then as in `Frame`
FRAMES = ("first", "last", "slice", "into", "pixels", "read", "settings", "shot", "time", "saturated", "wire_bytes")
FRAME = {name: place for place, name in enumerate(FRAMES)}
#: why it stopped: no more packets, enough frames, a packet that is no data, or one that the assembler must judge
MORE, ENOUGH, OTHER, STOP = range(4)

_NUMBERS = 1 << 16
_DATA = int(Kind.DATA.value)
_C = tuple(
    COLUMN[name]
    for name in ("kind", "first", "last", "length", "saturated", "number", "epoch", "tag", "shot", "count", "kernel", "tap", "where")
)
_KIND, _FIRST, _LAST, _LENGTH, _SATURATED, _NUMBER, _EPOCH, _TAG_, _SHOT, _COUNT, _KERNEL_, _TAP, _WHERE = _C


@called
def _settings(known, tag, kernel, guess):
    """Row of the known settings with this tag and kernel, or −1."""
    if 0 <= guess < known.shape[0] and known[guess, _TAG] == tag and known[guess, _KERNEL] == kernel:
        return guess
    for place in range(known.shape[0]):
        if known[place, _TAG] == tag and known[place, _KERNEL] == kernel:
            return place
    return -1


@entered
def plan_frames(table, row, rows, epoch, number, known, trusting, reads, room, plan, frames, overhead):
    """Plans the whole frames that begin at `row`: (frames, slices, row behind them, why it stopped).

    All frames of one plan have the same read and size.

    Parameters
    ----------
    table : int64 array
        Packets found by `scan`, `rows` of them.
    epoch, number : int
        Of the claim; the number expected next.
    known : int64 array (any, len(KNOWN))
    trusting : bool
        Take tags that are not known; `reads` has (read, pixels) of the shapes a frame may then have.
    room : int
        Pixels that the output holds: planned frames' together are no more, unless the first alone is.
    plan, frames : int64 arrays
        Written: see `payloads` and `FRAMES`. A frame for which there is no row left is not planned.
    overhead : int
        Bytes of a packet beside its payload.
    """
    done = slices = into = 0
    guess = -1
    begin = row
    while begin < rows:
        head = table[begin]
        if head[_KIND] != _DATA:
            return done, slices, begin, OTHER
        if done == frames.shape[0] or (done and into + frames[0, 4] > room):
            return done, slices, begin, ENOUGH
        if epoch == 0 or head[_EPOCH] != epoch or head[_FIRST] == 0:
            return done, slices, begin, STOP
        guess = _settings(known, head[_TAG_], head[_KERNEL_], guess)
        if guess < 0 and not trusting:
            return done, slices, begin, STOP
        at, expected, used, saturated, wire, last = begin, number, slices, 0, 0, 0
        pixels = 0
        while last == 0:
            if at == rows:
                return done, slices, begin, MORE
            if used == plan.shape[0]:
                return done, slices, begin, ENOUGH if done else STOP
            packet = table[at]
            last = packet[_LAST]
            if packet[_KIND] != _DATA or packet[_EPOCH] != epoch or packet[_NUMBER] != expected or packet[_TAG_] != head[_TAG_]:
                return done, slices, begin, STOP
            if packet[_SHOT] != head[_SHOT] or packet[_KERNEL_] != head[_KERNEL_] or packet[_TAP] != head[_TAP]:
                return done, slices, begin, STOP
            if at > begin and (packet[_FIRST] or packet[_WHERE] != pixels):
                return done, slices, begin, STOP
            if last == 0 and packet[_COUNT] != SLICE_PIXELS - 1:
                return done, slices, begin, STOP
            if guess >= 0 and pixels > known[guess, _PIXELS]:
                return done, slices, begin, STOP
            plan[used, ROW], plan[used, INTO] = at, into + pixels
            plan[used, MUST_THRESHOLD] = plan[used, MUST_MODE] = -1
            plan[used, MUST_ALL] = 0
            if guess >= 0:
                plan[used, MUST_THRESHOLD], plan[used, MUST_MODE] = known[guess, _THRESHOLD], known[guess, _MODE]
                plan[used, MUST_ALL] = known[guess, _ALL] or packet[_TAP] != 0
            saturated |= packet[_SATURATED]
            wire += packet[_LENGTH] + overhead
            pixels += packet[_COUNT] + 1
            expected = (expected + 1) % _NUMBERS
            used += 1
            at += 1
        read = -1
        if guess >= 0:
            if known[guess, _PIXELS] == pixels:
                read = known[guess, _READ]
        else:
            for place in range(reads.shape[0] - 1, -1, -1):
                if reads[place, 1] == pixels:
                    read = reads[place, 0]
        if read < 0:
            return done, slices, begin, STOP
        if done and (read != frames[0, 5] or pixels != frames[0, 4]):
            return done, slices, begin, ENOUGH
        frame = frames[done]
        frame[0], frame[1], frame[2], frame[3], frame[4], frame[5], frame[6] = begin, at, slices, into, pixels, read, guess
        frame[7], frame[8], frame[9], frame[10] = head[_SHOT], head[_WHERE], saturated, wire
        done += 1
        slices, into, number, begin = used, into + pixels, expected, at
    return done, slices, begin, MORE
