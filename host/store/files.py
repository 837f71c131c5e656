# SPDX-License-Identifier: BSD-2-Clause
"""Files that appear under their name only when they are whole, and disk errors as a person reads them."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from macropix.host.errors import MacropixError, UserError

__all__ = ["check_writable", "disk_error", "replacing"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def disk_error(path: str | os.PathLike, error: OSError) -> MacropixError:
    """What `error` means for somebody who wanted to write `path`."""
    if error.errno in _FULL:
        return UserError(
            f"no room to write {os.fspath(path)}: {error.strerror}", hint="free some space, or write elsewhere; nothing was left behind"
        )
    return UserError(f"cannot write {os.fspath(path)}: {error.strerror or error}")


def check_writable(path: str | os.PathLike) -> Path:
    """`path`, if a file can be made there. Raises UserError if its folder is missing, or it is a folder itself, or may not be written."""
    path = Path(path)
    folder = path.parent
    if not folder.is_dir():
        raise UserError(f"the output folder {folder} does not exist", hint="make it first")
    if path.is_dir():
        raise UserError(f"{path} is a folder", expected="a file name")
    if not os.access(folder, os.W_OK):
        raise UserError(f"the output folder {folder} cannot be written to")
    return path


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """A name beside `path` to write to; it takes `path`'s place if the block ends well, and is removed if not.

    Raises UserError for what the disk refuses.
    """
    path = check_writable(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise disk_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)
