# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false
"""Header, CRC-16, payload and CRC-32, in this order.

header bytes ─┬────────────┐
              └─► CRC-16 ──┤
payload bytes ─────────────┼─► byte ─► PacketBytes
              ┌─► CRC-32 ──┘    │
              └─────────────────┘
"""

from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.bus import PacketBytes
from macropix.gateware.crc import Crc
from macropix.gateware.roic.encode.header import CHECKED_BYTES
from macropix.gateware.wire import CRC16, CRC32, CRC_BYTES

__all__ = ["Framer"]


class _State(enum.Enum):
    IDLE = 0
    HEADER = 1
    CHECK = 2  # CRC-16 of the header
    PAYLOAD = 3
    SEAL = 4  # CRC-32


class Framer(wiring.Component):
    """One packet behind the other.

    **Latency**: a byte is in ``o`` one clock behind where it comes from. **Throughput** one byte a clock, and one clock without a byte
    before the CRC-32 and before a packet. **Backpressure**: takes nothing while a byte in ``o`` waits.

    Members
    -------
    full : In(1)
        A header is complete.
    begin : Out(1)
        Its packet begins. A pulse.
    gone : Out(1)
        Its last byte is taken. A pulse.
    header : In(8), take : Out(1)
        The header's bytes, CRC-16 excepted.
    byte : In(8), byte_valid : In(1), byte_ready : Out(1), done : In(1)
        The payload's bytes; ``done`` when there are no more.
    idle : Out(1)
        No packet is under way.
    o : Out(PacketBytes)
    """

    full: In(1)
    begin: Out(1)
    gone: Out(1)
    header: In(8)
    take: Out(1)
    byte: In(8)
    byte_valid: In(1)
    byte_ready: Out(1)
    done: In(1)
    idle: Out(1)
    o: Out(PacketBytes)

    def elaborate(self, platform):
        m = Module()
        # reset rather than started: the initial value then costs no logic in front of the sums
        crc16, crc32 = Crc(CRC16(8)), Crc(CRC32(8))
        m.submodules.crc16, m.submodules.crc32 = ResetInserter(self.begin)(crc16), ResetInserter(self.begin)(crc32)
        state, count = Signal(_State), Signal(range(CHECKED_BYTES))
        free, put, next_byte = Signal(), Signal(), Signal(8)
        m.d.comb += [
            free.eq(~self.o.valid | self.o.ready),
            self.idle.eq((state == _State.IDLE) & ~self.o.valid),
            crc16.data.eq(self.header),
            crc16.valid.eq(self.take),
            crc32.data.eq(next_byte),
            crc32.valid.eq(put & (state != _State.SEAL)),
        ]
        with m.If(free):
            m.d.sync += self.o.valid.eq(put)
        with m.If(put):
            m.d.sync += [
                self.o.payload.data.eq(next_byte),
                self.o.payload.last.eq((state == _State.SEAL) & (count == CRC_BYTES - 1)),
                count.eq(count + 1),
            ]
        self._walk(m, state, count, free, put, next_byte, crc16.crc, crc32.crc)
        return m

    def _walk(self, m, state, count, free, put, next_byte, crc16, crc32):
        # beside the state, for the way from o.ready through packer and coder to the slice buffer is the longest there is
        paying = Signal()
        m.d.comb += self.byte_ready.eq(paying & free)

        def until(last: int, then: _State):
            with m.If(put & (count == last)):
                m.d.sync += [state.eq(then), count.eq(0)]

        with m.Switch(state):
            with m.Case(_State.IDLE):
                m.d.comb += self.begin.eq(self.full)
                m.d.sync += [count.eq(0), state.eq(Mux(self.full, _State.HEADER, _State.IDLE))]
            with m.Case(_State.HEADER):
                m.d.comb += [put.eq(free), self.take.eq(free), next_byte.eq(self.header), self.gone.eq(free & (count == CHECKED_BYTES - 1))]
                until(CHECKED_BYTES - 1, _State.CHECK)
            with m.Case(_State.CHECK):
                m.d.comb += [put.eq(free), next_byte.eq(crc16.word_select(count[0], 8))]
                until(1, _State.PAYLOAD)
                m.d.sync += paying.eq(put & count[0])
            with m.Case(_State.PAYLOAD):
                m.d.comb += [put.eq(free & self.byte_valid), next_byte.eq(self.byte)]
                with m.If(self.done):
                    m.d.sync += [state.eq(_State.SEAL), count.eq(0), paying.eq(0)]
            with m.Case(_State.SEAL):
                m.d.comb += [put.eq(free), next_byte.eq(crc32.word_select(count[:2], 8))]
                until(CRC_BYTES - 1, _State.IDLE)
