# SPDX-License-Identifier: BSD-2-Clause
"""The second reading of a slice: what is coded, one slot behind the other.

flags ─► bitmap bytes │ gaps ┐
values ──────────────────────┴─► [bitmap …] [prefix] gap, value, gap, value … [gap] end
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out
from macropix.gateware.roic.encode.choice import Chosen
from macropix.gateware.roic.encode.gaps import Gaps
from macropix.gateware.roic.encode.record import Record
from macropix.gateware.wire import PREFIX_BITS, Positions, ThresholdMode, Values

__all__ = ["Kind", "Slot", "Sweep"]


class Kind(enum.Enum, shape=2):
    """What a slot holds."""

    #: bits as they are
    RAW = 0
    #: a gap
    GAP = 1
    #: a place for the value that is read from the buffer
    VALUE = 2
    #: nothing: the payload is over
    END = 3


class Slot(data.Struct):
    """One step of the coder."""

    valid: 1
    kind: Kind
    bits: PREFIX_BITS  # RAW, GAP
    length: 4  # RAW: how many of them; END: 0


class _State(enum.Enum):
    IDLE = 0
    FETCH = 1  # the first byte of flags is asked for
    LOAD = 2  # and there
    BITMAP = 3
    PREFIX = 4
    GAP = 5
    VALUE = 6
    FINAL = 7  # the gap behind the last value
    END = 8


class Sweep(wiring.Component):
    """Walks over a slice in the buffer. Bytes of flags without a 1 take a clock each, sent pixels one or, with a gap code, two.

    **Latency**: the first slot comes 4 clocks behind ``begin``. **Throughput** at most one slot a clock. **Backpressure**: stands still
    in each clock in which ``go`` is low. ``begin`` comes only when the slot END has been taken.

    Members
    -------
    begin : In(1)
        A new slice: ``record`` and ``chosen`` are copied.
    record : In(Record), chosen : In(Chosen)
    go : In(1)
        The slot is taken.
    slot : Out(Slot)
        Registered.
    read_flags : Out(1), flags_at : Out(7), flags : In(8)
        To the slice buffer.
    read_value : Out(1), value_at : Out(10)
        To the slice buffer: a slot VALUE and the value's read go out together, the value comes while the slot stands in ``slot``.
    """

    begin: In(1)
    record: In(Record)
    chosen: In(Chosen)
    go: In(1)
    slot: Out(Slot)
    read_flags: Out(1)
    flags_at: Out(7)
    flags: In(8)
    read_value: Out(1)
    value_at: Out(10)

    def elaborate(self, platform):
        m = Module()
        m.submodules.gaps = gaps = Gaps()
        state = Signal(_State)
        self._copy(m, state)
        here = {one: state == one for one in _State}
        m.d.comb += [
            gaps.begin.eq(self.begin),
            gaps.fetch.eq(self.go & here[_State.FETCH]),
            gaps.load.eq(
                self.go
                & (here[_State.LOAD] | here[_State.BITMAP] | ((here[_State.GAP] | here[_State.VALUE]) & ~gaps.byte.any()))
            ),
            gaps.take.eq(self.go & here[_State.GAP]),
            gaps.final.eq(here[_State.FINAL]),
            gaps.count.eq(self.count),
            self.read_flags.eq(gaps.read_flags),
            self.flags_at.eq(gaps.flags_at),
            gaps.flags.eq(self.flags),
            self.read_value.eq(self.go & here[_State.VALUE]),
        ]
        with m.If(self.go):
            self._walk(m, state, gaps)
        with m.If(self.begin):
            m.d.sync += [state.eq(_State.FETCH), self.value_at.eq(0)]
        with m.Elif(self.read_value):
            m.d.sync += [self.value_at.eq(self.value_at + 1), self.left.eq(self.left - 1)]
        return m

    def _copy(self, m, state):
        """What is needed of record and choice, for the first pixels of the next slice may come before this one is over."""
        self.runs, self.bitmap, self.rice, self.open_end = Signal(), Signal(), Signal(), Signal()
        self.left, self.count, self.limit = Signal(11), Signal(10), Signal(PREFIX_BITS)
        record, positions = self.record, self.chosen.positions
        mode = Mux(record.threshold_mode.as_value().all(), ThresholdMode.ABS, record.threshold_mode)
        with m.If(self.begin):
            m.d.sync += [
                self.runs.eq(positions == Positions.RUNS),
                self.bitmap.eq((positions == Positions.BITMAP) | (positions == Positions.FLAGGED)),
                self.rice.eq(self.chosen.values == Values.RICE),
                self.open_end.eq(record.open_end),
                self.left.eq(record.stored),
                self.count.eq(record.count),
                self.limit.eq(Cat(record.threshold, mode)),
            ]

    def _walk(self, m, state, gaps):
        """The slot of each state, and the state behind it."""
        slot = self.slot
        codes = Mux(self.runs, _State.GAP, _State.VALUE)
        prefix = Mux(self.rice, _State.PREFIX, codes)
        m.d.sync += [slot.valid.eq(0), slot.kind.eq(Kind.RAW), slot.bits.eq(gaps.gap), slot.length.eq(PREFIX_BITS)]
        with m.Switch(state):
            with m.Case(_State.FETCH):
                m.d.sync += state.eq(_State.LOAD)
            with m.Case(_State.LOAD):
                m.d.sync += state.eq(Mux(self.left == 0, _State.END, Mux(self.bitmap, _State.BITMAP, prefix)))
            with m.Case(_State.BITMAP):
                m.d.sync += [slot.valid.eq(1), slot.bits.eq(gaps.byte), slot.length.eq(8)]
                with m.If(gaps.at == self.count[3:]):
                    m.d.sync += [slot.length.eq(self.count[:3] + 1), state.eq(prefix)]
            with m.Case(_State.PREFIX):
                m.d.sync += [slot.valid.eq(1), slot.bits.eq(self.limit), state.eq(codes)]
            with m.Case(_State.GAP):
                m.d.sync += [slot.valid.eq(gaps.byte.any()), slot.kind.eq(Kind.GAP)]
                with m.If(gaps.byte.any()):
                    m.d.sync += state.eq(_State.VALUE)
            with m.Case(_State.VALUE):
                m.d.sync += [slot.valid.eq(1), slot.kind.eq(Kind.VALUE)]
                with m.If(self.left == 1):
                    m.d.sync += state.eq(Mux(self.runs & self.open_end, _State.FINAL, _State.END))
                with m.Else():
                    m.d.sync += state.eq(codes)
            with m.Case(_State.FINAL):
                m.d.sync += [slot.valid.eq(1), slot.kind.eq(Kind.GAP), state.eq(_State.END)]
            with m.Case(_State.END):
                m.d.sync += [slot.valid.eq(1), slot.kind.eq(Kind.END), slot.length.eq(0), state.eq(_State.IDLE)]
