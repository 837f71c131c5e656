# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""The tag of a configuration: CRC-16 of what acts on the frame, taken before each exposure.

CONTROL words marked frame ─┐
(w, dark) of each sub-pixel ┴─► CRC-16, a word a clock ─► tag
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.crc import Crc
from macropix.gateware.registers import CONTROL, CONTROL_BASE, CONTROL_WORDS
from macropix.gateware.wire import CRC16

__all__ = ["FIRST_WORD", "Tag"]

#: first CONTROL word that counts; all behind it do
FIRST_WORD = min(register.address for register in CONTROL.values() if register.frame) - CONTROL_BASE
assert all(register.frame == (register.address - CONTROL_BASE >= FIRST_WORD) for register in CONTROL.values())


class Tag(wiring.Component):
    """Reads the frame's control words, has the bias bank look up its kernel, and takes the CRC of both.

    **Latency** from `start` to `done`: one for each of 25 control words, the bank's latency, 3. **Throughput** one tag at a time.
    **Backpressure** none: a start meanwhile is not heard.

    Members
    -------
    start : In(1)
        Pulse.
    reading : Out(1), index : Out(5), control_word : In(16)
        To `RegisterFile`: the word comes a clock behind its index.
    look_up : Out(1), bias_word : In(16), bias_valid : In(1), bias_done : In(1)
        To `BiasBank`.
    tag : Out(16), done : Out(1)
        As `registers.tag`, from the pulse `done` until the next start.
    """

    start: In(1)
    reading: Out(1)
    index: Out(5)
    control_word: In(16)
    look_up: Out(1)
    bias_word: In(16)
    bias_valid: In(1)
    bias_done: In(1)
    tag: Out(16)
    done: Out(1)

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = Crc(CRC16(16))
        read = Signal()
        m.d.sync += [
            read.eq(self.reading),
            crc.data.eq(Mux(read, self.control_word, self.bias_word)),
            crc.valid.eq(read | self.bias_valid),
        ]
        m.d.comb += [crc.start.eq(self.start), self.tag.eq(crc.crc)]
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += self.index.eq(FIRST_WORD)
                with m.If(self.start):
                    m.next = "CONTROL"
            with m.State("CONTROL"):
                m.d.comb += self.reading.eq(1)
                m.d.sync += self.index.eq(self.index + 1)
                with m.If(self.index == CONTROL_WORDS - 1):
                    m.next = "LOOK UP"
            with m.State("LOOK UP"):
                m.d.comb += self.look_up.eq(1)
                m.next = "BIAS"
            with m.State("BIAS"), m.If(self.bias_done):
                m.next = "LAST"
            with m.State("LAST"):
                m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
                m.next = "IDLE"
        return m
