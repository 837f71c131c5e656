# SPDX-License-Identifier: BSD-2-Clause
"""Whole packets, both ways, built from the layouts of `wire`.

fields ──► header + CRC-16 ── + payload ──► + CRC-32
"""

import binascii
import zlib
from collections.abc import Iterable

from amaranth.lib import data

from macropix.gateware.wire import (
    COMMAND_BYTES,
    CRC_BYTES,
    DOWN_SYNC,
    HEADER_BYTES,
    MAX_PAYLOAD,
    UP_SYNC,
    Command,
    Error,
    Header,
    Kind,
    Op,
    Reply,
)

__all__ = ["command", "crc16", "packet", "reply", "sealed"]


def _places(layout: type[data.Struct]) -> dict[str, tuple[int, int]]:
    """Field → (lowest bit, mask)."""
    shape = data.Layout.cast(layout)
    return {str(name): (field.offset, (1 << field.width) - 1) for name, field in shape}


_HEADER, _COMMAND, _REPLY = _places(Header), _places(Command), _places(Reply)


def _fields(places: dict[str, tuple[int, int]], size: int, values: dict[str, object]) -> bytes:
    word = 0
    for name, value in values.items():
        offset, mask = places[name]
        number = int(getattr(value, "value", value))  # pyright: ignore[reportArgumentType]
        if not 0 <= number <= mask:
            raise ValueError(f"{name} must be from 0 to {mask}, not {number}")
        word |= number << offset
    return word.to_bytes(size, "little")


def crc16(text: bytes) -> int:
    """CRC-16/IBM-3740."""
    return binascii.crc_hqx(text, 0xFFFF)


def sealed(text: bytes) -> bytes:
    """`text` and its CRC-32."""
    return text + zlib.crc32(text).to_bytes(CRC_BYTES, "little")


def packet(kind: Kind, payload: bytes, **fields: object) -> bytes:
    """A packet from the device.

    Parameters
    ----------
    kind : Kind
    payload : bytes, up to `MAX_PAYLOAD`
    fields
        Other fields of `wire.Header` (numbers or members of their enums); what is not named is 0.

    Raises
    ------
    ValueError
        If payload or a field doesn't fit.
    """
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a payload has at most {MAX_PAYLOAD} bytes, not {len(payload)}")
    head = _fields(_HEADER, HEADER_BYTES, {"sync": UP_SYNC, "kind": kind, "length": len(payload), **fields})[:-2]
    return sealed(head + crc16(head).to_bytes(2, "little") + payload)


def command(op: Op | int, sequence: int, epoch: int, address: int = 0, words: int | Iterable[int] = ()) -> bytes:
    """A packet to the device.

    Parameters
    ----------
    op : Op or int
    sequence, epoch, address : int (16 bits)
    words : int, or words to write
        A number stands in the header alone (READ); words follow the header.
    """
    body = b""
    if not isinstance(words, int):
        body = b"".join(int(word).to_bytes(2, "little") for word in words)
        words = len(body) // 2
    head = _fields(
        _COMMAND,
        COMMAND_BYTES,
        {"sync": DOWN_SYNC, "op": op, "sequence": sequence, "epoch": epoch, "address": address, "words": words},
    )[:-2]
    return sealed(head + crc16(head).to_bytes(2, "little") + body)


def reply(
    sequence: int,
    op: Op | int,
    error: Error,
    *,
    address: int = 0,
    words: int = 0,
    corrupt: int = 0,
    read: Iterable[int] = (),
    **fields: object,
) -> bytes:
    """The answer to a command: a packet of kind REPLY.

    Parameters
    ----------
    sequence, op, address, words
        As they stood in the command.
    error : Error
    corrupt : int
        Commands found corrupt since the claim.
    read : iterable of int
        Words of a READ.
    fields
        Of the header: ``number, epoch, tag, where``.
    """
    head = _fields(
        _REPLY,
        Reply.as_shape().size // 8,
        {"sequence": sequence, "op": op, "error": error, "address": address, "words": words, "corrupt": corrupt},
    )
    return packet(Kind.REPLY, head + b"".join(int(word).to_bytes(2, "little") for word in read), **fields)
