# SPDX-License-Identifier: BSD-2-Clause
"""Under the capture writer: growing datasets behind buffers, and a file that survives a full disk."""

import io
from typing import Any

import h5py
import numpy as np

__all__ = ["Column", "OutputFile"]


class OutputFile(io.FileIO):
    """A file that remembers its first write error and from then on pretends, so that HDF5 lets go of it without a crash."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        size = len(view)
        if self.error is not None:
            self.seek(size, 1)
            return size
        try:
            while view:
                view = view[super().write(view) :]
        except OSError as error:
            self.error = error
            raise
        return size

    def truncate(self, size: int | None = None) -> int:
        if self.error is None:
            try:
                return super().truncate(size)
            except OSError as error:
                self.error = error
                raise
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
