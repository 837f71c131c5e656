# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
"""The pedestal and mask map: what each macro-pixel reads in the dark, and which are not to be believed.

step ─► n ─► memory ─► pedestal, mask
                           │
y ─────────────────────────┴─ − ─► sat12 ─► y'          bus: n borrowed while no frame is under way
"""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.bus import WindowPort
from macropix.gateware.config import Config
from macropix.gateware.roic.saturate import saturate

__all__ = ["AHEAD", "Pedestal"]

#: clocks from ``step`` to the ``y`` it belongs to
AHEAD = 2


class Pedestal(wiring.Component):
    """y' = sat12(y − pedestal[n]), or y where that is not enabled; masked where the mask is enabled and its bit is set.

    The memory counts along by ``step``, which must come `AHEAD` clocks before its ``y``. Of a word bits 11:0 are the pedestal
    and bit 15 is the mask; bits 14:12 are not stored and read as 0.

    **Latency, throughput, backpressure**: 2 clocks from ``y`` to ``o_y``; a value a clock. A write of the bus takes 1 clock, a
    read 4. Never waits.

    Parameters
    ----------
    config : Config
        Most macro-pixels of a frame.

    Members
    -------
    start : In(1)
        A frame begins.
    step : In(1)
        A macro-pixel will come.
    y : In(signed(12))
        Behind the converter, ADC LSB.
    subtract, mask : In(1)
        Enables; constant while a frame is under way.
    o_y : Out(signed(12)), clipped : Out(1), masked : Out(1)
        y', whether it was clipped, and whether n is masked.
    window : In(WindowPort)
        The memory on the register bus, word n.
    """

    #: clocks from ``y`` to ``o_y``
    latency = 2

    def __init__(self, config: Config):
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "step": In(1),
                "y": In(signed(12)),
                "subtract": In(1),
                "mask": In(1),
                "o_y": Out(signed(12)),
                "clipped": Out(1),
                "masked": Out(1),
                "window": In(WindowPort()),
            }
        )

    def elaborate(self, platform):
        m = Module()
        n = Signal(range(self.config.max_outputs))
        with m.If(self.start):
            m.d.sync += n.eq(0)
        with m.Elif(self.step):
            m.d.sync += n.eq(n + 1)
        with m.Elif(self.window.read):
            m.d.sync += n.eq(self.window.address)
        word = self._memory(m, n)
        difference, masked = Signal(signed(13), reset_less=True), Signal(reset_less=True)
        y, clipped = saturate(difference, 12)
        m.d.sync += [
            difference.eq(self.y - Mux(self.subtract, word[:12].as_signed(), 0)),
            masked.eq(self.mask & word[12]),
            self.o_y.eq(y),
            self.clipped.eq(clipped),
            self.masked.eq(masked),
        ]
        return m

    def _memory(self, m, n):
        """The word of macro-pixel n, 2 clocks later; and the bus."""
        m.submodules.memory = store = memory.Memory(shape=13, depth=self.config.max_outputs, init=[])
        read, write = store.read_port(), store.write_port()
        word, window = Signal(13, reset_less=True), self.window
        asked = Signal(3)
        m.d.sync += [word.eq(read.data), asked.eq(Cat(window.read, asked)), window.done.eq(window.write | asked[-1])]
        m.d.comb += [
            read.addr.eq(n),
            write.addr.eq(window.address),
            write.data.eq(Cat(window.write_data[:12], window.write_data[15])),
            write.en.eq(window.write),
            read.en.eq(~window.write),  # never both: a block memory need not say what a collision reads
            window.read_data.eq(Cat(word[:12], Const(0, 3), word[12])),
        ]
        return word
