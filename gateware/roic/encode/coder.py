# SPDX-License-Identifier: BSD-2-Clause
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
_Mark = data.StructLayout({"valid": 1, "end": 1, "value": 1, "gap": 1, "rice": 1, "sign": 1})


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
    latency = 6

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
        v, length, negative = self._symbol(m, marks[0])
        v, length = self._adapt(m, marks[1], v, length)
        v, ones, stop, length = self._divide(m, marks[2], v, length)
        self._assemble(m, marks, v, ones, stop, length, self._move(self._move(negative, name="negative_3"), name="negative_4"))
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
        self._rice, self._delta, self._sign = Signal(), Signal(), Signal()
        self._less = Signal(12)  # −T
        self._packed = Signal(5, init=TAP_BITS[Tap.OUT])
        with m.If(self.begin):
            m.d.sync += [
                self._rice.eq(self.chosen.values == Values.RICE),
                self._delta.eq(self.chosen.values == Values.DELTA),
                self._sign.eq(self.record.sign),
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
        value, gap = slot.kind == Kind.VALUE, slot.kind == Kind.GAP
        mark = Signal(_Mark)
        self._moves += [
            mark.valid.eq(slot.valid),
            mark.end.eq(slot.kind == Kind.END),
            mark.value.eq(value),
            mark.gap.eq(gap),
            mark.rice.eq(gap | (value & (self._rice | self._delta))),
            mark.sign.eq(value & self._rice & self._sign),
        ]
        marks = [mark]
        for stage in range(2, self.latency):
            marks.append(self._move(marks[-1], name=f"mark_{stage}", reset_less=False))
        return marks

    def _symbol(self, m, mark):
        """Stages 1 and 2: one adder gives |y| − T (the carry mends the one's complement), y − y_before, or y."""
        bits, length, y = (self._move(one, name=f"slot_{i}") for i, one in enumerate((self.slot.bits, self.slot.length, self.value)))
        before = Signal(signed(12))
        x, change, carry, total = Signal(signed(13)), Signal(signed(13)), Signal(), Signal(signed(13))
        negative = y[11]
        m.d.comb += [x.eq(y[:12].as_signed()), total.eq((Cat(Const(1, 1), x) + Cat(carry, change))[1:])]
        with m.If(self._rice):
            m.d.comb += [x.eq(y[:12] ^ negative.replicate(12)), change.eq(self._less.as_signed()), carry.eq(negative)]
        with m.Elif(self._delta):
            m.d.comb += [change.eq(~before), carry.eq(1)]
        with m.If(self.begin):
            m.d.sync += before.eq(0)
        with m.Elif(self.go & mark.valid & mark.value):
            m.d.sync += before.eq(y)
        zigzag = Cat(total[12], total[:12] ^ total[12].replicate(12))
        coded = Mux(self._delta, zigzag, Mux(self._rice, total.as_unsigned(), y.as_unsigned()))
        v = self._move(Mux(mark.value, coded, bits), name="v_2")
        return v, self._move(Mux(mark.value, self._packed, length), name="length_2"), self._move(negative, name="negative_2")

    def _adapt(self, m, mark, v, length):
        """Stage 3: k of the code's state, and the state behind v."""
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
        return self._move(v, name="v_3"), self._move(Mux(mark.rice, k, length), name="length_3")

    def _divide(self, m, mark, v, k):
        """Stage 4: ones of the unary part, whether a zero ends it, and how many bits of v follow."""
        quotient, escaped = Signal(DELTA.raw_bits), Signal()
        raw = Mux(mark.gap, GAP.raw_bits, Mux(self._delta, DELTA.raw_bits, VALUE.raw_bits))
        m.d.comb += [quotient.eq(v[: DELTA.raw_bits] >> k[:4]), escaped.eq(quotient >= Rice.LIMIT)]
        ones = self._move(Mux(mark.rice, Mux(escaped, Rice.LIMIT, quotient[:4]), 0), name="ones_4")
        stop = self._move(mark.rice & ~escaped, name="stop_4")
        return self._move(v, name="v_4"), ones, stop, self._move(Mux(mark.rice & escaped, raw, k), name="length_4")

    def _assemble(self, m, marks, v, ones, stop, length, negative):
        """Stages 5 and 6: [sign] ones [0] low bits."""
        sign = marks[3].sign
        unary = Cat(one < ones for one in range(Rice.LIMIT))
        head = self._move(Mux(sign, Cat(negative, unary), unary), name="head_5")
        shift = self._move((ones + stop + sign)[:4], name="shift_5")
        low = self._move(v & Cat(bit < length for bit in range(len(v))), name="low_5")
        total = self._move((ones + stop + sign + length)[:5], name="length_5")
        mark, rest = marks[4], DELTA.raw_bits
        bits = head | (low[:rest] << shift)[: len(self.o.bits)] | Cat(Const(0, rest), low[rest:])
        self._moves += [self.o.bits.eq(bits), self.o.length.eq(total), self.o.end.eq(mark.end), self.valid.eq(mark.valid)]
