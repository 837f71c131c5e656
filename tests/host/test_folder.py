# SPDX-License-Identifier: BSD-2-Clause
"""Files that appear in a folder together or not at all."""

import errno
import os
from pathlib import Path

import pytest

from macropix.host.errors import UserError
from macropix.host.store.files import replacing
from macropix.host.store.folder import check_folder, making

NAMES = ("a.txt", "b.txt", "c.txt")


def write(folder, text, names=NAMES):
    for name in names:
        (folder / name).write_text(text)


def content(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_new_folder_appears_whole(tmp_path):
    with making(tmp_path / "out") as made:
        write(made, "new")
        assert not (tmp_path / "out").exists()
    assert content(tmp_path / "out") == dict.fromkeys(NAMES, "new")
    assert os.listdir(tmp_path) == ["out"]
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("cwd", [False, True])
def test_files_of_others_stay(tmp_path, monkeypatch, cwd):
    (tmp_path / "out").mkdir()
    write(tmp_path / "out", "old")
    (tmp_path / "out" / "note.txt").write_text("mine")
    monkeypatch.chdir(tmp_path / "out")
    with making(Path(".") if cwd else tmp_path / "out") as made:
        write(made, "new", NAMES[:2])
    assert content(tmp_path / "out") == {"a.txt": "new", "b.txt": "new", "c.txt": "old", "note.txt": "mine"}
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, UserError])
@pytest.mark.parametrize("there", [False, True])
def test_a_failure_leaves_what_was(tmp_path, error, there):
    if there:
        (tmp_path / "out").mkdir()
        write(tmp_path / "out", "old")
    with pytest.raises(error), making(tmp_path / "out") as made:
        write(made, "new")
        raise error("no")
    assert os.listdir(tmp_path) == (["out"] if there else [])
    assert not there or content(tmp_path / "out") == dict.fromkeys(NAMES, "old")


@pytest.mark.parametrize("fails", range(6))
def test_a_move_that_fails_is_taken_back(tmp_path, monkeypatch, fails):
    (tmp_path / "out").mkdir()
    write(tmp_path / "out", "old", ("a.txt", "b.txt", "mine.txt"))
    real, calls = os.rename, []

    def rename(one, other):
        calls.append(one)
        if len(calls) == fails + 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(one, other)

    monkeypatch.setattr(os, "rename", rename)
    if fails == 5:  # five moves, all of them well
        with making(tmp_path / "out") as made:
            write(made, "new")
        assert content(tmp_path / "out") == {**dict.fromkeys(NAMES, "new"), "mine.txt": "old"}
        return
    with (
        pytest.raises(UserError, match=r"no room to write .*out: No space left .*nothing was left behind"),
        making(tmp_path / "out") as made,
    ):
        write(made, "new")
    assert content(tmp_path / "out") == dict.fromkeys(("a.txt", "b.txt", "mine.txt"), "old")


def test_an_error_names_the_folder_that_was_asked_for(tmp_path):
    """A file of the folder in the making is none that a person has ever heard of."""
    with pytest.raises(UserError) as caught, making(tmp_path / "out") as made, replacing(made / "a.txt"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.message == f"no room to write {tmp_path / 'out'}: No space left on device"


def test_what_cannot_take_its_place_is_told_before(tmp_path):
    out = tmp_path / "out"
    check_folder(out, NAMES, lambda _: False)
    out.mkdir()
    check_folder(out, NAMES, lambda _: False)
    (out / "b.txt").touch()
    check_folder(out, NAMES, lambda _: True)
    with pytest.raises(UserError, match=r"b\.txt is there already, and of no earlier run"):
        check_folder(out, NAMES, lambda _: False)
    (out / "c.txt").mkdir()
    with pytest.raises(UserError, match=r"b\.txt is there already"):
        check_folder(out, NAMES, lambda _: True)
    with pytest.raises(UserError, match="is a file; expected a folder"):
        check_folder(out / "b.txt", NAMES, lambda _: True)
    with pytest.raises(UserError, match="does not exist"):
        check_folder(out / "none" / "deep", NAMES, lambda _: True)
