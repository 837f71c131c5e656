# SPDX-License-Identifier: BSD-2-Clause
"""The house rules that a tool can hold: lint, format, types, import layers, package list, bare names, stale docs."""

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
ROOMS = ("gateware", "host", "sim", "boards")


def run(*command: str | Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)


def test_ruff_finds_nothing():
    done = run(BIN / "ruff", "check", ".")
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_would_format_nothing():
    done = run(BIN / "ruff", "format", "--check", ".")
    assert done.returncode == 0, done.stdout + done.stderr


def test_types():
    done = run(BIN / "basedpyright", "--level", "error", timeout=600)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_import_layers():
    done = run(BIN / "lint-imports", "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr


def test_import_layers_would_be_noticed():
    """The contracts name modules that exist: a misspelt room would be kept by every tree."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    for contract in contracts:
        for module in contract["source_modules"] + contract["forbidden_modules"]:
            importlib.import_module(module)


def test_package_list_is_the_tree():
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {
        "macropix." + str(path.parent.relative_to(ROOT)).replace("/", ".") for room in ROOMS for path in (ROOT / room).rglob("__init__.py")
    }
    assert listed == found


def test_every_module_lies_in_a_package():
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            assert (path.parent / "__init__.py").exists(), path


@pytest.mark.parametrize("room", ROOMS)
def test_bare_name_is_refused(room):
    done = run(sys.executable, "-c", f"import sys; sys.path.insert(0, '.'); import {room}")
    assert done.returncode != 0
    assert f"this package is macropix.{room}" in done.stderr


def test_every_source_opens_with_licence_and_docstring():
    for room in (*ROOMS, "tests", "tools"):
        for path in (ROOT / room).rglob("*.py"):
            lines = path.read_text().splitlines()
            assert lines[0] == "# SPDX-License-Identifier: BSD-2-Clause", path
            first = next(line for line in lines[1:] if line and not line.startswith("#"))
            assert first.startswith(('"""', 'r"""')), f"{path}: no docstring at its head"


def test_every_dependency_says_what_it_is_for():
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    wanted = project["dependencies"] + [one for extra in project["optional-dependencies"].values() for one in extra]
    lines = text.splitlines()
    for requirement in wanted:
        line = next(line for line in lines if f'"{requirement}"' in line)
        assert "# " in line, f"{requirement}: what is it for?"


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [one for extra in project["optional-dependencies"].values() for one in extra]
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().split()}
    for requirement in wanted:
        assert requirement.split(">")[0].lower() in pinned, requirement


def test_generated_docs_are_fresh():
    done = run(sys.executable, "tools/make_docs.py", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_mutant_is_still_there():
    """What a mutant changes stands in the sources exactly once: a list that fell behind them breaks nothing, and proves nothing."""
    mutants = tomllib.loads((ROOT / "tools" / "mutants.toml").read_text())["mutant"]
    stale = [f"{one['block']}: {one['what']}" for one in mutants if (ROOT / one["file"]).read_text().count(one["old"]) != 1]
    assert stale == []
    assert len(mutants) > 80
    tests = {word.partition("::")[0] for one in mutants for word in one["tests"].split() if word.startswith("tests/")}
    assert [test for test in sorted(tests) if not (ROOT / test).exists()] == []
