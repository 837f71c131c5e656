# SPDX-License-Identifier: BSD-2-Clause
"""The one integrator of a macro-pixel (DI).

s ── · t by 2^16, + test charge ── well ──► q
"""

import numpy as np

from macropix.sim.golden.narrow import rounded, saturate

__all__ = ["integrate"]


def integrate(s: np.ndarray, *, time: int, test_charge: int, well_low: int, well_high: int) -> tuple[np.ndarray, np.ndarray]:
    """q, and where the well clipped it. Where well_low > well_high, well_high holds."""
    return saturate(rounded(s * time, 16) + test_charge, well_low, well_high)
