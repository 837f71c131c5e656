# SPDX-License-Identifier: BSD-2-Clause
"""Commands found in bytes: whole, in pieces, damaged."""

import random

import pytest

from macropix.gateware.wire import Op
from macropix.sim.golden.commands import CommandFinder, Request
from macropix.sim.golden.packets import command

WRITE = command(Op.WRITE, 1, 2, 0x8000, [0xC3C3, 7])
READ = command(Op.READ, 2, 2, 0x100, 5)
STATUS = command(Op.STATUS, 3, 2)
MEANT = [
    Request(op=1, sequence=1, epoch=2, address=0x8000, words=2, data=b"\xc3\xc3\x07\x00"),
    Request(op=2, sequence=2, epoch=2, address=0x100, words=5),
    Request(op=4, sequence=3, epoch=2, address=0, words=0),
]


@pytest.mark.parametrize("seed", range(5))
def test_any_pieces_and_any_bytes_between(seed):
    rng = random.Random(seed)
    text = b"\x00\xc3\xff" + WRITE + b"\xc3" + READ + b"\xa5\xa5" + STATUS
    finder, found = CommandFinder(), []
    while text:
        n = rng.randint(1, 9)
        found += finder.feed(text[:n])
        text = text[n:]
    assert found == MEANT
    assert not finder.pending


def test_a_damaged_header_is_no_command():
    for at in range(12):
        damaged = bytearray(READ)
        damaged[at] ^= 0x10
        assert CommandFinder().feed(bytes(damaged) + STATUS) == MEANT[2:]


def test_damage_behind_the_header_is_a_corrupt_command():
    for at in range(12, len(WRITE)):
        damaged = bytearray(WRITE)
        damaged[at] ^= 0x10
        first, second = CommandFinder().feed(bytes(damaged) + STATUS)
        assert first.corrupt
        assert (first.op, first.sequence) == (1, 1)
        assert second == MEANT[2]


def test_a_lost_byte_costs_the_command_and_what_it_swallows():
    found = CommandFinder().feed(WRITE[:13] + WRITE[14:] + STATUS + STATUS)
    assert [request.corrupt for request in found] == [True, False]


def test_more_than_256_words_end_with_the_header():
    long = command(Op.WRITE, 9, 2, 0, range(257))
    (first, second) = CommandFinder().feed(long[:12] + STATUS)
    assert (first.words, first.data, first.corrupt) == (257, b"", False)
    assert second == MEANT[2]


def test_only_a_write_has_words():
    (found,) = CommandFinder().feed(command(Op.START, 1, 2, 0, 5))
    assert (found.words, found.data, found.corrupt) == (5, b"", False)


def test_pending_and_forgotten():
    finder = CommandFinder()
    assert finder.feed(WRITE[:-1]) == []
    assert finder.pending
    finder.forget()
    assert not finder.pending
    assert finder.feed(WRITE) == MEANT[:1]
