# SPDX-License-Identifier: BSD-2-Clause
"""Pictures as PNG: 8 bits to look at, 16 bits to compute with.

conventional   black 0, white the largest value
edges          mid grey 0, brighter positive, darker negative
sent           white where a pixel was sent
"""

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

from macropix.host.store.files import replacing

__all__ = ["edge_grey", "grey", "mask", "png_bytes", "write_png"]


def grey(values: np.ndarray) -> np.ndarray:
    """u8: 0 is black, the largest value is white; negative values are black."""
    top = max(1, int(values.max(initial=0)))
    return (np.clip(values.astype(np.int64), 0, None) * 255 // top).astype(np.uint8)


def edge_grey(values: np.ndarray, *, quantile: float = 0.995) -> np.ndarray:
    """u8: 0 is mid grey (128). Saturates at a quantile of the magnitudes that are not 0, so that one bright pixel doesn't hide the rest."""
    size = np.abs(values.astype(np.int64))
    some = size[size > 0]
    top = max(1.0, float(np.quantile(some, quantile))) if some.size else 1.0
    return np.clip(128 + np.rint(values * (127 / top)), 1, 255).astype(np.uint8)


def mask(sent: np.ndarray) -> np.ndarray:
    """u8: 255 where a pixel was sent."""
    return np.where(sent, 255, 0).astype(np.uint8)


def png_bytes(values: np.ndarray) -> bytes:
    """A grey PNG file of u8 or u16 values, rows × columns, or a colour one of u8 × 3."""
    if values.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"a PNG holds u8 or u16, not {values.dtype}")
    file = io.BytesIO()
    Image.fromarray(values).save(file, format="PNG", optimize=True)
    return file.getvalue()


def write_png(path: str | os.PathLike, values: np.ndarray) -> Path:
    """Writes `values` as `png_bytes` codes them; a file of that name appears only when it is whole."""
    data = png_bytes(values)
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return Path(path)
