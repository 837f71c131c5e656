# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
"""The scene: photocurrent of every pixel, from a memory (or a queue) or from a test pattern.

              ┌─► memory ─────────────────────┐
step ─► address ─► RAMP, CHECKER, FLAT, WALKING ─┼─► x
warm, step ─► xorshift32 ─► PRBS ─────────────┘          bus: address borrowed while no frame is under way
"""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware import wire
from macropix.gateware.bus import WindowPort
from macropix.gateware.config import Config, Form, SceneForm
from macropix.gateware.roic.delay import delay
from macropix.gateware.roic.scene_queue import SceneQueue
from macropix.gateware.roic.xorshift import PRBS, Xorshift

__all__ = ["Scene"]


class Scene(wiring.Component):
    """The photocurrent of the imaging pixels, in the order of the raster.

    The address counts along with the raster, ring included; ``start`` sets it to the first imaging pixel. The bus loads the
    same address, as it asks only while no frame is under way.

    **Latency, throughput, backpressure**: ``x`` belongs to the ``step`` of ``latency`` clocks before; a pixel a clock. A write
    of the bus takes 1 clock, a read ``latency + 1``. Never waits.

    Parameters
    ----------
    config : Config
        Geometry; the parallel form puts a register behind the memory. `SceneForm.STREAMED`: a `SceneQueue` in its place.

    Members
    -------
    start : In(1)
        A frame begins.
    warm : In(1)
        The PRBS generator takes a step of its warm-up.
    step, row_end : In(1)
        An imaging pixel; it is the last of its row.
    source : In(wire.Scene)
        What ``x`` is; a value without meaning acts as MEMORY.
    level : In(16), seed : In(32), shot : In(16)
        Of the test patterns.
    x : Out(16)
        Photocurrent at unit bias.
    window : In(WindowPort)
        The memory on the register bus, word r · cols + c; of a streamed scene the way in.
    take : In(1), ready : Out(1)
        To and from the raster, a clock before ``step``: a pixel is taken; there is one. Always, but in the streamed form.
    flush : In(1), queued : Out(1)
        Streamed: of `SceneQueue`.
    awaited : Out(1)
        Streamed: the exposure's pixels come from the queue.
    """

    def __init__(self, config: Config):
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "warm": In(1),
                "step": In(1),
                "row_end": In(1),
                "source": In(3),
                "level": In(16),
                "seed": In(32),
                "shot": In(16),
                "x": Out(16),
                "window": In(WindowPort()),
                "take": In(1),
                "ready": Out(1),
                "flush": In(1),
                "queued": Out(1),
                "awaited": Out(1),
            }
        )

    @property
    def latency(self) -> int:
        """Clocks from ``step`` to ``x``."""
        return 3 if self.config.form is Form.PARALLEL else 2

    def elaborate(self, platform):
        m = Module()
        address = self._address(m)
        memory_wanted = (self.source == wire.Scene.MEMORY) | (self.source > wire.Scene.PRBS.value)
        pattern = delay(m, self._pattern(m, address), self.latency - 2, name="pattern")
        stored = self._queue(m, memory_wanted) if self.config.scene is SceneForm.STREAMED else self._memory(m, address)
        m.d.sync += self.x.eq(Mux(memory_wanted, stored, pattern))
        return m

    def _queue(self, m, wanted):
        """A word taken at ``take`` is there ``latency`` clocks later."""
        m.submodules.queue = queue = SceneQueue()
        wiring.connect(m, wiring.flipped(self.window), queue.window)
        m.d.comb += [
            queue.flush.eq(self.flush),
            queue.take.eq(self.take & wanted),
            self.queued.eq(queue.ready),
            self.awaited.eq(wanted),
            self.ready.eq(queue.ready | ~wanted),
        ]
        return delay(m, queue.word, self.latency - 1, name="stored")

    def _memory(self, m, address):
        """The word at ``address``, ``latency`` − 1 clocks behind it; the bus's port."""
        m.submodules.memory = store = memory.Memory(shape=16, depth=self.config.pixels, init=[])
        read, write = store.read_port(), store.write_port()
        # a block memory is slow to answer: in the parallel form a register follows before anything else
        stored = delay(m, read.data, self.latency - 2, name="stored")
        m.d.comb += [
            self.ready.eq(1),
            read.addr.eq(address),
            write.addr.eq(self.window.address),
            write.data.eq(self.window.write_data),
            write.en.eq(self.window.write),
            read.en.eq(~self.window.write),  # never both: a block memory need not say what a collision reads
            self.window.read_data.eq(stored),
        ]
        asked = delay(m, self.window.read, self.latency, name="asked", reset=True)
        m.d.sync += self.window.done.eq(asked | self.window.write)
        return stored

    def _address(self, m):
        """The pixel's place in the array; a row's end leaps over the ring on both sides."""
        config = self.config
        address = Signal(range(config.pixels))
        with m.If(self.start):
            m.d.sync += address.eq(config.border * config.cols + config.border)
        with m.Elif(self.step):
            m.d.sync += address.eq(address + Mux(self.row_end, 2 * config.border + 1, 1))
        if config.scene is SceneForm.MEMORY:
            with m.Elif(self.window.read):
                m.d.sync += address.eq(self.window.address)
        return address

    def _pattern(self, m, address):
        """The test pattern at `address`, a register behind it."""
        odd = Signal()
        m.submodules.prbs = prbs = Xorshift(PRBS)
        m.d.comb += [
            prbs.load.eq(self.start),
            prbs.step.eq(self.warm | self.step),
            prbs.seed.eq(self.seed),
            prbs.shot.eq(self.shot),
        ]
        with m.If(self.start):
            m.d.sync += odd.eq(0)
        with m.Elif(self.step):
            # a row of an even number of pixels is followed by a pixel of the same parity
            m.d.sync += odd.eq(odd ^ ~(self.row_end & Const(self.config.image_cols % 2 == 0, 1)))
        here = address == self.shot[: len(address)]
        lit = Signal()
        with m.Switch(self.source):
            with m.Case(wire.Scene.FLAT):
                m.d.comb += lit.eq(1)
            with m.Case(wire.Scene.CHECKER):
                m.d.comb += lit.eq(odd)
            with m.Case(wire.Scene.WALKING):
                m.d.comb += lit.eq(here)
        pattern = Signal(16, reset_less=True)
        with m.If(self.source == wire.Scene.RAMP):
            m.d.sync += pattern.eq(address << 6)
        with m.Elif(self.source == wire.Scene.PRBS):
            m.d.sync += pattern.eq(prbs.value)
        with m.Else():
            m.d.sync += pattern.eq(Mux(lit, self.level, 0))
        return pattern
