# SPDX-License-Identifier: BSD-2-Clause
"""The generators against what Marsaglia published, and against the rule of docs/numbers.md step by step."""

import numpy as np

from macropix.sim.golden import noise


def test_xorshift32_gives_the_published_first_number():
    # G. Marsaglia, J. Stat. Softw. 8 (2003) 14: xor32 with y = 2463534242 returns 723471715 first
    assert noise.xorshift32(2463534242) == 723471715


def test_states_are_the_generator_stepped():
    x = 5 ^ (0x1234 << 16) ^ (3 << 8) ^ noise.NOISE_RESET
    for _ in range(16):
        x = noise.xorshift32(x)
    expected = []
    for _ in range(50):
        expected.append(x)
        x = noise.xorshift32(x)
    assert noise.states(5, 0x1234, 3, noise.NOISE_RESET, 50).tolist() == expected


def test_a_start_of_zero_becomes_the_constant():
    zero = noise.states(noise.NOISE_SIGNAL, 0, 0, noise.NOISE_SIGNAL, 3)
    assert zero.tolist() == noise.states(0, 0, 0, noise.NOISE_SIGNAL, 3).tolist()
    assert zero.all()


def test_only_sixteen_bits_of_the_shot_count():
    assert noise.states(1, 0x10002, 0, noise.PRBS, 4).tolist() == noise.states(1, 2, 0, noise.PRBS, 4).tolist()


def test_noise_by_hand():
    # bytes 0x80 0x7F 0x01 0xFF = −128 + 127 + 1 − 1 = −1; 0x7F four times = 508; 0x80 four times = −512
    words = np.array([0xFF017F80, 0x7F7F7F7F, 0x80808080], np.uint32)
    assert noise.noise(words, 64).tolist() == [-1, 508, -512]
    # (−1 · 32 + 32) >> 6 = 0; (508 · 32 + 32) >> 6 = 254; (−512 · 32 + 32) >> 6 = −256 (−255.5, halves up: −255.5 + 0.5 floors to −256)
    assert noise.noise(words, 32).tolist() == [0, 254, -256]
    assert noise.noise(words, 0).tolist() == [0, 0, 0]


def test_noise_has_the_stated_spread():
    n = noise.noise(noise.states(1, 0, 0, noise.NOISE_RESET, 200_000), 64)
    # a signed byte is −½ on average
    assert abs(n.mean() + 2) < 1
    assert abs(n.std() - 147.8) < 1
    # neighbours are not a smear of each other
    assert abs(np.corrcoef(n[:-1], n[1:])[0, 1]) < 0.01
