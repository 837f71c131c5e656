# SPDX-License-Identifier: BSD-2-Clause
"""What a frame was taken with: the latched registers and what the bias bank looked up, and the tag over both."""

import binascii
import dataclasses
import functools
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from macropix.gateware.registers import CONTROL
from macropix.gateware.wire import Mode, Read, Tap, ThresholdMode

__all__ = ["FRAME_REGISTERS", "Settings", "tag"]

#: the registers that are latched at the start of an exposure, in the order of their addresses
FRAME_REGISTERS = tuple(register for register in CONTROL.values() if register.frame)


@functools.cache
def _acting(kind: Any, value: int) -> Any:
    """The member that `value` acts as: one without a meaning acts as 0."""
    return kind(value) if value in [member.value for member in kind] else kind(0)


def tag(values: Mapping[str, int], weights: Sequence[int], darks: Sequence[int]) -> int:
    """CRC-16 of a latched configuration. The same as `gateware.registers.tag`, 200 times as fast; a test holds them equal."""
    words: list[int] = []
    for register in FRAME_REGISTERS:
        words += register.to_words(values[register.name])
    for weight, dark in zip(weights, darks, strict=True):
        words += [int(weight) & 0xFFFF, int(dark) & 0xFFFF]
    return binascii.crc_hqx(struct.pack(f">{len(words)}H", *words), 0xFFFF)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Settings:
    """Everything that made a frame, but the scene.

    Parameters
    ----------
    registers : mapping
        Value of every latched register, by name, as an integer.
    weights, darks : tuple of int
        (w, dark) of each sub-pixel, raster order; 256 = 1.0, and LSB of 256.
    kernel : int
        Kernel of the bank.
    kernel_name : str
        Its name, as far as the host knows one, else ``""``.
    pedestal, mask : arrays or None
        The maps the host has loaded, over the frame: int16, bool.
    """

    registers: Mapping[str, int]
    weights: tuple[int, ...]
    darks: tuple[int, ...]
    kernel: int
    kernel_name: str = ""
    pedestal: np.ndarray | None = None
    mask: np.ndarray | None = None

    @functools.cached_property
    def tag(self) -> int:
        """What the device writes into the header of every slice taken with these settings."""
        return tag(self.registers, self.weights, self.darks)

    @property
    def threshold(self) -> int:
        """T, ADC LSB."""
        return self.registers["threshold"]

    @functools.cached_property
    def threshold_mode(self) -> ThresholdMode:
        """Sign of the edges."""
        return _acting(ThresholdMode, self.registers["threshold_mode"])

    @functools.cached_property
    def read(self) -> Read:
        """Which macro-pixels."""
        return _acting(Read, self.registers["read"])

    @functools.cached_property
    def mode(self) -> Mode:
        """What is sent, and how."""
        return _acting(Mode, self.registers["mode"])

    @functools.cached_property
    def tap(self) -> Tap:
        """Where the frame was asked to be taken; a device without taps takes it at OUT."""
        return _acting(Tap, self.registers["tap"])

    def passes(self, values: np.ndarray) -> np.ndarray:
        """Which of `values` are past the threshold (all of them at T = 0)."""
        t = self.threshold
        if t == 0:
            return np.ones(values.shape, bool)
        if self.threshold_mode is ThresholdMode.POS:
            return values >= t
        if self.threshold_mode is ThresholdMode.NEG:
            return values <= -t
        return np.abs(values) >= t

    def same(self, other: "Settings") -> bool:
        """Whether both would make the same frame of the same scene."""
        return (
            dict(self.registers) == dict(other.registers)
            and self.weights == other.weights
            and self.darks == other.darks
            and self.kernel == other.kernel
        )

    def to_dict(self) -> dict[str, Any]:
        """All of it but the maps, as plain values."""
        return {
            "tag": self.tag,
            "kernel": self.kernel,
            "kernel_name": self.kernel_name,
            "registers": dict(self.registers),
            "weights": list(self.weights),
            "darks": list(self.darks),
        }
