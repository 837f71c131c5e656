# SPDX-License-Identifier: BSD-2-Clause
"""PNG, BMP and JPEG: what Pillow opens, and the 16-bit colour PNG that it would round to 8 bits."""

import io

import numpy as np
from PIL import Image

from macropix.host.errors import UserError
from macropix.host.picture.png16 import read_png16
from macropix.host.picture.samples import Samples
from macropix.host.picture.sbit import significant_bits

__all__ = ["pages_refused", "read_bitmap"]

_ORIENTATION = 0x0112
#: PNG colour types that hold more than one channel
_PNG_CHANNELS = {2: "RGB", 4: "LA", 6: "RGBA"}


def read_bitmap(data: bytes, page: int | None) -> Samples:
    """The samples of a PNG, BMP or JPEG file's content."""
    if data.startswith(b"\x89PNG") and len(data) > 25:
        depth, kind = data[24], data[25]
        if depth < 8 and kind == 0:
            raise UserError("the picture's samples cannot be used", expected="8 to 16 bits", found=f"{depth} bits a pixel")
        if depth == 16 and kind in _PNG_CHANNELS:
            return significant_bits(data, read_png16(data))
    with Image.open(io.BytesIO(data), formats=["PNG", "BMP", "JPEG"]) as image:
        rules = []
        frames = getattr(image, "n_frames", 1)
        if pages_refused(frames, page):
            rules.append("page")
            image.seek((page or 1) - 1)
        if image.getexif().get(_ORIENTATION, 1) != 1:
            rules.append("orientation-stored")
        image.load()
        samples = _samples(image)
        if image.format == "PNG":
            samples = significant_bits(data, samples)
        samples.rules = rules + samples.rules
        return samples


def pages_refused(pages: int, page: int | None) -> bool:
    """True if a page was chosen among several. Raises UserError if it had to be and was not, or isn't there."""
    if page is not None and not 1 <= page <= pages:
        raise UserError(f"there is no page {page}", expected=f"1 to {pages}")
    if pages > 1 and page is None:
        raise UserError(f"the picture has {pages} pages", expected="one", hint=f"choose one with --page 1 … --page {pages}")
    return pages > 1


def _samples(image: Image.Image) -> Samples:
    mode = image.mode
    key = image.info.get("transparency")
    if mode == "P":
        image = image.convert("RGBA" if key is not None else "RGB")
        samples = _samples(image)
        samples.rules.insert(0, "palette")
        return samples
    values = np.asarray(image)
    if mode == "1":
        raise UserError("the picture's samples cannot be used", expected="8 to 16 bits", found="1 bit a pixel")
    if mode == "L":
        return Samples(values, 8, alpha=None if key is None else np.where(values == key, 0, 255))
    if mode in ("I;16", "I;16L", "I;16B"):
        values = values.astype(np.uint16)
        return Samples(values, 16, alpha=None if key is None else np.where(values == key, 0, 255))
    if mode == "I":
        return Samples(values.astype(np.int64).astype(np.uint32), 16 if values.min() >= 0 and values.max() < 65536 else 32)
    if mode == "RGB":
        alpha = None if key is None else np.where((values == np.array(key)).all(axis=2), 0, 255)
        return Samples(values, 8, alpha=alpha)
    if mode == "LA":
        return Samples(values[..., 0], 8, alpha=values[..., 1])
    if mode == "RGBA":
        return Samples(values[..., :3], 8, alpha=values[..., 3])
    raise UserError(f"pictures in colour mode {mode} have no rule", expected="grey, palette or RGB", hint="convert it to grey")
