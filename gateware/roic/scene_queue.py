# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
"""The scene as it comes: a queue of photocurrents between the register bus and the raster.

window: write ─► queue of `DEPTH` ─► word ─► x          full: `done` waits      empty: the raster waits
                     ▲ flush
"""

from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from macropix.gateware.bus import WindowPort

__all__ = ["DEPTH", "SceneQueue"]

#: pixels that may wait: two commands' worth
DEPTH = 512


class SceneQueue(wiring.Component):
    """Photocurrents in the order of the raster, each for one imaging pixel of one exposure. Addresses are not looked at.

    **Latency** a word written can be taken 3 clocks later; `word` stands behind `take`. **Throughput** one word a clock out; in, as fast
    as the bus. **Backpressure**: a write into the full queue is done when a word has been taken, or with `flush`, which drops it.

    Members
    -------
    window : In(WindowPort)
        Written at any time, exposure or not. Reads as 0.
    flush : In(1)
        Level: the queue is empty and drops what comes.
    ready : Out(1)
        A word waits.
    take : In(1), word : Out(16)
        The next word; 0 if none waits.
    """

    window: In(WindowPort())
    flush: In(1)
    ready: Out(1)
    take: In(1)
    word: Out(16)

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = ResetInserter(self.flush)(SyncFIFOBuffered(width=16, depth=DEPTH))
        window = self.window
        pending, wanted, accepted = Signal(), Signal(), Signal()
        m.d.comb += [
            wanted.eq(window.write | pending),
            accepted.eq(wanted & (queue.w_rdy | self.flush)),
            queue.w_data.eq(window.write_data),
            queue.w_en.eq(wanted & ~self.flush),
            queue.r_en.eq(self.take),
            self.ready.eq(queue.r_rdy & ~self.flush),
        ]
        m.d.sync += [pending.eq(wanted & ~accepted), window.done.eq(accepted | window.read)]
        with m.If(self.take):
            m.d.sync += self.word.eq(Mux(self.ready, queue.r_data, 0))
        return m
