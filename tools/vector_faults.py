# SPDX-License-Identifier: BSD-2-Clause
"""The stream `faults`: a conversation with the golden device, and then what a bad link makes of it.

Script ──► packets and frames ──► damage, one at a time, and what each costs ──► one vector

What is expected is written beside each damage, by whoever did it; no decoder is asked.
"""

import random
from collections import Counter
from typing import NamedTuple

import numpy as np
from vector_script import Script, describe_packets

from macropix.gateware.config import Config
from macropix.gateware.wire import HEADER_BYTES, Kind, Mode, Op, Read, ThresholdMode
from macropix.sim.golden.packets import crc16, packet, sealed

__all__ = ["Faults"]

SEED = 20251125
#: who claimed the device before, and the host's own claim
BEFORE, EPOCH = 0x0BAD, 0x7E57
#: slices that may be lost in a row
JUMP = (1 << 15) - 1
#: the host has not computed a tag for it
FOREIGN_MAP = 0xF0E1
#: no sign bits: threshold mode 3 in their place would read as well
POS = ThresholdMode.POS.value
COUNTS = ("broken", "unfinished", "skipped", "received", "missing", "duplicates", "stale", "unknown_tag", "undecodable", "incomplete")


class Packet(NamedTuple):
    """A whole packet, and its description."""

    raw: bytes
    about: dict


def flip(text: bytes, at: int, bit: int) -> bytes:
    """`text` with one bit flipped."""
    return text[:at] + bytes([text[at] ^ 1 << bit]) + text[at + 1 :]


#: header field → (first bit, bits)
FIELDS = {"values": (14, 2), "length": (16, 12), "epoch": (48, 16), "where": (112, 32)}


def forged(whole: Packet, *, payload: bytes | None = None, **fields: int) -> Packet:
    """`whole` with another payload or other header fields, and CRCs to match: what no link does."""
    head = int.from_bytes(whole.raw[: HEADER_BYTES - 2], "little")
    payload = whole.raw[HEADER_BYTES:-4] if payload is None else payload
    for name, value in (*fields.items(), ("length", len(payload))):
        at, width = FIELDS[name]
        head = head & ~(((1 << width) - 1) << at) | value << at
    text = head.to_bytes(HEADER_BYTES - 2, "little")
    raw = sealed(text + crc16(text).to_bytes(2, "little") + payload)
    return Packet(raw, {**whole.about, **fields, "bytes": len(raw)})


def header(length: int) -> bytes:
    """A header that is right, of a packet that is not there."""
    return packet(Kind.DATA, bytes(length), epoch=EPOCH, number=1)[:HEADER_BYTES]


class Faults:
    """The conversation, and its stream after the damage. `put` writes packets and whatever else, and what that costs the host."""

    def __init__(self):
        self.random = random.Random(SEED)
        self.stream, self.packets, self.frames = bytearray(), [], []
        self.counts: Counter[str] = Counter()
        self.script = self._talk()
        raw = bytes(self.script.stream)
        self._left = [Packet(raw[one["offset"] :][: one["bytes"]], one) for one in describe_packets(raw)]
        self._made = list(self.script.frames)
        self._taken: list[dict] = []
        self._bytes()
        self._believed()
        self._frames()
        self._wraps()
        self._end()
        assert not self._left

    # ---- the conversation -----------------------------------------------------------------------------------

    def _talk(self) -> Script:
        """Frames of three slices, sparse, each with noise of its own."""
        script = Script("", Config(rows=48, cols=48, kernels=1))
        rng = np.random.default_rng(SEED)
        scene = (rng.random((48, 48)) < 0.016) * rng.integers(60, 250, (48, 48)) * 256
        other = scene.copy()
        for row in (5, 30, 46):  # of the first, second and third slice
            other[row, 3:40:9] = 0xC000
        script.claim(BEFORE)
        script.kernel(0, [0] * 4 + [256] + [0] * 4)
        script.load(scene)
        script.set(read=Read.SINGLE.value, mode=Mode.EDGE.value, threshold=300, threshold_mode=POS, noise_signal=90)
        script.start()
        script.shots(1)  # stale
        script.claim(EPOCH)
        script.set(shots=0)
        script.start()
        script.shots(6)  # _bytes
        script.command(Op.STATUS)
        script.shots(5)  # _believed
        script.set(map_id=FOREIGN_MAP)
        script.shots(2)
        script.set(map_id=0)
        script.shots(5)
        script.set(sequence_length=2)
        script.command(Op.STOP)
        script.start()
        for now, then in ((scene, other), (other, scene), (scene, other)):  # _frames
            assert (script.scene == now).all()
            script.shots(1, meanwhile=[then])
        script.command(Op.STOP)
        script.set(sequence_length=1)
        script.start()
        script.skip(JUMP, JUMP // 3)  # _wraps
        script.shots(1)
        script.skip(65529 - script.device.slices, 65533 - script.shot)
        script.shots(4)
        script.command(Op.STOP)
        script.set(shots=2)  # _end
        script.start()
        script.shots(2)
        return script

    # ---- damage ---------------------------------------------------------------------------------------------

    def next(self, frames: int = 1) -> list[Packet]:
        """The slices of the next `frames` frames; replies and status packets before and between them arrive as they were sent."""
        slices: list[Packet] = []
        self._taken = []
        for _ in range(frames):
            while not slices or not (slices[-1].about["last"] and len(slices) == 3 * (len(self._taken) + 1)):
                one = self._left.pop(0)
                if one.about["kind"] == "DATA":
                    slices.append(one)
                else:
                    self.put(one)
            self._taken.append(self._made.pop(0))
        return slices

    def put(self, *items: Packet | bytes, frames: bool = False, **costs: int) -> None:
        """Into the stream: whole packets and other bytes. `frames`: those taken last arrive whole. `costs`: what the host must count."""
        for item in items:
            if isinstance(item, Packet):
                self.packets.append({**item.about, "offset": len(self.stream)})
                self.counts["received"] += item.about["kind"] == "DATA"
                self.stream += item.raw
            else:
                self.counts["skipped"] += len(item)
                self.stream += item
        if frames:
            self.frames += self._taken
        self.counts.update(costs)
        self.counts["received"] -= costs.get("stale", 0) + costs.get("duplicates", 0)

    def noise(self, size: int) -> bytes:
        """Noise, every third byte a false sync."""
        return bytes(self.random.choice((0xA5, self.random.randrange(256), self.random.randrange(256))) for _ in range(size))

    def _bytes(self) -> None:
        """Noise, and packets broken in every way."""
        old = self.next()
        self.put(*old, stale=3)
        a, b, c = self.next()
        kind_3 = packet(3, b"kind 3", epoch=EPOCH, number=1)  # pyright: ignore[reportArgumentType]
        self.put(self.noise(200), a, b"\xa5", b, kind_3, b"\xa5" * 25, c, frames=True)
        a, b, c = self.next()
        self.put(a, flip(b.raw, 24, 5), c, broken=1, missing=1, incomplete=1)
        a, b, c = self.next()
        self.put(flip(a.raw, 2, 1), b, c, missing=1, incomplete=1)
        a, b, c = self.next()
        self.put(a, b, c.raw[:23] + c.raw[24:], broken=1, missing=1, incomplete=1)
        a, b, c = self.next()
        self.put(a, b.raw[:30] + b"\x5a" + b.raw[30:], c, broken=1, missing=1, incomplete=1)
        a, b, c = self.next()
        self.put(a, b.raw[: len(b.raw) // 2], c, broken=1, missing=1, incomplete=1)
        reply, status = self._left.pop(0), self._left.pop(0)
        assert status.about["kind"] == "STATUS"
        self.put(reply, flip(status.raw, 60, 0), broken=1)
        self.put(header(300), broken=1)
        self._old = old

    def _believed(self) -> None:
        """Epochs, numbers, tags, contents."""
        a, b, c = self.next()
        self.put(a, self._old[1], forged(b, epoch=0), b, forged(c, epoch=EPOCH ^ 0x100), c, stale=3, frames=True)
        first = a
        a, b, c = self.next()
        self.put(a, a, first, b, a, c, c, duplicates=4, frames=True)
        for lost in range(3):
            slices = self.next()
            del slices[lost]
            self.put(*slices, missing=1, incomplete=1)
        self.put(*self.next(), unknown_tag=3, incomplete=1)
        a, b, c = self.next()
        self.put(a, c, unknown_tag=2, missing=1, incomplete=1)
        self.put(*self.next(), frames=True)
        a, b, c = self.next()
        self.put(a, forged(b, payload=b.raw[HEADER_BYTES:-4] + b"\0"), c, undecodable=1, incomplete=1)
        a, b, c = self.next()
        self.put(a, forged(b, values=3), c, undecodable=1, incomplete=1)
        a, b, c = self.next()
        self.put(a, forged(b, where=1023), c, undecodable=1, incomplete=1)
        a, b, c = self.next()
        text = b.raw[HEADER_BYTES:-4]
        self.put(a, forged(b, payload=text[:1] + bytes([text[1] | 0x18]) + text[2:]), c, undecodable=1, incomplete=1)  # threshold mode 3

    def _frames(self) -> None:
        """Two frames of one kernel in one shot: nothing but number and time tells their slices apart."""
        self.put(*self.next(2), frames=True)
        a = self.next(2)
        self.put(a[0], *a[4:], missing=3, incomplete=1)
        a = self.next(2)
        self.put(*a[:2], a[5], missing=3, incomplete=1)

    def _wraps(self) -> None:
        """The longest jump there is; numbers and shots from 65535 to 0."""
        before = self.next()
        self.put(*before, frames=True, missing=JUMP)
        slices = self.next()
        first = slices[0].about
        assert (first["number"], first["shot"]) == (65529, 65533)
        self.put(*slices, frames=True, missing=first["number"] - before[-1].about["number"] - 1)
        a, _, c = self.next()
        self.put(a, c, missing=1, incomplete=1)
        d, e, f = self.next()
        assert [one.about["number"] for one in (d, e, f)] == [65535, 0, 1]
        assert d.about["shot"] == 65535
        self.put(d, e, d, a, f, duplicates=2, frames=True)
        self.put(*self.next(), frames=True)

    def _end(self) -> None:
        """Two packets of which the end never comes, the first with whole ones inside."""
        slices = self.next()
        self.put(header(4095), *slices, frames=True, unfinished=1)
        a, b, c = self.next()
        self.put(a, b, c.raw[:-3], unfinished=1, incomplete=1)
        self._left.pop(0)  # the last status, behind the end

    def to_dict(self) -> dict:
        """What goes into the JSON file."""
        made = self.script.to_dict()
        return {
            "description": "what a bad link makes of a conversation; 48 × 48 die, 1 × 1 read, frames of three slices",
            "config": made["config"],
            "epoch": EPOCH,
            "counts": {name: self.counts[name] for name in COUNTS},
            "commands": made["commands"],
            "configurations": [one for one in made["configurations"] if one["registers"]["map_id"] != FOREIGN_MAP],
            "packets": self.packets,
            "frames": self.frames,
        }
