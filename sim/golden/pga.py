# SPDX-License-Identifier: BSD-2-Clause
"""Gain in octaves.

d ── · 2^g ──► p
"""

import numpy as np

from macropix.sim.golden.narrow import sat18

__all__ = ["MAX_GAIN", "amplify"]

#: octaves; a larger register value acts as this
MAX_GAIN = 5


def amplify(d: np.ndarray, gain: int) -> tuple[np.ndarray, np.ndarray]:
    """p, and where it was clipped."""
    return sat18(d << min(int(gain), MAX_GAIN))
