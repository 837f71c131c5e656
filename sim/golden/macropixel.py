# SPDX-License-Identifier: BSD-2-Clause
"""Kirchhoff's law at the node of each macro-pixel.

x of M × M sub-pixels ── · w, + 256 · dark ──► s
"""

from collections.abc import Sequence

import numpy as np

from macropix.gateware.wire import Read

__all__ = ["sums"]


def sums(
    scene: np.ndarray,
    weights: Sequence[int] | np.ndarray,
    darks: Sequence[int] | np.ndarray,
    *,
    macro: int,
    border: int,
    read: Read,
) -> np.ndarray:
    """s of every macro-pixel that `read` takes, int64 (rows, columns).

    Parameters
    ----------
    scene : u16 array
        Photocurrents, ring included.
    weights, darks : `macro` ** 2 int each
        Of the sub-pixels, raster order. SINGLE takes the centre's.
    macro : int
        Side of a macro-pixel.
    border : int
        Rings that do not image.
    read : Read
        Which macro-pixels.
    """
    rows, cols = scene.shape
    x = np.asarray(scene[border : rows - border, border : cols - border], np.int64)
    w = np.asarray(weights, np.int64).reshape(macro, macro)
    dark = np.asarray(darks, np.int64).reshape(macro, macro)
    if read is Read.SINGLE:
        centre = macro // 2
        return x * w[centre, centre] + 256 * dark[centre, centre]
    h, v = x.shape
    if read is Read.SLIDING:
        step, m_rows, m_cols = 1, h - macro + 1, v - macro + 1
    else:
        step, m_rows, m_cols = macro, h // macro, v // macro
    s = np.full((m_rows, m_cols), 256 * dark.sum(), np.int64)
    for row, col in zip(*np.nonzero(w), strict=True):
        s += w[row, col] * x[row : row + step * (m_rows - 1) + 1 : step, col : col + step * (m_cols - 1) + 1 : step]
    return s
