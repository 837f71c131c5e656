# SPDX-License-Identifier: BSD-2-Clause
"""An image larger than the array: the stage steps the object so that the tiles' valid areas join.

image ── pad by replication ── cut ──► tile scenes ──► device ──► frames ── join, crop ──► whole image, what was sent

    SINGLE   h × w            every pixel; the ring sees its neighbours
    SLIDING  h × w            padded by M // 2 all round
    TILES    ⌈h/M⌉ × ⌈w/M⌉    padded right and below to whole macro-pixels
"""

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from macropix.gateware.wire import Read
from macropix.host.errors import UserError
from macropix.host.geometry import Geometry

__all__ = ["Canvas", "Mosaic", "Place", "Tile"]


class Place(NamedTuple):
    """Where a tile lies in the grid."""

    row: int
    col: int


@dataclasses.dataclass(frozen=True)
class Tile:
    """One position of the stage: what the array sees there, and where its frame belongs."""

    #: number of the tile in raster order, and its place in the grid
    number: int
    row: int
    col: int
    #: first row and column of its frame in the whole image
    top: int
    left: int
    #: u16, rows × columns of the whole array, ring included
    scene: np.ndarray


class Mosaic:
    """The tiles of one image for one array and one read.

    Parameters
    ----------
    image : array of u16, rows × columns
        The whole scene.
    geometry : Geometry
        The array.
    read : Read
        Which macro-pixels a frame holds.
    """

    def __init__(self, image: np.ndarray, geometry: Geometry, read: Read):
        if image.ndim != 2 or image.dtype != np.uint16 or image.size == 0:
            raise UserError("a mosaic is made of a grey u16 image", found=f"{image.dtype}, {' × '.join(map(str, image.shape))}")
        self.image, self.geometry, self.read = image, geometry, read
        height, width = image.shape
        stride = geometry.macro if read is Read.TILES else 1
        #: rows and columns of the whole output
        self.shape = (-(-height // stride), -(-width // stride))
        #: rows and columns of one frame
        self.frame_shape = geometry.shape(read)
        #: tiles down and across
        self.grid = (-(-self.shape[0] // self.frame_shape[0]), -(-self.shape[1] // self.frame_shape[1]))
        self._stride = stride
        self._margin = geometry.macro // 2 if read is Read.SLIDING else 0

        #: False for `single`: the frame is the array's own, whatever the image would give
        self.joined = True

    @classmethod
    def single(cls, scene: np.ndarray, geometry: Geometry, read: Read) -> "Mosaic":
        """One tile, no stepping: `scene` is what the whole array sees, padded by replication if it is smaller."""
        rows, cols = geometry.rows, geometry.cols
        if scene.shape[0] > rows or scene.shape[1] > cols:
            raise UserError(
                "the image is larger than the array",
                expected=f"at most {rows} × {cols} pixels",
                found=f"{scene.shape[0]} × {scene.shape[1]}",
                hint="--mosaic takes it tile by tile",
            )
        padded = np.pad(scene, ((0, rows - scene.shape[0]), (0, cols - scene.shape[1])), mode="edge")
        made = cls(padded, geometry, read)
        made.shape, made.grid, made.joined = made.frame_shape, (1, 1), False
        return made

    def __len__(self) -> int:
        return self.grid[0] * self.grid[1]

    @property
    def pixels(self) -> int:
        """Output pixels of the whole image."""
        return self.shape[0] * self.shape[1]

    def __iter__(self) -> Iterator[Tile]:
        if not self.joined:
            yield Tile(0, 0, 0, 0, 0, np.ascontiguousarray(self.image))
            return
        ring, (rows, cols) = self.geometry.border, self.frame_shape
        before = self._margin + ring
        high = (self.grid[0] - 1) * rows * self._stride + self.geometry.rows
        wide = (self.grid[1] - 1) * cols * self._stride + self.geometry.cols
        height, width = self.image.shape
        padded = np.pad(self.image, ((before, max(0, high - height - before)), (before, max(0, wide - width - before))), mode="edge")
        for row in range(self.grid[0]):
            for col in range(self.grid[1]):
                y, x = row * rows * self._stride, col * cols * self._stride
                scene = padded[y : y + self.geometry.rows, x : x + self.geometry.cols]
                yield Tile(row * self.grid[1] + col, row, col, row * rows, col * cols, np.ascontiguousarray(scene))

    def canvas(self) -> "Canvas":
        """An empty whole image to lay frames into."""
        return Canvas(self.shape, self.frame_shape)


class Canvas:
    """The whole image as it comes together.

    Parameters
    ----------
    shape, frame_shape : (int, int)
        Rows and columns of the whole image, and of each frame.

    Attributes
    ----------
    image : int32 array
        Values sent; 0 where none was.
    sent : bool array
        Which pixels were sent.
    seen : bool array
        Which pixels a frame has covered.
    """

    def __init__(self, shape: tuple[int, int], frame_shape: tuple[int, int]):
        self._frame_shape = frame_shape
        self.image = np.zeros(shape, np.int32)
        self.sent = np.zeros(shape, np.bool_)
        self.seen = np.zeros(shape, np.bool_)

    def lay(self, tile: Tile | Place, values: np.ndarray, sent: np.ndarray) -> int:
        """Lays one frame where `tile` says; what reaches beyond the image is cropped. Gives the number of pixels laid."""
        if values.shape != self._frame_shape or sent.shape != self._frame_shape:
            raise ValueError(f"a frame of {values.shape} in a mosaic of frames of {self._frame_shape}")
        part = self.area(tile)
        rows, cols = self.image[part].shape
        self.image[part] = values[:rows, :cols]
        self.sent[part] = sent[:rows, :cols]
        self.seen[part] = True
        return rows * cols

    def area(self, tile: Tile | Place) -> tuple[slice, slice]:
        """The part of the whole image that `tile` covers."""
        rows, cols = self._frame_shape
        return slice(tile.row * rows, (tile.row + 1) * rows), slice(tile.col * cols, (tile.col + 1) * cols)

    @property
    def complete(self) -> bool:
        """Every pixel has been covered."""
        return bool(self.seen.all())
