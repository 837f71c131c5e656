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
from macropix.gateware.config import Config
from macropix.gateware.roic.symbol_sender import SymbolSender
from macropix.gateware.wire import K_END, K_IDLE, K_START, LaneTest

__all__ = ["IDLE_SYMBOLS", "LANE_NUMBER", "QUIET_SYMBOLS", "Serializer", "State"]

#: least number of idle symbols between two slices
IDLE_SYMBOLS = 4
#: symbols behind a slice until `Serializer` calls itself idle
QUIET_SYMBOLS = 24
#: data symbol of the idle pair
LANE_NUMBER = 0


class State(enum.Enum):
    """Which symbol is chosen next."""

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
        m.submodules.sender = sender = SymbolSender(1, self.bits)
        byte, k, test = self._choose(m, sender.tick)
        m.d.comb += [sender.byte[0].eq(byte), sender.k.eq(k), sender.test.eq(test), self.lane.eq(sender.lane)]
        return m

    def _choose(self, m: Module, tick):
        """Choose a symbol each tick: its byte, whether it is a control symbol, and the test that stands instead of it."""
        state = Signal(State)
        pairs = Signal(range(IDLE_SYMBOLS // 2 + 1))  # idle pairs since the last slice or test
        quiet = Signal(range(QUIET_SYMBOLS + 1), init=QUIET_SYMBOLS)  # symbols since the last slice
        byte, k, test = Signal(8), Signal(), Signal(LaneTest)
        enough = pairs == IDLE_SYMBOLS // 2
        m.d.comb += [
            self.i.ready.eq(tick & (state == State.SLICE)),
            self.idle.eq(~self.i.valid & (quiet == QUIET_SYMBOLS)),
        ]
        with m.If(tick):
            m.d.sync += [byte.eq(K_IDLE), k.eq(1), quiet.eq(Mux(quiet == QUIET_SYMBOLS, quiet, quiet + 1))]
            with m.Switch(state):
                with m.Case(State.COMMA):
                    m.d.sync += [test.eq(self.test), state.eq(State.NUMBER)]
                    with m.If(self.i.valid & enough & (self.test == LaneTest.OFF)):
                        m.d.sync += [byte.eq(K_START), state.eq(State.SLICE)]
                with m.Case(State.NUMBER):
                    m.d.sync += [byte.eq(LANE_NUMBER), k.eq(0), state.eq(State.COMMA)]
                    m.d.sync += pairs.eq(Mux(test == LaneTest.OFF, Mux(enough, pairs, pairs + 1), 0))
                with m.Case(State.SLICE):
                    m.d.sync += [quiet.eq(0), pairs.eq(0)]
                    with m.If(self.i.valid):
                        m.d.sync += [byte.eq(self.i.payload.data), k.eq(0)]
                        with m.If(self.i.payload.last):
                            m.d.sync += state.eq(State.END)
                with m.Case(State.END):
                    m.d.sync += [byte.eq(K_END), quiet.eq(0), state.eq(State.COMMA)]
        return byte, k, test
