# SPDX-License-Identifier: BSD-2-Clause
"""The threshold against the golden model: each mode, T at its ends, y' around ±T, masked or not."""

import itertools

import numpy as np
import pytest

from macropix.gateware.roic.threshold import Threshold
from macropix.gateware.wire import ThresholdMode
from macropix.sim.golden.threshold import sent


@pytest.mark.parametrize("mode", range(4))
def test_golden(through, mode):
    got, expected = [], []
    inputs = []
    for threshold in (0, 1, 2, 700, 2046, 2047):
        # T stands for a clock before the first value, as it does before a frame
        ys = sorted({-2048, -2047, -1, 0, 1, 2046, 2047, *(sign * threshold + by for sign in (-1, 1) for by in (-1, 0, 1))})
        pairs = [(0, 1), *itertools.product([y for y in ys if -2048 <= y <= 2047], (0, 1))]
        inputs += [{"y": y, "masked": masked, "threshold": threshold, "mode": mode} for y, masked in pairs]
        ys, masks = np.array(pairs).T
        expected += sent(ys, threshold, ThresholdMode(mode % 3), masks).tolist()
    got = through(Threshold(), inputs, ("sent",), Threshold.latency)
    assert [one for (one,) in got] == expected
    assert any(expected)
