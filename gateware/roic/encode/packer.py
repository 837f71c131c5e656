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
        held, fill, ended = Signal(width), Signal(range(width + 1)), Signal()
        leaves, taken = Signal(), Signal()
        m.d.comb += [
            self.byte.eq(held[:8]),
            self.byte_valid.eq(fill[3:] != 0),
            leaves.eq(self.byte_valid & self.byte_ready),
            self.ready.eq((fill[3:] == 0) | (leaves & (fill[3:] == 1))),
            taken.eq(self.valid & self.ready),
            self.done.eq(ended & (fill == 0)),
        ]
        fresh = Mux(taken, Mux(fill[0], self.i.bits << 1, self.i.bits), 0)
        for place in (1, 2):
            fresh = Mux(fill[place], fresh << (1 << place), fresh)
        # where a token is taken less than a byte stays: what is above the first byte then needs no choice
        with m.If(leaves | taken):
            m.d.sync += held.eq(Cat(Mux(leaves, held[8:16], held[:8]), held[16:]) | fresh)
        with m.If(self.begin):
            m.d.sync += ended.eq(0)
        with m.If(taken & self.i.end):
            m.d.sync += [ended.eq(1), fill.eq(Mux(fill[:3] == 0, 0, 8))]
        with m.Elif(taken):
            m.d.sync += fill.eq(fill[:3] + self.i.length)
        with m.Elif(leaves):
            m.d.sync += fill.eq(fill - 8)
        return m
