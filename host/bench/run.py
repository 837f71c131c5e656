# SPDX-License-Identifier: BSD-2-Clause
"""What each ``macropix bench`` measures, as one object with what the figures depend on.

decode · golden · stream · rtl ──► {cases, …, versions, threads, peers_missing}
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from macropix.host.bench import clock, peers

__all__ = ["decode", "golden", "rtl", "stream"]

Progress = Callable[[str, int, int], None]


def _told(result: dict[str, Any], *modules: str) -> dict[str, Any]:
    """`result`, what was measured with, and which peers are not here."""
    absent = peers.missing(*modules)
    return result | clock.surroundings() | {"peers_missing": absent, "hint": peers.INSTALL if absent else None}


def decode(*, seed: int, progress: Progress | None = None) -> dict[str, Any]:
    """``cases`` of `decode_cases`."""
    from macropix.host.bench.decode import decode_cases

    return _told({"cases": decode_cases(seed, progress=progress)}, "expelliarmus")


def golden(*, seed: int) -> dict[str, Any]:
    """``cases`` of `golden_cases`."""
    from macropix.host.bench.golden import golden_cases

    return _told({"cases": golden_cases(seed)}, "cv2")


def stream(*, seed: int, images: Path | None = None, progress: Progress | None = None) -> dict[str, Any]:
    """``cases`` and ``overhead_bytes_per_slice`` of `stream_cases`."""
    from macropix.host.bench.stream import stream_cases

    cases, overhead = stream_cases(seed, images=images, progress=progress)
    return _told({"cases": cases, "overhead_bytes_per_slice": overhead})


def rtl(*, url: str, frames: int, seed: int) -> dict[str, Any]:
    """Frames and clocks a second at 5 and 25 %, seconds of the build, and clocks a second of cocotb with a step of Python a clock."""
    import macropix.host
    from macropix.host.bench.rtl import cocotb_rate, frame_rate

    with macropix.host.open(url, seed=seed) as device:
        cases = [frame_rate(device, share=share, frames=frames, seed=seed) for share in (0.05, 0.25)]
        build_seconds = device.transport.facts.get("build_seconds", 0.0)
    clocks = min((case["clocks_per_s"] for case in cases if "clocks_per_s" in case), default=None)
    cocotb = cocotb_rate() if clocks is not None else None
    result = {
        "url": device.url,
        "cases": cases,
        "frames_per_s": min(case["frames_per_s"] for case in cases),
        "clocks_per_s": clocks,
        "cocotb_clocks_per_s": cocotb,
        "ratio": round(clocks / cocotb, 1) if clocks and cocotb else None,
        "build_seconds": build_seconds,
    }
    return _told(result)
