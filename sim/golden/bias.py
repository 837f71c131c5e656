# SPDX-License-Identifier: BSD-2-Clause
"""From bias codes to responsivities.

code b ── response table ──► (w, dark)
"""

from collections.abc import Sequence

import numpy as np

__all__ = ["lookup"]


def lookup(
    codes: Sequence[int] | np.ndarray,
    weight_table: Sequence[int] | np.ndarray | None = None,
    dark_table: Sequence[int] | np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """(w, dark) of each code, int64.

    Parameters
    ----------
    codes : sequence of int (−512 … 511)
    weight_table, dark_table : 1,024 int each, by code modulo 1,024; None: w = b, dark = 0
    """
    index = np.asarray(codes, np.int64) & 1023
    weights = (index ^ 512) - 512 if weight_table is None else np.asarray(weight_table, np.int64)[index]
    darks = np.zeros_like(index) if dark_table is None else np.asarray(dark_table, np.int64)[index]
    return weights, darks
