# SPDX-License-Identifier: BSD-2-Clause
"""What the compiled decoders are made of: unaligned words, zeros counted, elements of arrays without a check.

buffer ── word at a byte, shifted ──► bits          array ── get, put ──► element

Nothing here checks a bound: whoever calls has put `SLACK` bytes behind the last one that counts, and looks afterwards whether what was
read lay within the payload. Indices never wrap around; numba's own `a[i]` pays three instructions for that.
"""

import sys
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import extending, types
from numba.np.arrayobj import make_array

from macropix.gateware.wire import DELTA, GAP, VALUE

__all__ = ["SLACK", "called", "entered", "get", "inlined", "intrinsic", "peek", "put", "trailing_zeros", "word_at"]

assert sys.byteorder == "little", "the compiled decoder reads words as they lie in memory: least significant byte first"

#: bytes behind the last payload that may be read: 1,024 pixels, each with the longest gap and value
SLACK = 8192
assert 1024 * (GAP.max_bits + 1 + max(VALUE.max_bits, DELTA.max_bits)) // 8 + 256 <= SLACK

_U = np.uint64
_njit: Any = numba.njit
# without reference counts: an array handed on within a branch is else counted up and down at each pixel, which takes longer than the pixel
#: decorates functions called from compiled ones; written out where they are called; called from Python
called, inlined = _njit(_nrt=False), _njit(inline="always", _nrt=False)
entered = _njit(cache=True, nogil=True, _nrt=False)
#: decorates what is written in LLVM's terms
intrinsic: Any = extending.intrinsic


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


@inlined
def peek(buffer, bit):
    """57 bits at least from `bit` on."""
    return word_at(buffer, bit >> 3) >> _U(bit & 7)
