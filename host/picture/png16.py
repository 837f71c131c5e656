# SPDX-License-Identifier: BSD-2-Clause
"""PNG with 16 bits a channel and more than one channel, which Pillow rounds to 8 bits.

chunks ── inflate ──► filtered rows ── undo filters ──► u16 samples (PNG, third edition, sections 7 to 9)
"""

import struct
import zlib

import numba
import numpy as np

from macropix.host.errors import UserError
from macropix.host.picture.samples import Samples

__all__ = ["read_png16"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}


def read_png16(data: bytes) -> Samples:
    """The samples of a 16-bit PNG, all bits of them. Raises UserError for interlaced ones, ValueError for broken ones."""
    chunks = _chunks(data)
    width, height, depth, kind, _, _, interlace = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    if interlace:
        raise UserError("interlaced PNG with 16-bit colour has no rule", hint="save it without interlace, or as grey")
    channels = _CHANNELS[kind]
    assert depth == 16
    stride = 2 * channels * width
    flat = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8)
    if flat.size != height * (stride + 1):
        raise ValueError(f"image data hold {flat.size} bytes, not {height * (stride + 1)}")
    rows = flat.reshape(height, stride + 1).copy()
    if rows[:, 0].max() > 4:
        raise ValueError(f"filter type {rows[:, 0].max()}")
    _unfilter(rows, 2 * channels)
    values = rows[:, 1:].copy().view(">u2").reshape(height, width, channels).astype(np.uint16)
    if kind == 2:
        key = chunks.get(b"tRNS")
        clear = None if key is None else (values == np.frombuffer(key[:6], ">u2")).all(axis=2)
        return Samples(values, 16, alpha=None if clear is None else np.where(clear, 0, 65535), opaque=65535)
    colour = values[..., :-1]
    return Samples(colour[..., 0] if channels == 2 else colour, 16, alpha=values[..., -1], opaque=65535)


def _chunks(data: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    at = len(_SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        name, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        check = data[at + 8 + length : at + 12 + length]
        if len(check) < 4 or zlib.crc32(name + body) != struct.unpack(">I", check)[0]:
            raise ValueError(f"chunk {name!r} at byte {at} is broken")
        found[name] = found.get(name, b"") + body
        at += 12 + length
        if name == b"IEND":
            return found
    raise ValueError("the file ends before its last chunk")


@numba.njit(cache=True)
def _unfilter(rows, step):  # pragma: no cover
    height, stride = rows.shape
    for r in range(height):
        kind = rows[r, 0]
        for c in range(1, stride):
            left = int(rows[r, c - step]) if c > step else 0
            up = int(rows[r - 1, c]) if r > 0 else 0
            corner = int(rows[r - 1, c - step]) if r > 0 and c > step else 0
            if kind == 1:
                guess = left
            elif kind == 2:
                guess = up
            elif kind == 3:
                guess = (left + up) // 2
            elif kind == 4:
                estimate = left + up - corner
                a, b, d = abs(estimate - left), abs(estimate - up), abs(estimate - corner)
                guess = left if a <= b and a <= d else (up if b <= d else corner)
            else:
                guess = 0
            rows[r, c] = (int(rows[r, c]) + guess) & 0xFF
