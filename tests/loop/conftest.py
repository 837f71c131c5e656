# SPDX-License-Identifier: BSD-2-Clause
"""One device, many backends: every test in this folder runs over each."""

import os
import shutil

import pytest

import macropix.host

#: backend → what must be there for it
BACKENDS = {"model": (), "rtl": ("g++", "make")}


@pytest.fixture(scope="session", params=BACKENDS)
def url(request) -> str:
    """URL of a 32 × 32 device, without options."""
    missing = [tool for tool in BACKENDS[request.param] if shutil.which(tool) is None]
    if missing and "CI" not in os.environ:
        pytest.skip(f"{request.param}:// needs {', '.join(missing)}")
    return f"{request.param}://"


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
