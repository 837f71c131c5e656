# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false, reportCallIssue=false
"""How many bits one Rice code would take for the values of a slice.

v ─► a, k ─► v >> k, escaped? ─► length ─► Σ
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.roic.encode.rice import follow, parameter
from macropix.gateware.wire import SLICE_PIXELS, Rice

__all__ = ["BITS", "CodeLength"]

#: bits of a sum: each of 1,024 codes has at most 26 bits, a prefix 13
BITS = 15
assert SLICE_PIXELS * 26 + 13 < 1 << BITS


class CodeLength(wiring.Component):
    """Adds up the lengths of one adaptive code.

    The state begins anew behind ``last``, the sum with ``clear``, so that it stands still while somebody reads it.

    **Latency** of ``bits``: `latency` clocks behind the value. **Throughput** one value a clock. **Backpressure** none.

    Parameters
    ----------
    rice : wire.Rice
        The code.
    base : int (−1 … 31)
        What the sum begins with.

    Members
    -------
    v : In(raw_bits)
        A value, counted if ``coded``.
    coded : In(1)
        ``v`` is to be coded.
    sign : In(1)
        One bit more, with ``v``.
    last : In(1)
        Behind this clock a new slice begins, whether ``coded`` or not.
    clear : In(1)
        The sum begins anew; only while nothing is under way.
    bits : Out(15)
        The sum.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    """

    #: clocks from a value to the sum that has it
    latency = 4

    def __init__(self, rice: Rice, *, base: int = 0):
        if not isinstance(rice, Rice):
            raise TypeError(f"rice must be a wire.Rice, not {rice!r}")
        if not -1 <= base <= 31:
            raise ValueError(f"base must be from -1 to 31, not {base}")
        self.rice, self.base = rice, base
        super().__init__(
            {
                "v": In(rice.raw_bits),
                "coded": In(1),
                "sign": In(1),
                "last": In(1),
                "clear": In(1),
                "bits": Out(BITS, init=base % (1 << BITS)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        rice = self.rice
        a = Signal(rice.state_bits, init=rice.start)
        k = parameter(m, a)
        with m.If(self.last):
            m.d.sync += a.eq(rice.start)
        with m.Elif(self.coded):
            m.d.sync += a.eq(follow(a, self.v))

        v_1, k_1, coded_1, sign_1 = Signal.like(self.v), Signal.like(k), Signal(), Signal()
        m.d.sync += [v_1.eq(self.v), k_1.eq(k), coded_1.eq(self.coded), sign_1.eq(self.sign)]

        ones, escaped = Signal.like(self.v), Signal()
        m.d.comb += [ones.eq(v_1 >> k_1), escaped.eq(ones >= rice.LIMIT)]
        ones_2, escaped_2, k_2, coded_2, sign_2 = Signal(4), Signal(), Signal.like(k), Signal(), Signal()
        m.d.sync += [ones_2.eq(ones), escaped_2.eq(escaped), k_2.eq(k_1), coded_2.eq(coded_1), sign_2.eq(sign_1)]

        length, coded_3 = Signal(range(rice.max_bits + 2)), Signal()
        m.d.sync += [length.eq(Mux(escaped_2, rice.max_bits - 1, ones_2 + k_2) + 1 + sign_2), coded_3.eq(coded_2)]
        with m.If(self.clear):
            m.d.sync += self.bits.eq(self.base)
        with m.Elif(coded_3):
            m.d.sync += self.bits.eq(self.bits + length)
        return m
