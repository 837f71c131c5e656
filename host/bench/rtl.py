# SPDX-License-Identifier: BSD-2-Clause
"""How fast a backend gives frames: edge frames through the host's API, every byte decoded and checked.

scene with steps in noise ──► threshold for a share of the pixels ──► many shots of one capture ──► frames / s
"""

import importlib.metadata
import time
from typing import Any

from macropix.host.bench.scenes import steps
from macropix.host.device import Device
from macropix.host.errors import DataLostError
from macropix.host.threshold import Threshold

__all__ = ["GROUP", "cocotb_rate", "frame_rate"]

#: entry points that time something of the simulators: ``cocotb`` → a function that gives clocks a second
GROUP = "macropix.bench"
#: shots before the clock is started
WARM_UP = 20


def frame_rate(device: Device, *, share: float, frames: int, seed: int) -> dict[str, Any]:
    """Edge frames a second, Laplacian, one capture of `frames` shots.

    Parameters
    ----------
    share : float (0 … 1)
        Pixels to be sent; the threshold comes from a raw capture.
    frames : int
        Shots that are timed; some before them are not.

    Returns
    -------
    dict
        ``share, share_sent, frames, seconds, frames_per_s, wire_bytes_per_frame, clocks_per_s`` (the last where the backend counts clocks).

    Raises
    ------
    DataLostError
        If a frame is missing: a rate with losses is none.
    """
    device.load_scene(steps(device.geometry.rows, device.geometry.cols, seed))
    device.load_kernel(0, "laplacian")
    device.sequence([0])
    device.registers.update(mode="raw", read="sliding", threshold=0, threshold_mode="abs")
    threshold = Threshold.parse(f"{100 * share:g}%sent").resolve(device.snap().image)
    device.registers.update(mode="edge", threshold=threshold)
    for _ in device.capture(WARM_UP):
        pass
    clocks = getattr(device.transport, "clocks", None)
    count = sent = wire = 0
    start = time.perf_counter()
    for frame in device.capture(frames):
        count += 1
        sent += frame.index.size
        wire += frame.wire_bytes
    seconds = time.perf_counter() - start
    if count != frames:
        raise DataLostError("frames are missing from the timed capture", expected=str(frames), found=str(count))
    pixels = device.geometry.shape(device.mirror.settings(0).read)
    result = {
        "share": share,
        "share_sent": sent / (count * pixels[0] * pixels[1]),
        "threshold_lsb": threshold,
        "frames": count,
        "seconds": seconds,
        "frames_per_s": round(count / seconds, 1),
        "wire_bytes_per_frame": wire / count,
    }
    if clocks is not None:
        result["clocks_per_s"] = round((device.transport.clocks - clocks) / seconds)  # pyright: ignore[reportAttributeAccessIssue]
    return result


def cocotb_rate() -> int | None:
    """Clocks a second of the same device under cocotb, with a step of Python at each; None where cocotb is not installed."""
    points = importlib.metadata.entry_points(group=GROUP, name="cocotb")
    try:
        measure = next(iter(points)).load()
    except (StopIteration, ImportError):
        return None
    return round(measure())
