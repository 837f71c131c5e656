# SPDX-License-Identifier: BSD-2-Clause
"""The frame worked by hand in docs/numbers.md, read from there: the golden model must give its every integer."""

import re
from pathlib import Path

import numpy as np
import pytest

from macropix.gateware.config import Config
from macropix.gateware.wire import GAP, VALUE, Positions, Tap, Values
from macropix.sim.golden import cds, noise
from macropix.sim.golden.bias import lookup
from macropix.sim.golden.die import expose, reset_registers
from macropix.sim.golden.encode import rice
from macropix.sim.golden.encode.slices import encode_frame
from macropix.sim.golden.settings import tag

PAGE = (Path(__file__).parents[2] / "docs" / "numbers.md").read_text()
SECTION = PAGE.split("## A frame worked by hand")[1]
BLOCKS = dict(re.findall(r"^```(\w+)\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL))
CONFIG = Config(rows=8, cols=8)
REGISTERS = {
    **reset_registers(), "mode": 1, "threshold": 700, "time": 300, "gain": 1, "well_low": -40000, "well_high": 40000,
    "pattern_amplitude": 16, "noise_reset": 8, "noise_signal": 40, "pedestal_enable": 1,
}  # fmt: skip
RESPONSE = lookup([-32] * 4 + [256] + [-32] * 4)


def table(name: str) -> np.ndarray:
    return np.array([[int(number) for number in line.split()] for line in BLOCKS[name].splitlines()])


def frame():
    scene = (table("scene") * 256).astype(np.uint16)
    return expose(CONFIG, scene, REGISTERS, *RESPONSE, pedestal=np.full(36, 3))


@pytest.mark.parametrize(("name", "tap"), [("s", Tap.SUM), ("q", Tap.DI), ("d", Tap.CDS), ("p", Tap.PGA), ("y", Tap.ADC), ("out", Tap.OUT)])
def test_taps(name, tap):
    assert table(name).shape == (4, 4)
    assert np.array_equal(frame().taps[tap], table(name))


def test_pattern_and_noise():
    assert np.array_equal(cds.pattern(4, 4, 16), table("pattern"))
    for name, constant, amplitude in (("n1", noise.NOISE_RESET, 8), ("n2", noise.NOISE_SIGNAL, 40)):
        n = noise.noise(noise.states(1, 0, 0, constant, 16), amplitude).reshape(4, 4)
        assert np.array_equal(n, table(name))
    assert noise.states(1, 0, 0, noise.NOISE_RESET, 1)[0] == 0x8A25D3EE
    assert noise.states(1, 0, 0, noise.NOISE_SIGNAL, 1)[0] == 0xE3451DB0


def test_the_two_samples_add_up():
    assert np.array_equal(table("R"), 1024 + table("pattern") + table("n1"))
    assert np.array_equal(table("S"), table("R") + table("q") + table("n2"))


def test_sent_and_saturated():
    made = frame()
    assert np.array_equal(made.sent, table("sent"))
    assert np.argwhere(made.saturated).tolist() == [[1, 1]]
    assert made.saturated[1, 1] == 8
    assert made.counts == {"saturated_di": 0, "saturated_cds": 0, "saturated_pga": 0, "saturated_adc": 1, "saturated_pedestal": 0}


def test_codes():
    gaps, values, written_gaps, written_values = [], [], [], []
    for line in BLOCKS["codes"].splitlines()[1:]:
        words = line.split()
        gaps.append(int(words[1]))
        written_gaps.append(words[4])
        if words[0] != "end":
            assert abs(int(words[5])) - 700 == int(words[7])
            assert int(words[6]) == (int(words[5]) < 0)
            values.append(int(words[7]))
            written_values.append(words[10])
    for code, numbers, written in ((GAP, gaps, written_gaps), (VALUE, values, written_values)):
        assert [f"{bits:0{length}b}"[::-1] for bits, length in rice.code(code, numbers)] == written


def test_packet():
    packet = bytes.fromhex(BLOCKS["packet"].replace("\n", " "))
    registers_tag = tag(REGISTERS, *RESPONSE)
    assert f"the tag 0x{registers_tag:04X}" in SECTION
    made = encode_frame(frame(), registers=REGISTERS, epoch=0x4D58, tag=registers_tag, time=123456, number=0)
    assert made == [packet]
    assert (packet[1] >> 4 & 3, packet[1] >> 6) == (Positions.RUNS.value, Values.RICE.value)
