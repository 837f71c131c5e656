# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
"""The converter: 18 bits to 12.

p ─► rounded by 2^5 ─► sat12 ─► y
"""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.roic.saturate import saturate

__all__ = ["Adc"]


class Adc(wiring.Component):
    """y = sat12((p + 16) >> 5). Rounded it is −4096 … 4096, s14.

    **Latency, throughput, backpressure**: 2 clocks; a value a clock; never waits.

    Members
    -------
    p : In(signed(18))
        Behind the gain, DI LSB.
    y : Out(signed(12))
        ADC LSB.
    clipped : Out(1)
        y is not its argument.
    """

    p: In(signed(18))
    y: Out(signed(12))
    clipped: Out(1)

    #: clocks from ``p`` to ``y``
    latency = 2

    def elaborate(self, platform):
        m = Module()
        rounded = Signal(signed(14), reset_less=True)
        y, clipped = saturate(rounded, 12)
        m.d.sync += [rounded.eq((self.p >> 5) + self.p[4]), self.y.eq(y), self.clipped.eq(clipped)]
        return m
