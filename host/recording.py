# SPDX-License-Identifier: BSD-2-Clause
"""A recorded stream, decoded as if it came from the device: the reading half of `Device`.

file://run.h5, file://stream.bin ─► FileTransport ─► PacketDecoder ─► FrameAssembler ─► Frame
"""

import types
from collections.abc import Iterator
from typing import NoReturn

from macropix.gateware.config import Config
from macropix.gateware.wire import Kind
from macropix.host.decode.bytes import Packet, PacketDecoder
from macropix.host.decode.frames import FrameAssembler
from macropix.host.decode.statistics import FrameStatistics
from macropix.host.errors import UserError
from macropix.host.frame import Frame
from macropix.host.geometry import Geometry
from macropix.host.ledger import Ledger
from macropix.host.status import Status
from macropix.host.transport.replay import FileTransport

__all__ = ["Recording"]


class Recording:
    """What `open` gives for ``file://``. Of a capture file everything is known; of a bare stream of bytes only what its status packets
    tell, so that frames are taken whatever their tag, and their `settings` are None.

    Parameters
    ----------
    transport : FileTransport
        An open one, which the recording closes.
    """

    def __init__(self, transport: FileTransport):
        self.transport = transport
        self.decoder = PacketDecoder()
        self._status: Status | None = None
        self._told = False  # a status packet has come since the last slice
        self._geometry = Geometry.of(transport.config) if transport.config is not None else None
        self._assembler: FrameAssembler | None = None
        self._waiting: list[Packet] = []
        if transport.capture is not None:
            self._geometry = transport.capture.geometry

    @property
    def url(self) -> str:
        """The URL it was opened by."""
        return self.transport.name

    @property
    def config(self) -> Config | None:
        """The configuration given in the URL."""
        return self.transport.config

    @property
    def geometry(self) -> Geometry:
        """Rows, columns, ring, macro-pixel. Raises UserError while neither status packet nor URL has told them."""
        if self._geometry is None:
            raise UserError(f"{self.url}: no status packet has told the size of the array", hint="add it: file://PATH?rows=32&cols=32")
        return self._geometry

    def frames(self) -> Iterator[Frame]:
        """The frames of the stream, in order, once."""
        if (capture := self.transport.capture) is not None:
            self.decoder, self._assembler = PacketDecoder(), FrameAssembler(capture.geometry)
            yield from capture.decode(self.decoder, self._assembler)
            return
        while chunk := self.transport.read(0):
            yield from self._take(self.decoder.feed(chunk))
        yield from self._take(self.decoder.finish())
        if self._assembler is not None:
            self._assembler.finish()

    def capture(self, shots: int = 0) -> Iterator[Frame]:
        """The frames of the first `shots` shots; 0: all."""
        last, seen = None, 0
        for frame in self.frames():
            if frame.shot != last:
                last, seen = frame.shot, seen + 1
            if shots and seen > shots:
                return
            yield frame

    def _take(self, packets: list[Packet]) -> Iterator[Frame]:
        for packet in packets:
            self._told = packet.kind != Kind.DATA.value and (self._told or packet.kind == Kind.STATUS.value)
            if packet.kind == Kind.STATUS.value:
                self._status = Status.from_payload(packet.payload)
                self._geometry = self._status.geometry
            if packet.epoch and (packet.kind != Kind.DATA.value or self._assembler is None):
                self._follow(packet)
            if packet.kind != Kind.DATA.value or self._assembler is None:
                continue
            if (frame := self._assembler.add(packet)) is not None:
                yield frame

    def _follow(self, packet: Packet) -> None:
        """A claim seen in the stream, or a stream that begins behind its claim."""
        if self._assembler is None:
            if packet.kind == Kind.REPLY.value and self._geometry is None:
                return
            self._assembler = FrameAssembler(self.geometry, trusting=True)
        if packet.epoch != self._assembler.epoch:
            self._assembler.claim(packet.epoch, number=packet.number if packet.kind == Kind.DATA.value else 0)

    def status(self) -> Status:
        """The last status packet of the stream so far, or what the file's head says."""
        if self._status is not None:
            return self._status
        if self.transport.capture is not None:
            return self.transport.capture.begin
        raise UserError(f"{self.url}: there was no status packet so far")

    @property
    def statistics(self) -> FrameStatistics:
        """What became of the slices decoded so far."""
        return self._assembler.statistics if self._assembler is not None else FrameStatistics()

    def ledger(self) -> Ledger | None:
        """What the device has told, beside what was found here so far. None of a bare stream in which slices have come since its last
        status packet, or none ever came: nobody knows how many were sent.

        Before `frames` was asked for, of a capture file: the ledger of the run as it was written down.
        """
        capture = self.transport.capture
        if capture is not None:
            if not capture.attributes("ledger"):  # the device could not be asked at the end
                return None
            return capture.ledger if self._assembler is None else capture.ledger.decoded(self.statistics)
        return Ledger.of(self.status(), self.statistics) if self._status is not None and self._told else None

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_") or name not in _COMMANDS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        raise UserError(f"{self.url} is a recording: it takes no commands, so there is no {name}")

    def close(self) -> None:
        """Closes the file."""
        self.transport.close()

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: types.TracebackType | None) -> None:
        self.close()


_COMMANDS = (
    *("registers", "load_scene", "load_kernel", "load_pedestal", "load_response", "sequence", "reset"),
    *("start", "stop", "snap", "claim", "epoch", "mirror"),
)
