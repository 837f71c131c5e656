# SPDX-License-Identifier: BSD-2-Clause
"""Which macro-pixels are worth sending.

y' ── ≥ T, ≤ −T, or either; not masked ──► sent
"""

import numpy as np

from macropix.gateware.wire import ThresholdMode

__all__ = ["sent"]


def sent(y: np.ndarray, threshold: int, mode: ThresholdMode, masked: np.ndarray | bool) -> np.ndarray:
    """Past the threshold and not masked. T = 0 passes every value, in every mode."""
    if threshold == 0:
        past = np.ones(y.shape, bool)
    elif mode is ThresholdMode.POS:
        past = y >= threshold
    elif mode is ThresholdMode.NEG:
        past = y <= -threshold
    else:
        past = (y >= threshold) | (y <= -threshold)
    return past & ~np.asarray(masked, bool)
