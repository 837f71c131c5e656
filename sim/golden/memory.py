# SPDX-License-Identifier: BSD-2-Clause
"""The register bus: control block and windows of one device.

address ── there? ──► control words, bias, response table, pedestal map, scene
"""

import numpy as np

from macropix.gateware.config import Config
from macropix.gateware.registers import (
    BIAS,
    BIAS_STRIDE,
    CONTROL,
    CONTROL_BASE,
    CONTROL_WORDS,
    DARK,
    PEDESTAL,
    SCENE,
    STATUS_BASE,
    STATUS_WORDS,
    WEIGHT,
    WINDOWS,
    Window,
)
from macropix.sim.golden.bias import lookup

__all__ = ["Memory"]

#: bits of the pedestal map that are stored: mask and pedestal
_MAP = 0x8FFF
#: addresses there are
_SPACE = 1 << 16


def _signed(words: np.ndarray, width: int) -> np.ndarray:
    half = 1 << (width - 1)
    return ((words.astype(np.int64) & (2 * half - 1)) ^ half) - half


def _size(window: Window, config: Config) -> int:
    """Words of a window that have an address."""
    end = min((other.base for other in WINDOWS.values() if other.base > window.base), default=_SPACE)
    return min(window.depth(config), end - window.base)


class Memory:
    """Everything a WRITE can change, as the device stores it.

    Parameters
    ----------
    config : Config
    """

    def __init__(self, config: Config):
        self._config = config
        self._masks = np.zeros(CONTROL_WORDS, np.uint16)
        self._control = np.zeros(CONTROL_WORDS, np.uint16)
        for register in CONTROL.values():
            at = register.address - CONTROL_BASE
            for i in range(register.words):
                self._masks[at + i] = min((1 << register.width) - 1 >> 16 * i, 0xFFFF)
                self._control[at + i] = register.reset >> 16 * i & int(self._masks[at + i])
        self._sizes = {window.name: _size(window, config) for window in WINDOWS.values()}
        self._blocks = [(STATUS_BASE, STATUS_WORDS), (CONTROL_BASE, CONTROL_WORDS)]
        self._blocks += [(WEIGHT.base, self._sizes[WEIGHT.name] + self._sizes[DARK.name])]
        self._blocks += [(window.base, self._sizes[window.name]) for window in (BIAS, PEDESTAL, SCENE)]
        self._words = {window.name: np.zeros(window.depth(config), np.uint16) for window in WINDOWS.values()}
        if config.response_table:
            self._words["weight"][:] = np.arange(1024)

    def there(self, address: int, words: int) -> bool:
        """Whether every one of `words` addresses from `address` on exists, all in one block; WEIGHT and DARK are one."""
        return any(base <= address and address + words <= base + size for base, size in self._blocks)

    def _each(self, address: int, words: int):
        """(what, first index, words, how far into the transfer) of each block touched."""
        for window in WINDOWS.values():
            low, high = max(address, window.base), min(address + words, window.base + self._sizes[window.name])
            if low < high:
                yield window, low - window.base, high - low, low - address

    def write(self, address: int, words: np.ndarray) -> None:
        """Store `words`: the bits of each register's width, no others. Every address must be there."""
        if CONTROL_BASE <= address < CONTROL_BASE + CONTROL_WORDS:
            at = address - CONTROL_BASE
            self._control[at : at + words.size] = words & self._masks[at : at + words.size]
        for window, at, count, done in self._each(address, words.size):
            part = words[done : done + count]
            self._words[window.name][at : at + count] = part & (_MAP if window is PEDESTAL else (1 << window.width) - 1)

    def read(self, address: int, words: int) -> np.ndarray:
        """`words` words from control block or windows, sign-extended where they are signed."""
        if CONTROL_BASE <= address < CONTROL_BASE + CONTROL_WORDS:
            block: list[int] = []
            for register in CONTROL.values():
                value = self.register(register.name)
                block += [value >> 16 * i & 0xFFFF for i in range(register.words)]
            at = address - CONTROL_BASE
            return np.array(block[at : at + words], np.uint16)
        out = np.zeros(words, np.uint16)
        for window, at, count, done in self._each(address, words):
            stored = self._words[window.name][at : at + count]
            out[done : done + count] = (_signed(stored, window.width) & 0xFFFF) if window.signed else stored
        return out

    def register(self, name: str) -> int:
        """A control register's value as stored."""
        register = CONTROL[name]
        at = register.address - CONTROL_BASE
        return register.from_words(self._control[at : at + register.words].tolist())

    def registers(self) -> dict[str, int]:
        """Every control register as stored."""
        return {name: self.register(name) for name in CONTROL}

    def response(self, kernel: int) -> tuple[np.ndarray, np.ndarray]:
        """(w, dark) of `kernel`; a kernel that isn't in the bank has all codes 0."""
        codes = np.zeros(self._config.subpixels, np.int64)
        if kernel < self._config.kernels:
            bank = self._words[BIAS.name][BIAS_STRIDE * kernel :]
            codes = _signed(bank[: self._config.subpixels], BIAS.width)
        if not self._config.response_table:
            return lookup(codes)
        return lookup(codes, _signed(self._words[WEIGHT.name], WEIGHT.width), _signed(self._words[DARK.name], DARK.width))

    @property
    def scene(self) -> np.ndarray:
        """uint16 (rows, cols)."""
        return self._words[SCENE.name].reshape(self._config.rows, self._config.cols)

    @property
    def maps(self) -> tuple[np.ndarray, np.ndarray]:
        """Pedestal (int64) and mask (bool), by macro-pixel number; empty where there is no map."""
        words = self._words[PEDESTAL.name]
        return _signed(words, 12), words >> 15 == 1
