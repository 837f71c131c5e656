# SPDX-License-Identifier: BSD-2-Clause
"""What others give, brought to what we give: event files decoded to dense frames, and OpenCV's convolution.

frames ──► one event a sent pixel ──► DAT, EVT2, EVT3 file ──► the peer's decoder ──► scattered to dense frames

The event formats carry a place, a time and a polarity, and no value: they are asked for less than we give, and have no check. Their
events are scattered by a loop compiled like ours. What is not installed is left out, and said.
"""

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numba
import numpy as np

from macropix.host.frame import Frame

__all__ = ["INSTALL", "event_files", "filter2d", "missing"]

#: how to get them
INSTALL = "pip install 'macropix[bench]'"
#: module → what it is the peer of
_MODULES = {"expelliarmus": "bench decode", "cv2": "bench golden"}
#: times of two frames' events lie so far apart, µs; a multiple of what EVT3 counts in
_TICK = 64
_EVENTS = np.dtype([("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "u1")])
#: events that a peer decodes at once
_CHUNK = 1 << 16


def missing(*names: str) -> list[str]:
    """Those of the modules `names` that are not installed."""
    return [name for name in names if importlib.util.find_spec(name) is None]


@numba.njit(cache=True)
def _scatter(t, x, y, p, tick, out):  # pragma: no cover (compiled)
    for n in range(t.size):
        out[(t[n] // tick) % out.shape[0], y[n], x[n]] = p[n]


def event_files(frames: Sequence[Frame], folder: Path) -> dict[str, Callable[[], np.ndarray]]:
    """Decoders of the same frames as files of events, by name; each gives the frames, 1 where a pixel was sent."""
    if missing("expelliarmus"):
        return {}
    wizard: Any = importlib.import_module("expelliarmus").Wizard
    events = np.zeros(sum(frame.index.size for frame in frames), _EVENTS)
    at = 0
    for number, frame in enumerate(frames):
        part = events[at : at + frame.index.size]
        part["t"], part["y"], part["x"], part["p"] = number * _TICK, frame.index // frame.cols, frame.index % frame.cols, 1
        at += part.size
    group = max(1, min(len(frames), (1 << 22) // frames[0].pixels))
    out = np.zeros((group, *frames[0].shape), np.int16)
    runs: dict[str, Callable[[], np.ndarray]] = {}
    for encoding, suffix in (("evt3", "raw"), ("evt2", "raw"), ("dat", "dat")):
        path = folder / f"{encoding}.{suffix}"
        wizard(encoding=encoding).save(str(path), events)
        runs[f"expelliarmus {encoding}"] = _expelliarmus(wizard, encoding, path, out)
    return runs


def _expelliarmus(wizard: Any, encoding: str, path: Path, out: np.ndarray) -> Callable[[], np.ndarray]:
    def run() -> np.ndarray:
        reader = wizard(encoding=encoding, chunk_size=_CHUNK)
        reader.set_file(str(path))
        out[:] = 0
        for part in reader.read_chunk():
            _scatter(part["t"], part["x"], part["y"], part["p"], _TICK, out)
        return out

    return run


def filter2d(stack: np.ndarray, weights: np.ndarray, threshold: float) -> Callable[[], np.ndarray] | None:
    """OpenCV on one thread: u16 frames to f32, the kernel, |y| > T as f32. None if there is no OpenCV."""
    if missing("cv2"):
        return None
    cv2: Any = importlib.import_module("cv2")
    cv2.setNumThreads(1)
    kernel = np.ascontiguousarray(weights, np.float32)
    shape = stack.shape[1:]
    y, out = np.empty(shape, np.float32), np.empty(shape, np.float32)

    def run() -> np.ndarray:
        for frame in stack:
            cv2.filter2D(frame, cv2.CV_32F, kernel, dst=y, borderType=cv2.BORDER_REPLICATE)
            cv2.absdiff(y, 0.0, dst=y)
            cv2.threshold(y, threshold, 255, cv2.THRESH_BINARY, dst=out)
        return out

    return run
