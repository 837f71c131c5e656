# SPDX-License-Identifier: BSD-2-Clause
"""A series of scenes: what is exposed is what was meant, whether uploads wait for frames or not, and a lost command moves no picture."""

import numpy as np
import pytest

import macropix.host
from macropix.gateware.registers import SCENE
from macropix.gateware.wire import Op
from macropix.host.errors import DeviceError, UserError
from macropix.host.oracle import Check
from macropix.host.scan import BATCH, scan


@pytest.fixture
def device():
    with macropix.host.open("model://?rows=9&cols=11", seed=3, timeout=1) as opened:
        opened.load_kernel(0, "laplacian")
        opened.registers.update(mode="edge", threshold=9)
        yield opened


def scenes(count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(8).integers(0, 65504, (count, 9, 11), dtype=np.uint16))


@pytest.mark.parametrize(("in_flight", "shots", "order"), [(8, 1, [0]), (1, 1, [0]), (8, 2, [0]), (8, 1, [0, 0])])
def test_every_frame_is_of_its_scene(device, in_flight, shots, order):
    device.transport.in_flight = in_flight
    device.sequence(order)
    pictures, check = scenes(2 * BATCH + 3), Check(device.config)
    device.snap()  # shots since the claim need not be 0
    found = list(scan(device, pictures, shots))
    assert [number for number, _ in found] == [number for number in range(len(pictures)) for _ in range(shots * len(order))]
    for number, frame in found:
        check.frame(frame, scene=pictures[number])
    assert check.total.differing == 0 < check.total.nonzero
    device.ledger().check()


def test_a_command_that_is_lost_among_others(device, monkeypatch):
    """Which scene a START finds then, nobody knows: no frame is given for it, or for any behind it."""
    write, seen = device.transport.write, []

    def lossy(data: bytes) -> None:
        if data[1] == Op.WRITE.value and int.from_bytes(data[6:8], "little") == SCENE.base:
            seen.append(data)
            if len(seen) == 5:
                return
        write(data)

    monkeypatch.setattr(device.transport, "write", lossy)
    given = []
    with pytest.raises(DeviceError, match=r"no answer from model://|is busy"):
        given.extend(scan(device, scenes(BATCH + 1)))
    assert len(given) <= 1


def test_shots_that_nobody_counted(device):
    for _ in device.capture(0):
        break
    with pytest.raises(UserError, match="the shots since the claim are not known"):
        list(scan(device, scenes(2)))
    device.claim()
    assert len(list(scan(device, scenes(2)))) == 2
