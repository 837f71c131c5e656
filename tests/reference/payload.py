# SPDX-License-Identifier: BSD-2-Clause
"""The payload of a data slice: protocol.md, "The payload of a data slice". Written from the document alone, see `__init__`.

payload ──► bitmap? ──► prefix? ──► (gap,) value … ──► indices, values, masked pixels
"""

from collections.abc import Iterator
from dataclasses import dataclass

from .packets import ADC, BITMAP, CDS, DATA, DELTA, DI, FLAGGED, OUT, PACKED, PGA, RICE, RUNS, SUM, ImpossibleError, Packet

ABS, POS, NEG = range(3)
WIDTH = {OUT: 12, ADC: 12, DI: 18, CDS: 18, PGA: 18, SUM: 31}  # bits of a PACKED value


class Bits:
    """A stream of bits, bit 0 of byte 0 first."""

    def __init__(self, payload: bytes):
        self.bits, self.left = int.from_bytes(payload, "little"), 8 * len(payload)

    def take(self, width: int) -> int:
        if width > self.left:
            raise ImpossibleError("the payload ends inside a code")
        value = self.bits & ((1 << width) - 1)
        self.bits >>= width
        self.left -= width
        return value

    def end(self) -> None:
        if self.left >= 8 or self.bits:
            raise ImpossibleError(f"{self.left} bits behind the last code, value {self.bits:#x}")


class Rice:
    """An adaptive Rice code: `take` reads one number and adapts."""

    def __init__(self, start: int, raw: int, most: int):
        self.a, self.raw, self.most = start, raw, most

    def take(self, bits: Bits) -> int:
        a = self.a
        k = (((a >> 1) + (a >> 3)) >> 3).bit_length()
        ones = 0
        while ones < 12 and bits.take(1):
            ones += 1
        v = (ones << k) + bits.take(k) if ones < 12 else bits.take(self.raw)
        if v > self.most or (ones == 12 and v >> k < 12):
            raise ImpossibleError(f"a Rice code of {v}, k = {k}, {ones} ones")
        self.a = a + v - (a >> 3)
        return v


@dataclass
class Slice:
    """The pixels of one slice, counted from its first."""

    indices: list[int]  # of the sent pixels
    values: list[int]  # theirs, in the same order
    masked: list[int]  # indices whose value is not to be trusted (FLAGGED only)
    flags: list[int] | None  # the bitmap as sent (BITMAP, FLAGGED)
    threshold: int | None  # the prefix (RICE only)
    threshold_mode: int | None


def values(p: Packet, bits: Bits, threshold: int, mode: int) -> Iterator[int]:
    """The slice's values, one at a time."""
    if p.values == PACKED:
        width = WIDTH[p.tap]
        while True:
            v = bits.take(width)
            yield v - (v >> (width - 1) << width)
    before, code = 0, Rice(128, 13, 8190) if p.values == DELTA else Rice(64, 12, 2048)
    while True:
        if p.values == DELTA:
            v = code.take(bits)
            before += -(v + 1) // 2 if v & 1 else v // 2
            yield before
        else:
            negative = bits.take(1) if mode == ABS or threshold == 0 else mode == NEG
            v = threshold + code.take(bits)
            if negative and v == 0:
                raise ImpossibleError("minus zero")
            yield -v if negative else v


def decode_slice(p: Packet) -> Slice:
    """Payload of a data packet; raises ImpossibleError for one that no device makes."""
    if p.kind != DATA or p.values > DELTA or p.tap > ADC:
        raise ImpossibleError(f"kind {p.kind}, values {p.values}, tap {p.tap}")
    if p.length == 0:  # no pixel sent: no prefix either
        if (p.positions, p.values) != (RUNS, RICE):
            raise ImpossibleError("no payload, but not RUNS and RICE")
        return Slice([], [], [], None, None, None)
    bits = Bits(p.payload)
    flags = [bits.take(1) for _ in range(p.pixels)] if p.positions in (BITMAP, FLAGGED) else []
    threshold, mode = (bits.take(11), bits.take(2)) if p.values == RICE else (0, 0)
    if mode == 3:
        raise ImpossibleError("threshold mode 3")
    source, indices, sent = values(p, bits, threshold, mode), [], []
    if p.positions == RUNS:
        gaps, n = Rice(32, 10, 1023), 0
        while n < p.pixels:
            n += gaps.take(bits)
            if n > p.pixels or (n == p.pixels and not indices):
                raise ImpossibleError(f"a gap up to {n} in a slice of {p.pixels} pixels, {len(indices)} sent")
            if n < p.pixels:
                indices.append(n)
                sent.append(next(source))
                n += 1
    else:
        indices = [n for n in range(p.pixels) if p.positions != BITMAP or flags[n]]
        sent = [next(source) for _ in indices]
    masked = [n for n, trusted in enumerate(flags) if not trusted] if p.positions == FLAGGED else []
    bits.end()
    half = 1 << (WIDTH[p.tap] - 1)
    if sent and not -half <= min(sent) <= max(sent) < half:
        raise ImpossibleError(f"values {min(sent)} … {max(sent)} in {WIDTH[p.tap]} bits")
    prefix = (threshold, mode) if p.values == RICE else (None, None)
    return Slice(indices, sent, masked, flags or None, *prefix)
