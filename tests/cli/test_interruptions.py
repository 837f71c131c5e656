# SPDX-License-Identifier: BSD-2-Clause
"""Disks that fill up, runs that are interrupted or killed, readers that go away: nothing half-written."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from macropix.host.cli.app import run
from macropix.host.store.hdf5 import CaptureFile

BIN = Path(sys.executable).parent / "macropix"


def small_disk() -> None:
    """Files may not grow beyond 20 kB: what a full disk looks like to a program."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


@pytest.mark.parametrize("command", ["capture", "demo"])
def test_a_full_disk(tmp_path, tmp_path_factory, command):
    arguments = ["-o", "a.h5", "--frames", "40", "--mode", "raw"] if command == "capture" else ["--out", "out"]
    # Python and numba would cut their caches short here as well, and trip over them later: theirs are written before
    elsewhere = tmp_path_factory.mktemp("warm")
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "NUMBA_CACHE_DIR": str(elsewhere / "numba")}
    words = [BIN, command, "--url", "model://", *arguments]
    subprocess.run(words, cwd=elsewhere, env=environment, capture_output=True, timeout=200, check=True)
    done = subprocess.run(
        words,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        preexec_fn=small_disk,
        env=environment,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: ")
    assert "too large" in done.stderr.lower()
    assert ".part" not in done.stderr
    assert "nothing was left behind" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The folder of a demo."""
    folder = tmp_path_factory.mktemp("shown") / "out"
    assert run(["demo", "--url", "model://", "--out", str(folder)]) == 0
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("there", [False, True])
def test_a_demo_interrupted_leaves_what_was(tmp_path, shown, there, monkeypatch, capsys, request):
    """Ctrl-C in the second run, when the first file is whole."""
    from macropix.host.run import Run

    if there:
        shutil.copytree(shown, tmp_path / "out")
        (tmp_path / "out" / "note.txt").write_text("mine")
    before, real, taken = contents(tmp_path), Run.take, []

    def take(self, path=None, **options):
        taken.append(path)
        if len(taken) == 2:
            assert taken[0].exists()
            os.kill(os.getpid(), signal.SIGINT)
        return real(self, path, **options)

    monkeypatch.setattr(Run, "take", take)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, handler))
    assert run(["demo", "--url", "model://", "--seed", "3", "--out", str(tmp_path / "out")]) == 130
    assert contents(tmp_path) == before
    assert capsys.readouterr().err.startswith("interrupted")
    monkeypatch.setattr(Run, "take", real)
    assert run(["demo", "--url", "model://", "--seed", "3", "--out", str(tmp_path / "out")]) == 0
    after = contents(tmp_path)
    assert set(after) == {f"out/{path.name}" for path in shown.iterdir()} | set(before)
    assert all(after[name] != before[name] for name in before if name.endswith((".h5", ".html")))


def test_a_demo_does_not_take_a_stranger_s_place(fails, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "edges.png").write_text("mine")
    assert "edges.png is there already, and of no earlier run" in fails("demo", "--url", "model://", "--out", "out")
    assert (tmp_path / "out" / "edges.png").read_text() == "mine"


def heeds_signals() -> None:
    """A shell starts what goes into the background deaf to SIGINT, and its children inherit that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("form", "number", "times"), [([], signal.SIGINT, 1), (["--json"], signal.SIGINT, 1), ([], signal.SIGTERM, 1), ([], signal.SIGINT, 3)]
)
def test_an_interruption_closes_the_file(tmp_path, form, number, times):
    """One signal: a readable file, and what is in it. More, at once: no file or a readable one, and the same exit status."""
    running = subprocess.Popen(
        [BIN, "capture", "--url", "model://", "-o", "a.h5", "--frames", "1000000", "--threshold", "20", *form],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heeds_signals,
    )
    try:
        deadline = time.monotonic() + 100
        while not list(tmp_path.glob(".a.h5.*.part")):
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(2)
        for _ in range(times):
            running.send_signal(number)
            time.sleep(0.002)
        out, err = running.communicate(timeout=100)
    finally:
        running.kill()
        running.communicate()
    assert running.returncode == 128 + number
    if times > 1:
        assert "unexpected" not in err
        assert "Traceback" not in err
        assert [path.name for path in tmp_path.iterdir()] in ([], ["a.h5"])
        return
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]
    with CaptureFile(tmp_path / "a.h5") as file:
        assert not file.complete
        frames = len(file)
        assert file.ledger.balanced
    if form:
        told = json.loads(out)
        assert told["kind"] == "interrupted"
        assert (told["file"], told["frames"], told["ledger"]["frames"]) == ("a.h5", frames, frames)
        assert err == ""
    else:
        assert err == f"interrupted: a.h5 holds the {frames:,} frames until then, nothing lost\n"


def test_a_killed_run_leaves_no_file_of_that_name(tmp_path):
    running = subprocess.Popen(
        [BIN, "capture", "--url", "model://", "-o", "a.h5", "--frames", "1000000"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 100
        while not list(tmp_path.glob(".a.h5.*.part")):
            assert running.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(1)
    finally:
        running.kill()
        running.wait(30)
    assert not (tmp_path / "a.h5").exists()


def test_a_reader_that_goes_away_is_no_drama():
    done = subprocess.run(f"{BIN} kernel list | head -1", shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
