# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
"""Which macro-pixels are worth sending.

y' ─► signs of y' − T and y' + T − 1 ─► mode ─► not masked ─► sent
"""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.wire import ThresholdMode

__all__ = ["Threshold"]


class Threshold(wiring.Component):
    """Sent if not masked and (T = 0, or by mode: ABS y' ≥ T or y' ≤ −T; POS y' ≥ T; NEG y' ≤ −T).

    **Latency, throughput, backpressure**: 1 clock; a value a clock; never waits.

    Members
    -------
    y : In(signed(12)), masked : In(1)
        y', ADC LSB; whether its macro-pixel is masked.
    threshold : In(11), mode : In(ThresholdMode)
        T, ADC LSB; a mode without meaning acts as ABS. Constant while a frame is under way.
    sent : Out(1)
        Past the threshold and not masked.
    """

    y: In(signed(12))
    masked: In(1)
    threshold: In(11)
    mode: In(2)
    sent: Out(1)

    #: clocks from ``y`` to ``sent``
    latency = 1

    def elaborate(self, platform):
        m = Module()
        above, below = Signal(signed(13)), Signal(signed(13))
        every, positive, negative = Signal(), Signal(), Signal()
        m.d.comb += [
            above.eq(self.y - self.threshold),
            below.eq(self.y + self.threshold - 1),
            positive.eq(self.mode != ThresholdMode.NEG),
            negative.eq(self.mode != ThresholdMode.POS),
        ]
        m.d.sync += every.eq(self.threshold == 0)
        m.d.sync += self.sent.eq(~self.masked & Mux(every, 1, (positive & ~above[-1]) | (negative & below[-1])))
        return m
