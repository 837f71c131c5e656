# SPDX-License-Identifier: BSD-2-Clause
"""The 8b/10b reference against code points as they are printed in every 8b/10b table, and the rules of the code."""

import pytest

from macropix.sim.golden import lane

# name: (byte, k, RD−, RD+), abcdei fghj; Widmer & Franaszek 1983; IEEE 802.3 tables 36-1 and 36-2
PUBLISHED = {
    "D0.0": (0x00, 0, "100111 0100", "011000 1011"),
    "D1.0": (0x01, 0, "011101 0100", "100010 1011"),
    "D3.0": (0x03, 0, "110001 1011", "110001 0100"),
    "D7.0": (0x07, 0, "111000 1011", "000111 0100"),
    "D10.2": (0x4A, 0, "010101 0101", "010101 0101"),
    "D21.5": (0xB5, 0, "101010 1010", "101010 1010"),
    "D16.2": (0x50, 0, "011011 0101", "100100 0101"),
    "D5.6": (0xC5, 0, "101001 0110", "101001 0110"),
    "D11.7": (0xEB, 0, "110100 1110", "110100 1000"),
    "D17.7": (0xF1, 0, "100011 0111", "100011 0001"),
    "D20.7": (0xF4, 0, "001011 0111", "001011 0001"),
    "D30.3": (0x7E, 0, "011110 0011", "100001 1100"),
    "D31.7": (0xFF, 0, "101011 0001", "010100 1110"),
    "K28.0": (0x1C, 1, "001111 0100", "110000 1011"),
    "K28.1": (0x3C, 1, "001111 1001", "110000 0110"),
    "K28.3": (0x7C, 1, "001111 0011", "110000 1100"),
    "K28.5": (0xBC, 1, "001111 1010", "110000 0101"),
    "K28.7": (0xFC, 1, "001111 1000", "110000 0111"),
    "K23.7": (0xF7, 1, "111010 1000", "000101 0111"),
    "K27.7": (0xFB, 1, "110110 1000", "001001 0111"),
    "K29.7": (0xFD, 1, "101110 1000", "010001 0111"),
    "K30.7": (0xFE, 1, "011110 1000", "100001 0111"),
}
CONTROLS = (0x1C, 0x3C, 0x5C, 0x7C, 0x9C, 0xBC, 0xDC, 0xFC, 0xF7, 0xFB, 0xFD, 0xFE)
ALL = [*((byte, False) for byte in range(256)), *((byte, True) for byte in CONTROLS)]


def text(symbol: int) -> str:
    bits = f"{symbol:010b}"[::-1]
    return f"{bits[:6]} {bits[6:]}"


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_code_points(name):
    byte, k, minus, plus = PUBLISHED[name]
    assert text(lane.encode(byte, k, -1)[0]) == minus
    assert text(lane.encode(byte, k, 1)[0]) == plus


def test_every_symbol_moves_the_disparity_by_its_weight():
    for byte, k in ALL:
        for disparity in (-1, 1):
            symbol, behind = lane.encode(byte, k, disparity)
            ones = symbol.bit_count()
            assert 4 <= ones <= 6
            assert behind == disparity + 2 * (ones - 5)
            assert behind in (-1, 1)


def test_all_codes_are_distinct_and_decode():
    for disparity in (-1, 1):
        symbols = {lane.encode(byte, k, disparity)[0]: (byte, k) for byte, k in ALL}
        assert len(symbols) == 268
        for symbol in range(1024):
            found = lane.decode(symbol, disparity)
            assert (found[:2] if found else None) == symbols.get(symbol)
            if found:
                assert found[2] == lane.encode(*found[:2], disparity)[1]


def test_no_symbol_is_another_ones_at_the_other_disparity():
    minus = {lane.encode(byte, k, -1)[0]: (byte, k) for byte, k in ALL}
    plus = {lane.encode(byte, k, 1)[0]: (byte, k) for byte, k in ALL}
    for symbol in minus.keys() & plus.keys():
        assert minus[symbol] == plus[symbol]


def test_runs_are_at_most_five_and_commas_only_where_they_belong():
    """Over every pair of neighbouring symbols; K28.7 is never followed by one that makes a false comma, and we never send it."""
    usable = [(byte, k) for byte, k in ALL if not (k and byte == 0xFC)]
    for disparity in (-1, 1):
        for first in usable:
            a, middle = lane.encode(*first, disparity)
            for second in usable:
                stream = (text(a) + text(lane.encode(*second, middle)[0])).replace(" ", "")
                assert "000000" not in stream
                assert "111111" not in stream
                for comma in ("0011111", "1100000"):
                    at = stream.find(comma)
                    if at >= 0:
                        assert at % 10 == 0, (first, second)
                        assert (second if at else first) in [(byte, True) for byte in (0x3C, 0xBC)]


def test_frame_begins_and_ends_as_the_protocol_says():
    symbols, disparity = lane.frame(b"\xa5\x00", -1, idle=4, lane=0)
    back = []
    running = -1
    for symbol in symbols:
        byte, k, running = lane.decode(symbol, running)
        back.append((byte, k))
    assert back == [(0xBC, True), (0, False)] * 2 + [(0xFB, True), (0xA5, False), (0, False), (0xFD, True)]
    assert running == disparity


def test_what_is_no_symbol_is_refused():
    with pytest.raises(ValueError, match=r"no symbol K0\.0"):
        lane.encode(0, True, -1)
    with pytest.raises(ValueError, match="at disparity 0"):
        lane.encode(0, False, 0)


def test_a_packet_on_four_lanes_worked_by_hand():
    """Six bytes: a full column, and one of two bytes and two K28.5."""
    start, end, none = (0xFB, True), (0xFD, True), (0xBC, True)
    assert lane.dealt(b"abcdef", 4) == [
        [start, (ord("a"), False), (ord("e"), False), end],
        [start, (ord("b"), False), (ord("f"), False), end],
        [start, (ord("c"), False), none, end],
        [start, (ord("d"), False), none, end],
    ]
    assert lane.gathered([b"ae", b"bf", b"c", b"d"]) == b"abcdef"
    assert lane.idle_pair(3, 10, lanes=4) == [none, (0x43, False)]
    assert lane.idle_pair(0, 10, lanes=1) == [none, (0x00, False)]


def test_what_was_not_dealt_so_is_not_gathered():
    for parts in ([b"a", b"bf", b"c", b"d"], [b"ae", b"", b"c", b"d"], [b"a", b"b", b"c", b"dx"], [b"", b"b"]):
        with pytest.raises(ValueError, match="expected"):
            lane.gathered(parts)
    assert lane.gathered([b"a", b""]) == b"a"
