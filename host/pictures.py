# SPDX-License-Identifier: BSD-2-Clause
"""Where the scene of a run comes from: a file, the phantom, an earlier run; or a test scene of the device's own.

Recipe ──► Picture or None            run.h5 ──► Recipe and Picture
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from macropix.host.errors import UserError
from macropix.host.geometry import Geometry
from macropix.host.image import Picture, justify, read_image
from macropix.host.kernels import Kernel
from macropix.host.picture.samples import Samples
from macropix.host.recipe import Recipe

__all__ = ["Earlier", "of_like", "of_recipe"]


@dataclasses.dataclass(frozen=True)
class Earlier:
    """A run that is to be repeated."""

    path: Path
    url: str
    recipe: dict[str, Any]
    picture: Picture | None
    kernel: Kernel | None

    def kept(self, *layers: Mapping[str, Any]) -> tuple[Picture | None, Kernel | None]:
        """Picture and kernel of the run, each None where one of `layers`, which overrule its recipe, names another.

        Raises UserError if a layer wants the picture another way than it was stored.
        """
        said = {name for layer in layers for name, value in layer.items() if value is not None}
        kernel = None if said & {"kernel", "kernel_scale"} else self.kernel
        if self.picture is None or "image" in said:
            return None, kernel
        for name in ("scene_scale", "invert", "page"):
            for value in (layer.get(name) for layer in layers):
                if value is not None and value != self.recipe.get(name):
                    raise UserError(
                        f"the picture in {self.path} is stored as it was taken: {name.replace('_', ' ')} cannot change any more",
                        found=f"{value}, taken with {self.recipe.get(name)}",
                        hint="give --image FILE too",
                    )
        return self.picture, kernel


def of_recipe(recipe: Recipe, geometry: Geometry | None = None) -> Picture | None:
    """The picture `recipe` asks for: its file; the phantom, at the array's size unless it is to be a mosaic; None for a test scene."""
    if recipe.image is not None:
        return read_image(recipe.image, scale=recipe.scene_scale, invert=recipe.invert, page=recipe.page)
    if recipe.test_scene:
        return None
    from macropix.host.phantom import phantom

    small = () if recipe.mosaic or geometry is None else (geometry.rows, geometry.cols)
    drawn = phantom(*small, seed=recipe.seed)
    if recipe.scene_scale == 1.0 and not recipe.invert:
        return drawn
    return justify(Samples(drawn.scene, 16), scale=recipe.scene_scale, invert=recipe.invert, facts=drawn.facts)


def of_like(path: str | Path) -> Earlier:
    """URL, recipe and picture of the run in a capture file. Raises UserError if it holds none."""
    from macropix.host.store.hdf5 import CaptureFile

    with CaptureFile(path) as file:
        recipe = file.facts.get("recipe")
        if not isinstance(recipe, dict):
            raise UserError(f"{path} does not say how it was taken", expected="a file of macropix capture or demo")
        image = file.scene if "scene/image" in file.file else None
        picture = None if image is None else Picture(np.asarray(image, np.uint16), 16, file.scene_facts)
        name, codes = file.kernels.get(0, ("", None))
        kernel = None if codes is None else Kernel(name, np.asarray(codes, np.int64), note=f"from {path}")
        return Earlier(Path(path), str(file.attributes().get("url", "")), recipe, picture, kernel)
