# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""Whether a command brings the next words of a streamed scene.

START ─► 0 ─► position ─┬─ + 1 for each word written
WRITE at 0x8000 + n ────┴─► n = position, and an exposure waits for words?
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.registers import SCENE
from macropix.gateware.wire import Command, Op

__all__ = ["SceneOrder"]

#: the scene's window counts so many bits; a run's words go round in it
BITS = SCENE.base.bit_length() - 1


class SceneOrder(wiring.Component):
    """Keeps the count of a run's words, by which one lost on the link, or brought twice, is seen before it moves a picture.

    **Latency** 1 clock from `command` to `words` and `wrong`. **Throughput** one command a clock. **Backpressure** none.

    Members
    -------
    command : In(wire.Command)
    start, written : In(1)
        Pulses: a run begins; a scene word has been written.
    taking : In(1)
        Of `Sequencer`.
    words : Out(1)
        It is a WRITE into the scene's window.
    wrong : Out(1)
        And not of the next words, or of no use.
    """

    command: In(Command)
    start: In(1)
    written: In(1)
    taking: In(1)
    words: Out(1)
    wrong: Out(1)

    def elaborate(self, platform):
        m = Module()
        position = Signal(BITS)
        with m.If(self.start):
            m.d.sync += position.eq(0)
        with m.Elif(self.written & self.words):
            m.d.sync += position.eq(position + 1)
        words = (self.command.op == Op.WRITE) & (self.command.address[BITS:] == SCENE.base >> BITS)
        m.d.sync += [
            self.words.eq(words),
            self.wrong.eq(words & (~self.taking | (self.command.address[:BITS] != position))),
        ]
        return m
