# SPDX-License-Identifier: BSD-2-Clause
"""The command line. One command, one file; nothing heavy is imported before it is needed."""

import sys

__all__ = ["main"]


def main() -> None:
    """Entry point of ``macropix``."""
    from macropix.host.cli.app import run

    sys.exit(run(sys.argv[1:]))
