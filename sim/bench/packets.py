# SPDX-License-Identifier: BSD-2-Clause
"""Packets cut out of a device's bytes, for a bench: by the lengths in their headers, strictly, both CRCs checked.

Nothing of the host's decoder is used: a bench must not share a mistake with it.
"""

import binascii
import zlib

__all__ = ["cut", "field"]

#: (lowest bit, bits) of the header fields a bench looks at; `docs/protocol.md`
FIELDS = {
    "kind": (8, 2), "first": (10, 1), "last": (11, 1), "positions": (12, 2), "values": (14, 2), "length": (16, 12), "number": (32, 16),
    "epoch": (48, 16), "tag": (64, 16), "where": (112, 32),
}  # fmt: skip


def field(packet: bytes, name: str) -> int:
    """A header field of `packet`."""
    low, bits = FIELDS[name]
    return (int.from_bytes(packet[:20], "little") >> low) & ((1 << bits) - 1)


def cut(buffer: bytearray) -> list[bytes]:
    """Takes whole packets from the front of `buffer`. AssertionError for anything that is not one."""
    packets = []
    while len(buffer) >= 20:
        assert buffer[0] == 0xA5, f"{bytes(buffer[:20]).hex()} does not begin with a sync byte"
        assert binascii.crc_hqx(bytes(buffer[:18]), 0xFFFF) == int.from_bytes(buffer[18:20], "little"), "CRC-16 of a header is wrong"
        size = 24 + field(bytes(buffer), "length")
        if len(buffer) < size:
            break
        packet = bytes(buffer[:size])
        assert zlib.crc32(packet[:-4]) == int.from_bytes(packet[-4:], "little"), "CRC-32 of a packet is wrong"
        packets.append(packet)
        del buffer[:size]
    return packets
