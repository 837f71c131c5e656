# SPDX-License-Identifier: BSD-2-Clause
"""Every command over the golden model: what it says, in which form, with which exit status."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from macropix.host.store.hdf5 import CaptureFile

BIN = Path(sys.executable).parent / "macropix"
X1 = Path(__file__).parents[2].parent / "shared" / "images" / "baggage" / "X1.png"
LEDGER = {"produced", "sent", "received", "lost", "dropped"}


def test_the_program_itself():
    done = subprocess.run([BIN, "--version"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["macropix", "protocol", "file_format"]
    done = subprocess.run([BIN, "--version", "--json"], capture_output=True, text=True, timeout=60, check=False)
    assert json.loads(done.stdout)["protocol"] == "1.0"
    done = subprocess.run([BIN], capture_output=True, text=True, timeout=60, check=False)
    assert "demo" in done.stdout
    assert done.returncode == 2


def test_help_imports_nothing_heavy():
    heavy = {"numpy", "h5py", "numba", "amaranth", "rich.progress"}
    code = f"import sys; from macropix.host.cli.app import run; run(['--help']); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", [(), ("demo",), ("info",), ("capture",), ("decode",), ("verify",), ("kernel",), ("kernel", "set")])
def test_help(say, command):
    status, out, err = say(*command, "--help")
    assert (status, err) == (0, "")
    assert "Usage" in out
    if command and command != ("kernel", "set"):
        assert "macropix" in out.split("xamples", 1)[1], "examples"


def test_demo(told, tmp_path, picture):
    status, found = told("demo", "--url", "model://", "--image", picture, "--out", tmp_path / "demo")
    assert status == 0
    assert found["pixels_differing"] == 0
    assert found["pixels_compared"] == 2 * 50 * 70
    assert set(found["ledger"]) == LEDGER
    assert found["ledger"]["lost"] == found["ledger"]["dropped"] == 0
    assert found["ledger"]["produced"] == found["conventional"]["tiles"] + found["edges"]["tiles"]
    assert found["bytes_raw"] > found["bytes_jpegls"] > 0
    assert Path(found["report"]).is_file()
    edges = tifffile.imread(tmp_path / "demo" / "edges.tif")
    assert edges.shape == (50, 70)
    assert np.count_nonzero(edges) <= found["pixels_sent"]
    with Image.open(tmp_path / "demo" / "sent.png") as sent:
        assert (np.asarray(sent) > 0).sum() == found["pixels_sent"]


def test_demo_of_the_phantom_ends_with_a_table(say, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = say("demo", "--url", "model://")
    assert (status, err) == (0, "")
    assert "0 of 148,480 pixels differ" in out
    assert "macropix-demo/report.html" in out
    assert (tmp_path / "macropix-demo" / "report.html").is_file()


def test_capture(told, tmp_path, picture):
    out = tmp_path / "a.h5"
    arguments = ("--kernel", "sobel_x", "--threshold", "20", "--threshold-mode", "neg", "--mode", "auto", "--stride", 3, "--time", 300)
    more = ("--gain", 1, "--cds", "off", "--scene-scale", 0.5, "--invert", "--seed", 9, "--frames", 2, "--set", "noise_signal=5")
    status, found = told("capture", "--url", "model://", "--image", picture, "--mosaic", *arguments, *more, "-o", out, "--check")
    assert status == 0
    keys = {"bytes_on_wire", "bytes_raw", "pixels_sent", "pixels_total", "threshold_lsb", "threshold_source", "seconds", "build_seconds"}
    assert keys | {"ledger", "pixels_compared", "pixels_differing"} <= set(found)
    assert set(found["ledger"]) == LEDGER
    assert (found["threshold_lsb"], found["threshold_source"]) == (20, "20 ADC LSB")
    assert found["pixels_differing"] == 0
    assert found["pixels_compared"] > 0
    with CaptureFile(out) as file:
        registers = file[0].settings.registers
        assert (registers["time"], registers["gain"], registers["cds"], registers["seed"], registers["noise_signal"]) == (300, 1, 0, 9, 5)
        assert file[0].kernel_name == "sobel_x"
        assert file.scene_facts["rules"] == ["invert", "scene-scale"]
        assert len(file) == 2 * found["tiles"]


def test_capture_without_check_has_no_comparison(told, tmp_path):
    status, found = told("capture", "--url", "model://", "-o", tmp_path / "a.h5")
    assert status == 0
    assert "pixels_compared" not in found
    assert found["pixels_total"] == 784


@pytest.mark.parametrize(("stride", "pixels"), [(0, 900), (1, 784), (3, 100)])
def test_strides(told, tmp_path, stride, pixels):
    status, found = told("capture", "--url", "model://", "--stride", stride, "--threshold", 1, "-o", tmp_path / "a.h5", "--check")
    assert (status, found["pixels_total"], found["pixels_differing"]) == (0, pixels, 0)


def test_capture_like(told, recorded, tmp_path):
    status, found = told("capture", "--like", recorded, "-o", tmp_path / "again.h5", "--check")
    assert (status, found["url"], found["pixels_differing"]) == (0, "model://", 0)
    with CaptureFile(recorded) as first, CaptureFile(tmp_path / "again.h5") as again:
        assert b"".join(first.raw()) == b"".join(again.raw()), "same seed and configuration, same bytes"
        np.testing.assert_array_equal(first.scene, again.scene)
    status, found = told("capture", "--like", recorded, "--threshold", 99, "-o", tmp_path / "other.h5")
    assert found["threshold_lsb"] == 99


def test_capture_with_a_settings_file(told, tmp_path):
    (tmp_path / "run.toml").write_text('kernel = "log"\nthreshold = "33"\nstride = 3\n[registers]\nscene_source = "prbs"\n')
    status, found = told(
        "capture", "--url", "model://", "--config", tmp_path / "run.toml", "--stride", 1, "-o", tmp_path / "a.h5", "--check"
    )
    assert (status, found["kernel"], found["threshold_lsb"], found["pixels_total"]) == (0, "log", 33, 784)


def test_capture_with_a_kernel_file(told, tmp_path):
    (tmp_path / "mine.csv").write_text("0 -1 0\n-1 4 -1\n0 -1 0\n")
    arguments = ("--kernel", tmp_path / "mine.csv", "--kernel-scale", "1/4", "-o", tmp_path / "a.h5", "--check")
    status, found = told("capture", "--url", "model://", *arguments)
    assert (status, found["kernel"], found["pixels_differing"]) == (0, "mine", 0)


@pytest.mark.skipif(not X1.is_file(), reason=f"{X1} is not there")
def test_the_pen_case(told, tmp_path):
    arguments = ("--kernel", "laplacian", "--threshold", 1, "--threshold-mode", "pos", "--stride", 1, "--mode", "edge")
    status, found = told("capture", "--url", "model://", "--image", X1, "--mosaic", *arguments, "-o", tmp_path / "a.h5", "--check")
    assert status == 0
    assert found["pixels_compared"] == found["pixels_total"] == 315 * 501
    assert found["pixels_differing"] == 0
    assert round(100 * found["pixels_sent"] / found["pixels_total"], 1) == 46.1


def test_an_empty_proof_says_so(say, tmp_path):
    level = ("--set", "scene_source=flat", "--kernel", "laplacian", "--threshold", 5)
    status, out, _ = say("capture", "--url", "model://", *level, "-o", tmp_path / "a.h5", "--check")
    assert status == 0
    assert "nothing to see" in " ".join(out.split())
    status, out, _ = say("capture", "--url", "model://", "-o", tmp_path / "b.h5", "--check")
    assert "nothing to see" not in " ".join(out.split())


def test_like_needs_the_file_alone(told, picture, tmp_path):
    (tmp_path / "k.csv").write_text("0,-1,0\n-1,4,-1\n0,-1,0\n")
    arguments = (
        "--kernel",
        tmp_path / "k.csv",
        "--kernel-scale",
        "1/4",
        "--scene-scale",
        0.5,
        "--image",
        picture,
        "--mosaic",
        "--threshold",
        9,
    )
    status, first = told("capture", "--url", "model://", *arguments, "-o", tmp_path / "a.h5")
    assert status == 0
    (tmp_path / "k.csv").unlink()
    picture.unlink()
    status, again = told("capture", "--like", tmp_path / "a.h5", "-o", tmp_path / "b.h5", "--check")
    assert status == 0
    assert again["pixels_differing"] == 0
    assert [again[name] for name in ("bytes_on_wire", "pixels_sent")] == [first[name] for name in ("bytes_on_wire", "pixels_sent")]
    with CaptureFile(tmp_path / "a.h5") as one, CaptureFile(tmp_path / "b.h5") as two:
        assert all(np.array_equal(x.image, y.image) for x, y in zip(one, two, strict=True))
    status, said = told("capture", "--like", tmp_path / "a.h5", "--scene-scale", 1.0, "-o", tmp_path / "c.h5")
    assert status == 2
    assert "scene scale cannot change any more" in said["message"]
    assert not (tmp_path / "c.h5").exists()


def test_the_phantom_is_scaled_and_inverted(told, tmp_path):
    found = {}
    for name, arguments in {"plain": (), "dim": ("--scene-scale", 0.25), "inverted": ("--invert",)}.items():
        assert told("capture", "--url", "model://", *arguments, "-o", tmp_path / f"{name}.h5")[0] == 0
        with CaptureFile(tmp_path / f"{name}.h5") as file:
            found[name] = np.asarray(file.scene, np.int64)
    assert np.array_equal(found["dim"], (found["plain"] + 2) // 4)
    assert np.array_equal(found["inverted"], np.minimum(65535 - found["plain"], 65504))


def test_a_file_nobody_named_is_not_overwritten(told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert told("capture", "--url", "model://")[0] == 0
    status, found = told("capture", "--url", "model://")
    assert status == 2
    assert "there is a capture.h5 already" in found["message"]
    assert told("capture", "--url", "model://", "-o", "capture.h5")[0] == 0


def test_info(told, recorded):
    status, found = told("info")
    assert status == 0
    assert {"model://", "rtl://", "file://"} <= set(found["schemes"])
    assert "laplacian" in found["kernels"]
    status, found = told("info", "--url", "model://?rows=16&cols=24")
    assert (status, found["status"]["rows"], found["status"]["cols"]) == (0, 16, 24)
    status, found = told("info", recorded)
    assert (status, found["file"]["frames"], found["ledger"]["lost"]) == (0, 6, 0)


def test_kernel(told, say, tmp_path):
    status, found = told("kernel", "list")
    assert status == 0
    assert {"laplacian", "log5", "kirsch_nw"} <= {one["name"] for one in found["kernels"]}
    status, found = told("kernel", "show", "laplacian")
    assert found["codes"] == [[-32] * 3, [-32, 256, -32], [-32] * 3]
    (tmp_path / "mine.toml").write_text('name = "mine"\nscale = "1/8"\nweights = [[1, 1, 1], [1, -8, 1], [1, 1, 1]]\n')
    status, found = told("kernel", "set", tmp_path / "mine.toml", "--slot", 3, "--url", "model://")
    assert (status, found["slot"], found["codes"][1][1]) == (0, 3, -256)
    status, out, _ = say("kernel", "show", "log")
    assert status == 0
    assert "192" in out


def test_kernel_show_keeps_its_numbers_whole(say, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = say("kernel", "show", "log5", "--macro", 5)
    assert status == 0
    assert "log5: bias codes, 256 = 1.0" in out
    rows = [line.split() for line in out.splitlines()]
    assert ["-16", "-32", "256", "-32", "-16"] in rows
    assert ["-0.0625", "-0.125", "1", "-0.125", "-0.0625"] in rows


def test_an_empty_demo_says_so(say, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    status, out, _ = say("demo", "--url", "model://", "--kernel", "mean", "--threshold-mode", "neg", "--out", tmp_path / "out")
    assert status == 0
    assert "pixels differ; no pixel was sent: nothing to see" in out
    assert "nothing to see" in (tmp_path / "out" / "report.html").read_text()
    status, out, _ = say("demo", "--url", "model://", "--out", tmp_path / "out")
    assert "nothing to see" not in out


def test_a_proof_of_zeros_says_so():
    from macropix.host.cli.output import proof

    figures = {"pixels_differing": 0, "pixels_compared": 1680, "pixels_sent": 1680, "pixels_nonzero": 9}
    assert proof(figures) == "0 of 1,680 pixels differ"
    assert proof(figures | {"pixels_nonzero": 0}).endswith("all of them are 0, so there was nothing to see")
    assert proof(figures | {"pixels_sent": 0}).endswith("no pixel was sent: nothing to see")


def test_verify(told):
    status, found = told("verify", "--url", "model://?rows=14&cols=17")
    assert status == 0
    assert {"frames", "pixels_compared", "pixels_differing", "ledger", "cells"} <= set(found)
    keys = {"kernel", "stride", "mode", "threshold", "pixels_compared", "pixels_nonzero", "pixels_differing"}
    assert all(keys <= set(cell) for cell in found["cells"])
    assert found["pixels_differing"] == 0
    assert found["ledger"]["produced"] == found["frames"]


@pytest.mark.slow
def test_verify_faults(told):
    status, found = told("verify", "--url", "model://", "--faults", "--jobs", 2)
    assert status == 0
    assert (found["wrong_pixels"], found["max_slices_lost"], found["reports_inexact"]) == (0, 1, 0)
    assert found["faults"] > 15 * found["positions"]
