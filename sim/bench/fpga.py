# SPDX-License-Identifier: BSD-2-Clause
"""cocotb tests of the whole top: every kernel, read, mode and threshold; sequences and free run; overflow; commands at any time."""

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles

from macropix.gateware import registers, wire
from macropix.gateware.config import Config, Form
from macropix.gateware.registers import BIAS, BIAS_STRIDE, CONTROL, DARK, PEDESTAL, SCENE, WEIGHT
from macropix.gateware.wire import DOWN_SYNC, Error, LaneTest, Mode, Op, Positions, Read, Tap, Values
from macropix.host import kernels
from macropix.sim.bench.draw import random_control, random_scene, settings_to_try, telling_threshold
from macropix.sim.bench.packets import field
from macropix.sim.bench.readout import Host
from macropix.sim.golden import packets as golden_packets

#: clocks of rest in the middle of a command behind which it is given up
GIVE_UP = 1 << 16
#: pixels of an array that counts as small: its scene fits one command, and a bench can afford many frames
FEW_PIXELS = wire.MAX_WORDS


def few(config: Config) -> bool:
    """Whether frames are small."""
    return config.pixels <= FEW_PIXELS


async def new_scene(host: Host) -> None:
    """A random scene into the device."""
    await host.load_scene(random_scene(host.config, host.rng, host.random))


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
    names = host.rng.sample(kernels.names(macro=host.config.macro), host.config.kernels)
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


class Follower:
    """Compares frames of a free run while commands change what the device holds.

    Each frame must be of what the device held before or behind a command, never of something between. A frame that began behind the reply
    to a command must have all of it.
    """

    def __init__(self, host: Host):
        self.host = host
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
        await host.load_kernel(0, rng.choice(kernels.names(macro=config.macro)))
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


@cocotb.test()
async def commands_during_readout(dut):
    """Settings, kernels and scenes change while frames run freely: each frame has all of a command or none. Reads find what was written."""
    host = Host(dut, "during", stall_in=0.2, stall_out=0.1)
    await host.start()
    await host.claim()
    await host.load_kernel(0, "laplacian")
    await new_scene(host)
    await host.set(mode=1, threshold=4, read=1)
    await host.set(shots=0)
    follower = Follower(host)
    await host.command(Op.START)
    for _ in range(40 if few(host.config) else 12):
        await _good(host)
        follower.changed()
        await follower.frames(host.rng.randrange(3))
    await follower.frames(2)
    await host.command(Op.STOP)
    ledger = await host.at_rest()
    while host.number < ledger["produced"]:
        await follower.frames(1)
    assert ledger["sent"] == ledger["produced"] == host.number
    host.finish()


@cocotb.test()
async def bad_commands_during_readout(dut):
    """Between good commands, while frames run freely: corrupt ones, repeats, damaged headers, foreign epochs, and bytes that are none."""
    host = Host(dut, "bad", stall_in=0.1, stall_out=0.3)
    rng = host.rng
    await host.start()
    await host.claim()
    await host.load_kernel(0, "sobel_x")
    await new_scene(host)
    await host.set(mode=2, threshold=7, read=2)
    await host.set(shots=0)
    follower = Follower(host)
    await host.command(Op.START)
    threshold = CONTROL["threshold"].address
    missed = 0
    for _ in range(50 if few(host.config) else 16):
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
            missed += 1
        elif which == 5:
            text = golden_packets.command(Op.WRITE, rng.getrandbits(16), host.epoch ^ rng.randrange(1, 1 << 16), threshold, [99])
            await host.raw(text, Error.EPOCH)
        else:
            await _good(host)
            follower.changed()
        await follower.frames(rng.randrange(2))
    await host.command(Op.STOP)
    await host.read_back(registers.CONTROL_BASE, registers.CONTROL_WORDS)
    ledger = await host.at_rest()
    while host.number < ledger["produced"]:
        await follower.frames(1)
    assert ledger["triggers_missed"] == missed
    assert ledger["sent"] == ledger["produced"] == host.number
    host.finish()


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
