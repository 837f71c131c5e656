# SPDX-License-Identifier: BSD-2-Clause
"""Under the capture writer: growing datasets behind buffers, and a file that survives a full disk."""

import io
from pathlib import Path
from typing import Any

import h5py
import numpy as np

__all__ = ["Column", "OutputFile"]


class OutputFile(io.FileIO):
    """A file that never fails under HDF5, which may crash when one does.

    The first error of a write is kept in `error`, for the writer to look at; what is written from then on stays in memory, so that
    HDF5 finds everything again until it lets go of the file.
    """

    error: OSError | None = None

    def __init__(self, path: Path):
        super().__init__(path, "w+")
        self._late: list[tuple[int, bytes]] = []

    def put(self, view: memoryview) -> int:
        """What the system does: writes some of it."""
        return super().write(view)

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        size, at = len(view), self.tell()
        if self.error is None:
            try:
                while view:
                    view = view[self.put(view) :]
            except OSError as error:
                self.error = error
        if view:
            self._late.append((at + size - len(view), bytes(view)))
        self.seek(at + size)
        return size

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        at = self.tell()
        size = super().readinto(view) or 0
        for start, data in self._late:
            low, high = max(start, at), min(start + len(data), at + len(view))
            if low < high:
                view[low - at : high - at] = data[low - start : high - start]
                size = max(size, high - at)
        return size

    def seek(self, offset: int, whence: int = 0) -> int:
        there = super().seek(offset, whence)
        if whence == 2 and self._late:
            there = super().seek(max([there, *(start + len(data) for start, data in self._late)]))
        return there

    def truncate(self, size: int | None = None) -> int:
        if self.error is None:
            try:
                return super().truncate(size)
            except OSError as error:
                self.error = error
        return size or 0


class Column:
    """A growing dataset behind a buffer."""

    def __init__(self, group: h5py.Group, name: str, dtype: str, *, chunk: int = 4096, packed: bool = True):
        options: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if packed else {}
        self.data = group.create_dataset(name, (0,), dtype, maxshape=(None,), chunks=(chunk,), **options)
        self.parts: list[np.ndarray] = []
        self.bytes = 0

    def add(self, values: np.ndarray) -> None:
        self.parts.append(values)
        self.bytes += values.nbytes

    def flush(self) -> None:
        if self.parts:
            block = np.concatenate(self.parts)
            size = self.data.shape[0]
            self.data.resize((size + block.size,))
            self.data[size:] = block
            self.parts.clear()
            self.bytes = 0
