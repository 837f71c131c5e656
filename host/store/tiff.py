# SPDX-License-Identifier: BSD-2-Clause
"""Pictures as TIFF: the values themselves, signed, 16 or 32 bits, one page a frame."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from macropix.host.store.files import replacing

__all__ = ["write_tiff"]


def write_tiff(path: str | os.PathLike, frames: np.ndarray | Iterable[np.ndarray], *, description: str = "") -> Path:
    """Writes one frame, or several of one shape, as pages; a file of that name appears only when it is whole.

    Values that fit are written as 16-bit integers, the sum's as 32-bit ones. `description` goes into the first page's tag.
    """
    import tifffile

    pages = [frames] if isinstance(frames, np.ndarray) and frames.ndim == 2 else list(frames)
    if not pages:
        raise ValueError("a TIFF has at least one page")
    small = all(page.min(initial=0) >= -32768 and page.max(initial=0) <= 32767 for page in pages)
    dtype = np.int16 if small else np.int32
    with replacing(path) as temporary, tifffile.TiffWriter(temporary) as writer:
        for number, page in enumerate(pages):
            writer.write(
                page.astype(dtype),
                photometric="minisblack",
                metadata=None,
                description=description if number == 0 else None,
                contiguous=False,
            )
    return Path(path)
