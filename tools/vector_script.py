# SPDX-License-Identifier: BSD-2-Clause
"""A recorded conversation with the golden device, and what it means.

commands ──► GoldenDevice ──► stream          scene, registers, kernels ──► oracle ──► the frames it must hold
"""

import struct
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from macropix.gateware import wire
from macropix.gateware.config import Config
from macropix.gateware.registers import BIAS, BIAS_STRIDE, CONTROL, PEDESTAL, SCENE, STATUS, STATUS_WORDS, WEIGHT
from macropix.gateware.wire import Kind, Mode, Op, Tap
from macropix.sim.golden import oracle
from macropix.sim.golden.bias import lookup
from macropix.sim.golden.device import GoldenDevice
from macropix.sim.golden.packets import command
from macropix.sim.golden.settings import tag

__all__ = ["Script", "describe_frame", "describe_packets", "latched"]

_HEADER = struct.Struct("<BBHHHHHHIH")


def describe_packets(stream: bytes) -> list[dict]:
    """The headers of an undamaged stream, the replies' and status packets' contents with them."""
    packets, at = [], 0
    while at < len(stream):
        _, flags, length, number, epoch, tag_, shot, bits, where, _ = _HEADER.unpack_from(stream, at)
        size, kind = wire.OVERHEAD_BYTES + (length & 0xFFF), Kind(flags & 3)
        one: dict = {"offset": at, "bytes": size, "kind": kind.name, "number": number, "epoch": epoch, "tag": tag_}
        payload = stream[at + wire.HEADER_BYTES : at + size - wire.CRC_BYTES]
        if kind is Kind.DATA:
            one |= {
                "first": flags >> 2 & 1, "last": flags >> 3 & 1, "positions": wire.Positions(flags >> 4 & 3).name,
                "values": wire.Values(flags >> 6).name, "saturated": length >> 12, "shot": shot, "pixels": (bits & 0x3FF) + 1,
                "kernel": bits >> 10 & 7, "tap": Tap(bits >> 13).name, "where": where,
            }  # fmt: skip
        elif kind is Kind.REPLY:
            sequence, op, error, address, words, corrupt = struct.unpack_from("<HBBHHH", payload)
            one |= {"time": where, "sequence": sequence, "op": op, "error": wire.Error(error).name, "address": address}
            one |= {"words": words, "corrupt": corrupt, "read": [word for (word,) in struct.iter_unpack("<H", payload[10:])]}
        else:
            words = [word for (word,) in struct.iter_unpack("<H", payload)]
            assert len(words) == STATUS_WORDS
            one["time"] = where
            one["registers"] = {r.name: r.from_words(words[r.address : r.address + r.words]) for r in STATUS.values()}
        packets.append(one)
        at += size
    return packets


def describe_frame(frame, *, epoch: int, tag: int, everything: bool, flags: bool) -> dict:
    """What a decoder must make of a frame's slices: every pixel sent, in raster order, and which are flagged as masked."""
    rows, cols = frame.value.shape
    sent = np.ones(frame.value.size, bool) if everything else frame.sent.ravel()
    return {
        "epoch": epoch, "tag": tag, "shot": frame.shot & 0xFFFF, "kernel": frame.kernel, "tap": frame.tap.name,
        "rows": rows, "columns": cols, "saturated": int(np.bitwise_or.reduce(frame.saturated, axis=None)),
        "sent": "ALL" if sent.all() else np.flatnonzero(sent).tolist(),
        "values": frame.value.ravel()[sent].tolist(),
        "masked": np.flatnonzero(frame.masked).tolist() if everything and flags else [],
    }  # fmt: skip


def latched(registers: Mapping[str, int]) -> dict[str, int]:
    """Those of all control registers that count into the tag."""
    return {register.name: registers[register.name] for register in CONTROL.values() if register.frame}


class _Device(GoldenDevice):
    """The golden device takes a shot at once; this one lets a WRITE in between its exposures, as `protocol.md` allows."""

    def __init__(self, config: Config):
        super().__init__(config)
        self.behind: list[Callable[[], None]] = []

    def _expose(self, kernel: int, scene: np.ndarray | None, *, pixels: int | None = None) -> None:
        super()._expose(kernel, scene, pixels=pixels)
        if self.behind:
            self.behind.pop(0)()

    @property
    def slices(self) -> int:
        """Made since the claim."""
        return self._counts["produced"]

    def skip(self, slices: int, shots: int) -> None:
        """Counts on as if it had taken `shots` more, and made and sent `slices`."""
        self._counts["produced"] += slices
        self._counts["shots_done"] += shots
        self._number_of_shot += shots


class Script:
    """Talks to a golden device and remembers both sides.

    Parameters
    ----------
    description : str
    config : Config
    """

    def __init__(self, description: str, config: Config):
        self.description, self.config = description, config
        self.device = _Device(config)
        self.sent, self.stream = bytearray(), bytearray()
        self.frames: list[dict] = []
        self.configurations: dict[int, dict] = {}
        self.epoch = self.sequence = self.shot = 0
        self.registers = oracle.reset_registers()
        self.codes = np.zeros((config.kernels, config.subpixels), np.int64)
        self.response = np.concatenate([(np.arange(1024) ^ 512) - 512, np.zeros(1024, np.int64)])
        self.scene = np.zeros((config.rows, config.cols), np.uint16)
        self.pedestal, self.mask = np.zeros(config.max_outputs, np.int64), np.zeros(config.max_outputs, bool)

    def raw(self, text: bytes) -> None:
        """Any bytes to the device; what it says at once."""
        self.sent += text
        self.device.feed(text)
        self.stream += b"".join(self.device._out)
        self.device._out.clear()

    def command(self, op: Op, address: int = 0, words=()) -> None:
        """A command of the next sequence number."""
        self.sequence += 1
        self.raw(command(op, self.sequence, self.epoch, address, words))

    def claim(self, epoch: int) -> None:
        """Takes the device."""
        self.epoch, self.shot = epoch, 0
        self.command(Op.CLAIM)

    def set(self, **values: int) -> None:
        """Writes registers."""
        for name, value in values.items():
            self.registers[name] = value
            self.command(Op.WRITE, CONTROL[name].address, CONTROL[name].to_words(value))

    def kernel(self, k: int, codes) -> None:
        """Writes one kernel of the bank."""
        self.codes[k] = codes
        self.command(Op.WRITE, BIAS.base + BIAS_STRIDE * k, [int(code) & 0xFFFF for code in codes])

    def table(self, at: int, words: Sequence[int]) -> None:
        """Writes the response table from word `at` on: 1,024 weights and 1,024 darks, by code modulo 1,024."""
        self.response[at : at + len(words)] = words
        self.command(Op.WRITE, WEIGHT.base + at, [word & 0xFFFF for word in words])

    def _window(self, base: int, words: np.ndarray) -> None:
        for at in range(0, words.size, wire.MAX_WORDS):
            self.command(Op.WRITE, base + at, [int(word) & 0xFFFF for word in words[at : at + wire.MAX_WORDS]])

    def load(self, scene: np.ndarray) -> None:
        """Writes the scene memory."""
        self.scene = scene.astype(np.uint16)
        self._window(SCENE.base, self.scene.ravel())

    def patch(self, scene: np.ndarray) -> None:
        """Writes the rows of the scene memory in which `scene` differs."""
        before, self.scene = self.scene, scene.astype(np.uint16)
        self._rows(before, self.scene)

    def _rows(self, before: np.ndarray, scene: np.ndarray) -> None:
        for row in np.flatnonzero((before != scene).any(1)):
            self._window(SCENE.base + int(row) * self.config.cols, scene[row])

    def maps(self, pedestal: np.ndarray, mask: np.ndarray) -> None:
        """Writes pedestal and mask map."""
        self.pedestal, self.mask = pedestal, mask
        self._window(PEDESTAL.base, (pedestal & 0xFFF) | mask.astype(np.int64) << 15)

    def start(self) -> None:
        """Starts the sequencer."""
        self.command(Op.START)

    def shots(self, count: int, *, meanwhile: Sequence[np.ndarray] = ()) -> None:
        """Takes `count` shots off a running device, and works out what they must be.

        `meanwhile`: scenes that are loaded while a shot is under way, one behind each of its exposures.
        """
        for _ in range(count):
            for i in range(self.registers["sequence_length"]):
                self._frame(self.registers["sequence"] >> 3 * i & 7)
                if i < len(meanwhile):
                    before, self.scene = self.scene, meanwhile[i].astype(np.uint16)
                    self.device.behind.append(lambda before=before, scene=self.scene: self._rows(before, scene))
            self.shot += 1
            self.stream += self.device.take()

    def skip(self, slices: int, shots: int) -> None:
        """The device takes `shots` that nobody looks at, of `slices` slices in all."""
        self.shot += shots
        self.device.skip(slices, shots)

    def _frame(self, kernel: int) -> None:
        weights, darks = lookup(self.codes[kernel], self.response[:1024], self.response[1024:])
        frame = oracle.expose(
            self.config, self.scene, self.registers, weights, darks,
            shot=self.shot & 0xFFFF, kernel=kernel, pedestal=self.pedestal, mask=self.mask,
        )  # fmt: skip
        known = tag(self.registers, weights, darks)
        everything = self.registers["mode"] == Mode.RAW.value or frame.tap is not Tap.OUT
        self.frames.append(describe_frame(frame, epoch=self.epoch, tag=known, everything=everything, flags=frame.tap is Tap.OUT))
        bank = {"weights": weights.tolist(), "darks": darks.tolist()}
        self.configurations[known] = {"tag": known, **bank, "registers": latched(self.registers)}

    def to_dict(self) -> dict:
        """What goes into the JSON file."""
        return {
            "description": self.description,
            "config": self.config.to_json(),
            "commands": bytes(self.sent).hex(),
            "configurations": list(self.configurations.values()),
            "packets": describe_packets(bytes(self.stream)),
            "frames": self.frames,
        }
