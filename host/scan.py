# SPDX-License-Identifier: BSD-2-Clause
"""A series of scenes, each exposed once or more: the next is on its way up while the one before is read out.

scenes ──► upload 0, START, upload 1, START, … (no waiting for frames) ──► frames, each with its scene's number
"""

import itertools
from collections.abc import Iterable, Iterator

import numpy as np

from macropix.gateware.registers import SCENE, Feature
from macropix.gateware.wire import MAX_WORDS, Op
from macropix.host.command import Request
from macropix.host.device import Device
from macropix.host.errors import UserError
from macropix.host.frame import Frame

__all__ = ["BATCH", "scan"]

#: scenes that go up before anybody is given frames
BATCH = 16


def scan(device: Device, scenes: Iterable[np.ndarray], shots: int = 1) -> Iterator[tuple[int, Frame]]:
    """Exposes each of `scenes` in `shots` shots, and gives each frame with the number of its scene.

    The first scene is read back, of the others each command is answered for. Where a scene gives one frame, and the transport takes
    several commands at once, uploads do not wait for frames. What is lost is missing here, and in the ledger.

    Parameters
    ----------
    device : Device
        Claimed, and since then neither stopped nor left to run without end: its shots tell which scene a frame is of.
    scenes : u16 arrays, (rows, cols)
    shots : int
        Of each scene.

    Raises
    ------
    UserError
        If the shots since the claim are not known, or a scene has another shape than the array.
    DeviceError
        If the device does not answer, or a command is lost among others: nobody knows then what was exposed.
    """
    if device.next_shot is None:
        raise UserError("the shots since the claim are not known: claim the device anew before a scan")
    first, number = device.next_shot, 0
    overlapped = shots == 1 and len(device.mirror.sequence) == 1 and device.transport.in_flight > 1
    overlapped &= Feature.STREAMED_SCENE not in device.info.features
    series = iter(scenes)
    while batch := list(itertools.islice(series, BATCH if overlapped and number else 1)):
        if number == 0 or not overlapped:
            device.load_scene(batch[0], verify=number == 0)
            taken = device.capture(shots)
        else:
            taken = _batch(device, batch)
        for frame in taken:
            yield (frame.shot - first) // shots, frame
        number += len(batch)


def _batch(device: Device, scenes: list[np.ndarray]) -> Iterator[Frame]:
    """One shot of each of `scenes`."""
    shape = device.geometry.rows, device.geometry.cols
    requests: list[Request] = []
    for scene in scenes:
        if scene.shape != shape or scene.dtype != np.uint16:
            raise UserError(f"a scene of {scene.shape}, {scene.dtype}", expected=f"{shape}, uint16")
        words = scene.astype("<u2").tobytes()
        for at in range(0, len(words), 2 * MAX_WORDS):
            requests.append((Op.WRITE, SCENE.base + at // 2, words[at : at + 2 * MAX_WORDS], 0))
        requests.append((Op.START, 0, (), 0))
    return device.take_shots(requests, len(scenes), scene=scenes[-1])
