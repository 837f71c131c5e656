# SPDX-License-Identifier: BSD-2-Clause
"""PNG's sBIT chunk: how many bits of each 16-bit sample the picture had before it was stored (PNG, third edition, 11.3.2.7 and 12.4).

12 bits, as PNG wants them:  cccccccccccc····   the upper bits, what is below filled by a rule ──► sample >> 4
12 bits, as some store them: 0000cccccccccccc   the lower bits, no sample above 4,095          ──► as it is
"""

import struct

import numpy as np

from macropix.host.picture.samples import Samples

__all__ = ["significant_bits"]

_COLOURS = {0: 1, 2: 3, 4: 1, 6: 3}


def significant_bits(data: bytes, samples: Samples) -> Samples:
    """`samples` of a PNG file's content, with the bits that its sBIT chunk tells, where that is fewer than 16 and true of them."""
    bits = _told(data)
    if samples.bits != 16 or not 0 < bits < 16:
        return samples
    values, low = samples.values.astype(np.int64), 16 - max(8, bits)
    if _scaled(values, bits):
        samples.values, samples.bits = (values >> low).astype(np.uint16), 16 - low
        samples.rules.append("png-sbit-upper")
    elif values.max() < 1 << bits:
        samples.bits = 16 - low
        samples.rules.append("png-sbit-lower")
    else:
        samples.rules.append("png-sbit-unused")
    return samples


def _told(data: bytes) -> int:
    """Most significant bits of a colour by the sBIT chunk; 0 without one."""
    kind, at = data[25], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        name = data[at + 4 : at + 8]
        if name == b"sBIT" and kind in _COLOURS:
            return max(data[at + 8 : at + 8 + length][: _COLOURS[kind]], default=0)
        if name == b"IDAT":
            break
        at += 12 + length
    return 0


def _scaled(values: np.ndarray, bits: int) -> bool:
    """Whether all are what an encoder makes of `bits` bits by one of PNG's rules: zeros below, the bits over again, or the nearest."""
    upper, top = values >> (16 - bits), (1 << bits) - 1
    again = upper << (16 - bits)
    for shift in range(bits, 16, bits):
        again |= (upper << (16 - bits)) >> shift
    nearest = (upper * 65535 * 2 + top) // (2 * top)
    return any(np.array_equal(values, rule) for rule in (upper << (16 - bits), again, nearest))
