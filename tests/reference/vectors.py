# SPDX-License-Identifier: BSD-2-Clause
"""The streams of docs/vectors, and what the reference decoder finds in them, in the words of their JSON."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .commands import reply
from .configuration import shape, status, tag
from .frames import Frame
from .packets import DATA, ERRORS, STATUS, Packet

FOLDER = Path(__file__).parents[2] / "docs" / "vectors"
NAMES = sorted(path.stem for path in FOLDER.glob("*.bin"))
KINDS, POSITIONS = ("DATA", "STATUS", "REPLY"), ("ALL", "RUNS", "BITMAP", "FLAGGED")
VALUES, TAPS = ("PACKED", "RICE", "DELTA"), ("OUT", "SUM", "DI", "CDS", "PGA", "ADC")
PRIVATE = ("first", "last", "positions", "values", "saturated", "shot", "count", "kernel", "tap")  # to data


@dataclass
class Vector:
    """One stream and its description."""

    name: str

    @cached_property
    def stream(self) -> bytes:
        return (FOLDER / f"{self.name}.bin").read_bytes()

    @cached_property
    def about(self) -> dict:
        return json.loads((FOLDER / f"{self.name}.json").read_text())

    @property
    def epoch(self) -> int | None:
        """Whom the host believes from the start; None: whom each CLAIM's reply tells."""
        return self.about.get("epoch")

    @cached_property
    def sizes(self) -> tuple[int, int, int, int]:
        """rows, cols, border, macro."""
        config = json.loads(self.about["config"])
        return config["rows"], config["cols"], config["border"], config["macro"]

    @cached_property
    def shapes(self) -> dict[int, tuple[int, int]]:
        """Tag → (rows, columns), each tag computed here from registers, weights and darks."""
        return {
            tag(one["registers"], zip(one["weights"], one["darks"], strict=True)): shape(one["registers"]["read"], *self.sizes)
            for one in self.about["configurations"]
        }


def packet_as_json(p: Packet) -> dict:
    """A packet as it stands in the JSON."""
    out = {"offset": p.offset, "bytes": p.size, "kind": KINDS[p.kind], "number": p.number, "epoch": p.epoch, "tag": p.tag}
    if p.kind == DATA:
        # `faults` holds a packet whose values have no name
        values = VALUES[p.values] if p.values < len(VALUES) else p.values
        out |= {"first": p.first, "last": p.last, "positions": POSITIONS[p.positions], "values": values, "saturated": p.saturated}
        return out | {"shot": p.shot, "pixels": p.pixels, "kernel": p.kernel, "tap": TAPS[p.tap], "where": p.where}
    assert not any(getattr(p, name) for name in PRIVATE), p
    out["time"] = p.where
    if p.kind == STATUS:
        return out | {"registers": status(p)}
    r = reply(p)
    out |= {"sequence": r.sequence, "op": r.op, "error": ERRORS[r.error], "address": r.address, "words": r.words}
    return out | {"corrupt": r.corrupt, "read": r.data}


def frame_as_json(f: Frame) -> dict:
    """A frame as it stands in the JSON."""
    sent = "ALL" if f.indices == list(range(f.rows * f.columns)) else f.indices
    out = {"epoch": f.epoch, "tag": f.tag, "shot": f.shot, "kernel": f.kernel, "tap": TAPS[f.tap], "rows": f.rows}
    return out | {"columns": f.columns, "saturated": f.saturated, "sent": sent, "values": f.values, "masked": f.masked}
