# SPDX-License-Identifier: BSD-2-Clause
"""Random scenes through every kernel, stride, mode and threshold; every pixel held against the golden model.

seed ──► scene, conditions ─┬─► device ──► frames ─┐
                            └─► golden model ──────┴─► compare ──► cells

The expectation comes from the scene and the settings, never from what the device sent.
"""

import dataclasses
import math
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from macropix.gateware.registers import CONTROL, Feature
from macropix.gateware.wire import Read, Tap, ThresholdMode
from macropix.host import kernels
from macropix.host.device import Device
from macropix.host.errors import MacropixError, MismatchError, UserError
from macropix.host.ledger import Ledger
from macropix.host.oracle import Check, Comparison, config_of

__all__ = ["THRESHOLDS", "Verification", "verify"]

#: ADC LSB
THRESHOLDS = (1, 24, 100)
#: charge that makes y negative where a kernel without negative weights would never have it so, DI LSB
_NEGATIVE = -32768
#: most scenes for a cell in which there is nothing to see
_TRIES = 40

Progress = Callable[[str, int, int], None]
#: kernel, stride, mode, threshold mode, threshold
Cell = tuple[str, int, str, str, int]


@dataclasses.dataclass
class Verification:
    """What came of it. A cell is one kernel at one stride, mode and threshold."""

    cells: dict[Cell, Comparison]
    ledger: Ledger
    frames: int
    rounds: int
    seed: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The figures for ``--json``."""
        total = self.total
        return {
            "frames": self.frames,
            "pixels_compared": total.compared,
            "pixels_differing": total.differing,
            "ledger": {name: int(getattr(self.ledger, name)) for name in ("produced", "sent", "received", "lost", "dropped")},
            "cells": [
                {
                    "kernel": kernel,
                    "stride": stride,
                    "mode": mode,
                    "threshold": threshold,
                    "threshold_mode": sign,
                    "pixels_compared": found.compared,
                    "pixels_nonzero": found.nonzero,
                    "pixels_differing": found.differing,
                }
                for (kernel, stride, mode, sign, threshold), found in self.cells.items()
            ],
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
        }

    @property
    def total(self) -> Comparison:
        """Over all cells."""
        total = Comparison()
        for found in self.cells.values():
            total += found
        return total

    @property
    def trouble(self) -> MacropixError | None:
        """Data lost, then pixels that differ, then a cell in which there was nothing to see."""
        if not self.ledger.ok:
            try:
                self.ledger.check()
            except MacropixError as error:
                return error
        differing = {cell: found for cell, found in self.cells.items() if found.differing}
        if differing:
            cell, found = next(iter(differing.items()))
            return MismatchError(
                f"{self.total.differing} of {self.total.compared} pixels differ, in {len(differing)} cells; first {_name(cell)}",
                expected="0 differing",
                found=f"{found.differing} there",
            )
        empty = [cell for cell, found in self.cells.items() if not found.nonzero]
        if empty:
            return MismatchError(f"{len(empty)} cells have no pixel that is not 0 and prove nothing; first {_name(empty[0])}")
        return None


def _name(cell: Cell) -> str:
    kernel, stride, mode, sign, threshold = cell
    return f"{kernel}, stride {stride}, {mode}, {sign} ≥ {threshold}"


def verify(device: Device, *, frames: int = 1, seed: int = 1, progress: Progress | None = None) -> Verification:
    """Takes at least `frames` frames, the same number through every cell, and compares every pixel of each."""
    if frames < 1:
        raise UserError("the number of frames is out of range", expected="at least 1", found=str(frames))
    began, show = time.monotonic(), progress or (lambda _what, _done, _of: None)
    bench = _Bench(device, seed)
    device.claim()
    cells = {cell: Comparison() for cell in bench.cells()}
    rounds = math.ceil(frames / len(cells))
    taken = 0
    for number in range(rounds):
        for done, (cell, found) in enumerate(bench.run(number)):
            cells[cell] += found
            taken += 1
            if done % 32 == 0:
                show("verify", number * len(cells) + min(done, len(cells)), rounds * len(cells))
    return Verification(cells, device.ledger(), taken, rounds, seed, time.monotonic() - began)


class _Bench:
    """The device under test, the golden model beside it, and the seed of everything random."""

    def __init__(self, device: Device, seed: int):
        self.device = device
        self.macro = device.geometry.macro
        self.kernels = kernels.available(self.macro)
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.check = Check(config_of(device.info, device.config))
        self.strides = {1: Read.SLIDING, self.macro: Read.TILES}

    def cells(self) -> Iterator[Cell]:
        """Every cell, in the order of a round."""
        for stride in (0, *self.strides):
            for name in self.kernels if stride else ("identity",):
                yield from ((name, stride, *setting) for setting in self.settings())

    @staticmethod
    def settings() -> Iterator[tuple[str, str, int]]:
        """Mode, threshold mode and threshold."""
        yield "raw", "abs", 0
        for mode in ("edge", "auto"):
            yield mode, "abs", 0
            for sign in ("abs", "pos", "neg"):
                yield from ((mode, sign, threshold) for threshold in THRESHOLDS)

    def run(self, number: int) -> Iterator[tuple[Cell, Comparison]]:
        """One frame, or more, of every cell."""
        device, places = self.device, self.device.geometry.kernels
        for stride, read in ((0, Read.SINGLE), *self.strides.items()):
            names = list(self.kernels if stride else ("identity",))
            self.random.shuffle(names)
            self._reset(read)
            for start in range(0, len(names), places):
                bank = names[start : start + places]
                for place, name in enumerate(bank):
                    device.load_kernel(place, kernels.padded(name, self.macro))
                device.sequence(range(len(bank)))
                for setting in self.settings():
                    yield from self._shots(number, stride, bank, setting)

    def _shots(self, number: int, stride: int, bank: list[str], setting: tuple[str, str, int]) -> Iterator[tuple[Cell, Comparison]]:
        """One shot of every kernel of the bank; more, of other scenes, while one of them should have shown nothing: small frames can."""
        empty = set(bank)
        for _ in range(_TRIES):
            for cell, found in self._shot(number, stride, bank, setting):
                if found.nonzero:
                    empty.discard(cell[0])
                yield cell, found
            if not empty:
                return

    def _shot(self, number: int, stride: int, bank: list[str], setting: tuple[str, str, int]) -> Iterator[tuple[Cell, Comparison]]:
        mode, sign, threshold = setting
        scene = self._scene(number)
        self.device.load_scene(scene, verify=False)
        self.device.registers.update(**self._conditions(sign), mode=mode, threshold_mode=sign, threshold=threshold, tap=Tap.OUT)
        yield from self._frames(stride, bank, setting, scene)
        if mode == "raw" and Feature.TAPS in self.device.info.features:
            self.device.registers.update(tap=self.random.choice([tap for tap in Tap if tap is not Tap.OUT]))
            yield from self._frames(stride, bank, setting, scene)

    def _frames(self, stride: int, bank: list[str], setting: tuple[str, str, int], scene: np.ndarray) -> Iterator[tuple[Cell, Comparison]]:
        for frame in self.device.capture(1):
            yield (bank[frame.kernel], stride, *setting), self.check.frame(frame, scene=scene)

    def _reset(self, read: Read) -> None:
        """Everything latched as after reset, and random maps for this read, not enabled yet."""
        device = self.device
        device.registers.update(**{one.name: one.reset for one in CONTROL.values() if one.frame} | {"read": read.value})
        if Feature.PEDESTAL_MAP in device.info.features:
            shape = device.geometry.shape(read)
            device.load_pedestal(self.numbers.integers(-200, 201, shape), self.numbers.random(shape) < 0.05)

    def _conditions(self, sign: str) -> dict[str, int]:
        """Random settings of the chain that leave something to see in every cell."""
        chance, features = self.random, self.device.info.features
        told = {"seed": chance.getrandbits(32), "time": chance.choice((256, 256, 201, 300)), "gain": chance.choice((0, 0, 1))}
        told |= {"test_charge": _NEGATIVE if sign == ThresholdMode.NEG.name.lower() else 0, "cds": chance.choice((1, 1, 0))}
        if Feature.NOISE in features:
            told |= {name: chance.choice((0, 0, 37)) for name in ("noise_reset", "noise_signal", "pattern_amplitude")}
        if Feature.PEDESTAL_MAP in features:
            told |= {"pedestal_enable": chance.choice((0, 1)), "mask_enable": chance.choice((0, 1))}
        return told

    def _scene(self, number: int) -> np.ndarray:
        """Uniform in the first round, so that every cell has something; then smooth ones and sparse ones too."""
        rows, cols = self.device.geometry.rows, self.device.geometry.cols
        kind = self.random.choice(("uniform", "smooth", "sparse")) if number else "uniform"
        uniform = self.numbers.integers(0, 65536, (rows, cols))
        if kind == "sparse":
            return np.where(self.numbers.random((rows, cols)) < 0.03, uniform, 9000).astype(np.uint16)
        if kind == "smooth":
            waves = np.add.outer(np.sin(np.arange(rows) / 5), np.cos(np.arange(cols) / 4))
            return (30000 + 12000 * waves + uniform // 64).astype(np.uint16)
        return uniform.astype(np.uint16)
