# SPDX-License-Identifier: BSD-2-Clause
"""What each macro-pixel reads in the dark.

y ── − pedestal[n] ──► y'
"""

import numpy as np

from macropix.sim.golden.narrow import sat12

__all__ = ["subtract"]


def subtract(y: np.ndarray, pedestal: np.ndarray | int, enable: int | bool) -> tuple[np.ndarray, np.ndarray]:
    """y', and where it was clipped; y itself if not enabled."""
    return sat12(y - pedestal) if enable else (y, np.zeros(y.shape, bool))
