# SPDX-License-Identifier: BSD-2-Clause
"""Reads a capture file: frames, columns, settings, ledger, and the raw stream decoded anew.

run.h5 ─► CaptureFile ─┬─ [i], iteration ─► Frame
                       └─ raw() ─► PacketDecoder ─► FrameAssembler ─► Frame    must be equal
"""

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from macropix.gateware.wire import Kind, Saturation, Tap
from macropix.host.decode.bytes import PacketDecoder
from macropix.host.decode.frames import FrameAssembler
from macropix.host.errors import UserError
from macropix.host.frame import Frame
from macropix.host.ledger import Ledger
from macropix.host.status import Status
from macropix.host.store.schema import FORMAT, FRAME_COLUMNS, REQUIRED, VERSION_MAJOR, VERSION_MINOR, plain
from macropix.host.store.table import read_settings

__all__ = ["CaptureFile"]

#: frames, and pixels of theirs, read at once when all are gone through
_BLOCK, _BLOCK_PIXELS = 1024, 1 << 20


class CaptureFile:
    """A capture file, open for reading. A sequence of frames; nothing is held in memory but what is asked for.

    Parameters
    ----------
    path : path
        The file.

    Raises
    ------
    UserError
        If it can't be read, isn't a whole capture file, or is of a newer major version.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        try:
            self.file: Any = h5py.File(self.path, "r")
        except FileNotFoundError:
            raise UserError(f"there is no file {self.path}") from None
        except OSError as error:
            found = "a truncated file" if "truncated" in str(error) else error.strerror or str(error).splitlines()[0]
            raise UserError(f"{self.path}: can't be read as a capture file", expected="a whole HDF5 file", found=found) from None
        try:
            self._check()
            self.settings = read_settings(self.file)
            self.geometry = Status(**self._begin()).geometry
        except UserError:
            self.file.close()
            raise
        except (KeyError, ValueError, TypeError, OSError) as error:
            self.file.close()
            raise UserError(f"{self.path}: something is missing in this capture file", found=str(error)) from None

    def _check(self) -> None:
        attrs = self.file.attrs
        if attrs.get("format") != FORMAT:
            raise UserError(
                f"{self.path}: an HDF5 file, but not a capture of ours", expected=FORMAT, found=str(attrs.get("format", "no format"))
            )
        version = str(attrs["format_version"])
        if int(version.partition(".")[0]) > VERSION_MAJOR:
            raise UserError(
                f"{self.path} was written by a newer macropix",
                expected=f"file format {VERSION_MAJOR}.{VERSION_MINOR} or older",
                found=version,
                hint="pip install --upgrade macropix",
            )
        missing = [name for name in REQUIRED if not isinstance(self.file.get(name), h5py.Dataset)]
        if missing:
            raise UserError(f"{self.path}: something is missing in this capture file", expected=f"the dataset {missing[0]}", found="none")
        for group, name in (("/", "complete"), ("raw", "epoch")):
            if name not in self.file[group].attrs:
                raise UserError(
                    f"{self.path}: something is missing in this capture file", expected=f"the attribute {name} of {group}", found="none"
                )
        self._check_lengths()

    def _check_lengths(self) -> None:
        frames, count = self.file["frames"], len(self)
        lengths = dict.fromkeys(FRAME_COLUMNS, count) | {"frame_ptr": count + 1, "masked_ptr": count + 1}
        for name in ("frame_ptr", "masked_ptr", *FRAME_COLUMNS, "index", "value", "masked_index"):
            if name in ("index", "value"):
                lengths[name] = int(frames["frame_ptr"][-1])
            elif name == "masked_index":
                lengths[name] = int(frames["masked_ptr"][-1])
            found = frames[name].shape
            if found != (lengths[name],):
                raise UserError(
                    f"{self.path}: the dataset frames/{name} is not whole", expected=f"{lengths[name]} values", found=f"shape {found}"
                )

    # ---- beside the frames ----------------------------------------------------------------------------------

    def attributes(self, group: str = "/") -> dict[str, Any]:
        """Attributes of a group as plain values; texts that hold a JSON object or list are read as such."""
        if group not in self.file:
            return {}
        return {name: plain(value) for name, value in self.file[group].attrs.items()}

    def _begin(self) -> dict[str, Any]:
        begin = self.attributes("device/begin")
        return {name: Status.__annotations__[name](begin[name]) for name in Status.__annotations__}

    @property
    def complete(self) -> bool:
        """The run ended as it should."""
        return bool(self.file.attrs["complete"])

    @property
    def epoch(self) -> int:
        """The claim the capture was made under."""
        return int(self.file["raw"].attrs["epoch"])

    @property
    def begin(self) -> Status:
        """Status registers when the capture began."""
        return Status(**self._begin())

    @property
    def ledger(self) -> Ledger:
        """The ledger at the end."""
        stored = self.attributes("ledger")
        if missing := [name for name in Ledger.__annotations__ if name not in stored]:
            raise UserError(f"{self.path}: {missing[0]} is missing in this capture file's ledger")
        return Ledger(**{name: stored[name] for name in Ledger.__annotations__})

    @property
    def registers(self) -> dict[str, int]:
        """Every control register when the capture began."""
        return self.attributes("registers")

    @property
    def facts(self) -> dict[str, Any]:
        """What the program that captured has told beside: versions, threshold's source …"""
        return self.attributes("facts")

    @property
    def scene(self) -> np.ndarray | None:
        """The source picture as it was handed over, else what the scene memory held; None if neither is known."""
        for name in ("scene/image", "scene/loaded"):
            if name in self.file:
                return self.file[name][()]
        return None

    @property
    def scene_facts(self) -> dict[str, Any]:
        """Where the scene came from."""
        return self.attributes("scene")

    @property
    def kernels(self) -> dict[int, tuple[str, np.ndarray]]:
        """Name and bias codes of every kernel of the bank when the capture began."""
        codes = self.file["kernels/codes"][()].astype(np.int64)
        names = self.file["kernels/name"].asstr()[()]
        return {place: (str(names[place]), codes[place]) for place in range(len(codes))}

    @property
    def log(self) -> list[tuple[float, str]]:
        """Lines of the log, with seconds since 1970."""
        return list(zip(self.file["log/time"][()].tolist(), [str(text) for text in self.file["log/text"].asstr()[()]]))

    def column(self, name: str) -> np.ndarray:
        """A column of `frames`: one value a frame."""
        if f"frames/{name}" not in self.file:
            raise UserError(f"{self.path} has no column {name!r}", expected=", ".join(self.file["frames"]))
        return self.file[f"frames/{name}"][()]

    # ---- frames ---------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return int(self.file["frames/shot"].shape[0])

    def __getitem__(self, place: int) -> Frame:
        if not -len(self) <= place < len(self):
            raise IndexError(f"{self.path} holds {len(self)} frames: no frame {place}")
        place %= len(self)
        return next(self._frames(place, place + 1))

    def __iter__(self) -> Iterator[Frame]:
        start, count, ends = 0, len(self), self.file["frames/frame_ptr"]
        while start < count:
            # as many frames as have few enough pixels together, but one at least
            ahead = ends[start : start + _BLOCK + 1]
            few = int(np.searchsorted(ahead, ahead[0] + _BLOCK_PIXELS, "right")) - 1
            stop = start + max(1, few)
            yield from self._frames(start, stop)
            start = stop

    def _frames(self, start: int, stop: int) -> Iterator[Frame]:
        group = self.file["frames"]
        rows = {name: group[name][start:stop].tolist() for name in ("shot", "kernel", "tap", "time", "tag", "saturated", "slices")}
        wire_bytes, places = group["wire_bytes"][start:stop].tolist(), group["settings"][start:stop].tolist()
        sent, flagged = group["frame_ptr"][start : stop + 1].tolist(), group["masked_ptr"][start : stop + 1].tolist()
        epoch = self.epoch
        index, value = group["index"][sent[0] : sent[-1]], group["value"][sent[0] : sent[-1]]
        masked = group["masked_index"][flagged[0] : flagged[-1]]
        for n in range(stop - start):
            here, mask = slice(sent[n] - sent[0], sent[n + 1] - sent[0]), slice(flagged[n] - flagged[0], flagged[n + 1] - flagged[0])
            settings = self.settings[places[n]]
            shape = self.geometry.shape(settings.read)
            yield Frame(
                rows=shape[0],
                cols=shape[1],
                index=index[here].copy(),
                value=value[here].copy(),
                shot=rows["shot"][n],
                kernel=rows["kernel"][n],
                tap=Tap(rows["tap"][n]),
                time=rows["time"][n],
                tag=rows["tag"][n],
                epoch=epoch,
                saturated=Saturation(rows["saturated"][n]),
                slices=rows["slices"][n],
                wire_bytes=wire_bytes[n],
                masked_index=masked[mask].copy(),
                settings=settings,
            )

    # ---- the raw stream -------------------------------------------------------------------------------------

    @property
    def stream_bytes(self) -> int:
        """Length of the byte stream."""
        return int(self.file["raw/stream"].shape[0])

    def raw(self, chunk_bytes: int = 1 << 16) -> Iterator[bytes]:
        """The byte stream as it came from the device, in chunks."""
        stream = self.file["raw/stream"]
        for start in range(0, stream.shape[0], chunk_bytes):
            yield stream[start : start + chunk_bytes].tobytes()

    def decode(self, decoder: PacketDecoder | None = None, assembler: FrameAssembler | None = None) -> Iterator[Frame]:
        """The frames once more, from the raw stream: equal to the stored ones, or the file is damaged. Fresh ones of `decoder` and
        `assembler` count what was found.
        """
        decoder, assembler = decoder or PacketDecoder(), assembler or FrameAssembler(self.geometry)
        assembler.claim(self.epoch, time=self.begin.device_time)
        stream, size = self.file["raw/stream"], self.file["raw/stream"].shape[0]
        begins = self.file["settings/from_byte"][()].tolist()
        at = 0
        for place in range(len(begins) + 1):
            stop = begins[place] if place < len(begins) else size
            while at < stop:
                chunk = stream[at : min(at + (1 << 16), stop)].tobytes()
                at += len(chunk)
                yield from _assemble(decoder.feed(chunk), assembler)
            if place < len(begins):
                one = self.settings[place]
                assembler.known[one.tag, one.kernel] = one
        yield from _assemble(decoder.finish(), assembler)
        assembler.finish()

    def close(self) -> None:
        """Closes the file."""
        self.file.close()

    def __enter__(self) -> "CaptureFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: types.TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<CaptureFile {self.path}, {len(self)} frames>" if self.file else f"<CaptureFile {self.path}, closed>"


def _assemble(packets: list, assembler: FrameAssembler) -> Iterator[Frame]:
    for packet in packets:
        if packet.kind == Kind.DATA.value:
            if (frame := assembler.add(packet)) is not None:
                yield frame
        elif packet.kind == Kind.STATUS.value and packet.epoch == assembler.epoch:
            assembler.note_time(Status.from_payload(packet.payload).device_time)
