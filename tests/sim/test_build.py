# SPDX-License-Identifier: BSD-2-Clause
"""The cache of compiled gateware: only whole libraries come out of it. The compiler is replaced by one that is done at once."""

import pytest

from macropix.gateware.config import Config
from macropix.host.errors import DeviceError, UserError
from macropix.sim.rtl import build as under_test
from macropix.sim.rtl.library import Library

CONTENT = b"\x7fELF, as good as any"


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """The list of libraries compiled so far; the cache is the test's own."""
    made = []

    def run(command, *, folder, what):
        if what == "g++":
            (folder / "top.so").write_bytes(CONTENT)
            made.append(folder)
        return ""

    monkeypatch.setenv("MACROPIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(under_test, "verilator_program", lambda: tmp_path / "verilator")
    monkeypatch.setattr(under_test.shutil, "which", lambda program: program)
    monkeypatch.setattr(under_test, "_key", lambda *_: "key")
    monkeypatch.setattr(under_test, "_include", lambda _: tmp_path)
    monkeypatch.setattr(under_test, "_run", run)
    monkeypatch.setattr(under_test, "_verilog", lambda *_: "")
    return made


def test_compiled_once(compiled):
    first, again = under_test.build(Config()), under_test.build(Config())
    assert (first.cached, again.cached, len(compiled)) == (False, True, 1)
    assert first.library == again.library
    assert first.library.read_bytes() == CONTENT
    assert sorted(path.name for path in first.library.parent.iterdir()) == ["key.lock", "key.sha256", "key.so"]


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT[:-1] + b"?"])
def test_a_damaged_library_is_made_anew(compiled, content):
    library = under_test.build(Config()).library
    library.write_bytes(content)
    assert not under_test.build(Config()).cached
    assert library.read_bytes() == CONTENT
    assert under_test.build(Config()).cached
    assert len(compiled) == 2


@pytest.mark.parametrize("content", [None, b"", b"0" * 64, b"\xff\xfe"])
def test_a_library_without_its_checksum_is_made_anew(compiled, content):
    checksum = under_test.build(Config()).library.with_suffix(".sha256")
    checksum.unlink() if content is None else checksum.write_bytes(content)
    assert not under_test.build(Config()).cached
    assert under_test.build(Config()).cached


@pytest.mark.parametrize("trouble", ["none", "a loop", "another Verilator"])
def test_only_a_verilator_that_fits_loses_its_scheduler(compiled, monkeypatch, trouble):
    """What it calls a loop needs the scheduler's second round; one whose parts bear other names does not link without it."""
    linked, run = [], under_test._run

    def watched(command, *, folder, what):
        if what == "g++":
            linked.append("-DMPX_DIRECT" in command)
            if trouble == "another Verilator" and linked[-1]:
                raise DeviceError("g++ failed")
        run(command, folder=folder, what=what)
        return "%Warning-UNOPTFLAT: top.v:1: Signal unoptimizable" if trouble == "a loop" and what == "verilator" else ""

    monkeypatch.setattr(under_test, "_run", watched)
    under_test.build(Config())
    assert linked == {"none": [True], "a loop": [False], "another Verilator": [True, False]}[trouble]


@pytest.mark.parametrize("place", ["/proc/foo", "/dev/null"])
def test_a_cache_that_cannot_be_written_is_named(compiled, monkeypatch, place):
    monkeypatch.setenv("MACROPIX_CACHE", place)
    with pytest.raises(UserError, match=rf"cannot be kept in {place}/rtl: .*MACROPIX_CACHE names another") as caught:
        under_test.build(Config())
    assert caught.value.exit_status == 2


def test_what_the_system_does_not_load_is_no_crash(tmp_path):
    (tmp_path / "top.so").write_bytes(CONTENT)
    with pytest.raises(DeviceError, match=r"the compiled gateware cannot be loaded: .*MACROPIX_CACHE=DIR"):
        Library(tmp_path / "top.so")
