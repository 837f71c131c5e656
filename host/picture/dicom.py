# SPDX-License-Identifier: BSD-2-Clause
"""DICOM: the stored values of one frame, with what the file says of their bits, sign and polarity."""

import io

import numpy as np
import pydicom
from pydicom.pixels import apply_color_lut, pixel_array  # pyright: ignore[reportPrivateImportUsage]

from macropix.host.errors import UserError
from macropix.host.picture.bitmap import pages_refused
from macropix.host.picture.samples import Samples

__all__ = ["read_dicom"]


def read_dicom(data: bytes, page: int | None) -> Samples:
    """The samples of a DICOM file's content."""
    file = pydicom.dcmread(io.BytesIO(data))
    kind = str(file.get("PhotometricInterpretation", ""))
    if "PixelData" not in file and "FloatPixelData" not in file and "DoubleFloatPixelData" not in file:
        raise UserError("the DICOM file holds no picture", expected="pixel data", found=str(file.get("SOPClassUID", "none")))
    frames = int(file.get("NumberOfFrames") or 1)
    rules = ["page"] if pages_refused(frames, page) else []
    real = "PixelData" not in file
    bits = int(file.get("BitsAllocated", 0)) if real else int(file.get("BitsStored", 0))
    if not real and not 8 <= bits <= 16:
        raise UserError("the picture's samples cannot be used", expected="8 to 16 bits", found=f"{bits} bits")
    values = pixel_array(file, index=(page or 1) - 1 if frames > 1 else None, raw=False)
    syntax = file.file_meta.TransferSyntaxUID
    if not syntax.is_little_endian:
        rules.append("big-endian")
    facts: dict[str, object] = {"transfer_syntax": str(syntax.name), "photometric": kind}
    if kind == "PALETTE COLOR":
        values = apply_color_lut(values, file)
        rules.append("palette")
        bits = 16 if values.dtype.itemsize == 2 else 8
    elif kind in ("MONOCHROME1", "MONOCHROME2"):
        rules += _modality(file, facts)
    elif values.ndim != 3 or values.shape[2] != 3:
        raise UserError(f"DICOM of kind {kind or 'none'} has no rule", expected="MONOCHROME1, MONOCHROME2, PALETTE COLOR, RGB or YBR")
    negative = "dicom-negative-slope" in rules
    return Samples(np.asarray(values), bits, white_is_zero=(kind == "MONOCHROME1") != negative, rules=rules, facts=facts)


def _modality(file: pydicom.Dataset, facts: dict[str, object]) -> list[str]:
    rules = []
    slope, intercept = float(file.get("RescaleSlope") or 1), float(file.get("RescaleIntercept") or 0)
    if slope != 1 or intercept != 0:
        facts |= {"rescale_slope": slope, "rescale_intercept": intercept}
        rules.append("dicom-rescale-stored")
        if slope < 0:
            rules.append("dicom-negative-slope")
    if "ModalityLUTSequence" in file:
        rules.append("dicom-modality-lut-stored")
    if "WindowCenter" in file or "VOILUTSequence" in file:
        rules.append("dicom-window-unused")
    return rules
