# SPDX-License-Identifier: BSD-2-Clause
"""Registers in a row: what travels beside a pipeline so that it meets its pixel again.

value ─►[reg]─►[reg]─► … ─► value, ``clocks`` later
"""

from amaranth.hdl import Module, Signal

__all__ = ["delay"]


def delay(m: Module, value, clocks: int, *, name: str = "delay", reset: bool = False):
    """`value` as it was `clocks` clocks ago (0: `value` itself).

    Parameters
    ----------
    m : Module
        Where the registers are put, in ``sync``.
    value : value-castable
        What is delayed; shape and layout are kept.
    clocks : int (0 …)
        How long.
    name : str
        Prefix of the registers' names.
    reset : bool
        Whether the registers are cleared by a reset. Marks are, data need not be.

    Raises
    ------
    ValueError
        If `clocks` is negative.
    """
    if clocks < 0:
        raise ValueError(f"clocks must not be negative, and is {clocks}")
    for clock in range(clocks):
        register = Signal(value.shape(), name=f"{name}_{clock + 1}", reset_less=not reset)
        m.d.sync += register.eq(value)
        value = register
    return value
