# SPDX-License-Identifier: BSD-2-Clause
"""Scenes to measure on: made by us, or the radiographs of a folder.

steps · phantom · pictures of a folder ──► name, photocurrent u16
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from macropix.host.errors import UserError
from macropix.host.image import WHITE, read_image
from macropix.host.phantom import phantom

__all__ = ["SHARES", "pictures", "steps", "synthetic"]

#: shares of the pixels at which everything is measured
SHARES = (0.05, 0.10, 0.25, 0.50)
#: largest side of a device
_SIDE = 2048


def steps(rows: int, cols: int, seed: int) -> np.ndarray:
    """Steps of several heights under noise, u16 (rows, cols): any share of the pixels can be asked for."""
    random = np.random.default_rng(seed)
    heights = random.integers(8_000, 56_000, (rows // 6 + 1, cols // 6 + 1)).repeat(6, 0).repeat(6, 1)[:rows, :cols]
    return (heights + random.normal(0, 400, (rows, cols))).clip(0, WHITE).astype(np.uint16)


def synthetic(rows: int, cols: int, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Our own scenes of a size: (name, scene)."""
    yield "steps", steps(rows, cols, seed)
    yield "phantom", phantom(rows, cols, seed).scene


def pictures(folder: str | Path) -> Iterator[tuple[str, np.ndarray]]:
    """Every picture below `folder` that can be read, its middle if it is larger than a device can be: (name, scene).

    Raises UserError if there is no such folder, or no picture in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    found = 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            scene = read_image(path).scene
        except UserError:
            continue
        top, left = (max(0, side - _SIDE) // 2 for side in scene.shape)
        found += 1
        yield str(path.relative_to(folder)), np.ascontiguousarray(scene[top : top + _SIDE, left : left + _SIDE])
    if not found:
        raise UserError(f"no file in {folder} is a picture")
