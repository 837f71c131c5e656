# SPDX-License-Identifier: BSD-2-Clause
"""A short stream that holds every kind of slice, a kernel sequence, changes of configuration and two epochs.

device ── search ──► settings that give each kind ── record ──► bytes
golden model ── compare ───────────────────────────────────────► what each frame must be
"""

import random

import numpy as np

from macropix.gateware.registers import CONTROL, Feature
from macropix.gateware.wire import Kind, Mode, Positions, Read, Scene, Tap, ThresholdMode, Values
from macropix.host.decode.bytes import Packet, PacketDecoder
from macropix.host.device import Device
from macropix.host.errors import MismatchError, UserError
from macropix.host.oracle import Check, config_of
from macropix.host.settings import Settings
from macropix.host.stream import Stream, Truth, places

__all__ = ["record_stream"]

#: kernels of the bank while the stream is recorded
BANK = ("laplacian", "identity", "mean", "sobel_x")
#: most settings tried until every code has been seen
TRIES = 3000

#: (positions, values) of a slice; values None: nothing was sent
SliceKind = tuple[Positions, Values | None]
#: what the encoder can choose by itself in mode AUTO
AUTOMATIC = {(p, v) for p in (Positions.ALL, Positions.RUNS, Positions.BITMAP) for v in Values}


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
                self._episode(part)
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

    def _plain(self, *places: int, **registers: int) -> dict[str, int]:
        """Settings of a shot of small frames through the kernels at `places`; what is not named is as after reset."""
        names = ("mode", "threshold", "threshold_mode", "time", "gain", "test_charge", "seed", "tap", "scene_source", "scene_level", "read")
        told = {name: CONTROL[name].reset for name in names} | {"read": Read.TILES.value, "mask_enable": 0, "pedestal_enable": 0}
        told |= {"sequence_length": len(places), "sequence": sum(place << 3 * step for step, place in enumerate(places))}
        return told | registers

    def _fixed(self) -> list[dict[str, int]]:
        """Kinds that need no search: raw, masked, edge, nothing sent, every width of a tap, the largest frame, a sequence."""
        walk, ramp, edge = {"scene_source": Scene.WALKING.value}, {"scene_source": Scene.RAMP.value}, {"mode": Mode.EDGE.value}
        features = self.device.info.features
        told = [
            self._plain(1, **ramp),
            # three kernels of one shot; the mean is never negative: nothing is sent of it
            self._plain(0, 2, 3, **edge, scene_source=Scene.PRBS.value, threshold=600, threshold_mode=ThresholdMode.NEG.value, seed=9),
            self._plain(1, **walk, **edge, read=Read.SINGLE.value, threshold=1),
        ]
        if Feature.PEDESTAL_MAP in features:
            told.append(self._plain(0, **ramp, mask_enable=1, pedestal_enable=1))
        if Feature.TAPS in features:
            told += [self._plain(0, **walk, tap=tap.value) for tap in (Tap.SUM, Tap.CDS)]
        return told

    def _search(self) -> list[dict[str, int]]:
        """The fixed settings, and few more under which the encoder chooses every code it can choose by itself."""
        found: list[tuple[set[SliceKind], int, dict[str, int]]] = []
        seen: set[SliceKind] = set()
        for _ in range(TRIES):
            settings = self._candidate()
            packets = self._try(settings)
            kinds = {_kind(packet) for packet in packets} & AUTOMATIC
            found.append((kinds, sum(packet.size for packet in packets), settings))
            seen |= kinds
            if seen == AUTOMATIC and len(found) >= 200:
                break
        if AUTOMATIC - seen:
            raise MismatchError(f"the device never chose {', '.join(sorted(_name(kind) for kind in AUTOMATIC - seen))} in mode AUTO")
        chosen, covered = self._fixed(), set[SliceKind]()
        while covered != AUTOMATIC:
            kinds, _, settings = max(found, key=lambda one: len(one[0] - covered) / (one[1] + 300))
            covered |= kinds
            chosen.append(settings)
        self.random.shuffle(chosen)
        return chosen

    def _candidate(self) -> dict[str, int]:
        chance = self.random
        return self._plain(
            *chance.sample(range(len(BANK)), chance.randint(1, 3)),
            mode=Mode.AUTO.value,
            scene_source=chance.choice((Scene.PRBS, Scene.PRBS, Scene.PRBS, Scene.RAMP, Scene.CHECKER)).value,
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
        changed = {name: value for name, value in settings.items() if device.mirror.value(name) != value}
        if changed:
            device.registers.update(**changed)

    def _try(self, settings: dict[str, int]) -> list[Packet]:
        """The data packets of the first shot of a claim with these settings."""
        self.device.claim()
        chunks: list[bytes] = []
        self._set(settings)
        self.device.link.on_raw.append(chunks.append)
        try:
            self.device.snap()
        finally:
            self.device.link.on_raw.remove(chunks.append)
        return [packet for packet in PacketDecoder().feed(b"".join(chunks)) if packet.kind == Kind.DATA.value]

    def _episode(self, part: list[dict[str, int]]) -> None:
        """One epoch: a claim, its shots, a status. The PRBS scene also depends on the shot: the seed takes that back."""
        device = self.device
        device.claim()
        self.epochs.append(device.epoch)
        for shot, settings in enumerate(part):
            self._set(settings | {"seed": settings["seed"] ^ shot << 16})
            self._shots()
        device.ledger().check()

    def _shots(self) -> None:
        for frame in self.device.capture(1):
            found = self.check.frame(frame)
            if found.differing:
                raise MismatchError(
                    f"{found.differing} pixels of frame {frame!r} are not what the golden model says: no stream to test with"
                )
            # equal to the golden model's, as just found
            self.truth[frame.epoch, frame.time & 0xFFFFFFFF, frame.kernel] = Truth(frame.index, frame.value, frame.slices)

    def _finish(self, data: bytes) -> Stream:
        decoder = PacketDecoder()
        packets = decoder.feed(data) + decoder.finish()
        own = [packet for packet in packets if packet.kind == Kind.DATA.value]
        if decoder.statistics.skipped or len(own) != sum(one.slices for one in self.truth.values()):
            raise MismatchError("the recorded stream is not whole", expected=f"{len(self.truth)} frames", found=f"{len(own)} slices")
        lacking = AUTOMATIC - {_kind(packet) for packet in own}
        if lacking:
            raise MismatchError(f"the recorded stream lacks {', '.join(sorted(_name(kind) for kind in lacking))}")
        kinds = sorted({_name(_kind(packet)) for packet in own} | {f"TAP {Tap(packet.tap).name}" for packet in own if packet.tap})
        return Stream(
            data,
            self.device.geometry,
            tuple(self.epochs),
            tuple(dict.fromkeys(self.settings)),
            self.truth,
            tuple(places(packets)),
            0,
            tuple(kinds),
        )


def _kind(packet: Packet) -> SliceKind:
    return Positions(packet.positions), Values(packet.values) if packet.length else None


def _name(kind: SliceKind) -> str:
    return f"{kind[0].name} {kind[1].name if kind[1] is not None else 'EMPTY'}"
