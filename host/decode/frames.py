# SPDX-License-Identifier: BSD-2-Clause
"""From data packets to whole frames: protocol.md, "What a host believes".

Packet ─► epoch? ─► number? ─► tag? ─► pixels ─► in sequence? ─► last: Frame
            │ stale   │ seen     │ unknown │ undecodable │ incomplete
            ▼         ▼          ▼         ▼             ▼      each counted
"""

import numpy as np

from macropix.gateware.wire import SLICE_PIXELS, Mode
from macropix.host.decode.bytes import Packet
from macropix.host.decode.errors import DecodeError
from macropix.host.decode.slices import SlicePixels, decode_slice
from macropix.host.decode.statistics import FrameStatistics
from macropix.host.frame import SATURATED, TAPS, Frame
from macropix.host.geometry import Geometry
from macropix.host.settings import Settings

__all__ = ["FrameAssembler"]

_NUMBERS = 1 << 16
_TIMES = 1 << 32


class _Open:
    """A frame whose first slices are there."""

    def __init__(self, head: Packet, settings: Settings | None):
        self.head = head
        self.settings = settings
        self.slices: list[SlicePixels] = []
        self.starts: list[int] = []
        self.next = 0
        self.saturated = 0
        self.wire_bytes = 0


class FrameAssembler:
    """Makes frames of data packets. Pure: no I/O, no clock.

    Parameters
    ----------
    geometry : Geometry
        Of the device.
    trusting : bool
        Take frames of any tag: for a byte stream replayed without its file, where nobody knows the settings.
    """

    def __init__(self, geometry: Geometry, *, trusting: bool = False):
        self.geometry = geometry
        self.trusting = trusting
        self.known: dict[tuple[int, int], Settings] = {}
        self.claim(0)

    def claim(self, epoch: int, *, number: int = 0, shot: int = 0, time: int = 0) -> None:
        """Believe `epoch` from now on, beginning with slice `number`; counts start anew."""
        self.epoch = epoch
        self.statistics = FrameStatistics()
        self._number = number
        self._shot = shot
        self._time = time
        self._open: _Open | None = None
        self._given_up: tuple[int, ...] | None = None

    def know(self, settings: Settings) -> bool:
        """Believe frames taken with `settings`. False, and nothing changed, if others with the same tag and kernel are known."""
        key = (settings.tag, settings.kernel)
        if key in self.known and not self.known[key].same(settings):
            return False
        self.known[key] = settings
        return True

    def forget(self) -> None:
        """No settings are known any more. For a device that is idle."""
        self.known.clear()

    def note_time(self, device_time: int) -> None:
        """The device told its 64-bit time: frames' 32-bit times are counted on from there."""
        self._time = device_time

    def finish(self) -> None:
        """Nothing more comes: the device is idle and every slice has left it. A frame that isn't whole now is incomplete."""
        self._give_up()

    def add(self, packet: Packet) -> Frame | None:
        """Takes a data packet, and gives the frame it completes."""
        statistics = self.statistics
        if packet.epoch != self.epoch or packet.epoch == 0:
            statistics.stale += 1
            return None
        ahead = (packet.number - self._number) % _NUMBERS
        if ahead >= _NUMBERS // 2:
            statistics.duplicates += 1
            return None
        self._number = (packet.number + 1) % _NUMBERS
        statistics.received += 1
        if ahead:
            statistics.missing += ahead
            self._give_up()
        settings = self.known.get((packet.tag, packet.kernel))
        if settings is None and not self.trusting:
            statistics.unknown_tag += 1
            self._lose(packet)
            return None
        try:
            pixels = self._pixels(packet, settings)
        except DecodeError:
            statistics.undecodable += 1
            self._lose(packet)
            return None
        return self._place(packet, pixels, settings)

    @property
    def open(self) -> bool:
        """Whether slices of an unfinished frame are held."""
        return self._open is not None

    @property
    def number(self) -> int:
        """The number expected next."""
        return self._number

    def took(self, slices: int, shots: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Whole frames came that another decoder has made, while none was open here: counts their `slices`, and counts their `shots` and
        `times` (int64, as in the headers) on.
        """
        self.statistics.received += slices
        self.statistics.frames += len(shots)
        self._number = (self._number + slices) % _NUMBERS
        self._given_up = None
        shot = self._shot + np.cumsum(np.diff(shots, prepend=self._shot) % _NUMBERS)
        time = self._time + np.cumsum((np.diff(times, prepend=self._time) + _TIMES // 2) % _TIMES - _TIMES // 2)
        self._shot, self._time = int(shot[-1]), int(time[-1])
        return shot, time

    # ---- inside ---------------------------------------------------------------------------------------------

    def _pixels(self, packet: Packet, settings: Settings | None) -> SlicePixels:
        if packet.count != SLICE_PIXELS - 1 and not packet.last:
            raise DecodeError(13)
        pixels = decode_slice(packet.payload, packet.count + 1, packet.positions, packet.values, packet.tap)
        if settings is not None:
            prefix = (pixels.threshold, pixels.threshold_mode)
            if prefix != (-1, -1) and prefix != (settings.threshold, settings.threshold_mode.value):
                raise DecodeError(14)
            if (settings.mode is Mode.RAW or packet.tap) and pixels.index.size != packet.count + 1:
                raise DecodeError(14)
        return pixels

    def _place(self, packet: Packet, pixels: SlicePixels, settings: Settings | None) -> Frame | None:
        if packet.first:
            self._give_up()
            self._open = _Open(packet, settings)
        frame = self._open
        if frame is None:
            self._lose(packet)
            return None
        start = 0 if packet.first else packet.where
        if start != frame.next or self._key(packet) != self._key(frame.head):
            self.statistics.undecodable += 1
            self._lose(packet)
            return None
        frame.slices.append(pixels)
        frame.starts.append(start)
        frame.next += packet.count + 1
        frame.saturated |= packet.saturated
        frame.wire_bytes += packet.size
        if not packet.last:
            return None
        self._open = None
        return self._finish(frame)

    def _finish(self, frame: _Open) -> Frame | None:
        read = self.geometry.read_of(frame.next) if frame.settings is None else frame.settings.read
        shape = (0, 0) if read is None else self.geometry.shape(read)
        if shape[0] * shape[1] != frame.next:
            self.statistics.undecodable += 1
            self.statistics.frames_incomplete += 1
            return None
        self.statistics.frames += 1
        self._given_up = None
        head = frame.head
        self._shot += (head.shot - self._shot) % _NUMBERS
        self._time += (head.where - self._time + _TIMES // 2) % _TIMES - _TIMES // 2
        return Frame(
            rows=shape[0],
            cols=shape[1],
            index=_join([one.index for one in frame.slices], frame.starts),
            value=frame.slices[0].value if len(frame.slices) == 1 else np.concatenate([one.value for one in frame.slices]),
            shot=self._shot,
            kernel=head.kernel,
            tap=TAPS[head.tap],
            time=self._time,
            tag=head.tag,
            epoch=head.epoch,
            saturated=SATURATED[frame.saturated],
            slices=len(frame.slices),
            wire_bytes=frame.wire_bytes,
            masked_index=_join([one.masked for one in frame.slices], frame.starts),
            settings=frame.settings,
        )

    @staticmethod
    def _key(packet: Packet) -> tuple[int, ...]:
        return packet.tag, packet.shot, packet.kernel, packet.tap

    def _give_up(self) -> None:
        """The open frame, if any, can't become whole any more."""
        if self._open is not None:
            self.statistics.frames_incomplete += 1
            self._given_up = self._key(self._open.head)
            self._open = None

    def _lose(self, packet: Packet) -> None:
        """`packet` is of no use: its frame is incomplete, and counted once."""
        key = self._key(packet)
        if self._open is not None and not packet.first and key == self._key(self._open.head):
            self._give_up()
        else:
            self._give_up()
            if packet.first or self._given_up != key:
                self.statistics.frames_incomplete += 1
        self._given_up = None if packet.last else key


def _join(parts: list[np.ndarray], starts: list[int]) -> np.ndarray:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([part + np.uint32(start) for part, start in zip(parts, starts)])
