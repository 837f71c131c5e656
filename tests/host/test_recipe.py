# SPDX-License-Identifier: BSD-2-Clause
"""How a picture is to be taken: layers, checks, and back."""

import json

import numpy as np
import pytest

from macropix.gateware.wire import Read, Scene
from macropix.host.errors import UserError
from macropix.host.geometry import Geometry
from macropix.host.recipe import Recipe, from_toml

G = Geometry(rows=32, cols=32, border=1, macro=3)


def test_each_layer_overrules_the_one_before():
    like = Recipe(kernel="sobel_x", threshold="7", registers={"base": 100}).to_dict()
    recipe = Recipe.of(like, {"threshold": 9, "registers": {"noise_signal": 3}}, {"kernel": None, "gain": 2, "registers": {}})
    assert (recipe.kernel, recipe.threshold, recipe.gain) == ("sobel_x", "9", 2)
    assert recipe.registers == {"base": 100, "noise_signal": 3}


def test_it_survives_json():
    recipe = Recipe(image="a.png", mosaic=True, cds=False, scene_scale=0.5, page=2, registers={"base": 7})
    assert Recipe.of(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_toml(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text('kernel = "log"\nthreshold-mode = "pos"\nthreshold = 12\ncds = "off"\nscene-scale = 2\n[registers]\nnoise_signal = 4\n')
    recipe = Recipe.of(from_toml(path))
    assert (recipe.kernel, recipe.threshold_mode, recipe.threshold, recipe.cds, recipe.scene_scale) == ("log", "pos", "12", False, 2.0)
    assert recipe.settings(G)["noise_signal"] == 4
    path.write_text("kernel = ")
    with pytest.raises(UserError, match="is no TOML"):
        from_toml(path)
    path.write_text("registers = 3")
    with pytest.raises(UserError, match="registers must be a table"):
        from_toml(path)
    with pytest.raises(UserError, match="cannot read the settings file"):
        from_toml(tmp_path / "none.toml")


def test_strides():
    assert [Recipe(stride=stride).read(G) for stride in (0, 1, 3)] == [Read.SINGLE, Read.SLIDING, Read.TILES]
    with pytest.raises(UserError, match=r"no such stride on this array; expected 0 \(1 × 1\), 1 or 3, found 2"):
        Recipe(stride=2).read(G)


def test_settings_are_integers():
    settings = Recipe(mode="auto", threshold_mode="neg", registers={"scene_source": "prbs"}).settings(G)
    assert (settings["mode"], settings["threshold_mode"], settings["scene_source"]) == (2, 2, Scene.PRBS.value)
    assert all(type(value) is int for value in settings.values())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"frames": 0}, "the number of frames is out of range; expected at least 1, found 0"),
        ({"frames": -3}, "the number of frames is out of range"),
        ({"threshold": "5000"}, "the threshold is out of range"),
        ({"threshold": "much"}, "not a threshold"),
        ({"threshold_mode": "both"}, "threshold_mode can't be 'both'; expected one of abs, pos, neg"),
        ({"mode": "fast"}, "mode can't be 'fast'; expected one of raw, edge, auto"),
        ({"gain": 6}, "gain must be from 0 to 5"),
        ({"time": 4096}, "time must be from 0 to 4095"),
        ({"seed": -1}, "seed must be from 0"),
        ({"registers": {"basis": 3}}, r"register 'basis' cannot be set here; expected one of .*\(did you mean base\?\)"),
        ({"registers": {"threshold": 3}}, "it has an option of its own"),
        ({"registers": {"base": 4096}}, "base must be from 0 to 4095"),
    ],
)
def test_what_is_refused(fields, message):
    with pytest.raises(UserError, match=message):
        Recipe(**fields)


def test_unknown_and_mistyped_settings():
    with pytest.raises(UserError, match=r"unknown setting 'kernal' \(did you mean kernel\?\)"):
        Recipe.of({"kernal": "log"})
    with pytest.raises(UserError, match="setting gain has the wrong type; expected a whole number, found 'two'"):
        Recipe.of({"gain": "two"})
    with pytest.raises(UserError, match="setting frames has the wrong type"):
        Recipe.of({"frames": True})


def test_kernels_by_name_and_from_a_file(tmp_path):
    assert Recipe(kernel="laplacian").the_kernel(3).codes[1, 1] == 256
    path = tmp_path / "mine.csv"
    path.write_text("1,2,1\n0,0,0\n-1,-2,-1\n")
    np.testing.assert_array_equal(Recipe(kernel=str(path), kernel_scale="1/2").the_kernel(3).codes[0], [128, 256, 128])
    with pytest.raises(UserError, match="outside −2"):
        Recipe(kernel=str(path)).the_kernel(3)
    with pytest.raises(UserError, match=r"device.s macro-pixel 5 × 5; expected 5 × 5, found 3 × 3"):
        Recipe(kernel=str(path), kernel_scale="1/2").the_kernel(5)
    with pytest.raises(UserError, match="the kernel scale is not a number"):
        Recipe(kernel=str(path), kernel_scale="half").the_kernel(3)
    with pytest.raises(UserError, match="a kernel scale goes with a kernel file"):
        Recipe(kernel="log", kernel_scale="2").the_kernel(3)
    with pytest.raises(UserError, match="no kernel 'laplace'"):
        Recipe(kernel="laplace").the_kernel(3)
