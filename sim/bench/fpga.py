# SPDX-License-Identifier: BSD-2-Clause
"""cocotb tests of the whole top: every kernel, read, mode and threshold; sequences and free run; overflow; commands at any time."""

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles

from macropix.gateware import registers, wire
from macropix.gateware.wire import Error, Op
from macropix.host import kernels
from macropix.sim.bench.packets import field
from macropix.sim.bench.readout import Host
from macropix.sim.golden import packets as golden_packets


def random_scene(host: Host) -> np.ndarray:
    """Steps with noise, or noise alone."""
    shape = host.config.rows, host.config.cols
    if host.rng.random() < 0.3:
        return host.random.integers(0, 65505, shape).astype(np.uint16)
    scene = host.random.integers(20_000, 22_000, shape)
    scene[shape[0] // 3 :, shape[1] // 2 :] += 30_000
    return scene.astype(np.uint16)


@cocotb.test()
async def every_kernel_read_and_threshold(dut):
    """All kernels × all reads × all threshold modes over random scenes, random modes and thresholds, both streams stalling."""
    host = Host(dut, stall_in=0.1, stall_out=0.2)
    await host.start()
    await host.claim()
    for name in kernels.names(macro=host.config.macro):
        await host.load_kernel(0, name)
        for read in wire.Read:
            await host.load_scene(random_scene(host))
            await host.set(read=int(read.value))
            for threshold_mode in wire.ThresholdMode:
                await host.set(mode=host.rng.choice([0, 1, 2]), threshold=host.rng.choice([0, 1, 3, 12, 100, 700]))
                await host.set(threshold_mode=int(threshold_mode.value))
                await host.command(Op.START)
                await host.compare_frame()
    ledger = await host.at_rest()
    assert ledger["produced"] == ledger["arrived"] == ledger["sent"] == host.number
    assert ledger["frames_done"] == host.compared == 3 * 3 * len(kernels.names(macro=host.config.macro))
    host.finish()


@cocotb.test()
async def sequences_and_free_run(dut):
    """A sequence of kernels in each of several shots, then free run until stopped; a second start is refused and counted."""
    host = Host(dut, stall_out=0.5)
    await host.start()
    await host.claim()
    names = host.rng.sample(kernels.names(macro=host.config.macro), host.config.kernels)
    for index, name in enumerate(names):
        await host.load_kernel(index, name)
    await host.load_scene(random_scene(host))
    order = [host.rng.randrange(host.config.kernels) for _ in range(5)]
    await host.set(mode=2, threshold=6, shots=3, sequence_length=len(order))
    await host.set(sequence=sum(kernel << (3 * i) for i, kernel in enumerate(order)))
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


@cocotb.test()
async def overflow_on_purpose(dut):
    """Nobody takes a byte while many frames are made: whole slices go, the ledger says how many, and what comes is right."""
    host = Host(dut)
    await host.start()
    await host.claim()
    await host.load_kernel(0, "identity")
    await host.load_scene(random_scene(host))
    frames = 6 + 3 * host.config.fifo_bytes // (3 * host.config.max_outputs // 2)
    await host.set(mode=0, read=0, shots=frames)
    await host.command(Op.START)
    host.sink.stall = 1.0
    await ClockCycles(dut.clk, frames * (host.config.pixels + 200) * (10 // host.config.lane_bits))
    host.sink.stall = 0.0
    ledger = await host.at_rest()
    assert ledger["produced"] == ledger["arrived"] == frames
    assert ledger["dropped_overflow"] > 0
    assert ledger["dropped_corrupt"] == 0
    assert ledger["sent"] == frames - ledger["dropped_overflow"] == len(host.data)
    while host.data:
        host.number = host.shot = field(host.data[0], "number")
        await host.compare_frame()
    host.finish()


@cocotb.test()
async def commands_during_readout(dut):
    """Settings change while frames run freely: each frame has all of a command or none, and says by its tag which."""
    host = Host(dut, stall_in=0.2, stall_out=0.1)
    await host.start()
    await host.claim()
    await host.load_kernel(0, "laplacian")
    await host.load_scene(random_scene(host))
    await host.set(mode=1, threshold=4, shots=0)
    await host.command(Op.START)
    for threshold in (9, 300, 1, 40, 0, 77):
        before = dict(host.control)
        await host.set(threshold=threshold)
        after, changed = dict(host.control), False
        await host.until(lambda: len(host.data) >= 3, "three frames")
        for _ in range(len(host.data)):
            if not changed:
                host.control = before
                time = field(host.data[0], "where")
                changed = host.data[0] != host.golden(0, host.shot, time)[0]
            host.control = after if changed else before
            await host.compare_frame()
        host.control = after
    await host.command(Op.STOP)
    ledger = await host.at_rest()
    while host.number < ledger["produced"]:
        await host.compare_frame()
    host.finish()


@cocotb.test()
async def corrupt_and_repeated_commands(dut):
    """A corrupt command changes nothing and is answered so; a repeat is executed once; each error has its answer."""
    host = Host(dut, stall_in=0.3)
    await host.start()
    address = registers.CONTROL["threshold"].address
    await host.command(Op.WRITE, address, [5], expect=Error.EPOCH)
    await host.claim()
    await host.set(threshold=5)
    for position in (12, 13, 14, 17):  # a word, or the CRC-32
        text = bytearray(golden_packets.command(Op.WRITE, 7000 + position, host.epoch, address, [99]))
        text[position] ^= 1 << host.rng.randrange(8)
        reply = await host.raw(bytes(text))
        assert (int.from_bytes(reply[20:22], "little"), reply[23]) == (7000 + position, int(Error.CORRUPT.value))
    assert await host.value("threshold") == 5
    assert await host.value("commands_corrupt") == 4
    damaged = bytearray(golden_packets.command(Op.WRITE, 1, host.epoch, address, [99]))
    damaged[5] ^= 0x10  # the header: not answered
    host.source.send(bytes(damaged))
    assert await host.value("threshold") == 5
    await host.command(Op.WRITE, 0x0000, [1], expect=Error.READ_ONLY)
    await host.command(Op.WRITE, 0x0FFF, [1], expect=Error.ADDRESS)
    await host.command(Op.READ, registers.CONTROL_BASE + registers.CONTROL_WORDS - 1, 2, expect=Error.ADDRESS)
    await host.command(Op.READ, 0, 0, expect=Error.LENGTH)
    good = host.epoch
    host.epoch = good ^ 1
    await host.command(Op.WRITE, address, [99], expect=Error.EPOCH)
    host.epoch = good
    await host.load_kernel(0, "identity")
    await host.load_scene(random_scene(host))
    await host.set(read=2)
    start = golden_packets.command(Op.START, 0x7777, host.epoch)
    for _ in range(3):
        reply = await host.raw(start)
        assert reply[23] == int(Error.OK.value)
    await host.compare_frame()
    ledger = await host.at_rest()
    assert ledger["shots_done"] == ledger["frames_done"] == 1
    assert ledger["triggers_missed"] == 0
    assert await host.value("threshold") == 5
    host.finish()
