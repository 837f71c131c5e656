# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false
"""PRBS-7, ten bits at a time: what the serial pair carries in its PRBS7 test.

x^7 + x^6 + 1: each bit is the sum of those six and seven before it.   ─► 10 bits, bit 0 first in time
"""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["PRBS7_SEED", "Prbs7"]

#: the seven bits before the first, the latest in bit 0
PRBS7_SEED = 0x7F


class Prbs7(wiring.Component):
    """Ten bits of the sequence a clock.

    **Latency** none: ``o`` holds the next ten bits, and goes on behind a clock in which ``enable`` is high. Period: 127 bits.

    Members
    -------
    enable : In(1)
        The ten bits are taken.
    o : Out(10)
        Bit 0 first in time.
    """

    enable: In(1)
    o: Out(10)

    def elaborate(self, platform):
        m = Module()
        state = Signal(7, init=PRBS7_SEED)
        history = [state[i] for i in range(7)]  # the latest first
        new = []
        for _ in range(len(self.o)):
            new.append(history[6] ^ history[5])
            history = [new[-1], *history[:6]]
        m.d.comb += self.o.eq(Cat(new))
        with m.If(self.enable):
            m.d.sync += state.eq(Cat(history))
        return m
