# SPDX-License-Identifier: BSD-2-Clause
"""What `macropix bench stream` holds the payload against is the independent ten lines of `rice`: a figure and its measure share no line."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from macropix.host.bench import rice

from .rice import rice_bits, words_bits


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 2040), st.booleans()), max_size=60), st.integers(0, 7), st.booleans())
@settings(deadline=None, derandomize=True, max_examples=300)
def test_the_rice_reference_is_the_independent_one(drawn, threshold, signed):
    gaps, sizes, minus = (list(column) for column in zip(*drawn)) if drawn else ([], [], [])
    index = np.cumsum(np.array(gaps, np.int64) + 1) - 1
    value = [-(size + threshold) if negative else size + threshold for size, negative in zip(sizes, minus)]
    found = rice.rice_bits(index.astype(np.uint32), np.array(value, np.int32), threshold, signed=signed)
    assert found == rice_bits(index.tolist(), value, threshold, signed)
    assert rice.WORD_BITS * len(value) == words_bits(index.tolist())


def test_the_rice_reference_by_hand():
    """Gaps 0, 3 and magnitudes 5, 8 above T = 2: k = 1 for both gives 2 + 3 and 4 + 6 … k = 2: 3 + 3; k = 2: 4 + 5, and two signs."""
    index, value = np.array([0, 4]), np.array([7, -10])
    gaps = min((0 >> k) + 1 + k + (3 >> k) + 1 + k for k in range(4))
    sizes = min((5 >> k) + 1 + k + (8 >> k) + 1 + k for k in range(5))
    assert (gaps, sizes) == (5, 9)
    assert rice.rice_bits(index, value, 2, signed=True) == 5 + 9 + 2
    assert rice.rice_bits(index[:0], value[:0], 2, signed=True) == 0
