# SPDX-License-Identifier: BSD-2-Clause
"""The conversations whose streams are the test vectors: every code, every tap, many slices, a response table, a session, faults.

scene, kernels, modes ──► Script ──► one vector
"""

from collections.abc import Callable

import numpy as np
from vector_faults import Faults
from vector_script import Script, describe_frame, describe_packets, latched

from macropix.gateware.config import Config
from macropix.gateware.wire import Mode, Op, Positions, Read, Scene, Tap, ThresholdMode, Values
from macropix.sim.golden import oracle
from macropix.sim.golden.encode.slices import encode_slice
from macropix.sim.golden.packets import command
from macropix.sim.golden.settings import tag

__all__ = ["STREAMS"]

LAPLACIAN = [-32] * 4 + [256] + [-32] * 4
IDENTITY = [0] * 4 + [256] + [0] * 4
LOG5 = [0, 0, -16, 0, 0, 0, -16, -32, -16, 0, -16, -32, 256, -32, -16, 0, -16, -32, -16, 0, 0, 0, -16, 0, 0]
SOBEL_X = [-128, 0, 128, -256, 0, 256, -128, 0, 128]
KIRSCH_N = [160, 160, 160, -96, 0, -96, -96, -96, -96]
RAW, EDGE, AUTO = (mode.value for mode in Mode)
ABS, POS, NEG = (mode.value for mode in ThresholdMode)
#: scene, threshold and kernel, so that AUTO takes every code it has
AUTO_TAKES = (
    ("sparse", 0, 0), ("noise", 0, 0), ("noise", 0, 1), ("ramp", 0, 1), ("sparse", 1, 1), ("few", 1, 0), ("ramp", 1, 0),
    ("blocks", 1, 0), ("blocks", 150, 1), ("spots", 1, 0), ("half", 1, 1), ("half", 150, 0), ("faint", 360, 1),
)  # fmt: skip


def grey(values: np.ndarray) -> np.ndarray:
    """8-bit grey as photocurrent."""
    return np.clip(values, 0, 255).astype(np.int64) * 256


def disc(rows: int, cols: int, *, noise: int, seed: int) -> np.ndarray:
    """A bright disc with a hole, and a little noise."""
    r, c = np.mgrid[0:rows, 0:cols]
    distance = np.hypot(r - rows / 2 + 0.5, c - cols / 2 + 0.5) / min(rows, cols)
    flat = np.where((distance < 0.4) & (distance > 0.15), 180, 60)
    return grey(flat + np.random.default_rng(seed).integers(-noise, noise + 1, (rows, cols)))


def codes() -> Script:
    """Every position and value code that a device chooses, in each threshold mode, with masked pixels, and empty slices."""
    script = Script("every code a device chooses; 16 × 16 die, kernel 0 Laplacian, kernel 1 identity", Config(rows=16, cols=16))
    script.claim(0x5A5A)
    script.kernel(0, LAPLACIAN)
    script.kernel(1, IDENTITY)
    rng = np.random.default_rng(3)
    sparse = np.zeros((16, 16), np.int64)
    sparse[5, 9] = 255
    scenes = {
        "disc": disc(16, 16, noise=3, seed=1),
        "sparse": grey(sparse),
        "noise": rng.integers(0, 65505, (16, 16)),
        "ramp": grey(np.add.outer(np.arange(16) * 3, np.arange(16) * 2) + 40),
        "blocks": grey(np.repeat(rng.integers(0, 2, (16, 4)) * 200, 4, 1)),
        "few": grey((rng.random((16, 16)) < 0.04) * 240),
        "spots": rng.integers(2000, 65505, (16, 16)) * (rng.random((16, 16)) < 0.12),
        "faint": grey((rng.random((16, 16)) < 0.09) * rng.integers(45, 60, (16, 16))),
        "half": rng.integers(0, 65505, (16, 16)) * (rng.random((16, 16)) < 0.5),
        "dark": np.zeros((16, 16), np.int64),
    }

    def take(scene: str, **registers: int) -> None:
        script.load(scenes[scene])
        script.set(**registers)
        script.start()
        script.shots(1)

    take("disc", mode=RAW, read=Read.SLIDING.value)
    for mode in (EDGE, AUTO):
        for threshold_mode in (ABS, POS, NEG):
            take("disc", mode=mode, threshold_mode=threshold_mode, threshold=40)
    for threshold_mode in (POS, NEG):
        take("disc", mode=EDGE, threshold_mode=threshold_mode, threshold=0)
    take("dark", mode=EDGE, threshold_mode=ABS, threshold=1)
    take("dark", mode=AUTO)
    take("sparse", mode=EDGE, threshold=12)
    for name, threshold, kernel in AUTO_TAKES:
        take(name, mode=AUTO, threshold=threshold, sequence=kernel)
    mask = rng.random(script.config.max_outputs) < 0.05
    script.maps(rng.integers(-9, 10, script.config.max_outputs), mask)
    take("disc", mode=RAW, read=Read.SINGLE.value, threshold=12, pedestal_enable=1, mask_enable=1, map_id=0xBEEF)
    take("disc", mode=EDGE)
    take("disc", mode=AUTO, threshold=0)
    return script


def taps() -> Script:
    """Every tap, with noise, pattern and pedestal, and every read."""
    script = Script("every tap and every read; 12 × 14 die, kernel 2 Sobel x, PRBS scene", Config(rows=12, cols=14))
    script.claim(0x0102)
    script.kernel(2, SOBEL_X)
    script.maps(np.arange(script.config.max_outputs) - 60, np.arange(script.config.max_outputs) % 31 == 30)
    script.set(sequence=2, scene_source=Scene.PRBS.value, seed=77, gain=1, well_low=-60000, well_high=60000, pattern_amplitude=40)
    script.set(noise_reset=20, noise_signal=30, pedestal_enable=1, mask_enable=1, base=900, test_charge=-1000)
    for read in Read:
        script.set(read=read.value)
        for tap in Tap:
            script.set(tap=tap.value)
            script.start()
            script.shots(1)
    return script


def slices() -> Script:
    """Frames of three slices, the middle one empty in EDGE and AUTO; then, with a mask, all three FLAGGED, and all three BITMAP."""
    script = Script("frames of three slices; 64 × 48 die, 1 × 1 read, kernel 0 identity", Config(rows=64, cols=48, kernels=1))
    script.claim(0xFFFF)
    script.kernel(0, IDENTITY)
    scene = disc(64, 48, noise=20, seed=4)
    scene[23:46] = 0
    script.load(scene)
    script.set(read=Read.SINGLE.value, threshold=1400)
    for mode in (RAW, EDGE, AUTO):
        script.set(mode=mode)
        script.start()
        script.shots(1)
    pixels = script.config.max_outputs
    script.maps(np.zeros(pixels, np.int64), np.random.default_rng(6).random(pixels) < 0.05)
    bright = scene.copy()
    bright[7] = 0xFFE0  # clips in the first slice alone
    script.patch(bright)
    script.set(threshold=0, mask_enable=1, test_charge=1000)
    for mode in (RAW, AUTO):
        script.set(mode=mode)
        script.start()
        script.shots(1)
    return script


def response() -> Script:
    """A response table with darks, and macro-pixels of 5 × 5."""
    script = Script("a response table with dark terms; 16 × 13 die, macro-pixels of 5 × 5", Config(rows=16, cols=13, macro=5, kernels=2))
    script.claim(0x0505)
    script.kernel(0, LOG5)
    script.kernel(1, [100, 511, -512, 0, -1] * 5)
    script.load(disc(16, 13, noise=40, seed=5))
    for code, weight, dark in ((-32, -30, 900), (-16, -17, -2048), (256, 250, 2047), (100, -7, 3), (511, 460, -5), (-512, -500, 1)):
        script.table(code % 1024, [weight])
        script.table(1024 + code % 1024, [dark])
    script.table(1023, [-2, 77])  # the weight of code −1, and behind it the dark of code 0
    script.set(sequence_length=2, sequence=1 << 3, gain=1, time=200, threshold=90)
    for read in Read:
        for tap, mode in ((Tap.SUM, RAW), (Tap.OUT, RAW), (Tap.OUT, EDGE)):
            script.set(read=read.value, tap=tap.value, mode=mode)
            script.start()
            script.shots(1)
    script.command(Op.READ, 0x23FE, 4)
    return script


def session() -> Script:
    """Everything that is not pixels: status before the claim, errors, kernel sequences, a change between shots, two epochs."""
    script = Script(
        "a session: status and errors, a kernel sequence, a change between two shots, two epochs; 16 × 16 die", Config(rows=16, cols=16)
    )
    script.command(Op.STATUS)
    script.command(Op.WRITE, 0x100, [1])
    script.claim(0x1111)
    for k, kernel in enumerate((LAPLACIAN, IDENTITY, SOBEL_X, KIRSCH_N)):
        script.kernel(k, kernel)
    script.load(disc(16, 16, noise=2, seed=9))
    script.set(sequence_length=4, sequence=0 | 1 << 3 | 2 << 6 | 3 << 9, shots=3, mode=EDGE, threshold=25, noise_signal=3)
    script.start()
    script.shots(1)
    script.start()  # BUSY
    script.set(threshold=60, gain=1)
    script.shots(2)
    script.command(Op.READ, 0x0100, 31)
    script.command(Op.READ, 0x1000, 9)
    script.command(Op.READ, 0x001C, 4)
    script.command(Op.WRITE, 0x0000, [1])  # READ_ONLY
    script.command(Op.READ, 0x00F0, 1)  # ADDRESS
    script.command(Op.READ, 0x0100, 0)  # LENGTH
    repeated = command(Op.WRITE, 999, script.epoch, 0x0100, [0, 0])
    script.raw(repeated + repeated)
    script.registers["shots"] = 0
    script.raw(b"\x00\xc3" + repeated[:-1] + b"\x00")  # CORRUPT
    script.sequence = 999
    script.start()
    script.shots(2)
    script.command(Op.STOP)
    script.set(sequence_length=3, sequence=1 | 1 << 3 | 2 << 6, shots=1)  # one kernel twice
    script.start()
    script.shots(1)
    for op, epoch, words in (
        (0, 0x1111, 0), (7, 0x1111, 300), (200, 0x3333, 5),  # OP
        (Op.WRITE, 0x1111, 257), (Op.READ, 0x1111, 0xFFFF), (Op.STOP, 0x1111, 300), (Op.START, 0x1111, 1),  # LENGTH
        (Op.CLAIM, 0, 0), (Op.START, 0x2222, 0), (Op.STOP, 0, 0),  # EPOCH
    ):  # fmt: skip
        script.sequence += 1
        script.raw(command(op, script.sequence, epoch, 0x0100, words)[: 12 if words > 256 else None])
    script.raw(command(Op.WRITE, 4242, 0x2222, 0x0100, [7]))  # EPOCH
    script.raw(command(Op.READ, 4243, 0x2222, 0x0100, 1))  # obeyed
    script.claim(0x2222)
    script.set(mode=AUTO, tap=Tap.OUT.value, shots=1, sequence_length=1, sequence=2)
    script.start()
    script.shots(1)
    script.command(Op.STATUS)
    return script


#: mode, threshold, threshold mode, positions, values
OTHER_CODES = [
    *((RAW, 0, ABS, place, values) for place in (Positions.ALL, Positions.FLAGGED) for values in Values),
    *((AUTO, 700, ABS, place, values) for place in (Positions.RUNS, Positions.BITMAP) for values in Values),
    *((RAW, 0, mode, place, Values.RICE) for mode in (POS, NEG) for place in (Positions.ALL, Positions.FLAGGED)),
    *((AUTO, 90, mode, place, Values.RICE) for mode in (POS, NEG) for place in (Positions.RUNS, Positions.BITMAP)),
]


class Other:
    """Codes that no device chooses, but a header can say: built slice by slice."""

    EPOCH = 7

    def __init__(self):
        config = Config(rows=12, cols=12)
        registers = {**oracle.reset_registers(), "read": Read.SINGLE.value, "mask_enable": 1, "test_charge": -25000}
        mask = np.arange(100) % 23 == 7
        self.stream, self.frames, known = bytearray(), [], {}
        scene = disc(12, 12, noise=9, seed=2)
        for mode, threshold, threshold_mode, place, values in OTHER_CODES:
            registers |= {"mode": mode, "threshold": threshold, "threshold_mode": threshold_mode}
            made = oracle.expose(config, scene, registers, IDENTITY, [0] * 9, shot=len(self.frames), mask=mask)
            own = tag(registers, IDENTITY, [0] * 9)
            known[own] = {"tag": own, "weights": IDENTITY, "darks": [0] * 9, "registers": latched(registers)}
            numbers = {"epoch": self.EPOCH, "tag": own, "time": 1000 * len(self.frames), "number": len(self.frames)}
            self.stream += encode_slice(made, 0, registers=registers, positions=place, coding=values, **numbers)
            flags = place is Positions.FLAGGED
            self.frames.append(describe_frame(made, epoch=self.EPOCH, tag=own, everything=mode == RAW, flags=flags))
        self._about = {
            "description": "every position with every value code, also those no device chooses; 12 × 12 die, 1 × 1 read",
            "config": config.to_json(),
            "epoch": self.EPOCH,
            "commands": "",
            "configurations": list(known.values()),
        }

    def to_dict(self) -> dict:
        """What goes into the JSON file."""
        return {**self._about, "packets": describe_packets(bytes(self.stream)), "frames": self.frames}


STREAMS: dict[str, Callable[[], Script | Other | Faults]] = {
    "codes": codes, "taps": taps, "slices": slices, "response": response, "session": session, "other_codes": Other, "faults": Faults,
}  # fmt: skip
