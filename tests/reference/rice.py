# SPDX-License-Identifier: BSD-2-Clause
"""What the payload is held against: run lengths and Rice codes with each frame's best parameters, and words. Imports nothing of ours."""


def rice(values: list[int]) -> int:
    """Bits of `values` in the Rice code whose parameter suits them best."""
    return min(sum((v >> k) + 1 + k for v in values) for k in range(32))


def rice_bits(index: list[int], value: list[int], threshold: int, signed: bool) -> int:
    """Bits of one frame: a run before each sent pixel, its magnitude above T, and a sign where the mode needs one."""
    runs = [here - before - 1 for before, here in zip([-1, *index], index)]
    return rice(runs) + rice([abs(y) - threshold for y in value]) + signed * len(index) if index else 0


def words_bits(index: list[int]) -> int:
    """Bits of one frame as words of address and value."""
    return 32 * len(index)
