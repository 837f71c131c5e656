# SPDX-License-Identifier: BSD-2-Clause
"""What a picture file holds, and the named rules that make one grey value a pixel of it.

file ── reader ──► Samples ── alpha ── colour ── float ── sign ── polarity ──► grey, u16, `bits` significant

Every rule that acted is named in ``rules``; what no rule covers is refused.
"""

import dataclasses

import numpy as np

from macropix.host.errors import UserError

__all__ = ["RULES", "Samples", "grey"]

#: every rule by name, and what it does
RULES = {
    "palette": "each index is replaced by its colour",
    "colour-luma": "grey = (299 R + 587 G + 114 B + 500) // 1000 (the weights of ITU-R BT.601)",
    "alpha-opaque": "an alpha channel that is opaque everywhere is left out; one that is not is refused",
    "page": "the page asked for was taken; a file of several pages without that is refused",
    "thumbnails-skipped": "reduced copies beside the picture were passed over",
    "float-unit": "0.0 … 1.0 becomes 0 … 65535; floats outside that are refused",
    "signed-offset": "half of the range is added to signed samples, some of which are negative",
    "signed-positive": "signed samples, none of which is negative, are taken as they are, one bit fewer",
    "big-endian": "the bytes of each sample were swapped",
    "white-is-zero": "0 is white in the file (MONOCHROME1, MINISWHITE): inverted, so that bright is much photocurrent",
    "max-sample-value": "the file says which largest value its samples take; that sets the significant bits",
    "png-sbit-upper": "the file says how many bits are significant: that many were taken from the upper end of each sample",
    "png-sbit-lower": "the file says how many bits are significant, and no sample is larger: taken as they are, of that many bits",
    "png-sbit-unused": "the file says that fewer bits are significant than its samples show: all were taken",
    "dicom-rescale-stored": "the stored values are taken; slope and intercept are recorded, not applied",
    "dicom-negative-slope": "a negative rescale slope turns the polarity round",
    "dicom-modality-lut-stored": "the stored values are taken; the modality lookup table is not applied",
    "dicom-window-unused": "the display window is not applied",
    "orientation-stored": "rows and columns as stored; the orientation tag is not applied",
    "white-limit": "values above 65504 are clipped to it",
    "invert": "inverted on request",
    "scene-scale": "multiplied on request",
}


@dataclasses.dataclass
class Samples:
    """The samples of one picture as a reader found them.

    ``values`` is rows × columns, or rows × columns × 3 for colour, of integers or floats. ``bits`` counts the significant bits of an
    integer sample. ``alpha`` is 0 … `opaque`, where the file has one.
    """

    values: np.ndarray
    bits: int
    alpha: np.ndarray | None = None
    opaque: int = 255
    white_is_zero: bool = False
    rules: list[str] = dataclasses.field(default_factory=list)
    facts: dict[str, object] = dataclasses.field(default_factory=dict)


def grey(samples: Samples) -> tuple[np.ndarray, int]:
    """One unsigned value a pixel, and its significant bits (8 … 16).

    Raises
    ------
    UserError
        For what no rule covers: transparent pixels, floats outside 0 … 1, fewer than 8 or more than 16 bits.
    """
    _drop_alpha(samples)
    values, bits = samples.values, samples.bits
    if values.dtype.kind == "f":
        values, bits = _float(samples), 16
    elif values.dtype.kind not in "ui":
        raise UserError(f"samples of type {values.dtype}", expected="integers of 8 to 16 bits, or floats from 0 to 1")
    if not 8 <= bits <= 16:
        raise UserError("the picture's samples cannot be used", expected="8 to 16 bits", found=f"{bits} bits")
    values = values.astype(np.int64)
    if samples.values.dtype.kind == "i":
        values, bits = _signed(samples, values, bits)
    if values.ndim == 3:
        values = (values @ np.array([299, 587, 114]) + 500) // 1000
        samples.rules.append("colour-luma")
    high = (1 << bits) - 1
    if values.max() > high:
        raise UserError(
            f"a sample is larger than the file's {bits} significant bits allow", expected=f"at most {high}", found=f"{values.max()}"
        )
    if samples.white_is_zero:
        values = high - values
        samples.rules.append("white-is-zero")
    return values, bits


def _drop_alpha(samples: Samples) -> None:
    if samples.alpha is None:
        return
    clear = int((samples.alpha < samples.opaque).sum())
    if clear:
        raise UserError(f"{clear} pixels are transparent", expected="an opaque picture", hint="flatten it onto a background first")
    samples.rules.append("alpha-opaque")


def _float(samples: Samples) -> np.ndarray:
    values = samples.values.astype(np.float64)
    if not np.isfinite(values).all():
        raise UserError(f"{int((~np.isfinite(values)).sum())} float samples are not numbers", expected="0.0 to 1.0")
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        raise UserError(
            "the picture's float samples have no scale macropix knows",
            expected="0.0 to 1.0",
            found=f"{low:g} to {high:g}",
            hint="save it as 16-bit integers",
        )
    samples.rules.append("float-unit")
    return np.floor(values * 65535 + 0.5)


def _signed(samples: Samples, values: np.ndarray, bits: int) -> tuple[np.ndarray, int]:
    if values.min() >= 0:
        if bits <= 8:
            raise UserError("the picture's samples cannot be used", expected="8 to 16 bits", found=f"{bits} bits with sign, none negative")
        samples.rules.append("signed-positive")
        return values, bits - 1
    samples.rules.append("signed-offset")
    return values + (1 << (bits - 1)), bits
