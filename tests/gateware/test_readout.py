# SPDX-License-Identifier: BSD-2-Clause
"""The FPGA's side with a stand-in for the die: every rule for commands, against the golden device."""

import random
import zlib

import pytest
from amaranth.sim import Simulator

from macropix.gateware.config import Config
from macropix.gateware.fpga import readout as readout_module
from macropix.gateware.fpga.commands import CommandDecoder
from macropix.gateware.fpga.readout import Readout
from macropix.gateware.registers import STATUS
from macropix.gateware.wire import COMMAND_BYTES, CRC_BYTES, HEADER_BYTES, OVERHEAD_BYTES, REPLY_BYTES, Error, Kind, Op
from macropix.sim.golden.device import GoldenDevice
from macropix.sim.golden.packets import command

SMALL = Config(rows=8, cols=8)
EPOCH = 0x4711
#: clocks behind which a command that stops in the middle is given up, in the test of it
PATIENCE = 1024
#: status registers that differ by nature: no clocks, no sources, no lane
OWN = ("gateware_hash", "device_time", "state", "code_errors", "disparity_errors", "realigns")


class Board:
    """A readout, a die that is a pair of memories and takes `exposure` clocks a frame, and a host.

    ``faults`` names what to break, for tests of these tests.
    """

    def __init__(self, config: Config = SMALL, *, exposure: int = 200):
        self.dut = Readout(config)
        self.exposure = exposure
        self.got = bytearray()
        self.starts, self.over = [], False

    async def die(self, ctx):
        die = self.dut.die
        left = 0
        ctx.set(die.idle, 1)
        while not self.over:
            ctx.set(die.finished, left == 1)
            left = max(left - 1, 0)
            _, _, start, descriptor, settings = await ctx.tick().sample(die.start, die.descriptor, die.settings)
            if start:
                assert not left
                left = self.exposure
                self.starts.append(
                    {name: int(descriptor[name]) for name in ("epoch", "tag", "shot", "kernel")} | {"gain": int(settings["gain"])}
                )
            assert not (left and (ctx.get(die.scene.write) or ctx.get(die.scene.read)))

    def window(self, name):
        port, memory = getattr(self.dut.die, name), {}

        async def serve(ctx):
            while not self.over:
                _, _, write, read, address, word = await ctx.tick().sample(port.write, port.read, port.address, port.write_data)
                if write or read:
                    if write:
                        memory[address] = word
                    ctx.set(port.read_data, memory.get(address, 0))
                    ctx.set(port.done, 1)
                    await ctx.tick()
                    ctx.set(port.done, 0)

        return serve

    async def listen(self, ctx):
        ctx.set(self.dut.tx.ready, 1)
        while not self.over:
            _, _, valid, byte = await ctx.tick().sample(self.dut.tx.valid, self.dut.tx.payload)
            if valid:
                self.got.append(byte)

    async def send(self, ctx, text):
        for byte in text:
            ctx.set(self.dut.rx.payload, byte)
            ctx.set(self.dut.rx.valid, 1)
            await ctx.tick().until(self.dut.rx.ready)
            ctx.set(self.dut.rx.valid, 0)

    def take(self) -> list[bytes]:
        """Whole packets so far."""
        out = []
        while len(self.got) >= HEADER_BYTES:
            size = OVERHEAD_BYTES + (int.from_bytes(self.got[2:4], "little") & 0xFFF)
            if len(self.got) < size:
                break
            text = bytes(self.got[:size])
            assert zlib.crc32(text[:-4]) == int.from_bytes(text[-4:], "little")
            out.append(text)
            del self.got[:size]
        return out

    async def answers(self, ctx, count):
        """The next `count` packets."""
        found = []
        for _ in range(20_000):
            found += self.take()
            if len(found) >= count:
                break
            await ctx.tick()
        assert len(found) == count
        return found

    def run(self, play, clocks=60_000):
        simulator = Simulator(self.dut)
        simulator.add_clock(1e-6)
        done = []

        async def all_of_it(ctx):
            await play(ctx)
            self.over = True
            done.append(True)

        for bench in (all_of_it, self.die, self.window("scene"), self.window("pedestal"), self.listen):
            simulator.add_testbench(bench)
        simulator.run_until(clocks * 1e-6)
        assert done, f"not finished within {clocks} clocks"


def timeless(packet: bytes) -> bytes:
    """Without times, what depends on them, and `OWN`."""
    text = bytearray(packet[:-4])
    text[14:20] = bytes(6)
    if Kind(text[1] & 3) is Kind.STATUS:
        for name in OWN:
            at = HEADER_BYTES + 2 * STATUS[name].address
            text[at : at + 2 * STATUS[name].words] = bytes(2 * STATUS[name].words)
    return bytes(text)


def error(packet: bytes) -> Error:
    assert packet[1] & 3 == Kind.REPLY.value
    return Error(packet[HEADER_BYTES + 3])


def register(packet: bytes, name: str) -> int:
    assert packet[1] & 3 == Kind.STATUS.value
    at = HEADER_BYTES + 2 * STATUS[name].address
    return int.from_bytes(packet[at : at + 2 * STATUS[name].words], "little")


def random_commands(seed: int, count: int) -> list[bytes]:
    """Everything but START: right and wrong in every way the protocol names, and repeated."""
    rng = random.Random(seed)
    out = [command(Op.READ, 1, 0, 0x1B, 1), command(Op.WRITE, 2, 0, 0x100, [1]), command(Op.CLAIM, 3, 0), command(Op.CLAIM, 4, EPOCH)]
    sequence = 4
    places = [
        0,
        30,
        59,
        60,
        0xFF,
        0x100,
        0x10D,
        0x11D,
        0x11E,
        0x1000,
        0x10FE,
        0x2000,
        0x23FF,
        0x27FE,
        0x4000,
        0x4022,
        0x8000,
        0x803E,
        0xFFFF,
    ]
    while len(out) < count:
        if rng.random() < 0.15:
            out.append(out[-1])
            continue
        sequence += rng.random() < 0.9
        epoch = EPOCH if rng.random() < 0.85 else rng.choice([0, 1])
        op = rng.choice([Op.WRITE] * 4 + [Op.READ] * 4 + [Op.STATUS, Op.STOP, Op.CLAIM, 0, 7, 0x81])
        words: int | list[int] = rng.choice([0, 1]) if rng.random() < 0.1 else 0
        if op is Op.READ:
            words = rng.choice([0, 1, 2, 3, 300])
        if op is Op.WRITE:
            words = [rng.randrange(65536) for _ in range(rng.choice([0, 1, 2, 3]))]
        text = command(op, sequence, EPOCH if op is Op.CLAIM else epoch, rng.choice(places), words)
        if rng.random() < 0.1:
            text = text[:-1] + bytes([text[-1] ^ 0x10])
        out.append(text)
    return out


@pytest.mark.parametrize("seed", range(2))
def test_commands_against_the_golden_device(seed):
    board, golden = Board(), GoldenDevice(SMALL)
    seen = set()

    async def play(ctx):
        for text in random_commands(seed, 70):
            golden.feed(text)
            stream = golden.take()
            wanted = []
            while stream:
                size = OVERHEAD_BYTES + (int.from_bytes(stream[2:4], "little") & 0xFFF)
                wanted.append(timeless(stream[:size]))
                stream = stream[size:]
            await board.send(ctx, text)
            found = await board.answers(ctx, len(wanted))
            # READs of what only one of the two can know were left out of `random_commands`, but for commands about `state`
            assert [timeless(one) for one in found] == wanted, text.hex()
            seen.add(error(found[0]))
        await ctx.tick().repeat(400)
        assert not board.got

    board.run(play, clocks=100_000)
    assert seen == set(Error) - {Error.BUSY, Error.SCENE}


def test_start_stop_and_busy():
    board = Board()
    say = iter(range(1, 100))

    async def play(ctx):
        async def ask(op, *arguments, count=1):
            await board.send(ctx, command(op, next(say), EPOCH, *arguments))
            return await board.answers(ctx, count)

        await ask(Op.CLAIM, count=2)
        await ask(Op.WRITE, 0x100, [0, 0, 2, 0o21])
        assert error((await ask(Op.START))[0]) is Error.OK
        again = command(Op.START, next(say), EPOCH)
        for _ in range(2):
            await board.send(ctx, again)
            assert error((await board.answers(ctx, 1))[0]) is Error.BUSY
        # a write sees the exposure to its end, and acts on the next frame
        before = len(board.starts)
        assert error((await ask(Op.WRITE, 0x10B, [5]))[0]) is Error.OK
        while len(board.starts) < before + 3:
            await ctx.tick()
        (status,) = (await ask(Op.STATUS, count=2))[1:]
        assert register(status, "state") & 0b1111 == 0b1111
        assert register(status, "triggers_missed") == 1
        assert register(status, "commands_refused") == 2
        reply, status = await ask(Op.STOP, count=2)
        assert error(reply) is Error.OK
        assert register(status, "state") & 0b1111 == 0b0001
        assert register(status, "frames_done") == len(board.starts)
        assert register(status, "tag") == board.starts[-1]["tag"]
        # a claim in the middle of a run ends it and begins anew
        await ask(Op.START)
        reply, status = await ask(Op.CLAIM, count=2)
        assert int.from_bytes(reply[4:6], "little") == 0
        assert register(status, "frames_done") == register(status, "commands_done") == register(status, "triggers_missed") == 0
        frames = len(board.starts)
        await ctx.tick().repeat(1000)
        assert len(board.starts) == frames
        await ask(Op.WRITE, 0x100, [1, 0, 1])
        reply, status = await ask(Op.START, count=2)
        assert register(status, "frames_done") == register(status, "shots_done") == 1
        assert register(status, "state") & 0b1111 == 0b0001

    board.run(play)
    kernels = [start["kernel"] for start in board.starts]
    assert kernels[:6] == [1, 2, 1, 2, 1, 2]
    gains = [start["gain"] for start in board.starts]
    assert gains[0] == 0
    assert gains[-1] == 5
    assert gains == sorted(gains)
    assert board.starts[-1]["shot"] == 0
    assert {start["epoch"] for start in board.starts} == {EPOCH}
    assert len({start["tag"] for start in board.starts if start["gain"] == 0}) == 1


def test_an_abandoned_command_is_counted_not_answered(monkeypatch):
    """With a short patience; that it is 2^16 clocks is seen in tests/loop."""
    monkeypatch.setattr(readout_module, "CommandDecoder", lambda: CommandDecoder(timeout=PATIENCE))
    board = Board()

    async def play(ctx):
        await board.send(ctx, command(Op.CLAIM, 1, EPOCH))
        await board.answers(ctx, 2)
        await board.send(ctx, command(Op.WRITE, 2, EPOCH, 0x100, [1, 2])[: COMMAND_BYTES + 3])
        await ctx.tick().repeat(PATIENCE - 10)
        await board.send(ctx, b"\0")
        await ctx.tick().repeat(PATIENCE + 10)
        assert not board.got
        await board.send(ctx, command(Op.STATUS, 3, EPOCH))
        reply, status = await board.answers(ctx, 2)
        assert register(status, "commands_corrupt") == 1
        assert int.from_bytes(reply[HEADER_BYTES + 8 : HEADER_BYTES + 10], "little") == 1

    board.run(play, clocks=20_000)


def test_sizes_match_the_wire():
    assert len(command(Op.STOP, 1, 1)) == COMMAND_BYTES + CRC_BYTES
    assert REPLY_BYTES == 10
