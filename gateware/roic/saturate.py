# SPDX-License-Identifier: BSD-2-Clause
"""Narrowing with saturation, and the flag that says it happened.

wide ─► upper bits all alike? ─ yes ─► lower bits ; no ─► the end of the range on the sign's side, and ``clipped``
"""

from amaranth.hdl import Const, Mux, Value

__all__ = ["saturate"]


def saturate(value: Value, width: int) -> tuple[Value, Value]:
    """Signed `value` limited to what `width` bits of two's complement hold, and whether that changed it.

    Parameters
    ----------
    value : Value, signed
        Wider than `width`.
    width : int
        Bits to keep, the sign among them.

    Returns
    -------
    narrowed, clipped : Value signed(width), Value unsigned(1)

    Raises
    ------
    TypeError
        If `value` is not signed.
    ValueError
        If `value` is not wider than `width`.
    """
    if not value.shape().signed:
        raise TypeError(f"only a signed value can be narrowed here, not {value.shape()!r}")
    if len(value) <= width:
        raise ValueError(f"{len(value)} bits cannot be narrowed to {width}")
    sign, upper = value[-1], value[width - 1 :]
    clipped = upper.any() & ~upper.all()
    end = Mux(sign, Const(1 << (width - 1), width), Const((1 << (width - 1)) - 1, width))
    return Mux(clipped, end, value[:width]).as_signed(), clipped
