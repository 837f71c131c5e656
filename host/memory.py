# SPDX-License-Identifier: BSD-2-Clause
"""What can be written into a device: registers, kernel bank, response table, maps and scene. Everything is read back.

load_scene, load_kernel … ─► words ─► WRITE … ─► READ, equal?
                                        └─► Mirror ─► settings of the frames to come
"""

import binascii
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from macropix.gateware.registers import (
    BIAS,
    BIAS_STRIDE,
    CONTROL,
    CONTROL_BASE,
    CONTROL_WORDS,
    DARK,
    PEDESTAL,
    SCENE,
    WEIGHT,
    Feature,
    Window,
)
from macropix.gateware.wire import MAX_WORDS, Op, Scene
from macropix.host import kernels
from macropix.host.command import Request
from macropix.host.errors import DeviceError, UserError
from macropix.host.link import Link
from macropix.host.mirror import Mirror, default_response
from macropix.host.registers import Registers
from macropix.host.settings import Settings
from macropix.host.status import Status

__all__ = ["Memory"]


class Memory:
    """The writing half of `Device`.

    Parameters
    ----------
    link : Link
        Claimed.
    info : Status
        What the device has told of itself.
    """

    def __init__(self, link: Link, info: Status):
        self.link = link
        self.info = info
        self.geometry = info.geometry
        self.mirror = Mirror(self.geometry)
        self.registers = Registers(self.link.read, self._write_control, self._control_words)
        self.scene: np.ndarray | None = None
        #: called with settings as they become known, before a frame can be taken with them
        self.on_settings: list[Callable[[Settings], None]] = []
        self._running = False
        self._read_back()

    @property
    def running(self) -> bool:
        """A capture is under way, as far as the host knows."""
        return self._running

    def _control_words(self, first: int, last: int) -> list[int]:
        return self.mirror.control[first - CONTROL_BASE : last - CONTROL_BASE]

    def _write_control(self, address: int, words: Sequence[int]) -> None:
        self._write([(address, list(words))])

    def _read_back(self) -> None:
        """Fills the mirror from the device."""
        blocks = [(CONTROL_BASE, CONTROL_WORDS), (BIAS.base, BIAS_STRIDE * self.geometry.kernels)]
        if self.info.features & Feature.RESPONSE_TABLE:
            blocks += [(WEIGHT.base, 1024), (DARK.base, 1024)]
        for base, count in blocks:
            self.mirror.apply(base, self.link.read(base, count))

    def _write(self, blocks: Sequence[tuple[int, Sequence[int]]], *, window: bool = False) -> None:
        """Writes words, one command for each block of at most 256, and keeps the mirror; while a capture runs, makes known the settings
        of every step on the way."""
        after = self.mirror.copy()
        requests: list[Request] = []
        for base, words in blocks:
            for start in range(0, len(words), MAX_WORDS):
                part = words[start : start + MAX_WORDS]
                requests.append((Op.WRITE, base + start, part, 0))
                after.apply(base + start, part)
                if self._running:
                    self._know(after)
        self.link.run(requests, in_flight=self.link.transport.in_flight if window else 1)
        self.mirror = after

    def _know(self, mirror: Mirror) -> None:
        for kernel in set(mirror.sequence):
            settings = mirror.settings(kernel)
            if not self.link.assembler.know(settings):
                raise DeviceError(
                    f"two configurations of one capture have the same tag 0x{settings.tag:04X}", hint="stop the capture first"
                )
            for listener in self.on_settings:
                listener(settings)

    def _write_window(self, window: Window, offset: int, words: np.ndarray, *, verify: bool = True) -> None:
        packed = (words.astype(np.int64) & 0xFFFF).tolist()
        self._write([(window.base + offset, packed)], window=True)
        mask = (1 << window.width) - 1
        if verify and [
            (one ^ other) & mask for one, other in zip(self.link.read(window.base + offset, len(packed)), packed) if (one ^ other) & mask
        ]:
            raise DeviceError(f"the {window.name} memory reads back other words than were written from {offset} on")

    def load_scene(self, scene: Any, *, verify: bool = True) -> None:
        """Loads the photocurrent of every pixel of the array, ring included, and makes it the scene.

        Parameters
        ----------
        scene : integer array, (rows, cols), 0 … 65535
            At unit bias.
        verify : bool
            Read it back and compare.

        A device with a streamed scene keeps none: there every exposure from now on is sent this one while it runs.
        """
        array = _integers("the scene", scene, (self.geometry.rows, self.geometry.cols), 0, 0xFFFF)
        if Feature.STREAMED_SCENE not in self.info.features:
            if array.size > 0x10000 - SCENE.base:
                raise UserError(
                    f"a scene of {array.shape[0]} × {array.shape[1]} is larger than the device's scene window",
                    expected=f"at most {0x10000 - SCENE.base} pixels",
                    hint="a device built with scene=streamed has no such limit",
                )
            self._write_window(SCENE, 0, array.reshape(-1), verify=verify)
        self.scene = array.astype(np.uint16)
        if self.mirror.value("scene_source") != Scene.MEMORY.value:
            self.registers.update(scene_source=Scene.MEMORY)

    def load_kernel(self, index: int, kernel: "kernels.Kernel | str | Any", *, name: str = "") -> None:
        """Loads a kernel of the bank: a `Kernel`, the name of one, or an (M, M) array of bias codes (256 = 1.0)."""
        macro = self.geometry.macro
        if not 0 <= index < self.geometry.kernels:
            raise UserError(f"the bank holds kernels 0 … {self.geometry.kernels - 1}, not {index}")
        if isinstance(kernel, str):
            kernel = kernels.get(kernel, macro)
        if isinstance(kernel, kernels.Kernel):
            name, kernel = name or kernel.name, kernel.codes
        codes = _integers("a kernel's codes", kernel, (macro, macro), -512, 511)
        before = self.mirror.names[index]
        self.mirror.names[index] = name
        try:
            self._write_window(BIAS, BIAS_STRIDE * index, codes.reshape(-1))
        except BaseException:
            self.mirror.names[index] = before
            raise

    def load_response(self, weights: Any = None, darks: Any = None) -> None:
        """Loads the response table: (w, dark) of bias code b at place b & 1023. None: as after reset (w = b; dark = 0)."""
        self._need(Feature.RESPONSE_TABLE, "response table")
        default = default_response()
        tables = [
            (window, _integers(f"the {window.name} table", reset if table is None else table, (1024,), -low, low - 1))
            for window, table, reset, low in ((WEIGHT, weights, default[0], 512), (DARK, darks, default[1], 2048))
        ]
        for window, words in tables:
            self._write_window(window, 0, words)

    def load_pedestal(self, pedestal: Any = None, mask: Any = None) -> None:
        """Loads and enables the pedestal (ADC LSB) and mask (true: masked) over the frame of the present `read`. None: without."""
        self._need(Feature.PEDESTAL_MAP, "pedestal map")
        shape = self.mirror.shape
        words = np.zeros(shape[0] * shape[1], np.int64)
        if pedestal is not None:
            words |= _integers("the pedestal", pedestal, shape, -2048, 2047).reshape(-1) & 0xFFF
        if mask is not None:
            words |= _integers("the mask", mask, shape, 0, 1).reshape(-1) << 15
        self._write_window(PEDESTAL, 0, words)
        self.mirror = self.mirror.copy()
        self.mirror.pedestal = None if pedestal is None else np.array(pedestal, np.int16)
        self.mirror.mask = None if mask is None else np.array(mask, np.bool_)
        self.registers.update(
            map_id=binascii.crc_hqx(struct.pack(f">{words.size}H", *words.tolist()), 0xFFFF),
            pedestal_enable=pedestal is not None,
            mask_enable=mask is not None,
        )

    def sequence(self, indices: Sequence[int]) -> None:
        """Kernels of one shot, in order: 1 … 8 places of the bank."""
        places = [int(index) for index in indices]
        if not 1 <= len(places) <= 8 or any(not 0 <= place < self.geometry.kernels for place in places):
            raise UserError(f"a sequence has 1 … 8 kernels of 0 … {self.geometry.kernels - 1}", found=str(places))
        word = sum(place << (3 * step) for step, place in enumerate(places))
        self.registers.update(sequence_length=len(places), sequence=word)

    def reset(self) -> None:
        """Every control register and the response table as after reset; the bank to zeros."""
        self.registers.update(**{name: register.reset for name, register in CONTROL.items()})
        if self.info.features & Feature.RESPONSE_TABLE:
            self.load_response()
        for index in range(self.geometry.kernels):
            self.load_kernel(index, np.zeros((self.geometry.macro, self.geometry.macro), np.int64))

    def _need(self, feature: Feature, words: str) -> None:
        if not self.info.features & feature:
            raise UserError(f"{self.link.transport.name} was built without a {words}")


def _integers(what: str, values: Any, shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
    """`values` as int64. Raises UserError if they aren't whole numbers of that shape and range."""
    array = np.asarray(values)
    if array.shape != shape:
        raise UserError(f"{what} has the wrong shape", expected=" × ".join(map(str, shape)), found=" × ".join(map(str, array.shape)))
    if array.dtype.kind not in "biu":
        raise UserError(f"{what} must hold whole numbers, not {array.dtype}")
    if array.size and not (low <= int(array.min()) and int(array.max()) <= high):
        raise UserError(f"{what} must hold {low} … {high}", found=f"{array.min()} … {array.max()}")
    return array.astype(np.int64)
