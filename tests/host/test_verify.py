# SPDX-License-Identifier: BSD-2-Clause
"""Verification verifies: it is quiet about a good device and loud about a bad one."""

import numpy as np
import pytest

import macropix.host
from macropix.host.errors import DataLostError, MismatchError, UserError
from macropix.host.kernels import PAPER
from macropix.host.oracle import Comparison
from macropix.host.verify import verify


@pytest.fixture
def device():
    with macropix.host.open("model://?rows=14&cols=17", seed=3) as opened:
        yield opened


def test_a_good_device(device):
    found = verify(device, seed=4)
    assert found.trouble is None
    assert found.total.differing == 0
    told = found.to_dict()
    assert {cell["kernel"] for cell in told["cells"]} == set(PAPER)
    assert {cell["stride"] for cell in told["cells"]} == {0, 1, 3}
    assert {cell["mode"] for cell in told["cells"]} == {"raw", "edge", "auto"}
    assert {cell["threshold_mode"] for cell in told["cells"]} == {"abs", "pos", "neg"}
    assert all(cell["pixels_nonzero"] > 0 for cell in told["cells"])
    assert sum(cell["pixels_compared"] for cell in told["cells"]) == told["pixels_compared"]
    assert told["frames"] == told["ledger"]["produced"] >= len(told["cells"])


def test_other_forms_of_device():
    with macropix.host.open("model://?rows=24&cols=20&macro=5&kernels=3&noise=off&taps=off&pedestal=off") as device:
        assert verify(device).trouble is None


def test_the_seed_decides(device):
    first, again, other = (verify(device, seed=seed).to_dict()["cells"] for seed in (4, 4, 5))
    assert first == again
    assert first != other


@pytest.mark.parametrize("frames", [0, -1])
def test_no_frames(device, frames):
    with pytest.raises(UserError, match="the number of frames is out of range"):
        verify(device, frames=frames)


def test_one_wrong_bit_of_one_scene_is_seen(device):
    load, calls = device.load_scene, []

    def wrong(scene, **options):
        calls.append(1)
        if len(calls) == 7:
            scene = scene.copy()
            scene[7, 7] ^= 0x8000
        load(scene, **options)

    device.load_scene = wrong
    found = verify(device)
    assert found.total.differing > 0
    assert isinstance(found.trouble, MismatchError)
    assert "pixels differ" in str(found.trouble)


def test_a_dead_device_is_seen(device):
    """All scenes black: everything equals what it must be, and proves nothing."""
    found = verify(device)
    cell = next(iter(found.cells))
    found.cells[cell] = Comparison(100, 0, 0)
    assert "have no pixel that is not 0 and prove nothing; first identity, stride 0, raw" in str(found.trouble)


def test_a_lost_slice_is_seen(device):
    add, calls = device.link.assembler.add, []

    def lossy(packet):
        calls.append(1)
        return None if len(calls) == 9 else add(packet)

    device.link.assembler.add = lossy
    found = verify(device)
    assert isinstance(found.trouble, DataLostError)
    assert found.trouble.exit_status == 5


def test_a_wrong_sign_in_the_expectation_is_seen(device, monkeypatch):
    from macropix.host import oracle

    real = oracle.golden()

    class Wrong:
        @staticmethod
        def expose(config, scene, registers, weights, darks, **options):
            return real.expose(config, scene, registers, -np.asarray(weights), darks, **options)

    monkeypatch.setattr(oracle, "golden", lambda: Wrong)
    assert verify(device).total.differing > 1000
