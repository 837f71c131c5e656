# SPDX-License-Identifier: BSD-2-Clause
"""Verilog to a program that cocotb drives, by Verilator.

Verilog ──► C++ ─┬─ what runs each step (-O1) ─┐
                 └─ what runs once (-O0) ──────┼─► program
runtime of Verilator, once for each machine ───┘

cocotb's own runner makes every wire of the design public, and compiles the runtime with each design: here only the ports are public, and
the runtime lies in the user's cache folder. That takes a fifth of the time.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cocotb_tools.config

from macropix.sim.cache import cache_folder, only_one
from macropix.sim.rtl.build import verilator_program

__all__ = ["BuildError", "verilate"]

#: seconds one tool may take
TOOL_SECONDS = 600.0
#: of what is compiled with every design
RUNTIME = ("verilated.cpp", "verilated_vpi.cpp", "verilated_dpi.cpp", "verilated_threads.cpp")
DEFINES = tuple(
    f"-D{name}={value}"
    for name, value in (
        ("VERILATOR", 1), ("VM_COVERAGE", 0), ("VM_SC", 0), ("VM_TIMING", 0), ("VM_TRACE", 0), ("VM_TRACE_FST", 0), ("VM_TRACE_VCD", 0),
        ("VM_TRACE_SAIF", 0),
    )
)  # fmt: skip


class BuildError(AssertionError):
    """A tool failed or did not end. The message names it and its log."""


def _run(command: Sequence[str | Path], log: Path) -> None:
    """Run a tool, its output behind that of those before. BuildError if it fails."""
    words = [str(word) for word in command]
    with log.open("a") as file:
        try:
            done = subprocess.run(words, cwd=log.parent, stdout=file, stderr=subprocess.STDOUT, timeout=TOOL_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise BuildError(f"{words[0]} did not end within {TOOL_SECONDS:.0f} s; see {log}") from None
    if done.returncode:
        raise BuildError(f"{words[0]} ended with status {done.returncode}; see {log}")


def _output(*command: str | Path) -> str:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, check=True).stdout


def _runtime(compiler: str, include: Path, version: str) -> Path:
    """The archive of Verilator's runtime, compiled now or taken from the cache."""
    key = hashlib.sha256("\0".join([version, _output(compiler, "--version"), str(include), *RUNTIME, *DEFINES]).encode()).hexdigest()[:24]
    archive = cache_folder() / "bench" / f"{key}.a"
    with only_one(archive, TOOL_SECONDS):
        if not archive.exists():
            with tempfile.TemporaryDirectory(dir=archive.parent, prefix="building-") as name:
                folder = Path(name)
                for source in RUNTIME:
                    _run([compiler, "-O1", *DEFINES, "-I", include, "-I", include / "vltstd", "-c", include / source], folder / "build.log")
                _run(["ar", "rcs", "runtime.a", *(Path(source).with_suffix(".o") for source in RUNTIME)], folder / "build.log")
                os.replace(folder / "runtime.a", archive)
    return archive


def verilate(source: Path, folder: Path) -> Path:
    """Compile the module ``top`` of `source`.

    Parameters
    ----------
    source : Path
        Verilog.
    folder : Path
        Where everything goes; its ``build.log`` holds what the tools say.

    Returns
    -------
    Path
        The program ``folder / "top"``, that cocotb's runner starts.

    Raises
    ------
    BuildError
        If a tool fails or does not end.
    """
    verilator = verilator_program()
    compiler = os.environ.get("CXX") or shutil.which("g++") or "c++"
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "build.log"
    _run(
        [
            verilator, "--cc", source, "--prefix", "Vtop", "--top-module", "top", "--Mdir", folder, "--vpi", "--public-depth", "1", "-O3",
            "--x-assign", "fast", "--x-initial", "fast", "--no-timing", "-Wno-fatal", "-Wno-WIDTH", "-Wno-UNOPTFLAT", "-Wno-CASEINCOMPLETE",
            "--timescale", "1ns/1ps",
        ],
        log,
    )  # fmt: skip
    root = _output(verilator, "--getenv", "VERILATOR_ROOT").strip()
    include = Path(root) / "include" if root else verilator.parents[1] / "share" / "verilator" / "include"
    parts = sorted(path for path in folder.glob("Vtop*.cpp") if not path.name.startswith("Vtop__Dpi"))
    once = [path for path in parts if path.stem.endswith("__Slow")]
    main = Path(cocotb_tools.config.share_dir) / "lib" / "verilator" / "verilator.cpp"
    objects = []
    # one translation unit each: the headers take longer than the code
    for name, level, files in (("each", "-O1", [path for path in parts if path not in once]), ("once", "-O0", [*once, main])):
        unit = folder / f"{name}.cpp"
        unit.write_text("".join(f'#include "{path}"\n' for path in files))
        objects.append(unit.with_suffix(".o"))
        _run([compiler, level, *DEFINES, "-I", folder, "-I", include, "-I", include / "vltstd", "-c", unit, "-o", objects[-1]], log)
    libraries = Path(cocotb_tools.config.libs_dir)
    archive = _runtime(compiler, include, _output(verilator, "--version"))
    _run([compiler, "-o", "top", *objects, archive, f"-Wl,-rpath,{libraries}", "-L", libraries, "-lcocotbvpi_verilator", "-lpthread"], log)
    return folder / "top"
