# SPDX-License-Identifier: BSD-2-Clause
"""How speed is measured: by turns, by the processor's clock, and the best of several.

ours, peer, peer, ours, peer … ──► fewest CPU seconds of each
"""

import importlib.metadata
import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from macropix.host.cli.versions import versions

__all__ = ["best", "peak_memory", "rates", "reset_peak", "resident", "surroundings"]

_PEERS = ("expelliarmus", "evt3", "opencv-python-headless")


def best(runs: Mapping[str, Callable[[], Any]], *, rounds: int = 5, least: float = 0.3) -> dict[str, float]:
    """Fewest seconds that each of `runs` took, by turns, after one run that does not count.

    Seconds of processor time of the whole process: what other programs take does not count, what a run's own threads take does.

    Parameters
    ----------
    runs : mapping
        What is measured, by name.
    rounds : int
        Turns at least.
    least : float
        Turns go on until the slowest has had so many seconds in all, 50 turns at most.
    """
    for run in runs.values():
        run()
    fewest, spent = dict.fromkeys(runs, float("inf")), dict.fromkeys(runs, 0.0)
    for turn in range(50):
        if turn >= rounds and max(spent.values()) >= least:
            break
        for name, run in runs.items():
            start = time.process_time()
            run()
            seconds = time.process_time() - start
            fewest[name], spent[name] = min(fewest[name], seconds), spent[name] + seconds
    return fewest


def rates(seconds: Mapping[str, float], pixels: int) -> dict[str, float]:
    """Mpixel/s of each."""
    return {name: round(pixels / one / 1e6, 1) for name, one in seconds.items()}


def surroundings() -> dict[str, Any]:
    """What the figures depend on: versions of everything, and the machine."""
    told: dict[str, str] = {**versions(), "python": platform.python_version()}
    for name in ("numpy", "numba", *_PEERS):
        try:
            told[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {"versions": told, "threads": 1, "cores": os.cpu_count(), "machine": platform.machine(), "load": round(_load(), 2)}


def _load() -> float:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


# ---- memory --------------------------------------------------------------------------------------------------


def resident() -> int:
    """Bytes of this process that are in memory now."""
    return _status("VmRSS")


def peak_memory() -> int:
    """Most bytes that were, since `reset_peak`; where that can't be told, since the process began."""
    return _status("VmHWM")


def reset_peak() -> None:
    """Peaks are counted from now on."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _status(name: str) -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if platform.system() == "Darwin" else 1024)
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))
