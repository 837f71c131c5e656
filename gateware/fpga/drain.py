# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""When everything made has left the device.

die idle, lane quiet, FIFO empty, uplink idle ─► for 255 clocks on end ─► drained
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.wire import LaneTest

__all__ = ["QUIET_CLOCKS", "Drain"]

#: clocks without a sign of life until the device counts as drained: more than a slice's last byte takes from the die's serializer
#: to the FIFO (24 bits on a lane of one bit a clock, the deserialiser, two clock crossings)
QUIET_CLOCKS = 255


class Drain(wiring.Component):
    """Waits for silence. Also lends the lane to a lane test, but only while nothing has to cross it.

    **Latency** `QUIET_CLOCKS` from the last sign of life to `drained`, and 1 back. **Throughput, backpressure** none.

    Members
    -------
    active : In(1)
        An exposure is under way, or the counts were cleared in this clock.
    die_idle, fifo_empty, uplink_idle : In(1), lane_busy : In(1)
        Signs of life. What a lane test looks like to the deserialiser does not count.
    drained : Out(1)
    wanted : In(LaneTest), lane_test : Out(LaneTest)
        Of the register; to the die.
    """

    active: In(1)
    die_idle: In(1)
    lane_busy: In(1)
    fifo_empty: In(1)
    uplink_idle: In(1)
    drained: Out(1)
    wanted: In(LaneTest)
    lane_test: Out(LaneTest)

    def elaborate(self, platform):
        m = Module()
        count = Signal(range(QUIET_CLOCKS + 1))
        testing, quiet = Signal(), Signal()
        m.d.comb += [
            self.drained.eq(count == QUIET_CLOCKS),
            testing.eq(self.lane_test.as_value().any()),
            quiet.eq(~self.active & self.die_idle & self.fifo_empty & self.uplink_idle & (testing | ~self.lane_busy)),
            self.lane_test.eq(Mux(self.drained, self.wanted.as_value(), 0)),
        ]
        with m.If(~quiet):
            m.d.sync += count.eq(0)
        with m.Elif(~self.drained):
            m.d.sync += count.eq(count + 1)
        return m
