# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false
"""Slices to the bits of the serial pair.

PacketBytes ─► K27.7, bytes, K29.7 between idle pairs ─► 8b/10b ─► shift register ═ 1, 2, 5 or 10 bits a clock ═►
                                                         PRBS-7 ─┘
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.bus import PacketBytes
from macropix.gateware.code8b10b import SYMBOL_BITS, Encoder8b10b
from macropix.gateware.config import Config
from macropix.gateware.roic.prbs7 import Prbs7
from macropix.gateware.wire import K_END, K_IDLE, K_START, LaneTest

__all__ = ["FIXED_BYTE", "IDLE_SYMBOLS", "LANE_NUMBER", "QUIET_SYMBOLS", "Serializer"]

#: D21.5: alternating bits
FIXED_BYTE = 0xB5
#: least number of idle symbols between two slices
IDLE_SYMBOLS = 4
#: symbols behind a slice until `Serializer` calls itself idle
QUIET_SYMBOLS = 24
#: data symbol of the idle pair
LANE_NUMBER = 0


class _State(enum.Enum):
    COMMA = 0  # even symbol of the idle pair
    NUMBER = 1  # odd symbol
    SLICE = 2
    END = 3


class Serializer(wiring.Component):
    """Slices to the bits of the serial pair.

    Between slices it sends the idle pair K28.5, D0.0, at least twice. A byte that is not there in time is waited for with
    K28.5. A lane test begins and ends between slices; meanwhile a slice waits in ``i``.

    **Latency** of a byte: 2 clocks to the first of its bits; of a slice's start up to 4 symbols more. **Throughput**
    ``lane_bits / 10`` bytes a clock, less 6 symbols a slice. **Backpressure**: ``i.ready`` is high in the one clock of a symbol
    in which a byte is wanted; it does not wait for ``i.valid``.

    Parameters
    ----------
    config : Config
        ``lane_bits`` bits a clock.

    Members
    -------
    i : In(PacketBytes)
        Whole packets.
    test : In(LaneTest)
        Sent instead.
    lane : Out(lane_bits)
        Bit 0 first in time.
    idle : Out(1)
        No byte waits in ``i``, and `QUIET_SYMBOLS` symbols were chosen behind the last K29.7: the slice is through the
        deserialiser and in the slice FIFO, if the FPGA's clock is not slower than a quarter of the die's.
    """

    #: clocks from a byte that is taken to the first of its bits on ``lane``
    latency = 2

    def __init__(self, config: Config):
        self.bits = config.lane_bits
        super().__init__({"i": In(PacketBytes), "test": In(LaneTest), "lane": Out(self.bits), "idle": Out(1)})

    def elaborate(self, platform):
        m = Module()
        tick = Signal()
        byte, k, test = self._choose(m, tick)
        self._send(m, tick, byte, k, test)
        return m

    def _choose(self, m: Module, tick):
        """Choose a symbol each tick: its byte, whether it is a control symbol, and the test that stands instead of it."""
        state = Signal(_State)
        pairs = Signal(range(IDLE_SYMBOLS // 2 + 1))  # idle pairs since the last slice or test
        quiet = Signal(range(QUIET_SYMBOLS + 1), init=QUIET_SYMBOLS)  # symbols since the last slice
        byte, k, test = Signal(8), Signal(), Signal(LaneTest)
        enough = pairs == IDLE_SYMBOLS // 2
        m.d.comb += [
            self.i.ready.eq(tick & (state == _State.SLICE)),
            self.idle.eq(~self.i.valid & (quiet == QUIET_SYMBOLS)),
        ]
        with m.If(tick):
            m.d.sync += [byte.eq(K_IDLE), k.eq(1), quiet.eq(Mux(quiet == QUIET_SYMBOLS, quiet, quiet + 1))]
            with m.Switch(state):
                with m.Case(_State.COMMA):
                    m.d.sync += [test.eq(self.test), state.eq(_State.NUMBER)]
                    with m.If(self.i.valid & enough & (self.test == LaneTest.OFF)):
                        m.d.sync += [byte.eq(K_START), state.eq(_State.SLICE)]
                with m.Case(_State.NUMBER):
                    m.d.sync += [byte.eq(LANE_NUMBER), k.eq(0), state.eq(_State.COMMA)]
                    m.d.sync += pairs.eq(Mux(test == LaneTest.OFF, Mux(enough, pairs, pairs + 1), 0))
                with m.Case(_State.SLICE):
                    m.d.sync += [quiet.eq(0), pairs.eq(0)]
                    with m.If(self.i.valid):
                        m.d.sync += [byte.eq(self.i.payload.data), k.eq(0)]
                        with m.If(self.i.payload.last):
                            m.d.sync += state.eq(_State.END)
                with m.Case(_State.END):
                    m.d.sync += [byte.eq(K_END), quiet.eq(0), state.eq(_State.COMMA)]
        return byte, k, test

    def _send(self, m: Module, tick, byte, k, test):
        """Code what was chosen and send its bits; drives ``tick`` in the last clock of each symbol."""
        m.submodules.encoder = encoder = Encoder8b10b()
        m.submodules.prbs = prbs = Prbs7()
        fixed, random = test == LaneTest.FIXED, test == LaneTest.PRBS7
        m.d.comb += [
            encoder.byte.eq(Mux(fixed, FIXED_BYTE, byte)),
            encoder.k.eq(k & ~fixed),
            encoder.enable.eq(tick),
            prbs.enable.eq(tick & random),
        ]
        bits, bits_instead, symbol = Signal(SYMBOL_BITS), Signal(), Signal(SYMBOL_BITS)
        with m.If(tick):
            m.d.sync += bits_instead.eq(random)
            with m.If(random):
                m.d.sync += bits.eq(prbs.o)
        m.d.comb += symbol.eq(Mux(bits_instead, bits, encoder.symbol))
        clocks = SYMBOL_BITS // self.bits
        if clocks == 1:
            m.d.comb += [tick.eq(1), self.lane.eq(symbol)]
        else:
            count = Signal(range(clocks))
            m.d.comb += [tick.eq(count == clocks - 1), self.lane.eq(symbol.word_select(count, self.bits))]
            m.d.sync += count.eq(Mux(tick, 0, count + 1))
