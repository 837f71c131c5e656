# SPDX-License-Identifier: BSD-2-Clause
"""One device, many backends: every test in this folder runs over each. Served ones are the golden model in a process of its own."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import macropix.host

#: backend → what must be there for it
BACKENDS = {"model": (), "rtl": ("g++", "make"), "tcp": (), "serial": ()}
#: what serves them
SERVED = {"tcp": ("--listen", "127.0.0.1:0"), "serial": ("--pty",)}


@contextlib.contextmanager
def served(how: str) -> Iterator[str]:
    """The golden model behind ``macropix serve-device``."""
    command = [str(Path(sys.executable).parent / "macropix"), "serve-device", "model://", *SERVED[how]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            assert process.wait(20) == 0


@pytest.fixture(scope="session")
def alone(request, url) -> Iterator[str]:
    """The URL of a device that nobody has open."""
    how = url.partition("://")[0]
    with served(how) if how in SERVED else contextlib.nullcontext(url) as own:
        yield own


@pytest.fixture(scope="session", params=BACKENDS)
def url(request) -> Iterator[str]:
    """URL of a 32 × 32 device, without options."""
    if request.param in SERVED:
        with served(request.param) as made:
            yield made
        return
    missing = [tool for tool in BACKENDS[request.param] if shutil.which(tool) is None]
    if missing and "CI" not in os.environ:
        pytest.skip(f"{request.param}:// needs {', '.join(missing)}")
    yield f"{request.param}://"


@pytest.fixture(scope="session")
def opened(url):
    """The device, opened once: a compiled backend takes a while."""
    with macropix.host.open(url, timeout=30, seed=1) as device:
        yield device


@pytest.fixture
def device(opened):
    """The device as after reset, claimed anew."""
    opened.reset()
    opened.claim()
    return opened
