# SPDX-License-Identifier: BSD-2-Clause
"""Pictures of recorded frames, made as the frames come: none is kept.

frame, its number ─┬─► .tif: a page a frame                              .part ─► the file, when all have come
                   ├─► .png: one of them
                   └─► either, of a mosaic: laid together
"""

import contextlib
import types
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from macropix.gateware.wire import Tap
from macropix.host.errors import UserError
from macropix.host.frame import Frame
from macropix.host.mosaic import Canvas, Place
from macropix.host.store.png import edge_grey, grey, write_png
from macropix.host.store.tiff import TiffPages, write_tiff

__all__ = ["Export"]

_DESCRIPTION = "ADC LSB; 0 where no pixel was sent"
_TIFF = (".tif", ".tiff")
#: values of these fit into 16 bits
_NARROW = (Tap.OUT, Tap.ADC)


class Export:
    """One picture file of a recording. A context manager: the file appears if the block ends well.

    Parameters
    ----------
    out : Path
        ``.tif`` for the values of every frame, or of frame `number`; ``.png`` for one: frame `number`, else the joined mosaic, else
        the first.
    number : int
        Which frame; negative: not said.

    Raises
    ------
    UserError
        For another kind of file; at the end of the block, if there was no such frame.
    """

    def __init__(self, out: Path, number: int = -1):
        if out.suffix.lower() not in (*_TIFF, ".png"):
            raise UserError(f"{out}: unknown kind of picture", expected=".tif or .png", found=out.suffix or "no suffix")
        self.out, self.number = out, number
        self._tiff = out.suffix.lower() in _TIFF
        self._stack = contextlib.ExitStack()
        self._pages: TiffPages | None = None
        self._picture: np.ndarray | None = None
        self._canvas: Canvas | None = None
        self._whole: tuple[int, int] | None = None
        self._tiles: Sequence[tuple[int, int]] = ()
        self._come = 0

    def join(self, whole: tuple[int, int], tiles: Sequence[tuple[int, int]]) -> None:
        """The frames are tiles of a mosaic of `whole` pixels, frame n at (row, column) ``tiles[n]``: lay them together unless one was
        asked for."""
        if self.number < 0:
            self._whole, self._tiles = whole, tiles

    def take(self, frame: Frame, number: int) -> None:
        """The next frame, and its number in the recording, -1 if it has none there; numbers may be left out, where frames were lost."""
        self._come = max(self._come, number + 1)
        if self.number >= 0:
            if number == self.number:
                self._picture = frame.image
        elif self._whole is not None:
            self._lay(frame, number, self._whole)
        elif self._tiff:
            self._page(frame)
        elif self._picture is None:
            self._picture = frame.image

    def _lay(self, frame: Frame, number: int, whole: tuple[int, int]) -> None:
        """Of several frames of a tile the first."""
        if self._canvas is None:
            self._canvas = Canvas(whole, frame.shape)
            self._picture = self._canvas.image
        if 0 <= number < len(self._tiles):
            place = Place(*self._tiles[number])
            if not self._canvas.seen[self._canvas.area(place)].any():
                self._canvas.lay(place, frame.image, frame.sent)

    def _page(self, frame: Frame) -> None:
        if self._pages is None:
            dtype = np.int16 if frame.tap in _NARROW else np.int32
            self._pages = self._stack.enter_context(TiffPages(self.out, dtype, description=_DESCRIPTION))
        self._pages.write(frame.image)

    def _finish(self) -> None:
        if not self._come:
            raise UserError(f"there is no frame to make {self.out} of")
        if self.number >= self._come:
            raise UserError(f"there is no frame {self.number}", expected=f"0 to {self._come - 1}")
        if self.number >= 0 and self._picture is None:
            raise UserError(f"frame {self.number} was lost: there is no picture of it")
        if self._picture is None:  # the pages are written
            return
        if self._tiff:
            write_tiff(self.out, self._picture, description=_DESCRIPTION)
        else:
            write_png(self.out, edge_grey(self._picture) if self._picture.min() < 0 else grey(self._picture))

    def __enter__(self) -> "Export":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: types.TracebackType | None) -> None:
        with self._stack:
            if error is None:
                self._finish()
            else:
                self._stack.__exit__(kind, error, traceback)
