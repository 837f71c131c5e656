# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""A window slides over the bytes from the host until it lies on a command's header.

bytes ─► window of 12 ─► sync at its head? ─► once round through the CRC-16 ─► found
             ▲                                    wrong: slide on by one byte │
             └────────────────────────────────────────────────────────────────┘
"""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.crc import Crc
from macropix.gateware.wire import COMMAND_BYTES, CRC16, DOWN_SYNC, Command

__all__ = ["HeaderFinder"]


class HeaderFinder(wiring.Component):
    """Finds the next header with a right CRC-16, and holds it.

    Each byte in the window carries a mark if it is a sync byte that has not been refused yet. A mark at the head stops the input,
    and the window is turned once round through the CRC-16. If that is wrong only this mark is taken away: the bytes behind it stay
    in the window and are candidates in turn, which is the protocol's "search on from the byte behind the sync" without a rescan.

    **Latency** 14 clocks from a header's last byte to `found`. **Throughput** one byte a clock, and 12 clocks' rest at each sync
    byte. **Backpressure** `i` is not taken while a header is checked or held.

    Members
    -------
    i : In(stream of bytes)
    byte : Out(8), start : Out(1), valid : Out(1)
        The bytes of the header under check, for the CRC over the whole command: `start` before the first, `valid` with each.
    command : Out(wire.Command)
        Steady while `found`.
    found : Out(1)
        A header is held, until `flush`.
    pending : Out(1)
        A byte in the window may still become the sync of a command.
    flush : In(1)
        Pulse: forget what is in the window and search on.
    """

    i: In(stream.Signature(8))
    byte: Out(8)
    start: Out(1)
    valid: Out(1)
    command: Out(Command)
    found: Out(1)
    pending: Out(1)
    flush: In(1)

    def elaborate(self, platform):
        m = Module()
        window, marks = Signal(COMMAND_BYTES * 8), Signal(COMMAND_BYTES)
        count = Signal(range(COMMAND_BYTES))
        right = Signal()
        m.submodules.crc = crc = Crc(CRC16(8))
        m.d.comb += [
            self.command.as_value().eq(window),
            self.byte.eq(window[:8]),
            crc.data.eq(window[:8]),
            self.pending.eq(marks.any()),
        ]
        with m.FSM():
            with m.State("SLIDE"):
                m.d.comb += [self.i.ready.eq(~marks[0]), crc.start.eq(1), self.start.eq(1)]
                with m.If(marks[0]):
                    m.next = "CHECK"
                with m.Elif(self.i.valid):
                    m.d.sync += [
                        window.eq(Cat(window[8:], self.i.payload)),
                        marks.eq(Cat(marks[1:], self.i.payload == DOWN_SYNC)),
                    ]
            with m.State("CHECK"):
                m.d.comb += [crc.valid.eq(1), self.valid.eq(1)]
                m.d.sync += [window.eq(window.rotate_right(8)), count.eq(count + 1)]
                with m.If(count == COMMAND_BYTES - 2):
                    m.d.sync += right.eq(crc.crc == window[:16])
                with m.If(count == COMMAND_BYTES - 1):
                    m.d.sync += [count.eq(0), marks[0].eq(0)]
                    m.next = "SLIDE"
                    with m.If(right):
                        m.next = "FOUND"
            with m.State("FOUND"):
                m.d.comb += self.found.eq(1)
                with m.If(self.flush):
                    m.next = "SLIDE"
        with m.If(self.flush):
            m.d.sync += marks.eq(0)
        return m
