# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""The chip alone: scenes in through its window, exposures by pulse, slices off its lane, against the golden model.

scene, settings, descriptor ──► Die ═ lanes ═► `LanesMonitor` ──► `Scoreboard` ◄── golden
            lane tests, at any time ──┘
"""

import os
from collections import Counter
from collections.abc import Sequence

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge

from macropix.gateware import registers, wire
from macropix.gateware.bus import counts_layout
from macropix.gateware.config import Config
from macropix.gateware.wire import LaneTest, Positions, Values
from macropix.host import kernels
from macropix.sim.bench.draw import Coverage, generators, random_control, random_scene, settings_to_try, telling_threshold
from macropix.sim.bench.lane import LanesMonitor
from macropix.sim.bench.runner import CONFIG_VARIABLE, SEED_VARIABLE
from macropix.sim.bench.scoreboard import Scoreboard
from macropix.sim.golden import bias, die
from macropix.sim.golden import settings as golden_settings
from macropix.sim.golden.encode import slices

CLOCK_NS = 10
#: clocks in which a frame must have come
FRAME_CLOCKS = 60_000
#: shots of `everything_at_once` that are surely of this kind: edges, and a picture with flags
PLAIN = {
    5: {"tap": 0, "mode": int(wire.Mode.EDGE.value), "read": int(wire.Read.SLIDING.value)},
    7: {"tap": 0, "mode": int(wire.Mode.RAW.value), "read": int(wire.Read.SINGLE.value), "mask_enable": 1},
}


class Chip:
    """Driver of a `Die`.

    Parameters
    ----------
    dut, name
        Device; name of the test, for its random choices.
    """

    def __init__(self, dut, name: str):
        self.dut = dut
        self.config = Config.from_json(os.environ[CONFIG_VARIABLE])
        self.rng, self.random = generators(int(os.environ[SEED_VARIABLE]), name)
        self.layout = registers.settings_layout(self.config)
        self.monitor = LanesMonitor(self.config.lanes)
        self.board = Scoreboard("chip")
        self.coverage = Coverage()
        self.counts: Counter[str] = Counter()
        self.finished = False

    async def reset(self) -> None:
        """Clock, reset, and the monitors."""
        dut = self.dut
        cocotb.start_soon(Clock(dut.clk, CLOCK_NS, unit="ns").start())
        for name in (
            "rst", "settings", "descriptor", "start", "clear", "lane_test", "scene__address", "scene__write", "scene__write_data",
            "scene__read", "pedestal__address", "pedestal__write", "pedestal__write_data", "pedestal__read",
        ):  # fmt: skip
            getattr(dut, name).value = 0
        dut.rst.value = 1
        await ClockCycles(dut.clk, 4)
        await FallingEdge(dut.clk)
        dut.rst.value = 0
        cocotb.start_soon(self._watch())

    async def _watch(self) -> None:
        lane, finished = self.dut.lane, self.dut.finished
        while True:
            await RisingEdge(self.dut.clk)
            self.monitor.take(int(lane.value), self.config.lane_bits)
            while self.monitor.packets:
                self.board.take(self.monitor.packets.pop(0))
            if int(finished.value):
                self.finished = True

    async def disturb(self) -> None:
        """Forever: lane tests of random length stand in the way of slices, which is how a lane stalls."""
        symbol = 10 // self.config.lane_bits
        while True:
            await ClockCycles(self.dut.clk, symbol * self.rng.randrange(1, 600))
            await FallingEdge(self.dut.clk)
            self.monitor.test = self.rng.choice([LaneTest.PRBS7, LaneTest.FIXED])
            self.dut.lane_test.value = int(self.monitor.test.value)
            await ClockCycles(self.dut.clk, symbol * self.rng.choice([1, 2, 3, self.rng.randrange(60), self.rng.randrange(900)]) + 1)
            await FallingEdge(self.dut.clk)
            self.dut.lane_test.value = 0
            # the test ends with the pair that has begun
            await ClockCycles(self.dut.clk, 8 * symbol)

    async def _ask(self, window: str, kind: str, address: int, word: int = 0) -> int:
        """One access to a window; what is read."""
        dut = self.dut
        ask, done, data = (getattr(dut, f"{window}__{name}") for name in (kind, "done", "read_data"))
        await FallingEdge(dut.clk)
        getattr(dut, f"{window}__address").value = address
        if kind == "write":
            getattr(dut, f"{window}__write_data").value = word
        ask.value = 1
        for _ in range(16):
            await RisingEdge(dut.clk)
            answered = int(done.value)
            await FallingEdge(dut.clk)
            ask.value = 0
            if answered:
                return int(data.value)
        raise AssertionError(f"{kind} of {window}[{address}] was not answered within 16 clocks")

    async def load(self, window: str, words: Sequence[int] | np.ndarray) -> None:
        """Words into a window, from its first on, with pauses; some are read back."""
        for address, word in enumerate(words):
            if self.rng.random() < 0.02:
                await ClockCycles(self.dut.clk, self.rng.randrange(1, 20))
            await self._ask(window, "write", address, int(word))
        for _ in range(12):
            address = self.rng.randrange(len(words))
            found = await self._ask(window, "read", address)
            assert found == int(words[address]), f"{window}[{address}] reads {found}, was written {int(words[address])}"

    def golden(self, scene, control: dict, response, *, shot: int = 0, index: int = 0, maps=(None, None)) -> die.Frame:
        """The frame that the die must take. `response`: (w, dark) of each sub-pixel."""
        return die.expose(self.config, scene, control, *response, shot=shot, kernel=index, pedestal=maps[0], mask=maps[1])

    async def expose(self, scene, values: dict, response, *, shot: int, maps=(None, None), kernel: str = "") -> None:
        """One exposure; the slices it must give are put on the scoreboard. Returns when the die says it has ended."""
        dut, config = self.dut, self.config
        control = {**golden_settings.reset_registers(), **values}
        weights, darks = response
        tag, time, epoch, index = (self.rng.getrandbits(bits) for bits in (16, 32, 16, 3))
        fields = {name: control[name] for name, register in registers.CONTROL.items() if register.frame}
        single = control["read"] not in (wire.Read.SLIDING.value, wire.Read.TILES.value)
        fields |= {"weight": [int(w) for w in weights], "dark_sum": int(darks[config.subpixels // 2] if single else sum(darks))}
        frame = self.golden(scene, control, response, shot=shot, index=index, maps=maps)
        packets = slices.encode_frame(frame, registers=control, epoch=epoch, tag=tag, time=time, number=self.counts["produced"])
        self.counts["produced"] += len(packets)
        self.counts.update(frame.counts)
        self.coverage.frame(frame, packets, control, kernel)
        self.board.expect(packets)
        descriptor = {"epoch": epoch, "tag": tag, "shot": shot, "kernel": index, "time": time}
        if self.rng.random() < 0.3:
            await ClockCycles(dut.clk, self.rng.randrange(1, 300))
        await FallingEdge(dut.clk)
        dut.settings.value = self.layout.const(fields).as_value().value
        dut.descriptor.value = wire.Descriptor.as_shape().const(descriptor).as_value().value
        dut.start.value = 1
        self.finished = False
        await FallingEdge(dut.clk)
        dut.start.value = 0
        for _ in range(FRAME_CLOCKS):
            await FallingEdge(dut.clk)
            if self.finished:
                return
        raise AssertionError(f"exposure {shot} did not end within {FRAME_CLOCKS} clocks")

    async def drain(self) -> None:
        """Until the die is idle and everything expected has come; then its counts must be those of the golden model."""
        for _ in range(FRAME_CLOCKS):
            await FallingEdge(self.dut.clk)
            if not self.board.waiting and int(self.dut.idle.value):
                break
        else:
            raise AssertionError(f"{self.board.waiting} slices had not come within {FRAME_CLOCKS} clocks, idle = {self.dut.idle.value}")
        word = int(self.dut.counts.value)
        found = {str(name): word >> place.offset & 0xFFFFFFFF for name, place in counts_layout}
        expected = {name: self.counts[name] for name in found}
        assert found == expected, f"the die counts {found}, expected {expected}"

    async def clear(self) -> None:
        """Counts and slice number to zero."""
        await FallingEdge(self.dut.clk)
        self.dut.clear.value = 1
        await FallingEdge(self.dut.clk)
        self.dut.clear.value = 0
        self.counts.clear()

    def response(self, kernel: kernels.Kernel):
        """What a kernel's codes mean by default."""
        return bias.lookup(np.asarray(kernel.codes).reshape(-1))

    def random_response(self):
        """Any weights; any darks, where there is a table to give them."""
        count = self.config.subpixels
        weights = self.random.integers(-512, 512, count)
        if self.rng.random() < 0.2:
            weights = np.full(count, self.rng.choice([-512, 511]))
        darks = self.random.integers(-2048, 2048, count) if self.config.response_table else np.zeros(count, np.int64)
        return weights, darks


@cocotb.test()
async def every_kernel_read_and_threshold(dut):
    """All kernels of the paper × both strides and the conventional read × all threshold modes, random scenes, a threshold that tells."""
    chip = Chip(dut, "product")
    await chip.reset()
    shot, scene = 0, None
    for name, pairs in settings_to_try(chip.config, chip.rng):
        response = chip.response(kernels.padded(name, chip.config.macro))
        for i, (read, threshold_mode) in enumerate(pairs):
            if scene is None or i == 0 or chip.rng.random() < 0.2:
                scene = random_scene(chip.config, chip.rng, chip.random)
                await chip.load("scene", scene.reshape(-1))
            values = {
                "read": int(read.value),
                "mode": int(chip.rng.choice([wire.Mode.EDGE, wire.Mode.AUTO]).value),
                "threshold_mode": int(threshold_mode.value),
                "gain": chip.rng.choice([0, 0, 0, 1, 5]),
                "test_charge": chip.rng.choice([0, 0, 3_000, -40_000]),
                "noise_signal": chip.rng.choice([0, 0, 40]),
            }
            frame = chip.golden(scene, {**golden_settings.reset_registers(), **values}, response)
            values["threshold"] = telling_threshold(frame.value, chip.rng)
            if chip.rng.random() < 0.1:
                values |= chip.rng.choice([{"mode": int(wire.Mode.RAW.value)}, {"threshold": 0}])
            await chip.expose(scene, values, response, shot=shot, kernel=name)
            shot += 1
    await chip.drain()
    assert chip.board.compared == chip.coverage.seen["slices"]
    chip.coverage.demand_product()
    chip.board.finish()
    dut._log.info("seen: %s", dict(chip.coverage.seen))


@cocotb.test()
async def everything_at_once(dut):
    """Any weights, noise, pattern, dark, wells that clip, taps, pedestal, mask, test scenes, a lane that stalls: frames back to back."""
    chip = Chip(dut, "everything")
    await chip.reset()
    cocotb.start_soon(chip.disturb())
    config = chip.config
    scene = random_scene(config, chip.rng, chip.random)
    await chip.load("scene", scene.reshape(-1))
    pedestal = chip.random.integers(-2048, 2048, config.max_outputs) // chip.random.choice([1, 64], config.max_outputs)
    mask = chip.random.random(config.max_outputs) < 0.05
    mask[chip.rng.randrange(config.max_outputs)] = True
    if config.pedestal_map:
        await chip.load("pedestal", (pedestal & 0xFFF) | (mask.astype(int) << 15))
    names = kernels.available(config.macro)
    for part in range(2):
        for shot in range(16):
            values = random_control(chip.rng, mild=shot % 2 == 1)
            response = chip.random_response()
            if shot % 4 == 1:
                response = chip.response(kernels.padded(chip.rng.choice(names), config.macro))
            if shot in PLAIN:
                values |= PLAIN[shot]
            await chip.expose(scene, values, response, shot=chip.rng.getrandbits(16), maps=(pedestal, mask))
        if part == 0:
            await chip.drain()
            await chip.clear()
    await chip.drain()
    assert chip.board.compared == chip.coverage.seen["slices"]
    chip.coverage.demand((Positions.ALL, Values.PACKED), (Positions.RUNS, Values.RICE))
    if config.pedestal_map:
        chip.coverage.demand((Positions.FLAGGED, Values.PACKED))
    tested = chip.monitor.tested
    assert min(tested[LaneTest.PRBS7], tested[LaneTest.FIXED], tested.total() - 50) > 0, f"the lane hardly stalled: {tested}"
    chip.board.finish()
    dut._log.info("seen: %s; lane tests: %s", dict(chip.coverage.seen), dict(chip.monitor.tested))
