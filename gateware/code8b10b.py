# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false
"""8b/10b: bytes and control symbols to ten bits of a DC-free code, and back.

    byte, k ─► 5b/6b ─► 3b/4b ─► a b c d e i f g h j ═ lane ═► 4b/3b, 6b/5b ─► byte, k, what was wrong

Bit 0 of a symbol is a, the first on the lane. The tables are those of Widmer and Franaszek (IBM J. Res. Dev. 27, 1983),
written as they are printed: a first, the column of negative running disparity.
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["CONTROLS", "SYMBOL_BITS", "Decoder8b10b", "Encoder8b10b", "symbol"]

#: bits of a symbol
SYMBOL_BITS = 10
#: bytes that exist as control symbols: K28.0 … K28.7, K23.7, K27.7, K29.7, K30.7
CONTROLS = (0x1C, 0x3C, 0x5C, 0x7C, 0x9C, 0xBC, 0xDC, 0xFC, 0xF7, 0xFB, 0xFD, 0xFE)

# abcdei of D.0 … D.31; unbalanced ones and D.7 are inverted at positive disparity
_SIX = (
    "100111", "011101", "101101", "110001", "110101", "101001", "011001", "111000",
    "111001", "100101", "010101", "110100", "001101", "101100", "011100", "010111",
    "011011", "100011", "010011", "110010", "001011", "101010", "011010", "111010",
    "110011", "100110", "010110", "110110", "001110", "101110", "011110", "101011",
)  # fmt: skip
_SIX_K28 = "001111"
# fghj of D.x.0 … D.x.7; unbalanced ones and D.x.3 are inverted
_FOUR = ("1011", "1001", "0101", "1100", "1101", "1010", "0110", "1110")
# the other D.x.7, against five equal bits in a row
_ALTERNATE = "0111"
_ALTERNATE_MINUS = (17, 18, 20)
_ALTERNATE_PLUS = (11, 13, 14)
# fghj of K.x.0 … K.x.7; all are inverted
_FOUR_K = ("1011", "0110", "1010", "1100", "1101", "0101", "1001", "0111")
_K7 = (23, 27, 29, 30)


def _bits(text: str) -> int:
    return int(text[::-1], 2)


def _unbalanced(text: str) -> bool:
    return 2 * text.count("1") != len(text)


def _inverts(text: str) -> bool:
    """Whether the code has another form at positive disparity."""
    return _unbalanced(text) or text in ("111000", "1100")


def _inverse(text: str) -> str:
    return text.translate({48: 49, 49: 48})


def symbol(byte: int, k: bool, disparity: int) -> tuple[int, int]:
    """The symbol of `byte` at running `disparity` (−1 or +1), bit 0 first in time, and the disparity behind it.

    Raises ValueError for a control byte that is none, a byte above 255, or another disparity.
    """
    if not 0 <= byte <= 255 or (k and byte not in CONTROLS):
        raise ValueError(f"no {'control ' if k else ''}symbol for byte {byte:#04x}")
    if disparity not in (-1, 1):
        raise ValueError(f"disparity must be -1 or 1, not {disparity}")
    x, y = byte & 31, byte >> 5
    six = _SIX_K28 if k and x == 28 else _SIX[x]
    if disparity > 0 and _inverts(six):
        six = _inverse(six)
    middle = -disparity if _unbalanced(six) else disparity
    if k:
        four, inverts = _FOUR_K[y], True
    elif y == 7 and x in (_ALTERNATE_MINUS if middle < 0 else _ALTERNATE_PLUS):
        four, inverts = _ALTERNATE, True
    else:
        four, inverts = _FOUR[y], _inverts(_FOUR[y])
    if middle > 0 and inverts:
        four = _inverse(four)
    return _bits(six + four), -middle if _unbalanced(four) else middle


def _look_up(m: Module, index, outputs: dict, rows: dict[int, tuple[int, ...]]):
    """Drive ``outputs`` with the row of ``index``; zero where there is none."""
    with m.Switch(index):
        for pattern, row in rows.items():
            with m.Case(pattern):
                m.d.comb += [target.eq(value) for target, value in zip(outputs.values(), row, strict=True) if value]


class Encoder8b10b(wiring.Component):
    """Bytes to symbols, running disparity kept.

    While ``enable`` is high, ``symbol`` takes the code of ``byte`` at the next clock edge. A ``k`` byte that is no control byte
    gives a symbol of no meaning.

    **Latency** one clock; **throughput** one symbol a clock; no backpressure.

    Members
    -------
    byte : In(8), k : In(1)
        Byte, or control symbol by its byte.
    enable : In(1)
        ``symbol`` is its code from the next clock on.
    symbol : Out(10)
        Bit 0 first in time.
    """

    byte: In(8)
    k: In(1)
    enable: In(1)
    symbol: Out(SYMBOL_BITS)

    latency = 1

    def elaborate(self, platform):
        m = Module()
        x, y = self.byte[:5], self.byte[5:]
        code = {"six": Signal(6), "six_inverts": Signal(), "six_unbalanced": Signal(), "minus": Signal(), "plus": Signal()}
        rows = {
            i: (_bits(text), _inverts(text), _unbalanced(text), i in _ALTERNATE_MINUS, i in _ALTERNATE_PLUS) for i, text in enumerate(_SIX)
        }
        rows[32 + 28] = (_bits(_SIX_K28), 1, 1, 0, 0)
        rows |= {32 + i: rows[i] for i in _K7}
        _look_up(m, Cat(x, self.k), code, rows)

        plus = Signal()  # running disparity is positive
        middle = Signal()
        m.d.comb += middle.eq(plus ^ code["six_unbalanced"])
        tail = {"four": Signal(4), "four_inverts": Signal(), "four_unbalanced": Signal()}
        alternate = ~self.k & y.all() & Mux(middle, code["plus"], code["minus"])
        rows = {i: (_bits(text), _inverts(text), _unbalanced(text)) for i, text in enumerate(_FOUR)}
        rows |= {8 + i: (_bits(text), 1, _unbalanced(text)) for i, text in enumerate(_FOUR_K)}
        # the alternate D.x.7 is the code of K.x.7
        _look_up(m, Cat(y, self.k | alternate), tail, rows)

        with m.If(self.enable):
            m.d.sync += [
                plus.eq(middle ^ tail["four_unbalanced"]),
                self.symbol[:6].eq(code["six"] ^ (plus & code["six_inverts"]).replicate(6)),
                self.symbol[6:].eq(tail["four"] ^ (middle & tail["four_inverts"]).replicate(4)),
            ]
        return m


def _six_rows() -> dict[int, tuple[int, ...]]:
    """abcdei → x, code, disparity wanted before (−, +), disparity behind (−, +), K28, alternate −, alternate +, K.x.7."""
    texts = [(i, text) for i, text in enumerate(_SIX)] + [(28, _SIX_K28)]
    texts += [(i, _inverse(text)) for i, text in texts if _inverts(text)]
    x = {_bits(text): (i, text in (_SIX_K28, _inverse(_SIX_K28))) for i, text in texts}
    rows = {}
    for six in range(64):
        ones = six.bit_count()
        text = f"{six:06b}"[::-1]
        i, k28 = x.get(six, (0, False))
        minus, plus = ones > 3 or text == "111000", ones < 3 or text == "000111"
        behind_minus, behind_plus = ones < 3 or text == "111000", ones > 3 or text == "000111"
        groups = [not k28 and six in x and i in group for group in (_ALTERNATE_MINUS, _ALTERNATE_PLUS, _K7)]
        rows[six] = (i, six in x, minus, plus, behind_minus, behind_plus, k28, *groups)
    return rows


def _four_rows() -> dict[int, tuple[int, ...]]:
    """fghj → y, y of a K28 at middle disparity (−, +), disparity wanted (−, +), behind (−, +), and whether it is 0111, 1000, 1110, 0001."""
    y = {_bits(text): i for i, text in enumerate(_FOUR)}
    y |= {_bits(_inverse(text)): i for i, text in enumerate(_FOUR) if _inverts(text)}
    y |= {_bits(_ALTERNATE): 7, _bits(_inverse(_ALTERNATE)): 7}
    k_minus = {_bits(text): i for i, text in enumerate(_FOUR_K)}
    k_plus = {_bits(_inverse(text)): i for i, text in enumerate(_FOUR_K)}
    rows = {}
    for four in range(16):
        ones = four.bit_count()
        text = f"{four:04b}"[::-1]
        minus, plus = ones > 2 or text == "1100", ones < 2 or text == "0011"
        behind_minus, behind_plus = ones < 2 or text == "1100", ones > 2 or text == "0011"
        sevens = [text == seven for seven in ("0111", "1000", "1110", "0001")]
        rows[four] = (y.get(four, 0), k_minus.get(four, 0), k_plus.get(four, 0), minus, plus, behind_minus, behind_plus, *sevens, four in y)
    return rows


class Decoder8b10b(wiring.Component):
    """Symbols to bytes, and what was wrong with them.

    ``code_error``: no symbol of the code has these ten bits at either disparity. ``disparity_error``: one has, but not at the
    running disparity. Behind either the running disparity is that of the bits that came.

    **Latency** one clock; **throughput** one symbol a clock; no backpressure.

    Members
    -------
    symbol : In(10), valid : In(1)
        Bit 0 first in time.
    unknown : In(1)
        With ``valid``: the first of a new alignment, whose disparity is not judged.
    byte : Out(8), k : Out(1), o_valid : Out(1)
        Byte, or control symbol by its byte.
    code_error, disparity_error : Out(1)
        With ``o_valid``: no symbol has these bits; one has, but not at the running disparity.
    """

    symbol: In(SYMBOL_BITS)
    valid: In(1)
    unknown: In(1)
    byte: Out(8)
    k: Out(1)
    o_valid: Out(1)
    code_error: Out(1)
    disparity_error: Out(1)

    latency = 1

    def elaborate(self, platform):
        m = Module()
        names = ("x", "code", "minus", "plus", "behind_minus", "behind_plus", "k28", "alt_minus", "alt_plus", "k7")
        six = {name: Signal(5 if name == "x" else 1, name=f"six_{name}") for name in names}
        _look_up(m, self.symbol[:6], six, _six_rows())
        names = ("y", "k_minus", "k_plus", "minus", "plus", "behind_minus", "behind_plus", "s0111", "s1000", "s1110", "s0001", "code")
        four = {name: Signal(3 if name in ("y", "k_minus", "k_plus") else 1, name=f"four_{name}") for name in names}
        _look_up(m, self.symbol[6:], four, _four_rows())

        alternate = four["s0111"] | four["s1000"]
        good_seven = Mux(
            six["k28"],
            ~(four["s1110"] | four["s0001"]),
            six["k7"]
            | ~(
                (four["s0111"] & ~six["alt_minus"])
                | (four["s1110"] & six["alt_minus"])
                | (four["s1000"] & ~six["alt_plus"])
                | (four["s0001"] & six["alt_plus"])
            ),
        )
        fits = ~((six["behind_minus"] & four["plus"]) | (six["behind_plus"] & four["minus"]))
        neutral = ~(six["minus"] | six["plus"])
        minus, plus, known, behind, judged = (Signal() for _ in range(5))
        m.d.sync += self.o_valid.eq(self.valid)
        with m.If(self.valid):
            y = Mux(six["k28"], Mux(six["behind_plus"], four["k_plus"], four["k_minus"]), four["y"])
            m.d.sync += [
                self.byte.eq(Cat(six["x"], y)),
                self.k.eq(six["k28"] | (six["k7"] & alternate)),
                self.code_error.eq(~(six["code"] & four["code"] & good_seven & fits)),
                minus.eq(six["minus"] | (neutral & four["minus"])),
                plus.eq(six["plus"] | (neutral & four["plus"])),
                known.eq(four["behind_minus"] | four["behind_plus"] | ~neutral),
                behind.eq(Mux(four["behind_minus"] | four["behind_plus"], four["behind_plus"], six["behind_plus"])),
                judged.eq(~self.unknown),
            ]
        running = Signal()
        m.d.comb += self.disparity_error.eq(judged & ~self.code_error & Mux(running, minus, plus))
        with m.If(self.o_valid & known):
            m.d.sync += running.eq(behind)
        return m
