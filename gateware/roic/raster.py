# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false, reportCallIssue=false
"""The order of the die: imaging pixels one behind the other, and which of them complete a macro-pixel.

start ─► 16 clocks of warm-up ─► row by row ──► issue { step, row_end, mark { valid, row_last, slice_last, frame_last } }
                                    ▲
          room, reserve ── a slice at a time: here the chain waits; and for the pixels of a streamed scene
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware import wire
from macropix.gateware.config import Config, Form
from macropix.gateware.wire import Read

__all__ = ["WARM_UP", "Issue", "Mark", "Raster", "slot"]

#: steps a generator takes before its first macro-pixel
WARM_UP = 16


class Mark(data.Struct):
    """What goes down the pipeline beside a macro-pixel; the other bits mean nothing without ``valid``.

    ``abandoned``, with ``frame_last``: the frame ends here, but is not whole.
    """

    valid: 1
    row_last: 1
    slice_last: 1
    frame_last: 1
    abandoned: 1


class Issue(data.Struct):
    """One imaging pixel: ``step`` says that there is one, ``row_end`` that it ends a row, ``mark`` what it completes."""

    step: 1
    row_end: 1
    mark: Mark


def slot(config: Config) -> int:
    """Clocks from one pixel to the next: 1, or what one multiplier and one adder need for a whole macro-pixel.

    The sum takes a write and M² reads; the integrator loads and adds 12 times.
    """
    return 1 if config.form is Form.PARALLEL else max(config.subpixels + 1, 13)


class Raster(wiring.Component):
    """Issues the imaging pixels of a frame in raster order and marks those that complete a macro-pixel.

    The window's newest pixel completes it: SLIDING from row and column M − 1 on, TILES in every M-th of both, SINGLE always.
    Nothing is issued behind the frame's last macro-pixel. Each slice is reserved before its first pixel is issued.

    **Latency, throughput, backpressure**: the first pixel is issued 18 clocks behind ``start``; then one every ``slot(config)``
    clocks, and one clock more between slices. Waits for ``room`` before a slice, never inside one; and for ``ready`` before each pixel.

    Parameters
    ----------
    config : Config
        Geometry, form.

    Members
    -------
    start : In(1)
        Begin a frame; only while none is under way.
    read : In(Read)
        Which macro-pixels; a value without meaning acts as SINGLE. Constant while a frame is under way.
    room : In(1), reserve : Out(1)
        As in `bus.PixelPort`.
    warm : Out(1)
        High for the 16 clocks behind ``start``: generators step.
    single : Out(1)
        The read is SINGLE.
    ready : In(1), take : Out(1)
        The next pixel's photocurrent is there; it is taken, a clock before its ``issue``.
    running : Out(1)
        Pixels are still to be issued.
    abandon : In(1)
        The frame ends with the slice under way.
    issue : Out(Issue)
        Registered.
    """

    def __init__(self, config: Config):
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "read": In(2),
                "room": In(1),
                "reserve": Out(1),
                "warm": Out(1),
                "single": Out(1),
                "ready": In(1, init=1),
                "take": Out(1),
                "running": Out(1),
                "abandon": In(1),
                "issue": Out(Issue),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        rows, cols, macro = config.image_rows, config.image_cols, config.macro
        running, waiting = self.running, Signal()
        tiles = Signal()
        row, row_phase, column, column_phase = Signal(range(rows)), Signal(range(macro)), Signal(range(cols)), Signal(range(macro))
        go = Signal()
        mark = Signal(Mark)
        row_end, last_row, whole = Signal(), Signal(), Signal()

        m.d.comb += [
            tiles.eq(self.read == Read.TILES),
            self.single.eq(~tiles & (self.read != Read.SLIDING)),
            row_end.eq(column == cols - 1),
            last_row.eq(row == Mux(tiles, rows // macro * macro - 1, rows - 1)),
            mark.valid.eq(self.single | ((row_phase == macro - 1) & (column_phase == macro - 1))),
            mark.row_last.eq(column == Mux(tiles, cols // macro * macro - 1, cols - 1)),
            whole.eq(mark.row_last & last_row),
            mark.abandoned.eq(self.abandon),
            self.take.eq(go),
            self.reserve.eq(running & waiting & self.room),
        ]

        def advance(phase):
            """Counts to M − 1 and stays there, or in TILES begins again."""
            with m.If(phase != macro - 1):
                m.d.sync += phase.eq(phase + 1)
            with m.Elif(tiles):
                m.d.sync += phase.eq(0)

        with m.If(go):
            m.d.sync += column.eq(column + 1)
            advance(column_phase)
            with m.If(row_end):
                m.d.sync += [column.eq(0), column_phase.eq(0), row.eq(row + 1)]
                advance(row_phase)
        self._pace(m, running, waiting, go, mark, whole)
        m.d.sync += [
            self.issue.step.eq(go),
            self.issue.row_end.eq(row_end),
            self.issue.mark.eq(mark),
            self.issue.mark.valid.eq(go & mark.valid),
        ]
        with m.If(self.start):
            m.d.sync += [row.eq(0), row_phase.eq(0), column.eq(0), column_phase.eq(0)]
        return m

    def _pace(self, m, running, waiting, go, mark, whole):
        """When a pixel goes: behind the warm-up, in its slot, in a reserved slice."""
        clocks = slot(self.config)
        pause = Signal(range(max(WARM_UP, clocks) + 1))
        held = self.warm if clocks == 1 else (pause != 0)
        m.d.comb += go.eq(running & ~waiting & ~held & self.ready)
        with m.If(self.start):
            m.d.sync += [running.eq(1), waiting.eq(1), self.warm.eq(1), pause.eq(WARM_UP)]
        with m.Else():
            with m.If(pause != 0):
                m.d.sync += pause.eq(pause - 1)
            with m.If(pause == 1):
                m.d.sync += self.warm.eq(0)
            with m.If(self.reserve):
                m.d.sync += waiting.eq(0)
            with m.If(go):
                if clocks > 1:
                    m.d.sync += pause.eq(clocks - 1)
                with m.If(mark.valid & mark.slice_last):
                    m.d.sync += [waiting.eq(1), running.eq(~mark.frame_last)]
        if self.config.max_outputs <= wire.SLICE_PIXELS:
            m.d.comb += [mark.slice_last.eq(whole), mark.frame_last.eq(whole)]
            return
        count = Signal(range(wire.SLICE_PIXELS))
        m.d.comb += [mark.slice_last.eq(whole | count.all()), mark.frame_last.eq(whole | (count.all() & self.abandon))]
        with m.If(self.start):
            m.d.sync += count.eq(0)
        with m.Elif(go & mark.valid):
            m.d.sync += count.eq(count + 1)
