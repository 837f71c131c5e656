# SPDX-License-Identifier: BSD-2-Clause
"""cocotb tests of the serial pair: unrelated clocks, each of the ten bit offsets, a slip in mid-stream, flipped bits."""

import cocotb
from cocotb.triggers import ClockCycles

from macropix.gateware.wire import Op
from macropix.sim.bench.fpga import random_scene
from macropix.sim.bench.packets import field
from macropix.sim.bench.readout import Host


async def ready(dut, delay: int = 0) -> Host:
    """A claimed device with a scene and a kernel, raw 10 × 10 frames (or what tiles the array has)."""
    host = Host(dut)
    assert host.lane is not None
    host.lane.delay = delay
    await host.start()
    await ClockCycles(dut.clk, 200)
    await host.claim()
    await host.load_kernel(0, "sobel_x")
    await host.load_scene(random_scene(host))
    await host.set(mode=0, read=1)
    return host


@cocotb.test()
async def each_of_ten_offsets(dut):
    """A frame comes through whatever bit the symbols begin at; the offset changes between two frames."""
    host = await ready(dut)
    assert host.lane is not None
    for delay in range(10):
        host.lane.delay = delay
        await ClockCycles(dut.clk, 400)
        await host.command(Op.START)
        await host.compare_frame()
    ledger = await host.at_rest()
    assert ledger["produced"] == ledger["sent"] == 10
    assert ledger["realigns"] >= 9
    host.finish()


@cocotb.test()
async def slip_in_mid_stream(dut):
    """The wire gains or loses bits while a slice is on it: that slice is lost and counted, all others are right."""
    host = await ready(dut, delay=5)
    assert host.lane is not None
    frames = 16
    await host.set(shots=frames)
    await host.command(Op.START)
    slips = 0
    for _ in range(3):
        await ClockCycles(dut.clk, 5 * (host.config.pixels + 100) * (10 // host.config.lane_bits) // 4)
        host.lane.delay = host.rng.choice([d for d in range(10) if d != host.lane.delay])
        slips += 1
    await losses(host, frames, slips)


@cocotb.test()
async def flipped_bits(dut):
    """Inverted bits on the wire: each costs at most the slice it falls into, and no wrong pixel comes."""
    host = await ready(dut)
    assert host.lane is not None
    frames = 16
    await host.set(shots=frames)
    await host.command(Op.START)
    for _ in range(4):
        host.lane.flips += 1
        await ClockCycles(dut.clk, 3 * (host.config.pixels + 100) * (10 // host.config.lane_bits))
    assert host.lane.flipped == 4
    await losses(host, frames, 4)
    words = await host.at_rest()
    assert words["code_errors"] + words["disparity_errors"] > 0


async def losses(host: Host, frames: int, faults: int) -> None:
    """Everything that came is right; at most one slice is missing for each fault; the ledger balances."""
    ledger = await host.at_rest()
    assert ledger["produced"] == frames
    assert ledger["dropped_overflow"] == 0
    assert frames - faults <= ledger["arrived"] < frames or faults == 0
    assert ledger["sent"] == ledger["arrived"] == len(host.data)
    assert ledger["dropped_corrupt"] <= frames - ledger["arrived"]
    while host.data:
        host.number = host.shot = field(host.data[0], "number")
        await host.compare_frame()
    host.finish()
