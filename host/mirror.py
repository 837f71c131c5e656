# SPDX-License-Identifier: BSD-2-Clause
"""What the host knows to be in the device's registers, bias bank and response table: enough to compute every tag itself.

every WRITE ─► Mirror.apply ─► Mirror.settings(kernel) ─► Settings, tag
"""

import copy
from collections.abc import Sequence

import numpy as np

from macropix.gateware.registers import BIAS, BIAS_STRIDE, CONTROL, CONTROL_BASE, CONTROL_WORDS, DARK, WEIGHT
from macropix.gateware.wire import Read
from macropix.host.geometry import Geometry
from macropix.host.settings import FRAME_REGISTERS, Settings

__all__ = ["Mirror", "default_response"]

_ENTRIES = 1024


def _signed(word: int, width: int) -> int:
    word &= (1 << width) - 1
    return word - (1 << width) if word >> (width - 1) else word


def default_response() -> tuple[np.ndarray, np.ndarray]:
    """The response table after reset, by code & 1023: w = b, dark = 0."""
    codes = np.arange(_ENTRIES, dtype=np.int64)
    return np.where(codes < _ENTRIES // 2, codes, codes - _ENTRIES), np.zeros(_ENTRIES, np.int64)


class Mirror:
    """Copy of everything that enters a tag. Starts at the reset values, with a bank of zeros.

    Parameters
    ----------
    geometry : Geometry
        Of the device.
    """

    def __init__(self, geometry: Geometry):
        self.geometry = geometry
        self.control = [word for register in CONTROL.values() for word in register.to_words(register.reset)]
        self.bias = [0] * (BIAS_STRIDE * geometry.kernels)
        self.weight, self.dark = (table.tolist() for table in default_response())
        self.names = [""] * geometry.kernels
        #: the maps as loaded, in the order of `map_id`'s words; None where the host has loaded none
        self.pedestal: np.ndarray | None = None
        self.mask: np.ndarray | None = None
        self._made: dict[int, Settings] = {}

    def copy(self) -> "Mirror":
        """A mirror to try a write on."""
        other = copy.copy(self)
        other.control, other.bias = list(self.control), list(self.bias)
        other.weight, other.dark, other.names = list(self.weight), list(self.dark), list(self.names)
        other._made = dict(self._made)
        return other

    def apply(self, address: int, words: Sequence[int]) -> None:
        """The device executes a WRITE of `words` from `address` on. What enters no tag (scene, maps) is passed over."""
        if CONTROL_BASE <= address < CONTROL_BASE + CONTROL_WORDS:
            self.control[address - CONTROL_BASE : address - CONTROL_BASE + len(words)] = [int(word) for word in words]
            self._made.clear()
            return
        for base, table, width in ((BIAS.base, self.bias, BIAS.width), (WEIGHT.base, self.weight, 10), (DARK.base, self.dark, 12)):
            if base <= address < base + len(table):
                table[address - base : address - base + len(words)] = [_signed(int(word), width) for word in words]
                self._made.clear()
                return

    def value(self, name: str) -> int:
        """Value of a control register."""
        register = CONTROL[name]
        at = register.address - CONTROL_BASE
        return register.from_words(self.control[at : at + register.words])

    def values(self) -> dict[str, int]:
        """Every control register by name."""
        return {name: self.value(name) for name in CONTROL}

    def codes(self, kernel: int) -> list[int]:
        """Bias codes of a kernel, raster order; zeros of one that the bank does not hold."""
        if kernel >= self.geometry.kernels:
            return [0] * self.geometry.macro**2
        return self.bias[BIAS_STRIDE * kernel : BIAS_STRIDE * kernel + self.geometry.macro**2]

    @property
    def sequence(self) -> list[int]:
        """Kernels of one shot."""
        steps, kernels = self.value("sequence_length"), self.value("sequence")
        return [(kernels >> (3 * step)) & 7 for step in range(steps)]

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the frames of the present `read`."""
        return self.geometry.shape(Read(self.value("read")))

    def settings(self, kernel: int) -> Settings:
        """What a frame of `kernel` would be taken with now. The same object until something changes."""
        if kernel not in self._made:
            codes = self.codes(kernel)
            maps = [one if one is not None and one.shape == self.shape else None for one in (self.pedestal, self.mask)]
            self._made[kernel] = Settings(
                registers={register.name: self.value(register.name) for register in FRAME_REGISTERS},
                weights=tuple(self.weight[code % _ENTRIES] for code in codes),
                darks=tuple(self.dark[code % _ENTRIES] for code in codes),
                kernel=kernel,
                kernel_name=self.names[kernel] if kernel < len(self.names) else "",
                pedestal=maps[0],
                mask=maps[1],
            )
        return self._made[kernel]
