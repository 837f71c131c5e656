# SPDX-License-Identifier: BSD-2-Clause
"""Kernels as bias codes: the paper's by name, one's own from a file. A code of 256 is a weight of 1.

name or file ─► weights ─► × 256, whole numbers ─► Kernel.codes ─► bias bank
"""

import csv
import dataclasses
import difflib
import math
import tomllib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from macropix.host.errors import UserError

__all__ = ["PAPER", "Kernel", "available", "custom", "from_file", "get", "names", "padded", "sides"]

#: code of a weight of 1
UNIT = 256
#: the 3 × 3 kernels of the paper
PAPER = (
    "identity",
    "laplacian",
    "log",
    "mean",
    "sobel_x",
    "sobel_y",
    *(f"kirsch_{way}" for way in ("n", "ne", "e", "se", "s", "sw", "w", "nw")),
)
LOWEST, HIGHEST = -512, 511


@dataclasses.dataclass(frozen=True, eq=False)
class Kernel:
    """One setting of the biases of a macro-pixel.

    Parameters
    ----------
    name : str
        What it is called.
    codes : int64 array, (M, M)
        Weight of each sub-pixel in 1/256, laid over the pixels as written (a correlation: no flip).
    scale : Fraction
        What the textbook's kernel was multiplied by to get these weights.
    error : Fraction
        Largest difference between a weight and its code / 256; 0: exact.
    note : str
        Where it comes from.
    """

    name: str
    codes: np.ndarray
    scale: Fraction = Fraction(1)
    error: Fraction = Fraction(0)
    note: str = ""

    @property
    def macro(self) -> int:
        """Side of the macro-pixel."""
        return self.codes.shape[0]

    def fitting(self, macro: int) -> "Kernel":
        """This kernel. Raises UserError if it is not for macro-pixels of side `macro`."""
        if self.macro != macro:
            raise _misfit(self.name, self.macro, macro)
        return self

    @property
    def weights(self) -> np.ndarray:
        """Weight of each sub-pixel."""
        return self.codes / UNIT

    @property
    def exact(self) -> bool:
        """Every code is exactly its weight."""
        return self.error == 0

    @property
    def sum(self) -> int:
        """Sum of the codes: 0 for a kernel that sees no uniform light."""
        return int(self.codes.sum())

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "name": self.name,
            "macro": self.macro,
            "codes": self.codes.tolist(),
            "scale": str(self.scale),
            "exact": self.exact,
            "largest_error": float(self.error),
            "sum": self.sum,
            "note": self.note,
        }

    def __repr__(self) -> str:
        return f"<Kernel {self.name} {self.codes.tolist()}>"


def _misfit(name: str, side: int, macro: int) -> UserError:
    hint = f"a device built with macro={side} takes it; rtl:// and model:// build one by themselves"
    return UserError(
        f"kernel {name} is {side} × {side}, the device's macro-pixel {macro} × {macro}",
        expected=f"{macro} × {macro}",
        found=f"{side} × {side}",
        hint=hint,
    )


def custom(
    weights: Sequence[Sequence[Any]] | np.ndarray, *, name: str = "custom", scale: Fraction | float | int | None = None, note: str = ""
) -> Kernel:
    """The kernel with these weights times `scale` (default 1).

    Raises UserError if they aren't 3 × 3 or 5 × 5 finite numbers, or if one falls outside −2 … 511/256; the message names a scale that
    fits.
    """
    rows = [list(row) for row in weights]
    side = len(rows)
    if side not in (3, 5) or any(len(row) != side for row in rows):
        found = f"{side} × {'/'.join(sorted({str(len(row)) for row in rows}))}"
        raise UserError(f"kernel {name}: weights of the wrong shape", expected="3 × 3 or 5 × 5", found=found)
    try:
        exact = [Fraction(str(value)) if isinstance(value, str) else Fraction(value) for row in rows for value in _plain(row)]
        factor = Fraction(1) if scale is None else Fraction(scale)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
        raise UserError(f"kernel {name}: a weight or the scale is not a number", found=str(error)) from None
    scaled = [value * factor for value in exact]
    codes = [math.floor(value * UNIT + Fraction(1, 2)) for value in scaled]
    if any(not LOWEST <= code <= HIGHEST for code in codes):
        worst = next(value for value, code in zip(scaled, codes) if not LOWEST <= code <= HIGHEST)
        raise UserError(
            f"kernel {name}: a weight of {float(worst):g} is outside −2 … 511/256",
            hint=f"--kernel-scale {_fitting(exact)} fits",
        )
    error = max(abs(value - Fraction(code, UNIT)) for value, code in zip(scaled, codes))
    return Kernel(name, np.array(codes, np.int64).reshape(side, side), factor, error, note)


def _plain(row: Sequence[Any]) -> list[Any]:
    return [value.item() if isinstance(value, np.generic) else value for value in row]


def _fitting(weights: Sequence[Fraction]) -> Fraction:
    """The largest power of two that brings all of `weights` inside."""
    scale = Fraction(1)
    while scale > Fraction(1, 1 << 40) and any(not LOWEST <= math.floor(w * scale * UNIT + Fraction(1, 2)) <= HIGHEST for w in weights):
        scale /= 2
    return scale


def _kirsch() -> dict[str, list[list[int]]]:
    """Eight directions: three fives on the ring's side that the name says, five minus threes."""
    ring = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]  # clockwise from the upper left corner
    made = {}
    for step, direction in enumerate(("n", "ne", "e", "se", "s", "sw", "w", "nw")):
        kernel = [[0] * 3 for _ in range(3)]
        for place, (row, col) in enumerate(ring):
            kernel[row][col] = 5 if (place - step) % 8 < 3 else -3
        made[f"kirsch_{direction}"] = kernel
    return made


def _named() -> dict[tuple[str, int], Kernel]:
    identity = {side: [[int(r == c == side // 2) for c in range(side)] for r in range(side)] for side in (3, 5)}
    laplacian = [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]
    log = [[-1, -2, -1], [-2, 12, -2], [-1, -2, -1]]
    log5 = [[0, 0, -1, 0, 0], [0, -1, -2, -1, 0], [-1, -2, 16, -2, -1], [0, -1, -2, -1, 0], [0, 0, -1, 0, 0]]
    conventional = "the conventional image: only the centre is read (paper, row 4)"
    half, eighth, sixteenth = Fraction(1, 2), Fraction(1, 8), Fraction(1, 16)
    made = [
        custom(identity[3], name="identity", note=conventional),
        custom(identity[5], name="identity", note=conventional),
        custom(laplacian, name="laplacian", scale=eighth, note="centre 1, neighbours −1/8 (paper, row 3)"),
        custom(log, name="log", scale=sixteenth, note="3 × 3 LoG: the pixel less its binomial blur [1 2 1]ᵀ[1 2 1]/16 (paper, row 5)"),
        custom(log5, name="log5", scale=sixteenth, note="5 × 5 LoG: 16, −2, −1 (paper, row 5)"),
        custom([[1] * 3] * 3, name="mean", scale=Fraction(1, 9), note="28/256 each: 1.6 % low, 0.024 % with time 260 (paper, row 5)"),
        custom(
            [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], name="sobel_x", scale=half, note="half of Sobel's, bright to the right (paper, row 5)"
        ),
        custom([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], name="sobel_y", scale=half, note="half of Sobel's, bright below (paper, row 5)"),
    ]
    for name, kernel in _kirsch().items():
        made.append(custom(kernel, name=name, scale=eighth, note="an eighth of Kirsch's, bright on that side (paper, row 5)"))
    return {(kernel.name, kernel.macro): kernel for kernel in made}


_KERNELS = _named()


def names(macro: int = 3) -> list[str]:
    """Names of the kernels for a macro-pixel of `macro` × `macro`."""
    return [name for name, side in _KERNELS if side == macro]


def sides(name: str) -> list[int]:
    """Sides of the macro-pixel that a kernel called `name` is for; none if there is no such kernel."""
    key = name.lower().replace("-", "_")
    return [side for known, side in _KERNELS if known == key]


def available(macro: int) -> tuple[str, ...]:
    """Names that `padded` knows for macro-pixels of `macro` × `macro`: the paper's, and those made for this size."""
    return (*PAPER, *(name for name in names(macro) if name not in PAPER))


def padded(name: str, macro: int) -> Kernel:
    """The kernel called `name` on macro-pixels of `macro` × `macro`; a 3 × 3 one, where there is none of that size, in the middle of 0."""
    if macro in sides(name):
        return get(name, macro)
    kernel = get(name, 3)
    return dataclasses.replace(kernel, codes=np.pad(kernel.codes, (macro - 3) // 2))


def get(name: str, macro: int = 3) -> Kernel:
    """The kernel called `name`. Raises UserError if there is none, naming those there are."""
    key = name.lower().replace("-", "_")
    if (key, macro) in _KERNELS:
        return _KERNELS[key, macro]
    if elsewhere := sides(name):
        raise _misfit(name, elsewhere[0], macro)
    close = difflib.get_close_matches(key, names(macro), 1)
    raise UserError(
        f"no kernel {name!r}",
        expected=f"one of {', '.join(names(macro))}, or a file",
        hint=f"did you mean {close[0]}?" if close else None,
    )


def from_file(path: str | Path, scale: Fraction | float | int | None = None) -> Kernel:
    """The kernel in a file of weights.

    ``.toml``: ``weights = [[…], …]`` and perhaps ``name``, ``scale`` (a number or a text such as "1/8"), ``note``; ``.csv`` and ``.txt``:
    a row a line, separated by commas or blanks, fractions allowed, ``#`` begins a comment; ``.npy``: an array. `scale` goes before the
    file's own. Raises UserError if it can't be read, or as `custom`.
    """
    path = Path(path)
    name, note = path.stem, f"from {path.name}"
    try:
        if path.suffix == ".toml":
            with path.open("rb") as file:
                table = tomllib.load(file)
            weights, name, note = table["weights"], str(table.get("name", name)), str(table.get("note", note))
            scale = Fraction(str(table["scale"])) if scale is None and "scale" in table else scale
        elif path.suffix == ".npy":
            weights = np.load(path, allow_pickle=False)
        elif path.suffix in (".csv", ".txt"):
            weights = _rows(path.read_text())
        else:
            raise UserError(f"{path}: not a kernel file", expected=".toml, .csv, .txt or .npy", found=path.suffix or "no suffix")
    except KeyError as error:
        raise UserError(f"{path}: no key {error}", expected="weights = [[…], …]") from None
    except (OSError, ValueError, ZeroDivisionError) as error:
        raise UserError(f"{path}: can't be read as a kernel", found=getattr(error, "strerror", None) or str(error)) from None
    square = (
        weights.ndim == 2 if isinstance(weights, np.ndarray) else isinstance(weights, list) and all(isinstance(r, list) for r in weights)
    )
    if not square:
        raise UserError(f"{path}: weights are not a square of numbers")
    return custom(weights, name=name, scale=scale, note=note)


def _rows(text: str) -> list[list[str]]:
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    return [[part for cell in row for part in cell.split()] for row in csv.reader(line for line in lines if line)]
