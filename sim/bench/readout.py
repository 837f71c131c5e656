# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""The whole top as a host sees it: commands in, packets out, stalls on both streams, against the golden model.

golden.packets.command ──► rx ═► Top ═► tx ──► `packets.cut` ─┬─► replies, byte for byte, to who asked
        └─► golden Memory ──► golden frames ──────────────────┼─► data, byte for byte
                                                              └─► status, kept and held against the registers
"""

import copy
import os
from collections import Counter
from collections.abc import Sequence

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge

from macropix.gateware import registers, wire
from macropix.gateware.config import Config
from macropix.gateware.wire import Error, Op
from macropix.host import kernels
from macropix.sim.bench.draw import Coverage, generators
from macropix.sim.bench.lanewire import LaneWire
from macropix.sim.bench.packets import cut, field
from macropix.sim.bench.runner import CONFIG_VARIABLE, SEED_VARIABLE
from macropix.sim.bench.streams import Sink, Source, Stalls
from macropix.sim.golden import die
from macropix.sim.golden import packets as golden_packets
from macropix.sim.golden import settings as golden_settings
from macropix.sim.golden.encode import slices
from macropix.sim.golden.memory import Memory

__all__ = ["Host"]

#: period of the FPGA's clock, ps
PERIOD_PS = 10_000
#: clocks in which an answer, or the next packet of a running device, must come
ANSWER_CLOCKS = 60_000
#: longest of the long stalls, clocks
LONGEST_STALL = 300
#: status registers that count slices, shots and pixels
LEDGER = (
    "shots_done", "frames_done", "triggers_missed", "produced", "arrived", "dropped_overflow", "dropped_corrupt", "sent", "saturated_di",
    "saturated_cds", "saturated_pga", "saturated_adc", "saturated_pedestal",
)  # fmt: skip

#: what the device holds: a reset keeps registers and memories, so they go on from one test to the next
_held: list[Memory] = []


class Host:
    """What a host does, written against `docs/protocol.md` with the golden model's packets.

    Parameters
    ----------
    dut, name
        Device; name of the test, for its random choices.
    stall_in, stall_out : float (0 … 1)
        Share of clocks in which a stall begins, on the stream to and from the device.

    Attributes
    ----------
    memory : Memory
        What the device must hold by now.
    data, status, replies : list of bytes
        Packets that came and were not yet compared; status packets and replies that came.
    """

    def __init__(self, dut, name: str, *, stall_in: float = 0.0, stall_out: float = 0.0):
        self.dut = dut
        self.config = Config.from_json(os.environ[CONFIG_VARIABLE])
        self.rng, self.random = generators(int(os.environ[SEED_VARIABLE]), name)
        self.source = Source(dut, "rx", dut.clk, Stalls(self.rng, stall_in, LONGEST_STALL))
        self.sink = Sink(dut, "tx", dut.clk, Stalls(self.rng, stall_out, LONGEST_STALL))
        self.lane = LaneWire(dut, self.config, self.rng) if self.config.separate_clocks else None
        self.coverage = Coverage()
        self.data: list[bytes] = []
        self.status: list[bytes] = []
        self.replies: list[bytes] = []
        if not _held:
            _held.append(Memory(self.config))
        self.memory = _held[0]
        self.sequence = self.epoch = 0
        self.number = self.shot = self.compared = self.nonzero = 0
        self.time = -1
        self.saturated: Counter[str] = Counter()
        self.ledger: dict[str, int] | None = None
        #: commands since the claim: executed, corrupt, refused
        self.counted: Counter[str] = Counter()
        self._asked = self._answers = self._answered_at = 0
        self._device_epoch = 0
        self._tags, self._tags_seen = {0}, set[int]()

    async def start(self) -> None:
        """Clocks, reset, streams."""
        dut = self.dut
        cocotb.start_soon(Clock(dut.clk, PERIOD_PS, unit="ps").start())
        dut.rst.value = 1
        if self.lane is not None:
            self.lane.start(PERIOD_PS)
        await ClockCycles(dut.clk, 8)
        await FallingEdge(dut.clk)
        dut.rst.value = 0
        cocotb.start_soon(self.source.run())
        cocotb.start_soon(self.sink.run())

    def sort(self) -> None:
        """Packets that have come to where they belong."""
        for packet in cut(self.sink.taken):
            kind = field(packet, "kind")
            if kind == wire.Kind.DATA.value:
                self.data.append(packet)
                continue
            self._common(packet, claim=kind == wire.Kind.REPLY.value and packet[22:24] == bytes([Op.CLAIM.value, Error.OK.value]))
            (self.status if kind == wire.Kind.STATUS.value else self.replies).append(packet)

    def _common(self, packet: bytes, *, claim: bool) -> None:
        """What holds for a reply and for a status packet: numbered in turn, time goes on, epoch and tag are the device's."""
        if claim:
            self._answers, self._device_epoch = 0, self.epoch
        assert field(packet, "number") == self._answers & 0xFFFF, f"packet {field(packet, 'number')}, expected {self._answers & 0xFFFF}"
        assert field(packet, "epoch") == self._device_epoch
        assert field(packet, "where") >= self._answered_at, "the device's time went back"
        self._answers += 1
        self._answered_at = field(packet, "where")
        self._tags_seen.add(field(packet, "tag"))

    async def until(self, condition, what: str, clocks: int = ANSWER_CLOCKS) -> None:
        """Waits for `condition()`, looked at every few clocks. AssertionError that says `what` did not come."""
        for _ in range(clocks // 16):
            self.sort()
            if condition():
                return
            await ClockCycles(self.dut.clk, 16)
        raise AssertionError(f"{what} did not come within {clocks} clocks")

    # ---- commands ---------------------------------------------------------------------------------------------

    def post(self, text: bytes) -> None:
        """Sends one command, for `answer` to wait for its reply."""
        self._asked += 1
        self.source.send(text)

    async def answer(self, text: bytes, expect: Error = Error.OK, *, read: Sequence[int] | None = None, repeat: bool = False) -> bytes:
        """Waits for the reply to the command posted last, which must be the golden one. Gives back the words of a READ.

        Parameters
        ----------
        text : bytes
            The command; its header is right.
        expect : Error
        read : sequence of int, optional
            What a READ must find; default: whatever it finds.
        repeat : bool
            The command was executed before.
        """
        await self.until(lambda: len(self.replies) >= self._asked, f"the reply to command {text[:12].hex()}")
        found = self.replies[self._asked - 1]
        sequence, address, words = (int.from_bytes(text[i : i + 2], "little") for i in (2, 6, 8))
        op = text[1]
        if op == Op.CLAIM.value and expect is Error.OK:
            self.counted.clear()
        elif expect is not Error.OK or not repeat:
            self.counted[{Error.OK: "commands_done", Error.CORRUPT: "commands_corrupt"}.get(expect, "commands_refused")] += 1
        data = found[30:-4]
        if read is None and op == Op.READ.value and expect is Error.OK:
            read = [int.from_bytes(data[i : i + 2], "little") for i in range(0, len(data), 2)]
            assert len(read) == words, f"a READ of {words} words gave {len(read)}"
        common = {name: field(found, name) for name in ("number", "epoch", "tag", "where")}
        corrupt = self.counted["commands_corrupt"] & 0xFFFF
        expected = golden_packets.reply(sequence, op, expect, address=address, words=words, corrupt=corrupt, read=read or (), **common)
        assert found == expected, f"the reply to {text[:12].hex()} is {found[20:].hex()}, expected {expected[20:].hex()} ({expect})"
        return data

    async def raw(self, text: bytes, expect: Error = Error.OK, *, read: Sequence[int] | None = None, repeat: bool = False) -> bytes:
        """`post` and `answer`."""
        self.post(text)
        return await self.answer(text, expect, read=read, repeat=repeat)

    def next_command(self, op: Op, address: int = 0, words: int | Sequence[int] = ()) -> bytes:
        """A new command's bytes."""
        self.sequence = (self.sequence + 1) & 0xFFFF
        return golden_packets.command(op, self.sequence, self.epoch, address, words)

    async def command(self, op: Op, address: int = 0, words: int | Sequence[int] = (), *, expect: Error = Error.OK, read=None) -> bytes:
        """A new command, sent and answered."""
        return await self.raw(self.next_command(op, address, words), expect, read=read)

    async def claim(self) -> None:
        """A new epoch."""
        self.epoch = self.rng.randrange(1, 1 << 16)
        self.number = self.shot = 0
        statuses = len(self.status)
        await self.command(Op.CLAIM)
        await self.until(lambda: len(self.status) > statuses, "the status packet behind a claim")
        # a reset keeps registers and memories: begin from what is known
        words = [word for register in registers.CONTROL.values() for word in register.to_words(register.reset)]
        await self.write(registers.CONTROL_BASE, words)

    async def write(self, address: int, words: Sequence[int] | np.ndarray) -> None:
        """Words from `address` on, in as many commands as it takes."""
        for start in range(0, len(words), wire.MAX_WORDS):
            part = [int(w) & 0xFFFF for w in words[start : start + wire.MAX_WORDS]]
            await self.command(Op.WRITE, address + start, part)
            self.memory.write(address + start, np.array(part, np.uint16))

    async def read(self, address: int, count: int) -> list[int]:
        """Status words from `address` on."""
        text = await self.command(Op.READ, address, count)
        return [int.from_bytes(text[i : i + 2], "little") for i in range(0, len(text), 2)]

    async def read_back(self, address: int, count: int) -> None:
        """Reads what was written, from control registers or a window."""
        await self.command(Op.READ, address, count, read=self.memory.read(address, count).tolist())

    async def set(self, **values: int) -> None:
        """Control registers, in one command: those between are written with what they hold."""
        places = [registers.CONTROL[name] for name in values]
        low, high = min(place.address for place in places), max(place.address + place.words for place in places)
        words = self.memory.read(low, high - low).tolist()
        for place in places:
            at = place.address - low
            words[at : at + place.words] = [values[place.name] >> 16 * i & 0xFFFF for i in range(place.words)]
        await self.write(low, words)

    async def value(self, name: str) -> int:
        """A status register's value."""
        register = registers.STATUS[name]
        return register.from_words(await self.read(register.address, register.words))

    async def load_kernel(self, index: int, name: str) -> None:
        """A kernel of the paper into the bank."""
        codes = np.asarray(kernels.padded(name, self.config.macro).codes).reshape(-1)
        await self.write(registers.BIAS.base + registers.BIAS_STRIDE * index, codes)

    async def load_scene(self, scene: np.ndarray) -> None:
        """The scene memory."""
        await self.write(registers.SCENE.base, scene.reshape(-1))

    # ---- frames -----------------------------------------------------------------------------------------------

    def frame(self, kernel: int, shot: int, memory: Memory | None = None) -> die.Frame:
        """The frame that a device must take which holds `memory` (default: what this one holds by now)."""
        memory = self.memory if memory is None else memory
        maps = memory.maps if self.config.pedestal_map else (None, None)
        return die.expose(
            self.config, memory.scene, memory.registers(), *memory.response(kernel), shot=shot & 0xFFFF, kernel=kernel, pedestal=maps[0],
            mask=maps[1],
        )  # fmt: skip

    def golden(self, kernel: int, shot: int, time: int, memory: Memory | None = None) -> tuple[die.Frame, list[bytes]]:
        """A frame and its packets."""
        memory = self.memory if memory is None else memory
        frame = self.frame(kernel, shot, memory)
        tag = golden_settings.tag(memory.registers(), *memory.response(kernel))
        self._tags.add(tag)
        return frame, slices.encode_frame(
            frame, registers=memory.registers(), epoch=self.epoch, tag=tag, time=time, number=self.number & 0xFFFF
        )

    def remember(self) -> Memory:
        """What the device holds now, for later."""
        return copy.deepcopy(self.memory)

    async def compare_frame(self, kernel: int = 0, *, last: bool = True, memories: Sequence[Memory] | None = None, name: str = "") -> int:
        """The next frame to come, held against the golden model; its time is the device's, and rises.

        Parameters
        ----------
        kernel : int
        last : bool
            Of its shot.
        memories : sequence of Memory, optional
            What the device may have held, the earliest first; default: what it holds by now.
        name : str
            Of the kernel, for the coverage.

        Returns
        -------
        int
            Which of `memories` it was: the first that fits.
        """
        await self.until(lambda: self.data, f"the first slice of frame {self.compared}")
        time = field(self.data[0], "where")
        assert time > self.time, f"time {time} behind {self.time}"
        self.time = time
        choices = [self.memory] if memories is None else list(memories)
        for which, memory in enumerate(choices):
            frame, expected = self.golden(kernel, self.shot, time, memory)
            count = len(expected)
            await self.until(lambda n=count: len(self.data) >= n, f"the last slice of frame {self.compared}")
            if self.data[: len(expected)] == expected or which == len(choices) - 1:
                break
        for i, packet in enumerate(expected):
            found = self.data.pop(0)
            at = next((n for n, pair in enumerate(zip(found, packet, strict=False)) if pair[0] != pair[1]), min(len(found), len(packet)))
            sizes = f"{len(found)} bytes, expected {len(packet)}; headers {found[:20].hex()} {packet[:20].hex()}"
            assert found == packet, f"slice {self.number + i} of shot {self.shot} differs from byte {at} on: {sizes}"
            self.nonzero += any(packet[20:-4])
        self.coverage.frame(frame, expected, memory.registers(), name)
        self.saturated.update(frame.counts)
        self.number += len(expected)
        self.shot += last
        self.compared += 1
        return which

    def compare_survivors(self, kernel: int = 0) -> int:
        """Every slice that came, of frames of which any may be missing: in order, each as its `number` says. How many there were."""
        self.sort()
        per_frame = len(self.golden(kernel, self.shot, 0)[1])
        base, shot, before = self.number, self.shot, self.number - 1
        for packet in self.data:
            number = field(packet, "number")
            assert number > before, f"slice {number} behind {before}"
            before = number
            ahead, place = divmod(number - base, per_frame)
            self.number = number - place
            frame, expected = self.golden(kernel, shot + ahead, field(packet, "where") if place == 0 else 0)
            assert packet == expected[place], f"slice {number} is {packet.hex()}, expected {expected[place].hex()}"
            self.coverage.frame(frame, [packet], self.memory.registers())
            self.nonzero += any(packet[20:-4])
        count = len(self.data)
        self.data.clear()
        self.compared += count
        self.number, self.shot = base, shot
        return count

    async def at_rest(self) -> dict[str, int]:
        """Waits until the device is neither exposing nor draining; every status register then, read by command."""
        busy = int(registers.State.EXPOSING | registers.State.DRAINING | registers.State.RUNNING)
        for _ in range(1000):
            if not await self.value("state") & busy:
                break
        else:
            raise AssertionError("the device did not come to rest within 1000 looks at its state")
        self.sort()
        self.ledger = self._decoded(await self.read(registers.STATUS_BASE, registers.STATUS_WORDS))
        assert self.ledger["arrived"] == self.ledger["sent"] + self.ledger["dropped_overflow"], self.ledger
        found = {name: self.ledger[name] for name in ("commands_done", "commands_corrupt", "commands_refused")}
        assert found == {name: self.counted[name] & 0xFFFF for name in found}, f"commands: {found}, expected {dict(self.counted)}"
        if self.ledger["frames_done"]:  # the device says by itself how it ended
            ended = {name: self.ledger[name] for name in LEDGER}
            await self.until(
                lambda: any({name: self._status(text)[name] for name in LEDGER} == ended for text in self.status),
                f"a status packet that says {ended}",
            )
        return self.ledger

    @staticmethod
    def _decoded(words: Sequence[int]) -> dict[str, int]:
        return {
            name: register.from_words(words[register.address : register.address + register.words])
            for name, register in registers.STATUS.items()
        }

    def _status(self, packet: bytes) -> dict[str, int]:
        """The registers of a status packet."""
        text = packet[20:-4]
        assert len(text) == 2 * registers.STATUS_WORDS, f"a status packet of {len(text)} bytes"
        return self._decoded([int.from_bytes(text[i : i + 2], "little") for i in range(0, len(text), 2)])

    def finish(self) -> None:
        """Something was compared, something of it was not zero, nothing is left over, and the device's counts are the golden ones."""
        self.sort()
        assert self.compared, "no frame was compared"
        assert self.nonzero, "not one of the frames had a payload"
        assert not self.data, f"{len(self.data)} slices came that nobody expected"
        assert not self.sink.taken, f"{len(self.sink.taken)} bytes of an unfinished packet are left"
        assert not self.source.queue, f"{len(self.source.queue)} bytes of commands were not taken"
        assert len(self.replies) == self._asked, f"{len(self.replies)} replies to {self._asked} commands"
        assert self._tags_seen <= self._tags, f"tags {self._tags_seen - self._tags} of no configuration that was written"
        if self.ledger is not None and self.ledger["frames_done"] == self.compared:
            found = {name: self.ledger[name] for name in self.saturated}
            assert found == dict(self.saturated), f"clipped pixels: {found}, expected {dict(self.saturated)}"
        self.dut._log.info("seen: %s", dict(self.coverage.seen))
