# SPDX-License-Identifier: BSD-2-Clause
"""The converter against the golden model: random values, both ends, and every rounding."""

import random

import numpy as np

from macropix.gateware.roic.adc import Adc
from macropix.sim.golden.adc import convert


def test_golden(through, edges):
    values = edges(random.Random(1), 18, 200) + list(range(-70, 70))
    values += [end + offset for end in (65536, -65536) for offset in range(-34, 35)]
    got = through(Adc(), [{"p": value} for value in values], ("y", "clipped"), Adc.latency)
    y, clipped = convert(np.array(values))
    assert got == list(zip(y.tolist(), clipped.tolist(), strict=True))
    assert set(y[clipped].tolist()) == {-2048, 2047}
