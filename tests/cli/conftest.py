# SPDX-License-Identifier: BSD-2-Clause
"""Commands run in process: what they say, in words or as JSON; and those that must fail."""

import json

import numpy as np
import pytest
from PIL import Image

from macropix.host.cli.app import run


@pytest.fixture
def say(capsys):
    """Runs a command: (exit status, its standard output, its standard error)."""

    def command(*arguments: object) -> tuple[int, str, str]:
        status = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return command


@pytest.fixture
def told(say):
    """Runs a command with --json: (exit status, the one object)."""

    def command(*arguments: object) -> tuple[int, dict]:
        status, out, err = say(*arguments, "--json")
        assert err == ""
        assert out.count("\n") == 1, "one object, one line"
        return status, json.loads(out)

    return command


@pytest.fixture
def picture(tmp_path):
    values = np.add.outer(np.arange(50) * 2, np.arange(70)).astype(np.uint8)
    values[20:30, 25:50] = 240
    Image.fromarray(values).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


@pytest.fixture
def recorded(told, picture, tmp_path):
    assert told("capture", "--url", "model://", "--image", picture, "--mosaic", "-o", tmp_path / "run.h5")[0] == 0
    return tmp_path / "run.h5"


@pytest.fixture
def fails(capsys, tmp_path, monkeypatch):
    """Runs a command that must fail: in words and with --json, with the same status; gives the line. Leaves nothing behind."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: object, status: int = 2) -> str:
        before = sorted(tmp_path.rglob("*"))
        words = [str(argument) for argument in arguments]
        assert run(words) == status
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1, err
        assert err.startswith("error: ")
        assert "Traceback" not in err
        assert run([*words, "--json"]) == status
        out, silence = capsys.readouterr()
        assert silence == ""
        told = json.loads(out)
        assert set(told) == {"kind", "message", "expected", "found", "hint"}
        assert " ".join(told["message"].split()) in err
        assert sorted(tmp_path.rglob("*")) == before, "something was left"
        return err

    return command


CAPTURE = ("capture", "--url", "model://", "-o", "a.h5")
