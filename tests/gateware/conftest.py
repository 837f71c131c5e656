# SPDX-License-Identifier: BSD-2-Clause
"""What the gateware's tests share: a simulation with a deadline, and a source of values with the ends of the range among them."""

import gc
import random
import warnings

import pytest
from amaranth.hdl import UnusedElaboratable
from amaranth.sim import Simulator


@pytest.fixture
def simulate():
    """``simulate(component, bench, …, clocks=n)``: runs the benches to their end, and fails if that takes more than n clocks."""

    def run(component, *benches, clocks: int = 20_000, domains: tuple[str, ...] = ("sync",)):
        simulator = Simulator(component)
        for domain in domains:
            simulator.add_clock(1e-6, domain=domain)
        running = len(benches)

        def counted(bench):
            async def wrapped(ctx):
                nonlocal running
                await bench(ctx)
                running -= 1

            return wrapped

        for bench in benches:
            simulator.add_testbench(counted(bench))
        simulator.run_until(clocks * 1e-6)
        assert running == 0, f"not finished within {clocks} clocks"

    return run


@pytest.fixture
def edges():
    """``edges(rng, width, count)``: random signed values of `width` bits; the first are the ends of the range and what lies round 0."""

    def draw(rng: random.Random, width: int, count: int) -> list[int]:
        low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
        fixed = [low, high, low + 1, high - 1, 0, 1, -1]
        return [*fixed, *(rng.choice((rng.randint(low, high), rng.randint(-40, 40))) for _ in range(count - len(fixed)))]

    return draw


@pytest.fixture
def refused():
    """``refused(error, match, build)``: `build` raises; the component it left half made is gone before warnings count again."""

    def check(error, match, build):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnusedElaboratable)
            with pytest.raises(error, match=match):
                build()
            gc.collect()

    return check


@pytest.fixture
def through(simulate):
    """``through(stage, inputs, outputs, latency)``: a dict of inputs each clock → a tuple of the outputs named, `latency` clocks later."""

    def run(stage, inputs: list[dict[str, int]], outputs: tuple[str, ...], latency: int) -> list[tuple[int, ...]]:
        seen = []

        async def testbench(ctx):
            for clock in range(len(inputs) + latency):
                if clock < len(inputs):
                    for name, value in inputs[clock].items():
                        ctx.set(getattr(stage, name), int(value))
                if clock >= latency:
                    seen.append(tuple(ctx.get(getattr(stage, name)) for name in outputs))
                await ctx.tick()

        simulate(stage, testbench, clocks=len(inputs) + latency + 2)
        assert len(seen) == len(inputs) > 0
        return seen

    return run
