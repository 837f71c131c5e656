# SPDX-License-Identifier: BSD-2-Clause
"""Kernels by name and from files: the integers, what is exact, and refusals that say what would fit."""

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import correlate

from macropix.host import kernels
from macropix.host.errors import UserError

#: as docs/numbers.md and the paper have them
CODES = {
    "identity": [[0, 0, 0], [0, 256, 0], [0, 0, 0]],
    "laplacian": [[-32, -32, -32], [-32, 256, -32], [-32, -32, -32]],
    "log": [[-16, -32, -16], [-32, 192, -32], [-16, -32, -16]],
    "mean": [[28, 28, 28], [28, 28, 28], [28, 28, 28]],
    "sobel_x": [[-128, 0, 128], [-256, 0, 256], [-128, 0, 128]],
    "sobel_y": [[-128, -256, -128], [0, 0, 0], [128, 256, 128]],
    "kirsch_n": [[160, 160, 160], [-96, 0, -96], [-96, -96, -96]],
    "kirsch_ne": [[-96, 160, 160], [-96, 0, 160], [-96, -96, -96]],
    "kirsch_e": [[-96, -96, 160], [-96, 0, 160], [-96, -96, 160]],
    "kirsch_se": [[-96, -96, -96], [-96, 0, 160], [-96, 160, 160]],
    "kirsch_s": [[-96, -96, -96], [-96, 0, -96], [160, 160, 160]],
    "kirsch_sw": [[-96, -96, -96], [160, 0, -96], [160, 160, -96]],
    "kirsch_w": [[160, -96, -96], [160, 0, -96], [160, -96, -96]],
    "kirsch_nw": [[160, 160, -96], [160, 0, -96], [-96, -96, -96]],
}


@pytest.mark.parametrize("name", CODES)
def test_codes(name):
    kernel = kernels.get(name)
    assert kernel.codes.tolist() == CODES[name]
    assert kernel.codes.dtype == np.int64
    assert kernel.exact == (name != "mean")
    assert kernel.sum == {"identity": 256, "mean": 252}.get(name, 0)
    assert kernel.macro == 3
    assert kernel.note
    assert name in repr(kernel)


def test_list():
    assert set(kernels.names()) == set(CODES)
    assert kernels.names(5) == ["identity", "log5"]


def test_log5():
    kernel = kernels.get("LoG5", 5)
    assert kernel.codes.tolist() == [
        [0, 0, -16, 0, 0], [0, -16, -32, -16, 0], [-16, -32, 256, -32, -16], [0, -16, -32, -16, 0], [0, 0, -16, 0, 0]
    ]  # fmt: skip
    assert kernel.exact
    assert kernel.sum == 0
    assert kernels.get("identity", 5).codes.sum() == kernels.get("identity", 5).codes[2, 2] == 256


def test_mean_states_its_error():
    mean = kernels.get("mean")
    assert mean.error == Fraction(1, 9) - Fraction(28, 256)
    assert abs(9 * 28 / 256 - 1) == pytest.approx(0.0156, abs=1e-4)
    assert abs(9 * 28 / 256 * 260 / 256 - 1) == pytest.approx(0.00024, abs=1e-5)


def test_an_8_bit_image_through_the_laplacian_is_exact(device):
    """y = 8 c − Σ n at g = 0, t = 256, as far as 12 bits go: through the device, against scipy."""
    image = np.random.default_rng(3).integers(0, 256, (12, 12))
    device.load_scene(image * 256)
    device.load_kernel(0, "laplacian")
    want = correlate(image, np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]), mode="constant")[2:-2, 2:-2]
    assert (device.snap().image == want).all()


@pytest.mark.parametrize("name", ["log", "log5"])
def test_y_of_1_is_the_paper_s_threshold(damaged, name):
    """The 16 of the LoG is a weight of 1, so y = (16 c − …) / 2 rounded up: y ≥ 1 exactly where 16 c − … ≥ 1."""
    from macropix.gateware.config import Config
    from macropix.host.device import Device

    side = 5 if name == "log5" else 3
    kernel = kernels.get(name, side)
    image = np.random.default_rng(4).integers(100, 108, (16, 16))
    whole = correlate(image, (kernel.weights * 16).astype(int), mode="constant")[
        1 + side // 2 : -1 - side // 2, 1 + side // 2 : -1 - side // 2
    ]
    with Device(damaged(Config(rows=16, cols=16, macro=side)), timeout=2) as device:
        device.load_scene(image * 256)
        device.load_kernel(0, name)
        frame = device.snap()
    assert (frame.image == (whole + 1) // 2).all()
    assert ((frame.image >= 1) == (whole >= 1)).all()


@pytest.mark.parametrize("name", ["Laplacian", "SOBEL-X", "kirsch-nw"])
def test_names_in_any_case(name):
    assert kernels.get(name).name == name.lower().replace("-", "_")


def test_unknown_name():
    with pytest.raises(UserError, match=r"no kernel 'laplace'; expected one of identity, .*, or a file \(did you mean laplacian\?\)"):
        kernels.get("laplace")
    with pytest.raises(UserError, match="kernel mean is 3 × 3, the device's macro-pixel 5 × 5"):
        kernels.get("mean", 5)


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".toml", 'weights = [[-1,-1,-1],[-1,8,-1],[-1,-1,-1]]\nscale = "1/8"\nname = "mine"\n'),
        (".csv", "# mine\n-1/8, -1/8, -1/8\n-0.125, 1, -0.125\n\n-1/8,-1/8,-1/8\n"),
        (".txt", "-1/8 -1/8 -1/8  # first\n-1/8 1.0 -1/8\n-1/8\t-1/8 -1/8\n"),
    ],
)
def test_files(tmp_path, suffix, text):
    path = tmp_path / f"mine{suffix}"
    path.write_text(text)
    kernel = kernels.from_file(path)
    assert kernel.codes.tolist() == CODES["laplacian"]
    assert kernel.name == "mine"
    assert kernel.exact


def test_npy_and_scale(tmp_path):
    path = tmp_path / "lap.npy"
    np.save(path, np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], np.int8))
    assert kernels.from_file(path, scale=Fraction(1, 8)).codes.tolist() == CODES["laplacian"]
    assert kernels.from_file(path, scale=0.125).codes.tolist() == CODES["laplacian"]


def test_inexact_codes_are_rounded_and_say_so():
    kernel = kernels.custom([[0.1] * 3] * 3)
    assert kernel.codes.tolist() == [[26] * 3] * 3
    assert not kernel.exact
    assert float(kernel.error) == pytest.approx(26 / 256 - 0.1)
    assert kernel.to_dict()["largest_error"] == pytest.approx(26 / 256 - 0.1)


@pytest.mark.parametrize(
    ("weights", "scale", "message"),
    [
        ([[0, 0, 0], [0, 2, 0], [0, 0, 0]], None, r"a weight of 2 is outside −2 … 511/256 \(--kernel-scale 1/2 fits\)"),
        ([[0, 0, 0], [0, -2.01, 0], [0, 0, 0]], None, "a weight of -2.01 is outside"),
        ([[0, 0, 0], [0, 8, 0], [0, -16, 0]], Fraction(1, 2), r"a weight of 4 is outside .*--kernel-scale 1/8 fits"),
        ([[1, 2, 3], [4, 5, 6]], None, "weights of the wrong shape; expected 3 × 3 or 5 × 5, found 2 × 3"),
        ([[1, 2, 3], [4, 5], [6]], None, "weights of the wrong shape"),
        ([[1] * 4] * 4, None, "found 4 × 4"),
        ([[float("nan")] * 3] * 3, None, "a weight or the scale is not a number"),
        ([[float("inf")] * 3] * 3, None, "a weight or the scale is not a number"),
        ([["x"] * 3] * 3, None, "a weight or the scale is not a number"),
    ],
)
def test_refusals(weights, scale, message):
    with pytest.raises(UserError, match=message):
        kernels.custom(weights, scale=scale)


def test_lowest_and_highest():
    kernel = kernels.custom([[-2, 511 / 256, 0]] * 3)
    assert kernel.codes.tolist() == [[-512, 511, 0]] * 3


def test_the_scale_it_names_fits():
    for worst in (2.0, -2.5, 7, 1000, -4096.5):
        with pytest.raises(UserError) as caught:
            kernels.custom([[0, 0, 0], [0, worst, 0], [0, 0, 0]])
        scale = Fraction((caught.value.hint or "").split()[1])
        kernels.custom([[0, 0, 0], [0, worst, 0], [0, 0, 0]], scale=scale)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("k.toml", b"scale = 1\n", "no key 'weights'"),
        ("k.toml", b"weights = 5\n", "weights are not a square of numbers"),
        ("k.toml", b"= nonsense", "can't be read as a kernel"),
        ("k.npy", b"nonsense", "can't be read as a kernel"),
        ("k.csv", b"1,2,3\n4,5,six\n7,8,9\n", "a weight or the scale is not a number"),
        ("k.csv", b"1,2,1/0\n4,5,6\n7,8,9\n", "a weight or the scale is not a number"),
        ("k.csv", b"", "weights of the wrong shape"),
        ("k.xlsx", b"", "not a kernel file; expected .toml, .csv, .txt or .npy, found .xlsx"),
    ],
)
def test_bad_files(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        kernels.from_file(path)


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        kernels.from_file(tmp_path / "none.csv")


def test_documented():
    """docs/numbers.md has every named kernel, with these integers."""
    text = (Path(__file__).parents[2] / "docs" / "numbers.md").read_text()
    rows = re.findall(r"^\| `(\w+)`(?: \(M = (5)\))? \| ([\d/]+) \| ([^|]+) \| (\d+) \| (yes|no)", text, re.MULTILINE)
    assert [(name, int(side or 3)) for name, side, *_ in rows if side] == [("log5", 5)]
    assert {name for name, side, *_ in rows if not side} == set(kernels.names())
    for name, side, scale, codes, total, exact in rows:
        kernel = kernels.get(name, int(side or 3))
        assert kernel.codes.tolist() == [[int(code.replace("−", "-")) for code in row.split()] for row in codes.split("/")], name
        assert (kernel.scale, kernel.sum, kernel.exact) == (Fraction(scale), int(total), exact == "yes"), name
