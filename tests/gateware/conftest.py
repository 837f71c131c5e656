# SPDX-License-Identifier: BSD-2-Clause
"""What the gateware's tests share: a simulation with a deadline, and a source of values with the ends of the range among them."""

import random

import pytest
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
