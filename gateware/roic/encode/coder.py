# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false
"""Slots to tokens: the bits of each gap and value.

slot, value ─► v = |y| − T, zigzag or as it is ─► a, k ─► v >> k, escaped? ─► low bits, lengths ─► token
"""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.config import Config
from macropix.gateware.roic.encode.choice import Chosen
from macropix.gateware.roic.encode.record import Record
from macropix.gateware.roic.encode.rice import follow, parameter
from macropix.gateware.roic.encode.sweep import Kind, Slot
from macropix.gateware.wire import DELTA, GAP, TAP_BITS, VALUE, Rice, Tap, Values

__all__ = ["Coder", "token_layout"]

#: longest Rice code with its sign
_CODE_BITS = max(1 + VALUE.max_bits, DELTA.max_bits)


def token_layout(config: Config) -> data.StructLayout:
    """Up to 25 bits (31 where there are taps), bit 0 first, none above ``length``; ``end`` (length 0): the payload is over."""
    return data.StructLayout({"bits": max(_CODE_BITS, config.sample_width), "length": 5, "end": 1})


#: what a slot is, beside its bits
_Mark = data.StructLayout({"valid": 1, "end": 1, "gap": 1, "rice": 1})


class Coder(wiring.Component):
    """One slot a clock to one token a clock.

    **Latency**: `latency` clocks. **Throughput** one slot a clock. **Backpressure**: all stages stand still while a token waits for
    ``ready``; ``go`` says when they move.

    Parameters
    ----------
    config : Config
        Width of a value.

    Members
    -------
    begin : In(1), record : In(Record), chosen : In(Chosen)
        A new slice; only while nothing is under way.
    slot : In(Slot), value : In(signed(sample_width))
        From the sweep; what the buffer has read for a slot VALUE.
    go : Out(1)
        ``slot`` is taken.
    o : Out(token_layout), valid : Out(1), ready : In(1)
        To the packer.
    """

    #: clocks from a slot to its token
    latency = 5

    def __init__(self, config: Config):
        self.config = config
        super().__init__(
            {
                "begin": In(1),
                "record": In(Record),
                "chosen": In(Chosen),
                "slot": In(Slot),
                "value": In(signed(config.sample_width)),
                "go": Out(1),
                "o": Out(token_layout(config)),
                "valid": Out(1),
                "ready": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        self._moves = []
        self._copy(m)
        m.d.comb += self.go.eq(self.ready | ~self.valid)
        marks = self._marks()
        v, length, negative = self._symbol(m)
        v, length = self._adapt(m, marks[0], v, length)
        v, ones, stop, length = self._divide(m, marks[1], v, length)
        for stage in (2, 3):
            negative = self._move(negative, name=f"negative_{stage}")
        self._assemble(m, marks[2:], v, ones, stop, length, negative)
        with m.If(self.go):
            m.d.sync += self._moves
        return m

    def _move(self, value, *, name, reset_less=True):
        """A register of the pipeline: it moves with ``go``."""
        register = Signal(value.shape() if isinstance(value, data.View) else Value.cast(value).shape(), name=name, reset_less=reset_less)
        self._moves.append(register.eq(value))
        return register

    def _copy(self, m):
        """What is needed of record and choice, for the first pixels of the next slice may come before this one is over."""
        self._delta, self._coded, self._signed = Signal(), Signal(), Signal()
        self._less = Signal(12)  # −T
        self._packed = Signal(5, init=TAP_BITS[Tap.OUT])
        with m.If(self.begin):
            m.d.sync += [
                self._delta.eq(self.chosen.values == Values.DELTA),
                self._coded.eq(self.chosen.values != Values.PACKED),
                self._signed.eq((self.chosen.values == Values.RICE) & self.record.sign),
                self._less.eq(-self.record.threshold),
            ]
            if self.config.taps:
                with m.Switch(self.record.tap):
                    for tap, bits in TAP_BITS.items():
                        with m.Case(tap):
                            m.d.sync += self._packed.eq(bits)

    def _marks(self):
        """Of each stage but the last."""
        slot = self.slot
        gap = slot.kind == Kind.GAP
        mark = Signal(_Mark)
        self._moves += [
            mark.valid.eq(slot.valid),
            mark.end.eq(slot.kind == Kind.END),
            mark.gap.eq(gap),
            mark.rice.eq(gap | ((slot.kind == Kind.VALUE) & self._coded)),
        ]
        marks: list = [mark]
        for stage in range(2, self.latency):
            marks.append(self._move(marks[-1], name=f"mark_{stage}", reset_less=False))
        return marks

    def _symbol(self, m):
        """Stage 1. One adder gives both: y − y_before; and y − T, or for negative y its complement y + T − 1 (T − 1 = ~−T)."""
        y, value = self.value[:12].as_signed(), self.slot.kind == Kind.VALUE
        before, change, total = Signal(signed(12)), Signal(signed(12)), Signal(signed(13))
        m.d.comb += [
            change.eq(Mux(self._delta, ~before, self._less ^ y[11].replicate(12))),
            total.eq((Cat(self._delta, y).as_signed() + Cat(self._delta, change).as_signed()) >> 1),
        ]
        with m.If(self.begin):
            m.d.sync += before.eq(0)
        with m.Elif(self.go & self.slot.valid & value):
            m.d.sync += before.eq(y)
        size, negative = total[:12] ^ total[12].replicate(12), total[12]
        coded = Mux(self._delta, Cat(negative, size), size)
        v = Mux(value, Mux(self._coded, coded, self.value.as_unsigned()), self.slot.bits)
        length = Mux(value, self._packed, self.slot.length)
        return self._move(v, name="v_1"), self._move(length, name="length_1"), self._move(y[11], name="negative_1")

    def _adapt(self, m, mark, v, length):
        """Stage 2: k of the code's state, and the state behind v."""
        a_gap, a_value = Signal(GAP.state_bits), Signal(DELTA.state_bits)
        a = Signal(DELTA.state_bits)
        m.d.comb += a.eq(Mux(mark.gap, a_gap, a_value))
        k = parameter(m, a)
        after = Signal.like(a)
        m.d.comb += after.eq(follow(a, v[: DELTA.raw_bits]))
        with m.If(self.begin):
            m.d.sync += [a_gap.eq(GAP.start), a_value.eq(Mux(self.chosen.values == Values.DELTA, DELTA.start, VALUE.start))]
        with m.Elif(self.go & mark.valid & mark.rice):
            with m.If(mark.gap):
                m.d.sync += a_gap.eq(after)
            with m.Else():
                m.d.sync += a_value.eq(after)
        return self._move(v, name="v_2"), self._move(Mux(mark.rice, k, length), name="length_2")

    def _divide(self, m, mark, v, k):
        """Stage 3: ones of the unary part, whether a zero ends it, and how many bits of v follow."""
        quotient, escaped = Signal(DELTA.raw_bits), Signal()
        raw = Mux(mark.gap, GAP.raw_bits, Mux(self._delta, DELTA.raw_bits, VALUE.raw_bits))
        m.d.comb += [quotient.eq(v[: DELTA.raw_bits] >> k[:4]), escaped.eq(quotient >= Rice.LIMIT)]
        ones = self._move(Mux(mark.rice, Mux(escaped, Rice.LIMIT, quotient[:4]), 0), name="ones_3")
        stop = self._move(mark.rice & ~escaped, name="stop_3")
        return self._move(v, name="v_3"), ones, stop, self._move(Mux(mark.rice & escaped, raw, k), name="length_3")

    def _assemble(self, m, marks, v, ones, stop, length, negative):
        """Stages 4 and 5: [sign] ones [0] low bits."""
        sign = Signal()
        m.d.comb += sign.eq(marks[0].rice & ~marks[0].gap & self._signed)
        unary = _ones(ones, Rice.LIMIT)
        head = self._move(Mux(sign, Cat(negative, unary), unary), name="head_4")
        shift = self._move((ones + stop + sign)[:4], name="shift_4")
        low = self._move(v & _ones(length, len(v)), name="low_4")
        total = self._move((ones + stop + sign + length)[:5], name="length_4")
        mark, rest = marks[1], DELTA.raw_bits
        bits = head | (low[:rest] << shift)[: len(self.o.bits)] | Cat(Const(0, rest), low[rest:])
        self._moves += [self.o.bits.eq(bits), self.o.length.eq(total), self.o.end.eq(mark.end), self.valid.eq(mark.valid)]


def _ones(count, width: int) -> Value:
    """`count` ones in `width` bits, from bit 0 on; all of them if there are more."""
    return ~(Const((1 << width) - 1, width) << count)[:width]
