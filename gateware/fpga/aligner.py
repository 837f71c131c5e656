# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false
"""Bits of the serial pair to ten-bit symbols: finds the commas and cuts behind them.

lane ═ 1, 2, 5 or 10 bits a clock ═► window ─► K28.5 at each place? ─► cut ─► symbol, realigned
"""

from functools import reduce
from operator import and_, or_

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.code8b10b import SYMBOL_BITS, symbol
from macropix.gateware.wire import K_IDLE

__all__ = ["Aligner"]

_COMMA = symbol(K_IDLE, True, -1)[0], symbol(K_IDLE, True, 1)[0]


class Aligner(wiring.Component):
    """Cuts the lane's bits into symbols where the last K28.5 stood.

    All ten bits of K28.5 are compared, at every bit offset: in an undamaged stream they stand nowhere but at a symbol's place.
    A K28.5 at another place than the next symbol's moves the cut at once; a symbol of the old cut that ends in the same clock
    is swallowed.

    **Latency** 3 clocks from a symbol's last bit; **throughput** all the lane has; no backpressure.

    Parameters
    ----------
    bits : 1, 2, 5 or 10
        Bits a clock.

    Members
    -------
    lane : In(bits)
        Bit 0 first in time.
    symbol : Out(10), valid : Out(1)
        Bit 0 first in time. At reset cut anywhere.
    comma : Out(1)
        With ``valid``: it is K28.5.
    moved : Out(1)
        With ``comma``: not where it was to be expected.
    """

    #: clocks from the last bit of a symbol on ``lane`` to ``valid``
    latency = 3

    def __init__(self, bits: int):
        if type(bits) is not int or bits not in (1, 2, 5, 10):
            raise ValueError(f"bits must be one of (1, 2, 5, 10), not {bits!r}")
        self.bits = bits
        super().__init__(
            {"lane": In(bits), "symbol": Out(SYMBOL_BITS), "valid": Out(1), "comma": Out(1), "moved": Out(1)},
        )

    def elaborate(self, platform):
        m = Module()
        bits, clocks = self.bits, SYMBOL_BITS // self.bits
        history = Signal(SYMBOL_BITS - 1 + bits)  # bit 0 the earliest
        window = Signal.like(history)
        found = Signal(bits)
        m.d.sync += [history.eq(Cat(history[bits:], self.lane)), window.eq(history)]
        # bit i of each place's symbol stands side by side: all places are compared at once
        sides = [history[i : i + bits] for i in range(SYMBOL_BITS)]
        m.d.sync += found.eq(_everywhere(sides, _COMMA[0]) | _everywhere(sides, _COMMA[1]))

        cut = Signal(bits, init=1)  # one bit set: the place of the symbols
        place = Signal(bits)
        first = found & (~found + 1)[:bits]
        count = Signal(range(clocks + 1), init=1)  # clocks since the last symbol
        due = count == clocks
        comma = found.any()
        m.d.comb += place.eq(Mux(comma, first, cut))
        m.d.sync += [
            cut.eq(place),
            count.eq(Mux(comma | due, 1, count + 1)),
            self.valid.eq(comma | due),
            self.comma.eq(comma),
            self.moved.eq(comma & ~(due & (place == cut))),
            self.symbol.eq(_chosen(place, [window[i : i + SYMBOL_BITS] for i in range(bits)])),
        ]
        return m


def _everywhere(sides, symbol: int):
    """The places at which `symbol` stands."""
    return reduce(and_, (side if symbol >> i & 1 else ~side for i, side in enumerate(sides)))


def _chosen(one_hot, values):
    """The value whose bit of ``one_hot`` is set."""
    return reduce(or_, (Mux(bit, value, 0) for bit, value in zip(one_hot, values, strict=True)))
