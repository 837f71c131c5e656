# SPDX-License-Identifier: BSD-2-Clause
"""From chunks of bytes to stacks of frames, compiled, in bounded memory: the fast way to what `PacketDecoder` and `FrameAssembler` give.

    chunks ─► scan ─► table of packets ─► plan_frames ─► decode (threads) ─► Stack: dense or sparse, a row of columns a frame
                                              │ anything amiss    │
                                              ▼                   ▼
                                         FrameAssembler, slice by slice, until no frame is open ─► a Stack of one frame

There is one set of rules, the assembler's. A frame is decoded here only if every slice of it is there, in order, of known settings, and
as an encoder writes it, and while the assembler has no frame open; then the assembler is told what it would have counted.
"""

import concurrent.futures
from collections.abc import Callable, Iterator

import numpy as np

from macropix.gateware.wire import CRC_BYTES, HEADER_BYTES, SLICE_PIXELS, Kind, Mode, Read, Tap
from macropix.host.decode.bits import SLACK
from macropix.host.decode.bytes import Packet
from macropix.host.decode.crc import CRC16_TABLE, CRC32_TABLE
from macropix.host.decode.frames import FrameAssembler
from macropix.host.decode.payloads import PLAN, WERE_SENT, close_up, decode, scratch
from macropix.host.decode.scan import COLUMN, COLUMNS, STATISTICS, scan, statistics_of
from macropix.host.decode.stack import Stack
from macropix.host.decode.statistics import PacketStatistics
from macropix.host.decode.whole import ENOUGH, FRAME, FRAMES, KNOWN, MORE, OTHER, plan_frames
from macropix.host.errors import UserError
from macropix.host.frame import TAPS
from macropix.host.settings import Settings

__all__ = ["StackDecoder"]

#: bytes taken in at once; rows of the table of packets; frames of a stack, and its pixels if it has more than one frame
PIECE, ROWS, MOST_FRAMES, MOST_PIXELS = 1 << 18, 1 << 12, 1 << 12, 1 << 20
_OUTPUT = {np.dtype(np.int16): (Tap.OUT, Tap.ADC), np.dtype(np.int32): tuple(Tap)}


class StackDecoder:
    """Decodes a stream that comes in chunks, as many frames at once as have come. Pure over the bytes: no I/O, no clock.

    Parameters
    ----------
    assembler : FrameAssembler
        Whose claim, known settings and statistics hold. It may be told of others, or of another claim, between two stacks.
    sparse : bool
        Stacks with `index` and `value` instead of `images`.
    dtype : int16 or int32
        Of `images`. int16 holds what OUT and ADC give.
    threads : int
        On so many the slices of a stack are decoded.
    other : callable, optional
        Is given every packet that is no data, in its place in the order of the stream.
    reuse : bool
        `images` of each stack lies in the memory of the one before: take what you want of it before you ask for the next.

    Raises
    ------
    UserError
        While decoding: a frame of a tap whose values `dtype` doesn't hold.
    """

    def __init__(
        self,
        assembler: FrameAssembler,
        *,
        sparse: bool = False,
        dtype: type = np.int16,
        threads: int = 1,
        other: Callable[[Packet], None] | None = None,
        reuse: bool = False,
    ):
        if np.dtype(dtype) not in _OUTPUT:
            raise ValueError(f"dtype must be int16 or int32, not {np.dtype(dtype)}")
        self.assembler = assembler
        self.sparse, self.dtype, self.threads, self.reuse = sparse, np.dtype(np.int32 if sparse else dtype), threads, reuse
        self.other = other
        self._pool = concurrent.futures.ThreadPoolExecutor(threads) if threads > 1 else None
        self._buffer = np.zeros(2 * PIECE + SLACK, np.uint8)
        self._size = self._at = 0  # bytes in the buffer, and how far they are searched
        self._base = self._fed = 0  # bytes of the stream before the buffer, and in all
        self._table = np.empty((ROWS, COLUMNS), np.int64)
        self._row = self._rows = 0  # packets not yet dealt with
        self._look_at = 0  # so many rows must be there before frames are planned anew
        self._counts = np.zeros(len(STATISTICS), np.int64)
        self._frames = np.empty((MOST_FRAMES, len(FRAMES)), np.int64)
        self._plan = np.empty((0, PLAN), np.int64)
        self._out = np.empty(0, self.dtype)
        self._index = np.empty(0, np.uint32)
        self._scratch = [scratch() for _ in range(threads)]
        self._known: list[Settings] = []
        self._known_table = np.empty((0, len(KNOWN)), np.int64)

    @property
    def statistics(self) -> PacketStatistics:
        """What the stream was made of, so far."""
        return statistics_of(self._counts, self._fed)

    def feed(self, chunk: bytes | bytearray | memoryview | np.ndarray) -> Iterator[Stack]:
        """The frames that `chunk` completes, in order. Go through them all: what is not asked for is not decoded."""
        data = np.frombuffer(chunk, np.uint8)
        for begin in range(0, data.size, PIECE):
            self._take(data[begin : begin + PIECE])
            yield from self._search(final=False)

    def finish(self) -> Iterator[Stack]:
        """The stream has ended: what is found behind an unfinished packet. The assembler is not told: see `FrameAssembler.finish`."""
        yield from self._search(final=True)
        while self._row < self._rows:
            yield from self._carefully()

    # ---- bytes and packets ----------------------------------------------------------------------------------

    def _take(self, data: np.ndarray) -> None:
        """Puts bytes behind those that are held."""
        held = self._at if self._row == self._rows else int(self._table[self._row, 0])
        if self._size + data.size + SLACK > self._buffer.size:
            kept = self._size - held
            room = self._buffer if kept + data.size + SLACK <= self._buffer.size else np.zeros(2 * (kept + data.size) + SLACK, np.uint8)
            room[:kept] = self._buffer[held : self._size]
            self._table[self._row : self._rows, 0] -= held
            self._buffer, self._size, self._at, self._base = room, kept, self._at - held, self._base + held
        self._buffer[self._size : self._size + data.size] = data
        self._size += data.size
        self._fed += data.size

    def _search(self, *, final: bool) -> Iterator[Stack]:
        while True:
            if self._row:
                left = self._rows - self._row
                self._table[:left] = self._table[self._row : self._rows]
                self._row, self._rows = 0, left
            if self._rows > self._table.shape[0] // 2:
                self._table = np.concatenate([self._table, np.empty_like(self._table)])
            before = self._rows
            self._at, self._rows = scan(
                CRC16_TABLE, CRC32_TABLE, self._buffer, self._at, self._size, final, self._table, self._rows, self._counts
            )
            new = self._table[before : self._rows]
            if self._rows >= self._look_at or new[:, _LAST].any() or new[:, _KIND].any():
                yield from self._frames_of()
            if self._rows < self._table.shape[0]:
                return

    def _packet(self, row: int) -> Packet:
        fields = self._table[row].tolist()
        begin = fields[0] + HEADER_BYTES
        payload = self._buffer[begin : begin + fields[_LENGTH]].tobytes()
        return Packet(*fields[1:], payload, self._base + fields[0])  # pyright: ignore[reportCallIssue]

    # ---- frames ---------------------------------------------------------------------------------------------

    def _frames_of(self) -> Iterator[Stack]:
        """The frames of the packets that are there."""
        assembler = self.assembler
        while self._row < self._rows:
            if assembler.open:
                yield from self._carefully()
                continue
            self._learn()
            count, slices, behind, why = self._planned()
            if count:
                yield from self._decoded(count, slices, behind)
            elif why == OTHER:
                self._deliver(self._packet(self._row))
            elif why == MORE:
                self._look_at = 2 * (self._rows - self._row)
                return
            elif why != ENOUGH:
                yield from self._carefully()
        self._look_at = 0

    def _deliver(self, packet: Packet) -> None:
        self._row += 1
        if self.other is not None:
            self.other(packet)

    def _carefully(self) -> Iterator[Stack]:
        """One packet as the assembler takes it."""
        packet = self._packet(self._row)
        if packet.kind != Kind.DATA.value:
            self._deliver(packet)
            return
        self._row += 1
        frame = self.assembler.add(packet)
        if frame is not None:
            self._holds(int(frame.tap.value))
            yield Stack.of(frame, None if self.sparse else self.dtype)

    def _learn(self) -> None:
        """The known settings, if they are not those of the last time."""
        known = list(self.assembler.known.values())
        if len(known) == len(self._known) and all(one is other for one, other in zip(known, self._known)):
            return
        self._known = known
        rows = []
        for (tag, kernel), settings in self.assembler.known.items():
            shape = self.assembler.geometry.shape(settings.read)
            pixels, everything = shape[0] * shape[1], int(settings.mode is Mode.RAW)
            mode = settings.threshold_mode.value
            rows.append((tag, kernel, settings.read.value, pixels, settings.threshold, mode, everything))
        self._known_table = np.array(rows, np.int64).reshape(-1, len(KNOWN))

    def _planned(self) -> tuple[int, int, int, int]:
        assembler = self.assembler
        shapes = [assembler.geometry.shape(read) for read in Read]
        reads = np.array([(read.value, rows * cols) for read, (rows, cols) in zip(Read, shapes)], np.int64)
        slices = int(max(reads[:, 1].max(), 1)) // SLICE_PIXELS + 2
        if self._plan.shape[0] < slices:
            self._plan = np.empty((max(slices, MOST_FRAMES), PLAN), np.int64)
        return plan_frames(
            self._table, self._row, self._rows, assembler.epoch, assembler.number, self._known_table, assembler.trusting, reads,
            MOST_PIXELS, self._plan, self._frames, HEADER_BYTES + CRC_BYTES,
        )  # fmt: skip

    def _decoded(self, count: int, slices: int, behind: int) -> Iterator[Stack]:
        """`count` planned frames, or those before the first that the assembler must judge; and that one."""
        frames = self._frames[:count]
        pixels = count * int(frames[0, FRAME["pixels"]])
        for tap in np.unique(self._table[frames[:, FRAME["first"]], COLUMN["tap"]]).tolist():
            self._holds(tap)
        if self.sparse:
            self._index = self._index if self._index.size >= pixels else np.empty(pixels, np.uint32)
        if self.reuse or self.sparse:
            self._out = self._out if self._out.size >= pixels else np.empty(pixels, self.dtype)
            out = self._out
        else:
            out = np.empty(pixels, self.dtype)
        wrong = self._decode(slices, out)
        doubtful = wrong >= 0
        while wrong >= 0:  # what waited for a second slice of its form has not been decoded: once more, up to there
            count = int(np.searchsorted(frames[:count, FRAME["slice"]], wrong, "right")) - 1
            behind, slices = int(frames[count, FRAME["first"]]), int(frames[count, FRAME["slice"]])
            wrong = self._decode(slices, out) if slices else -1
        frames = frames[:count]
        if count:
            stack = self._stack(frames, slices, out)
            self._row = behind
            yield stack
        if doubtful:
            yield from self._carefully()

    def _holds(self, tap: int) -> None:
        if tap in TAPS and TAPS[tap] not in _OUTPUT[self.dtype]:
            raise UserError(f"values of tap {TAPS[tap].name} do not fit {self.dtype}", expected="OUT or ADC", hint="dtype=np.int32")

    def _decode(self, slices: int, out: np.ndarray) -> int:
        if self._pool is None or slices < 2 * self.threads:
            return self._decode_part(0, slices, out, self._scratch[0])
        cuts = [slices * n // self.threads for n in range(self.threads + 1)]
        parts = [self._pool.submit(self._decode_part, *part) for part in zip(cuts, cuts[1:], [out] * self.threads, self._scratch)]
        return min((wrong for part in parts if (wrong := part.result()) >= 0), default=-1)

    def _decode_part(self, first: int, last: int, out: np.ndarray, own: tuple) -> int:
        return decode(self._buffer, self._table, self._plan, first, last, out, self._index, not self.sparse, *own)

    def _stack(self, frames: np.ndarray, slices: int, out: np.ndarray) -> Stack:
        assembler = self.assembler
        heads = self._table[frames[:, FRAME["first"]]]
        shot, time = assembler.took(slices, frames[:, FRAME["shot"]], frames[:, FRAME["time"]])
        shape = assembler.geometry.shape(Read(int(frames[0, FRAME["read"]])))
        begins = frames[:, FRAME["slice"]]
        sent = np.add.reduceat(self._plan[:slices, WERE_SENT], begins)
        images = ptr = index = value = None
        if self.sparse:
            ptr, index, value = self._sparse(frames, slices, sent, out)
        else:
            images = out[: len(frames) * shape[0] * shape[1]].reshape(-1, *shape)
        return Stack(
            shape=shape, epoch=assembler.epoch, images=images, ptr=ptr, index=index, value=value, sent=sent, shot=shot, time=time,
            kernel=heads[:, COLUMN["kernel"]], tap=heads[:, COLUMN["tap"]], tag=heads[:, COLUMN["tag"]],
            saturated=frames[:, FRAME["saturated"]].copy(), slices=frames[:, FRAME["last"]] - frames[:, FRAME["first"]],
            wire_bytes=frames[:, FRAME["wire_bytes"]].copy(), known=self._known,
            settings=frames[:, FRAME["settings"]].copy(), masked={},
        )  # fmt: skip

    def _sparse(self, frames: np.ndarray, slices: int, sent: np.ndarray, out: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What was sent, closed up."""
        ptr = np.concatenate([np.zeros(1, np.uint64), np.cumsum(sent).astype(np.uint64)])
        index, value = np.empty(int(ptr[-1]), np.uint32), np.empty(int(ptr[-1]), np.int32)
        close_up(self._plan, slices, int(frames[0, FRAME["pixels"]]), out, self._index, value, index)
        return ptr, index, value


_LAST, _KIND, _LENGTH = COLUMN["last"], COLUMN["kind"], COLUMN["length"]
