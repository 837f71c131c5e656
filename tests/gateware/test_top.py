# SPDX-License-Identifier: BSD-2-Clause
"""The whole device in Amaranth's simulator against the golden device: the same commands in, the same packets out.

commands ─┬─► Top ──────────► packets ─┐
          └─► GoldenDevice ─► packets ─┴─► equal, but for the times in them
"""

import random
import zlib

from amaranth.sim import Simulator

from macropix.gateware.config import Config, Form, Link
from macropix.gateware.registers import CONTROL, STATUS, STATUS_WORDS, State
from macropix.gateware.top import Top
from macropix.gateware.wire import HEADER_BYTES, OVERHEAD_BYTES, REPLY_BYTES, Kind, Mode, Op
from macropix.sim.golden.device import GoldenDevice
from macropix.sim.golden.packets import command

SMALL = Config(rows=8, cols=8)
EPOCH = 0x4711
LAPLACIAN = (-32, -32, -32, -32, 256, -32, -32, -32, -32)
#: status registers that the golden device can't know
OWN = ("gateware_hash", "device_time", "code_errors", "disparity_errors", "realigns")


class Script:
    """Commands with running numbers."""

    def __init__(self):
        self.sequence = 0

    def __call__(self, op, address=0, words=()):
        self.sequence += 1
        return command(op, self.sequence, EPOCH, address, words if isinstance(words, int) else [word & 0xFFFF for word in words])

    def write(self, name, value):
        return self(Op.WRITE, CONTROL[name].address, [value >> 16 * i & 0xFFFF for i in range(CONTROL[name].words)])


def packets(stream: bytes) -> list[bytes]:
    """The stream cut at its lengths; it must consist of packets alone, each right."""
    out = []
    while stream:
        assert stream[0] == 0xA5
        size = OVERHEAD_BYTES + (int.from_bytes(stream[2:4], "little") & 0xFFF)
        assert len(stream) >= size
        assert zlib.crc32(stream[: size - 4]) == int.from_bytes(stream[size - 4 : size], "little")
        out.append(stream[:size])
        stream = stream[size:]
    return out


def kind(packet: bytes) -> Kind:
    return Kind(packet[1] & 3)


def register(packet: bytes, name: str) -> int:
    at = HEADER_BYTES + 2 * STATUS[name].address
    return int.from_bytes(packet[at : at + 2 * STATUS[name].words], "little")


def timeless(packet: bytes) -> bytes:
    """Without what depends on the clock: times, both CRCs, and the status registers in `OWN`."""
    text = bytearray(packet[:-4])
    if kind(packet) is not Kind.DATA or text[1] & 4:
        text[14:18] = bytes(4)
    text[18:20] = bytes(2)
    if kind(packet) is Kind.STATUS:
        for name in OWN:
            at = HEADER_BYTES + 2 * STATUS[name].address
            text[at : at + 2 * STATUS[name].words] = bytes(2 * STATUS[name].words)
    return bytes(text)


def play(config: Config, commands: list[bytes], *, seed: int = 0, clocks: int = 100_000) -> tuple[list[bytes], list[bytes]]:
    """Packets of gateware and golden device. Each command is sent when the golden device's packets for the ones before have come."""
    golden, wanted = GoldenDevice(config), []
    for text in commands:
        golden.feed(text)
        answer = b""
        while more := golden.take():
            answer += more
        wanted.append(packets(answer))
    top = Top(config)
    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    rng = random.Random(seed)
    got = bytearray()

    async def listen(ctx):
        while True:
            ready = rng.random() < 0.9 if seed else 1
            ctx.set(top.tx.ready, ready)
            _, _, valid, byte = await ctx.tick().sample(top.tx.valid, top.tx.payload)
            if valid and ready:
                got.append(byte)

    async def talk(ctx):
        size = 0
        for text, answer in zip(commands, wanted, strict=True):
            for byte in text:
                while seed and rng.random() < 0.1:
                    await ctx.tick()
                ctx.set(top.rx.payload, byte)
                ctx.set(top.rx.valid, 1)
                await ctx.tick().until(top.rx.ready)
                ctx.set(top.rx.valid, 0)
            size += sum(map(len, answer))
            while len(got) < size:
                await ctx.tick()
        await ctx.tick().repeat(1_000)

    simulator.add_testbench(listen, background=True)
    done = []

    async def all_of_it(ctx):
        await talk(ctx)
        done.append(True)

    simulator.add_testbench(all_of_it)
    for clock in range(1_000, clocks + 1, 1_000):
        simulator.run_until(clock * 1e-6)
        if done:
            break
    assert done, f"not finished within {clocks} clocks: {len(got)} bytes of {sum(len(packet) for answer in wanted for packet in answer)}"
    return packets(bytes(got)), [packet for answer in wanted for packet in answer]


def scenario(seed: int) -> list[bytes]:
    """Claim, load a scene and a kernel, a raw frame, an edge frame."""
    rng = random.Random(seed)
    say = Script()
    scene = [rng.randrange(65536) if rng.random() < 0.5 else 20000 for _ in range(SMALL.pixels)]
    return [
        say(Op.CLAIM),
        say(Op.WRITE, 0x8000, scene),
        say(Op.WRITE, 0x1000 + 3 * 32, LAPLACIAN),
        say.write("sequence", 3),
        say(Op.START),
        say(Op.WRITE, CONTROL["mode"].address, [Mode.EDGE.value, 300]),
        say(Op.START),
    ]


def test_frames_are_the_golden_ones():
    got, wanted = play(SMALL, scenario(5), seed=1, clocks=20_000)
    assert [kind(packet) for packet in got] == [kind(packet) for packet in wanted]
    assert [timeless(packet) for packet in got] == [timeless(packet) for packet in wanted]
    raw, edge = (packet for packet in got if kind(packet) is Kind.DATA)
    assert len(raw) == OVERHEAD_BYTES + 16 * 12 // 8
    assert OVERHEAD_BYTES + 2 < len(edge) < len(raw)
    last = got[-1]
    assert kind(last) is Kind.STATUS
    assert register(last, "state") == (State.CLAIMED | State.LOCKED)
    assert register(last, "produced") == register(last, "arrived") == register(last, "sent") == 2
    assert register(last, "code_errors") == register(last, "disparity_errors") == 0


def test_a_uart_carries_the_claim():
    """One command and its answers over the pins, at 8 clocks a bit."""
    config = Config(rows=8, cols=8, link=Link.UART, clock_hz=8_000_000, uart_baud=1_000_000, form=Form.SHARED)
    top = Top(config)
    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    got = bytearray()

    async def listen(ctx):
        while True:
            await ctx.negedge(top.uart_tx)
            await ctx.tick().repeat(4)
            bits = 0
            for i in range(8):
                await ctx.tick().repeat(8)
                bits |= ctx.get(top.uart_tx) << i
            await ctx.tick().repeat(8)
            assert ctx.get(top.uart_tx) == 1
            got.append(bits)

    async def talk(ctx):
        for byte in command(Op.CLAIM, 1, EPOCH):
            for bit in (0, *(byte >> i & 1 for i in range(8)), 1):
                ctx.set(top.uart_rx, bit)
                await ctx.tick().repeat(8)

    simulator.add_testbench(listen, background=True)
    simulator.add_testbench(talk)
    size = 2 * OVERHEAD_BYTES + REPLY_BYTES + 2 * STATUS_WORDS
    simulator.run_until((size + 16) * 80e-6 + 2e-3)
    reply, status = packets(bytes(got))
    assert (kind(reply), kind(status)) == (Kind.REPLY, Kind.STATUS)
    assert register(status, "epoch") == EPOCH
    assert register(status, "config_hash") == config.hash
