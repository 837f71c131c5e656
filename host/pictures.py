# SPDX-License-Identifier: BSD-2-Clause
"""Where the scene of a run comes from: a file, the phantom, an earlier run; or a test scene of the device's own.

Recipe ──► Picture or None            run.h5 ──► Recipe and Picture
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from macropix.host.errors import UserError
from macropix.host.geometry import Geometry
from macropix.host.image import Picture, read_image
from macropix.host.recipe import Recipe

__all__ = ["Earlier", "of_like", "of_recipe"]


@dataclasses.dataclass(frozen=True)
class Earlier:
    """A run that is to be repeated."""

    url: str
    recipe: dict[str, Any]
    picture: Picture | None


def of_recipe(recipe: Recipe, geometry: Geometry | None = None) -> Picture | None:
    """The picture `recipe` asks for: its file; the phantom, at the array's size unless it is to be a mosaic; None for a test scene."""
    if recipe.image is not None:
        return read_image(recipe.image, scale=recipe.scene_scale, invert=recipe.invert, page=recipe.page)
    if str(recipe.registers.get("scene_source", "memory")).lower() not in ("memory", "0"):
        return None
    from macropix.host.phantom import phantom

    if recipe.mosaic or geometry is None:
        return phantom(seed=recipe.seed)
    return phantom(geometry.rows, geometry.cols, seed=recipe.seed)


def of_like(path: str | Path) -> Earlier:
    """URL, recipe and picture of the run in a capture file. Raises UserError if it holds none."""
    from macropix.host.store.hdf5 import CaptureFile

    with CaptureFile(path) as file:
        recipe = file.facts.get("recipe")
        if not isinstance(recipe, dict):
            raise UserError(f"{path} does not say how it was taken", expected="a file of macropix capture or demo")
        image = file.scene if "scene/image" in file.file else None
        picture = None if image is None else Picture(np.asarray(image, np.uint16), 16, file.scene_facts)
        return Earlier(str(file.attributes().get("url", "")), recipe, picture)
