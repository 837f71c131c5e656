# SPDX-License-Identifier: BSD-2-Clause
"""Test scenes by their formulas."""

import numpy as np
import pytest

from macropix.gateware.config import Config
from macropix.gateware.wire import Scene
from macropix.sim.golden import noise
from macropix.sim.golden import scene as golden

CONFIG = Config(rows=9, cols=12, border=2)


def make(source: Scene, *, level=1000, seed=7, shot=0) -> np.ndarray:
    scene = golden.test_scene(CONFIG, source, level, seed, shot)
    assert scene.dtype == np.uint16
    assert scene.shape == (9, 12)
    return scene


def test_ramp():
    scene = make(Scene.RAMP)
    assert scene[0, :3].tolist() == [0, 64, 128]
    assert scene[3, 5] == (3 * 12 + 5) * 64
    large = golden.test_scene(Config(rows=64, cols=64), Scene.RAMP, 0, 0, 0)
    assert large[16, 1] == 64


def test_checker_and_flat():
    assert make(Scene.CHECKER)[:2, :3].tolist() == [[0, 1000, 0], [1000, 0, 1000]]
    assert np.unique(make(Scene.FLAT, level=65535)).tolist() == [65535]


@pytest.mark.parametrize(("shot", "at"), [(0, 0), (107, 107), (128 + 5, 5), (0x10000 + 3, 3)])
def test_walking(shot, at):
    scene = make(Scene.WALKING, shot=shot)
    assert np.flatnonzero(scene).tolist() == [at]
    assert scene.flat[at] == 1000


def test_walking_is_dark_beyond_the_last_pixel():
    assert not make(Scene.WALKING, shot=108).any()
    assert not make(Scene.WALKING, shot=127).any()


def test_prbs_steps_behind_every_imaging_pixel():
    scene = make(Scene.PRBS, shot=3)
    states = noise.states(7, 3, 0, noise.PRBS, 5 * 8)
    assert scene[2:7, 2:10].ravel().tolist() == (states & 0xFFFF).tolist()


def test_memory_is_no_test_scene():
    with pytest.raises(ValueError, match="MEMORY is no test scene"):
        make(Scene.MEMORY)
