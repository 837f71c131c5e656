# SPDX-License-Identifier: BSD-2-Clause
"""8b/10b by its printed tables: what the lane's symbols are held against.

byte, k, disparity ──► symbol, disparity behind it ──► byte, k
packet ──► `dealt` over lanes ──► `gathered` ──► packet

Bit 0 of a symbol is a, the first on the lane. A disparity is −1 or +1. The code of A. X. Widmer and P. A. Franaszek, IBM J. Res.
Dev. 27 (1983) 440, in the two columns RD− and RD+ as textbooks print it; nothing is computed here but the choice between them.
Below it, from the words of `docs/protocol.md`, what several lanes carry.
"""

from collections.abc import Sequence

__all__ = ["dealt", "decode", "encode", "frame", "gathered", "idle_pair"]

# abcdei of D.0 … D.31 at RD−, RD+
_SIX = (
    ("100111", "011000"), ("011101", "100010"), ("101101", "010010"), ("110001", "110001"),
    ("110101", "001010"), ("101001", "101001"), ("011001", "011001"), ("111000", "000111"),
    ("111001", "000110"), ("100101", "100101"), ("010101", "010101"), ("110100", "110100"),
    ("001101", "001101"), ("101100", "101100"), ("011100", "011100"), ("010111", "101000"),
    ("011011", "100100"), ("100011", "100011"), ("010011", "010011"), ("110010", "110010"),
    ("001011", "001011"), ("101010", "101010"), ("011010", "011010"), ("111010", "000101"),
    ("110011", "001100"), ("100110", "100110"), ("010110", "010110"), ("110110", "001001"),
    ("001110", "001110"), ("101110", "010001"), ("011110", "100001"), ("101011", "010100"),
)  # fmt: skip
_SIX_K28 = ("001111", "110000")
# fghj of D.x.0 … D.x.7 at the disparity behind abcdei
_FOUR = (
    ("1011", "0100"), ("1001", "1001"), ("0101", "0101"), ("1100", "0011"),
    ("1101", "0010"), ("1010", "1010"), ("0110", "0110"), ("1110", "0001"),
)  # fmt: skip
_A7 = ("0111", "1000")
# fghj of K.x.0 … K.x.7
_FOUR_K = (
    ("1011", "0100"), ("0110", "1001"), ("1010", "0101"), ("1100", "0011"),
    ("1101", "0010"), ("0101", "1010"), ("1001", "0110"), ("0111", "1000"),
)  # fmt: skip
#: D.x.7 takes the other form at these x, by the disparity behind abcdei
_A7_FOR = {-1: (17, 18, 20), 1: (11, 13, 14)}
_CONTROLS = (*(28 + 32 * y for y in range(8)), *(x + 224 for x in (23, 27, 29, 30)))


def _behind(bits: str, disparity: int) -> int:
    ones = bits.count("1")
    return disparity if 2 * ones == len(bits) else 1 if 2 * ones > len(bits) else -1


def encode(byte: int, k: bool | int, disparity: int) -> tuple[int, int]:
    """The symbol of `byte` (a control symbol if `k`), and the running disparity behind it.

    Raises
    ------
    ValueError
        If there is no such symbol.
    """
    if disparity not in (-1, 1) or not 0 <= byte <= 255 or (k and byte not in _CONTROLS):
        raise ValueError(f"no symbol {'K' if k else 'D'}{byte & 31}.{byte >> 5} at disparity {disparity}")
    x, y = byte & 31, byte >> 5
    six = (_SIX_K28 if k and x == 28 else _SIX[x])[disparity > 0]
    middle = _behind(six, disparity)
    if k:
        four = _FOUR_K[y][middle > 0]
    elif y == 7 and x in _A7_FOR[middle]:
        four = _A7[middle > 0]
    else:
        four = _FOUR[y][middle > 0]
    return int((six + four)[::-1], 2), _behind(four, middle)


_BACK = {
    (encode(byte, k, disparity)[0], disparity): (byte, k)
    for disparity in (-1, 1)
    for byte, k in [*((byte, False) for byte in range(256)), *((byte, True) for byte in _CONTROLS)]
}


def decode(symbol: int, disparity: int) -> tuple[int, bool, int] | None:
    """Byte, k and the disparity behind `symbol` at running `disparity`; None if it is no symbol there."""
    found = _BACK.get((symbol, disparity))
    return None if found is None else (*found, encode(*found, disparity)[1])


def frame(packet: bytes, disparity: int, *, idle: int = 4, lane: int = 0) -> tuple[list[int], int]:
    """Symbols of one slice on the lane, behind `idle` symbols of the idle pattern, and the disparity behind them."""
    wanted = [((0xBC, True), (lane, False))[i % 2] for i in range(idle)]
    wanted += [(0xFB, True), *((byte, False) for byte in packet), (0xFD, True)]
    symbols = []
    for byte, k in wanted:
        symbol, disparity = encode(byte, k, disparity)
        symbols.append(symbol)
    return symbols, disparity


def idle_pair(lane: int, pair: int, *, lanes: int) -> list[tuple[int, bool]]:
    """Byte and k of the two symbols of an idle pair: K28.5, D lane.(pair modulo 8); of a single lane D0.0."""
    return [(0xBC, True), (lane + 32 * (pair % 8) if lanes > 1 else 0, False)]


def dealt(packet: bytes, lanes: int) -> list[list[tuple[int, bool]]]:
    """Byte and k of each symbol of one slice, for each of `lanes` lanes: start, its bytes, end; K28.5 in the last column's empty places."""
    rows = -(-len(packet) // lanes)
    place = [(packet[i], False) if i < len(packet) else (0xBC, True) for i in range(rows * lanes)]
    return [[(0xFB, True), *place[lane::lanes], (0xFD, True)] for lane in range(lanes)]


def gathered(parts: Sequence[bytes]) -> bytes:
    """The packet of which lane n has brought the bytes ``parts[n]``.

    Raises
    ------
    ValueError
        If no packet is dealt out so.
    """
    length = sum(len(part) for part in parts)
    expected = [len(range(lane, length, len(parts))) for lane in range(len(parts))]
    if [len(part) for part in parts] != expected:
        raise ValueError(f"the lanes bring {[len(part) for part in parts]} bytes, expected {expected}")
    return bytes(parts[i % len(parts)][i // len(parts)] for i in range(length))
