# SPDX-License-Identifier: BSD-2-Clause
"""Pictures as TIFF: the values themselves, signed, 16 or 32 bits, one page a frame."""

import contextlib
import os
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from macropix.host.store.files import replacing

__all__ = ["TiffPages", "write_tiff"]


class TiffPages:
    """A TIFF written page by page. A context manager: the file appears under its name if the block ends well.

    Parameters
    ----------
    path : path
    dtype : int16 or int32
        Of every page.
    description : str
        Goes into the first page's tag.

    Raises
    ------
    UserError
        For what the disk refuses.
    """

    def __init__(self, path: str | os.PathLike, dtype: Any, *, description: str = ""):
        self.path, self.dtype, self.description = path, dtype, description
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "TiffPages":
        import tifffile

        with self._stack:
            temporary = self._stack.enter_context(replacing(self.path))
            self._writer = self._stack.enter_context(tifffile.TiffWriter(temporary, bigtiff=False))
            self._stack = self._stack.pop_all()
        self._first = True
        return self

    def write(self, page: np.ndarray) -> None:
        """One page more."""
        description = self.description if self._first else None
        self._first = False
        self._writer.write(page.astype(self.dtype), photometric="minisblack", metadata=None, description=description, contiguous=False)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: types.TracebackType | None) -> None:
        self._stack.__exit__(kind, error, traceback)


def write_tiff(path: str | os.PathLike, frames: np.ndarray | Iterable[np.ndarray], *, description: str = "") -> Path:
    """Writes one frame, or several of one shape, as pages; a file of that name appears only when it is whole.

    Values that fit are written as 16-bit integers, the sum's as 32-bit ones. `description` goes into the first page's tag.
    """
    pages = [frames] if isinstance(frames, np.ndarray) and frames.ndim == 2 else list(frames)
    if not pages:
        raise ValueError("a TIFF has at least one page")
    small = all(page.min(initial=0) >= -32768 and page.max(initial=0) <= 32767 for page in pages)
    with TiffPages(path, np.int16 if small else np.int32, description=description) as out:
        for page in pages:
            out.write(page)
    return Path(path)
