# SPDX-License-Identifier: BSD-2-Clause
"""Writes a capture file: under a temporary name until it is whole, in blocks, in bounded memory.

chunks, frames, settings ─► buffers ─► .run.h5.….part ─► close ─► run.h5
"""

import contextlib
import errno
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from macropix.host.errors import UserError
from macropix.host.frame import Frame
from macropix.host.settings import Settings
from macropix.host.store.column import Column, OutputFile
from macropix.host.store.files import check_writable, disk_error
from macropix.host.store.schema import FORMAT, FRAME_COLUMNS, SPARSE_COLUMNS, VERSION_MAJOR, VERSION_MINOR
from macropix.host.store.table import write_settings

__all__ = ["CaptureWriter"]

#: buffered bytes that are written in one go
_BLOCK = 1 << 20


class CaptureWriter:
    """A capture file in the making. `finish` gives it its name; `abort`, or dying, leaves nothing under it.

    Parameters
    ----------
    path : path
        Final name; a file that is there is replaced when the new one is whole.
    columns : sequence of str
        Extra int64 columns, one value a frame: see `note`.

    Raises
    ------
    UserError
        If the folder is missing or can't be written, or the disk is full: at any call.
    """

    def __init__(self, path: str | Path, *, columns: Sequence[str] = ()):
        self.path = Path(path)
        self.part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        self.open = False
        check_writable(self.path)
        clash = [name for name in columns if name in (*FRAME_COLUMNS, *SPARSE_COLUMNS)]
        if clash:
            raise UserError(f"a capture file has a column {clash[0]!r} of its own")
        self._raw: OutputFile | None = None
        with self._said():
            self._raw = OutputFile(self.part)
        with self._said():
            self.file = h5py.File(self._raw, "w", track_order=True)
            self.open = True
            self._create(columns)

    def _create(self, columns: Sequence[str]) -> None:
        self.file.attrs["format"] = FORMAT
        self.file.attrs["format_version"] = f"{VERSION_MAJOR}.{VERSION_MINOR}"
        self.file.attrs["complete"] = False
        raw, frames = self.file.create_group("raw"), self.file.create_group("frames")
        self._stream = Column(raw, "stream", "u1", chunk=1 << 16, packed=False)
        self._chunk_end, self._chunk_time = Column(raw, "chunk_end", "<u8"), Column(raw, "chunk_time", "<f8")
        self._columns = {name: Column(frames, name, dtype) for name, dtype in FRAME_COLUMNS.items()}
        self._index, self._value = Column(frames, "index", "<u4"), Column(frames, "value", "<i4")
        self._masked = Column(frames, "masked_index", "<u4")
        self._frame_ptr, self._masked_ptr = Column(frames, "frame_ptr", "<u8"), Column(frames, "masked_ptr", "<u8")
        self._frame_ptr.add(np.zeros(1, "<u8"))
        self._masked_ptr.add(np.zeros(1, "<u8"))
        self._extra = {name: Column(frames, name, "<i8") for name in columns}
        self._noted = dict.fromkeys(columns, 0)
        self._settings: list[tuple[Settings, int]] = []
        self._rows: dict[tuple[int, int], int] = {}
        self._log: list[tuple[float, str]] = []
        self.raw_bytes = self.frames = self._sent = self._flagged = 0

    @contextlib.contextmanager
    def _said(self):
        """File errors in the words of a person, and no file left."""
        try:
            yield
            if self._raw is not None and self._raw.error is not None:
                raise self._raw.error
        except OSError as error:
            self.abort()
            raise disk_error(self.path, error) from error
        except RuntimeError as error:
            self.abort()
            raise UserError(f"cannot write {self.path}: {str(error).splitlines()[0]}") from None

    # ---- streaming ------------------------------------------------------------------------------------------

    def raw(self, chunk: bytes) -> None:
        """Bytes as they came from the device."""
        self.raw_bytes += len(chunk)
        self._stream.add(np.frombuffer(chunk, "u1"))
        self._chunk_end.add(np.array([self.raw_bytes], "<u8"))
        self._chunk_time.add(np.array([time.time()], "<f8"))
        if self._stream.bytes >= _BLOCK or len(self._stream.parts) >= 4096:
            self.flush()

    def settings(self, settings: Settings) -> int:
        """Settings that frames may be taken with from here on in the stream. Gives their row."""
        key = (settings.tag, settings.kernel)
        row = self._rows.get(key)
        if row is not None:
            known = self._settings[row][0]
            if known is settings or (known.same(settings) and known.pedestal is settings.pedestal and known.mask is settings.mask):
                return row
        self._rows[key] = len(self._settings)
        self._settings.append((settings, self.raw_bytes))
        return self._rows[key]

    def note(self, **values: int) -> None:
        """Values of the extra columns for the frames from now on."""
        unknown = values.keys() - self._noted.keys()
        if unknown:
            raise UserError(f"this file has no column {min(unknown)!r}", expected=", ".join(self._noted) or "none")
        self._noted.update(values)

    def frame(self, frame: Frame) -> None:
        """A whole frame."""
        if frame.settings is None:
            raise ValueError("a frame without settings can't be stored")
        self._sent += frame.index.size
        self._flagged += frame.masked_index.size
        self.frames += 1
        self._index.add(frame.index.astype("<u4"))
        self._value.add(frame.value.astype("<i4"))
        self._masked.add(frame.masked_index.astype("<u4"))
        self._frame_ptr.add(np.array([self._sent], "<u8"))
        self._masked_ptr.add(np.array([self._flagged], "<u8"))
        row = {
            "shot": frame.shot,
            "kernel": frame.kernel,
            "tap": frame.tap.value,
            "time": frame.time,
            "tag": frame.tag,
            "saturated": frame.saturated.value,
            "slices": frame.slices,
            "wire_bytes": frame.wire_bytes,
            "settings": self.settings(frame.settings),
            "host_time": time.time(),
        }
        for name, column in self._columns.items():
            column.add(np.array([row[name]], FRAME_COLUMNS[name]))
        for name, column in self._extra.items():
            column.add(np.array([self._noted[name]], "<i8"))
        if self._index.bytes + self._value.bytes >= _BLOCK or len(self._index.parts) >= 4096:
            self.flush()

    def log(self, text: str) -> None:
        """A line for the log."""
        self._log.append((time.time(), text))

    def flush(self) -> None:
        """Writes what is buffered."""
        with self._said():
            for column in self._all():
                column.flush()
            self.file.flush()

    def _all(self) -> list[Column]:
        own = [self._stream, self._chunk_end, self._chunk_time, self._index, self._value, self._masked, self._frame_ptr, self._masked_ptr]
        return [*own, *self._columns.values(), *self._extra.values()]

    # ---- once -----------------------------------------------------------------------------------------------

    def attributes(self, group: str, values: Mapping[str, Any]) -> None:
        """Attributes of a group: numbers and texts as they are, None as "", anything else as JSON."""
        with self._said():
            attrs = self.file.require_group(group).attrs
            for name, value in values.items():
                plain = "" if value is None else value
                attrs[name] = plain if isinstance(plain, (str, bool, int, float, np.generic)) else json.dumps(plain, default=str)

    def array(self, name: str, values: np.ndarray) -> None:
        """A dataset of its own, compressed."""
        with self._said():
            self.file.create_dataset(name, data=values, compression="gzip", compression_opts=4, shuffle=True)

    def texts(self, name: str, values: Sequence[str]) -> None:
        """A dataset of texts."""
        with self._said():
            self.file.create_dataset(name, data=list(values), shape=(len(values),), dtype=h5py.string_dtype())

    def finish(self, *, complete: bool, ended: str) -> None:
        """Writes the rest and gives the file its name."""
        self.flush()
        with self._said():
            write_settings(self.file, self._settings)
            self.file.create_dataset("log/time", data=np.array([when for when, _ in self._log], "<f8"))
            self.texts("log/text", [text for _, text in self._log])
            self.file.attrs["complete"] = complete
            self.file.attrs["ended"] = ended
            self.file.close()
            self.open = False
        with self._said():
            if self._raw is not None:
                os.fsync(self._raw.fileno())
                self._raw.close()
            self.part.replace(self.path)

    def abort(self) -> None:
        """Removes the temporary file. Any number of times."""
        raw = self._raw
        if raw is not None and not raw.closed:
            raw.error = raw.error or OSError(errno.ECANCELED, "aborted")
            if self.open:
                self.open = False
                with contextlib.suppress(OSError, RuntimeError, ValueError):
                    self.file.close()
            raw.close()
        self.part.unlink(missing_ok=True)
