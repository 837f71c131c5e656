# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportGeneralTypeIssues=false
"""One of several serial pairs: its bits to the marks and bytes that count when the lanes are joined.

lane ═► SymbolReceiver ─► behind K28.5, D(own number)? ─► LaneItem: MARK, START, BYTE, END, BROKEN
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.fpga.symbols import SymbolReceiver
from macropix.gateware.wire import K_END, K_IDLE, K_START

__all__ = ["Item", "LaneItem", "LaneReceiver"]


class Item(enum.Enum, shape=3):
    """What a symbol means to the join of the lanes."""

    #: a byte of a slice
    BYTE = 0
    #: idle pair 0 of eight behind pair 7, on all lanes alike
    MARK = 1
    #: K27.7 behind an idle pair of the lane
    START = 2
    #: K29.7
    END = 3
    #: a slice's symbol is wrong, or none that belongs there
    BROKEN = 4


class LaneItem(data.Struct):
    """One item, and the byte if it is one."""

    byte: 8
    item: Item


class LaneReceiver(wiring.Component):
    """The bits of one lane of several to items.

    A slice begins only at a K27.7 right behind K28.5 and the data symbol of the lane's own number: a lane on another's wire brings
    nothing. Inside, K28.5 is left out. The first symbol that is wrong, moves the cut or does not belong there breaks the slice, and
    nothing more is told until the next start.

    **Latency** 5 clocks from the last bit of a symbol; **throughput** all the lane has; no backpressure, a lane cannot stop.

    Parameters
    ----------
    bits : 1, 2, 5 or 10
        Bits a clock.
    number, lanes : int
        The lane's; how many there are.

    Members
    -------
    lane : In(bits)
        Bit 0 first in time.
    o : Out(LaneItem), valid : Out(1)
        Items, at most one a symbol.
    locked : Out(1)
        As of `SymbolReceiver`.
    named : Out(1), strange : Out(1)
        The latest idle pair bore the lane's own number; the latest two another's. Neither before the first, nor without lock.
    code_error, disparity_error, realign : Out(1)
        Pulses, as `Deserializer` counts them.
    """

    #: clocks from the last bit of a symbol on ``lane`` to its item
    latency = SymbolReceiver.latency + 1

    def __init__(self, bits: int, number: int, *, lanes: int):
        self.bits, self.number, self.lanes = bits, number, lanes
        pulses = dict.fromkeys(("valid", "locked", "named", "strange", "code_error", "disparity_error", "realign"), Out(1))
        super().__init__({"lane": In(bits), "o": Out(LaneItem), **pulses})

    def elaborate(self, platform):
        m = Module()
        m.submodules.symbols = symbols = SymbolReceiver(self.bits)
        m.d.comb += [
            symbols.lane.eq(self.lane),
            self.locked.eq(symbols.locked),
            self.code_error.eq(symbols.counted & symbols.code_error),
            self.disparity_error.eq(symbols.counted & symbols.disparity_error),
            self.realign.eq(symbols.realign),
        ]
        self._tell(m, symbols)
        return m

    def _tell(self, m: Module, symbols):
        """Items, and whose number the idle pairs bear."""
        valid, byte, k, comma, moved = symbols.valid, symbols.byte, symbols.k, symbols.comma, symbols.moved
        wrong = symbols.code_error | symbols.disparity_error
        inside = Signal()
        # the last symbol was K28.5; an idle pair's second; the lane's own; K28.5 behind any pair's second
        behind_comma, behind_number, behind_own, behind_pair = Signal(), Signal(), Signal(), Signal()
        latest = Signal(8)  # second symbol of the latest pair
        number = valid & behind_comma & ~k & ~wrong
        own = byte[:5] == self.number
        # of a pair that follows another: in the bytes of a slice of which the start was lost, K28.5 and a byte look like a pair, too
        follows = behind_pair & (byte == (latest + (1 << 5))[:8])
        start = valid & behind_own & k & (byte == K_START) & ~wrong
        item = Signal(Item)
        with m.If(valid):
            m.d.sync += [
                behind_comma.eq(comma),
                behind_number.eq(number),
                behind_own.eq(number & own),
                behind_pair.eq(comma & behind_number),
            ]
        with m.If(number):
            m.d.sync += latest.eq(byte)
        m.d.sync += [self.valid.eq(0), self.o.byte.eq(byte), self.o.item.eq(item)]
        with m.If(start):
            m.d.comb += item.eq(Item.START)
            m.d.sync += [inside.eq(1), self.valid.eq(1)]
        with m.Elif(valid & inside):
            with m.If(wrong | moved | (k & (byte != K_IDLE) & (byte != K_END))):
                m.d.comb += item.eq(Item.BROKEN)
            with m.Else():
                m.d.comb += item.eq(Mux(k, Item.END.value, Item.BYTE.value))
            idle = k & (byte == K_IDLE) & ~wrong & ~moved
            m.d.sync += [self.valid.eq(~idle), inside.eq((item == Item.BYTE) | idle)]
        with m.Elif(number):
            m.d.comb += item.eq(Item.MARK)
            m.d.sync += self.valid.eq(own & follows & (byte[5:] == 0))
            with m.If(own | (follows & (byte[:5] < self.lanes))):
                m.d.sync += [self.named.eq(own), self.strange.eq(~own)]
        with m.If(~self.locked):
            m.d.sync += [self.named.eq(0), self.strange.eq(0)]
