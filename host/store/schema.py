# SPDX-License-Identifier: BSD-2-Clause
"""What stands where in a capture file; docs/file.md says it in words."""

import json
from typing import Any

import numpy as np

from macropix.gateware.registers import CONTROL

__all__ = ["FORMAT", "FRAME_COLUMNS", "REGISTERS", "REQUIRED", "SPARSE_COLUMNS", "VERSION_MAJOR", "VERSION_MINOR", "plain"]

#: attribute ``format`` of the root
FORMAT = "macropix capture"
#: attribute ``format_version``: a reader refuses a newer major version
VERSION_MAJOR = 1
VERSION_MINOR = 0

#: columns of ``frames``, one value a frame
FRAME_COLUMNS = {
    "shot": "<u8",
    "kernel": "u1",
    "tap": "u1",
    "time": "<u8",
    "tag": "<u2",
    "saturated": "u1",
    "slices": "<u2",
    "wire_bytes": "<u4",
    "settings": "<u4",
    "host_time": "<f8",
}
#: datasets of ``frames`` that hold the pixels
SPARSE_COLUMNS = ("frame_ptr", "index", "value", "masked_ptr", "masked_index")
#: datasets without which a file is none of ours
REQUIRED = (
    *("raw/stream", "raw/chunk_end", "raw/chunk_time", "kernels/codes", "kernels/name", "log/time", "log/text"),
    *(f"frames/{name}" for name in (*FRAME_COLUMNS, *SPARSE_COLUMNS)),
    *(f"settings/{name}" for name in ("tag", "kernel", "from_byte", "weight", "dark", "registers", "kernel_name", "map")),
)
#: columns of ``settings/registers``: the latched registers, in the order of their addresses
REGISTERS = tuple(name for name, register in CONTROL.items() if register.frame)


def plain(value: Any) -> Any:
    """An attribute as a plain value; a text that holds a JSON object or list as that."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
