# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
"""Two samples and their difference.

base + pattern + n₁ ─► satu12 ─► R ──┐ (CDS off)
                      q + n₂ ────────┴─► + ─► sat18 ─► d
"""

from amaranth.hdl import Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.config import Config
from macropix.gateware.roic.delay import delay
from macropix.gateware.roic.saturate import saturate

__all__ = ["Cds"]


class Cds(wiring.Component):
    """R = satu12(base + pattern + n₁), S = R + q + n₂; d = sat18(S − R) with CDS, sat18(S) without.

    S − R is q + n₂ exactly, s19: R is not subtracted but left out. S is s19 too (|S| < 2^17 + 4095 + 2040).

    **Latency, throughput, backpressure**: ``latency`` clocks; a value a clock; never waits.

    Parameters
    ----------
    config : Config
        Without the noise R is ``base``.

    Members
    -------
    q : In(signed(18))
        Charge, DI LSB.
    base : In(12), cds : In(1)
        Constant while a frame is under way.
    pattern : In(12), n1, n2 : In(signed(12))
        With the noise: of the same macro-pixel as q, in the same clock.
    d : Out(signed(18))
        Difference, or signal level.
    clipped : Out(1)
        R or d is not its argument.
    """

    def __init__(self, config: Config):
        self.config = config
        members = {"q": In(signed(18)), "base": In(12), "cds": In(1), "d": Out(signed(18)), "clipped": Out(1)}
        if config.noise:
            members |= {"pattern": In(12), "n1": In(signed(12)), "n2": In(signed(12))}
        super().__init__(members)

    @property
    def latency(self) -> int:
        """Clocks from ``q`` to ``d``."""
        return 4 if self.config.noise else 2

    def elaborate(self, platform):
        m = Module()
        if self.config.noise:
            level, reset, outside = Signal(signed(15), reset_less=True), Signal(12, reset_less=True), Signal(reset_less=True)
            noisy = Signal(signed(19), reset_less=True)
            m.d.sync += [
                level.eq(self.base + self.pattern + self.n1),
                noisy.eq(self.q + self.n2),
                reset.eq(Mux(level[-1], 0, level[:12] | (level[12:14].any()).replicate(12))),
                outside.eq(level[12:].any()),
            ]
            signal, outside = delay(m, noisy, 1, name="noisy"), delay(m, outside, 1, name="outside")
        else:
            signal, reset, outside = self.q, self.base, Const(0)
        sample = Signal(signed(19), reset_less=True)
        d, clipped = saturate(sample, 18)
        m.d.sync += [
            sample.eq(signal + Mux(self.cds, 0, reset)),
            self.d.eq(d),
            self.clipped.eq(clipped | outside),
        ]
        return m
