# SPDX-License-Identifier: BSD-2-Clause
"""The soak itself, briefly: over each way it balances; and it would notice a slice lost in silence, a wrong pixel, memory that grows."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import macropix.host

SCRIPT = Path(__file__).parents[2] / "tools" / "soak.py"
#: exposes four times as fast as it sends
SLOW_LINK = "rtl://?rows=8&cols=8&link=uart&baud=12000000"


@pytest.fixture(scope="module")
def soak():
    """The module."""
    spec = importlib.util.spec_from_file_location("soak", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["soak"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["soak"]


def run(*arguments: str) -> dict:
    done = subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=500, check=False)
    told = json.loads(done.stdout)
    assert done.returncode == 0, told
    return told


@pytest.mark.parametrize("how", ["tcp", "pty"])
def test_served(how):
    told = run("model://?rows=8&cols=8", "--frames", "400", "--longest", "100", "--serve", how)
    assert told["ok"]
    assert told["frames"] == told["delivered"] == told["received"] == 400
    assert told["frames_nonzero"] == told["runs"] > 3
    assert set(told["rss_growth_mb"]) == {"host", "server"}


@pytest.mark.slow
def test_overflow_over_tcp():
    """The gateware's own FIFO runs over; every slice of it is in the ledger."""
    if shutil.which("g++") is None or shutil.which("make") is None:
        pytest.skip("needs g++ and make")
    told = run(SLOW_LINK, "--frames", "3000", "--longest", "3000", "--serve", "tcp", "--seed", "5")
    assert told["runs_with_overflow"] > 0
    assert told["produced"] == 3000 == told["sent"] + told["dropped"]
    assert told["received"] == told["sent"] == told["delivered"]
    assert 0 < told["dropped"] < 3000


@pytest.fixture
def short(soak):
    """A soak of the golden model in process."""
    with macropix.host.open("model://?rows=8&cols=8", seed=1) as device:
        yield soak.Soak(device, 1)


def test_a_lost_slice_is_noticed(short, monkeypatch):
    read, left = short.device.transport.read, [40]

    def losing(timeout: float) -> bytes:
        data = read(timeout)
        left[0] -= data[1:2] != b"" and data[1] & 3 == 0
        return b"\0" if left[0] == 0 and data[1] & 3 == 0 else data

    monkeypatch.setattr(short.device.transport, "read", losing)
    short.run(200, 100)
    told = short.to_dict()
    assert (told["lost"], told["unbalanced"], told["ok"]) == (1, 1, False)


def test_a_wrong_pixel_is_noticed(short, monkeypatch):
    load = short.device.load_scene
    monkeypatch.setattr(short.device, "load_scene", lambda scene: load(np.where(np.arange(64).reshape(8, 8) == 27, scene ^ 0x8000, scene)))
    short.run(60, 10)
    told = short.to_dict()
    assert told["frames_wrong"] > 0
    assert not told["ok"]


def test_growing_memory_is_noticed(short, soak, monkeypatch):
    grown = iter(range(10_000))
    monkeypatch.setattr(soak, "resident", lambda _: 100.0 + next(grown))
    short.run(100, 10)
    assert not short.to_dict()["ok"]
    assert short.to_dict()["rss_growth_mb"]["host"] > soak.FLAT
