# SPDX-License-Identifier: BSD-2-Clause
"""stub"""

EXAMPLES = ""


def decode() -> int:
    """Stub."""
    return 0
