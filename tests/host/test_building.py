# SPDX-License-Identifier: BSD-2-Clause
"""A kernel that needs other macro-pixels gets them where the backend builds its gateware, and the user is told; elsewhere an error is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import macropix.host
from macropix.host import kernels
from macropix.host.building import for_kernel
from macropix.host.errors import UserError
from macropix.host.image import read_image
from macropix.host.recipe import Recipe
from macropix.host.run import Run

BIN = Path(sys.executable).parent / "macropix"
X1 = Path(__file__).parents[2].parent / "shared" / "images" / "baggage" / "X1.png"


@pytest.mark.parametrize(
    ("url", "name", "opened"),
    [
        ("rtl://", "log5", "rtl://?macro=5"),
        ("model://?", "log5", "model://?macro=5"),
        ("model://?rows=8&cols=9", "LoG5", "model://?rows=8&cols=9&macro=5"),
        ("model://?macro=5", "log5", "model://?macro=5"),
        ("model://?macro=5", "identity", "model://?macro=5"),
        ("model://", "identity", "model://"),
        ("model://", "laplacian", "model://"),
        ("model://", "no such kernel", "model://"),
        ("serial:///dev/ttyUSB0", "log5", "serial:///dev/ttyUSB0"),
        ("tcp://there:5000", "log5", "tcp://there:5000"),
    ],
)
def test_the_url_that_is_opened(url, name, opened):
    found, notes = for_kernel(url, name, kernels.sides(name))
    assert found == opened
    assert len(notes) == (found.rstrip("?") != url.rstrip("?"))
    assert all("5 × 5" in note and "macro=5" in note and name in note for note in notes)


def test_a_url_that_says_otherwise():
    with pytest.raises(UserError, match=r"log5 is 5 × 5, but model://\?macro=3 asks for macro-pixels of 3 × 3"):
        for_kernel("model://?macro=3", "log5", [5])


def test_a_device_that_is_as_it_is(tmp_path):
    (tmp_path / "wide.txt").write_text("\n".join(["0 0 1 0 0"] * 5))
    assert Recipe(kernel=str(tmp_path / "wide.txt")).sides() == [5]
    with macropix.host.open("model://") as device:
        for name in ("log5", str(tmp_path / "wide.txt")):
            with pytest.raises(UserError, match=r"5 × 5, the device's macro-pixel 3 × 3.*macro=5 takes it"):
                Run(device, Recipe(kernel=name), None)


def test_the_command_says_so(tmp_path):
    command = [BIN, "capture", "--url", "model://", "--kernel", "log5", "--threshold", "8", "--check", "-o"]
    done = subprocess.run([*command, "a.h5"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr == "note: kernel log5 is 5 × 5: model:// builds the gateware with macro-pixels of that size (macro=5)\n"
    done = subprocess.run([*command, "b.h5", "--json"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
    told = json.loads(done.stdout)
    assert (done.stderr, len(told["notes"]), told["url"]) == ("", 1, "model://?macro=5")
    assert (told["pixels_compared"], told["pixels_differing"]) == (26 * 26, 0)
    again = subprocess.run([BIN, "capture", "--like", "b.h5", "-o", "c.h5", "--json"], cwd=tmp_path, capture_output=True, timeout=120)
    assert json.loads(again.stdout)["pixels_sent"] == told["pixels_sent"] > 0


@pytest.mark.skipif(not X1.is_file(), reason=f"{X1} is not there")
def test_the_paper_s_own_definition_of_a_sent_pixel():
    """48.9 % of the pen case: LoG, y ≥ 1 (issue 3)."""
    recipe = Recipe(mosaic=True, kernel="log5", threshold="1", threshold_mode="pos")
    url, _ = for_kernel("model://", recipe.kernel, recipe.sides())
    with macropix.host.open(url, seed=3) as device:
        taken = Run(device, recipe, read_image(X1).scene).take(check=True)
    assert round(100 * taken.pixels_sent / taken.pixels_total, 1) == 48.9
    assert taken.check.differing == 0
