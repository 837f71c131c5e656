# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false
"""The header of a slice: filled when its last pixel comes, completed when its code is chosen, and shifted out.

descriptor, slice ─► 144 bits ─► a byte at a time
           Chosen ─►┘
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.roic.encode.choice import Chosen
from macropix.gateware.wire import HEADER_BYTES, UP_SYNC, Descriptor, Header, Kind, Saturation, Tap

__all__ = ["CHECKED_BYTES", "HeaderBytes", "SliceFacts"]

#: bytes of a header before its CRC-16
CHECKED_BYTES = HEADER_BYTES - 2
_BITS = 8 * CHECKED_BYTES


def _place(name: str) -> int:
    return Header.as_shape()[name].offset


class SliceFacts(data.Struct):
    """What the header says of a slice beside descriptor and code."""

    first: 1
    last: 1
    saturated: Saturation
    number: 16
    count: 10
    tap: Tap
    index: 32  # its first pixel in the frame


class HeaderBytes(wiring.Component):
    """Holds the one header that waits or leaves.

    **Latency**: a byte stands in ``byte`` one clock behind what changes it. **Backpressure**: moves with ``take``. ``load`` comes only when
    all bytes of the header before have been taken.

    Members
    -------
    load : In(1), descriptor : In(wire.Descriptor), facts : In(SliceFacts)
        The last pixel of a slice.
    complete : In(1), chosen : In(Chosen)
        Behind ``load``, before the first ``take``.
    count : Out(10)
        The slice's, until the first ``take``.
    take : In(1)
        The next byte.
    byte : Out(8)
        The first of the bytes that are left.
    """

    load: In(1)
    descriptor: In(Descriptor)
    facts: In(SliceFacts)
    complete: In(1)
    chosen: In(Chosen)
    count: Out(10)
    take: In(1)
    byte: Out(8)

    def elaborate(self, platform):
        m = Module()
        facts, descriptor = self.facts, self.descriptor
        fields = {
            "sync": UP_SYNC,
            "kind": Kind.DATA.value,
            "first": facts.first,
            "last": facts.last,
            "saturated": facts.saturated.as_value(),
            "number": facts.number,
            "epoch": descriptor.epoch,
            "tag": descriptor.tag,
            "shot": descriptor.shot,
            "count": facts.count,
            "kernel": descriptor.kernel,
            "tap": facts.tap,
            "where": Mux(facts.first, descriptor.time, facts.index),
        }
        bits = Signal(_BITS)
        begin = _place("positions")
        end = begin + len(self.chosen.as_value())
        assert end == _place("saturated")
        shifted = bits >> 8
        m.d.comb += [self.byte.eq(bits[:8]), self.count.eq(bits[_place("count") :][:10])]
        with m.If(self.load):
            for name, value in fields.items():
                m.d.sync += bits[_place(name) : _place(name) + Header.as_shape()[name].width].eq(value)
        with m.Elif(self.take):
            m.d.sync += [bits[:begin].eq(shifted[:begin]), bits[end:].eq(Cat(shifted[end:], 0))]
        with m.If(self.complete):
            m.d.sync += bits[begin:end].eq(self.chosen.as_value())
        with m.Elif(self.take):
            m.d.sync += bits[begin:end].eq(shifted[begin:end])
        return m
