# SPDX-License-Identifier: BSD-2-Clause
"""Which versions of what are here."""

__all__ = ["versions"]


def versions() -> dict[str, str]:
    """Host, protocol and file format."""
    from macropix.gateware.wire import PROTOCOL_MAJOR, PROTOCOL_MINOR
    from macropix.host import version
    from macropix.host.store.schema import VERSION_MAJOR, VERSION_MINOR

    return {
        "macropix": version(),
        "protocol": f"{PROTOCOL_MAJOR}.{PROTOCOL_MINOR}",
        "file_format": f"{VERSION_MAJOR}.{VERSION_MINOR}",
    }
