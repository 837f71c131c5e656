# SPDX-License-Identifier: BSD-2-Clause
"""The three ways a number is made narrower: rounding, and limits that say where they acted.

exact integer ──► rounded: half an LSB, then shifted   ──► saturated: limited, with a mark where it was beyond
"""

import numpy as np

__all__ = ["rounded", "sat12", "sat18", "satu12", "saturate"]


def rounded(values: np.ndarray, bits: int) -> np.ndarray:
    """`values` by 2^bits, to nearest, halves up."""
    return (values + (1 << (bits - 1))) >> bits


def saturate(values: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """`values` limited to low … high, and where that changed them. `low` is applied first: where low > high, high holds."""
    limited = np.minimum(np.maximum(values, low), high)
    return limited, limited != values


def sat12(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signed 12 bits."""
    return saturate(values, -2048, 2047)


def sat18(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signed 18 bits."""
    return saturate(values, -131072, 131071)


def satu12(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unsigned 12 bits."""
    return saturate(values, 0, 4095)
