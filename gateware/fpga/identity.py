# SPDX-License-Identifier: BSD-2-Clause
"""What a device says of itself: the status registers that never change.

Config, sources of the gateware ─► protocol version, hashes, geometry, sizes, features
"""

import zlib
from pathlib import Path

from macropix.gateware.config import Config
from macropix.gateware.registers import DIE_ID, features
from macropix.gateware.wire import PROTOCOL_MAJOR, PROTOCOL_MINOR, SLICE_PIXELS

__all__ = ["gateware_hash", "identity"]


def gateware_hash() -> int:
    """CRC-32 over the gateware's sources: each file's path in the package and its bytes, in the order of the paths."""
    root = Path(__file__).parents[1]
    crc = 0
    for name, path in sorted((path.relative_to(root).as_posix(), path) for path in root.rglob("*.py")):
        crc = zlib.crc32(path.read_bytes(), zlib.crc32(name.encode(), crc))
    return crc


def identity(config: Config) -> dict[str, int]:
    """Values of the constant STATUS registers, by name."""
    return {
        "protocol_minor": PROTOCOL_MINOR,
        "protocol_major": PROTOCOL_MAJOR,
        "chip_id": DIE_ID,
        "config_hash": config.hash,
        "gateware_hash": gateware_hash(),
        "rows": config.rows,
        "cols": config.cols,
        "border": config.border,
        "macro": config.macro,
        "kernels": config.kernels,
        "lanes": config.lanes,
        "lane_bits": config.lane_bits,
        "features": int(features(config)),
        "slice_pixels": SLICE_PIXELS,
        "fifo_bytes": config.fifo_bytes,
        "clock_hz": config.clock_hz,
    }
