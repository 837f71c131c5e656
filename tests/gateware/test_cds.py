# SPDX-License-Identifier: BSD-2-Clause
"""The double sampling against the golden model, with and without the noise, on and off."""

import random

import numpy as np
import pytest

from macropix.gateware.config import Config
from macropix.gateware.roic.cds import Cds
from macropix.sim.golden.cds import sample

ENDS = [(4095, 4064, 2024), (0, 0, -2040), (0, 0, 0), (4095, 0, 0), (4095, 0, 1), (0, 1, -1), (0, 1, -2), (4000, 3000, -2040)]


@pytest.mark.parametrize("cds", [0, 1])
def test_golden(through, edges, cds):
    rng = random.Random(cds)
    qs = [rng.choice((-131072, 131071, q)) for q in edges(rng, 18, 400)]
    levels = [rng.choice(ENDS) if rng.random() < 0.3 else draw(rng) for _ in qs]
    n2s = [rng.choice((-2040, 2024, 0, rng.randint(-99, 99))) for _ in qs]
    inputs = [
        {"q": q, "base": base, "pattern": pattern, "n1": n1, "n2": n2, "cds": cds}
        for q, (base, pattern, n1), n2 in zip(qs, levels, n2s, strict=True)
    ]
    base, pattern, n1 = np.array(levels).T
    d, clipped = sample(np.array(qs), base=base, pattern=pattern, n1=n1, n2=np.array(n2s), cds=cds)
    dut = Cds(Config())
    assert through(dut, inputs, ("d", "clipped"), dut.latency) == list(zip(d.tolist(), clipped.tolist(), strict=True))
    assert {(-131072, True), (131071, True)} <= set(zip(d.tolist(), clipped.tolist(), strict=True))


def draw(rng):
    return rng.randint(0, 4095), rng.randint(0, 4064), rng.randint(-2040, 2024)


@pytest.mark.parametrize("cds", [0, 1])
def test_without_noise(through, edges, cds):
    qs = edges(random.Random(cds), 18, 200)
    dut = Cds(Config(noise=False))
    d, clipped = sample(np.array(qs), base=4095, pattern=0, n1=0, n2=0, cds=cds)
    got = through(dut, [{"q": q, "base": 4095, "cds": cds} for q in qs], ("d", "clipped"), dut.latency)
    assert got == list(zip(d.tolist(), clipped.tolist(), strict=True))
    assert clipped.any() != cds
