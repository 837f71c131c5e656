# SPDX-License-Identifier: BSD-2-Clause
"""Commands found in the bytes from the host.

bytes ──► sync? CRC-16 right? ──► words (WRITE) ──► CRC-32 right? ──► Request
"""

import dataclasses
import struct
import zlib

from macropix.gateware.wire import COMMAND_BYTES, CRC_BYTES, DOWN_SYNC, MAX_WORDS, Op
from macropix.sim.golden.packets import crc16

__all__ = ["CommandFinder", "Request"]

_HEAD = struct.Struct("<BBHHHHH")
assert _HEAD.size == COMMAND_BYTES


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """One command as it arrived. ``data`` are the words of a WRITE; ``corrupt``: its CRC-32 is wrong."""

    op: int
    sequence: int
    epoch: int
    address: int
    words: int
    data: bytes = b""
    corrupt: bool = False


class CommandFinder:
    """Incremental: holds what may still become a command."""

    def __init__(self):
        self._held = b""

    @property
    def pending(self) -> bool:
        """Whether a command, or a byte that may begin one, waits for more."""
        return bool(self._held)

    def forget(self) -> None:
        """Give up what waits."""
        self._held = b""

    def feed(self, data: bytes) -> list[Request]:
        """The commands that `data` completes.

        A header whose CRC-16 is wrong is searched on from the byte behind its sync; a command whose CRC-32 is wrong, from its end. One
        with more than 256 words ends with its header.
        """
        text = self._held + data
        found = []
        at = 0
        while True:
            at = text.find(DOWN_SYNC, at)
            if at < 0:
                at = len(text)
                break
            if len(text) - at < COMMAND_BYTES:
                break
            _, op, sequence, epoch, address, words, crc = _HEAD.unpack_from(text, at)
            if crc16(text[at : at + COMMAND_BYTES - 2]) != crc:
                at += 1
                continue
            request = Request(op=op, sequence=sequence, epoch=epoch, address=address, words=words)
            body = at + COMMAND_BYTES
            if words <= MAX_WORDS:
                tail = body + (2 * words if op == Op.WRITE.value else 0)
                if len(text) < tail + CRC_BYTES:
                    break
                right = zlib.crc32(text[at:tail]) == int.from_bytes(text[tail : tail + CRC_BYTES], "little")
                request = dataclasses.replace(request, data=text[body:tail], corrupt=not right)
                body = tail + CRC_BYTES
            found.append(request)
            at = body
        self._held = text[at:]
        return found
