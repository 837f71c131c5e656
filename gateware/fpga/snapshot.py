# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false
"""A word of one clock, seen whole from another.

i ─► copy ═► o          asked ─► synchroniser ─► copied now ─► synchroniser ─► taken, asked again
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

__all__ = ["Snapshot"]


class Snapshot(wiring.Component):
    """A word carried to another clock, over and over, never torn.

    The receiving side asks, the sending side copies the word in one clock and answers, the receiving side takes the copy:
    request and answer are levels that change, so the copy stands still while it is taken.

    **Latency**: ``o`` is at most two rounds behind ``i``; a round takes at most 5 clocks of each domain. **Throughput** a word
    a round.

    Parameters
    ----------
    width : int
        Bits.
    i_domain, o_domain : str
        Clock domains.

    Members
    -------
    i : In(width)
        In ``i_domain``.
    discard : In(1)
        In ``o_domain``: do not take the word that is on its way, ask anew. What is taken then was copied later than anything
        that had crossed by a `PulseSynchronizer` of two stages started in the clock of ``discard`` or before had its effect.
    o : Out(width)
        In ``o_domain``; holds from one ``taken`` to the next.
    taken : Out(1)
        In ``o_domain``: a word is taken in this clock, ``o`` has it in the next.
    """

    def __init__(self, width: int, *, i_domain: str, o_domain: str):
        self._domains = i_domain, o_domain
        super().__init__({"i": In(width), "discard": In(1), "o": Out(width), "taken": Out(1)})

    def elaborate(self, platform):
        m = Module()
        i_domain, o_domain = self._domains
        copy = Signal(len(self.i))
        asked, asked_i, asked_before, answer, answer_o = (Signal() for _ in range(5))
        stale = Signal()
        m.submodules.ask = FFSynchronizer(asked, asked_i, o_domain=i_domain, stages=3)
        m.submodules.answer = FFSynchronizer(answer, answer_o, o_domain=o_domain)
        m.d[i_domain] += asked_before.eq(asked_i)
        with m.If(asked_before != answer):
            m.d[i_domain] += [copy.eq(self.i), answer.eq(asked_before)]
        back = answer_o == asked
        m.d.comb += self.taken.eq(back & ~stale & ~self.discard)
        with m.If(back):
            m.d[o_domain] += [asked.eq(~asked), stale.eq(0)]
        with m.If(self.discard):
            m.d[o_domain] += stale.eq(1)
        with m.If(self.taken):
            m.d[o_domain] += self.o.eq(copy)
        return m
