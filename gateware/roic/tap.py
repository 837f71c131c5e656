# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
"""Taps into the chain: one of six signals goes to the encoder, and arrives there in its pixel's clock.

s, q ─►┐      d ─►┐     p ─►┐     y ─►┐       y' ─►┐
       └─►[regs]──┴─►[regs]─┴─►[regs]─┴─►[regs]────┴─► value
"""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware import wire
from macropix.gateware.config import Config
from macropix.gateware.roic.delay import delay

__all__ = ["Tap"]


class Tap(wiring.Component):
    """The selected signal, sign-extended. One row of registers serves all taps: each joins it where its stage ends.

    **Latency, throughput, backpressure**: ``value`` belongs to the y' of the same clock; a value a clock; never waits.

    Parameters
    ----------
    config : Config
        Width of the sum.
    cds, pga, adc, out : int (1 …)
        Clocks from q to d, d to p, p to y, y to y'.

    Members
    -------
    select : In(wire.Tap)
        A value without meaning acts as OUT. Constant while a frame is under way.
    s : In(signed(config.sum_width)), q : In(signed(18))
        In the same clock.
    d, p : In(signed(18)), y, out : In(signed(12))
        Each as many clocks behind the one before as the parameters say.
    raw : Out(1)
        Any tap but OUT is selected.
    value : Out(signed(config.sample_width))
        Selected signal.

    Raises
    ------
    ValueError
        If a number of clocks is less than 1, or the configuration has no taps.
    """

    def __init__(self, config: Config, *, cds: int, pga: int, adc: int, out: int):
        if not config.taps:
            raise ValueError("this configuration has no taps")
        if min(cds, pga, adc, out) < 1:
            raise ValueError(f"every stage takes a clock at least, not {cds}, {pga}, {adc}, {out}")
        self.clocks = cds, pga, adc, out
        super().__init__(
            {
                "select": In(3),
                "s": In(signed(config.sum_width)),
                "q": In(signed(18)),
                "d": In(signed(18)),
                "p": In(signed(18)),
                "y": In(signed(12)),
                "out": In(signed(12)),
                "raw": Out(1),
                "value": Out(signed(config.sample_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        cds, pga, adc, out = self.clocks
        stages = (
            (wire.Tap.DI, self.q, cds),
            (wire.Tap.CDS, self.d, pga),
            (wire.Tap.PGA, self.p, adc),
            (wire.Tap.ADC, self.y, out),
        )
        carried = self.s
        for tap, signal, clocks in stages:
            joined = Signal(self.value.shape(), name=f"joined_{tap.name.lower()}")
            m.d.comb += joined.eq(Mux(self.select == tap, signal, carried))
            carried = delay(m, joined, clocks, name=f"behind_{tap.name.lower()}")
        m.d.comb += [
            self.raw.eq((self.select != wire.Tap.OUT) & (self.select <= wire.Tap.ADC.value)),
            self.value.eq(Mux(self.raw, carried, self.out)),
        ]
        return m
