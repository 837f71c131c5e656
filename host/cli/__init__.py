# SPDX-License-Identifier: BSD-2-Clause
"""The command line. One command, one file; nothing heavy is imported before it is needed."""

import signal
import sys

__all__ = ["main"]


def main() -> None:
    """Entry point of ``macropix``."""
    from macropix.host.cli.app import run

    try:
        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # another one, while the first was being told
        status = 130
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(status)
