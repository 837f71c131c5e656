# SPDX-License-Identifier: BSD-2-Clause
"""stub"""

EXAMPLES = ""


def info() -> int:
    """Stub."""
    return 0
