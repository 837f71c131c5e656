# SPDX-License-Identifier: BSD-2-Clause
"""Shifts and masks of a packet's fields, derived from its `data.Struct`: fast where `Struct.from_bits` is slow, and held equal to it."""

from typing import Any

__all__ = ["Fields", "fields", "pack", "unpack"]

#: (name, shift, mask) of every field, in order
Fields = tuple[tuple[str, int, int], ...]


def fields(struct: Any) -> Fields:
    """Where each field of a `data.Struct` lies."""
    return tuple((name, field.offset, (1 << field.width) - 1) for name, field in struct.as_shape())


def pack(layout: Fields, size: int, values: dict[str, int]) -> bytes:
    """`size` bytes with `values` in their fields, least significant byte first. ValueError if one doesn't fit."""
    word = 0
    for name, shift, mask in layout:
        value = values[name]
        if not 0 <= value <= mask:
            raise ValueError(f"{name} must be from 0 to {mask}, not {value}")
        word |= value << shift
    return word.to_bytes(size, "little")


def unpack(layout: Fields, data: bytes) -> dict[str, int]:
    """Every field of `data`, as plain integers."""
    word = int.from_bytes(data, "little")
    return {name: (word >> shift) & mask for name, shift, mask in layout}
