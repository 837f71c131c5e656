# SPDX-License-Identifier: BSD-2-Clause
"""The gain against the golden model, at every setting."""

import random

import numpy as np
import pytest

from macropix.gateware.roic.pga import MAX_GAIN, Pga
from macropix.sim.golden.pga import amplify


@pytest.mark.parametrize("gain", range(8))
def test_golden(through, edges, gain):
    values = edges(random.Random(gain), 18, 120)
    values += [(131072 >> min(gain, 5)) + offset for offset in (-1, 0, 1) if (131072 >> min(gain, 5)) + offset < 131072]
    values += [(-131072 >> min(gain, 5)) + offset for offset in (-1, 0, 1) if (-131072 >> min(gain, 5)) + offset >= -131072]
    # the setting stands for a clock before the first value
    got = through(Pga(), [{"d": 0, "gain": gain}] + [{"d": value} for value in values], ("p", "clipped"), Pga.latency)
    p, clipped = amplify(np.array(values), min(gain, MAX_GAIN))
    assert got[1:] == list(zip(p.tolist(), clipped.tolist(), strict=True))
    assert clipped.any() == (gain > 0)
