# SPDX-License-Identifier: BSD-2-Clause
"""What a frame's sent pixels would cost with the best fixed parameters, and as words: what the encoder is held against.

index, |y| − T ──► min over k of Σ (v >> k) + 1 + k, for gaps and for values, + signs ──► bits

`tests/reference/rice.py` says the same in ten lines that import nothing of ours, and a test holds the two equal: the installed package
has no tests in it, and a figure that both the measured and the measure came from would prove nothing.
"""

import numpy as np

__all__ = ["WORD_BITS", "rice_bits"]

#: a word of address and value
WORD_BITS = 32
_MOST = 32


def rice_bits(index: np.ndarray, value: np.ndarray, threshold: int, *, signed: bool) -> int:
    """Bits of one frame.

    Parameters
    ----------
    index : integer array, ascending
        Sent pixels.
    value : integer array
        Theirs.
    threshold : int
        T.
    signed : bool
        Whether a value needs a sign bit: mode ABS, or T = 0.
    """
    if index.size == 0:
        return 0
    gaps = np.diff(index.astype(np.int64), prepend=-1) - 1
    sizes = np.abs(value.astype(np.int64)) - threshold
    return _best(gaps) + _best(sizes) + int(signed) * index.size


def _best(values: np.ndarray) -> int:
    return min(int((values >> k).sum()) + values.size * (1 + k) for k in range(_MOST))
