# SPDX-License-Identifier: BSD-2-Clause
"""The golden register bus: what is there, what is stored, what reads back."""

import numpy as np
import pytest

from macropix.gateware.config import Config
from macropix.gateware.registers import CONTROL
from macropix.sim.golden.memory import Memory

CONFIG = Config(rows=16, cols=12, kernels=3)


def words(*values):
    return np.array(values, np.uint16)


def test_reset_values_read_back():
    memory = Memory(CONFIG)
    for register in CONTROL.values():
        assert memory.register(register.name) == register.reset
        assert memory.read(register.address, register.words).tolist() == register.to_words(register.reset)


def test_every_register_takes_every_value_it_may():
    memory = Memory(CONFIG)
    for register in CONTROL.values():
        for value in (register.minimum, register.maximum, register.reset):
            memory.write(register.address, words(*register.to_words(value)))
            assert memory.register(register.name) == value
            assert memory.read(register.address, register.words).tolist() == register.to_words(value)


def test_bits_beyond_the_width_are_lost():
    memory = Memory(CONFIG)
    for name, written, read in (("gain", [0xFFFF], [7]), ("cds", [2], [0]), ("well_low", [0x1234, 0x0006], [0x1234, 0xFFFE])):
        register = CONTROL[name]
        memory.write(register.address, words(*written))
        assert memory.read(register.address, register.words).tolist() == read


def test_a_wide_register_can_be_written_by_halves():
    memory = Memory(CONFIG)
    memory.write(CONTROL["seed"].address + 1, words(0xABCD))
    assert memory.register("seed") == 0xABCD0001


@pytest.mark.parametrize(
    ("address", "count", "there"),
    [
        (0x0000, 60, True), (0x0000, 61, False), (0x003C, 1, False), (0x0100, 31, True), (0x0100, 32, False), (0x00FF, 2, False),
        (0x1000, 96, True), (0x1000, 97, False), (0x105F, 1, True), (0x2000, 256, True), (0x23F0, 32, True), (0x27F0, 16, True),
        (0x27F0, 17, False), (0x4000, 140, True), (0x4000, 141, False), (0x8000, 192, True), (0x80BF, 2, False), (0xFFFF, 1, False),
    ],
)  # fmt: skip
def test_what_is_there(address, count, there):
    assert Memory(CONFIG).there(address, count) == there


def test_what_a_configuration_leaves_out_is_not_there():
    bare = Memory(Config(response_table=False, pedestal_map=False))
    assert not bare.there(0x2000, 1)
    assert not bare.there(0x4000, 1)
    assert bare.there(0x1000, 1)


def test_large_windows_end_where_the_next_begins():
    memory = Memory(Config(rows=512, cols=512))
    assert memory.there(0x7FFF, 1)
    assert not memory.there(0x7FFF, 2)
    assert memory.there(0xFF00, 256)
    assert not memory.there(0xFF01, 256)


def test_windows_store_their_width_and_read_sign_extended():
    memory = Memory(CONFIG)
    for address, written, read in (
        (0x1000, 0x03FF, 0xFFFF),
        (0x2000, 0x01FF, 0x01FF),
        (0x2400, 0x0800, 0xF800),
        (0x4000, 0xFFFF, 0x8FFF),
        (0x8000, 0xFEDC, 0xFEDC),
    ):
        memory.write(address, words(written))
        assert memory.read(address, 1).tolist() == [read]
    pedestal, mask = memory.maps
    assert (pedestal[0], mask[0]) == (-1, True)
    assert memory.scene[0, 0] == 0xFEDC


def test_a_transfer_may_cross_from_weight_to_dark():
    memory = Memory(CONFIG)
    memory.write(0x23FF, words(5, 6))
    assert memory.read(0x23FF, 2).tolist() == [5, 6]
    assert memory.read(0x2400, 1).tolist() == [6]


def test_response():
    memory = Memory(CONFIG)
    memory.write(0x1000 + 32, words(*(code & 0x3FF for code in range(-4, 5))))
    assert memory.response(1)[0].tolist() == list(range(-4, 5))
    assert not memory.response(0)[0].any()
    memory.write(0x2000 + 1023, words(77))
    memory.write(0x2400 + 2, words(0xFFF))
    weights, darks = memory.response(1)
    assert weights.tolist() == [-4, -3, -2, 77, 0, 1, 2, 3, 4]
    assert darks.tolist() == [0, 0, 0, 0, 0, 0, -1, 0, 0]


def test_a_kernel_that_is_not_in_the_bank_has_codes_of_0():
    assert not Memory(CONFIG).response(3)[0].any()
