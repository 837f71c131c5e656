# SPDX-License-Identifier: BSD-2-Clause
"""A recorded stream decoded anew: what came, what was lost, and the pictures in it.

run.h5 or stream.bin ──► Recording ──► frames ──► counts, ledger, and a picture (`Export`)
"""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import macropix.host
from macropix.host.errors import DataLostError, MacropixError, UserError
from macropix.host.export import Export
from macropix.host.frame import Frame
from macropix.host.recording import Recording
from macropix.host.store.hdf5 import CaptureFile
from macropix.host.transport.url import parse

__all__ = ["Decoded", "decode_file"]


@dataclasses.dataclass
class Decoded:
    """What a recorded stream holds."""

    path: Path
    frames: int = 0
    stored: int | None = None
    missing: int = 0
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
        if self.stored is not None:
            told |= {"frames_stored": self.stored, "frames_missing": self.missing, "frames_differing": self.differing}
        return told

    @property
    def trouble(self) -> MacropixError | None:
        """What is wrong with the recording, if anything."""
        if self.differing:
            return DataLostError(f"{self.path}: {self.differing} frames of the raw stream are not the stored ones")
        causes = [
            f"{count} {words}"
            for count, words in (
                (self.missing, f"of {self.stored} stored frames missing"),
                (self.ledger["missing"] if self.ledger["lost"] is None else self.ledger["lost"], "slices lost on the link"),
                (self.ledger["dropped"] or 0, "slices dropped on the device"),
                (self.ledger["frames_incomplete"], "frames incomplete"),
                (self.stream_bytes_skipped, "bytes that belong to no packet"),
            )
            if count
        ]
        if self.end_missing:
            causes.append("the end is missing")
        if not (self.complete or self.ledger["settled"]):
            causes.append("the run did not end as it should")
        return DataLostError(f"{self.path}: data was lost: {', '.join(causes)}") if causes else None


def decode_file(path: str | Path, *, export: Export | None = None, progress: Callable[[str, int, int], None] | None = None) -> Decoded:
    """Decodes the stream in `path`, a capture file or bare bytes or the ``file://`` URL of one, and compares with the frames stored in the
    first. Each frame goes to `export` and is then forgotten; `progress` is told what, how many bytes of it, of how many.

    Raises UserError if there is no such file, it is no capture, or not one packet is found in it.
    """
    url = str(path) if str(path).startswith("file://") else f"file://{path}"
    path = Path(parse(url).file)
    if not path.is_file():
        raise UserError(f"{path} is a folder" if path.is_dir() else f"there is no file {path}")
    found = Decoded(path)
    with macropix.host.open(url) as opened:
        recording: Any = opened
        capture = recording.transport.capture
        if capture is not None:
            _stored(found, capture, export)
        size = path.stat().st_size if capture is None else capture.stream_bytes
        stored = enumerate(capture if capture is not None else ())
        for frame in recording.frames():
            found.frames += 1
            found.pixels_sent += frame.index.size
            found.pixels_total += frame.pixels
            found.bytes_on_wire += frame.wire_bytes
            number = found.frames - 1 if capture is None else _compare(found, frame, stored)
            if export is not None:
                export.take(frame, number)
            if progress is not None:
                progress(f"decode {path.name}", recording.decoder.statistics.bytes, size)
        found.missing += sum(1 for _ in stored)
        _counted(found, recording)
    return found


def _compare(found: Decoded, frame: Frame, stored: Iterator[tuple[int, Frame]]) -> int:
    """`frame` beside its stored twin, whose number is given, or -1. Those before it that were not found are missing."""
    for number, twin in stored:
        if (twin.shot, twin.kernel, twin.time) == (frame.shot, frame.kernel, frame.time):
            found.differing += not _same(frame, twin)
            return number
        found.missing += 1
    found.differing += 1
    return -1


def _stored(found: Decoded, capture: CaptureFile, export: Export | None) -> None:
    found.stored, found.complete = len(capture), capture.complete
    mosaic = capture.facts.get("mosaic")
    if export is not None and isinstance(mosaic, dict) and mosaic.get("joined"):
        tiles = list(zip(capture.column("tile_row").tolist(), capture.column("tile_col").tolist()))
        export.join((mosaic["shape"][0], mosaic["shape"][1]), tiles)


def _counted(found: Decoded, recording: Recording) -> None:
    statistics, ledger = recording.decoder.statistics, recording.ledger()
    found.stream_bytes, found.stream_bytes_skipped, found.end_missing = statistics.bytes, statistics.skipped, statistics.end_missing
    if not statistics.packets:
        raise UserError(
            f"{found.path} is no recorded stream",
            expected="a capture file, or bytes with packets in them",
            found=f"{statistics.bytes} bytes, no packet",
        )
    unknown = dict.fromkeys(("produced", "arrived", "sent", "lost", "dropped", "settled"))
    found.ledger = unknown | dataclasses.asdict(recording.statistics) if ledger is None else ledger.to_dict()


def _same(one: Frame, other: Frame) -> bool:
    return (
        (one.shot, one.kernel, one.tap, one.tag, one.shape) == (other.shot, other.kernel, other.tap, other.tag, other.shape)
        and np.array_equal(one.index, other.index)
        and np.array_equal(one.value, other.value)
        and np.array_equal(one.masked_index, other.masked_index)
    )
