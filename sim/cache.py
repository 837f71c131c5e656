# SPDX-License-Identifier: BSD-2-Clause
"""What is compiled once and kept: where it lies, and who may make it.

$MACROPIX_CACHE or the user's cache folder ──► path          several processes ──► one makes it, the others wait for it
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from macropix.host.errors import DeviceError

__all__ = ["cache_folder", "only_one"]


def cache_folder() -> Path:
    """Where compiled gateware is kept: ``$MACROPIX_CACHE``, or the user's cache folder."""
    return Path(os.environ.get("MACROPIX_CACHE") or platformdirs.user_cache_dir("macropix"))


@contextlib.contextmanager
def only_one(path: Path, seconds: float) -> Iterator[None]:
    """The only one to make `path` while the block runs, by a lock file beside it; the folder is made.

    Raises DeviceError when another holds it for longer than `seconds`, OSError where nothing can be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_suffix(".lock")
    deadline = time.monotonic() + seconds
    with lock.open("w") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise DeviceError(
                        "another process has been compiling this gateware for too long",
                        expected=f"the lock {lock.name} within {seconds:.0f} s",
                        found="still held",
                    ) from None
                time.sleep(0.1)
        yield
