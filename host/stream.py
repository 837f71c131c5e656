# SPDX-License-Identifier: BSD-2-Clause
"""A short stream that holds every kind of slice, a kernel sequence, a configuration change and two epochs, and the truth about it.

device ── search ──► settings that give each kind ── record ──► bytes
golden model ──────────────────────────────────────────────────► what each frame must be
"""

import dataclasses
import random

import numpy as np

from macropix.gateware.registers import CONTROL, Feature
from macropix.gateware.wire import Kind, Mode, Positions, Read, Scene, Tap, ThresholdMode, Values
from macropix.host.decode.bytes import Packet, PacketDecoder
from macropix.host.device import Device
from macropix.host.errors import DataLostError, MismatchError, UserError
from macropix.host.frame import Frame
from macropix.host.geometry import Geometry
from macropix.host.oracle import Check, config_of
from macropix.host.settings import Settings

__all__ = ["Stream", "Truth", "record_stream"]

#: kernels of the bank while the stream is recorded
BANK = ("laplacian", "identity", "mean", "sobel_x")
#: most settings tried until every code has been seen
TRIES = 3000

#: (positions, values) of a slice; values None: nothing was sent
SliceKind = tuple[Positions, Values | None]
#: what the encoder can choose by itself in mode AUTO
AUTOMATIC = {(p, v) for p in (Positions.ALL, Positions.RUNS, Positions.BITMAP) for v in Values}


@dataclasses.dataclass(frozen=True)
class Truth:
    """What one frame must be, by the golden model, and which slices it came in."""

    index: np.ndarray
    value: np.ndarray
    slices: int


@dataclasses.dataclass(frozen=True)
class Stream:
    """A recorded stream and everything that is true about it."""

    data: bytes
    geometry: Geometry
    epochs: tuple[int, ...]
    settings: tuple[Settings, ...]
    #: (epoch, shot, kernel) → truth
    truth: dict[tuple[int, int, int], Truth]
    #: packets: offset, size, epoch, whether it holds data
    packets: tuple[tuple[int, int, int, bool], ...]
    kinds: tuple[str, ...]

    @property
    def slices(self) -> int:
        """Data slices in it."""
        return sum(1 for *_, data in self.packets if data)


def record_stream(device: Device, *, seed: int = 1) -> Stream:
    """Has the device send such a stream, and holds each frame in it against the golden model.

    Raises
    ------
    MismatchError
        If a frame is not what the golden model says, or a kind of slice could not be had.
    """
    return _Recorder(device, seed).record()


class _Recorder:
    def __init__(self, device: Device, seed: int):
        if device.geometry.kernels < len(BANK) or device.geometry.macro != 3:
            raise UserError(f"the stream of faults needs a bank of {len(BANK)} kernels and macro-pixels of 3 × 3")
        self.device = device
        self.random = random.Random(seed)
        self.check = Check(config_of(device.info, device.config))
        self.truth: dict[tuple[int, int, int], Truth] = {}
        self.settings: list[Settings] = []
        self.epochs: list[int] = []

    def record(self) -> Stream:
        device = self.device
        for place, name in enumerate(BANK):
            device.load_kernel(place, name)
        device.sequence([0])
        self._maps()
        chosen = self._search()
        chunks: list[bytes] = []
        device.link.on_raw.append(chunks.append)
        device.on_settings.append(self.settings.append)
        try:
            half = len(chosen) // 2
            for part in (chosen[:half], chosen[half:]):
                self._episode(part, sequence=part is not chosen[:half] and len(self.epochs) == 1)
        finally:
            device.link.on_raw.remove(chunks.append)
            device.on_settings.remove(self.settings.append)
        return self._finish(b"".join(chunks))

    # ---- what to send ---------------------------------------------------------------------------------------------

    def _maps(self) -> None:
        """A few masked pixels in the small frames; enabled by a register later."""
        registers = {one.name: one.reset for one in CONTROL.values() if one.frame}
        self.device.registers.update(**registers | {"read": Read.TILES.value})
        if Feature.PEDESTAL_MAP in self.device.info.features:
            shape = self.device.geometry.shape(Read.TILES)
            mask = np.zeros(shape, np.bool_)
            mask[0, 1] = mask[-1, -1] = True
            self.device.load_pedestal(np.full(shape, 3), mask)
            self.device.registers.update(pedestal_enable=0, mask_enable=0)

    def _plain(self, **registers: int) -> dict[str, int]:
        """Settings of a small frame: what is not named is as after reset."""
        names = ("mode", "threshold", "threshold_mode", "time", "gain", "test_charge", "seed", "tap", "scene_source", "scene_level", "read")
        told = {name: CONTROL[name].reset for name in names} | {"read": Read.TILES.value, "kernel": 0, "mask_enable": 0, "pedestal_enable": 0}
        return told | registers

    def _fixed(self) -> list[dict[str, int]]:
        """Kinds that need no search: raw, masked, edge, nothing sent, every width of a tap, the largest frame."""
        walk, ramp, edge = {"scene_source": Scene.WALKING.value}, {"scene_source": Scene.RAMP.value}, {"mode": Mode.EDGE.value}
        features = self.device.info.features
        told = [
            self._plain(**ramp),
            self._plain(**ramp, **edge, threshold=20, threshold_mode=ThresholdMode.NEG.value),
            self._plain(**edge, scene_source=Scene.FLAT.value, threshold=2000),
            self._plain(**walk, **edge, read=Read.SINGLE.value, kernel=1, threshold=1),
        ]
        if Feature.PEDESTAL_MAP in features:
            told.append(self._plain(**ramp, mask_enable=1, pedestal_enable=1))
        if Feature.TAPS in features:
            told += [self._plain(**walk, tap=tap.value) for tap in (Tap.SUM, Tap.CDS, Tap.ADC)]
        return told

    def _search(self) -> list[dict[str, int]]:
        """The fixed settings, and for every code that the encoder chooses by itself one setting that makes it, the shortest found."""
        best: dict[SliceKind, tuple[int, dict[str, int]]] = {}
        seen_all = TRIES
        for number in range(TRIES):
            settings = self._candidate()
            packet = self._try(settings)
            kind = _kind(packet)
            if kind in AUTOMATIC and (kind not in best or packet.size < best[kind][0]):
                best[kind] = (packet.size, settings)
            if len(best) == len(AUTOMATIC) and seen_all == TRIES:
                seen_all = number + 60
            if number >= seen_all:
                break
        missing = AUTOMATIC - best.keys()
        if missing:
            raise MismatchError(f"the device never chose {', '.join(sorted(_name(kind) for kind in missing))} in mode AUTO")
        chosen = self._fixed() + [settings for _, settings in best.values()]
        self.random.shuffle(chosen)
        return chosen

    def _candidate(self) -> dict[str, int]:
        chance = self.random
        return self._plain(
            mode=Mode.AUTO.value,
            scene_source=chance.choice((Scene.PRBS, Scene.PRBS, Scene.PRBS, Scene.RAMP, Scene.CHECKER, Scene.WALKING)).value,
            kernel=chance.randrange(len(BANK)),
            threshold=chance.choice((0, 0, 1, 1, 8, 60, 300, 1000, 2000)),
            threshold_mode=chance.randrange(3),
            time=chance.choice((4, 16, 64, 256, 256)),
            gain=chance.choice((0, 0, 0, 5)),
            test_charge=chance.choice((0, 0, -20000, -32768, 30000)),
            seed=chance.getrandbits(16) | 1,
        )

    # ---- sending it -----------------------------------------------------------------------------------------------

    def _set(self, settings: dict[str, int]) -> None:
        device = self.device
        if device.registers["sequence"] != settings["kernel"] or device.registers["sequence_length"] != 1:
            device.sequence([settings["kernel"]])
        changed = {name: value for name, value in settings.items() if name != "kernel" and device.registers[name] != value}
        if changed:
            device.registers.update(**changed)

    def _try(self, settings: dict[str, int]) -> Packet:
        """The first data packet that comes with these settings."""
        chunks: list[bytes] = []
        self._set(settings)
        self.device.link.on_raw.append(chunks.append)
        try:
            self.device.snap()
        finally:
            self.device.link.on_raw.remove(chunks.append)
        for packet in PacketDecoder().feed(b"".join(chunks)):
            if packet.kind == Kind.DATA.value:
                return packet
        raise DataLostError("no data packet came while the stream was being chosen")

    def _episode(self, part: list[dict[str, int]], *, sequence: bool) -> None:
        """One epoch: a claim, its frames, a status."""
        device = self.device
        device.claim()
        self.epochs.append(device.epoch)
        for settings in part:
            self._set(settings)
            self._shots()
        if sequence:
            device.registers.update(mode=Mode.EDGE, threshold=300, scene_source=Scene.PRBS, mask_enable=0, tap=Tap.OUT, read=Read.TILES)
            device.sequence([0, 3, 1])
            self._shots(2)
        device.ledger().check()

    def _shots(self, shots: int = 1) -> None:
        for frame in self.device.capture(shots):
            found = self.check.frame(frame)
            if found.differing:
                raise MismatchError(f"{found.differing} pixels of frame {frame!r} are not what the golden model says: no stream to test with")
            self.truth[frame.epoch, frame.shot, frame.kernel] = self._truth(frame)

    def _truth(self, frame: Frame) -> Truth:
        """The frame, which has just been found equal to the golden model's."""
        return Truth(frame.index, frame.value, frame.slices)

    def _finish(self, data: bytes) -> Stream:
        decoder = PacketDecoder()
        packets = decoder.feed(data) + decoder.finish()
        own = [packet for packet in packets if packet.kind == Kind.DATA.value]
        if decoder.statistics.skipped or len(own) != sum(one.slices for one in self.truth.values()):
            raise MismatchError("the recorded stream is not whole", expected=f"{len(self.truth)} frames", found=f"{len(own)} slices")
        kinds = sorted({_name(_kind(packet)) for packet in own} | {f"TAP {Tap(packet.tap).name}" for packet in own if packet.tap})
        return Stream(
            data,
            self.device.geometry,
            tuple(self.epochs),
            tuple(dict.fromkeys(self.settings)),
            self.truth,
            tuple((packet.offset, packet.size, packet.epoch, packet.kind == Kind.DATA.value) for packet in packets),
            tuple(kinds),
        )


def _kind(packet: Packet) -> SliceKind:
    return Positions(packet.positions), Values(packet.values) if packet.length else None


def _name(kind: SliceKind) -> str:
    return f"{kind[0].name} {kind[1].name if kind[1] is not None else 'EMPTY'}"
