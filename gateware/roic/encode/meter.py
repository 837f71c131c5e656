# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false
"""The first reading: what a slice would take in each adaptive code, known as soon as its last pixel has come.

              ┌─ gap ────────► CodeLength GAP   ─► runs
pixel, sent ──┼─ |y| − T ────► CodeLength VALUE ─► rice
              └─ zigzag Δy ──► CodeLength DELTA ─► delta
"""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.roic.delay import delay
from macropix.gateware.roic.encode.code_length import BITS, CodeLength
from macropix.gateware.wire import DELTA, GAP, PREFIX_BITS, VALUE

__all__ = ["ROUND_UP", "Meter"]

#: bits added to the values' sums, so that the total needs only a shift to become bytes
ROUND_UP = 7


class Meter(wiring.Component):
    """Exact bits of RUNS positions, RICE values (prefix included) and DELTA values of a slice, offset as `Choice` needs them.

    **Latency**: ``done`` comes `latency` clocks behind the last pixel; the sums then stand until ``clear``. **Throughput** one pixel a
    clock. **Backpressure** none; the next slice's first pixel comes only behind ``clear``.

    Members
    -------
    valid : In(1)
        A pixel.
    y : In(signed(12)), sent : In(1), last : In(1)
        Its value, whether it is sent, whether it ends the slice.
    threshold : In(11), sign : In(1)
        T, and whether RICE values have a sign bit; with the pixel.
    clear : In(1)
        The sums have been read.
    runs : Out(15)
        Bits, less one.
    rice, delta : Out(15)
        Bits and `ROUND_UP`.
    done : Out(1)
        The sums hold the whole slice. A pulse.
    """

    #: clocks from a slice's last pixel to ``done``
    latency = 1 + CodeLength.latency

    valid: In(1)
    y: In(signed(12))
    sent: In(1)
    last: In(1)
    threshold: In(11)
    sign: In(1)
    clear: In(1)
    runs: Out(BITS)
    rice: Out(BITS)
    delta: Out(BITS)
    done: Out(1)

    def elaborate(self, platform):
        m = Module()
        m.submodules.gap = gap = CodeLength(GAP, base=-1)
        m.submodules.value = value = CodeLength(VALUE, base=PREFIX_BITS + ROUND_UP)
        m.submodules.difference = difference = CodeLength(DELTA, base=ROUND_UP)
        coded, last = Signal(), Signal()
        m.d.comb += [coded.eq(self.valid & self.sent), last.eq(self.valid & self.last)]
        for code, when in ((gap, coded | last), (value, coded), (difference, coded)):
            m.d.sync += [code.coded.eq(when), code.last.eq(last)]
            m.d.comb += code.clear.eq(self.clear)
        m.d.sync += [
            gap.v.eq(self._gap(m, coded, last)),
            value.v.eq(self._excess(m)),
            value.sign.eq(self.sign),
            difference.v.eq(self._zigzag(m, coded, last)),
        ]
        m.d.comb += [
            self.runs.eq(gap.bits),
            self.rice.eq(value.bits),
            self.delta.eq(difference.bits),
            self.done.eq(delay(m, last, self.latency, name="last", reset=True)),
        ]
        return m

    def _gap(self, m, coded, last):
        """Pixels since the last one sent; the final gap has the slice's last pixel in it."""
        before, gap = Signal(10), Signal(10)
        m.d.comb += gap.eq(before + ~self.sent)
        with m.If(self.valid):
            m.d.sync += before.eq(Mux(coded | last, 0, gap))
        return gap

    def _excess(self, m):
        """|y| − T: the one's complement of a negative y is one short of its magnitude, and that one goes in as a carry."""
        negative = self.y[-1]
        size, less = Signal(12), Signal(12)
        m.d.comb += [size.eq(self.y ^ negative.replicate(12)), less.eq(-self.threshold)]
        return (Cat(Const(1, 1), size) + Cat(negative, less))[1:13]

    def _zigzag(self, m, coded, last):
        """2e for e ≥ 0, else −2e − 1, with e the step from the last value sent."""
        before = Signal(signed(12))
        e = Signal(signed(13))
        m.d.comb += e.eq(self.y - before)
        with m.If(last):
            m.d.sync += before.eq(0)
        with m.Elif(coded):
            m.d.sync += before.eq(self.y)
        return Cat(e[12], e[:12] ^ e[12].replicate(12))
