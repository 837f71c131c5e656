# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false
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
    ASK = 1  # the first byte of flags and the first value are asked for,
    FETCH = 2  # come to the slice buffer's registers,
    LOAD = 3  # and to those of `Gaps`
    BITMAP = 4
    PREFIX = 5
    GAP = 6
    VALUE = 7
    FINAL = 8  # the gap behind the last value
    END = 9


class Sweep(wiring.Component):
    """Walks over a slice in the buffer. Bytes of flags without a 1 take a clock each, sent pixels one or, with a gap code, two.

    **Latency**: the first slot comes 5 clocks behind ``begin``. **Throughput** at most one slot a clock. **Backpressure**: stands still
    in each clock in which ``go`` is low. ``begin`` comes only when the slot END has been taken.

    Members
    -------
    begin : In(1)
        A new slice: ``record`` and ``chosen`` are copied.
    record : In(Record), chosen : In(Chosen), count : In(10)
        Of the slice; ``count`` is the number of its pixels, less one.
    go : In(1)
        The slot is taken.
    slot : Out(Slot)
        Registered.
    next_flags : Out(1), flags : In(8)
        From the slice buffer.
    next_value : Out(1)
        To the slice buffer, whose value belongs to the slot VALUE that stands in ``slot``.
    """

    begin: In(1)
    record: In(Record)
    chosen: In(Chosen)
    count: In(10)
    go: In(1)
    slot: Out(Slot)
    next_flags: Out(1)
    flags: In(8)
    next_value: Out(1)

    def elaborate(self, platform):
        m = Module()
        m.submodules.gaps = gaps = Gaps()
        state = Signal(_State)
        self._copy(m)
        asks = (state == _State.ASK) | (state == _State.FETCH)
        codes = (state == _State.GAP) | (state == _State.VALUE)
        m.d.comb += [
            gaps.begin.eq(self.begin),
            gaps.load.eq(self.go & (asks | (state == _State.LOAD) | (state == _State.BITMAP) | (codes & ~gaps.byte.any()))),
            gaps.flags.eq(self.flags),
            gaps.take.eq(self.go & (state == _State.GAP)),
            gaps.final.eq(state == _State.FINAL),
            gaps.count.eq(self.last),
            self.next_flags.eq(gaps.load),
            self.next_value.eq(self.go & (asks | (self.slot.valid & (self.slot.kind == Kind.VALUE)))),
        ]
        with m.If(self.go):
            self._walk(m, state, gaps)
        with m.If(self.begin):
            m.d.sync += state.eq(_State.ASK)
        return m

    def _copy(self, m):
        """What is needed of record and choice, for the first pixels of the next slice may come before this one is over."""
        self.runs, self.bitmap, self.rice, self.open_end = Signal(), Signal(), Signal(), Signal()
        self.left, self.last, self.limit = Signal(11), Signal(10), Signal(PREFIX_BITS)
        record, positions = self.record, self.chosen.positions
        mode = Mux(record.threshold_mode.as_value().all(), ThresholdMode.ABS, record.threshold_mode)
        with m.If(self.begin):
            m.d.sync += [
                self.runs.eq(positions == Positions.RUNS),
                self.bitmap.eq((positions == Positions.BITMAP) | (positions == Positions.FLAGGED)),
                self.rice.eq(self.chosen.values == Values.RICE),
                self.open_end.eq(record.open_end),
                self.left.eq(record.stored),
                self.last.eq(self.count),
                self.limit.eq(Cat(record.threshold, mode)),
            ]

    def _walk(self, m, state, gaps):
        """The slot of each state, and the state behind it."""
        slot = self.slot
        codes = Mux(self.runs, _State.GAP, _State.VALUE)
        prefix = Mux(self.rice, _State.PREFIX, codes)
        m.d.sync += [slot.valid.eq(0), slot.kind.eq(Kind.RAW), slot.bits.eq(gaps.gap), slot.length.eq(PREFIX_BITS)]
        with m.Switch(state):
            with m.Case(_State.ASK):
                m.d.sync += state.eq(_State.FETCH)
            with m.Case(_State.FETCH):
                m.d.sync += state.eq(_State.LOAD)
            with m.Case(_State.LOAD):
                m.d.sync += state.eq(Mux(self.left == 0, _State.END, Mux(self.bitmap, _State.BITMAP, prefix)))
            with m.Case(_State.BITMAP):
                m.d.sync += [slot.valid.eq(1), slot.bits.eq(gaps.byte), slot.length.eq(8)]
                with m.If(gaps.at == self.last[3:]):
                    m.d.sync += [slot.length.eq(self.last[:3] + 1), state.eq(prefix)]
            with m.Case(_State.PREFIX):
                m.d.sync += [slot.valid.eq(1), slot.bits.eq(self.limit), state.eq(codes)]
            with m.Case(_State.GAP):
                m.d.sync += [slot.valid.eq(gaps.byte.any()), slot.kind.eq(Kind.GAP)]
                with m.If(gaps.byte.any()):
                    m.d.sync += state.eq(_State.VALUE)
            with m.Case(_State.VALUE):
                m.d.sync += [slot.valid.eq(1), slot.kind.eq(Kind.VALUE), self.left.eq(self.left - 1)]
                with m.If(self.left == 1):
                    m.d.sync += state.eq(Mux(self.runs & self.open_end, _State.FINAL, _State.END))
                with m.Else():
                    m.d.sync += state.eq(codes)
            with m.Case(_State.FINAL):
                m.d.sync += [slot.valid.eq(1), slot.kind.eq(Kind.GAP), state.eq(_State.END)]
            with m.Case(_State.END):
                m.d.sync += [slot.valid.eq(1), slot.kind.eq(Kind.END), slot.length.eq(0), state.eq(_State.IDLE)]
