# SPDX-License-Identifier: BSD-2-Clause
"""A whole device without clocks: command bytes in, packet bytes out.

feed(bytes) ─► CommandFinder ─► Memory, sequencer ─► die ─► slices, replies, status ─► take()
"""

from collections import deque

import numpy as np

from macropix.gateware.config import Config, Form, SceneForm
from macropix.gateware.registers import DIE_ID, SCENE, STATUS, STATUS_BASE, STATUS_WORDS, State, features
from macropix.gateware.wire import MAX_WORDS, PROTOCOL_MAJOR, PROTOCOL_MINOR, SLICE_PIXELS, Error, Kind, Op, Read, Scene
from macropix.sim.golden.commands import CommandFinder, Request
from macropix.sim.golden.die import expose
from macropix.sim.golden.encode.slices import encode_frame
from macropix.sim.golden.memory import Memory
from macropix.sim.golden.packets import packet, reply
from macropix.sim.golden.scene_queue import SceneQueue
from macropix.sim.golden.settings import Settings, tag

__all__ = ["GIVE_UP", "UNCLAIMED", "GoldenDevice"]

#: clocks of rest in the middle of a command behind which it is given up
GIVE_UP = 1 << 16
#: clocks between two status packets of an unclaimed device
UNCLAIMED = 1 << 18

#: commands that are not executed twice
_CHANGING = (Op.WRITE, Op.START, Op.STOP)

_SATURATED = ("saturated_di", "saturated_cds", "saturated_pga", "saturated_adc", "saturated_pedestal")


class GoldenDevice:
    """What `docs/protocol.md` says a device does.

    Shots are taken when somebody asks: each `take` that finds nothing else to give makes the next shot of a running sequence. So a
    sequence of any length, or without end, needs no memory, and a command fed meanwhile acts between two shots. The first shot is under
    way from the start on: a WRITE acts behind it.

    Device time has no clocks to count. It advances by one for each byte in, one for each byte out, one for each imaging pixel of an
    exposure (M² with the shared multiplier), and by what `idle` is told.

    Nothing is ever lost here: a slice counts as sent when it is made, and the lane is always locked. ``lane_test`` is stored and
    without effect; ``gateware_hash`` is 0.

    Parameters
    ----------
    config : Config
    """

    def __init__(self, config: Config):
        self.config = config
        self.memory = Memory(config)
        self._queue = SceneQueue(config) if config.scene is SceneForm.STREAMED else None
        self.time = 0
        self.epoch = 0
        self._tag = 0
        self._next_status = UNCLAIMED
        self._finder = CommandFinder()
        self._out: deque[bytes] = deque()
        self._clear()

    def _clear(self) -> None:
        """Everything that counts from a claim on."""
        self._counts: dict[str, int] = dict.fromkeys((*_SATURATED, "shots_done", "frames_done", "triggers_missed", "produced"), 0)
        self._commands = {"done": 0, "corrupt": 0, "refused": 0}
        self._number = 0
        self._shots_left: int | None = 0
        self._sequence: list[int] = []
        self._step, self._number_of_shot = 0, 0
        self._due = False  # the first shot of a start: under way, though nobody has asked yet
        self._last: tuple[int, bool] | None = None  # sequence of the last command executed, and whether it was answered BUSY

    # ---- the byte stream ------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether the sequencer has shots to do."""
        return self._shots_left != 0

    def feed(self, data: bytes) -> None:
        """Bytes from the host: commands are executed as they become whole."""
        self.idle(len(data), quiet=False)
        for request in self._finder.feed(data):
            self._execute(request)

    def take(self) -> bytes:
        """What the device has to say; ``b""`` if it rests."""
        if not self._out and self.running and not self._awaits:
            self._shot()
        out = b"".join(self._out)
        self._out.clear()
        return out

    def idle(self, clocks: int, *, quiet: bool = True) -> None:
        """Let `clocks` pass, without a byte coming if `quiet`: half a command may be given up, an unclaimed device say what it is."""
        self.time += clocks
        if quiet and clocks >= GIVE_UP and self._finder.pending:
            self._finder.forget()
            self._commands["corrupt"] += 1
        if self.epoch == 0 and self.time >= self._next_status:
            self._status()
        self._next_status = max(self._next_status, self.time // UNCLAIMED * UNCLAIMED + UNCLAIMED)

    def _send(self, text: bytes) -> None:
        self._out.append(text)
        self.time += len(text)

    # ---- commands -------------------------------------------------------------------------------------------

    def _judge(self, request: Request) -> Error:
        """The first error that applies, but BUSY."""
        try:
            op = Op(request.op)
        except ValueError:
            op = None
        with_words = op in (Op.WRITE, Op.READ)
        if request.corrupt:
            return Error.CORRUPT
        if op is None:
            return Error.OP
        if request.words > MAX_WORDS or with_words != (request.words > 0):
            return Error.LENGTH
        if op is Op.CLAIM and request.epoch == 0:
            return Error.EPOCH
        if op in (Op.WRITE, Op.START, Op.STOP) and (self.epoch == 0 or request.epoch != self.epoch):
            return Error.EPOCH
        if with_words and not self.memory.there(request.address, request.words):
            return Error.ADDRESS
        if op is Op.WRITE and request.address < STATUS_BASE + STATUS_WORDS:
            return Error.READ_ONLY
        return Error.OK

    def _execute(self, request: Request) -> None:
        error = self._judge(request)
        op = Op(request.op) if error is Error.OK else None
        repeat = op not in (None, Op.CLAIM) and self._last is not None and self._last[0] == request.sequence
        stops = op is Op.STOP and self.running and not repeat
        if op is Op.START:
            busy = self._last is not None and self._last[1] if repeat else self.running
            error = Error.BUSY if busy else Error.OK
        if op is not None and not (repeat and op in _CHANGING) and self._refused(op, request):
            op, error = None, Error.SCENE
        self._count(error, repeat)
        if op is not None and not repeat:
            error = self._obey(op, request) or error
            if self._awaits and self._queue is not None and self._queue.words.size:  # an exposure begins with its first word
                self._latch(self._sequence[self._step])
        self._reply(request, error, self._read(request) if op is Op.READ else [])
        while self._awaits and self._queue is not None and self._queue.words.size >= self._queue.needed(self._reading):
            self._exposure()
        if stops:
            self._cut()
        if op in (Op.CLAIM, Op.STATUS) or stops:
            self._status()

    def _count(self, error: Error, repeat: bool) -> None:
        if error is Error.CORRUPT:
            self._commands["corrupt"] += 1
        elif error is not Error.OK:
            self._commands["refused"] += 1
        elif not repeat:
            self._commands["done"] += 1

    def _obey(self, op: Op, request: Request) -> Error | None:
        """Execute a command for the first time. Gives the error with which it ends all the same."""
        busy = op is Op.START and self.running
        dropped = False
        if op is Op.WRITE and self._queue is not None and request.address >= SCENE.base:
            dropped = self._stream(np.frombuffer(request.data, "<u2"))
        elif op is Op.WRITE:
            if self._due and self.running and not self._awaits:  # a write waits for the exposure under way
                self._shot()
            self.memory.write(request.address, np.frombuffer(request.data, "<u2"))
        elif busy:
            self._counts["triggers_missed"] += 1
        elif op is Op.START:
            self._start()
        elif op is Op.STOP:
            self._shots_left = 0
        elif op is Op.CLAIM:
            self._cut()
            self._clear()
            self.epoch = request.epoch
        if request.epoch == self.epoch:
            self._last = (request.sequence, busy)
        return Error.SCENE if dropped else None

    def _read(self, request: Request) -> list[int]:
        if request.address < STATUS_BASE + STATUS_WORDS:
            return self._status_words()[request.address - STATUS_BASE :][: request.words]
        return self.memory.read(request.address, request.words).tolist()

    def _reply(self, request: Request, error: Error, read: list[int] | None = None) -> None:
        text = reply(
            request.sequence,
            request.op,
            error,
            address=request.address,
            words=request.words,
            corrupt=self._commands["corrupt"] & 0xFFFF,
            read=read or (),
            **self._common(),
        )
        self._send(text)

    # ---- shots ----------------------------------------------------------------------------------------------

    def _start(self) -> None:
        registers = self.memory.registers()
        length = min(max(registers["sequence_length"], 1), 8)
        self._sequence = [registers["sequence"] >> 3 * i & 7 for i in range(length)]
        self._shots_left = registers["shots"] or None
        self._step = 0
        self._due = True
        if self._queue is not None:
            self._queue.start()

    def _shot(self) -> None:
        """The rest of a shot: an exposure for each kernel of the sequence; behind the last one a status."""
        self._exposure()
        while self._step:
            self._exposure()

    def _exposure(self) -> None:
        """The next exposure of the run."""
        self._due = False
        if self._queue is None:
            scene = self.memory.scene
        else:  # else it is a test scene
            scene = self._queue.take(self._reading) if self._awaits else None
        self._expose(self._sequence[self._step], scene)
        self._counts["frames_done"] += 1
        self._step = (self._step + 1) % len(self._sequence)
        if self._step:
            return
        self._counts["shots_done"] += 1
        self._number_of_shot += 1
        if self._shots_left is not None:
            self._shots_left -= 1
            if self._shots_left == 0:
                self._status()

    # ---- a streamed scene -----------------------------------------------------------------------------------

    @property
    def _reading(self) -> Read:
        return Settings.of(self.config, self.memory.registers()).read

    @property
    def _awaits(self) -> bool:
        """Whether a run is under way whose exposures take their pixels from the host."""
        return self._queue is not None and self.running and Settings.of(self.config, self.memory.registers()).scene_source is Scene.MEMORY

    def _refused(self, op: Op, request: Request) -> bool:
        """Scene words that are not the next, or of no use; any other command that would wait for an exposure whose words have not come."""
        if self._queue is None:
            return False
        if op is Op.WRITE and request.address >= SCENE.base:
            return not self._awaits or request.address != self._queue.address
        bus = op is Op.WRITE or (op is Op.READ and request.address >= STATUS_BASE + STATUS_WORDS)
        return bus and self._awaits and self._queue.words.size > 0

    def _stream(self, words: np.ndarray) -> bool:
        """More scene words. True if the run ends before the last of them: those behind its end are dropped."""
        assert self._queue is not None
        self._queue.put(words)
        if self._shots_left is None:
            return False
        wanted = (self._shots_left * len(self._sequence) - self._step) * self._queue.needed(self._reading)
        dropped = self._queue.words.size > wanted
        self._queue.words = self._queue.words[:wanted]
        return dropped

    def _cut(self) -> None:
        """Behind a STOP: a shot that has begun is not done, and its number is used up. An exposure whose words have not all come ends with
        the slice under way, and its frame has no end."""
        begun = self._step > 0
        if self._queue is not None and self._queue.words.size:
            pixels = self._queue.reached(self._reading)
            self._expose(self._sequence[self._step], self._queue.take(self._reading), pixels=pixels)
            self._queue.start()
            begun = True
        self._step = 0
        self._number_of_shot += begun

    def _latch(self, kernel: int) -> tuple[dict[str, int], np.ndarray, np.ndarray]:
        """Registers and biases of an exposure, as it takes them when it begins."""
        registers = self.memory.registers()
        weights, darks = self.memory.response(kernel)
        self._tag = tag(registers, weights, darks)
        return registers, weights, darks

    def _expose(self, kernel: int, scene: np.ndarray | None, *, pixels: int | None = None) -> None:
        """One exposure; with `pixels` one that is abandoned behind so many."""
        registers, weights, darks = self._latch(kernel)
        pedestal, mask = self.memory.maps if self.config.pedestal_map else (None, None)
        shot = self._number_of_shot & 0xFFFF
        frame = expose(self.config, scene, registers, weights, darks, shot=shot, kernel=kernel, pedestal=pedestal, mask=mask)
        head = {"registers": registers, "epoch": self.epoch, "tag": self._tag, "time": self.time, "number": self._counts["produced"]}
        slices = encode_frame(frame, **head, pixels=pixels)
        self.time += self.config.max_outputs * (self.config.subpixels if self.config.form is Form.SHARED else 1)
        for text in slices:
            self._send(text)
        self._counts["produced"] += len(slices)
        for name, count in frame.counts_of(pixels).items():
            self._counts[name] += count

    # ---- status ---------------------------------------------------------------------------------------------

    def _common(self) -> dict[str, int]:
        """Header fields of a status or reply, which share one running number."""
        number = self._number
        self._number = (number + 1) & 0xFFFF
        return {"number": number, "epoch": self.epoch, "tag": self._tag, "where": self.time & 0xFFFFFFFF}

    def _status_words(self) -> list[int]:
        config, counts = self.config, self._counts
        state = State.LOCKED | (State.CLAIMED if self.epoch else State(0)) | (State.RUNNING if self.running else State(0))
        values = {
            "protocol_minor": PROTOCOL_MINOR, "protocol_major": PROTOCOL_MAJOR, "chip_id": DIE_ID, "config_hash": config.hash,
            **{name: getattr(config, name) for name in ("rows", "cols", "border", "macro", "kernels", "lanes", "lane_bits")},
            "features": int(features(config)), "slice_pixels": SLICE_PIXELS, "fifo_bytes": config.fifo_bytes,
            "clock_hz": config.clock_hz, "device_time": self.time, "state": int(state), "epoch": self.epoch, "tag": self._tag,
            **counts, "arrived": counts["produced"], "sent": counts["produced"],
            **{f"commands_{name}": count for name, count in self._commands.items()},
        }  # fmt: skip
        words: list[int] = []
        for register in STATUS.values():
            value = values.get(register.name, 0)
            words += [value >> 16 * i & 0xFFFF for i in range(register.words)]
        return words

    def _status(self) -> None:
        text = b"".join(word.to_bytes(2, "little") for word in self._status_words())
        self._send(packet(Kind.STATUS, text, **self._common()))
