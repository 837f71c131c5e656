# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false
"""One serial pair's bits to symbols, and whether their cut is to be trusted.

lane ═► aligner ─► 8b/10b decoder ─► byte, k, errors
              └─ comma, moved ──┴─► lock, what is counted
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.code8b10b import Decoder8b10b
from macropix.gateware.fpga.aligner import Aligner

__all__ = ["LOCK_ERRORS", "SymbolReceiver"]

#: wrong symbols with no K28.5 between them until the lock is lost
LOCK_ERRORS = 4


class SymbolReceiver(wiring.Component):
    """Bits to symbols.

    Locks at the first K28.5, at any of the ten offsets, and follows every K28.5 from then on. The lock is lost behind
    `LOCK_ERRORS` wrong symbols with no K28.5 between, until the next K28.5.

    **Latency** `latency` clocks from a symbol's last bit; ``locked`` one more; **throughput** all the lane has; no backpressure.

    Parameters
    ----------
    bits : 1, 2, 5 or 10
        Bits a clock.

    Members
    -------
    lane : In(bits)
        Bit 0 first in time.
    valid : Out(1), byte : Out(8), k : Out(1), code_error, disparity_error : Out(1)
        A symbol, as `Decoder8b10b` has it.
    comma, moved : Out(1)
        With ``valid``: it is K28.5; and not where it was to be expected.
    locked : Out(1)
        Symbols are cut where a K28.5 stood.
    counted : Out(1), realign : Out(1)
        With ``valid``: errors of this symbol count; it moved the cut while locked.
    """

    #: clocks from the last bit of a symbol on ``lane`` to ``valid``
    latency = Aligner.latency + Decoder8b10b.latency

    def __init__(self, bits: int):
        self.bits = bits
        pulses = ("valid", "k", "code_error", "disparity_error", "comma", "moved", "locked", "counted", "realign")
        super().__init__({"lane": In(bits), "byte": Out(8), **dict.fromkeys(pulses, Out(1))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.aligner = aligner = Aligner(self.bits)
        m.submodules.decoder = decoder = Decoder8b10b()
        m.d.sync += [self.moved.eq(aligner.moved), self.comma.eq(aligner.comma)]
        m.d.comb += [
            aligner.lane.eq(self.lane),
            decoder.symbol.eq(aligner.symbol),
            decoder.valid.eq(aligner.valid),
            decoder.unknown.eq(aligner.moved),
            self.valid.eq(decoder.o_valid),
            self.byte.eq(decoder.byte),
            self.k.eq(decoder.k),
            self.code_error.eq(decoder.code_error),
            self.disparity_error.eq(decoder.disparity_error),
            self.counted.eq(decoder.o_valid & (self.locked | self.comma)),
            self.realign.eq(decoder.o_valid & self.comma & self.moved & self.locked),
        ]
        errors = Signal(range(LOCK_ERRORS))
        with m.If(self.valid & self.comma):
            m.d.sync += [self.locked.eq(1), errors.eq(0)]
        with m.Elif(self.valid & self.locked & (self.code_error | self.disparity_error)):
            m.d.sync += errors.eq(errors + 1)
            with m.If(errors == LOCK_ERRORS - 1):
                m.d.sync += [self.locked.eq(0), errors.eq(0)]
        return m
