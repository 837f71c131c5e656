# SPDX-License-Identifier: BSD-2-Clause
"""What is handed to simulators and synthesis: the ports, with and without a reset, and the same text each time."""

import re

import pytest

from macropix.gateware.config import Config
from macropix.gateware.roic.prbs7 import Prbs7
from macropix.gateware.verilog import to_verilog

SMALL = Config(rows=8, cols=8)
SEPARATE = Config(rows=8, cols=8, lane_bits=5, separate_clocks=True)


def ports(text: str) -> set[str]:
    """Names in the port list of module top."""
    return set(re.search(r"^module top\(([^)]*)\);", text, re.M).group(1).replace(" ", "").split(","))


@pytest.fixture(scope="module")
def whole():
    return to_verilog(SMALL)


def test_ports_are_clock_reset_and_signature(whole):
    assert {"clk", "rst", "rx__valid", "rx__ready", "rx__payload", "tx__valid", "tx__ready", "tx__payload"} <= ports(whole)


def test_without_reset_only_the_reset_is_gone(whole):
    assert ports(to_verilog(SMALL, reset=False)) == ports(whole) - {"rst"}


def test_the_same_configuration_gives_the_same_text(whole):
    assert to_verilog(SMALL) == whole


def test_one_component_alone():
    assert "rst" in ports(to_verilog(SMALL, Prbs7()))


def test_bad_arguments():
    with pytest.raises(TypeError, match="must be a Config"):
        to_verilog("32x32")
    with pytest.raises(ValueError, match="separate clocks need their resets"):
        to_verilog(SEPARATE, reset=False)
