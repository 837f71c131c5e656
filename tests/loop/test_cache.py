# SPDX-License-Identifier: BSD-2-Clause
"""Compiled gateware that is kept: whole or not at all, and where it can be."""

import pytest

from macropix.gateware.config import Config
from macropix.host.errors import UserError
from macropix.sim.rtl import build as build_module
from macropix.sim.rtl.build import build

CONFIG = Config(rows=8, cols=8)


def test_a_damaged_library_is_made_anew(tmp_path, monkeypatch):
    """Without a compiler: what it would make stands in for it."""
    made = []

    def compiles(config, verilator, compiler, library):
        made.append(library)
        library.write_bytes(b"a library, as it were")
        library.with_suffix(".sha256").write_text(build_module.hashlib.sha256(library.read_bytes()).hexdigest())

    monkeypatch.setenv("MACROPIX_CACHE", str(tmp_path))
    monkeypatch.setattr(build_module, "_compile", compiles)
    assert not build(CONFIG).cached
    assert build(CONFIG).cached
    made[0].write_bytes(b"a lib")
    assert not build(CONFIG).cached
    assert len(made) == 2


def test_a_cache_that_cannot_be_made_is_named(monkeypatch):
    monkeypatch.setenv("MACROPIX_CACHE", "/proc/nowhere")
    with pytest.raises(UserError, match=r"compiled gateware cannot be kept in /proc/nowhere/rtl: .*MACROPIX_CACHE names another folder"):
        build(CONFIG)
