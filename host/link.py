# SPDX-License-Identifier: BSD-2-Clause
"""The one place where bytes meet packets on the host: commands out and their answers, frames and status in.

call ─► commands ─► Transport.write
                    Transport.read ─► PacketDecoder ─┬─ data   ─► FrameAssembler ─► frames
                                                     ├─ status ─► status
                                                     └─ reply  ─► answers
"""

import collections
import logging
import struct
import time
from collections.abc import Callable, Iterable, Sequence

from macropix.gateware.wire import MAX_WORDS, REPLY_BYTES, Error, Kind, Op
from macropix.host.command import Request, command, refusal, unpack_reply
from macropix.host.decode.bytes import Packet, PacketDecoder
from macropix.host.decode.frames import FrameAssembler
from macropix.host.errors import DeviceError
from macropix.host.frame import Frame
from macropix.host.geometry import Geometry
from macropix.host.ledger import Ledger
from macropix.host.status import Status
from macropix.host.transport.base import Transport

__all__ = ["MAX_HELD_BYTES", "Link"]

log = logging.getLogger(__name__)

#: frames that nobody has fetched yet may take so many bytes; more are discarded, and counted
MAX_HELD_BYTES = 256 << 20
#: times a command is sent before it's given up
TRIES = 5


class Link:
    """A transport with packets on it.

    Parameters
    ----------
    transport : Transport
        An open one; `close` closes it.
    timeout : float
        Seconds an answer may take, all repetitions together.
    """

    def __init__(self, transport: Transport, timeout: float):
        self.transport = transport
        self.timeout = timeout
        self.decoder = PacketDecoder()
        self.assembler = FrameAssembler(Geometry(rows=0, cols=0, border=0, macro=3))
        self.closed = False
        self.epoch = 0
        self.frames: collections.deque[Frame] = collections.deque()
        self.discarded = 0
        self.status: Status | None = None
        self.statuses = 0
        #: status packets that came before the last answer
        self.answered = 0
        #: commands sent again, because no answer came or the device found them corrupt
        self.repeats = 0
        #: called with every chunk as it came, and with every frame as it got whole
        self.on_raw: list[Callable[[bytes], None]] = []
        self.on_frame: list[Callable[[Frame], None]] = []
        self._held = 0
        self._sequence = 0
        self._replies: collections.deque[tuple[dict[str, int], bytes, int]] = collections.deque()
        self._claiming = False

    # ---- in -------------------------------------------------------------------------------------------------

    def pump(self, timeout: float) -> bool:
        """Takes what has come, waiting up to `timeout` seconds. False if nothing came."""
        self._need_open()
        chunk = self.transport.read(timeout)
        if not chunk:
            return False
        for listener in self.on_raw:
            listener(chunk)
        self._deliver(self.decoder.feed(chunk))
        return True

    def _deliver(self, packets: Iterable[Packet]) -> None:
        for packet in packets:
            if packet.kind == Kind.DATA.value:
                self._data(packet)
            else:
                self._other(packet)

    def take(self) -> Frame | None:
        """The oldest frame that is waiting."""
        if not self.frames:
            return None
        frame = self.frames.popleft()
        self._held -= frame.index.nbytes + frame.value.nbytes
        return frame

    def drop(self) -> None:
        """Forgets the frames that are waiting."""
        self.frames.clear()
        self._held = 0

    def _data(self, packet: Packet) -> None:
        frame = self.assembler.add(packet)
        if frame is None:
            return
        for listener in self.on_frame:
            listener(frame)
        size = frame.index.nbytes + frame.value.nbytes
        if self._held + size > MAX_HELD_BYTES:
            self.discarded += 1
            return
        self._held += size
        self.frames.append(frame)

    def _other(self, packet: Packet) -> None:
        if packet.epoch != self.epoch:
            if self._claiming:
                return
            if packet.epoch == 0:
                raise DeviceError(f"{self.transport.name} was reset: it has forgotten its claim and its settings", hint="open it again")
            raise DeviceError(f"another host has claimed {self.transport.name}", expected=f"epoch {self.epoch}", found=f"{packet.epoch}")
        if packet.kind == Kind.STATUS.value:
            self.status = Status.from_payload(packet.payload)
            self.statuses += 1
            self.assembler.note_time(self.status.device_time)
            if self.status.idle:
                self.assembler.finish()
        elif packet.length >= REPLY_BYTES:
            self._replies.append((unpack_reply(packet.payload), packet.payload[REPLY_BYTES:], self.statuses))

    # ---- out ------------------------------------------------------------------------------------------------

    def claim(self, epoch: int) -> None:
        """Takes the device: its ledger, running numbers and shots start anew. Frames that are waiting are forgotten."""
        self.epoch = epoch
        self._claiming = True
        try:
            self.run([(Op.CLAIM, 0, (), 0)])
        finally:
            self._claiming = False
        self.drop()
        self.discarded = 0
        self.assembler.claim(epoch)

    def run(self, requests: Sequence[Request], *, in_flight: int = 1, again: bool = True) -> list[list[int]]:
        """Has the device execute `requests` in order, `in_flight` at most unanswered, and gives the words of each answer.

        A request without an answer, or one that arrived corrupt, is sent again under its number: the device does not execute it
        twice. (With more than one in flight it may; only for reads and window writes, which don't mind, and where `again` is false.)

        Parameters
        ----------
        requests : sequence of Request
        in_flight : int
            Most requests without an answer.
        again : bool
            Whether to send anything a second time: not where the order of what is executed matters, and several are in flight.

        Raises DeviceError if the device refuses, or doesn't answer in time.
        """
        self._need_open()
        packets: dict[int, bytes] = {}
        order: dict[int, int] = {}
        answers: list[list[int]] = [[] for _ in requests]
        tries: collections.Counter[int] = collections.Counter()
        waiting: list[int] = []
        self._replies.clear()
        at = 0
        deadline = time.monotonic() + self.timeout
        while waiting or at < len(requests):
            while at < len(requests) and len(waiting) < in_flight:
                op, address, words, count = requests[at]
                self._sequence = (self._sequence + 1) & 0xFFFF
                packets[self._sequence] = command(op, self._sequence, self.epoch, address, words, count if op is Op.READ else None)
                order[self._sequence] = at
                waiting.append(self._sequence)
                self.transport.write(packets[self._sequence])
                at += 1
            if self._answer(waiting, requests, order, answers, deadline):
                deadline = time.monotonic() + self.timeout
                continue
            if not again:
                self._no_answer(requests[order[waiting[0]]], 1)
            for sequence in waiting:
                tries[sequence] += 1
                if tries[sequence] >= TRIES or time.monotonic() >= deadline:
                    self._no_answer(requests[order[sequence]], tries[sequence])
                log.info("%s: sending command %d again", self.transport.name, sequence)
                self.repeats += 1
                self.transport.write(packets[sequence])
        return answers

    def _no_answer(self, request: Request, tries: int) -> None:
        op, address, _, _ = request
        raise DeviceError(
            f"no answer from {self.transport.name} within {self.timeout:g} s: waited for the reply to {op.name} of "
            f"0x{address:04X}, sent {tries} times",
            hint="is it a macropix device, powered, and is its baud rate right?" if self._claiming else None,
        )

    def _answer(
        self,
        waiting: list[int],
        requests: Sequence[Request],
        order: dict[int, int],
        answers: list[list[int]],
        deadline: float,
    ) -> bool:
        """Waits for one answer. True if a waiting command was executed; False if the waiting ones had better be sent again."""
        patience = min(deadline, time.monotonic() + self.timeout / TRIES)
        silence = self.timeout / TRIES / 2
        while True:
            while self._replies:
                reply, words, statuses = self._replies.popleft()
                sequence, error = reply["sequence"], reply["error"]
                if sequence not in waiting:
                    continue
                op, address, _, count = requests[order[sequence]]
                if error == Error.CORRUPT.value or reply["op"] != op.value:
                    return False
                if error != Error.OK.value:
                    raise refusal(self.transport.name, op, address, error)
                if op is Op.READ and len(words) != 2 * count:
                    return False
                answers[order[sequence]] = list(struct.unpack(f"<{len(words) // 2}H", words))
                waiting.remove(sequence)
                self.answered = statuses
                return True
            left = patience - time.monotonic()
            if left <= 0:
                return False
            if not self.pump(left):
                if left < silence or not self.decoder.waiting:
                    return False
                # what is held back as the beginning of a packet has lost its end, or is none: the answer may stand in it
                self._deliver(self.decoder.finish())
                if not self._replies:
                    return False

    def read(self, address: int, count: int) -> list[int]:
        """Words from the device."""
        requests: list[Request] = [(Op.READ, address + start, (), min(MAX_WORDS, count - start)) for start in range(0, count, MAX_WORDS)]
        return [word for answer in self.run(requests, in_flight=self.transport.in_flight) for word in answer]

    def ask_status(self) -> Status:
        """A fresh status packet."""
        for _ in range(TRIES):
            before = self.statuses
            self.run([(Op.STATUS, 0, (), 0)])
            deadline = time.monotonic() + self.timeout / TRIES
            while self.statuses == before and (left := deadline - time.monotonic()) > 0 and self.pump(left):
                pass
            if self.statuses != before and self.status is not None:
                return self.status
        raise DeviceError(f"no status from {self.transport.name} within {self.timeout:g} s: waited for the status packet behind the reply")

    def ledger(self, status: Status) -> Ledger:
        """The host's side of the ledger beside the device's."""
        return Ledger.of(status, self.assembler.statistics, discarded=self.discarded)

    def _need_open(self) -> None:
        if self.closed:
            raise DeviceError(f"{self.transport.name} is closed")

    def close(self) -> None:
        """Closes the transport."""
        self.closed = True
        self.transport.close()
