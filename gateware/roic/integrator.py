# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
"""The integrator (DI): the sum becomes a charge, and the well bounds it.

s ─► × t, rounded by 2^16 ─► + test charge ─► well_low … well_high ─► q
"""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.config import Config, Form
from macropix.gateware.roic.delay import delay
from macropix.gateware.roic.raster import Mark

__all__ = ["AHEAD", "Integrator", "Well"]

#: clocks from ``ahead`` to ``mark``: what noise and pattern need for their next value
AHEAD = 3


class Well(wiring.Component):
    """Limits a charge to the full well. Where ``low`` lies above ``high``, ``high`` holds.

    **Latency, throughput, backpressure**: 2 clocks; a value a clock; never waits.

    Parameters
    ----------
    width : int (19 …)
        Bits of ``u``.

    Members
    -------
    u : In(signed(width))
        Charge, DI LSB.
    low, high : In(signed(18))
        Constant while a frame is under way.
    q : Out(signed(18))
        u limited to low … high.
    clipped : Out(1)
        q is not u.

    Raises
    ------
    ValueError
        If `width` is less than 19: there would be nothing to limit.
    """

    def __init__(self, width: int):
        if width < 19:
            raise ValueError(f"width must be at least 19, not {width}")
        super().__init__(
            {"u": In(signed(width)), "low": In(signed(18)), "high": In(signed(18)), "q": Out(signed(18)), "clipped": Out(1)},
        )

    def elaborate(self, platform):
        m = Module()
        inner, upper, sign = self.u[:18].as_signed(), self.u[17:], self.u[-1]
        outside = upper.any() & ~upper.all()
        over, below, equal, above = Signal(), Signal(), Signal(), Signal()
        raised = Signal(signed(18), reset_less=True)
        under = Mux(outside, sign, inner < self.low)
        m.d.sync += [
            over.eq(outside & ~sign),
            below.eq(under),
            equal.eq(~outside & (inner == self.high)),
            raised.eq(Mux(under, self.low, inner)),
        ]
        m.d.comb += above.eq(over | (raised > self.high))
        m.d.sync += [self.q.eq(Mux(above, self.high, raised)), self.clipped.eq((above | below) & ~equal)]
        return m


class Integrator(wiring.Component):
    """u = ((s · t + 2^15) >> 16) + test_charge; q = u limited to well_low … well_high.

    s · t takes 42 (43) bits, u 28 (29) and its sign. Parallel: s in two pieces of 17 and 13 (14) bits, a multiplier for each.
    Shared: one addition a clock from the lowest bit of t on, beginning with test charge and half an LSB.

    **Latency, throughput, backpressure**: ``latency`` clocks. Parallel: a value a clock. Shared: a value every 13 clocks or
    slower. Never waits.

    Parameters
    ----------
    config : Config
        Width of s, form, taps.

    Members
    -------
    s : In(signed(config.sum_width)), mark : In(Mark)
        The sum, and its mark.
    time : In(12)
        t, 256 = 1.0.
    test_charge, well_low, well_high : In(signed(18))
        DI LSB.
    q : Out(signed(18)), clipped : Out(1), o_mark : Out(Mark)
        The charge, whether the well clipped it, and its mark.
    ahead : Out(Mark)
        ``o_mark``, `AHEAD` clocks early.
    o_s : Out(signed(config.sum_width))
        With the taps: s of this q.
    """

    def __init__(self, config: Config):
        self.config = config
        members = {
            "s": In(signed(config.sum_width)),
            "mark": In(Mark),
            "time": In(12),
            "test_charge": In(signed(18)),
            "well_low": In(signed(18)),
            "well_high": In(signed(18)),
            "q": Out(signed(18)),
            "clipped": Out(1),
            "o_mark": Out(Mark),
            "ahead": Out(Mark),
        }
        if config.taps:
            members["o_s"] = Out(signed(config.sum_width))
        super().__init__(members)

    @property
    def latency(self) -> int:
        """Clocks from ``s`` to ``q``."""
        return 5 if self.config.form is Form.PARALLEL else 15

    def elaborate(self, platform):
        m = Module()
        u, s, ahead = self._at_once(m) if self.config.form is Form.PARALLEL else self._bit_by_bit(m)
        m.submodules.well = well = Well(len(u))
        m.d.comb += [
            well.u.eq(u),
            well.low.eq(self.well_low),
            well.high.eq(self.well_high),
            self.q.eq(well.q),
            self.clipped.eq(well.clipped),
            self.ahead.eq(ahead),
            self.o_mark.eq(delay(m, ahead, AHEAD, name="mark", reset=True)),
        ]
        if self.config.taps:
            m.d.comb += self.o_s.eq(delay(m, s, 2, name="s"))
        return m

    def _at_once(self, m):
        """(u, its s, mark 1 clock before u), 3 clocks behind the input."""
        width = self.config.sum_width
        low, high = Signal(29, reset_less=True), Signal(signed(width - 17 + 13), reset_less=True)
        rounded, charge = Signal(13, reset_less=True), Signal(signed(len(high) + 2), reset_less=True)
        u = Signal(signed(len(charge) + 1), reset_less=True)
        m.d.sync += [
            low.eq(self.s[:17] * self.time),
            high.eq(self.s[17:].as_signed() * self.time),
            rounded.eq((low + (1 << 15)) >> 16),
            charge.eq((high << 1) + self.test_charge),
            u.eq(charge + rounded),
        ]
        s = delay(m, self.s, 3, name="s_early") if self.config.taps else None
        return u, s, delay(m, self.mark, 2, name="early", reset=True)

    def _bit_by_bit(self, m):
        """(u, its s, mark 1 clock before u), 13 clocks behind the input."""
        held = Signal(signed(self.config.sum_width), reset_less=True)
        # it begins within ±2^33 and each step halves it with at most 2^30 added: 34 bits hold it throughout
        total = Signal(signed(34), reset_less=True)
        time = Signal(12, reset_less=True)
        mark, ahead, step, busy = Signal(Mark), Signal(Mark), Signal(range(12)), Signal()
        last = step == 11
        with m.If(self.mark.valid):
            m.d.sync += [held.eq(self.s), total.eq((self.test_charge << 16) + (1 << 15)), time.eq(self.time)]
            m.d.sync += [mark.eq(self.mark), step.eq(0), busy.eq(1)]
        with m.Elif(busy):
            m.d.sync += [total.eq((total + Mux(time[0], held, 0)) >> 1), time.eq(time >> 1), step.eq(step + 1)]
            with m.If(last):
                m.d.sync += busy.eq(0)
        m.d.comb += [ahead.eq(mark), ahead.valid.eq(busy & last)]
        return total[4:].as_signed(), held, ahead
