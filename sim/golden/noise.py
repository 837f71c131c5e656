# SPDX-License-Identifier: BSD-2-Clause
"""Seeded noise: one xorshift32 generator for each use, one step a macro-pixel.

seed, shot, kernel, G ──► first state ── 16 steps ──► states ──► Σ signed bytes · amplitude ──► noise
"""

import numba
import numpy as np

__all__ = ["NOISE_RESET", "NOISE_SIGNAL", "PRBS", "WARM_UP", "noise", "states", "xorshift32"]

#: G of n₁, n₂ and the PRBS scene
NOISE_RESET = 0x9E3779B9
NOISE_SIGNAL = 0x7F4A7C15
PRBS = 0xD1B54A32
#: steps before macro-pixel 0
WARM_UP = 16

_MASK = 0xFFFFFFFF


def xorshift32(x: int) -> int:
    """The state behind `x`. Marsaglia, "Xorshift RNGs", J. Stat. Softw. 8 (2003) 14: shifts 13, 17, 5."""
    x ^= (x << 13) & _MASK
    x ^= x >> 17
    x ^= (x << 5) & _MASK
    return x


@numba.njit(cache=True)
def _fill(x, warm_up, states):  # pragma: no cover (compiled)
    # x is an int64 here: numba would widen a uint32 at the first shift
    for i in range(warm_up + states.size):
        if i >= warm_up:
            states[i - warm_up] = x
        x ^= (x << 13) & 0xFFFFFFFF
        x ^= x >> 17
        x ^= (x << 5) & 0xFFFFFFFF


def states(seed: int, shot: int, kernel: int, constant: int, count: int) -> np.ndarray:
    """States that macro-pixels 0 … count − 1 of a frame see, uint32.

    Parameters
    ----------
    seed : int
        Register ``seed``.
    shot : int
        Number of the shot; its low 16 bits count.
    kernel : int (0 … 7)
    constant : int
        G of the use.
    count : int
        Macro-pixels (or imaging pixels, for the PRBS scene).
    """
    x = (seed ^ ((shot & 0xFFFF) << 16) ^ (kernel << 8) ^ constant) & _MASK
    out = np.empty(count, np.uint32)
    _fill(x or constant, WARM_UP, out)
    return out


def noise(states: np.ndarray, amplitude: int) -> np.ndarray:
    """n of each state, int64: the four bytes, each signed, summed; times amplitude by 2^6, rounded."""
    signed = np.ascontiguousarray(states, "<u4").view(np.int8).reshape(-1, 4)
    return (signed.sum(1, dtype=np.int64) * amplitude + 32) >> 6
