# SPDX-License-Identifier: BSD-2-Clause
"""cocotb tests of the whole top: every kernel, read, mode and threshold; sequences and free run; overflow."""

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles

from macropix.gateware import registers, wire
from macropix.gateware.config import Config, Form
from macropix.gateware.registers import BIAS, BIAS_STRIDE, CONTROL, DARK, PEDESTAL, WEIGHT
from macropix.gateware.wire import Error, LaneTest, Mode, Op, Positions, Read, Tap, Values
from macropix.host import kernels
from macropix.sim.bench.draw import few, new_scene, random_control, settings_to_try, telling_threshold
from macropix.sim.bench.readout import Host


def frame_clocks(config: Config, sizes: list[int]) -> int:
    """Clocks in which a frame of slices of these sizes has certainly been exposed and sent over the lane."""
    exposure = config.pixels * (config.subpixels if config.form is Form.SHARED else 1)
    lane = (sum(sizes) + 32 * len(sizes)) * 10 // config.lane_bits
    return (max(exposure, lane) + 200) * 21 // 20


@cocotb.test()
async def every_kernel_read_and_threshold(dut):
    """All kernels × all reads × all threshold modes, random scenes and a threshold that tells, both streams stalling."""
    host = Host(dut, "product", stall_in=0.1, stall_out=0.2)
    await host.start()
    await host.claim()
    await new_scene(host)
    tried = 0
    for name, pairs in settings_to_try(host.config, host.rng):
        await host.load_kernel(0, name)
        for read, threshold_mode in pairs:
            if host.rng.random() < (0.35 if few(host.config) else 0.07):
                await new_scene(host)
            values = {
                "read": int(read.value),
                "mode": int(host.rng.choice([Mode.EDGE, Mode.AUTO]).value),
                "threshold_mode": int(threshold_mode.value),
                "threshold": 0,
                "time": 256,
                "gain": host.rng.choice([0, 0, 0, 1, 5]),
                "test_charge": host.rng.choice([0, 0, 3_000, -40_000]),
                "noise_signal": host.rng.choice([0, 0, 40]),
            }
            trial = host.remember()
            for one, value in values.items():
                trial.write(CONTROL[one].address, np.array([value >> 16 * i & 0xFFFF for i in range(CONTROL[one].words)], np.uint16))
            values["threshold"] = telling_threshold(host.frame(0, host.shot, trial).value, host.rng)
            if host.rng.random() < 0.1:
                values |= host.rng.choice([{"mode": int(Mode.RAW.value)}, {"threshold": 0}])
            await host.set(**values)
            await host.command(Op.START)
            await host.compare_frame(name=name)
            tried += 1
    ledger = await host.at_rest()
    assert ledger["produced"] == ledger["arrived"] == ledger["sent"] == host.number
    assert ledger["frames_done"] == ledger["shots_done"] == host.compared == tried
    host.coverage.demand_product()
    host.finish()


@cocotb.test()
async def everything_at_once(dut):
    """Any register values, bias codes, response tables, pedestals and masks; sequences of any length; lane tests between the runs."""
    host = Host(dut, "everything", stall_in=0.05, stall_out=0.1)
    config, rng = host.config, host.rng
    await host.start()
    await host.claim()
    before = host.remember()
    await new_scene(host)
    await host.write(BIAS.base, host.random.integers(-512, 512, BIAS_STRIDE * config.kernels))
    if config.response_table:
        await host.write(WEIGHT.base, host.random.integers(-512, 512, 1024))
        await host.write(DARK.base, host.random.integers(-2048, 2048, 1024) // host.random.choice([1, 16, 256], 1024))
    if config.pedestal_map:
        pedestal = host.random.integers(-2048, 2048, config.max_outputs) // host.random.choice([1, 64], config.max_outputs)
        mask = host.random.random(config.max_outputs) < 0.05
        mask[rng.randrange(config.max_outputs)] = True
        await host.write(PEDESTAL.base, (pedestal & 0xFFF) | (mask.astype(int) << 15))
    for run in range(8 if few(config) else 4):
        length = rng.randint(1, 8 if few(config) else 4)
        values = random_control(rng, mild=run % 2 == 1)
        if run == 1:
            values |= {"tap": int(Tap.OUT.value), "mode": int(Mode.RAW.value), "mask_enable": 1, "read": int(Read.SINGLE.value)}
        values |= {"shots": rng.choice([1, 1, 2]), "sequence_length": length, "sequence": rng.getrandbits(24)}
        await host.set(**values)
        await host.set(lane_test=int(rng.choice(list(LaneTest)).value))
        await ClockCycles(dut.clk, rng.randrange(600))
        await host.command(Op.START)
        for _ in range(values["shots"]):
            for step in range(length):
                await host.compare_frame(values["sequence"] >> 3 * step & 7, last=step == length - 1)
        ledger = await host.at_rest()
        assert ledger["produced"] == ledger["arrived"] == ledger["sent"] == host.number
    host.coverage.demand((Positions.ALL, Values.PACKED))
    if config.pedestal_map:
        host.coverage.demand((Positions.FLAGGED, Values.PACKED))
    await host.read_back(registers.CONTROL_BASE, registers.CONTROL_WORDS)
    for window in registers.WINDOWS.values():
        if depth := window.depth(config):
            await host.read_back(window.base, min(depth, wire.MAX_WORDS))
    # what lasts longer than a reset is put back for the tests to come
    if config.response_table:
        await host.write(WEIGHT.base, before.read(WEIGHT.base, 1024))
        await host.write(DARK.base, before.read(DARK.base, 1024))
    await host.at_rest()
    host.finish()


@cocotb.test()
async def sequences_and_free_run(dut):
    """A sequence of kernels in each of several shots, then free run until stopped; a second start is refused and counted."""
    host = Host(dut, "sequences", stall_out=0.5)
    await host.start()
    await host.claim()
    names = host.rng.sample(kernels.available(host.config.macro), host.config.kernels)
    for index, name in enumerate(names):
        await host.load_kernel(index, name)
    await new_scene(host)
    order = [host.rng.randrange(host.config.kernels) for _ in range(5)]
    await host.set(mode=2, threshold=6, read=2)
    await host.set(shots=3, sequence_length=len(order), sequence=sum(kernel << (3 * i) for i, kernel in enumerate(order)))
    await host.command(Op.START)
    for _ in range(3):
        for i, kernel in enumerate(order):
            await host.compare_frame(kernel, last=i == len(order) - 1)
    await host.set(shots=0)
    await host.command(Op.START)
    await host.command(Op.START, expect=Error.BUSY)
    for _ in range(2):
        for i, kernel in enumerate(order):
            await host.compare_frame(kernel, last=i == len(order) - 1)
    await host.command(Op.STOP)
    ledger = await host.at_rest()
    step = host.compared % len(order)
    while host.number < ledger["produced"]:
        await host.compare_frame(order[step], last=step == len(order) - 1)
        step = (step + 1) % len(order)
    assert ledger["triggers_missed"] == 1
    assert ledger["frames_done"] == host.compared
    assert ledger["sent"] == ledger["produced"] == host.number
    host.finish()


def kept(sizes: list[int], room: int) -> int:
    """How many slices of these sizes, one behind the other, a FIFO of `room` bytes keeps that nobody reads."""
    count = held = 0
    for size in sizes:
        if held + size <= room:
            count, held = count + 1, held + size
    return count


@cocotb.test()
async def overflow_on_purpose(dut):
    """Nobody takes a byte while many frames are made, then a host that is too slow: whole slices go, are counted, and what comes is right.

    The slices are the largest there are: where the taps are built in, one of 1,024 pixels fills the smallest FIFO all but 104 bytes.
    """
    host = Host(dut, "overflow")
    config = host.config
    await host.start()
    await host.claim()
    await host.load_kernel(0, "identity")
    await new_scene(host)
    values = {"mode": int(Mode.RAW.value), "read": int(Read.SINGLE.value), "tap": int((Tap.SUM if config.taps else Tap.OUT).value)}
    await host.set(**values)
    sizes = [len(packet) for packet in host.golden(0, 0, 0)[1]]
    clocks = frame_clocks(config, sizes)
    frames = kept(sizes * 1000, config.fifo_bytes) // len(sizes) + (6 if few(config) else 3)
    await host.set(shots=frames)
    start = host.next_command(Op.START)
    host.sink.stalls.share = 1.0
    host.post(start)
    await ClockCycles(dut.clk, frames * clocks)
    host.sink.stalls.share = 0.0
    await host.answer(start)
    ledger = await host.at_rest()
    produced = frames * len(sizes)
    assert ledger["produced"] == ledger["arrived"] == produced
    assert ledger["dropped_overflow"] == produced - ledger["sent"] > 0
    assert ledger["dropped_corrupt"] == 0
    # a few bytes have left the FIFO's memory for registers on the way
    assert kept(sizes * frames, config.fifo_bytes) <= ledger["sent"] <= kept(sizes * frames, config.fifo_bytes + 8), (sizes, ledger)
    assert host.compare_survivors() == ledger["sent"]
    host.number, host.shot = produced, frames

    more = frames + 12 if few(config) else 2 * frames + 2
    rate = sum(sizes) / clocks  # bytes a clock that come; the host takes a third of them
    await host.set(shots=more)
    await host.command(Op.START)
    host.sink.stalls.share = 1 - rate / 3
    await ClockCycles(dut.clk, more * clocks)
    host.sink.stalls.share = 0.1
    ledger = await host.at_rest()
    came = host.compare_survivors()
    produced += more * len(sizes)
    assert ledger["produced"] == ledger["arrived"] == produced
    assert ledger["dropped_overflow"] == produced - ledger["sent"]
    assert kept(sizes * more, config.fifo_bytes) < came < more * len(sizes), f"{came} of {more * len(sizes)} slices came over a slow link"
    host.number, host.shot = produced, frames + more

    await host.set(shots=2)
    await host.command(Op.START)
    for _ in range(2):
        await host.compare_frame()
    ledger = await host.at_rest()
    assert ledger["sent"] + ledger["dropped_overflow"] == host.number
    host.finish()
