# SPDX-License-Identifier: BSD-2-Clause
"""How many clocks a second cocotb does with a step of Python at each: what a compiled device is held against.

Top ─► Verilator ─► cocotb: a clock, a look at the output, a clock … ─► clocks / s
"""

import os
import tempfile
import time
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from macropix.gateware.config import Config
from macropix.gateware.top import Top
from macropix.gateware.verilog import to_verilog
from macropix.sim.bench.runner import run

__all__ = ["clocks_per_second"]

#: clocks that are timed
CLOCKS = 30_000
#: where the bench writes down the seconds they took
_FILE_VARIABLE = "MACROPIX_BENCH_RATE"


def clocks_per_second(seed: int = 1) -> float:
    """Clocks a second of the whole top under cocotb, built for this and thrown away. Raises BenchError if it cannot be built or run."""
    config = Config()
    with tempfile.TemporaryDirectory() as name:
        told = Path(name) / "seconds"
        environment = {_FILE_VARIABLE: str(told)}
        run(to_verilog(config, Top(config)), module=__name__, folder=Path(name), config=config, seed=seed, environment=environment)
        return CLOCKS / float(told.read_text())


@cocotb.test()
async def a_step_of_python_a_clock(dut):
    """Nothing is asked of the device: what is timed is the way from a clock to Python and back."""
    Clock(dut.clk, 10, "ns").start()
    dut.rst.value = 1
    for _ in range(4):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    seen = 0
    start = time.perf_counter()
    for _ in range(CLOCKS):
        await RisingEdge(dut.clk)
        seen += int(dut.tx__valid.value)
        dut.tx__ready.value = 1
    seconds = time.perf_counter() - start
    assert seen <= CLOCKS
    Path(os.environ[_FILE_VARIABLE]).write_text(str(seconds))
