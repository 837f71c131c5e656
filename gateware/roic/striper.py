# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false
"""The bytes of slices dealt out over several lanes.

PacketBytes  0 1 2 3 4 5 … ─► lane 0  0 2 4 …
                              lane 1  1 3 5 …   a column at a time, the last perhaps not full
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.bus import PacketBytes

__all__ = ["Striper", "columns"]


def columns(lanes: int) -> stream.Signature:
    """Columns of bytes: ``data``, one a lane; ``some``, the lanes that have one; ``last``, of its slice."""
    return stream.Signature(data.StructLayout({"data": data.ArrayLayout(8, lanes), "some": lanes, "last": 1}))


class Striper(wiring.Component):
    """Byte i of a slice to lane i mod `lanes`.

    Every column but a slice's last is full. A slice begins on lane 0.

    **Latency** 1 clock from a column's last byte. **Throughput** one byte a clock. **Backpressure** ``i`` waits while a whole column
    does; the first byte of the next is taken in the clock in which one goes.

    Parameters
    ----------
    lanes : int (2 … 16)

    Members
    -------
    i : In(PacketBytes)
        Whole slices.
    o : Out(columns)
        Their columns.
    empty : Out(1)
        No byte is held.
    """

    latency = 1

    def __init__(self, lanes: int):
        if type(lanes) is not int or not 2 <= lanes <= 16:
            raise ValueError(f"lanes must be an integer from 2 to 16, not {lanes!r}")
        self.lanes = lanes
        super().__init__({"i": In(PacketBytes), "o": Out(columns(lanes)), "empty": Out(1)})

    def elaborate(self, platform):
        m = Module()
        i, o = self.i, self.o
        place = Signal(range(self.lanes))
        whole = i.payload.last | (place == self.lanes - 1)
        m.d.comb += [i.ready.eq(~o.valid | o.ready), self.empty.eq(~o.valid & (place == 0))]
        with m.If(i.ready):
            m.d.sync += o.valid.eq(i.valid & whole)
        with m.If(i.valid & i.ready):
            m.d.sync += [
                o.payload.data[place].eq(i.payload.data),
                o.payload.some.eq(Mux(place == 0, 0, o.payload.some) | (1 << place)),
                o.payload.last.eq(i.payload.last),
                place.eq(Mux(whole, 0, place + 1)),
            ]
        return m
