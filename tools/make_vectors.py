# SPDX-License-Identifier: BSD-2-Clause
"""The test vectors in docs/vectors/: byte streams, and the frames they mean. ``--check`` writes nothing and exits 1 if one is stale."""

import argparse
import json
import sys
from pathlib import Path

from vector_streams import STREAMS

FOLDER = Path(__file__).parents[1] / "docs" / "vectors"


def to_text(vector: dict) -> str:
    """JSON, a line for each item of each list."""
    lines = []
    for name, value in vector.items():
        text = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list):
            text = "[\n" + ",\n".join("  " + json.dumps(item, separators=(",", ":"), ensure_ascii=False) for item in value) + "\n ]"
        lines.append(f" {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def files() -> dict[Path, bytes]:
    """Every file of the folder that is made here, and what it holds."""
    made = {}
    for name, make in STREAMS.items():
        stream = make()
        made[FOLDER / f"{name}.bin"] = bytes(stream.stream)
        made[FOLDER / f"{name}.json"] = to_text(stream.to_dict()).encode()
    return made


def main() -> int:
    """Write every vector, or say which one is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a vector is stale")
    check = parser.parse_args().check
    made = files()
    stale = [path for path, text in made.items() if not path.exists() or path.read_bytes() != text]
    stale += [path for path in FOLDER.glob("*.*") if path.suffix in (".bin", ".json") and path not in made]
    if check:
        for path in stale:
            print(f"docs/vectors/{path.name} is stale: run make docs", file=sys.stderr)
        return bool(stale)
    FOLDER.mkdir(exist_ok=True)
    for path in stale:
        if path in made:
            path.write_bytes(made[path])
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
