# SPDX-License-Identifier: BSD-2-Clause
"""What a frame must be, computed from the scene: never from what a device sent.

scene of one array ── expose ──► Frame ── encode ──► packets          picture of any size ── pad, image ──► Frame
"""

from collections.abc import Mapping, Sequence

import numpy as np

from macropix.gateware.config import Config
from macropix.gateware.wire import Read
from macropix.sim.golden.die import Frame, develop, expose, reset_registers
from macropix.sim.golden.encode.slices import encode_frame as encode
from macropix.sim.golden.fast import expose_stack
from macropix.sim.golden.macropixel import sums
from macropix.sim.golden.settings import Settings

__all__ = ["encode", "expose", "expose_stack", "image", "reset_registers"]

_WHOLE = Config()


def image(
    image_u16: np.ndarray,
    *,
    macro: int,
    read: Read,
    registers: Mapping[str, int],
    weights: Sequence[int] | np.ndarray,
    darks: Sequence[int] | np.ndarray,
    pedestal: np.ndarray | None = None,
    mask: np.ndarray | None = None,
) -> Frame:
    """The frame of a whole picture, as a mosaic must join to.

    SLIDING: the picture, padded by ⌊M / 2⌋ all round, gives a frame of its own size. TILES: padded at the right and lower edge to
    multiples of M, ⌈h / M⌉ × ⌈w / M⌉. SINGLE: h × w. Padding replicates the outermost pixels.

    Parameters
    ----------
    image_u16 : u16 array (h, w)
        Photocurrents of the whole picture. ``scene_source`` is not looked at.
    macro : int
        Side of a macro-pixel.
    read : Read
        In the place of register ``read``.
    registers : mapping
        Every ``frame`` register by name.
    weights, darks : M² int each
    pedestal, mask : arrays of the frame's shape, or None

    Raises
    ------
    ValueError
        If pattern or noise are on: they are drawn for each tile anew, and a whole picture has none. Or if it is no picture.
    """
    picture = np.asarray(image_u16)
    if picture.ndim != 2 or picture.size == 0:
        raise ValueError(f"a picture has two dimensions and a pixel at least, not shape {picture.shape}")
    read = Read(read)
    settings = Settings.of(_WHOLE, {**registers, "read": read.value})
    for name in ("pattern_amplitude", "noise_reset", "noise_signal"):
        if getattr(settings, name):
            raise ValueError(f"{name} is {getattr(settings, name)}: noise and pattern belong to a tile, not to a whole picture")
    if read is Read.SLIDING:
        picture = np.pad(picture, macro // 2, mode="edge")
    elif read is Read.TILES:
        picture = np.pad(picture, [(0, -side % macro) for side in picture.shape], mode="edge")
    return develop(sums(picture, weights, darks, macro=macro, border=0, read=read), settings, pedestal=pedestal, mask=mask)
