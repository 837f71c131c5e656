# SPDX-License-Identifier: BSD-2-Clause
"""Photocurrents made in the die itself.

scene_source, scene_level, seed, shot ──► x[R, C]
"""

import numpy as np

from macropix.gateware.config import Config
from macropix.gateware.wire import Scene
from macropix.sim.golden.noise import PRBS, states

__all__ = ["test_scene"]


def test_scene(config: Config, source: Scene, level: int, seed: int, shot: int) -> np.ndarray:
    """The test scene `source`, uint16 (rows, cols).

    The ring that doesn't image is 0 in PRBS, and as the formula says in the others: nobody sees it.

    Raises
    ------
    ValueError
        For MEMORY, which is no test scene.
    """
    rows, cols, b = config.rows, config.cols, config.border
    index = np.arange(rows * cols).reshape(rows, cols)
    if source is Scene.RAMP:
        return ((index * 64) & 0xFFFF).astype(np.uint16)
    if source is Scene.CHECKER:
        odd = np.add.outer(np.arange(rows), np.arange(cols)) & 1
        return (odd * level).astype(np.uint16)
    if source is Scene.FLAT:
        return np.full((rows, cols), level, np.uint16)
    scene = np.zeros((rows, cols), np.uint16)
    if source is Scene.WALKING:
        at = (shot & 0xFFFF) & ((1 << (rows * cols - 1).bit_length()) - 1)
        scene[index == at] = level
        return scene
    if source is Scene.PRBS:
        h, v = config.image_rows, config.image_cols
        scene[b : b + h, b : b + v] = (states(seed, shot, 0, PRBS, h * v) & 0xFFFF).reshape(h, v)
        return scene
    raise ValueError(f"{source.name} is no test scene")


test_scene.__test__ = False  # pyright: ignore[reportFunctionMemberAccess] # not a test, whatever pytest thinks of its name
