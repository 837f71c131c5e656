# SPDX-License-Identifier: BSD-2-Clause
"""A long run that nobody watches: very many frames in runs of random length, read with random stalls, each held against the golden model.

seed ──► settings, shots, stalls ──► device ──► frames ── equal to golden's? ──► ledger at the end of each run ── balances? ──► memory flat?

``tools/soak.py URL --frames 1000000`` over any backend; with ``--serve tcp`` or ``--serve pty`` over one that it serves itself, and whose
memory it watches too. Prints one JSON object; exit status 0 if every ledger balanced, every frame was right and memory stayed flat.
A device that is slower in sending than in exposing overflows in long runs, as ``rtl://?rows=12&cols=12&link=uart&baud=12000000`` does.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import macropix.host
from macropix.gateware.registers import CONTROL
from macropix.gateware.wire import Mode
from macropix.host.device import Device
from macropix.host.errors import MacropixError
from macropix.host.oracle import Check, config_of

BIN = Path(sys.executable).parent
KERNELS = ("laplacian", "sobel_x", "mean", "kirsch_n")
#: growth of either process from the first tenth of the frames on that still counts as flat, MB
FLAT = 8.0
#: the share of frames behind which the reader stalls, and for how long at most, s
STALLS, LONGEST = 1 / 400, 0.02
PAGE = os.sysconf("SC_PAGE_SIZE")


def resident(process: int | str) -> float:
    """Memory of a process, MB."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE / 1e6


@dataclasses.dataclass
class Soak:
    """A device under a long run, and what came of it."""

    device: Device
    seed: int
    server: int | None = None
    counts: dict[str, int] = dataclasses.field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    unbalanced: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    #: memory at the first tenth, and the most since
    floor: dict[str, float] = dataclasses.field(default_factory=dict)
    peak: dict[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        self.random = random.Random(self.seed)
        self.numbers = np.random.default_rng(self.seed)
        self.config = config_of(self.device.info, self.device.config)

    def run(self, frames: int, longest: int) -> None:
        """Runs of up to `longest` shots until `frames` frames have been exposed."""
        while self.counts["frames"] < frames:
            self._prepare()
            shots = min(max(1, int(longest ** self.random.random())), frames - self.counts["frames"])
            self._shots(shots)
            self._books(shots)
            self._memory(self.counts["frames"] >= frames / 10)

    def _prepare(self) -> None:
        device = self.device
        device.claim()
        if self.counts["runs"] % 16 == 0:
            rows, cols = device.geometry.rows, device.geometry.cols
            self.scene = self.numbers.integers(0, 65505, (rows, cols)).astype(np.uint16)
            device.load_scene(self.scene)
        device.load_kernel(0, self.random.choice(KERNELS))
        reset = {one.name: one.reset for one in CONTROL.values() if one.frame}
        device.registers.update(**reset | {"mode": self.random.choice(list(Mode)), "threshold": self.random.choice((1, 60, 400))})
        device.sequence([0])

    def _shots(self, shots: int) -> None:
        expected: tuple[np.ndarray, np.ndarray] | None = None
        for frame in self.device.capture(shots):
            self.counts["delivered"] += 1
            if expected is None:  # nothing random is in it, and nothing changes: every frame of a run is the same
                judge = Check(self.config)
                self.counts["frames_wrong"] += judge.frame(frame, scene=self.scene).differing > 0
                self.counts["frames_nonzero"] += judge.total.nonzero > 0
                expected = frame.index, frame.value
            elif not (np.array_equal(frame.index, expected[0]) and np.array_equal(frame.value, expected[1])):
                self.counts["frames_wrong"] += 1
            if self.random.random() < STALLS:
                self.counts["stalls"] += 1
                time.sleep(self.random.random() * LONGEST)

    def _books(self, shots: int) -> None:
        ledger = self.device.ledger()
        counts = self.counts
        counts["frames"] += shots
        counts["runs"] += 1
        counts["runs_with_overflow"] += ledger.dropped_overflow > 0
        for name in ("produced", "sent", "received", "dropped", "lost"):
            counts[name] += getattr(ledger, name)
        told = ledger.to_dict()
        lossless = not self.device.url.startswith("serial:")
        complete = ledger.dropped or ledger.lost or ledger.frames == shots
        if not (ledger.balanced and complete and ledger.frames_exposed == shots and (ledger.lost == 0 or not lossless)):
            self.unbalanced.append({"run": counts["runs"], "shots": shots, **told})

    def _memory(self, settled: bool) -> None:
        if settled:
            for name, process in (("host", "self"), *((("server", self.server),) if self.server else ())):
                now = resident(process)  # pyright: ignore[reportArgumentType]
                self.floor.setdefault(name, now)
                self.peak[name] = max(self.peak.get(name, 0.0), now)

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        growth = {name: round(self.peak[name] - floor, 2) for name, floor in self.floor.items()}
        ok = not self.unbalanced and not self.counts["frames_wrong"] and self.counts["frames_nonzero"] > 0
        told = {"url": self.device.url, "seed": self.seed, **self.counts, "unbalanced": len(self.unbalanced)}
        return told | {"first_unbalanced": self.unbalanced[:3], "rss_growth_mb": growth, "ok": ok and max(growth.values()) <= FLAT}


COUNTS = (
    "frames", "delivered", "frames_wrong", "frames_nonzero", "runs", "runs_with_overflow", "stalls", "produced", "sent", "received",
    "dropped", "lost",
)  # fmt: skip


@contextlib.contextmanager
def served(url: str, how: str) -> Iterator[tuple[str, int | None]]:
    """`url`, or the URL by which a process of our own serves it, and that process."""
    if how == "no":
        yield url, None
        return
    command = [str(BIN / "macropix"), "serve-device", url, *(("--pty",) if how == "pty" else ("--listen", "127.0.0.1:0"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.terminate()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--frames", type=int, default=10_000, help="frames to be exposed [10000]")
    parser.add_argument("--longest", type=int, default=5000, help="most shots of a run; their logarithm is uniform [5000]")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--serve", choices=("no", "tcp", "pty"), default="no")
    asked = parser.parse_args()
    began = time.monotonic()
    try:
        with served(asked.url, asked.serve) as (url, server), macropix.host.open(url, timeout=30, seed=asked.seed) as device:
            soak = Soak(device, asked.seed, server)
            soak.run(asked.frames, asked.longest)
    except MacropixError as error:
        print(json.dumps({"ok": False, "error": error.to_dict()}))
        return error.exit_status
    seconds = time.monotonic() - began
    told = soak.to_dict() | {"served": asked.url, "seconds": round(seconds, 1), "frames_per_s": round(asked.frames / seconds)}
    print(json.dumps(told))
    return 0 if told["ok"] else 5


if __name__ == "__main__":
    sys.exit(main())
