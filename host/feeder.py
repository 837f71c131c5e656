# SPDX-License-Identifier: BSD-2-Clause
"""The scene for a device that has no memory for it: sent anew for each exposure, while it runs.

scene ── imaging pixels, raster order ──► WRITE 0x8000 + n, 256 words each ──► exposure          n goes on through the run, modulo 2^15
"""

import numpy as np

from macropix.gateware.registers import SCENE
from macropix.gateware.wire import MAX_WORDS, Op, Read
from macropix.host.command import Request
from macropix.host.geometry import Geometry
from macropix.host.link import Link

__all__ = ["Feeder"]

#: addresses that a run's words go round in
_ROUND = 0x10000 - SCENE.base


class Feeder:
    """What is still to be sent of a run.

    Parameters
    ----------
    link : Link
        Claimed.
    geometry : Geometry
        Of the device.
    """

    def __init__(self, link: Link, geometry: Geometry):
        self._link, self._geometry = link, geometry
        self._left: int | None = 0
        self._position = 0

    def begin(self, exposures: int | None) -> None:
        """A run of so many exposures has begun; None: it has no end."""
        self._left, self._position = exposures, 0

    def feed(self, scene: np.ndarray, read: Read) -> bool:
        """Sends the pixels of one exposure of `scene`, uint16 (rows, cols). False, and nothing sent, if none is left.

        Returns when the device has taken them all. With several commands in flight nothing is sent twice: a word that came out of its
        order would be refused.

        Raises DeviceError if the device refuses or doesn't answer.
        """
        if self._left == 0:
            return False
        geometry, link = self._geometry, self._link
        b, count = geometry.border, geometry.exposed(read)
        text = scene[b : b + geometry.image_rows, b : b + geometry.image_cols].astype("<u2").tobytes()[: 2 * count]
        requests: list[Request] = []
        at = 0
        while at < count:
            size = min(MAX_WORDS, count - at, _ROUND - self._position)
            requests.append((Op.WRITE, SCENE.base + self._position, text[2 * at : 2 * (at + size)], 0))
            self._position = (self._position + size) % _ROUND
            at += size
        if self._left is not None:
            self._left -= 1
        link.run(requests, in_flight=link.transport.in_flight, again=link.transport.in_flight == 1)
        return True
