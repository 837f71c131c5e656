# SPDX-License-Identifier: BSD-2-Clause
"""The converter.

p ── by 2^5, rounded ──► y
"""

import numpy as np

from macropix.sim.golden.narrow import rounded, sat12

__all__ = ["convert"]


def convert(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """y, and where it was clipped."""
    return sat12(rounded(p, 5))
