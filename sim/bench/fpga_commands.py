# SPDX-License-Identifier: BSD-2-Clause
"""cocotb tests of the whole top: commands at any time, good, bad, corrupt and repeated."""

import contextlib

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles

from macropix.gateware import registers, wire
from macropix.gateware.registers import CONTROL, SCENE, WEIGHT
from macropix.gateware.wire import DOWN_SYNC, Error, Op
from macropix.host import kernels
from macropix.sim.bench.draw import few, new_scene, random_scene
from macropix.sim.bench.packets import field
from macropix.sim.bench.readout import Host
from macropix.sim.golden import packets as golden_packets

#: clocks of rest in the middle of a command behind which it is given up
GIVE_UP = 1 << 16


class Follower:
    """Compares frames of a free run while commands change what the device holds.

    Each frame must be of what the device held before or behind a command, never of something between. A frame that began behind the reply
    to a command must have all of it.
    """

    def __init__(self, host: Host):
        self.host = host
        self.ledger: dict[str, int] = {}
        self.held = [(0, host.remember())]  # from this device time on at the latest

    async def frames(self, count: int) -> None:
        """Compare the next `count` frames, and whatever else has come."""
        host = self.host
        while count > 0 or host.data:
            await host.until(lambda: host.data, f"the first slice of frame {host.compared}")
            began = field(host.data[0], "where")
            while len(self.held) > 1 and self.held[1][0] < began:
                del self.held[0]
            which = await host.compare_frame(memories=[memory for _, memory in self.held])
            del self.held[:which]
            count -= 1

    def changed(self) -> None:
        """A command has been executed, and its reply is the last one that came."""
        self.held.append((field(self.host.replies[-1], "where"), self.host.remember()))


async def _good(host: Host) -> None:
    """A command that changes or reads something; a frame sees all of it or nothing."""
    rng, config = host.rng, host.config
    which = rng.randrange(7)
    if which == 0:
        await host.set(threshold=rng.choice([0, 1, 4, 9, 40, 77, 300]))
    elif which == 1:
        low = -rng.randrange(1 << 17)
        await host.set(mode=rng.choice([1, 2]), threshold_mode=rng.randrange(3), well_low=low, well_high=-low - 1)
    elif which == 2:
        await host.load_kernel(0, rng.choice(kernels.available(config.macro)))
    elif which == 3:
        scene = random_scene(config, rng, host.random).reshape(-1)
        start = rng.randrange(0, config.pixels, wire.MAX_WORDS)
        await host.write(SCENE.base + start, scene[start : start + wire.MAX_WORDS])
    elif which == 4:
        start = rng.randrange(config.pixels)
        await host.read_back(SCENE.base + start, rng.randint(1, min(config.pixels - start, wire.MAX_WORDS)))
    elif which == 5:
        start = rng.randrange(registers.CONTROL_WORDS)
        await host.read_back(registers.CONTROL_BASE + start, rng.randint(1, registers.CONTROL_WORDS - start))
    else:
        before = len(host.status)
        await host.command(Op.STATUS)
        await host.until(lambda: len(host.status) > before, "the status packet that was asked for")


async def _bad(follower: Follower) -> int:
    """A command that must not act, or now and then a good one; how many starts it makes the device miss."""
    host = follower.host
    rng, threshold = host.rng, CONTROL["threshold"].address
    which = rng.randrange(7)
    if which == 0:  # a word or the CRC-32 is damaged: answered so, nothing changes
        text = bytearray(host.next_command(Op.WRITE, threshold, [rng.randrange(1 << 11) for _ in range(rng.randint(1, 4))]))
        text[rng.randrange(12, len(text))] ^= 1 << rng.randrange(8)
        await host.raw(bytes(text), Error.CORRUPT)
    elif which == 1:  # the header is damaged: not answered
        text = bytearray(host.next_command(Op.WRITE, threshold, [rng.choice([DOWN_SYNC, 99])]))
        text[rng.randrange(0, 12)] ^= 1 << rng.randrange(8)
        host.source.send(bytes(text))
    elif which == 2:  # bytes that are no command, though some may begin one
        host.source.send(rng.choice([DOWN_SYNC, DOWN_SYNC, 0, rng.randrange(256)]) for _ in range(rng.randrange(1, 40)))
    elif which == 3:  # a repeat changes nothing, whatever its words
        text = host.next_command(Op.WRITE, threshold, [rng.choice([0, 5, 60])])
        await host.raw(text)
        host.memory.write(threshold, np.frombuffer(text[12:14], "<u2"))
        follower.changed()
        again = golden_packets.command(Op.WRITE, host.sequence, host.epoch, threshold, [rng.choice([1, 500])])
        await host.raw(again, repeat=True)
    elif which == 4:
        await host.command(Op.START, expect=Error.BUSY)
        return 1
    elif which == 5:
        text = golden_packets.command(Op.WRITE, rng.getrandbits(16), host.epoch ^ rng.randrange(1, 1 << 16), threshold, [99])
        await host.raw(text, Error.EPOCH)
    else:
        await _good(host)
        follower.changed()
    return 0


@contextlib.asynccontextmanager
async def _free_run(host: Host, kernel: str, **settings: int):
    """Frames without end around the block; behind it they are stopped, and each one that was made is compared. Gives the `Follower`."""
    await host.start()
    await host.claim()
    await host.load_kernel(0, kernel)
    await new_scene(host)
    await host.set(**settings)
    await host.set(shots=0)
    follower = Follower(host)
    await host.command(Op.START)
    yield follower
    await host.command(Op.STOP)
    await host.read_back(registers.CONTROL_BASE, registers.CONTROL_WORDS)
    follower.ledger = await host.at_rest()
    while host.number < follower.ledger["produced"]:
        await follower.frames(1)
    assert follower.ledger["sent"] == follower.ledger["produced"] == host.number
    host.finish()


@cocotb.test()
async def commands_during_readout(dut):
    """Settings, kernels and scenes change while frames run freely: each frame has all of a command or none. Reads find what was written."""
    host = Host(dut, "during", stall_in=0.2, stall_out=0.1)
    async with _free_run(host, "laplacian", mode=1, threshold=4, read=1) as follower:
        for _ in range(40 if few(host.config) else 12):
            await _good(host)
            follower.changed()
            await follower.frames(host.rng.randrange(3))
        await follower.frames(2)


@cocotb.test()
async def bad_commands_during_readout(dut):
    """Between good commands, while frames run freely: corrupt ones, repeats, damaged headers, foreign epochs, and bytes that are none."""
    host = Host(dut, "bad", stall_in=0.1, stall_out=0.3)
    missed = 0
    async with _free_run(host, "sobel_x", mode=2, threshold=7, read=2) as follower:
        for _ in range(50 if few(host.config) else 16):
            missed += await _bad(follower)
            await follower.frames(host.rng.randrange(2))
    assert follower.ledger["triggers_missed"] == missed


@cocotb.test()
async def corrupt_and_repeated_commands(dut):
    """A corrupt command changes nothing, a repeat is executed once, each error has its answer, half a command is given up."""
    host = Host(dut, "errors", stall_in=0.3, stall_out=0.1)
    config = host.config
    await host.start()
    address = CONTROL["threshold"].address
    await host.command(Op.WRITE, address, [5], expect=Error.EPOCH)
    await host.claim()
    await host.set(threshold=5)
    for position in (12, 13, 14, 17):  # a word, or the CRC-32
        text = bytearray(golden_packets.command(Op.WRITE, 7000 + position, host.epoch, address, [99]))
        text[position] ^= 1 << host.rng.randrange(8)
        await host.raw(bytes(text), Error.CORRUPT)
    await host.read_back(address, 1)
    damaged = bytearray(golden_packets.command(Op.WRITE, 1, host.epoch, address, [99]))
    damaged[5] ^= 0x10  # the header: not answered
    host.source.send(bytes(damaged))
    await host.read_back(address, 1)
    await host.command(Op.WRITE, registers.STATUS_BASE, [1], expect=Error.READ_ONLY)
    await host.command(Op.WRITE, 0x0FFF, [1], expect=Error.ADDRESS)
    await host.command(Op.READ, registers.CONTROL_BASE + registers.CONTROL_WORDS - 1, 2, expect=Error.ADDRESS)
    for window in registers.WINDOWS.values():
        if window is not WEIGHT or not config.response_table:  # behind WEIGHT lies DARK
            await host.command(Op.WRITE, window.base + window.depth(config), [1], expect=Error.ADDRESS)
    await host.command(Op.READ, 0, 0, expect=Error.LENGTH)
    good = host.epoch
    host.epoch = good ^ 1
    await host.command(Op.WRITE, address, [99], expect=Error.EPOCH)
    host.epoch = good
    if few(config):  # else the clocks cost too much
        host.source.send(golden_packets.command(Op.WRITE, 2, host.epoch, address, [99, 98])[:15])
        await ClockCycles(dut.clk, GIVE_UP + 2_000)
        host.counted["commands_corrupt"] += 1
        await host.read_back(address, 1)
    await host.load_kernel(0, "identity")
    await new_scene(host)
    await host.set(read=2)
    start = golden_packets.command(Op.START, 0x7777, host.epoch)
    for time in range(3):
        await host.raw(start, repeat=time > 0)
    await host.compare_frame()
    ledger = await host.at_rest()
    assert ledger["shots_done"] == ledger["frames_done"] == 1
    assert ledger["triggers_missed"] == 0
    await host.read_back(address, 1)
    host.finish()
