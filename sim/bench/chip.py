# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""The chip alone: scenes in through its window, exposures by pulse, slices off its lane, against the golden model.

scene, settings, descriptor ──► Die ═ lane ═► `LaneMonitor` ──► `Scoreboard` ◄── golden
"""

import os
import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge, with_timeout

from macropix.gateware import registers, wire
from macropix.gateware.config import Config
from macropix.host import kernels
from macropix.sim.bench.lane import LaneMonitor
from macropix.sim.bench.runner import CONFIG_VARIABLE, SEED_VARIABLE
from macropix.sim.bench.scoreboard import Scoreboard
from macropix.sim.golden import bias, die
from macropix.sim.golden import settings as golden_settings
from macropix.sim.golden.encode import slices

CLOCK_NS = 10
#: clocks in which a frame must have come
FRAME_CLOCKS = 60_000


class Chip:
    """Driver of a `Die`."""

    def __init__(self, dut):
        self.dut = dut
        self.config = Config.from_json(os.environ[CONFIG_VARIABLE])
        seed = int(os.environ[SEED_VARIABLE])
        self.rng = random.Random(seed)
        self.random = np.random.default_rng(seed)
        self.layout = registers.settings_layout(self.config)
        self.monitor = LaneMonitor()
        self.board = Scoreboard("chip")
        self.number = 0
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
        cocotb.start_soon(self._lane())
        cocotb.start_soon(self._finish())

    async def _lane(self) -> None:
        while True:
            await RisingEdge(self.dut.clk)
            self.monitor.take(int(self.dut.lane.value), self.config.lane_bits)
            while self.monitor.packets:
                self.board.take(self.monitor.packets.pop(0))

    async def _finish(self) -> None:
        while True:
            await RisingEdge(self.dut.clk)
            if int(self.dut.finished.value):
                self.finished = True

    async def write(self, window: str, words) -> None:
        """Words into a window, from its first on."""
        dut = self.dut
        handles = [getattr(dut, f"{window}__{name}") for name in ("address", "write", "write_data", "done")]
        for address, word in enumerate(words):
            await FallingEdge(dut.clk)
            handles[0].value, handles[1].value, handles[2].value = address, 1, int(word)
            for _ in range(16):
                await RisingEdge(dut.clk)
                done = int(handles[3].value)
                await FallingEdge(dut.clk)
                handles[1].value = 0
                if done:
                    break
            else:
                raise AssertionError(f"write to {window}[{address}] was not answered within 16 clocks")

    async def expose(self, scene, values: dict, kernel: kernels.Kernel, *, shot: int, maps=(None, None)) -> die.Frame:
        """One exposure; the slices it must give are put on the scoreboard. Returns when the die says it has ended."""
        dut, config = self.dut, self.config
        control = {**golden_settings.reset_registers(), **values}
        weights, darks = bias.lookup(np.asarray(kernel.codes).reshape(-1))
        tag = golden_settings.tag(control, weights, darks)
        time, epoch, index = self.rng.getrandbits(32), self.rng.getrandbits(16), self.rng.randrange(8)
        fields = {name: control[name] for name, register in registers.CONTROL.items() if register.frame}
        fields |= {"weight": [int(w) for w in weights], "dark_sum": int(sum(darks))}
        frame = die.expose(config, scene, control, weights, darks, shot=shot, kernel=index, pedestal=maps[0], mask=maps[1])
        packets = slices.encode_frame(frame, registers=control, epoch=epoch, tag=tag, time=time, number=self.number)
        self.number += len(packets)
        self.board.expect(packets)
        descriptor = {"epoch": epoch, "tag": tag, "shot": shot, "kernel": index, "time": time}
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
                return frame
        raise AssertionError(f"no exposure ended within {FRAME_CLOCKS} clocks")

    async def drain(self) -> None:
        """Until the die is idle and everything expected has come."""
        for _ in range(FRAME_CLOCKS):
            await FallingEdge(self.dut.clk)
            if not self.board.waiting and int(self.dut.idle.value):
                return
        raise AssertionError(f"{self.board.waiting} slices had not come within {FRAME_CLOCKS} clocks, idle = {self.dut.idle.value}")

    def scene(self) -> np.ndarray:
        """Random photocurrents: noise on a few steps."""
        config = self.config
        scene = self.random.integers(0, 65505, (config.rows, config.cols))
        if self.rng.random() < 0.7:  # smooth with an edge: few pixels pass
            scene = self.random.integers(20_000, 22_000, (config.rows, config.cols))
            scene[config.rows // 3 :, config.cols // 2 :] += 30_000
        return scene.astype(np.uint16)


@cocotb.test()
async def every_kernel_read_and_threshold(dut):
    """All kernels of the paper × both strides and the conventional read × all threshold modes, random modes, thresholds and scenes."""
    chip = Chip(dut)
    await with_timeout(chip.reset(), 1, "ms")
    shot = 0
    for name in kernels.names(macro=chip.config.macro):
        kernel = kernels.get(name, macro=chip.config.macro)
        for read in wire.Read:
            scene = chip.scene()
            await chip.write("scene", scene.reshape(-1))
            for threshold_mode in wire.ThresholdMode:
                values = {
                    "read": int(read.value),
                    "mode": chip.rng.choice([0, 1, 1, 2, 2]),
                    "threshold": chip.rng.choice([0, 1, 3, 12, 100, 700]),
                    "threshold_mode": int(threshold_mode.value),
                    "gain": chip.rng.choice([0, 0, 0, 1, 5]),
                }
                await chip.expose(scene, values, kernel, shot=shot)
                shot += 1
    await chip.drain()
    assert chip.board.compared >= 3 * 3 * 14
    chip.board.finish()


@cocotb.test()
async def everything_at_once(dut):
    """Noise, pattern, dark and clipping wells, taps, pedestal and mask, test scenes: random settings, exposures back to back."""
    chip = Chip(dut)
    await with_timeout(chip.reset(), 1, "ms")
    config = chip.config
    scene = chip.scene()
    await chip.write("scene", scene.reshape(-1))
    pedestal = chip.random.integers(-2048, 2048, config.max_outputs) // chip.random.choice([1, 64], config.max_outputs)
    mask = chip.random.random(config.max_outputs) < 0.05
    if config.pedestal_map:
        await chip.write("pedestal", (pedestal & 0xFFF) | (mask.astype(int) << 15))
    names = kernels.names(macro=config.macro)
    for shot in range(24):
        values = {
            name: chip.rng.randint(register.minimum, register.maximum) for name, register in registers.CONTROL.items() if register.frame
        }
        if shot % 2:  # mild settings: something between the rails
            values |= {"time": 256, "gain": 0, "well_low": -(1 << 17), "well_high": (1 << 17) - 1, "test_charge": 37, "threshold": 20}
            values |= {"base": 900, "noise_reset": 30, "noise_signal": 20, "pattern_amplitude": 40, "tap": shot // 2 % 6}
        kernel = kernels.get(chip.rng.choice(names), macro=config.macro)
        await chip.expose(scene, values, kernel, shot=chip.rng.getrandbits(16), maps=(pedestal, mask))
    await chip.drain()
    chip.board.finish()
