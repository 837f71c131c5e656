# SPDX-License-Identifier: BSD-2-Clause
"""cocotb tests of the serial pairs: unrelated clocks, each of ten bit offsets, skew, a slip in mid-stream, flipped bits, crossed wires."""

import os

import cocotb
from cocotb.triggers import ClockCycles

from macropix.gateware.config import Config
from macropix.gateware.fpga.deskew import SKEW_SYMBOLS
from macropix.gateware.registers import State
from macropix.gateware.wire import Mode, Op, Read
from macropix.sim.bench.draw import random_scene
from macropix.sim.bench.lanewire import LaneWire
from macropix.sim.bench.readout import Host
from macropix.sim.bench.runner import CONFIG_VARIABLE

#: of the device that is simulated
LANES = Config.from_json(os.environ[CONFIG_VARIABLE]).lanes
#: frames of a run with faults
FRAMES = 16
#: idle pairs, more than the receiver needs to find its place again: clocks of a lane of one bit a clock
SETTLED = 400
#: most bits that a slip moves one lane of several: three symbols, so that it never spans the end of a slice and the next one's start
LONGEST_SLIP = 30


async def ready(dut, name: str, delay: int = 0) -> tuple[Host, LaneWire, int]:
    """A claimed device with a scene and a kernel, raw frames of one slice; its wire; and the clocks in which one is made."""
    host = Host(dut, name)
    lane = host.lane
    assert lane is not None
    lane.delays = [delay] * lane.lanes
    await host.start()
    await ClockCycles(dut.clk, SETTLED)
    await host.claim()
    await host.load_kernel(0, "sobel_x")
    await host.load_scene(random_scene(host.config, host.rng, host.random))
    await host.set(mode=int(Mode.RAW.value), read=int(Read.SLIDING.value))
    sizes = [len(packet) for packet in host.golden(0, 0, 0)[1]]
    assert len(sizes) == 1, f"the faults are counted in slices, and a frame has {len(sizes)}"
    return host, lane, max(host.config.pixels + 60, (sizes[0] // lane.lanes + 9) * 10 // host.config.lane_bits)


def another(host: Host, lane: LaneWire, n: int) -> int:
    """Another delay for lane `n`, within the skew that the lanes may have."""
    if lane.lanes == 1:
        return host.rng.choice([delay for delay in range(10) if delay != lane.delays[n]])
    delays = range(max(0, lane.delays[n] - LONGEST_SLIP), min(10 * SKEW_SYMBOLS, lane.delays[n] + LONGEST_SLIP) + 1)
    return host.rng.choice([delay for delay in delays if delay != lane.delays[n]])


@cocotb.test()
async def each_of_ten_offsets(dut):
    """A frame comes through whatever bit the symbols begin at, and whatever lane is late; the offsets change between two frames."""
    host, lane, _ = await ready(dut, "offsets")
    for delay in range(10):
        lane.delays = [delay, *(host.rng.randrange(10 * SKEW_SYMBOLS + 1) for _ in range(lane.lanes - 1))]
        await ClockCycles(dut.clk, SETTLED)
        assert await host.value("state") & State.LOCKED, f"not locked with delays of {lane.delays} bits"
        await host.command(Op.START)
        await host.compare_frame()
    ledger = await host.at_rest()
    assert ledger["produced"] == ledger["arrived"] == ledger["sent"] == 10
    assert ledger["realigns"] >= 9
    host.finish()


@cocotb.test()
async def slip_in_mid_stream(dut):
    """A wire gains or loses bits while slices are on it: what is on it then is lost and counted, all else is right."""
    host, lane, clocks = await ready(dut, "slips", delay=5)
    await host.set(shots=FRAMES)
    await host.command(Op.START)
    slips = 5
    for _ in range(slips):
        # more than a frame behind the last; one between two slices costs none, or the later
        await ClockCycles(dut.clk, 2 * clocks + host.rng.randrange(clocks))
        n = host.rng.randrange(lane.lanes)
        lane.delays[n] = another(host, lane, n)
    await losses(host, slips)


@cocotb.test(skip=LANES == 1)
async def crossed_wires(dut):
    """Two lanes on each other's wires: the device says so and nothing arrives; put right, all does."""
    host, lane, clocks = await ready(dut, "crossed", delay=3)
    await host.command(Op.START)
    await host.compare_frame()
    await host.at_rest()
    one, other = host.rng.sample(range(lane.lanes), 2)
    lane.wires[one], lane.wires[other] = other, one
    await ClockCycles(dut.clk, SETTLED)
    assert await host.value("state") & (State.LOCKED | State.SWAPPED) == State.SWAPPED
    await host.set(shots=3)
    await host.command(Op.START)
    await ClockCycles(dut.clk, 4 * clocks)
    ledger = await host.at_rest()
    assert {name: ledger[name] for name in ("produced", "arrived", "sent", "dropped_corrupt")} == {
        "produced": 4, "arrived": 1, "sent": 1, "dropped_corrupt": 0,
    }  # fmt: skip
    lane.wires.sort()
    await ClockCycles(dut.clk, SETTLED)
    assert await host.value("state") & (State.LOCKED | State.SWAPPED) == State.LOCKED
    host.number, host.shot = 4, 4
    await host.set(shots=2)
    await host.command(Op.START)
    for _ in range(2):
        await host.compare_frame()
    await host.at_rest()
    host.finish()


@cocotb.test()
async def flipped_bits(dut):
    """Inverted bits on the wire: each costs at most the slice it falls into, and no wrong pixel comes."""
    host, lane, clocks = await ready(dut, "flips")
    await host.set(shots=FRAMES)
    await host.command(Op.START)
    flips = 4
    for _ in range(flips):
        await ClockCycles(dut.clk, host.rng.randrange(clocks, 3 * clocks))
        lane.flips += 1
    await losses(host, flips)
    assert lane.flipped == flips, f"{lane.flipped} of {flips} bits were inverted"
    assert host.ledger is not None
    errors = {name: host.ledger[name] for name in ("code_errors", "disparity_errors")}
    dut._log.info("seen: %s", errors)
    # a single inverted bit makes a symbol of another disparity, or none
    assert sum(errors.values()) >= flips, f"{flips} inverted bits, and the receiver counts {errors}"
    assert errors["disparity_errors"] > 0, f"{flips} inverted bits, and the receiver counts {errors}"


async def losses(host: Host, faults: int) -> None:
    """Everything that came is right; at most one slice is missing for each fault, and at least one; the ledger balances."""
    ledger = await host.at_rest()
    assert ledger["produced"] == FRAMES
    assert ledger["dropped_overflow"] == 0
    assert FRAMES - faults <= ledger["arrived"] < FRAMES, f"{ledger['arrived']} of {FRAMES} slices came, with {faults} faults"
    assert ledger["sent"] == ledger["arrived"]
    assert ledger["dropped_corrupt"] <= FRAMES - ledger["arrived"]
    assert host.compare_survivors() == ledger["sent"]
    host.number, host.shot = FRAMES, FRAMES
    await host.command(Op.START)
    for _ in range(FRAMES):
        await host.compare_frame()
    host.finish()
