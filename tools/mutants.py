# SPDX-License-Identifier: BSD-2-Clause
"""One broken copy of every block: a test must kill each.

Each mutant is a small change of the sources (a wrong sign, rounding, border, a dropped bit, a FIFO that loses one), made in a copy of the
tree; the tests named beside it must then fail. A text that is no longer in the sources, or tests that fail without it, are an error.
"""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIST = Path(__file__).with_name("mutants.toml")
ROOMS = ("gateware", "host", "sim", "boards", "tests", "tools", "docs", ".typing")
#: seconds one mutant's tests may take
SECONDS = 900.0


@dataclasses.dataclass(frozen=True)
class Mutant:
    """`old` in `file` becomes `new`; `tests` (pytest arguments) must then fail."""

    block: str
    what: str
    file: str
    old: str
    new: str
    tests: str

    @property
    def name(self) -> str:
        """Block and change, for a person."""
        return f"{self.block}: {self.what}"


def mutants() -> list[Mutant]:
    """The list in mutants.toml. ValueError if a text to be changed is not there exactly once."""
    found = [Mutant(**entry) for entry in tomllib.loads(LIST.read_text())["mutant"]]
    for mutant in found:
        count = (ROOT / mutant.file).read_text().count(mutant.old)
        if count != 1:
            raise ValueError(f"{mutant.name}: {mutant.old!r} stands {count} times in {mutant.file}, not once")
    return found


def copy(folder: Path) -> None:
    """The tree, without what git does not know of."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "constraints.txt", "CHANGELOG.md"):
        shutil.copy(ROOT / name, folder / name)


def run_tests(folder: Path, tests: str) -> tuple[int, str]:
    """pytest on the copy in `folder`, whose sources come before the installed ones. Its exit status and the end of what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(folder / ".typing"), "MACROPIX_COPY": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests.split()]
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return 1, f"no end within {SECONDS:.0f} s"
    return done.returncode, (done.stdout + done.stderr)[-800:]


def try_one(mutant: Mutant) -> dict[str, object]:
    """Makes the mutant and runs its tests: killed if they ran and failed (pytest's exit status 1)."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        folder = Path(name)
        copy(folder)
        path = folder / mutant.file
        path.write_text(path.read_text().replace(mutant.old, mutant.new))
        status, text = run_tests(folder, mutant.tests)
        result: dict[str, object] = {"mutant": mutant.name, "file": mutant.file, "tests": mutant.tests, "killed": status == 1}
        if status != 1:
            result["says"] = f"pytest ended with status {status}: {text}"
        return result


def main() -> int:
    """Tries all mutants, or those whose name holds a word of the command line; exit status 1 if one survives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="only mutants whose name holds one of these")
    parser.add_argument("--json", action="store_true", help="one object on standard output")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at once")
    options = parser.parse_args()
    chosen = [one for one in mutants() if not options.words or any(word in one.name for word in options.words)]
    with tempfile.TemporaryDirectory(prefix="mutant-none-") as name:
        copy(Path(name))
        status, text = run_tests(Path(name), " ".join(sorted({part for one in chosen for part in one.tests.split()})))
        if status:
            print(f"the tests fail without any mutant (pytest ended with status {status}): {text}", file=sys.stderr)
            return 1
    results = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for result in pool.map(try_one, chosen):
            results.append(result)
            if not options.json:
                print(f"{'killed  ' if result['killed'] else 'SURVIVED'} {result['mutant']}  ({result['tests']})", flush=True)
    survivors = [result for result in results if not result["killed"]]
    if options.json:
        print(json.dumps({"mutants": results}, ensure_ascii=False))
    else:
        print(f"{len(results) - len(survivors)} of {len(results)} killed")
        for result in survivors:
            print(result["mutant"], result["says"], file=sys.stderr)
    return 1 if survivors or not results else 0


if __name__ == "__main__":
    sys.exit(main())
