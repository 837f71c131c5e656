# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
"""xorshift32: the generator behind both noises and the PRBS scene.

seed, shot, kernel ─► seed ⊕ (shot << 16) ⊕ (kernel << 8) ⊕ G ── load ─► state ──► value
                                                                  ▲         │
                                                                  └─ step ──┘  x ^= x << 13; x ^= x >> 17; x ^= x << 5
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["NOISE_RESET", "NOISE_SIGNAL", "PRBS", "Xorshift"]

#: G of n₁, the reset noise
NOISE_RESET = 0x9E37_79B9
#: G of n₂, the signal noise
NOISE_SIGNAL = 0x7F4A_7C15
#: G of the PRBS scene
PRBS = 0xD1B5_4A32


class Xorshift(wiring.Component):
    """One xorshift32 generator.

    ``load`` starts a frame; the 16 steps of warm-up are ``step`` pulses as any other.

    **Latency, throughput, backpressure**: a step a clock; ``value`` changes in the clock behind ``step`` or ``load``.

    Parameters
    ----------
    constant : int (1 … 2^32 − 1)
        G, which tells generators of one frame apart.

    Members
    -------
    load : In(1)
        Take the state from ``seed``, ``shot``, ``kernel`` and G; wins over ``step``.
    step : In(1)
        Take one step.
    seed : In(32), shot : In(16), kernel : In(3)
        Of the frame.
    value : Out(32)
        The state. Never 0 once loaded.

    Raises
    ------
    ValueError
        If `constant` is out of range.

    Source: G. Marsaglia, Xorshift RNGs, J. Stat. Soft. 8 (2003), 14; triple (13, 17, 5).
    """

    def __init__(self, constant: int):
        if not 0 < constant < 1 << 32:
            raise ValueError(f"constant must be from 1 to 0xFFFFFFFF, not {constant:#x}")
        self.constant = constant
        super().__init__(
            {"load": In(1), "step": In(1), "seed": In(32), "shot": In(16), "kernel": In(3), "value": Out(32)},
        )

    def elaborate(self, platform):
        m = Module()
        first = Signal(32)
        m.d.comb += first.eq(self.seed ^ (self.shot << 16) ^ (self.kernel << 8) ^ self.constant)
        a, b, c = Signal(32), Signal(32), Signal(32)
        m.d.comb += [
            a.eq(self.value ^ (self.value << 13)),
            b.eq(a ^ (a >> 17)),
            c.eq(b ^ (b << 5)),
        ]
        with m.If(self.load):
            m.d.sync += self.value.eq(Mux(first == 0, self.constant, first))
        with m.Elif(self.step):
            m.d.sync += self.value.eq(c)
        return m
