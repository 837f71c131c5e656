# SPDX-License-Identifier: BSD-2-Clause
"""One small file a board; build and flash."""

if __name__ != "macropix.boards":
    raise ImportError(
        f"this package is macropix.boards, but it was imported as {__name__!r}: "
        "install the project (pip install -e .) and import macropix.boards"
    )
