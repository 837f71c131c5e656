# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""The whole top as a host sees it: commands in, packets out, stalls on both streams, against the golden model.

golden.packets.command ──► rx ═► Top ═► tx ──► `packets.cut` ──► replies to who asked, data to the comparison, status kept
"""

import os
import random
from collections.abc import Sequence

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge

from macropix.gateware import registers, wire
from macropix.gateware.config import Config
from macropix.host import kernels
from macropix.sim.bench.lanewire import LaneWire
from macropix.sim.bench.packets import cut, field
from macropix.sim.bench.runner import CONFIG_VARIABLE, SEED_VARIABLE
from macropix.sim.bench.streams import Sink, Source
from macropix.sim.golden import bias, die
from macropix.sim.golden import packets as golden_packets
from macropix.sim.golden import settings as golden_settings
from macropix.sim.golden.encode import slices

__all__ = ["Host"]

#: periods, ps: unrelated where the clocks are separate
PERIOD_PS, DIE_PERIOD_PS, DIE_PHASE_PS = 10_000, 9_740, 3_170
#: clocks in which an answer, or the next packet of a running device, must come
ANSWER_CLOCKS = 40_000


class Host:
    """What a host does, written against `docs/protocol.md` with the golden model's packets.

    Attributes
    ----------
    data, status : list of bytes
        Packets that came and were not yet compared; status packets that came.
    """

    def __init__(self, dut, *, stall_in: float = 0.0, stall_out: float = 0.0):
        self.dut = dut
        self.config = Config.from_json(os.environ[CONFIG_VARIABLE])
        seed = int(os.environ[SEED_VARIABLE])
        self.rng = random.Random(seed)
        self.random = np.random.default_rng(seed)
        self.source = Source(dut, "rx", dut.clk, stall=stall_in, rng=self.rng)
        self.sink = Sink(dut, "tx", dut.clk, stall=stall_out, rng=self.rng)
        self.lane = LaneWire(dut, self.config) if self.config.separate_clocks else None
        self.data: list[bytes] = []
        self.status: list[bytes] = []
        self.replies: list[bytes] = []
        self.control = golden_settings.reset_registers()
        self.bank = [np.zeros(self.config.subpixels, np.int64)] * self.config.kernels
        self.scene = np.zeros((self.config.rows, self.config.cols), np.uint16)
        self.sequence = self.epoch = 0
        self.number = self.shot = self.compared = self.nonzero = 0
        self.time = -1

    async def start(self) -> None:
        """Clocks, reset, streams."""
        dut = self.dut
        cocotb.start_soon(Clock(dut.clk, PERIOD_PS, unit="ps").start())
        dut.rst.value = 1
        if self.lane is not None:
            self.lane.start(DIE_PERIOD_PS, DIE_PHASE_PS)
        await ClockCycles(dut.clk, 8)
        await FallingEdge(dut.clk)
        dut.rst.value = 0
        cocotb.start_soon(self.source.run())
        cocotb.start_soon(self.sink.run())

    def sort(self) -> None:
        """Packets that have come to where they belong."""
        for packet in cut(self.sink.taken):
            {0: self.data, 1: self.status, 2: self.replies}[field(packet, "kind")].append(packet)

    async def until(self, condition, what: str, clocks: int = ANSWER_CLOCKS) -> None:
        """Waits for `condition()`, looked at every few clocks. AssertionError that says `what` did not come."""
        for _ in range(clocks // 16):
            self.sort()
            if condition():
                return
            await ClockCycles(self.dut.clk, 16)
        raise AssertionError(f"{what} did not come within {clocks} clocks")

    # ---- commands ---------------------------------------------------------------------------------------------

    async def raw(self, text: bytes) -> bytes:
        """Sends bytes; the next reply."""
        before = len(self.replies)
        self.source.send(text)
        await self.until(lambda: len(self.replies) > before, "the reply to a command")
        return self.replies[-1]

    async def command(self, op: wire.Op, address: int = 0, words: int | Sequence[int] = (), *, expect=wire.Error.OK) -> bytes:
        """Sends a command; checks that the reply says `expect`, and gives back its words."""
        self.sequence = (self.sequence + 1) & 0xFFFF
        reply = await self.raw(golden_packets.command(op, self.sequence, self.epoch, address, words))
        found = int.from_bytes(reply[20:22], "little"), reply[22], reply[23]
        assert found == (self.sequence, int(op.value), int(expect.value)), f"{op}: reply {found}, expected {self.sequence}, {op}, {expect}"
        return reply[30:-4]

    async def claim(self) -> None:
        """A new epoch."""
        self.epoch = self.rng.randrange(1, 1 << 16)
        self.number = self.shot = 0
        await self.command(wire.Op.CLAIM)
        assert field(self.replies[-1], "epoch") == self.epoch
        assert field(self.replies[-1], "number") == 0
        # a reset keeps registers and memories: begin from what is known
        words = [word for register in registers.CONTROL.values() for word in register.to_words(register.reset)]
        await self.write(registers.CONTROL_BASE, words)
        self.control = golden_settings.reset_registers()

    async def write(self, address: int, words: Sequence[int]) -> None:
        """Words from `address` on, in as many commands as it takes."""
        for start in range(0, len(words), wire.MAX_WORDS):
            await self.command(wire.Op.WRITE, address + start, [int(w) & 0xFFFF for w in words[start : start + wire.MAX_WORDS]])

    async def read(self, address: int, count: int) -> list[int]:
        """Words from `address` on."""
        text = await self.command(wire.Op.READ, address, count)
        assert len(text) == 2 * count
        return [int.from_bytes(text[i : i + 2], "little") for i in range(0, len(text), 2)]

    async def set(self, **values: int) -> None:
        """Control registers, one command each."""
        for name, value in values.items():
            register = registers.CONTROL[name]
            await self.write(register.address, register.to_words(value))
            self.control[name] = value

    async def value(self, name: str) -> int:
        """A register's value, read from the device."""
        register = registers.by_name(name)
        return register.from_words(await self.read(register.address, register.words))

    async def load_kernel(self, index: int, name: str) -> None:
        """A kernel of the paper into the bank."""
        codes = np.asarray(kernels.get(name, macro=self.config.macro).codes).reshape(-1)
        await self.write(registers.BIAS.base + registers.BIAS_STRIDE * index, codes)
        self.bank[index] = codes

    async def load_scene(self, scene: np.ndarray) -> None:
        """The scene memory."""
        await self.write(registers.SCENE.base, scene.reshape(-1))
        self.scene = scene

    # ---- frames -----------------------------------------------------------------------------------------------

    def golden(self, kernel: int, shot: int, time: int) -> list[bytes]:
        """The packets a frame must be, from the scene and the settings as the host wrote them."""
        weights, darks = bias.lookup(self.bank[kernel])
        frame = die.expose(self.config, self.scene, self.control, weights, darks, shot=shot & 0xFFFF, kernel=kernel)
        tag = golden_settings.tag(self.control, weights, darks)
        return slices.encode_frame(frame, registers=self.control, epoch=self.epoch, tag=tag, time=time, number=self.number & 0xFFFF)

    async def compare_frame(self, kernel: int = 0, *, last: bool = True) -> None:
        """The next frame to come, held against the golden model; `last`: of its shot. Its time is the device's, and rises."""
        await self.until(lambda: self.data, "the first slice of a frame")
        time = field(self.data[0], "where")
        assert time > self.time, f"time {time} behind {self.time}"
        self.time = time
        expected = self.golden(kernel, self.shot, time)
        await self.until(lambda: len(self.data) >= len(expected), "the last slice of a frame")
        for i, packet in enumerate(expected):
            found = self.data.pop(0)
            sizes = f"{len(found)} bytes, expected {len(packet)}; headers {found[:20].hex()} {packet[:20].hex()}"
            assert found == packet, f"slice {self.number + i} of shot {self.shot}: {sizes}"
            self.nonzero += any(packet[20:-4])
        self.number += len(expected)
        self.shot += last
        self.compared += 1

    async def at_rest(self) -> dict[str, int]:
        """Waits until the device is neither exposing nor draining; every status register then, read by command."""
        busy = int(registers.State.EXPOSING | registers.State.DRAINING | registers.State.RUNNING)
        for _ in range(400):
            if not await self.value("state") & busy:
                break
        else:
            raise AssertionError("the device did not come to rest within 400 looks at its state")
        self.sort()
        words = await self.read(registers.STATUS_BASE, registers.STATUS_WORDS)
        return {
            name: register.from_words(words[register.address : register.address + register.words])
            for name, register in registers.STATUS.items()
        }

    def finish(self) -> None:
        """Something was compared, something of it was not zero, and nothing is left over."""
        self.sort()
        assert self.compared, "no frame was compared"
        assert self.nonzero, "not one of the frames had a payload"
        assert not self.data, f"{len(self.data)} slices came that nobody expected"
        assert not self.sink.taken, f"{len(self.sink.taken)} bytes of an unfinished packet are left"
