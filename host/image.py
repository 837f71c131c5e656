# SPDX-License-Identifier: BSD-2-Clause
"""Any picture file as photocurrent: one u16 a pixel, and the facts of how it came to that.

PNG, TIFF, DICOM, BMP, JPEG ──► Samples ──► grey, `bits` significant ── invert ── left-justify ── scale ── clip to white ──► scene
"""

import dataclasses
import hashlib
import math
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from macropix.host.errors import MacropixError, UserError
from macropix.host.picture.samples import RULES, Samples, grey

__all__ = ["MAX_PIXELS", "WHITE", "Picture", "justify", "read_image"]

#: photocurrent of white: the largest that fills the converter without clipping it
WHITE = 65504
#: most pixels of a picture
MAX_PIXELS = 1 << 28


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture as photocurrent.

    Attributes
    ----------
    scene : array of u16, rows × columns
        Photocurrent at unit bias, 0 … `WHITE`.
    bits : int
        Significant bits it had before it was left-justified.
    facts : dict
        Source, checksum, size and the named rules that acted (`macropix.host.picture.samples.RULES`), ready for JSON.
    """

    scene: np.ndarray
    bits: int
    facts: dict[str, object]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.scene.shape[0], self.scene.shape[1]


def read_image(path: str | Path, *, scale: float = 1.0, invert: bool = False, page: int | None = None) -> Picture:
    """The picture in the file `path` as photocurrent.

    Parameters
    ----------
    path : path
        PNG, TIFF, DICOM, BMP or JPEG; told by content, not by name.
    scale : float (0 … 65504)
        Factor on the photocurrent, behind the left-justification.
    invert : bool
        Turn black and white round.
    page : int, optional
        Which page (from 1) of a file of several.

    Raises
    ------
    UserError
        If there is no such file, it is no picture, it is broken, or no rule covers what it holds.
    """
    path = Path(path)
    data = _content(path)
    name, reader = _reader(path, data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            samples = reader(data, page)
    except MacropixError as error:
        raise UserError(f"{path}: {error.message}", expected=error.expected, found=error.found, hint=error.hint) from error
    except MemoryError as error:
        raise UserError(f"{path} does not fit into memory") from error
    except Exception as error:
        text = str(error).strip().splitlines()
        raise UserError(f"cannot read {path} as {name}", found=text[0] if text else type(error).__name__) from error
    facts: dict[str, object] = {"file": str(path), "format": name, "sha256": hashlib.sha256(data).hexdigest()}
    try:
        return justify(samples, scale=scale, invert=invert, facts=facts)
    except UserError as error:
        raise UserError(f"{path}: {error.message}", expected=error.expected, found=error.found, hint=error.hint) from error


def justify(samples: Samples, *, scale: float = 1.0, invert: bool = False, facts: dict[str, object] | None = None) -> Picture:
    """`samples` as photocurrent: grey, left-justified by its significant bits, scaled, at most `WHITE`."""
    if not (math.isfinite(scale) and 0 < scale <= WHITE):
        raise UserError("the scene scale is out of range", expected=f"above 0, at most {WHITE}", found=f"{scale:g}")
    rows, cols = samples.values.shape[:2]
    if rows < 1 or cols < 1 or rows * cols > MAX_PIXELS:
        raise UserError(f"a picture of {rows} × {cols} pixels", expected=f"1 to {MAX_PIXELS} pixels")
    values, bits = grey(samples)
    rules = list(samples.rules)
    if invert:
        values = (1 << bits) - 1 - values
        rules.append("invert")
    values <<= 16 - bits
    if scale != 1.0:
        values = np.floor(values * scale + 0.5).astype(np.int64)
        rules.append("scene-scale")
    clipped = int((values > WHITE).sum())
    if clipped:
        rules.append("white-limit")
    assert all(rule in RULES for rule in rules), rules
    told = {**(facts or {}), "rows": rows, "cols": cols, "bits": bits, "rules": rules, "pixels_clipped": clipped, **samples.facts}
    told |= {"scene_scale": scale, "invert": invert}
    return Picture(np.minimum(values, WHITE).astype(np.uint16), bits, told)


def _content(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"no such image: {path}") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder", expected="an image file") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    if not data:
        raise UserError(f"{path} is empty", expected="an image file")
    return data


def _reader(path: Path, data: bytes) -> tuple[str, Callable[[bytes, int | None], Samples]]:
    """Name and reader of the format; each reader's libraries are imported only when it is wanted."""
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        from macropix.host.picture.tiff import read_tiff

        return "TIFF", read_tiff
    if data[128:132] == b"DICM":
        from macropix.host.picture.dicom import read_dicom

        return "DICOM", read_dicom
    for magic, name in ((b"\x89PNG\r\n\x1a\n", "PNG"), (b"BM", "BMP"), (b"\xff\xd8\xff", "JPEG")):
        if data.startswith(magic):
            from macropix.host.picture.bitmap import read_bitmap

            return name, read_bitmap
    raise UserError(
        f"{path} is no image macropix reads", expected="PNG, TIFF, DICOM, BMP or JPEG", found=f"a file that begins with {data[:8]!r}"
    )
