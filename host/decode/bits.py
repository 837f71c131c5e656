# SPDX-License-Identifier: BSD-2-Clause
"""What the compiled decoders are made of: unaligned words, zeros counted, one step of an adaptive Rice code.

    buffer ── word at a bit ──► bits ── rice ──► value, bits taken            state ── value ──► next state

Nothing here checks a bound: whoever calls has put `SLACK` bytes behind the last one that counts, and looks afterwards whether what was
read lay within the payload. Indices never wrap around; numba's own `a[i]` pays three instructions for that.

A code's state is one number, `(a − (a >> 3)) << 8 | k` of the protocol's `a`: one look-up in `STATES` gives the next.
"""

import sys

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from macropix.gateware.wire import DELTA, GAP, VALUE, Rice

__all__ = ["SLACK", "STATES", "get", "peek", "put", "rice", "start_of", "step", "trailing_zeros", "word_at"]

assert sys.byteorder == "little", "the compiled decoder reads words as they lie in memory: least significant byte first"

#: bytes behind the last payload that may be read: 1,024 pixels, each with the longest gap and value
SLACK = 8192
assert 1024 * (GAP.max_bits + 1 + max(VALUE.max_bits, DELTA.max_bits)) // 8 + 256 <= SLACK

_STATE_BITS = max(code.state_bits for code in (GAP, VALUE, DELTA))
#: by a: (a − (a >> 3)) << 8 | k
STATES = np.array([((a - (a >> 3)) << 8) | (((a >> 1) + (a >> 3)) >> 3).bit_length() for a in range(1 << _STATE_BITS)], np.uint32)
_MASK = STATES.size - 1

_U = np.uint64
_LIMIT = Rice.LIMIT


def start_of(code: Rice) -> int:
    """A code's state at the start of a slice."""
    return int(STATES[code.start])


def _place(context, builder, array_type, array, at):
    return builder.gep(make_array(array_type)(context, builder, array).data, [at])


@intrinsic
def word_at(typingctx, buffer, at):
    """The 64 bits from byte `at` of a uint8 array on, as uint64; `at` need not be aligned."""

    def generate(context, builder, signature, arguments):
        place = _place(context, builder, signature.args[0], *arguments)
        return builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(buffer, types.int64), generate


@intrinsic
def get(typingctx, array, at):
    """`array[at]` of an unsigned array, as int64."""

    def generate(context, builder, signature, arguments):
        return builder.zext(builder.load(_place(context, builder, signature.args[0], *arguments)), ir.IntType(64))

    return types.int64(array, types.int64), generate


@intrinsic
def put(typingctx, array, at, value):
    """`array[at] = value` in an array of 16- or 32-bit integers; upper bits of the int64 `value` are dropped."""
    bits = array.dtype.bitwidth

    def generate(context, builder, signature, arguments):
        place = _place(context, builder, signature.args[0], *arguments[:2])
        builder.store(builder.trunc(arguments[2], ir.IntType(bits)), place)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), generate


@intrinsic
def trailing_zeros(typingctx, word):
    """Zeros below the lowest one of a uint64; 64 of 0."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


@numba.njit(inline="always", _nrt=False)
def peek(buffer, bit):
    """57 bits at least from `bit` on."""
    return word_at(buffer, bit >> 3) >> _U(bit & 7)


@numba.njit(inline="always", _nrt=False)
def rice(bits, state, raw_bits):
    """(value, bits taken, 1 if it was escaped and had a code of its own) of the code that `bits` begin with."""
    k = state & 63
    ones = trailing_zeros(~bits)
    if ones >= _LIMIT:
        value = np.int64((bits >> _U(_LIMIT)) & _U((1 << raw_bits) - 1))
        return value, np.int64(_LIMIT + raw_bits), np.int64(value >> k < _LIMIT)
    low = np.int64((bits >> _U(ones + 1)) & ((_U(1) << _U(k)) - _U(1)))
    return (ones << k) + low, ones + 1 + k, np.int64(0)


@numba.njit(inline="always", _nrt=False)
def step(states, state, value):
    """The state behind `value`. Of a value that no encoder writes: any state."""
    return get(states, ((state >> 8) + value) & _MASK)
