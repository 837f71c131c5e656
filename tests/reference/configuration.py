# SPDX-License-Identifier: BSD-2-Clause
"""Status, tag and shape: what protocol.md leaves to registers.md and numbers.md. Written from the documents alone, see `__init__`.

status packet ──► registers by name          registers, kernel ──► tag, rows × columns of its frames
"""

from collections.abc import Iterable, Mapping

from .packets import STATUS, ImpossibleError, Packet, crc16

STATUS_BLOCK: Mapping[str, int] = {
    "protocol_minor": 1, "protocol_major": 1, "chip_id": 2, "config_hash": 2, "gateware_hash": 2, "rows": 1,
    "cols": 1, "border": 1, "macro": 1, "kernels": 1, "lanes": 1, "lane_bits": 1, "features": 1, "slice_pixels": 1,
    "fifo_bytes": 2, "clock_hz": 2, "device_time": 4, "state": 1, "epoch": 1, "tag": 1, "shots_done": 2,
    "frames_done": 2, "triggers_missed": 2, "produced": 2, "arrived": 2, "dropped_overflow": 2, "dropped_corrupt": 2,
    "sent": 2, "saturated_di": 2, "saturated_cds": 2, "saturated_pga": 2, "saturated_adc": 2, "saturated_pedestal": 2,
    "code_errors": 1, "disparity_errors": 1, "realigns": 1, "commands_done": 1, "commands_corrupt": 1,
    "commands_refused": 1,
}  # name: words  # fmt: skip
EXPOSING, DRAINING = 4, 8  # of `state`

LATCHED: Mapping[str, tuple[int, int]] = {
    "read": (1, 1), "mode": (1, 0), "threshold": (1, 0), "threshold_mode": (1, 0), "time": (1, 256), "gain": (1, 0), "cds": (1, 1),
    "well_low": (2, -131072), "well_high": (2, 131071), "test_charge": (2, 0), "base": (1, 1024), "pattern_amplitude": (1, 0),
    "noise_reset": (1, 0), "noise_signal": (1, 0), "seed": (2, 1), "tap": (1, 0), "pedestal_enable": (1, 0), "mask_enable": (1, 0),
    "map_id": (1, 0), "scene_source": (1, 0), "scene_level": (1, 65504),
}  # name: (words, value after reset), in the order of the map  # fmt: skip


def status(p: Packet) -> dict[str, int]:
    """Payload of a status packet: the STATUS block by name."""
    size = 2 * sum(STATUS_BLOCK.values())
    if p.kind != STATUS or p.length < size:
        raise ImpossibleError(f"a status of {p.length} bytes")
    fields, at = {}, 0
    for name, words in STATUS_BLOCK.items():
        fields[name] = int.from_bytes(p.payload[at : at + 2 * words], "little")
        at += 2 * words
    return fields


def tag(registers: Mapping[str, int], kernel: Iterable[tuple[int, int]]) -> int:
    """Tag of a frame: its latched registers (others as after reset), then (weight, dark) of each code of its kernel.

    CRC-16 over their words, the lower word of a register first, but the *upper* byte of a word first.
    """
    words = [registers.get(name, reset) >> 16 * i for name, (count, reset) in LATCHED.items() for i in range(count)]
    words += [value for pair in kernel for value in pair]
    return crc16(b"".join((word % 2**16).to_bytes(2, "big") for word in words))


def shape(read: int, rows: int, cols: int, border: int, macro: int) -> tuple[int, int]:
    """Rows and columns of a frame; a `read` without a meaning acts as SINGLE."""
    h, v = rows - 2 * border, cols - 2 * border
    return {1: (h - macro + 1, v - macro + 1), 2: (h // macro, v // macro)}.get(read, (h, v))
