# SPDX-License-Identifier: BSD-2-Clause
"""What the benches draw at random, and what they must have seen at the end.

seed ──► scenes, kernels × reads × threshold modes, thresholds that tell, register values        frames, slices ──► `Coverage`
"""

import os
import random
from collections import Counter
from collections.abc import Iterator

import numpy as np

from macropix.gateware import registers, wire
from macropix.gateware.config import Config
from macropix.gateware.wire import Positions, Read, ThresholdMode, Values
from macropix.host import kernels
from macropix.sim.bench.packets import field
from macropix.sim.golden.die import Frame

__all__ = ["Coverage", "few", "generators", "new_scene", "random_control", "random_scene", "settings_to_try", "telling_threshold"]

#: environment variable: how many of the 9 pairs of read and threshold mode are tried with each kernel (default: all)
PAIRS_VARIABLE = "MACROPIX_BENCH_PAIRS"

#: pixels of an array that counts as small: its scene fits one command, and a bench can afford many frames
FEW_PIXELS = wire.MAX_WORDS


def few(config: Config) -> bool:
    """Whether frames are small."""
    return config.pixels <= FEW_PIXELS


def generators(seed: int, name: str) -> tuple[random.Random, np.random.Generator]:
    """The sources of a bench's random choices: others for each test and seed, the same for the same."""
    rng = random.Random(f"{name} {seed}")
    return rng, np.random.default_rng(rng.getrandbits(64))


def random_scene(config: Config, rng: random.Random, numbers: np.random.Generator) -> np.ndarray:
    """Steps with noise, or noise alone."""
    shape = config.rows, config.cols
    if rng.random() < 0.3:
        return numbers.integers(0, 65505, shape).astype(np.uint16)
    scene = numbers.integers(20_000, 22_000, shape)
    scene[shape[0] // 3 :, shape[1] // 2 :] += rng.choice([3_000, 30_000])
    return (scene if rng.random() < 0.5 else scene[::-1, ::-1]).astype(np.uint16)


async def new_scene(host) -> None:
    """A random scene into the device of `host`, a `readout.Host`."""
    await host.load_scene(random_scene(host.config, host.rng, host.random))


def _pairs_tried() -> int:
    return int(os.environ.get(PAIRS_VARIABLE, "9"))


def settings_to_try(config: Config, rng: random.Random) -> Iterator[tuple[str, list[tuple[Read, ThresholdMode]]]]:
    """Each kernel of the paper with its pairs of read and threshold mode; those left out are drawn so that all 9 come equally often."""
    names = kernels.available(config.macro)
    assert set(names) >= set(kernels.PAPER)
    share = _pairs_tried()
    queue: list[tuple[Read, ThresholdMode]] = []
    for name in names:
        pairs = []
        while len(pairs) < share:
            if not queue:
                queue = [(read, mode) for read in Read for mode in ThresholdMode]
                rng.shuffle(queue)
            pairs.append(queue.pop())
        yield name, sorted(pairs, key=lambda pair: pair[0].value)


def telling_threshold(values: np.ndarray, rng: random.Random) -> int:
    """A threshold T ≥ 1 that some pixels of `values` pass and some do not, where there is one; else any."""
    magnitudes = np.unique(np.clip(np.abs(values), 1, 2047))
    if magnitudes.size < 2 or rng.random() < 0.1:
        return rng.choice([1, 3, 12, 100, 700, 2047])
    # mostly few pixels, as in a picture of edges
    return int(magnitudes[1 + int((magnitudes.size - 1) * rng.random() ** 0.5 * 0.999)])


def random_control(rng: random.Random, *, mild: bool) -> dict[str, int]:
    """Every ``frame`` register: anything it can hold, values without a meaning too; or, if `mild`, something between the rails."""
    values = {}
    for name, register in registers.CONTROL.items():
        if register.frame:
            low, high = -(register.signed << (register.width - 1)), (1 << (register.width - register.signed)) - 1
            within = rng.randint(register.minimum, register.maximum)
            values[name] = rng.choice([low, high, rng.randint(low, high)]) if rng.random() < 0.3 else within
    if mild:
        values |= {"time": 256, "gain": 0, "well_low": -(1 << 17), "well_high": (1 << 17) - 1, "test_charge": 37, "threshold": 20}
        values |= {"base": 900, "noise_reset": 30, "noise_signal": 20, "pattern_amplitude": 40, "tap": rng.choice([0, 0, 1, 2, 3, 4, 5])}
    return values


class Coverage:
    """Counts what was compared, so that a bench can demand that it was not all the same."""

    def __init__(self):
        self.seen: Counter[object] = Counter()

    def frame(self, frame: Frame, packets: list[bytes], control: dict[str, int], kernel: str = "") -> None:
        """One frame that the device must make, and the golden model's packets of it."""
        self.seen["frames"] += 1
        self.seen[kernel] += 1
        read, mode = Read(control["read"] % 3), ThresholdMode(control["threshold_mode"] % 3)
        self.seen[read] += 1
        self.seen[mode] += 1
        if control["mode"] in (wire.Mode.EDGE.value, wire.Mode.AUTO.value) and 0 < frame.sent.sum() < frame.sent.size:
            self.seen["partial"] += 1
            self.seen.update([("partial", read), ("partial", mode), ("partial", read, mode)])
        for packet in packets:
            self.seen[Positions(field(packet, "positions")), Values(field(packet, "values"))] += 1
            self.seen["slices"] += 1
            self.seen["empty"] += field(packet, "length") == 0

    def demand(self, *what: object) -> None:
        """AssertionError if one of `what` was never seen."""
        missing = [one for one in what if not self.seen[one]]
        assert not missing, f"never seen: {missing}; seen: {dict(self.seen)}"

    def demand_product(self) -> None:
        """All kernels, reads and threshold modes; and frames of which some pixels were sent and some were not.

        Of these one with each read and each threshold mode where three pairs of them were tried with each kernel, and one with each pair
        where all were.
        """
        self.demand("partial", *kernels.PAPER, *Read, *ThresholdMode)
        pairs = [(read, mode) for read in Read for mode in ThresholdMode]
        if _pairs_tried() == len(pairs):
            self.demand(*(("partial", *pair) for pair in pairs))
        if _pairs_tried() >= 3:
            self.demand(*(("partial", one) for one in (*Read, *ThresholdMode)))
