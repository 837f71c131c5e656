# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""Whole packets from two sources onto one byte stream.

slice FIFO ─┐
            ├─► whoever began ends first, then the reporter goes before ─► bytes
reporter ───┘
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.bus import PacketBytes

__all__ = ["Uplink"]


class Uplink(wiring.Component):
    """An arbiter by packets. A packet that has been offered is not taken back.

    **Latency** none. **Throughput** one byte a clock. **Backpressure** handed through.

    Members
    -------
    slices, reports : In(PacketBytes)
        Data slices; replies and status packets.
    o : Out(stream of bytes)
    idle : Out(1)
        No data slice waits or is under way.
    clear : In(1), sent : Out(32)
        Data slices whose last byte has been taken, since the pulse `clear`.
    """

    slices: In(PacketBytes)
    reports: In(PacketBytes)
    o: Out(stream.Signature(8))
    idle: Out(1)
    clear: In(1)
    sent: Out(32)

    def elaborate(self, platform):
        m = Module()
        #: a packet has been offered, and whose it is
        under_way, reporting, reports, last = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            reports.eq(Mux(under_way, reporting, self.reports.valid)),
            self.o.payload.eq(Mux(reports, self.reports.payload.data, self.slices.payload.data)),
            self.o.valid.eq(Mux(reports, self.reports.valid, self.slices.valid)),
            last.eq(Mux(reports, self.reports.payload.last, self.slices.payload.last)),
            self.reports.ready.eq(reports & self.o.ready),
            self.slices.ready.eq(~reports & self.o.ready),
            self.idle.eq(~self.slices.valid & ~(under_way & ~reporting)),
        ]
        with m.If(self.o.valid):
            m.d.sync += [under_way.eq(~(self.o.ready & last)), reporting.eq(reports)]
        with m.If(self.clear):
            m.d.sync += self.sent.eq(0)
        with m.Elif(self.slices.valid & self.slices.ready & self.slices.payload.last):
            m.d.sync += self.sent.eq(self.sent + 1)
        return m
