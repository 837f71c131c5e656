# SPDX-License-Identifier: BSD-2-Clause
"""The compiled gateware that sleeps where it can, against the same compiled plainly, which never does: the same bytes, clock by clock."""

import random
import shutil

import numpy as np
import pytest

from macropix.gateware.config import Config, Form
from macropix.gateware.registers import BIAS, BIAS_STRIDE, CONTROL, CONTROL_BASE, DARK, PEDESTAL, SCENE, WEIGHT
from macropix.gateware.wire import DOWN_SYNC, LaneTest, Op, Scene, Tap
from macropix.sim.bench.draw import random_control
from macropix.sim.golden.packets import command
from macropix.sim.rtl.build import build
from macropix.sim.rtl.library import Library
from macropix.sim.rtl.rewrite import both_edges, clocked, repetitions

CONFIGS = {
    "parallel": Config(rows=10, cols=9, fifo_bytes=4096),
    "shared": Config(rows=9, cols=10, form=Form.SHARED, lane_bits=1, fifo_bytes=4096),
}
#: what makes a part wake that mostly sleeps; each of these is switched on, and off again behind a run
RARE = [{"noise_reset": 90}, {"noise_signal": 70}, {"pattern_amplitude": 200}, {"tap": Tap.SUM.value}, {"scene_source": Scene.PRBS.value}]


class Twins:
    """Both libraries, stepped alike."""

    def __init__(self, config: Config, seed: int):
        self.config, self.rng = config, random.Random(seed)
        self.libraries = [Library(build(config, plain=plain).library) for plain in (False, True)]
        self.sequence, self.epoch, self.bytes = 0, 0, 0

    def run(self, data: bytes, clocks: int) -> None:
        """`clocks` clocks, with these bytes offered at their beginning."""
        fast, plain = (library.run(data, clocks=clocks, gap=1 << 40, quiet=1 << 40) for library in self.libraries)
        assert fast == plain, f"{len(data)} bytes, {clocks} clocks"
        assert fast[0] == len(data), "not all of it was taken"
        self.bytes += len(fast[1])

    def command(self, op: Op, address: int = 0, words=(), *, clocks: int = 0) -> None:
        self.sequence += 1
        text = command(op, self.sequence & 0xFFFF, self.epoch, address, [int(word) & 0xFFFF for word in words])
        self.run(text, clocks or 3 * len(text) + 4000 + self.rng.randrange(400))

    def set(self, **values: int) -> None:
        for name, value in values.items():
            self.command(Op.WRITE, CONTROL[name].address, [value >> 16 * i for i in range(CONTROL[name].words)])

    def start(self) -> None:
        self.command(Op.START, clocks=self.rng.choice([300, 2_000, 40_000, 120_000]))

    def close(self) -> None:
        for library in self.libraries:
            library.close()


@pytest.fixture(scope="module", params=CONFIGS)
def twins(request):
    missing = [tool for tool in ("g++", "make") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    twins = Twins(CONFIGS[request.param], seed=11)
    yield twins
    twins.close()


@pytest.mark.slow
def test_sleeping_changes_no_byte(twins):
    rng, config = twins.rng, twins.config
    numbers = np.random.default_rng(5)
    twins.run(b"", 300_000)  # unclaimed: status by itself
    twins.epoch = 77
    twins.command(Op.CLAIM)
    twins.command(Op.WRITE, SCENE.base, numbers.integers(0, 65505, config.pixels))
    twins.command(Op.WRITE, BIAS.base, numbers.integers(-512, 512, BIAS_STRIDE * config.kernels))
    twins.command(Op.WRITE, WEIGHT.base + 300, numbers.integers(-512, 512, 200))
    twins.command(Op.WRITE, DARK.base, numbers.integers(-2048, 2048, 100))
    twins.command(Op.WRITE, PEDESTAL.base, numbers.integers(0, 65536, config.max_outputs))
    twins.set(shots=2, sequence_length=3, sequence=0o210)
    twins.start()
    for rare in RARE:
        twins.set(**rare)
        twins.start()
        twins.set(**{name: int(CONTROL[name].reset) for name in rare})
        twins.start()
    for run in range(12):
        values = random_control(rng, mild=run % 2 == 1) | {"shots": rng.choice([1, 1, 2, 0]), "sequence_length": rng.randint(1, 8)}
        twins.set(**values, sequence=rng.getrandbits(24), lane_test=rng.choice(list(LaneTest)).value)
        twins.start()
        if rng.random() < 0.5:  # in the middle of it
            twins.command(rng.choice([Op.STATUS, Op.START]), clocks=rng.randrange(200, 900))
            twins.command(Op.READ, SCENE.base + rng.randrange(40), [], clocks=5000)
        if rng.random() < 0.5:
            twins.run(bytes(rng.choice([DOWN_SYNC, 0, rng.randrange(256)]) for _ in range(rng.randrange(1, 40))), 140_000)
        twins.command(Op.STOP, clocks=60_000)
        twins.set(lane_test=0)
        if run % 5 == 4:
            twins.epoch += 1
            twins.command(Op.CLAIM, clocks=30_000)
    twins.run(command(Op.WRITE, 9999, twins.epoch, CONTROL_BASE, [1, 2, 3])[:15], 70_000)  # half a command, given up
    twins.command(Op.STATUS)
    assert twins.bytes > 20_000


def test_a_run_of_one_bit_becomes_a_replication():
    assert repetitions("assign a = { x[3], x[3], x[3], x };") == "assign a = { {3{x[3]}}, x };"
    assert repetitions("assign a = { \\$5 [18], \\$5 [18], \\$5 [18:6] };") == "assign a = { {2{\\$5 [18]}}, \\$5 [18:6] };"
    assert repetitions("assign a = { x[3], x[2], xx[3], x };") == "assign a = { x[3], x[2], xx[3], x };"
    assert repetitions("f ( x, x );") == "f ( x, x );"


FLOP = """module m (clk);
  reg [3:0] \\$1 ;
  reg [3:0] q;
  always @(posedge clk)
    q <= \\$1 ;
  always @* begin
    if (\\$auto$1 ) begin end
    \\$1  = q;
    if (go) begin
      \\$1 [1:0] = d;
    end
  end
endmodule
"""


def test_a_register_and_its_process_become_one():
    text = clocked(both_edges(FLOP))
    assert "always @(edge clk ) begin\n    if (go) begin\n      q[1:0] <= d;\n    end\n  end\n" in text.replace("q [", "q[")
    assert "@*" not in text


@pytest.mark.parametrize(
    ("old", "new"),
    [("endmodule", "  assign x = \\$1 ;\nendmodule"), ("\\$1  = q;", "\\$1  = p;"), ("\\$1  = q;", "\\$1 [1:0] = q;")],
    ids=["read elsewhere", "keeps no old value", "keeps half of it"],
)
def test_others_are_left_alone(old, new):
    text = FLOP.replace(old, new)
    assert clocked(text) == text
