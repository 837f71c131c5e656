# SPDX-License-Identifier: BSD-2-Clause
"""Which values are past the threshold, at its edges."""

import numpy as np
import pytest

from macropix.gateware.wire import ThresholdMode
from macropix.sim.golden.threshold import sent

ABS, POS, NEG = ThresholdMode


@pytest.mark.parametrize("t", [1, 2, 12, 2047])
def test_edges(t):
    y = np.array([t, t - 1, -t, -(t - 1), -2048, 2047, 0], np.int64)
    for mode, expected in (
        (ABS, [True, False, True, False, True, True, False]),
        (POS, [True, False, False, False, False, True, False]),
        (NEG, [False, False, True, False, True, False, False]),
    ):
        assert sent(y, t, mode, False).tolist() == expected, mode


@pytest.mark.parametrize("mode", list(ThresholdMode))
def test_zero_sends_all_but_masked(mode):
    y = np.array([-2048, -1, 0, 1, 2047], np.int64)
    assert sent(y, 0, mode, False).all()
    assert sent(y, 0, mode, np.array([0, 1, 0, 0, 1], bool)).tolist() == [True, False, True, True, False]


@pytest.mark.parametrize("mode", list(ThresholdMode))
def test_masked_is_never_sent(mode):
    assert not sent(np.array([2047, -2048]), 1, mode, np.array([True, True])).any()


@pytest.mark.parametrize("mode", list(ThresholdMode))
def test_the_gateware_form_by_two_signs_is_the_same(mode):
    y = np.arange(-2048, 2048)
    for t in (1, 5, 2047):
        pos, neg = y - t >= 0, y + t - 1 < 0
        assert np.array_equal(sent(y, t, mode, False), {ABS: pos | neg, POS: pos, NEG: neg}[mode])
