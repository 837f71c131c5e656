# SPDX-License-Identifier: BSD-2-Clause
"""For every test: which sources are under test, and where compiled gateware is kept."""

import os
import signal
from pathlib import Path

import pytest

import macropix.gateware


def pytest_configure(config: pytest.Config) -> None:
    """A mutant's tests must see the mutant: the sources imported are those of the copy. And tests of Ctrl-C need Python's handler, which
    is not there where a shell has started us in the background.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    copy = os.environ.get("MACROPIX_COPY")
    if copy is not None and not Path(macropix.gateware.__file__).resolve().is_relative_to(Path(copy).resolve()):
        pytest.exit(f"the tests run in {copy}, but macropix.gateware comes from {macropix.gateware.__file__}", returncode=3)


@pytest.fixture(scope="session")
def images() -> Path:
    """Real radiographs, which lie beside the checkout and not in it."""
    folder = Path(__file__).parents[2] / "shared" / "images"
    if not folder.is_dir():
        pytest.skip("needs the radiographs of ../shared/images, which are not part of the project")
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have measured and put down by ``record_property``: place and route's MHz and area, into the log of CI."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind) if report.when == "call"]
    told = [(report.nodeid, dict(report.user_properties)) for report in reports if report.user_properties]
    if told:
        terminalreporter.section("measured")
    for name, properties in told:
        terminalreporter.line(f"{name}: " + ", ".join(f"{key} {value}" for key, value in properties.items()))
