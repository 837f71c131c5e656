# SPDX-License-Identifier: BSD-2-Clause
"""Several files that belong together: all of them appear in their folder, or none.

.out.1a2b.part/ ── written whole ──► out/     or, where out/ is there already, file by file, and all the way back if one cannot move
"""

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from macropix.host.errors import InterruptedRunError, UserError
from macropix.host.interrupt import DeferredInterrupt
from macropix.host.store.files import disk_error

__all__ = ["check_folder", "making"]


def check_folder(folder: Path, names: tuple[str, ...], ours: Callable[[Path], bool]) -> None:
    """Raises UserError if files of these `names` can't take their places in `folder`.

    It may be missing, but then not its parent. Files of these names that are there already must be an earlier run's: `ours` tells.
    """
    if not os.path.lexists(folder):
        parent = folder.absolute().parent
        if not parent.is_dir():
            raise UserError(f"the folder {parent} does not exist", hint="make it first")
        if not os.access(parent, os.W_OK | os.X_OK):
            raise UserError(f"the folder {parent} cannot be written to")
        return
    if not folder.is_dir():
        raise UserError(f"{folder} is a file", expected="a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"the folder {folder} cannot be written to")
    there = [name for name in names if os.path.lexists(folder / name)]
    if there and (not ours(folder) or not all((folder / name).is_file() for name in there)):
        raise UserError(
            f"{folder / there[0]} is there already, and of no earlier run",
            hint="name a folder that is new, empty or of an earlier run",
        )


@contextlib.contextmanager
def making(folder: Path) -> Iterator[Path]:
    """An empty folder to write to. If the block ends well its files take their places in `folder`; whatever else is there stays. If not,
    nothing has happened.
    """
    real = folder.resolve()
    # inside a folder that is there, so that it is on the same disk
    inside = real if real.is_dir() else real.parent
    made = inside / f".{real.name}.{secrets.token_hex(4)}.part"
    try:
        made.mkdir()
        yield made
        with DeferredInterrupt():
            _place(made, real)
    except InterruptedRunError as stop:
        raise InterruptedRunError("interrupted: nothing was written", told={}, number=stop.exit_status - 128) from None
    except OSError as error:
        raise disk_error(folder, error) from error
    except UserError as error:  # of the disk, told of a file that nobody knows
        if isinstance(error.__cause__, OSError):
            raise disk_error(folder, error.__cause__) from error
        raise
    finally:
        with DeferredInterrupt():
            shutil.rmtree(made, ignore_errors=True)


def _place(made: Path, folder: Path) -> None:
    if not folder.exists():
        made.rename(folder)
        return
    new = sorted(path.name for path in made.iterdir())
    before = made / "before"
    before.mkdir()
    try:
        for name in new:
            if os.path.lexists(folder / name):
                os.rename(folder / name, before / name)
            os.rename(made / name, folder / name)
    except OSError:
        for name in new:
            if not os.path.lexists(made / name):
                os.rename(folder / name, made / name)
            if os.path.lexists(before / name):
                os.rename(before / name, folder / name)
        raise
