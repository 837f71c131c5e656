# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false
"""Tokens of any length to bytes.

token ─► shifted behind the bits that wait ─► 8 of them a clock ─► byte
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.config import Config
from macropix.gateware.roic.encode.coder import token_layout

__all__ = ["Packer"]


class Packer(wiring.Component):
    """Lays tokens one behind the other, bit 0 of byte 0 first, and fills the last byte with zeros.

    **Latency**: a byte is there in the clock behind the token that completes it. **Throughput** one byte or one token a clock, whichever
    is less. **Backpressure**: a token is taken when less than a byte waits, or leaves in the same clock.

    Parameters
    ----------
    config : Config
        Width of a token.

    Members
    -------
    begin : In(1)
        A new payload; only while none is under way.
    i : In(token_layout), valid : In(1), ready : Out(1)
        Tokens, the last of them with ``end``.
    byte : Out(8), byte_valid : Out(1), byte_ready : In(1)
        Bytes.
    done : Out(1)
        ``end`` was taken, and so was every byte; until ``begin``.
    """

    def __init__(self, config: Config):
        self.config = config
        super().__init__(
            {
                "begin": In(1),
                "i": In(token_layout(config)),
                "valid": In(1),
                "ready": Out(1),
                "byte": Out(8),
                "byte_valid": Out(1),
                "byte_ready": In(1),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        width = len(self.i.bits) + 7
        held, ended = Signal(width), Signal()
        part, whole = Signal(3), Signal(range(width // 8 + 1))  # bits that wait: of a byte, and bytes
        none, single = Signal(init=1), Signal()  # whole == 0, whole == 1
        leaves, taken = Signal(), Signal()
        m.d.comb += [
            self.byte.eq(held[:8]),
            self.byte_valid.eq(~none),
            leaves.eq(~none & self.byte_ready),
            self.ready.eq(none | (single & self.byte_ready)),
            taken.eq(self.valid & self.ready),
            self.done.eq(ended & none),
        ]
        fresh = Mux(taken, Mux(part[0], self.i.bits << 1, self.i.bits), 0)
        for place in (1, 2):
            fresh = Mux(part[place], fresh << (1 << place), fresh)
        # where a token is taken less than a byte stays: what is above the first byte then needs no choice
        with m.If(leaves | taken):
            m.d.sync += held.eq(Cat(Mux(leaves, held[8:16], held[:8]), held[16:]) | fresh)
        then = Signal.like(whole)
        with m.If(self.i.end):
            m.d.comb += then.eq(part.any())
        with m.Else():
            m.d.comb += then.eq((part + self.i.length) >> 3)
        with m.If(taken):
            m.d.sync += [part.eq(Mux(self.i.end, 0, part + self.i.length)), whole.eq(then), none.eq(then == 0), single.eq(then == 1)]
        with m.Elif(leaves):
            m.d.sync += [whole.eq(whole - 1), none.eq(single), single.eq(whole == 2)]
        with m.If(self.begin):
            m.d.sync += ended.eq(0)
        with m.Elif(taken & self.i.end):
            m.d.sync += ended.eq(1)
        return m
