# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""Replies and status packets, word by word.

header (10 words) ─► reply (5 words, replies only) ─► words from the register file ─► CRC-32 (2 words) ─► low byte, high byte
"""

from amaranth.hdl import C, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.bus import PacketBytes
from macropix.gateware.crc import Crc
from macropix.gateware.registers import STATUS_WORDS
from macropix.gateware.wire import CRC16, CRC32, CRC_BYTES, HEADER_BYTES, MAX_WORDS, REPLY_BYTES, UP_SYNC, Command, Error, Kind

__all__ = ["Reporter"]

#: steps of a packet, one word each but REGISTERS
HEADER_CRC = HEADER_BYTES // 2 - 1
REPLY = HEADER_BYTES // 2
REGISTERS = REPLY + REPLY_BYTES // 2
CRC = REGISTERS + 1
LAST = CRC + CRC_BYTES // 2 - 1


class Reporter(wiring.Component):
    """Sends a reply when the executor wants one, and a status packet when one is owed.

    One status packet is owed at a time: requests for another meanwhile are met by the same. It is begun only while no command is
    under way. Payload words are read from the register file as they are sent.

    **Latency** 2 clocks from `reply` to the first byte. **Throughput** two bytes in 3 clocks, two register words' bytes in 5 to 6 or
    as their window allows. **Backpressure**: waits for `o`; a command waits for its reply.

    Members
    -------
    command : In(wire.Command), error : In(wire.Error)
        What the reply says; steady while `reply`.
    reply, reads : In(1), replied : Out(1)
        A reply is wanted, until the pulse `replied`; with the command's words behind it.
    status : In(1)
        Pulse: a status packet is owed.
    busy : In(1), quiet : Out(1)
        A command is under way; nothing is sent or owed.
    load, read : Out(1), read_data : In(16), read_done : In(1)
        To `RegisterFile`: go to the STATUS block; next word.
    epoch, tag, corrupt : In(16), time : In(32)
        For header and reply.
    clear : In(1)
        Pulse, while quiet: packets are numbered from 0.
    o : Out(PacketBytes)
    """

    def __init__(self):
        ins = "reply reads status busy read_done clear"
        outs = "replied quiet load read"
        super().__init__(
            {"command": In(Command), "error": In(Error), "time": In(32), "o": Out(PacketBytes)}
            | {name: In(16) for name in ("read_data", "epoch", "tag", "corrupt")}
            | {name: In(1) for name in ins.split()}
            | {name: Out(1) for name in outs.split()}
        )

    def _word(self, m: Module, step: Signal, replying: Signal, left: Signal, number: Signal, crcs) -> Signal:
        """What is sent at `step`; the high half of the time is caught with the low one."""
        word, above = Signal(16), Signal(16)
        kind = Mux(replying, C(Kind.REPLY.value, 8), C(Kind.STATUS.value, 8))
        length = Cat(0, left) + Mux(replying, REPLY_BYTES, 0)
        crc16, crc32 = crcs
        command = self.command
        words = [
            Cat(C(UP_SYNC, 8), kind),
            length,
            number,
            self.epoch,
            self.tag,
            0,
            0,
            self.time[:16],
            above,
            crc16,
            command.sequence,
            Cat(command.op.as_value(), self.error.as_value()),
            command.address,
            command.words,
            self.corrupt,
            0,
            crc32[:16],
            crc32[16:],
        ]
        with m.Switch(step):
            for index, value in enumerate(words):
                with m.Case(index):
                    m.d.comb += word.eq(value)
        with m.If(step == 7):
            m.d.sync += above.eq(self.time[16:])
        return word

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc16 = crc16 = Crc(CRC16(8))
        m.submodules.crc32 = crc32 = Crc(CRC32(8))
        step, replying, left, number = Signal(range(LAST + 1)), Signal(), Signal(range(MAX_WORDS + 1)), Signal(16)
        word, owed, last = Signal(16), Signal(), Signal()
        chosen = self._word(m, step, replying, left, number, (crc16.crc, crc32.crc))
        sent = Signal()
        m.d.comb += [
            last.eq(step == LAST),
            sent.eq(self.o.valid & self.o.ready),
            crc16.data.eq(self.o.payload.data),
            crc32.data.eq(self.o.payload.data),
            crc16.valid.eq(sent),
            crc32.valid.eq(sent & (step < CRC)),
        ]
        with m.If(self.status):
            m.d.sync += owed.eq(1)
        with m.FSM() as fsm:
            m.d.comb += self.quiet.eq(fsm.ongoing("IDLE") & ~owed)
            with m.State("IDLE"):
                m.d.comb += [crc16.start.eq(1), crc32.start.eq(1)]
                m.d.sync += [step.eq(0), replying.eq(self.reply), left.eq(Mux(self.reads, self.command.words, 0))]
                with m.If(self.reply):
                    m.next = "LOAD"
                with m.Elif(owed & ~self.busy):
                    m.d.comb += self.load.eq(1)
                    m.d.sync += [owed.eq(0), left.eq(STATUS_WORDS)]
                    m.next = "LOAD"
            with m.State("LOAD"):
                m.d.sync += word.eq(chosen)
                m.next = "LOW"
                with m.If(step == REGISTERS):
                    m.d.comb += self.read.eq(1)
                    m.d.sync += left.eq(left - 1)
                    m.next = "READ"
            with m.State("READ"), m.If(self.read_done):
                m.d.sync += word.eq(self.read_data)
                m.next = "LOW"
            with m.State("LOW"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.data.eq(word[:8])]
                with m.If(self.o.ready):
                    m.next = "HIGH"
            with m.State("HIGH"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.data.eq(word[8:]), self.o.payload.last.eq(last)]
                with m.If(self.o.ready):
                    self._advance(m, step, replying, left)
                    m.next = "LOAD"
                    with m.If(last):
                        m.d.comb += self.replied.eq(replying)
                        m.d.sync += number.eq(number + 1)
                        m.next = "IDLE"
        with m.If(self.clear):
            m.d.sync += number.eq(0)
        return m

    @staticmethod
    def _advance(m: Module, step: Signal, replying: Signal, left: Signal):
        """The step behind `step`: over the reply in a status packet, round in REGISTERS while words are left."""
        more = left != 0
        with m.If((step == HEADER_CRC) & ~replying):
            m.d.sync += step.eq(REGISTERS)
        with m.Elif((step == REGISTERS - 1) & ~more):
            m.d.sync += step.eq(CRC)
        with m.Elif((step != REGISTERS) | ~more):
            m.d.sync += step.eq(step + 1)
