# SPDX-License-Identifier: BSD-2-Clause
"""A recorded stream decoded anew: what came, what was lost, and the pictures in it.

run.h5 or stream.bin ──► Recording ──► frames ──► counts, ledger, and a picture (`Export`)
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

import macropix.host
from macropix.host.errors import DataLostError, MacropixError, UserError
from macropix.host.export import Export
from macropix.host.frame import Frame
from macropix.host.recording import Recording

__all__ = ["Decoded", "decode_file"]


@dataclasses.dataclass
class Decoded:
    """What a recorded stream holds."""

    path: Path
    frames: int = 0
    stored: int | None = None
    differing: int = 0
    pixels_sent: int = 0
    pixels_total: int = 0
    bytes_on_wire: int = 0
    stream_bytes: int = 0
    stream_bytes_skipped: int = 0
    end_missing: bool = False
    complete: bool = True
    ledger: dict[str, Any] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The figures for ``--json``."""
        told = {
            "file": str(self.path),
            "frames": self.frames,
            "pixels_sent": self.pixels_sent,
            "pixels_total": self.pixels_total,
            "bytes_on_wire": self.bytes_on_wire,
            "stream_bytes": self.stream_bytes,
            "stream_bytes_skipped": self.stream_bytes_skipped,
            "end_missing": self.end_missing,
            "complete": self.complete,
            "ledger": self.ledger,
        }
        return told if self.stored is None else told | {"frames_stored": self.stored, "frames_differing": self.differing}

    @property
    def trouble(self) -> MacropixError | None:
        """What is wrong with the recording, if anything."""
        if self.differing or self.stored not in (None, self.frames):
            return DataLostError(
                f"{self.path}: the raw stream does not give the stored frames",
                expected=f"{self.stored}",
                found=f"{self.frames}, {self.differing} differ",
            )
        causes = [
            f"{count} {words}"
            for count, words in (
                (self.ledger.get("lost", 0), "slices lost on the link"),
                (self.ledger.get("dropped", 0), "slices dropped on the device"),
                (self.ledger.get("frames_incomplete", 0), "frames incomplete"),
                (self.stream_bytes_skipped, "bytes that belong to no packet"),
            )
            if count
        ]
        if self.end_missing:
            causes.append("the end is missing")
        if not self.complete:
            causes.append("the run did not end as it should")
        return DataLostError(f"{self.path}: data was lost: {', '.join(causes)}") if causes else None


def decode_file(path: str | Path, *, export: Export | None = None) -> Decoded:
    """Decodes the stream in `path`, a capture file or bare bytes, and compares with the frames stored in the former. Each frame goes to
    `export` and is then forgotten.

    Raises UserError if there is no such file, it is no capture, or not one packet is found in it.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} is a folder" if path.is_dir() else f"there is no file {path}")
    found = Decoded(path)
    with macropix.host.open(f"file://{path}") as opened:
        recording: Any = opened
        capture = recording.transport.capture
        if capture is not None:
            _stored(found, capture, export)
        stored = iter(capture) if capture is not None else iter(())
        for frame in recording.frames():
            found.frames += 1
            found.pixels_sent += frame.index.size
            found.pixels_total += frame.pixels
            found.bytes_on_wire += frame.wire_bytes
            if (twin := next(stored, None)) is not None:
                found.differing += not _same(frame, twin)
            if export is not None:
                export.take(frame)
        if capture is None:
            _bare(found, recording)
    return found


def _stored(found: Decoded, capture: Any, export: Export | None) -> None:
    found.stored, found.complete = len(capture), capture.complete
    found.ledger = capture.attributes("ledger")
    found.stream_bytes = sum(len(chunk) for chunk in capture.raw())
    mosaic = capture.facts.get("mosaic")
    if export is not None and isinstance(mosaic, dict) and mosaic.get("joined"):
        tiles = list(zip(capture.column("tile_row").tolist(), capture.column("tile_col").tolist()))
        export.join((mosaic["shape"][0], mosaic["shape"][1]), tiles)


def _bare(found: Decoded, recording: Recording) -> None:
    statistics = recording.decoder.statistics
    found.stream_bytes, found.stream_bytes_skipped, found.end_missing = statistics.bytes, statistics.skipped, statistics.end_missing
    if not statistics.packets:
        raise UserError(
            f"{found.path} is no recorded stream",
            expected="a capture file, or bytes with packets in them",
            found=f"{statistics.bytes} bytes, no packet",
        )
    if statistics.status:
        found.ledger = recording.ledger().to_dict()


def _same(one: Frame, other: Frame) -> bool:
    return (
        (one.shot, one.kernel, one.tap, one.tag, one.shape) == (other.shot, other.kernel, other.tap, other.tag, other.shape)
        and np.array_equal(one.index, other.index)
        and np.array_equal(one.value, other.value)
        and np.array_equal(one.masked_index, other.masked_index)
    )
