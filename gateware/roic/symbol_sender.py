# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false
"""Chosen symbols to the bits of the serial pairs, all in step.

byte, k ─► 8b/10b ─► shift register ═ 1, 2, 5 or 10 bits a clock ═► lane 0, 1 …
           PRBS-7 ─┘
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.code8b10b import SYMBOL_BITS, Encoder8b10b
from macropix.gateware.roic.prbs7 import Prbs7
from macropix.gateware.wire import LaneTest

__all__ = ["FIXED_BYTE", "SymbolSender"]

#: D21.5: alternating bits
FIXED_BYTE = 0xB5


class SymbolSender(wiring.Component):
    """What is chosen for each lane, coded and sent; or, on all lanes alike, a lane test instead of it.

    **Latency** 1 clock from ``tick`` to the first bit of what stood there with it. **Throughput** a symbol a lane each
    ``10 / bits`` clocks. **Backpressure**: ``tick`` says when the next is taken.

    Parameters
    ----------
    lanes : int
    bits : 1, 2, 5 or 10
        Bits a clock and lane.

    Members
    -------
    byte : In(ArrayLayout(8, lanes)), k : In(lanes)
        Symbols, as `Encoder8b10b` takes them.
    test : In(LaneTest)
        Sent instead.
    tick : Out(1)
        The last clock of a symbol: the next is taken.
    lane : Out(lanes · bits)
        Lane n in bits n · bits and up, the lowest first in time.
    """

    def __init__(self, lanes: int, bits: int):
        self.lanes, self.bits = lanes, bits
        super().__init__(
            {
                "byte": In(data.ArrayLayout(8, lanes)),
                "k": In(lanes),
                "test": In(LaneTest),
                "tick": Out(1),
                "lane": Out(lanes * bits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.prbs = prbs = Prbs7()
        fixed, random = self.test == LaneTest.FIXED, self.test == LaneTest.PRBS7
        bits, bits_instead = Signal(SYMBOL_BITS), Signal()
        m.d.comb += prbs.enable.eq(self.tick & random)
        with m.If(self.tick):
            m.d.sync += bits_instead.eq(random)
            with m.If(random):
                m.d.sync += bits.eq(prbs.o)
        symbols = []
        for n in range(self.lanes):
            m.submodules[f"encoder_{n}"] = encoder = Encoder8b10b()
            m.d.comb += [
                encoder.byte.eq(Mux(fixed, FIXED_BYTE, self.byte[n])),
                encoder.k.eq(self.k[n] & ~fixed),
                encoder.enable.eq(self.tick),
            ]
            symbol = Signal(SYMBOL_BITS, name=f"symbol_{n}")
            m.d.comb += symbol.eq(Mux(bits_instead, bits, encoder.symbol))
            symbols.append(symbol)
        clocks = SYMBOL_BITS // self.bits
        if clocks == 1:
            m.d.comb += [self.tick.eq(1), self.lane.eq(Cat(symbols))]
        else:
            count = Signal(range(clocks))
            m.d.comb += [self.tick.eq(count == clocks - 1), self.lane.eq(Cat(symbol.word_select(count, self.bits) for symbol in symbols))]
            m.d.sync += count.eq(Mux(self.tick, 0, count + 1))
        return m
