# SPDX-License-Identifier: BSD-2-Clause
"""The whole chain against the golden die: every read, source, tap and form; stalls; frames one behind the other."""

import itertools
import random

import numpy as np
import pytest

from macropix.gateware.config import Config, Form, SceneForm
from macropix.gateware.registers import CONTROL, by_name
from macropix.gateware.roic.chain import Chain, saturation_layout
from macropix.gateware.wire import Read, Scene, Tap, ThresholdMode
from macropix.sim.golden.die import expose, reset_registers
from macropix.sim.golden.scene_queue import SceneQueue

SMALL = {"rows": 10, "cols": 11}
TINY = {"rows": 8, "cols": 9}
FRAME = [name for name, register in CONTROL.items() if register.frame]


class Bench:
    """Loads memories, takes frames, collects pixels; compares with the golden frame."""

    def __init__(self, config: Config, seed: int):
        self.config, self.rng = config, random.Random(seed)
        numbers = np.random.default_rng(seed)
        self.scene = numbers.integers(0, 65536, (config.rows, config.cols)).astype(np.uint16)
        self.pedestal = numbers.integers(-2048, 2048, config.max_outputs)
        self.mask = numbers.integers(0, 4, config.max_outputs) == 0
        self.chain = Chain(config)
        self.counts = dict.fromkeys(saturation_layout.members, 0)
        self.pixels = 0

    def registers(self, **changes) -> dict[str, int]:
        values = {name: int(value) for name, value in reset_registers().items() if name in FRAME}
        values.update({name: int(getattr(value, "value", value)) for name, value in changes.items()})
        return values

    def weights(self) -> tuple[list[int], list[int]]:
        count = self.config.subpixels
        weights = [self.rng.choice((-512, 511, 0, self.rng.randint(-512, 511))) for _ in range(count)]
        return weights, [self.rng.randint(-2048, 2047) for _ in range(count)]

    def random_registers(self) -> dict[str, int]:
        """Anything, meaningless values and crossed wells included."""
        rng, values = self.rng, {}
        for name in FRAME:
            register = by_name(name)
            low = -(1 << (register.width - 1)) if register.signed else 0
            values[name] = rng.randint(low, low + (1 << register.width) - 1)
        if rng.random() < 0.7:
            values.update(well_low=rng.randint(-131072, -20000), well_high=rng.randint(20000, 131071), test_charge=rng.randint(-99, 99))
            values.update(time=rng.randint(1, 300), gain=rng.randint(0, 2), threshold=rng.randint(0, 300))
        return values

    async def load(self, ctx):
        if self.config.scene is SceneForm.MEMORY:
            await self._write(ctx, self.chain.scene, self.scene.reshape(-1).tolist())
        if self.config.pedestal_map:
            words = [(int(value) & 0xFFF) | int(masked) << 15 for value, masked in zip(self.pedestal, self.mask, strict=True)]
            await self._write(ctx, self.chain.pedestal, words)

    async def _write(self, ctx, window, words):
        for address, word in enumerate(words):
            ctx.set(window.address, address)
            ctx.set(window.write_data, word)
            ctx.set(window.write, 1)
            await ctx.tick()
            ctx.set(window.write, 0)
            while not ctx.get(window.done):
                await ctx.tick()

    def words(self, registers) -> list[int]:
        """What must be streamed for a frame, the first word last; nothing where there is a memory, or a test scene."""
        if self.config.scene is SceneForm.MEMORY or 1 <= registers["scene_source"] <= 5:
            return []
        b, read = self.config.border, registers["read"] if registers["read"] < 3 else 0
        inside = self.scene[b : self.config.rows - b, b : self.config.cols - b]
        return inside.reshape(-1)[: SceneQueue(self.config).needed(Read(read))].tolist()[::-1]

    def feed(self, ctx, words: list[int], asked: bool) -> bool:
        """Writes a word now and then, one at a time. Whether one is not done yet."""
        window = self.chain.scene
        ctx.set(window.write, 0)
        asked = asked and not ctx.get(window.done)
        if words and not asked and self.rng.random() < 0.6:
            ctx.set(window.write_data, words.pop())
            ctx.set(window.write, 1)
            return True
        return asked

    async def frame(self, ctx, registers, weights, darks, *, shot=0, kernel=0, room=lambda: 1):
        """Takes one frame, compares it, and returns the clocks from start to finished and the golden frame."""
        chain, settings = self.chain, self.chain.settings
        for name, value in registers.items():
            ctx.set(settings[name], value)
        single = registers["read"] not in (Read.SLIDING.value, Read.TILES.value)
        for j, weight in enumerate(weights):
            ctx.set(settings.weight[j], weight)
        ctx.set(settings.dark_sum, darks[len(darks) // 2] if single else sum(darks))
        ctx.set(chain.descriptor.shot, shot)
        ctx.set(chain.descriptor.kernel, kernel)
        ctx.set(chain.start, 1)
        ctx.set(chain.pixels.room, room())
        got, clocks, reserved = [], 0, 0
        words, asked = self.words(registers), False
        while True:
            asked = self.feed(ctx, words, asked)
            reserved += ctx.get(chain.pixels.reserve)
            assert not ctx.get(chain.pixels.reserve) or ctx.get(chain.pixels.room)
            finished = ctx.get(chain.finished)
            if ctx.get(chain.pixels.valid):
                pixel = ctx.get(chain.pixels.payload)
                got.append([pixel.value, pixel.sent, pixel.masked, pixel.saturated, pixel.slice_last, pixel.frame_last])
                assert reserved >= -(-len(got) // 1024), "pixel of a slice that was not reserved"
            await ctx.tick()
            ctx.set(chain.start, 0)
            clocks += 1
            if finished:
                break
            ctx.set(chain.pixels.room, room())
        assert not words
        golden = expose(
            self.config, self.scene, registers, weights, darks, shot=shot, kernel=kernel, pedestal=self.pedestal, mask=self.mask
        )
        self.compare(ctx, registers, golden, got)
        assert reserved == -(-len(got) // 1024)
        return clocks, golden

    def compare(self, ctx, registers, golden, got):
        count = golden.value.size
        raw = self.config.taps and 1 <= registers["tap"] <= 5
        last = np.arange(1, count + 1) == count
        expected = np.stack(
            [
                golden.value.reshape(-1),
                np.ones(count) if raw else golden.sent.reshape(-1),
                golden.masked.reshape(-1),
                golden.saturated.reshape(-1),
                last | (np.arange(1, count + 1) % 1024 == 0),
                last,
            ],
            axis=1,
        ).astype(np.int64)
        np.testing.assert_array_equal(np.array(got), expected)
        self.pixels += count
        for name, value in golden.counts.items():
            self.counts[name] += value
            assert ctx.get(self.chain.counts[name]) == self.counts[name], name


@pytest.fixture
def run(simulate):
    def go(bench, actions, clocks):
        async def testbench(ctx):
            await bench.load(ctx)
            await actions(ctx)

        simulate(bench.chain, testbench, clocks=clocks)
        assert bench.pixels > 0

    return go


CONFIGS = [
    Config(**SMALL),
    Config(**SMALL, macro=5),
    Config(**TINY, form=Form.SHARED),
    Config(**TINY, form=Form.SHARED, macro=5),
    Config(**TINY, form=Form.SHARED, noise=False, taps=False, pedestal_map=False),
    Config(rows=9, cols=8, border=0, noise=False, pedestal_map=False),
    Config(rows=11, cols=11, border=4, taps=False),
    Config(**SMALL, scene=SceneForm.STREAMED),
    Config(**TINY, scene=SceneForm.STREAMED, form=Form.SHARED, macro=5),
]
NAMES = ["parallel3", "parallel5", "shared3", "shared5", "shared-bare", "no-border", "three-by-three", "streamed3", "streamed-shared5"]


@pytest.mark.parametrize("config", CONFIGS, ids=NAMES)
def test_random_settings(run, config):
    """Frames one right behind the other, each with everything drawn anew."""
    bench = Bench(config, seed=1)
    seen = dict.fromkeys(saturation_layout.members, 0)

    async def actions(ctx):
        for index in range(12):
            registers = bench.random_registers()
            if index < 3:
                registers["read"] = index
            _, golden = await bench.frame(
                ctx, registers, *bench.weights(), shot=bench.rng.randint(0, 65535), kernel=bench.rng.randint(0, 7)
            )
            for name, value in golden.counts.items():
                seen[name] += value

    run(bench, actions, 60_000)
    assert seen["saturated_di"] > 0
    assert seen["saturated_adc"] > 0
    assert seen["saturated_pedestal"] > 0 or not config.pedestal_map


@pytest.mark.parametrize("config", CONFIGS[:4], ids=NAMES[:4])
def test_reads_and_taps(run, config):
    """Every tap, in each read twice, of frames in which nothing is clipped and values are not 0."""
    bench = Bench(config, seed=2)

    async def actions(ctx):
        weights, darks = [bench.rng.randint(-20, 20) or 7 for _ in range(config.subpixels)], [bench.rng.randint(-9, 9)] * config.subpixels
        for tap in Tap:
            read = Read(tap.value % 3)
            registers = bench.registers(read=read, tap=tap, noise_signal=3, noise_reset=9, pattern_amplitude=20, seed=tap.value)
            _, golden = await bench.frame(ctx, registers, weights, darks, shot=tap.value, kernel=1)
            assert np.count_nonzero(golden.value) > golden.value.size // 2
            assert not golden.saturated.any()

    run(bench, actions, 15_000)


@pytest.mark.parametrize("config", [CONFIGS[0], CONFIGS[2], CONFIGS[5]], ids=["parallel3", "shared3", "no-border"])
def test_scenes(run, config):
    """Each source seen pixel by pixel: SINGLE, unit weight, tap SUM."""
    bench = Bench(config, seed=3)

    async def actions(ctx):
        weights = [0] * config.subpixels
        weights[len(weights) // 2] = 1
        lit = 0
        for shot, source in enumerate([*Scene, Scene.WALKING, Scene.PRBS, Scene.WALKING]):
            shot = (shot * 0x2105 + 12) & 0xFFFF  # walks into the image twice, and past 2^7
            registers = bench.registers(
                read=Read.SINGLE, tap=Tap.SUM, scene_source=source, scene_level=0xBEEF ^ shot, seed=shot * 77, noise_signal=255
            )
            _, golden = await bench.frame(ctx, registers, weights, [0] * len(weights), shot=shot)
            lit += source is Scene.WALKING and bool(golden.value.any())
        assert lit

    run(bench, actions, 20_000)


def test_threshold_modes(run):
    bench = Bench(CONFIGS[0], seed=4)

    async def actions(ctx):
        for mode, threshold in itertools.product(ThresholdMode, (0, 1, 200)):
            registers = bench.registers(threshold=threshold, threshold_mode=mode, mask_enable=1, pedestal_enable=1)
            _, golden = await bench.frame(ctx, registers, [-32, -32, -32, -32, 256, -32, -32, -32, -32], [0] * 9)
            assert golden.masked.any()
            if threshold:
                assert golden.sent.any()
                assert not golden.sent.all()

    run(bench, actions, 5_000)


def test_slices_and_room(run):
    """A frame of two slices, with room now and then: same pixels, later."""
    config = Config(rows=35, cols=42, pedestal_map=False, noise=False)
    bench = Bench(config, seed=5)

    async def actions(ctx):
        weights, darks = bench.weights()
        registers = bench.registers(read=Read.SINGLE, scene_source=Scene.RAMP, time=20)
        free, _ = await bench.frame(ctx, registers, weights, darks)
        stalled, _ = await bench.frame(ctx, registers, weights, darks, room=lambda: bench.rng.random() < 0.02)
        assert stalled > free
        assert free == 18 + config.max_outputs + 1 + bench.chain.latency

    run(bench, actions, 10_000)
    assert bench.pixels == 2 * config.max_outputs


def test_default_die(run):
    """32 × 32, every read."""
    bench = Bench(Config(), seed=6)

    async def actions(ctx):
        for read in Read:
            registers = bench.registers(read=read, noise_signal=10, noise_reset=200, pattern_amplitude=99, cds=0, pedestal_enable=1)
            await bench.frame(ctx, registers, *bench.weights(), shot=read.value)

    run(bench, actions, 20_000)


def test_clear(simulate):
    bench = Bench(CONFIGS[0], seed=7)

    async def testbench(ctx):
        await bench.load(ctx)
        registers = bench.registers(well_high=5, well_low=-5)
        await bench.frame(ctx, registers, *bench.weights())
        assert bench.counts["saturated_di"] > 0
        ctx.set(bench.chain.clear, 1)
        await ctx.tick()
        ctx.set(bench.chain.clear, 0)
        bench.counts = dict.fromkeys(bench.counts, 0)
        await bench.frame(ctx, registers, *bench.weights())

    simulate(bench.chain, testbench, clocks=3_000)


def test_latency(run):
    """The first pixel of a SINGLE read comes 18 + latency clocks behind start."""
    for config in CONFIGS[:4]:
        bench = Bench(config, seed=8)

        async def actions(ctx, bench=bench):
            chain = bench.chain
            ctx.set(chain.settings.read, 0)
            ctx.set(chain.pixels.room, 1)
            ctx.set(chain.start, 1)
            clocks = 0
            while not ctx.get(chain.pixels.valid):
                await ctx.tick()
                ctx.set(chain.start, 0)
                clocks += 1
            bench.pixels = 1
            assert clocks == 18 + chain.latency

        run(bench, actions, 3_000)
