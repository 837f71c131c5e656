# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false
"""Several lanes that come sooner or later, joined to one again.

lane 0 items ─► queue ─┐  wait until all show START (or MARK), then take
lane 1 items ─► queue ─┼─► a byte from each in turn, END from all ─► K28.5 … K27.7, bytes, K29.7 ─► SliceReceiver
lane n items ─► queue ─┘
"""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import data, enum, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from macropix.gateware.code8b10b import SYMBOL_BITS
from macropix.gateware.config import Config
from macropix.gateware.fpga.lane_receiver import Item, LaneItem
from macropix.gateware.wire import K_END, K_IDLE, K_START

__all__ = ["DEPTH", "SKEW_SYMBOLS", "Deskew"]

#: most symbols that one lane may lie behind another. Twelve symbols pass from one start to the next at the least (four lanes, a slice of
#: 24 bytes), and a lane's start must be nearer to the others of its slice than to those of the next
SKEW_SYMBOLS = 5
#: items a lane may be ahead: the skew, and what comes while a column is handed over
DEPTH = 16


class _State(enum.Enum):
    WAIT = 0  # for all lanes to show the same mark
    SLICE = 1
    BREAK = 2  # end the slice as broken
    REST = 3  # one symbol between two slices


class Deskew(wiring.Component):
    """Joins the lanes' items to the symbols of one lane.

    Each lane has a queue. Outside of slices everything but MARK and START is thrown away; those are kept until all lanes show the same
    one. So the lanes are aligned anew at each slice, and a slip of one costs the slice it falls into. What waited for longer than
    `SKEW_SYMBOLS` is given up: lane 0's START as a broken slice, so that none is counted twice. Inside, lane n has byte n, n + lanes, …;
    a lane that ends sooner, later or not at all, or whose queue runs over, breaks the slice.

    **Latency** 3 clocks from the last lane's item. **Throughput** one byte a clock. **Backpressure** none: what the lanes bring faster
    than that, in the mean of a few symbols, breaks the slice.

    Parameters
    ----------
    config : Config
        ``lanes``, ``lane_bits``.

    Members
    -------
    i : In(ArrayLayout(LaneItem)), valid : In(lanes), ready : In(lanes)
        Items of each lane; whether a lane is locked and bears its number.
    o_valid, byte, k, wrong : Out
        Symbols, as `SliceReceiver` takes them.
    deskewed : Out(1)
        All lanes are ready, and MARK or START last came on all within the bound.
    """

    #: clocks from the item that was waited for to its symbol
    latency = 3

    def __init__(self, config: Config):
        self.lanes = config.lanes
        self.patience = (SKEW_SYMBOLS + 1) * SYMBOL_BITS // config.lane_bits
        super().__init__(
            {
                "i": In(data.ArrayLayout(LaneItem, self.lanes)),
                "valid": In(self.lanes),
                "ready": In(self.lanes),
                "o_valid": Out(1),
                "byte": Out(8),
                "k": Out(1),
                "wrong": Out(1),
                "deskewed": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        queues = []
        over = Signal()
        for n in range(self.lanes):
            m.submodules[f"queue_{n}"] = queue = SyncFIFOBuffered(width=LaneItem.as_shape().size, depth=DEPTH)
            m.d.comb += [queue.w_data.eq(self.i[n].as_value()), queue.w_en.eq(self.valid[n])]
            queues.append(queue)
        overrun = Cat(queue.w_en & ~queue.w_rdy for queue in queues).any()
        heads = [data.View(LaneItem, queue.r_data) for queue in queues]
        there = Cat(queue.r_rdy for queue in queues)
        shows = {item: Cat(queue.r_rdy & (head.item == item) for queue, head in zip(queues, heads, strict=True)) for item in Item}
        take = Signal(self.lanes)
        m.d.comb += [queue.r_en.eq(take[n]) for n, queue in enumerate(queues)]

        state = Signal(_State)
        m.d.sync += [self.o_valid.eq(1), self.byte.eq(K_IDLE), self.k.eq(1), self.wrong.eq(0)]
        with m.If(state != _State.SLICE):
            m.d.sync += over.eq(0)
        with m.Elif(overrun):
            m.d.sync += over.eq(1)
        with m.Switch(state):
            with m.Case(_State.WAIT):
                self._wait(m, state, shows, there, Cat(queue.level > 1 for queue in queues), take)
            with m.Case(_State.SLICE):
                self._slice(m, state, heads, shows, there, take, over)
            with m.Case(_State.BREAK):
                m.d.sync += [self.wrong.eq(1), state.eq(_State.REST)]
            with m.Case(_State.REST):
                m.d.sync += state.eq(_State.WAIT)
        with m.If(~self.ready.all()):
            m.d.sync += self.deskewed.eq(0)
        return m

    def _wait(self, m: Module, state, shows, there, more, take):
        """Throw away what is no mark; keep marks until all lanes show the same, or for so long."""
        clocks = Signal(range(self.patience + 1))
        starts, marks = shows[Item.START], shows[Item.MARK]
        together = starts.all() | marks.all()
        late = clocks == self.patience
        # a mark gives way to the start behind it: a lane that lost its own, or found one where there is none, does not hold up a slice
        stray = marks & (starts.any().replicate(self.lanes) | more)
        m.d.comb += take.eq(Mux(together | late, there, stray | (there & ~starts & ~marks)))
        begun = Signal()  # the clocks are those of a start
        m.d.sync += begun.eq(starts.any() & ~together & ~late)
        with m.If(together | late | ~(starts | marks).any() | (starts.any() & ~begun)):
            m.d.sync += clocks.eq(0)
        with m.Else():
            m.d.sync += clocks.eq(clocks + 1)
        with m.If(together):
            m.d.sync += self.deskewed.eq(1)
        with m.Elif(late):
            m.d.sync += self.deskewed.eq(0)
        # lane 0 tells of each slice once
        with m.If(starts.all() | (late & starts[0])):
            m.d.sync += [self.byte.eq(K_START), state.eq(Mux(starts.all(), _State.SLICE.value, _State.BREAK.value))]

    def _slice(self, m: Module, state, heads, shows, there, take, over):
        """A byte from each lane in turn, until they end."""
        turn = Signal(range(self.lanes))
        head, here, one = Array(heads)[turn], there.bit_select(turn, 1), 1 << turn
        m.d.sync += self.o_valid.eq(0)
        with m.If(over):
            m.d.sync += [turn.eq(0), state.eq(_State.BREAK)]
        with m.Elif(here & (head.item == Item.BYTE)):
            m.d.comb += take.eq(one)
            m.d.sync += [self.o_valid.eq(1), self.byte.eq(head.byte), self.k.eq(0), turn.eq(Mux(turn == self.lanes - 1, 0, turn + 1))]
        with m.Elif(shows[Item.END].all()):
            m.d.comb += take.eq(~0)
            m.d.sync += [self.o_valid.eq(1), self.byte.eq(K_END), turn.eq(0), state.eq(_State.REST)]
        with m.Elif((here & (head.item != Item.END)) | (here & (there & ~shows[Item.END]).any())):
            m.d.sync += [turn.eq(0), state.eq(_State.BREAK)]
