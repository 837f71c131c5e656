# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false
"""Flags read back from the buffer: as bytes, or as the gaps between their ones.

flags ─► byte ─► its lowest 1 ─► index − index before − 1 ─► gap
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Gaps"]


class Gaps(wiring.Component):
    """Holds one byte of flags and knows the distance from the last 1 that was taken to the next.

    **Latency**: ``begin`` and `latency` times ``load``, and the first byte stands in ``byte``. **Throughput** one byte or one 1 a clock.
    **Backpressure**: nothing moves but on demand.

    Members
    -------
    begin : In(1)
        Back to the start of a slice.
    load : In(1), flags : In(8)
        The next byte, from the slice buffer.
    take : In(1)
        The lowest 1 of ``byte`` is done with.
    final : In(1), count : In(10)
        ``gap`` shall be the one behind the last 1, to the end of the slice, pixel ``count`` included.
    byte : Out(8), at : Out(7)
        Flags with the ones not yet taken; which byte of the slice.
    gap : Out(10)
        Zeros between the last 1 taken, or the start of the slice, and the lowest 1 of ``byte``.
    """

    #: pulses of ``load`` until the first byte stands in ``byte``: two until the slice buffer has it
    latency = 3

    begin: In(1)
    load: In(1)
    flags: In(8)
    take: In(1)
    final: In(1)
    count: In(10)
    byte: Out(8)
    at: Out(7)
    gap: Out(10)

    def elaborate(self, platform):
        m = Module()
        lowest, before = Signal(3), Signal(10)
        index, here = Signal(10), Signal(10)
        for place in reversed(range(8)):
            with m.If(self.byte[place]):
                m.d.comb += lowest.eq(place)
        m.d.comb += [
            index.eq(Cat(lowest, self.at)),
            here.eq(Mux(self.final, self.count, index)),
            # here − before − 1; the final gap has pixel `count` in it, so one more
            self.gap.eq((Cat(self.final, here) + Cat(self.final, ~before))[1:]),
        ]
        with m.If(self.begin):
            m.d.sync += [self.at.eq(-self.latency), before.eq(-1)]
        with m.Elif(self.load):
            m.d.sync += [self.byte.eq(self.flags), self.at.eq(self.at + 1)]
        with m.Elif(self.take):
            m.d.sync += [self.byte.eq(self.byte & (self.byte - 1)), before.eq(index)]
        return m
