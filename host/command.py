# SPDX-License-Identifier: BSD-2-Clause
"""Packets to the device, and the head of its answers, as `wire.Command` and `wire.Reply` lay them out."""

import binascii
import struct
import zlib
from collections.abc import Sequence

from macropix.gateware.wire import COMMAND_BYTES, DOWN_SYNC, REPLY_BYTES, Command, Error, Op, Reply
from macropix.host.decode.layout import fields, pack, unpack
from macropix.host.errors import DeviceError

__all__ = ["Request", "command", "refusal", "unpack_reply"]

#: operation, address, words of a WRITE (as numbers, or two bytes each, the lower first), number of words of a READ
Request = tuple[Op, int, Sequence[int] | bytes, int]

_COMMAND, _REPLY = fields(Command), fields(Reply)


def command(op: Op, sequence: int, epoch: int, address: int = 0, words: Sequence[int] | bytes = (), count: int | None = None) -> bytes:
    """One packet to the device. `count` is the number of words of a READ."""
    text = words if isinstance(words, bytes) else struct.pack(f"<{len(words)}H", *words)
    values = {
        "sync": DOWN_SYNC,
        "op": int(op.value),
        "sequence": sequence,
        "epoch": epoch,
        "address": address,
        "words": len(text) // 2 if count is None else count,
        "crc": 0,
    }
    head = pack(_COMMAND, COMMAND_BYTES, values)[:-2]
    head += struct.pack("<H", binascii.crc_hqx(head, 0xFFFF))
    body = head + text
    return body + struct.pack("<I", zlib.crc32(body))


def unpack_reply(payload: bytes) -> dict[str, int]:
    """Every field of a reply's head."""
    return unpack(_REPLY, payload[:REPLY_BYTES])


def refusal(device: str, op: Op, address: int, error: int) -> DeviceError:
    """What an answer other than OK means."""
    if error == Error.EPOCH.value:
        return DeviceError(f"{device} belongs to another epoch: it was reset or claimed anew", hint="open it again")
    if error == Error.BUSY.value:
        return DeviceError(f"{device} is busy: its sequencer is still running", hint="stop it first")
    if error == Error.SCENE.value:
        return DeviceError(
            f"{device} refused {op.name} of 0x{address:04X}: it waits for other words of a streamed scene, or for none",
            hint="stop it first",
        )
    name = Error(error).name if error in [one.value for one in Error] else f"error {error}"
    return DeviceError(f"{device} refused {op.name} of 0x{address:04X}", expected="OK", found=name)
