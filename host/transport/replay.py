# SPDX-License-Identifier: BSD-2-Clause
"""A recorded byte stream behind the transport interface: ``file://run.h5`` (a capture file) or ``file://stream.bin`` (bare bytes)."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from macropix.gateware.config import Config
from macropix.host.errors import UserError
from macropix.host.transport.base import Transport
from macropix.host.transport.url import ParsedUrl, config_from

__all__ = ["FileTransport", "open_file"]

#: first bytes of every HDF5 file
HDF5 = b"\x89HDF\r\n\x1a\n"


class FileTransport(Transport):
    """Reads what was recorded, in chunks; takes no commands.

    Parameters
    ----------
    path : Path
        The file.
    chunk_bytes : int
        Most bytes a `read` gives.
    """

    live = False

    def __init__(self, path: Path, *, name: str = "", chunk_bytes: int = 1 << 16, config: Config | None = None):
        super().__init__(name or f"file://{path}", config=config)
        self.path = path
        self.chunk_bytes = chunk_bytes
        self._file: BinaryIO | None = None
        self._chunks: Iterator[bytes] | None = None
        try:
            file = path.open("rb")
        except OSError as error:
            raise UserError(f"{path}: can't be read", found=error.strerror or str(error)) from None
        if file.read(len(HDF5)) == HDF5:
            file.close()
            from macropix.host.store.hdf5 import CaptureFile

            self.capture: CaptureFile | None = CaptureFile(path)
            self._chunks = self.capture.raw(chunk_bytes)
        else:
            file.seek(0)
            self._file, self.capture = file, None

    def write(self, data: bytes) -> None:
        """Raises UserError: a recording can't be told anything."""
        raise UserError(f"{self.name} is a recording: it takes no commands")

    def read(self, timeout: float) -> bytes:
        """The next chunk; ``b""`` at once at the end."""
        if self._chunks is not None:
            return next(self._chunks, b"")
        return b"" if self._file is None else self._file.read(self.chunk_bytes)

    def close(self) -> None:
        """Closes the file."""
        self._chunks = None
        if self._file is not None:
            self._file.close()
            self._file = None
        if self.capture is not None:
            self.capture.close()


def open_file(parsed: ParsedUrl) -> FileTransport:
    """``file://PATH?chunk=BYTES``; for a bare stream without a status packet also ``rows``, ``cols``, ``border`` and ``macro``."""
    options = dict(parsed.options)
    text = options.pop("chunk", str(1 << 16))
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"option 'chunk' is a number of bytes, not {text!r}")
    config = config_from(options, also=("chunk",)) if options else None
    if not parsed.file:
        raise UserError(f"{parsed.text} names no file", expected="file://PATH")
    return FileTransport(Path(parsed.file), name=parsed.text, chunk_bytes=int(text), config=config)
