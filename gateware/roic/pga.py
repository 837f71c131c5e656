# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
"""The programmable gain: 2^g.

d ─► << g ─► sat18 ─► p
"""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.roic.saturate import saturate

__all__ = ["MAX_GAIN", "Pga"]

#: largest g; what lies above acts as it
MAX_GAIN = 5


class Pga(wiring.Component):
    """p = sat18(d · 2^g), g = 0 … 5. The product takes s23 before it is limited.

    **Latency, throughput, backpressure**: 2 clocks; a value a clock; never waits.

    Members
    -------
    d : In(signed(18))
        Behind the double sampling, DI LSB.
    gain : In(3)
        g, octaves; 6 and 7 act as 5.
    p : Out(signed(18))
        Amplified.
    clipped : Out(1)
        p is not d · 2^g.
    """

    d: In(signed(18))
    gain: In(3)
    p: Out(signed(18))
    clipped: Out(1)

    #: clocks from ``d`` to ``p``
    latency = 2

    def elaborate(self, platform):
        m = Module()
        octaves = Signal(3, reset_less=True)
        product = Signal(signed(18 + MAX_GAIN), reset_less=True)
        m.d.sync += octaves.eq(Mux(self.gain > MAX_GAIN, MAX_GAIN, self.gain))
        m.d.sync += product.eq(self.d << octaves)
        p, clipped = saturate(product, 18)
        m.d.sync += [self.p.eq(p), self.clipped.eq(clipped)]
        return m
