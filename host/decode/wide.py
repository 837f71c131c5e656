# SPDX-License-Identifier: BSD-2-Clause
"""Sixteen slices abreast, in vectors: one pixel of each at every turn.

    bits of 16 payloads ─► words ─► ones, low bits ─► gaps ─► ones, low bits ─► values ─► pixels put down, states stepped
                                       │ an escape, or an end: the turn is not taken, and the lanes told that need a look of their own

A code's length says where the next begins, so one slice is a chain of some 26 clocks a pixel, and two by turns still some 60 instructions.
Eight in a vector share nearly all of them, and two vectors wait by turns. Written in LLVM's terms, since numba has none for
vectors; a processor without them gets the same in pieces.

What happens in a turn is what `lanes.one` says for one lane in plain words.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np.arrayobj import make_array

from macropix.gateware.wire import TAP_BITS, Rice, Tap, Values
from macropix.host.decode.bits import intrinsic

__all__ = [
    "ACC",
    "AT",
    "BAD",
    "BASE",
    "BEFORE",
    "BIT",
    "COUNT",
    "GAPS",
    "LANES",
    "NEGATIVE",
    "PIXELS",
    "SIGN",
    "STATE",
    "VALUES",
    "T",
    "turns",
]

#: lanes of a vector; vectors worked on by turns, so that what one waits for another fills; slices abreast
WIDE, GROUPS = 8, 2
LANES = WIDE * GROUPS
#: rows of the state, int32, a column a lane. What moves: next bit; next pixel; a of the gaps, of the values; last value (DELTA); pixels so
#: far; marks of a value out of range, of a needless escape. What stays: pixels of the slice, or of a list of places; where its pixels go;
#: T; sign bits (0, 1); the sign without one
BIT, AT, GAPS, VALUES, BEFORE, COUNT, ACC, BAD, PIXELS, BASE, T, SIGN, NEGATIVE, STATE = range(14)
_MOVING = (BIT, AT, GAPS, VALUES, BEFORE, COUNT, ACC)
_FIXED = (PIXELS, BASE, T, SIGN, NEGATIVE)

_PACKED, _RICE, _DELTA = (int(one.value) for one in Values)
_WIDTH = TAP_BITS[Tap.OUT]
_I1, _I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
_V = ir.VectorType(_I32, WIDE)
_L = ir.VectorType(_I64, WIDE)
_F = ir.VectorType(ir.FloatType(), WIDE)


class _Many:
    """Instructions on all groups, one group after the other at each step. A number stands for itself in every lane."""

    def __init__(self, builder):
        self.builder = builder

    def __getattr__(self, name: str):
        def each(*operands):
            lists = [one if isinstance(one, list) else [_same(one)] * GROUPS for one in operands]
            return [getattr(self.builder, name)(*group) for group in zip(*lists)]

        return each

    def cast(self, name: str, vectors, kind):
        """An instruction that makes another type of a vector."""
        return [getattr(self.builder, name)(one, kind) for one in vectors]

    def compare(self, name: str, sign: str, vectors, other):
        """icmp_signed or icmp_unsigned."""
        others = other if isinstance(other, list) else [_same(other)] * GROUPS
        return [getattr(self.builder, name)(sign, one, two) for one, two in zip(vectors, others)]

    def lanes(self, vectors):
        """Each lane of all groups, as a 64-bit index."""
        for vector in vectors:
            for lane in range(WIDE):
                yield self.builder.zext(self.builder.extract_element(vector, ir.Constant(_I32, lane)), _I64)

    def gather(self, vector_type, vectors, load):
        """A vector of what `load` gives for each lane, by its place and number."""
        found, made = [load(place, number) for number, place in enumerate(self.lanes(vectors))], []
        for group in range(GROUPS):
            vector = ir.Constant(vector_type, ir.Undefined)
            for lane in range(WIDE):
                vector = self.builder.insert_element(vector, found[group * WIDE + lane], ir.Constant(_I32, lane))
            made.append(vector)
        return made

    def exponent(self, integers, bias: int):
        """Place of the highest one, by way of a float."""
        floats = self.cast("bitcast", self.cast("sitofp", integers, _F), _V)
        return self.sub(self.lshr(floats, 23), bias)

    def length(self, a):
        """k of a state."""
        length = self.exponent(self.ashr(self.add(self.ashr(a, 1), self.ashr(a, 3)), 3), 126)
        # of 0 the exponent is far below 0; a payload that no encoder writes may take it anywhere
        return self.and_(self.select(self.compare("icmp_signed", ">", length, 0), length, 0), 15)

    def code(self, bits, a):
        """(value, bits taken, lanes that are no short code) of a Rice code with state `a`."""
        k = self.length(a)
        ones = self.exponent(self.and_(self.xor(bits, -1), self.add(bits, 1)), 127)
        escaped = self.compare("icmp_unsigned", ">=", ones, Rice.LIMIT)
        ones = self.and_(ones, 15)
        behind = self.add(ones, 1)
        low = self.and_(self.lshr(bits, behind), self.sub(self.shl([_same(1)] * GROUPS, k), 1))
        return self.add(self.shl(ones, k), low), self.add(behind, k), escaped

    def stepped(self, a, value):
        """The state behind `value`."""
        return self.sub(self.add(a, value), self.ashr(a, 3))


def _same(value):
    return ir.Constant(_V, [value] * WIDE) if isinstance(value, int) else value


def _generate(builder, arguments, kind: int, runs: bool):
    """The loop of turns; gives the lanes that need a look, one bit each."""
    b, m = builder, _Many(builder)
    state, buffer, places, out, index, dense = arguments

    def row(number: int):
        starts = [number * LANES + group * WIDE for group in range(GROUPS)]
        return [b.bitcast(b.gep(state, [ir.Constant(_I64, start)]), _V.as_pointer()) for start in starts]

    def stored(number: int):
        return [b.load(place, align=4) for place in row(number)]

    moving = {number: [cgutils.alloca_once_value(b, one) for one in stored(number)] for number in _MOVING}
    pixels, base, threshold, sign, negative = (stored(number) for number in _FIXED)
    loop, take, leave = (b.append_basic_block(name) for name in ("turn", "take", "leave"))
    b.branch(loop)
    b.position_at_end(loop)
    bit, at, count, gaps, values, acc = ([b.load(one) for one in moving[number]] for number in (BIT, AT, COUNT, GAPS, VALUES, ACC))

    def word(place, _number):
        return b.load(b.bitcast(b.gep(buffer, [place]), _I64.as_pointer()), align=1)

    # 57 bits of each payload: a gap of 22 and a value of 25 at most
    view = m.lshr(m.gather(_L, m.lshr(bit, 3), word), m.cast("zext", m.and_(bit, 7), _L))
    gap = value = None
    if runs:
        gap, taken, look = m.code(m.cast("trunc", view, _V), gaps)
        at = m.add(at, gap)
        look = m.or_(look, m.compare("icmp_signed", ">=", at, pixels))
        bit = m.add(bit, taken)
        view = m.lshr(view, m.cast("zext", taken, _L))
    else:
        look = m.compare("icmp_signed", ">=", count, pixels)
    bits = m.cast("trunc", view, _V)
    if kind == _PACKED:
        y, taken = m.ashr(m.shl(bits, 32 - _WIDTH), 32 - _WIDTH), [_same(_WIDTH)] * GROUPS
    elif kind == _DELTA:
        value, taken, escaped = m.code(bits, values)
        look = m.or_(look, escaped)
        change = m.xor(m.lshr(value, 1), m.sub(0, m.and_(value, 1)))
        y = m.add([b.load(one) for one in moving[BEFORE]], change)
        acc = m.or_(acc, m.ashr(m.add(y, 2048), 12))
    else:
        minus = m.xor(m.and_(bits, sign), negative)
        value, taken, escaped = m.code(m.lshr(bits, sign), values)
        look = m.or_(look, escaped)
        size = m.add(value, threshold)
        acc = m.or_(acc, m.ashr(m.sub(size, minus), 11))
        y = m.add(m.xor(size, m.sub(0, minus)), minus)
        taken = m.add(taken, sign)
    looks = ir.Constant(_I64, 0)
    for group, one in enumerate(look):
        looks = b.or_(looks, b.shl(b.zext(b.bitcast(one, _I8), _I64), ir.Constant(_I64, group * WIDE)))
    b.cbranch(b.icmp_unsigned("==", looks, ir.Constant(_I64, 0)), take, leave)

    b.position_at_end(take)
    if not runs:

        def listed(place, number):
            return b.zext(b.load(b.gep(places, [b.add(place, ir.Constant(_I64, 1024 * number))])), _I32)

        at = m.gather(_V, count, listed)

    def put(array, where, what):
        kind_of = array.type.pointee
        for place, one in zip(m.lanes(where), m.lanes(what)):
            b.store(b.trunc(one, kind_of), b.gep(array, [place]))

    with b.if_else(dense) as (then, otherwise):
        with then:
            put(out, m.add(base, at), y)
        with otherwise:
            put(out, m.add(base, count), y)
            put(index, m.add(base, count), at)
    after = {BIT: m.add(bit, taken), COUNT: m.add(count, 1), ACC: acc}
    if gap is not None:
        after[GAPS], after[AT] = m.stepped(gaps, gap), m.add(at, 1)
    if value is not None:
        after[VALUES] = m.stepped(values, value)
    if kind == _DELTA:
        after[BEFORE] = y
    for number, vectors in after.items():
        for vector, place in zip(vectors, moving[number]):
            b.store(vector, place)
    b.branch(loop)

    b.position_at_end(leave)
    for number in _MOVING:
        for one, place in zip(moving[number], row(number)):
            b.store(b.load(one), place, align=4)
    return looks


def turns(kind: int, runs: bool):
    """A compiled function of (state int32 (STATE, LANES), buffer, places uint16 (LANES, 1024), out, index, dense): takes turns until a lane
    needs a look, and gives those that do, a bit each. `kind` is of `wire.Values`; `runs` whether gaps stand between the values.
    """

    @intrinsic
    def made(typingctx, state, buffer, places, out, index, dense):
        def generate(context, builder, signature, arguments):
            arrays = [make_array(kind_)(context, builder, one).data for kind_, one in zip(signature.args[:5], arguments[:5])]
            return _generate(builder, [*arrays, builder.trunc(arguments[5], _I1)], kind, runs)

        return types.int64(state, buffer, places, out, index, dense), generate

    return made
