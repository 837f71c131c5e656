# SPDX-License-Identifier: BSD-2-Clause
"""The recurrence of an adaptive Rice code, as expressions: the meters and the coder go the same way.

a ─► parameter ─► k          a, v ─► follow ─► next a
"""

from amaranth.hdl import Module, Signal, Value

__all__ = ["follow", "parameter"]


def parameter(m: Module, a: Value, *, name: str = "parameter") -> Signal:
    """k = bit_length(((a >> 1) + (a >> 3)) >> 3), combinational.

    Parameters
    ----------
    m : Module
        Where the statements are put.
    a : Value
        State of the code: eight times the mean it expects.
    name : str
        Of the signal that is returned.
    """
    mean = Signal(len(a) - 3, name=f"{name}_mean")
    k = Signal(range(len(mean) + 1), name=name)
    m.d.comb += mean.eq(((a >> 1) + (a >> 3)) >> 3)
    for place in range(len(mean)):
        with m.If(mean[place]):
            m.d.comb += k.eq(place + 1)
    return k


def follow(a: Value, v: Value) -> Value:
    """a + v − (a >> 3): the state behind a value v. Never negative, and never past `wire.Rice.state_bits`."""
    return a - (a >> 3) + v
