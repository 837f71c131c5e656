# SPDX-License-Identifier: BSD-2-Clause
"""Each tap's value in its pixel's clock, whatever the stages take; and what the component refuses."""

import random

import pytest

from macropix.gateware.config import Config
from macropix.gateware.roic.tap import Tap

CLOCKS = {"cds": 4, "pga": 2, "adc": 1, "out": 3}
AT = {"s": 0, "q": 0, "d": 4, "p": 6, "y": 7, "out": 10}
WIDTHS = {"s": 30, "q": 18, "d": 18, "p": 18, "y": 12, "out": 12}


@pytest.mark.parametrize("select", range(8))
def test_selected(through, select):
    rng = random.Random(select)
    pixels = [{name: rng.randint(-(1 << (width - 1)), (1 << (width - 1)) - 1) for name, width in WIDTHS.items()} for _ in range(40)]
    inputs = [{"select": select} | {name: pixels[(clock - at) % 40][name] for name, at in AT.items()} for clock in range(50)]
    dut = Tap(Config(), **CLOCKS)
    got = through(dut, inputs, ("value", "raw"), 0)[10:]
    name = ["out", "s", "q", "d", "p", "y", "out", "out"][select]
    assert got == [(pixel[name], 1 <= select <= 5) for pixel in pixels]


def test_refused(refused):
    refused(ValueError, "this configuration has no taps", lambda: Tap(Config(taps=False), **CLOCKS))
    refused(ValueError, "every stage takes a clock at least, not 4, 2, 0, 3", lambda: Tap(Config(), **CLOCKS | {"adc": 0}))
