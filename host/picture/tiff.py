# SPDX-License-Identifier: BSD-2-Clause
"""TIFF: tifffile for what it decodes itself, Pillow's libtiff for other compressions."""

import io
import zlib

import numpy as np
import tifffile
from PIL import Image

from macropix.host.errors import UserError
from macropix.host.picture.bitmap import pages_refused
from macropix.host.picture.samples import Samples

__all__ = ["read_tiff"]

_PHOTOMETRIC = {0: "white is zero", 1: "grey", 2: "RGB", 3: "palette", 6: "YCbCr"}
#: tifffile's own decoders: none, Deflate by its two numbers
_OWN = (1, 8, 32946)
_COLORMAP, _MAX_SAMPLE, _ORIENTATION = 320, 281, 274


def read_tiff(data: bytes, page: int | None) -> Samples:
    """The samples of a TIFF file's content."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        full = [number for number, one in enumerate(file.pages) if not _reduced(one)]
        rules = ["thumbnails-skipped"] if len(full) < len(file.pages) else []
        if not full:
            raise UserError("the TIFF holds no full picture, only reduced copies")
        if pages_refused(len(full), page):
            rules.append("page")
        if len(file.pages) == 1 and file.series and file.series[0].size > file.pages.first.size:
            raise UserError(
                "the TIFF is a stack whose pages have no directory", found=f"{file.series[0].shape}", hint="save one page of it"
            )
        number = full[(page or 1) - 1]
        chosen = file.pages[number]
        assert isinstance(chosen, tifffile.TiffPage)
        if file.byteorder == ">":
            rules.append("big-endian")
        samples = _samples(data, number, chosen)
        if chosen.tags.valueof(_ORIENTATION, 1) != 1:
            rules.append("orientation-stored")
        samples.rules = rules + samples.rules
        return samples


def _reduced(page: tifffile.TiffPage | tifffile.TiffFrame) -> bool:
    return page.keyframe is not None and page.keyframe.is_reduced


def _samples(data: bytes, number: int, page: tifffile.TiffPage) -> Samples:
    photometric = int(page.photometric)
    if photometric not in _PHOTOMETRIC:
        raise UserError(
            f"TIFF colour space {tifffile.PHOTOMETRIC(photometric).name} has no rule",
            expected="grey, palette or RGB",
            hint="convert it to grey",
        )
    if page.imagedepth != 1:
        raise UserError(f"the TIFF is a volume of {page.imagedepth} planes", expected="one plane")
    bits = page.bitspersample
    if not isinstance(bits, int):
        raise UserError("channels of different depth", found=f"{bits} bits")
    real = page.sampleformat == 3
    if not real and not 8 <= bits <= 16:
        raise UserError("the picture's samples cannot be used", expected="8 to 16 bits", found=f"{bits} bits")
    values = _decode(data, number, page)
    if page.planarconfig == 2 and values.ndim == 3:
        values = np.moveaxis(values, 0, 2)
    values, alpha, rules = _channels(page, values, photometric)
    if values.dtype.kind in "ui" and values.dtype.byteorder == ">":
        values = values.astype(values.dtype.newbyteorder("="))
    largest = page.tags.valueof(_MAX_SAMPLE)
    if isinstance(largest, int) and photometric in (0, 1) and 0 < largest < (1 << bits) - 1 and not real:
        bits = max(8, largest.bit_length())
        rules.append("max-sample-value")
    opaque = (1 << page.bitspersample) - 1 if not real else 1
    if photometric == 3:
        bits = 16
    return Samples(values, bits, alpha=alpha, opaque=opaque, white_is_zero=photometric == 0, rules=rules)


def _decode(data: bytes, number: int, page: tifffile.TiffPage) -> np.ndarray:
    if int(page.compression) in _OWN and page.bitspersample in (8, 16, 32, 64):
        _complete(data, page)
        return np.asarray(page.asarray())
    if (
        int(page.compression) in _OWN
        and page.bitspersample < 16
        and page.samplesperpixel == 1
        and not page.is_tiled
        and page.predictor == 1
    ):
        _complete(data, page)
        return _unpacked(data, page)
    if page.bitspersample not in (8, 16) or (page.bitspersample == 16 and page.samplesperpixel > 1):
        raise UserError(
            f"TIFF of {page.samplesperpixel} × {page.bitspersample} bits in this compression has no decoder here",
            found=tifffile.COMPRESSION(page.compression).name,
            hint="save it uncompressed, with 8 or 16 bits a sample",
        )
    with Image.open(io.BytesIO(data), formats=["TIFF"]) as image:
        image.seek(number)
        image.load()
        values = np.asarray(image)
        if int(page.photometric) == 0 and image.mode == "L":
            values = 255 - values  # Pillow has turned it round already; the rule does that here
        if image.mode not in ("L", "P", "RGB", "RGBA", "LA", "I;16", "I;16B", "I;16L"):
            raise UserError(f"TIFF in Pillow's mode {image.mode} has no rule", expected="grey, palette or RGB")
        return values


def _unpacked(data: bytes, page: tifffile.TiffPage) -> np.ndarray:
    """Samples of 9 to 15 bits without gaps between them; each row begins with a byte, most significant bit first (TIFF 6.0)."""
    row_bytes = -(-page.imagewidth * page.bitspersample // 8)
    parts = [data[offset : offset + count] for offset, count in zip(page.dataoffsets, page.databytecounts)]
    flat = b"".join(parts if int(page.compression) == 1 else [zlib.decompress(part) for part in parts])
    if len(flat) < row_bytes * page.imagelength:
        raise ValueError(f"image data hold {len(flat)} bytes, not {row_bytes * page.imagelength}")
    rows = np.frombuffer(flat, np.uint8, row_bytes * page.imagelength).reshape(page.imagelength, row_bytes)
    bits = np.unpackbits(rows, axis=1)[:, : page.imagewidth * page.bitspersample].reshape(page.imagelength, page.imagewidth, -1)
    values = bits @ (1 << np.arange(page.bitspersample)[::-1])
    if page.sampleformat == 2:
        values = values - ((values >> (page.bitspersample - 1)) << page.bitspersample)
        return values.astype(np.int16)
    return values.astype(np.uint16)


def _complete(data: bytes, page: tifffile.TiffPage) -> None:
    """tifffile fills what is missing of a cut file with zeros: no picture must come of that."""
    for offset, count in zip(page.dataoffsets, page.databytecounts):
        if offset + count > len(data):
            raise ValueError(f"the file ends at byte {len(data)}; its samples reach to byte {offset + count}")


def _channels(page: tifffile.TiffPage, values: np.ndarray, photometric: int) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    if photometric == 3:
        table = np.asarray(page.colormap if page.colormap is not None else page.tags.valueof(_COLORMAP)).reshape(3, -1)
        return table.T[values.astype(np.int64)].astype(np.uint16), None, ["palette"]
    wanted = 3 if photometric in (2, 6) else 1
    if values.ndim == 2:
        if wanted == 3:
            raise UserError("an RGB TIFF of one channel")
        return values, None, []
    extra = values.shape[2] - wanted
    if extra < 0 or extra > 1:
        raise UserError(f"the TIFF has {values.shape[2]} channels", expected="1 or 3, and an alpha channel at most")
    colour = values[..., :wanted] if wanted == 3 else values[..., 0]
    return colour, values[..., wanted] if extra else None, []
