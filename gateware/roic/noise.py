# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
"""The noise of both samples.

seed, shot, kernel ─► xorshift32 ─► sum of four signed bytes ─► × amplitude, rounded by 2^6 ─► n₁ ; n₂ likewise
"""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.roic.xorshift import NOISE_RESET, NOISE_SIGNAL, Xorshift

__all__ = ["Noise"]


class Noise(wiring.Component):
    """n₁ and n₂ of each macro-pixel, from two generators of a frame.

    The sum of the bytes is s10 (−512 … 508), times an amplitude s18, n s12 (−2040 … 2024).

    **Latency, throughput, backpressure**: ``reset`` and ``signal`` belong to the ``step`` of 3 clocks before; a step a clock;
    never waits.

    Members
    -------
    start : In(1)
        A frame begins: load the generators.
    warm : In(1)
        A step of warm-up.
    step : In(1)
        A macro-pixel.
    seed : In(32), shot : In(16), kernel : In(3)
        Of the frame.
    amplitude_reset, amplitude_signal : In(8)
        In 1/64.
    reset, signal : Out(signed(12))
        n₁, n₂, DI LSB.
    """

    start: In(1)
    warm: In(1)
    step: In(1)
    seed: In(32)
    shot: In(16)
    kernel: In(3)
    amplitude_reset: In(8)
    amplitude_signal: In(8)
    reset: Out(signed(12))
    signal: Out(signed(12))

    #: clocks from ``step`` to its noise
    latency = 3

    def elaborate(self, platform):
        m = Module()
        for name, constant, amplitude, noise in (
            ("reset", NOISE_RESET, self.amplitude_reset, self.reset),
            ("signal", NOISE_SIGNAL, self.amplitude_signal, self.signal),
        ):
            m.submodules[f"generator_{name}"] = generator = Xorshift(constant)
            value = Signal(signed(10), name=f"value_{name}", reset_less=True)
            scaled = Signal(signed(18), name=f"scaled_{name}", reset_less=True)
            m.d.comb += [
                generator.load.eq(self.start),
                generator.step.eq(self.warm | self.step),
                generator.seed.eq(self.seed),
                generator.shot.eq(self.shot),
                generator.kernel.eq(self.kernel),
            ]
            a, b, c, d = (generator.value.word_select(i, 8).as_signed() for i in range(4))
            m.d.sync += [value.eq((a + b) + (c + d)), scaled.eq(value * amplitude), noise.eq((scaled + 32) >> 6)]
        return m
