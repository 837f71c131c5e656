# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false
"""The serial pair's bits to the bytes of slices, and whether each slice came whole.

lane ═► SymbolReceiver ─► slices and CRC-32 ─► LaneBytes
                     └─ lock, errors ─► counts
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.bus import LaneBytes
from macropix.gateware.config import Config
from macropix.gateware.crc import Crc
from macropix.gateware.fpga.symbols import SymbolReceiver
from macropix.gateware.wire import CRC32, K_END, K_IDLE, K_START, MAX_PAYLOAD, OVERHEAD_BYTES

__all__ = ["MAX_BYTES", "Deserializer", "SliceReceiver"]

#: most bytes of a slice
MAX_BYTES = OVERHEAD_BYTES + MAX_PAYLOAD


class SliceReceiver(wiring.Component):
    """Decoded symbols to slices.

    K27.7 begins a slice, even where its disparity is wrong (what was damaged may lie before it). Inside, K28.5 means nothing.
    The slice ends good with a right K29.7 behind a right CRC-32. It ends bad at its first wrong symbol, where the cut moves, at
    any other control symbol, at its byte 4,120, and at the next K27.7, which begins the next slice. Otherwise only K27.7 is
    looked for outside of slices; behind a bad end not before the next K28.5, for the symbols may be cut wrongly until then.

    **Latency** one clock; **throughput** one symbol a clock; no backpressure.

    Members
    -------
    valid : In(1), byte : In(8), k : In(1)
        Symbol.
    wrong : In(1)
        It is none, or its disparity is wrong.
    begin : In(1)
        A slice may begin here: the symbol is one, and the lane is locked.
    moved : In(1)
        The cut between symbols has moved, to this K28.5.
    o : Out(LaneBytes)
        Slices.
    """

    valid: In(1)
    byte: In(8)
    k: In(1)
    wrong: In(1)
    begin: In(1)
    moved: In(1)
    o: Out(LaneBytes())

    latency = 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = Crc(CRC32(8))
        inside, armed = Signal(), Signal()
        length = Signal(range(MAX_BYTES + 1))
        control = {name: self.k & (self.byte == name) for name in (K_IDLE, K_START, K_END)}
        start = self.valid & self.begin & control[K_START] & (armed | inside)
        data = Signal()
        m.d.comb += [
            data.eq(self.valid & inside & ~self.wrong & ~self.k & (length != MAX_BYTES)),
            crc.data.eq(self.byte),
            crc.valid.eq(data),
            crc.start.eq(start),
        ]
        m.d.sync += [
            self.o.valid.eq(data),
            self.o.data.eq(self.byte),
            self.o.start.eq(data & (length == 0)),
            self.o.end.eq(0),
            self.o.good.eq(~self.wrong & control[K_END] & crc.match_detected),
        ]
        with m.If(data):
            m.d.sync += length.eq(length + 1)
        with m.Elif(self.valid & inside & (self.wrong | self.moved | ~control[K_IDLE])):
            m.d.sync += [inside.eq(0), armed.eq(0), self.o.end.eq(1)]
        with m.If(start):
            m.d.sync += [inside.eq(1), length.eq(0)]
        with m.If(self.valid & control[K_IDLE]):
            m.d.sync += armed.eq(1)
        return m


class Deserializer(wiring.Component):
    """The serial pair's bits to slices.

    The cut between symbols, and when it is trusted: `SymbolReceiver`; without its lock nothing is delivered or counted. What ends a
    slice: `SliceReceiver`. One damaged place loses the slice it lies in; one between two slices loses at most the later.

    **Latency** 5 clocks from the last bit of a symbol; **throughput** all the lane has; no backpressure, a lane cannot stop.

    Parameters
    ----------
    config : Config
        ``lane_bits`` bits a clock.

    Members
    -------
    lane : In(lane_bits)
        Bit 0 first in time.
    o : Out(LaneBytes)
        Slices; every slice begun is ended.
    locked : Out(1)
        Symbols are cut where a K28.5 stood.
    code_errors, disparity_errors, realigns : Out(16)
        Symbols that are none, symbols of wrong disparity, K28.5 that moved the cut while locked; modulo 2^16, since reset.
    """

    #: clocks from the last bit of a symbol on ``lane`` to its byte at ``o``
    latency = SymbolReceiver.latency + SliceReceiver.latency

    def __init__(self, config: Config):
        self.bits = config.lane_bits
        super().__init__(
            {
                "lane": In(self.bits),
                "o": Out(LaneBytes()),
                "locked": Out(1),
                "code_errors": Out(16),
                "disparity_errors": Out(16),
                "realigns": Out(16),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.symbols = symbols = SymbolReceiver(self.bits)
        m.submodules.receiver = receiver = SliceReceiver()
        m.d.comb += [
            symbols.lane.eq(self.lane),
            self.locked.eq(symbols.locked),
            receiver.valid.eq(symbols.valid),
            receiver.byte.eq(symbols.byte),
            receiver.k.eq(symbols.k),
            receiver.wrong.eq(symbols.code_error | symbols.disparity_error),
            receiver.moved.eq(symbols.moved),
            receiver.begin.eq(symbols.locked & ~symbols.code_error),
        ]
        wiring.connect(m, receiver.o, wiring.flipped(self.o))
        with m.If(symbols.counted):
            m.d.sync += [
                self.code_errors.eq(self.code_errors + symbols.code_error),
                self.disparity_errors.eq(self.disparity_errors + symbols.disparity_error),
                self.realigns.eq(self.realigns + symbols.realign),
            ]
        return m
