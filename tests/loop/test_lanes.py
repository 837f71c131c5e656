# SPDX-License-Identifier: BSD-2-Clause
"""Two and four serial lanes in the compiled gateware: every cell of `verify`, and how many clocks an edge frame takes.

Config(lanes=n) ─► rtl:// ─► the same frames as over one lane, sooner where the lanes are slow
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import macropix.host
from macropix.gateware.registers import State
from macropix.gateware.wire import LaneTest
from macropix.host.verify import verify
from macropix.sim.golden.die import expose

BIN = Path(sys.executable).parent / "macropix"
#: of the frames whose clocks are counted
FRAMES = 12


def url_of(lanes: int) -> str:
    """A small device whose lanes carry one bit a clock; each is compiled once for all tests here."""
    return f"rtl://?rows=10&cols=12&lanes={lanes}&lane=1"


pytestmark = pytest.mark.skipif(
    "CI" not in os.environ and any(shutil.which(tool) is None for tool in ("g++", "make")), reason="rtl:// needs g++ and make"
)


@pytest.mark.parametrize("lanes", [2, 4])
def test_every_cell(lanes):
    with macropix.host.open(url_of(lanes), timeout=60, seed=31) as device:
        found = verify(device, seed=31)
        told = found.to_dict()
        assert found.trouble is None
        assert found.total.differing == 0
        assert len(told["cells"]) > 100
        assert sum(cell["pixels_nonzero"] for cell in told["cells"]) > 10_000
        status = device.status()
        assert status.state & (State.LOCKED | State.SWAPPED) == State.LOCKED
        assert (status.code_errors, status.disparity_errors, status.dropped_corrupt) == (0, 0, 0)


def clocks_of_a_frame(lanes: int) -> float:
    """Clocks from one raw frame to the next of a free run, on lanes of one bit a clock: the lanes are what it waits for."""
    with macropix.host.open(url_of(lanes), timeout=60, seed=32) as device:
        device.load_scene(np.random.default_rng(32).integers(0, 65504, (10, 12)).astype(np.uint16))
        device.load_kernel(0, "laplacian")
        device.registers.update(mode="raw")
        times = [frame.time for frame in device.capture(FRAMES)]
        assert device.ledger().ok
    return float(np.median(np.diff(times)))


def test_more_lanes_carry_more():
    """A raw frame is 24 bytes and 12 bits for each of 48 pixels, and with it six symbols on each lane."""
    clocks = {lanes: clocks_of_a_frame(lanes) for lanes in (1, 2, 4)}
    for lanes, found in clocks.items():
        columns = -(-(24 + 48 * 12 // 8) // lanes) + 6
        assert 10 * columns <= found <= 10 * (columns + 2), clocks
    assert all(clocks[more] < clocks[fewer] for fewer, more in itertools.pairwise(clocks))


def test_lane_tests():
    """PRBS-7 costs the lock and is counted as wrong symbols, alternating bits are symbols; behind either a frame is the golden one."""
    with macropix.host.open(url_of(4), timeout=60, seed=33) as device:
        device.load_scene(np.random.default_rng(33).integers(0, 65504, (10, 12)).astype(np.uint16))
        device.load_kernel(0, "laplacian")
        device.registers.update(mode="raw")
        for test, wrong in ((LaneTest.PRBS7, True), (LaneTest.FIXED, False)):
            before = device.status()
            device.registers.lane_test = test
            during = [device.status() for _ in range(8)][-1]
            assert (during.code_errors + during.disparity_errors > before.code_errors + before.disparity_errors) == wrong
            device.registers.lane_test = LaneTest.OFF
            states = [device.status().state for _ in range(20)]
            assert states[-1] & (State.LOCKED | State.SWAPPED) == State.LOCKED
            frame = device.snap()
            settings = frame.settings
            golden = expose(
                device.config, device.scene, settings.registers, settings.weights, settings.darks, shot=frame.shot, kernel=frame.kernel
            )
            assert (frame.image == golden.value).all()
        assert device.ledger().ok


def test_info_tells_the_lanes():
    done = subprocess.run([BIN, "info", "--url", url_of(2), "--json"], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    status = json.loads(done.stdout)["status"]
    assert (status["lanes"], status["lane_bits"]) == (2, 1)
    assert "locked" in status["state"]
