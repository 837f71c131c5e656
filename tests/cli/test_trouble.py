# SPDX-License-Identifier: BSD-2-Clause
"""Whatever goes wrong: one clear line, the right exit status, no traceback, nothing half-written."""

import json
import shutil
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from macropix.host.cli.app import run
from macropix.host.errors import DeviceError
from macropix.host.store.hdf5 import CaptureFile
from macropix.host.store.schema import REQUIRED

BIN = Path(sys.executable).parent / "macropix"


CAPTURE = ("capture", "--url", "model://", "-o", "a.h5")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("capture", "--url", "nothing://", "-o", "a.h5"), "no backend for nothing://; expected one of file://, model://, rtl://"),
        (("capture", "--url", "modle://", "-o", "a.h5"), "did you mean model://?"),
        (("capture", "--url", "model", "-o", "a.h5"), "'model' is not a URL"),
        (("capture", "--url", "model://?rowz=3", "-o", "a.h5"), "unknown option 'rowz'"),
        (("capture", "--url", "model://?rows=3", "-o", "a.h5"), "rows must be an integer from 8 to 2048"),
        (("capture", "-o", "a.h5"), "which device?"),
        (("verify", "--url", "nothing://"), "no backend for nothing://"),
        (("info", "--url", "nothing://"), "no backend for nothing://"),
        (("demo", "--url", "nothing://"), "no backend for nothing://"),
        (("info", "model://"), "is a URL (macropix info --url model:"),
        ((*CAPTURE, "--image", "none.png"), "no such image: none.png"),
        (("demo", "--url", "model://", "--image", "none.png"), "no such image: none.png"),
        ((*CAPTURE, "--kernel", "laplacien"), "no kernel 'laplacien'; expected one of"),
        (("demo", "--url", "model://", "--kernel", "x"), "no kernel 'x'"),
        (("kernel", "show", "none"), "no kernel 'none'"),
        (("kernel", "show", "none.csv"), "none.csv: can't be read as a kernel"),
        (("kernel", "set", "log", "--url", "model://", "--slot", "9"), "the bank holds kernels 0 … 7, not 9"),
        ((*CAPTURE, "--threshold", "2048"), "the threshold is out of range; expected 0 to 2047 ADC LSB, found 2048"),
        ((*CAPTURE, "--threshold", "-1"), "not a threshold"),
        ((*CAPTURE, "--threshold", "lots"), "not a threshold; expected 12, 5%, 5%fs, 5%sent or 3sigma, found 'lots'"),
        ((*CAPTURE, "--threshold", "3sigma"), "the flat frames have no spread"),
        ((*CAPTURE, "--threshold-mode", "up"), "threshold_mode can't be 'up'; expected one of abs, pos, neg"),
        ((*CAPTURE, "--mode", "fast"), "mode can't be 'fast'"),
        ((*CAPTURE, "--stride", "2"), "no such stride on this array"),
        ((*CAPTURE, "--gain", "6"), "gain must be from 0 to 5"),
        ((*CAPTURE, "--time", "5000"), "time must be from 0 to 4095"),
        ((*CAPTURE, "--cds", "maybe"), "setting cds has the wrong type; expected on or off"),
        ((*CAPTURE, "--scene-scale", "0", "--image", "picture.png"), "the scene scale is out of range"),
        ((*CAPTURE, "--scene-scale", "nan"), "the scene scale is out of range"),
        ((*CAPTURE, "--scene-scale", "1e9"), "the scene scale is out of range"),
        (("demo", "--url", "model://", "--scene-scale", "inf"), "the scene scale is out of range"),
        ((*CAPTURE, "--page", "2"), "a page goes with an image file"),
        ((*CAPTURE, "--set", "scene_source=prbs", "--image", "picture.png"), "the device makes this scene itself"),
        ((*CAPTURE, "--set", "scene_source=prbs", "--invert"), "the device makes this scene itself"),
        (("demo", "--url", "model://", "--mode", "raw"), "the demo takes edges; expected edge or auto, found raw"),
        (("demo", "--url", "model://", "--threshold", "3sigma"), "the flat frames have no spread"),
        (("demo", "--url", "file://whole.h5"), "is a recording"),
        ((*CAPTURE, "--set", "base"), "--set base; expected NAME=VALUE"),
        ((*CAPTURE, "--set", "basis=3"), "register 'basis' cannot be set here"),
        ((*CAPTURE, "--frames", "0"), "the number of frames is out of range; expected at least 1, found 0"),
        ((*CAPTURE, "--frames", "many"), "--frames"),
        ((*CAPTURE, "--no-such-option"), "o such option"),
        (("verify", "--url", "model://", "--frames", "0"), "the number of frames is out of range"),
        (("nonsense",), "o such command"),
        ((*CAPTURE, "--config", "none.toml"), "cannot read the settings file none.toml"),
        ((*CAPTURE, "--like", "none.h5"), "none.h5"),
        (
            (*CAPTURE, "--image", "large.png"),
            "the image is larger than the array; expected at most 32 × 32 pixels, found 33 × 40 (--mosaic",
        ),
        (("capture", "--url", "model://", "-o", "none/a.h5"), "the output folder none does not exist (make it first)"),
        (("capture", "--url", "model://", "-o", "."), "is a folder; expected a file name"),
        (("demo", "--url", "model://", "--out", "none/out"), "does not exist (make it first)"),
        (("demo", "--url", "model://", "--out", "text.txt"), "text.txt is a file; expected a folder"),
        (("decode", "none.h5"), "there is no file none.h5"),
        (("decode", "."), ". is a folder"),
        (("decode", "text.txt"), "text.txt is no recorded stream; expected a capture file, or bytes with packets in them"),
        (("decode", "empty.bin"), "empty.bin is no recorded stream"),
        (("decode", "cut.h5"), "cut.h5: can't be read as a capture file"),
        (("decode", "foreign.h5"), "foreign.h5: an HDF5 file, but not a capture of ours"),
        (("info", "foreign.h5"), "foreign.h5: an HDF5 file, but not a capture of ours"),
        (("info", "text.txt"), "text.txt: can't be read as a capture file"),
        (("decode", "lacking.h5"), "lacking.h5: something is missing in this capture file; expected the dataset frames/index, found none"),
        (("decode", "whole.h5", "-o", "a.jpg"), "a.jpg: unknown kind of picture; expected .tif or .png"),
        (("decode", "whole.h5", "-o", "none/a.png"), "the output folder none does not exist"),
        (("decode", "whole.h5", "-o", "a.png", "--frame", "7"), "there is no frame 7; expected 0 to 0"),
        ((*CAPTURE, "--image", "text.txt"), "text.txt is no image macropix reads"),
        ((*CAPTURE, "--image", "empty.bin"), "empty.bin is empty"),
    ],
    ids=lambda value: "_".join(str(part) for part in value[:6]).replace("/", "") if isinstance(value, tuple) else "",
)
def test_the_user_s_mistakes(fails, tmp_path, capsys, arguments, words):
    (tmp_path / "text.txt").write_text("nothing of ours, and certainly no picture\n" * 20)
    (tmp_path / "empty.bin").touch()
    Image.fromarray(np.zeros((33, 40), np.uint8)).save(tmp_path / "large.png")
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "picture.png")
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["numbers"] = [1, 2, 3]
    if any("whole.h5" in str(part) or "cut.h5" in str(part) for part in arguments):
        assert run(["capture", "--url", "model://", "-o", str(tmp_path / "whole.h5")]) == 0
        data = (tmp_path / "whole.h5").read_bytes()
        (tmp_path / "cut.h5").write_bytes(data[: len(data) // 2])
    if "lacking.h5" in arguments:
        assert run(["capture", "--url", "model://", "-o", str(tmp_path / "lacking.h5")]) == 0
        with h5py.File(tmp_path / "lacking.h5", "r+") as file:
            del file["frames/index"]
    capsys.readouterr()
    assert words in fails(*arguments)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A capture file."""
    path = tmp_path_factory.mktemp("whole") / "whole.h5"
    assert run(["capture", "--url", "model://", "--threshold", "20", "--frames", "2", "-o", str(path)]) == 0
    return path


@pytest.mark.parametrize("name", REQUIRED)
def test_a_dataset_that_is_missing_is_named(fails, tmp_path, whole, name):
    shutil.copy(whole, tmp_path / "less.h5")
    with h5py.File(tmp_path / "less.h5", "r+") as file:
        del file[name]
    for command in ("decode", "info"):
        assert f"less.h5: something is missing in this capture file; expected the dataset {name}, found none" in fails(command, "less.h5")


@pytest.mark.parametrize("name", [name for name in REQUIRED if name.startswith("frames/")])
def test_a_dataset_that_is_too_short_is_named(fails, tmp_path, whole, name):
    shutil.copy(whole, tmp_path / "less.h5")
    with h5py.File(tmp_path / "less.h5", "r+") as file:
        values = file[name][()]
        del file[name]
        file[name] = values[:-1] if len(values) else [1]
    assert "less.h5: the dataset frames/" in fails("decode", "less.h5")


@pytest.mark.parametrize(("group", "name"), [("/", "complete"), ("raw", "epoch"), ("device/begin", "rows")])
def test_an_attribute_that_is_missing_is_named(fails, tmp_path, whole, group, name):
    shutil.copy(whole, tmp_path / "less.h5")
    with h5py.File(tmp_path / "less.h5", "r+") as file:
        del file[group].attrs[name]
    text = fails("decode", "less.h5")
    assert "less.h5: something is missing in this capture file" in text
    assert name in text


def test_a_weight_out_of_range_names_a_scale(fails, tmp_path):
    (tmp_path / "k.csv").write_text("0 0 0\n0 9 0\n0 0 0\n")
    text = fails(*CAPTURE, "--kernel", "k.csv")
    assert "outside −2 … 511/256" in text
    assert "--kernel-scale" in text


def test_a_device_that_does_not_answer(fails, monkeypatch):
    def gone(*_, **__):
        raise DeviceError("no answer from model:// within 10 s: waited for the reply to CLAIM")

    monkeypatch.setattr("macropix.host.open", gone)
    assert "no answer" in fails(*CAPTURE, status=4)
    assert "no answer" in fails("info", "--url", "model://", status=4)


def test_our_own_fault(capsys, monkeypatch, tmp_path):
    def broken(*_, **__):
        raise ZeroDivisionError("division by zero\nand more")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("macropix.host.open", broken)
    assert run(list(CAPTURE)) == 1
    err = capsys.readouterr().err
    assert err == "error: unexpected ZeroDivisionError: division by zero (run it again with --debug and report what it shows)\n"
    with pytest.raises(ZeroDivisionError):
        run([*CAPTURE, "--debug"])


def test_a_mismatch_is_6(capsys, monkeypatch, tmp_path):
    from macropix.host import oracle

    real = oracle.compare

    def wrong(values, sent, expected, expected_sent):
        found = real(values, sent, expected, expected_sent)
        found.differing += 2
        return found

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(oracle, "compare", wrong)
    assert run([*CAPTURE, "--check", "--json"]) == 6
    told = json.loads(capsys.readouterr().out)
    assert told["pixels_differing"] == 2
    assert told["error"]["kind"] == "mismatch"
    assert run(["demo", "--url", "model://"]) == 6
    out, err = capsys.readouterr()
    assert err.startswith("error: ")
    assert "report.html" in out
    assert "✗" in (tmp_path / "macropix-demo" / "report.html").read_text()


def test_lost_data_is_5(capsys, monkeypatch, tmp_path):
    from macropix.host.decode.frames import FrameAssembler

    add, calls = FrameAssembler.add, []

    def lossy(self, packet):
        calls.append(1)
        return None if len(calls) == 2 else add(self, packet)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(FrameAssembler, "add", lossy)
    assert run([*CAPTURE, "--threshold", "3", "--frames", "4", "--json"]) == 5
    told = json.loads(capsys.readouterr().out)
    assert told["ledger"]["lost"] == 1
    assert told["error"]["kind"] == "data_lost"
    assert told["frames"] == 3
    with CaptureFile(tmp_path / "a.h5") as file:
        assert not file.complete
