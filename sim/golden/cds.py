# SPDX-License-Identifier: BSD-2-Clause
"""Two samples and their difference.

base + pattern + n₁ ──► R          R + q + n₂ ──► S          S − R, or S ──► d
"""

import numpy as np

from macropix.sim.golden.narrow import sat18, satu12

__all__ = ["pattern", "sample"]


def pattern(rows: int, cols: int, amplitude: int) -> np.ndarray:
    """Fixed pattern of a frame of rows × cols macro-pixels, int64: a hash of (r, c), 0 … amplitude · 255 / 16."""
    r, c = np.arange(rows)[:, None], np.arange(cols)
    z = (r * 0x9E35 + c * 0x6A4D + 0x3C6F) & 0xFFFF
    z ^= z >> 7
    z = (z * 0x2545) & 0xFFFF
    z ^= z >> 9
    return ((z & 0xFF) * amplitude) >> 4


def sample(
    q: np.ndarray, *, base: int, pattern: np.ndarray | int, n1: np.ndarray | int, n2: np.ndarray | int, cds: int | bool
) -> tuple[np.ndarray, np.ndarray]:
    """d, and where reset level or difference were clipped."""
    reset, low = satu12(base + pattern + n1 + np.zeros_like(q))
    signal = reset + q + n2
    d, high = sat18(signal - reset if cds else signal)
    return d, low | high
