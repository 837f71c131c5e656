# SPDX-License-Identifier: BSD-2-Clause
"""The wire between die and FPGA, for a bench: clocks of their own, a delay of any number of bits, slips and errors on purpose.

die ═ lane_o ═► each lane: delay, slip, flip ═► lane_i ═ FPGA         rx_clk follows die_clk, later by a phase
"""

import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge, Timer

from macropix.gateware.config import Config

__all__ = ["LaneWire"]

#: bits of a lane that are kept, for a delay
HELD_BITS = 128

#: how far the die's period may lie from the FPGA's, in both directions: shares
NEAREST, FARTHEST = 0.005, 0.035


class LaneWire:
    """Carries the lanes' bits, at the die's pace: faster or slower than the FPGA's, at a phase, both drawn at random.

    Attributes
    ----------
    delays : list of int
        Bits of delay of each lane; changing one in mid-stream is a slip.
    wires : list of int
        The lane of the die that each lane of the FPGA is joined to.
    flips : int
        Bits still to be inverted, one each few symbols, on any lane.
    """

    def __init__(self, dut, config: Config, rng: random.Random, *, delay: int = 0):
        self.dut = dut
        self.width, self.lanes = config.lane_bits, config.lanes
        self.delays = [delay] * config.lanes
        self.wires = list(range(config.lanes))
        self.flips = 0
        self.flipped = 0
        self._rng = rng

    def start(self, period_ps: int) -> None:
        """Both clocks, the reset, and the wire. `period_ps`: of the FPGA's clock."""
        share = self._rng.uniform(NEAREST, FARTHEST) * self._rng.choice([-1, 1])
        period = 2 * round(period_ps * (1 + share) / 2)
        phase = self._rng.randrange(1, period)
        self.dut._log.info("die clock %d ps, forwarded %d ps later, FPGA %d ps", period, phase, period_ps)
        cocotb.start_soon(Clock(self.dut.die_clk, period, unit="ps").start())
        cocotb.start_soon(self._forwarded(period, phase))
        cocotb.start_soon(self._reset())
        cocotb.start_soon(self._carry())

    async def _forwarded(self, period_ps: int, phase_ps: int) -> None:
        await Timer(phase_ps, unit="ps")
        await Clock(self.dut.rx_clk, period_ps, unit="ps").start()

    async def _reset(self) -> None:
        self.dut.die_rst.value = self.dut.rx_rst.value = 1
        for _ in range(8):
            await RisingEdge(self.dut.rx_clk)
        await FallingEdge(self.dut.rx_clk)
        self.dut.die_rst.value = self.dut.rx_rst.value = 0

    async def _carry(self) -> None:
        held = [0] * self.lanes
        mask = (1 << self.width) - 1
        self.dut.lane_i.value = 0
        while True:
            await FallingEdge(self.dut.die_clk)
            new = int(self.dut.lane_o.value)
            if self.flips and self._rng.random() < 0.05:
                new ^= 1 << self._rng.randrange(self.width * self.lanes)
                self.flips -= 1
                self.flipped += 1
            out = 0
            for n, (delay, wire) in enumerate(zip(self.delays, self.wires, strict=True)):
                came = self._reversed(new >> wire * self.width & mask)
                held[n] = ((held[n] << self.width) | came) & ((1 << HELD_BITS) - 1)
                out |= self._reversed((held[n] >> delay) & mask) << n * self.width
            await FallingEdge(self.dut.rx_clk)
            self.dut.lane_i.value = out

    def _reversed(self, bits: int) -> int:
        """First in time to the highest bit, and back."""
        return int(f"{bits:0{self.width}b}"[::-1], 2)
