# SPDX-License-Identifier: BSD-2-Clause
"""What the encoder makes of a scene, in bits a sent pixel, beside Rice codes with the best parameters of each frame and beside words.

scene, kernel, share ──► golden model ──► payload of its slices ──► bits a sent pixel ── by ── reference of the same frames
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from macropix.gateware.wire import ThresholdMode
from macropix.host.bench.recorded import Recorded, record
from macropix.host.bench.rice import WORD_BITS, rice_bits
from macropix.host.bench.scenes import SHARES, pictures, synthetic
from macropix.host.errors import UserError

__all__ = ["KERNELS", "MODES", "stream_cases"]

MODES = ("auto", "edge")
KERNELS = ("laplacian", "sobel-x")
#: arrays that synthetic scenes are made for, and how many different ones
_SYNTHETIC = ((32, 60), (256, 1))
#: shares that differ from what was asked by more say nothing about it
_FAR = 0.5


def stream_cases(
    seed: int,
    *,
    images: Path | None = None,
    modes: Iterable[str] = MODES,
    kernels: Iterable[str] = KERNELS,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[list[dict[str, Any]], float]:
    """Every scene through every kernel at every share in every mode; and the bytes of a slice beside its payload.

    Returns
    -------
    list of dict
        ``scene, frame, frames, kernel, mode, occupancy, share, bits_per_pixel_sent, rice_bits, words_bits, by_rice, by_words, codes``:
        all bits are a sent pixel's. `share` is what was asked for, `occupancy` what the threshold, a whole number, came to.
    float
    """
    jobs = _jobs(seed, images)
    cases: list[dict[str, Any]] = []
    wire = slices = 0
    for number, (name, scenes) in enumerate(jobs):
        for kernel in kernels:
            for share in SHARES:
                if progress is not None:
                    progress(f"bench stream {name}", number, len(jobs))
                for mode in modes:
                    try:
                        recorded = record(scenes, share=share, mode=mode, kernel=kernel, seed=seed)
                    except UserError:  # no threshold lets so few past
                        continue
                    wire, slices = wire + len(recorded.data) - recorded.payload_bytes, slices + recorded.slices
                    if recorded.sent and abs(recorded.sent / recorded.pixels / share - 1) <= _FAR:
                        cases.append(_case(recorded, name, kernel, mode, share))
    return cases, wire / max(1, slices)


def _jobs(seed: int, images: Path | None) -> list[tuple[str, list[np.ndarray]]]:
    jobs: list[tuple[str, list[np.ndarray]]] = []
    for side, count in _SYNTHETIC:
        scenes = [dict(synthetic(side, side, seed + number)) for number in range(count)]
        jobs += [(f"{name} {side} × {side}", [one[name] for one in scenes]) for name in scenes[0]]
    if images is not None:
        jobs += [(name, [scene]) for name, scene in pictures(images)]
    return jobs


def _case(recorded: Recorded, name: str, kernel: str, mode: str, share: float) -> dict[str, Any]:
    settings, sent = recorded.settings, recorded.sent
    signed = settings.threshold_mode is ThresholdMode.ABS or settings.threshold == 0
    reference = sum(rice_bits(frame.index, frame.value, settings.threshold, signed=signed) for frame in recorded.frames)
    bits = 8 * recorded.payload_bytes
    shape = recorded.frames[0].shape
    return {
        "scene": name,
        "frame": f"{shape[0]} × {shape[1]}",
        "frames": len(recorded.frames),
        "kernel": kernel,
        "mode": mode,
        "share": share,
        "occupancy": sent / recorded.pixels,
        "threshold_lsb": settings.threshold,
        "bits_per_pixel_sent": round(bits / sent, 3),
        "rice_bits": round(reference / sent, 3),
        "words_bits": WORD_BITS,
        "by_rice": round(bits / reference, 4),
        "by_words": round(bits / sent / WORD_BITS, 4),
        "codes": recorded.codes,
    }
