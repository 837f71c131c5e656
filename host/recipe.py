# SPDX-License-Identifier: BSD-2-Clause
"""How a picture is to be taken: everything a person can ask for, checked, and stored with what came of it.

defaults ◄── --like FILE.h5 ◄── --config FILE.toml ◄── command line        each overrules the one before
"""

import dataclasses
import difflib
import math
import tomllib
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from macropix.gateware.registers import CONTROL
from macropix.gateware.wire import Mode, Read, Scene, ThresholdMode
from macropix.host import kernels
from macropix.host.errors import UserError
from macropix.host.geometry import Geometry
from macropix.host.image import WHITE
from macropix.host.kernels import Kernel
from macropix.host.registers import to_integer
from macropix.host.threshold import Threshold

__all__ = ["Recipe", "from_toml"]

#: registers that have an option of their own, or that the run sets itself
_OWN = {"shots", "sequence_length", "sequence", "read", "mode", "threshold", "threshold_mode", "time", "gain", "cds", "seed", "map_id"}
_OWN |= {"pedestal_enable", "mask_enable", "tap", "lane_test"}
#: suffixes of kernel files
_KERNEL_FILES = (".toml", ".csv", ".txt", ".npy")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way to take a picture.

    Parameters
    ----------
    image : str or None
        Picture file to load as scene; None: the project's phantom, or what `registers` says of ``scene_source``.
    mosaic : bool
        Step the object so that an image larger than the array is covered.
    kernel : str
        Name of a kernel, or a file of weights.
    kernel_scale : str or None
        Factor on the weights of a kernel file, ``1/8``.
    threshold, threshold_mode, mode : str
        As on the command line: ``5%``; abs, pos, neg; raw, edge, auto.
    stride : int
        0: every pixel alone (1 × 1); 1: sliding; M: side by side.
    time : int (0 … 4095, 1/256)
    gain : int (0 … 5, octaves)
    cds : bool
    scene_scale : float
    invert : bool
    page : int or None
    seed : int (0 … 2^32 − 1)
        Of the device's noise and of the claim.
    frames : int (≥ 1)
        Frames of each tile.
    registers : mapping
        Any other control register that shapes a frame, by name.

    Raises
    ------
    UserError
        If a value is unknown or out of range.
    """

    image: str | None = None
    mosaic: bool = False
    kernel: str = "laplacian"
    kernel_scale: str | None = None
    threshold: str = "5%"
    threshold_mode: str = "abs"
    mode: str = "edge"
    stride: int = 1
    time: int = 256
    gain: int = 0
    cds: bool = True
    scene_scale: float = 1.0
    invert: bool = False
    page: int | None = None
    seed: int = 1
    frames: int = 1
    registers: Mapping[str, int | str] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if self.frames < 1:
            raise UserError("the number of frames is out of range", expected="at least 1", found=str(self.frames))
        Threshold.parse(self.threshold)
        if not (math.isfinite(self.scene_scale) and 0 < self.scene_scale <= WHITE):
            raise UserError("the scene scale is out of range", expected=f"above 0, at most {WHITE}", found=f"{self.scene_scale:g}")
        if self.page is not None and self.image is None:
            raise UserError("a page goes with an image file of several", hint="--image FILE")
        for name, value in self.registers.items():
            if name not in CONTROL or name in _OWN:
                known = sorted(name for name in CONTROL if name not in _OWN)
                close = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {close[0]}?" if close else None
                if name in _OWN:
                    hint = "it has an option of its own, or is not for a single picture"
                raise UserError(f"register {name!r} cannot be set here", expected=f"one of {', '.join(known)}", hint=hint)
            to_integer(CONTROL[name], value)
        for name in ("threshold_mode", "mode", "time", "gain", "seed"):
            to_integer(CONTROL[name], getattr(self, name))
        if self.test_scene and (self.image is not None or self.mosaic or self.invert or self.scene_scale != 1.0):
            raise UserError(
                "the device makes this scene itself: there is no picture to load, scale, invert or step",
                found=f"scene_source={self.registers['scene_source']}",
            )

    @property
    def test_scene(self) -> bool:
        """Whether the scene is one of the device's own, and no picture."""
        return to_integer(CONTROL["scene_source"], self.registers.get("scene_source", Scene.MEMORY.value)) != Scene.MEMORY.value

    @classmethod
    def of(cls, *layers: Mapping[str, Any]) -> "Recipe":
        """A recipe of layers, each overruling the ones before; None in a layer means: not said. ``registers`` are merged."""
        fields: dict[str, Any] = {}
        registers: dict[str, Any] = {}
        for layer in layers:
            unknown = layer.keys() - {field.name for field in dataclasses.fields(cls)}
            if unknown:
                name = min(unknown)
                close = difflib.get_close_matches(name, [field.name for field in dataclasses.fields(cls)], 1)
                raise UserError(f"unknown setting {name!r}", hint=f"did you mean {close[0]}?" if close else None)
            registers |= layer.get("registers") or {}
            fields |= {name: value for name, value in layer.items() if value is not None and name != "registers"}
        for field in dataclasses.fields(cls):
            if field.name in fields:
                fields[field.name] = _typed(field.name, field.default, fields[field.name])
        return cls(**fields, registers=registers)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values; `of` takes it back."""
        return {**dataclasses.asdict(self), "registers": dict(self.registers)}

    def read(self, geometry: Geometry) -> Read:
        """Which macro-pixels the stride means on an array."""
        reads = {0: Read.SINGLE, 1: Read.SLIDING, geometry.macro: Read.TILES}
        if self.stride not in reads:
            raise UserError("no such stride on this array", expected=f"0 (1 × 1), 1 or {geometry.macro}", found=str(self.stride))
        return reads[self.stride]

    def the_kernel(self, macro: int) -> Kernel:
        """The kernel asked for, by name or from a file."""
        if self._file:
            kernel = kernels.from_file(Path(self.kernel), scale=_fraction(self.kernel_scale))
        elif self.kernel_scale is not None:
            raise UserError("a kernel scale goes with a kernel file, not with a name", found=self.kernel)
        else:
            return kernels.get(self.kernel, macro)
        return kernel.fitting(macro)

    def sides(self) -> list[int]:
        """Sides of the macro-pixel that the kernel asked for is for: of a file, its own; none where there is no such kernel."""
        if self._file:
            return [kernels.from_file(Path(self.kernel), scale=_fraction(self.kernel_scale)).macro]
        return kernels.sides(self.kernel)

    @property
    def _file(self) -> bool:
        return self.kernel.endswith(_KERNEL_FILES) or "/" in self.kernel

    def settings(self, geometry: Geometry) -> dict[str, int]:
        """Every latched register this recipe sets, but the threshold."""
        own = {"read": self.read(geometry), "mode": Mode[self.mode.upper()], "threshold_mode": ThresholdMode[self.threshold_mode.upper()]}
        plain = {"time": self.time, "gain": self.gain, "cds": int(self.cds), "seed": self.seed}
        others = {name: to_integer(CONTROL[name], value) for name, value in self.registers.items()}
        return {**{name: kind.value for name, kind in own.items()}, **plain, **others}


def from_toml(path: str | Path) -> dict[str, Any]:
    """A layer from a TOML file: settings by the names of `Recipe`, dashes or underscores; ``[registers]`` a table of its own."""
    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise UserError(f"cannot read the settings file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no TOML: {error}") from error
    layer = {name.replace("-", "_"): value for name, value in table.items()}
    if not isinstance(layer.get("registers", {}), dict):
        raise UserError(f"{path}: registers must be a table", expected="[registers]")
    return layer


def _fraction(text: str | None) -> Fraction | None:
    if text is None:
        return None
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise UserError("the kernel scale is not a number", expected="a number or a fraction such as 1/8", found=repr(text)) from None


def _typed(name: str, default: Any, value: Any) -> Any:
    """`value` as a setting of that default's type; TOML and JSON may have it as another."""
    kind = {"image": str, "kernel_scale": str, "page": int}.get(name, type(default))
    if kind is bool and isinstance(value, str) and value in ("on", "off"):
        return value == "on"
    if kind is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        expected = {bool: "on or off", str: "a text", int: "a whole number", float: "a number"}[kind]
        raise UserError(f"setting {name} has the wrong type", expected=expected, found=repr(value))
    return value
