# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false
"""Slices to the bits of several serial pairs, all in step.

PacketBytes ─► Striper ─ columns ─► K27.7, bytes, K29.7 between idle pairs ─┬─► 8b/10b ─► shift register ═► lane 0
                                    D(lane's number).(pair's number) ───────┴─► 8b/10b ─► shift register ═► lane 1 …
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.bus import PacketBytes
from macropix.gateware.config import Config
from macropix.gateware.roic.serializer import IDLE_SYMBOLS, QUIET_SYMBOLS, State
from macropix.gateware.roic.striper import Striper
from macropix.gateware.roic.symbol_sender import SymbolSender
from macropix.gateware.wire import K_END, K_IDLE, K_START, LaneTest

__all__ = ["PAIRS", "StripedSerializer"]

#: idle pairs are counted modulo this, in the upper three bits of their data symbol
PAIRS = 8


class StripedSerializer(wiring.Component):
    """Slices to the bits of two or more serial pairs: `Serializer` for all of them, symbol beneath symbol.

    All lanes start, wait, end and rest in the same symbol. A lane that has no byte in a slice's last column sends K28.5 there. The idle
    pair is K28.5, D x.y: x is the lane's number, y counts pairs modulo `PAIRS`, on all lanes alike, from reset on.

    **Latency** of a byte: as of `Serializer`, and one clock for each byte of its column behind it. **Throughput** a byte a clock at the
    most, else ``lanes · lane_bits / 10``, less 6 symbols a slice. **Backpressure** as of `Striper`.

    Parameters
    ----------
    config : Config
        ``lanes`` lanes of ``lane_bits`` bits a clock.

    Members
    -------
    i : In(PacketBytes)
        Whole packets.
    test : In(LaneTest)
        Sent instead, the same on all lanes.
    lane : Out(lanes · lane_bits)
        Lane n in bits n · lane_bits and up, the lowest first in time.
    idle : Out(1)
        As of `Serializer`.
    """

    def __init__(self, config: Config):
        self.lanes, self.bits = config.lanes, config.lane_bits
        super().__init__({"i": In(PacketBytes), "test": In(LaneTest), "lane": Out(config.lane_width), "idle": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.striper = self._striper = Striper(self.lanes)
        wiring.connect(m, wiring.flipped(self.i), self._striper.i)
        m.submodules.sender = sender = SymbolSender(self.lanes, self.bits)
        bytes_, ks, test = self._choose(m, sender.tick)
        m.d.comb += [byte.eq(chosen) for byte, chosen in zip(sender.byte, bytes_, strict=True)]
        m.d.comb += [sender.k.eq(ks), sender.test.eq(test), self.lane.eq(sender.lane)]
        return m

    def _choose(self, m: Module, tick):
        """Choose a symbol for each lane each tick: its byte, whether it is a control symbol, and the test that stands instead of all."""
        column = self._striper.o
        state = Signal(State)
        pairs = Signal(range(IDLE_SYMBOLS // 2 + 1))  # idle pairs since the last slice or test
        number = Signal(range(PAIRS))
        quiet = Signal(range(QUIET_SYMBOLS + 1), init=QUIET_SYMBOLS)  # symbols since the last slice
        bytes_, ks, test = [Signal(8, name=f"byte_{n}") for n in range(self.lanes)], Signal(self.lanes), Signal(LaneTest)
        enough = pairs == IDLE_SYMBOLS // 2
        m.d.comb += [
            column.ready.eq(tick & (state == State.SLICE)),
            self.idle.eq(~self.i.valid & self._striper.empty & (quiet == QUIET_SYMBOLS)),
        ]

        def control(value):
            return [*(byte.eq(value) for byte in bytes_), ks.eq(~0)]

        with m.If(tick):
            m.d.sync += [*control(K_IDLE), quiet.eq(Mux(quiet == QUIET_SYMBOLS, quiet, quiet + 1))]
            with m.Switch(state):
                with m.Case(State.COMMA):
                    m.d.sync += [test.eq(self.test), state.eq(State.NUMBER)]
                    with m.If(column.valid & enough & (self.test == LaneTest.OFF)):
                        m.d.sync += [*control(K_START), state.eq(State.SLICE)]
                with m.Case(State.NUMBER):
                    m.d.sync += [*(byte.eq(n | number << 5) for n, byte in enumerate(bytes_)), ks.eq(0), number.eq(number + 1)]
                    m.d.sync += [pairs.eq(Mux(test == LaneTest.OFF, Mux(enough, pairs, pairs + 1), 0)), state.eq(State.COMMA)]
                with m.Case(State.SLICE):
                    m.d.sync += [quiet.eq(0), pairs.eq(0)]
                    with m.If(column.valid):
                        some = column.payload.some
                        m.d.sync += [byte.eq(Mux(some[n], column.payload.data[n], K_IDLE)) for n, byte in enumerate(bytes_)]
                        m.d.sync += ks.eq(~some)
                        with m.If(column.payload.last):
                            m.d.sync += state.eq(State.END)
                with m.Case(State.END):
                    m.d.sync += [*control(K_END), quiet.eq(0), state.eq(State.COMMA)]
        return bytes_, ks, test
