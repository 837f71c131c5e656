# SPDX-License-Identifier: BSD-2-Clause
"""Which macro-pixels a frame holds: from the sizes a device reports to the shape of its frames."""

import dataclasses
import functools

from macropix.gateware.config import Config
from macropix.gateware.wire import Read

__all__ = ["Geometry"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Geometry:
    """Rows, columns, masked rings and macro-pixel side of an array, in pixels, as its status registers tell them."""

    rows: int
    cols: int
    border: int
    macro: int
    kernels: int = 8

    @classmethod
    def of(cls, config: Config) -> "Geometry":
        """The geometry of a device built from `config`."""
        return cls(rows=config.rows, cols=config.cols, border=config.border, macro=config.macro, kernels=config.kernels)

    @property
    def image_rows(self) -> int:
        """Rows of pixels that image."""
        return self.rows - 2 * self.border

    @property
    def image_cols(self) -> int:
        """Columns of pixels that image."""
        return self.cols - 2 * self.border

    def shape(self, read: Read | int) -> tuple[int, int]:
        """Rows and columns of a frame taken with `read`."""
        return self._shapes[read if type(read) is Read else Read(read)]

    @functools.cached_property
    def _shapes(self) -> dict[Read, tuple[int, int]]:
        h, v, m = self.image_rows, self.image_cols, self.macro
        return {Read.SINGLE: (h, v), Read.SLIDING: (h - m + 1, v - m + 1), Read.TILES: (h // m, v // m)}

    def exposed(self, read: Read | int) -> int:
        """Imaging pixels, in raster order, up to the one that completes the frame's last macro-pixel: what a streamed exposure takes."""
        rows, cols = self.image_rows, self.image_cols
        if Read(read) is Read.TILES:
            rows, cols = rows // self.macro * self.macro, cols // self.macro * self.macro
        return (rows - 1) * self.image_cols + cols

    def read_of(self, pixels: int) -> Read | None:
        """The read whose frames have `pixels` pixels, if there is one: a frame's size tells how it was read."""
        for read in Read:
            rows, cols = self.shape(read)
            if rows * cols == pixels:
                return read
        return None
