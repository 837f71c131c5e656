# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
"""The fixed pattern of the reset level: a hash of row and column, times an amplitude.

step, row_last ─► r · 0x9E35 + c · 0x6A4D + 0x3C6F ─► hash ─► × amplitude >> 4 ─► pattern
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Pattern"]

ROW, COLUMN, ORIGIN, FACTOR = 0x9E35, 0x6A4D, 0x3C6F, 0x2545


class Pattern(wiring.Component):
    """The fixed pattern at each macro-pixel of a frame, in raster order.

    **Latency, throughput, backpressure**: ``pattern`` belongs to the ``step`` of 3 clocks before; a step a clock; never waits.

    Members
    -------
    start : In(1)
        A frame begins.
    step, row_last : In(1)
        A macro-pixel; it is the last of its row.
    amplitude : In(8)
        In 1/16.
    pattern : Out(12)
        0 … 255 · amplitude / 16, DI LSB.
    """

    start: In(1)
    step: In(1)
    row_last: In(1)
    amplitude: In(8)
    pattern: Out(12)

    #: clocks from ``step`` to its pattern
    latency = 3

    def elaborate(self, platform):
        m = Module()
        row, here, following = Signal(16), Signal(16), Signal(16)
        # the first mixing is done on the way into its register, so that the multiplier stands between registers
        mixed, multiplied = Signal(16), Signal(16, reset_less=True)
        hashed = Signal(8, reset_less=True)
        scaled = Signal(16, reset_less=True)
        m.d.comb += following.eq(Mux(self.start, ORIGIN, Mux(self.row_last, row + ROW, here + COLUMN)))
        with m.If(self.start | self.step):
            m.d.sync += [here.eq(following), mixed.eq(following ^ (following >> 7))]
        with m.If(self.start | (self.step & self.row_last)):
            m.d.sync += row.eq(following)
        m.d.sync += [
            multiplied.eq(mixed * FACTOR),
            hashed.eq(multiplied ^ (multiplied >> 9)),
            scaled.eq(hashed * self.amplitude),
        ]
        m.d.comb += self.pattern.eq(scaled >> 4)
        return m
