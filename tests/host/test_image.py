# SPDX-License-Identifier: BSD-2-Clause
"""Every rule by which a picture file becomes photocurrent, and every refusal."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pydicom.uid
import pytest
import tifffile
from PIL import Image

from macropix.host.errors import UserError
from macropix.host.image import WHITE, justify, read_image
from macropix.host.picture.samples import Samples

IMAGES = Path(__file__).parents[2].parent / "shared" / "images"
GREY8 = np.arange(0, 240, dtype=np.uint8).reshape(12, 20)
GREY16 = (np.arange(240, dtype=np.uint32) * 274).astype(np.uint16).reshape(12, 20)
COLOUR = np.stack([GREY8, 255 - GREY8, GREY8 // 2], axis=2)


def luma(colour: np.ndarray) -> np.ndarray:
    r, g, b = (colour[..., i].astype(np.int64) for i in range(3))
    return (299 * r + 587 * g + 114 * b + 500) // 1000


def png16(values: np.ndarray, kind: int, filters=lambda row: 0, interlace: int = 0) -> bytes:
    """A PNG written by hand, one filter type a row (each filter written the plain way)."""
    height, width, channels = values.shape
    step, rows = 2 * channels, []
    before = np.zeros(2 * channels * width, np.int64)
    for number in range(height):
        line = np.frombuffer(values[number].astype(">u2").tobytes(), np.uint8).astype(np.int64)
        left = np.concatenate([np.zeros(step, np.int64), line[:-step]])
        corner = np.concatenate([np.zeros(step, np.int64), before[:-step]])
        estimate = left + before - corner
        a, b, c = abs(estimate - left), abs(estimate - before), abs(estimate - corner)
        paeth = np.where((a <= b) & (a <= c), left, np.where(b <= c, before, corner))
        kind_of_row = filters(number)
        guess = [0 * line, left, before, (left + before) // 2, paeth][kind_of_row]
        rows.append(bytes([kind_of_row]) + ((line - guess) % 256).astype(np.uint8).tobytes())
        before = line

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b"")


def dicom(path: Path, values: np.ndarray, *, bits: int, syntax=pydicom.uid.ExplicitVRLittleEndian, **fields) -> Path:
    file = pydicom.Dataset()
    file.file_meta = pydicom.dataset.FileMetaDataset()
    file.file_meta.TransferSyntaxUID = syntax
    file.file_meta.MediaStorageSOPClassUID = file.SOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID = pydicom.uid.generate_uid()
    file.Rows, file.Columns = values.shape[-2:]
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.BitsAllocated, file.BitsStored, file.HighBit = 8 * values.dtype.itemsize, bits, bits - 1
    file.PixelRepresentation = int(values.dtype.kind == "i")
    for name, value in fields.items():
        setattr(file, name, value)
    little = syntax != pydicom.uid.ExplicitVRBigEndian
    file.PixelData = values.astype(values.dtype.newbyteorder("<" if little else ">")).tobytes()
    file["PixelData"].VR = "OW"
    file.save_as(path, enforce_file_format=True)
    return path


def test_eight_bits_times_256(tmp_path):
    Image.fromarray(GREY8).save(tmp_path / "a.png")
    picture = read_image(tmp_path / "a.png")
    assert picture.scene.dtype == np.uint16
    assert (picture.scene == GREY8.astype(np.int64) * 256).all()
    assert picture.bits == 8
    assert picture.facts["rules"] == []
    assert picture.facts["format"] == "PNG"


def test_the_same_picture_from_every_format(tmp_path):
    Image.fromarray(GREY8).save(tmp_path / "a.bmp")
    Image.fromarray(GREY8).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", GREY8)
    tifffile.imwrite(tmp_path / "z.tif", GREY8, compression="zlib")
    Image.fromarray(GREY8).save(tmp_path / "lzw.tif", compression="tiff_lzw")
    dicom(tmp_path / "a.dcm", GREY8, bits=8)
    for path in tmp_path.iterdir():
        assert (read_image(path).scene == GREY8.astype(np.int64) * 256).all(), path


def test_jpeg(tmp_path):
    Image.new("L", (16, 8), 100).save(tmp_path / "a.jpg")
    assert (read_image(tmp_path / "a.jpg").scene == 25600).all()


def test_sixteen_bits_are_clipped_at_white(tmp_path):
    values = GREY16.copy()
    values[0, :3] = 65504, 65505, 65535
    Image.fromarray(values).save(tmp_path / "a.png")
    picture = read_image(tmp_path / "a.png")
    assert (picture.scene == np.minimum(values, WHITE)).all()
    assert picture.facts["pixels_clipped"] == 2
    assert picture.facts["rules"] == ["white-limit"]


def test_twelve_bits_are_left_justified(tmp_path):
    values = (GREY16 >> 4).astype(np.uint16)
    path = dicom(tmp_path / "a.dcm", values, bits=12)
    assert (read_image(path).scene == values.astype(np.int64) * 16).all()


@pytest.mark.parametrize("bits", [8, 9, 10, 12, 14, 15, 16])
def test_black_and_white_of_every_depth(tmp_path, bits):
    values = np.array([[0, (1 << bits) - 1]], np.uint16).repeat(2, 0)
    scene = read_image(dicom(tmp_path / "a.dcm", values, bits=bits)).scene
    assert scene[0, 0] == 0
    assert scene[0, 1] == min(((1 << bits) - 1) << (16 - bits), WHITE)


def test_colour(tmp_path):
    Image.fromarray(COLOUR).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", COLOUR, photometric="rgb")
    tifffile.imwrite(tmp_path / "planes.tif", np.moveaxis(COLOUR, 2, 0), photometric="rgb", planarconfig="separate")
    for path in tmp_path.iterdir():
        picture = read_image(path)
        assert (picture.scene == luma(COLOUR) * 256).all(), path
        assert "colour-luma" in picture.facts["rules"]


@pytest.mark.parametrize("kind", [2, 4, 6])
def test_sixteen_bit_colour_keeps_all_its_bits(tmp_path, kind):
    rng = np.random.default_rng(kind)
    values = rng.integers(0, 65504, (40, 17, {2: 3, 4: 2, 6: 4}[kind])).astype(np.uint16)
    values[5:] &= 0x0303  # ties between the neighbours that the fourth filter chooses from
    if kind != 2:
        values[..., -1] = 65535
    (tmp_path / "a.png").write_bytes(png16(values, kind, filters=lambda row: row % 5))
    want = values[..., 0] if kind == 4 else luma(values)
    assert (read_image(tmp_path / "a.png").scene == want).all()


def test_sixteen_bit_tiff_colour(tmp_path):
    values = np.stack([GREY16, GREY16 // 2, GREY16 // 3], axis=2)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb")
    assert (read_image(tmp_path / "a.tif").scene == np.minimum(luma(values), WHITE)).all()


def test_palette(tmp_path):
    image = Image.fromarray((GREY8 // 100).astype(np.uint8), "L").copy()
    palette = Image.new("P", image.size)
    palette.putdata(list(image.get_flattened_data() if hasattr(image, "get_flattened_data") else image.getdata()))
    palette.putpalette([0, 0, 0, 255, 0, 0, 10, 200, 30])
    palette.save(tmp_path / "a.png")
    palette.save(tmp_path / "a.bmp")
    colours = np.array([[0, 0, 0], [255, 0, 0], [10, 200, 30]])[GREY8 // 100]
    for path in tmp_path.iterdir():
        picture = read_image(path)
        assert (picture.scene == luma(colours) * 256).all(), path
        assert picture.facts["rules"] == ["palette", "colour-luma"]


def test_palette_tiff(tmp_path):
    table = np.zeros((3, 256), np.uint16)
    table[:, 1], table[:, 2] = (65535, 0, 0), (1000, 2000, 3000)
    tifffile.imwrite(tmp_path / "a.tif", (GREY8 // 100).astype(np.uint8), photometric="palette", colormap=table)
    assert (read_image(tmp_path / "a.tif").scene == luma(table.T[GREY8 // 100])).all()


def test_opaque_alpha_is_left_out_and_any_other_refused(tmp_path):
    values = np.dstack([COLOUR, np.full(GREY8.shape, 255, np.uint8)])
    Image.fromarray(values).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").facts["rules"] == ["alpha-opaque", "colour-luma"]
    values[0, 0, 3] = 254
    Image.fromarray(values).save(tmp_path / "b.png")
    with pytest.raises(UserError, match=r"1 pixels are transparent; expected an opaque picture"):
        read_image(tmp_path / "b.png")
    tifffile.imwrite(tmp_path / "b.tif", values, photometric="rgb", extrasamples=["unassalpha"])
    with pytest.raises(UserError, match="1 pixels are transparent"):
        read_image(tmp_path / "b.tif")


def test_a_transparent_colour_is_alpha(tmp_path):
    Image.fromarray(GREY8).save(tmp_path / "a.png", transparency=250)
    assert read_image(tmp_path / "a.png").facts["rules"] == ["alpha-opaque"]
    Image.fromarray(GREY8).save(tmp_path / "b.png", transparency=3)
    with pytest.raises(UserError, match="1 pixels are transparent"):
        read_image(tmp_path / "b.png")


def test_pages(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([GREY8, GREY8[::-1]]), photometric="minisblack")
    with pytest.raises(UserError, match=r"has 2 pages; expected one \(choose one with --page 1 … --page 2\)"):
        read_image(tmp_path / "a.tif")
    picture = read_image(tmp_path / "a.tif", page=2)
    assert (picture.scene == GREY8[::-1].astype(np.int64) * 256).all()
    assert picture.facts["rules"] == ["page"]
    with pytest.raises(UserError, match=r"no page 3; expected 1 to 2"):
        read_image(tmp_path / "a.tif", page=3)
    path = dicom(tmp_path / "a.dcm", np.stack([GREY8, GREY8[::-1]]), bits=8, NumberOfFrames=2)
    with pytest.raises(UserError, match="has 2 pages"):
        read_image(path)
    assert (read_image(path, page=2).scene == GREY8[::-1].astype(np.int64) * 256).all()


def test_thumbnails_are_passed_over(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(GREY8[::2, ::2], subfiletype=1)
        writer.write(GREY8, metadata=None)
    picture = read_image(tmp_path / "a.tif")
    assert picture.shape == GREY8.shape
    assert picture.facts["rules"] == ["thumbnails-skipped"]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float(tmp_path, dtype):
    values = (GREY8 / 255).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", values)
    picture = read_image(tmp_path / "a.tif")
    assert (picture.scene == np.minimum(np.floor(values.astype(float) * 65535 + 0.5), WHITE)).all()
    assert "float-unit" in picture.facts["rules"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[0.0, 1.5]], r"expected 0.0 to 1.0, found 0 to 1.5"),
        ([[-0.1, 0.5]], "found -0.1 to 0.5"),
        ([[np.nan, 0.5]], "2 float samples are not numbers"),
    ],
)
def test_float_without_scale_is_refused(tmp_path, values, message):
    tifffile.imwrite(tmp_path / "a.tif", np.array(values, np.float32).repeat(2, 0))
    with pytest.raises(UserError, match=message):
        read_image(tmp_path / "a.tif")


def test_big_endian(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY16, byteorder=">")
    picture = read_image(tmp_path / "a.tif")
    assert (picture.scene == np.minimum(GREY16, WHITE)).all()
    assert picture.facts["rules"][0] == "big-endian"
    path = dicom(tmp_path / "a.dcm", GREY16, bits=16, syntax=pydicom.uid.ExplicitVRBigEndian)
    picture = read_image(path)
    assert (picture.scene == np.minimum(GREY16, WHITE)).all()
    assert "big-endian" in picture.facts["rules"]


def test_white_is_zero(tmp_path):
    values = (GREY16 >> 4) + 1
    path = dicom(tmp_path / "a.dcm", values, bits=12, PhotometricInterpretation="MONOCHROME1")
    picture = read_image(path)
    assert (picture.scene == (4095 - values.astype(np.int64)) * 16).all()
    assert picture.facts["rules"] == ["white-is-zero"]
    tifffile.imwrite(tmp_path / "a.tif", GREY8, photometric="miniswhite")
    assert (read_image(tmp_path / "a.tif").scene == (255 - GREY8.astype(np.int64)) * 256).all()
    with Image.open(tmp_path / "a.tif") as image:
        image.save(tmp_path / "lzw.tif", compression="tiff_lzw")
    assert (read_image(tmp_path / "lzw.tif").scene == (255 - GREY8.astype(np.int64)) * 256).all()


def test_rescale_is_recorded_not_applied(tmp_path):
    values = (GREY16 >> 4).astype(np.uint16) + 1
    values = np.minimum(values, 4094)
    picture = read_image(dicom(tmp_path / "a.dcm", values, bits=12, RescaleSlope="2.5", RescaleIntercept="-1024"))
    assert (picture.scene == values.astype(np.int64) * 16).all()
    assert picture.facts["rules"] == ["dicom-rescale-stored"]
    assert picture.facts["rescale_slope"] == 2.5
    assert picture.facts["rescale_intercept"] == -1024
    picture = read_image(dicom(tmp_path / "b.dcm", values, bits=12, RescaleSlope="-1", RescaleIntercept="4095"))
    assert (picture.scene == (4095 - values.astype(np.int64)) * 16).all()


def test_signed(tmp_path):
    values = GREY16.astype(np.int32) // 32 - 1000
    picture = read_image(dicom(tmp_path / "a.dcm", values.astype(np.int16), bits=12))
    assert (picture.scene == (values + 2048) * 16).all()
    assert picture.facts["rules"] == ["signed-offset"]
    picture = read_image(dicom(tmp_path / "b.dcm", (values + 1000).astype(np.int16), bits=16))
    assert (picture.scene == (values + 1000) * 2).all()
    assert picture.facts["rules"] == ["signed-positive"]
    tifffile.imwrite(tmp_path / "c.tif", values.astype(np.int16))
    assert (read_image(tmp_path / "c.tif").scene == np.minimum(values + 32768, WHITE)).all()


def test_bits_above_the_stored_are_no_samples(tmp_path):
    values = (GREY16 >> 4) | 0x8000
    assert (read_image(dicom(tmp_path / "a.dcm", values, bits=12)).scene == (GREY16 >> 4).astype(np.int64) * 16).all()
    signed = GREY16.astype(np.int64) // 32 - 1000
    values = ((signed & 0xFFF) | 0x5000).astype(np.uint16).view(np.int16)
    assert (read_image(dicom(tmp_path / "b.dcm", values, bits=12)).scene == (signed + 2048) * 16).all()


def packed_tiff(values: np.ndarray, bits: int, *, compression: int = 1, missing: int = 0) -> bytes:
    """A TIFF written by hand: one strip of samples without gaps."""
    rows = [((row[:, None] >> np.arange(bits)[::-1]) & 1).astype(np.uint8).ravel() for row in values.astype(np.int64)]
    strip = b"".join(np.packbits(row).tobytes() for row in rows)
    strip = strip if compression == 1 else zlib.compress(strip)
    strip = strip[: len(strip) - missing]
    tags = [
        (256, values.shape[1]),
        (257, values.shape[0]),
        (258, bits),
        (259, compression),
        (262, 1),
        (273, 0),
        (277, 1),
        (278, values.shape[0]),
    ]
    tags += [(279, len(strip) + missing)]
    start = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, start if tag == 273 else value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0) + strip


@pytest.mark.parametrize("bits", [9, 10, 12, 14, 15])
@pytest.mark.parametrize("compression", [1, 8])
def test_packed_tiff(tmp_path, bits, compression):
    values = (GREY16[:, :19] >> (16 - bits)).astype(np.int64)
    (tmp_path / "a.tif").write_bytes(packed_tiff(values, bits, compression=compression))
    assert (read_image(tmp_path / "a.tif").scene == np.minimum(values << (16 - bits), WHITE)).all()
    (tmp_path / "b.tif").write_bytes(packed_tiff(values, bits, compression=compression, missing=20))
    with pytest.raises(UserError, match="cannot read"):
        read_image(tmp_path / "b.tif")


def test_a_stack_without_directories_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([GREY8, GREY8]), photometric="minisblack", truncate=True)
    with pytest.raises(UserError, match=r"a stack whose pages have no directory|has 2 pages"):
        read_image(tmp_path / "a.tif")


def test_max_sample_value(tmp_path):
    values = (GREY16 >> 4).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, extratags=[(281, "H", 1, 4095, True)])
    picture = read_image(tmp_path / "a.tif")
    assert (picture.scene == values.astype(np.int64) * 16).all()
    assert picture.facts["rules"] == ["max-sample-value"]


def with_sbit(data: bytes, *bits: int) -> bytes:
    """A PNG file's content with an sBIT chunk behind its IHDR."""
    body = b"sBIT" + bytes(bits)
    return data[:33] + struct.pack(">I", len(bits)) + body + struct.pack(">I", zlib.crc32(body)) + data[33:]


def sbit_fill(values: np.ndarray, bits: int, how: str) -> np.ndarray:
    """`values` of `bits` bits as 16-bit samples."""
    if how == "replicated":
        return np.array([int((f"{int(value):0{bits}b}" * 16)[:16], 2) for value in values.flat]).reshape(values.shape)
    return {"lower": values, "shifted": values << (16 - bits), "linear": np.rint(values * (65535 / ((1 << bits) - 1))).astype(int)}[how]


@pytest.mark.parametrize("how", ["lower", "shifted", "replicated", "linear"])
@pytest.mark.parametrize("bits", [8, 10, 12, 15])
@pytest.mark.parametrize("kind", [0, 2, 4, 6])
def test_png_significant_bits(tmp_path, bits, how, kind):
    """12 bits in a PNG of 16 are 12 bits, whichever end of a sample they stand at."""
    values = (GREY16[:, :19] >> (16 - bits)).astype(np.int64)
    values[0, :2] = 0, (1 << bits) - 1
    colours, alpha = {0: (1, 0), 2: (3, 0), 4: (1, 1), 6: (3, 1)}[kind]
    stored = sbit_fill(values, bits, how).astype(np.uint16)
    channels = np.dstack([stored] * colours + [np.full_like(stored, 65535)] * alpha)
    if kind:
        data = png16(channels, kind)
    else:
        Image.fromarray(stored).save(tmp_path / "plain.png")
        data = (tmp_path / "plain.png").read_bytes()
    (tmp_path / "a.png").write_bytes(with_sbit(data, *[bits] * colours, *[16] * alpha))
    picture = read_image(tmp_path / "a.png")
    assert (picture.scene == np.minimum(values << (16 - bits), WHITE)).all()
    assert picture.facts["bits"] == bits
    assert ("png-sbit-lower" if how == "lower" else "png-sbit-upper") in picture.facts["rules"]


def test_png_significant_bits_that_are_not(tmp_path):
    """A tool that changed the samples may leave the chunk behind: nothing is thrown away."""
    Image.fromarray(GREY16).save(tmp_path / "a.png")
    plain = read_image(tmp_path / "a.png")
    for bits in (12, 0, 16, 17):
        (tmp_path / "b.png").write_bytes(with_sbit((tmp_path / "a.png").read_bytes(), bits))
        picture = read_image(tmp_path / "b.png")
        assert (picture.scene == plain.scene).all()
        assert ("png-sbit-unused" in picture.facts["rules"]) == (bits == 12)
    Image.fromarray(GREY8).save(tmp_path / "c.png")
    (tmp_path / "d.png").write_bytes(with_sbit((tmp_path / "c.png").read_bytes(), 5))
    assert (read_image(tmp_path / "d.png").scene == GREY8.astype(np.int64) * 256).all()


@pytest.mark.parametrize("bits", [1, 4, 7])
def test_png_of_few_significant_bits(tmp_path, bits):
    values = (GREY16 >> (16 - bits)).astype(np.uint16) << (16 - bits)
    Image.fromarray(values).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(with_sbit((tmp_path / "a.png").read_bytes(), bits))
    assert (read_image(tmp_path / "b.png").scene == np.minimum(values, WHITE)).all()


def test_scale_and_invert(tmp_path):
    Image.fromarray(GREY8).save(tmp_path / "a.png")
    grey = GREY8.astype(np.int64)
    assert (read_image(tmp_path / "a.png", invert=True).scene == (255 - grey) * 256).all()
    picture = read_image(tmp_path / "a.png", scale=2, invert=True)
    assert (picture.scene == np.minimum((255 - grey) * 512, WHITE)).all()
    assert picture.facts["rules"] == ["invert", "scene-scale", "white-limit"]
    assert (read_image(tmp_path / "a.png", scale=0.3).scene == np.floor(grey * 256 * 0.3 + 0.5)).all()
    for scale in (0, -1, float("nan"), float("inf")):
        with pytest.raises(UserError, match="scene scale is out of range"):
            read_image(tmp_path / "a.png", scale=scale)


@pytest.mark.parametrize("bits", [1, 4, 7])
def test_too_few_bits(tmp_path, bits):
    with pytest.raises(UserError, match=rf"expected 8 to 16 bits, found {bits} bits"):
        read_image(dicom(tmp_path / "a.dcm", GREY8 & 1, bits=bits))
    if bits == 1:
        Image.fromarray(GREY8 > 100).save(tmp_path / "a.png")
        with pytest.raises(UserError, match=r"found 1 bits? a pixel"):
            read_image(tmp_path / "a.png")


def test_too_many_bits(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY16.astype(np.uint32))
    with pytest.raises(UserError, match="expected 8 to 16 bits, found 32 bits"):
        read_image(tmp_path / "a.tif")


def test_colour_spaces_without_a_rule(tmp_path):
    Image.fromarray(COLOUR).convert("CMYK").save(tmp_path / "a.tif")
    Image.fromarray(COLOUR).convert("CMYK").save(tmp_path / "a.jpg")
    for name in ("a.tif", "a.jpg"):
        with pytest.raises(UserError, match=r"has no rule|have no rule"):
            read_image(tmp_path / name)
    (tmp_path / "i.png").write_bytes(png16(np.zeros((4, 4, 3), np.uint16), 2, interlace=1))
    with pytest.raises(UserError, match="interlaced PNG"):
        read_image(tmp_path / "i.png")


@pytest.mark.parametrize("name", ["a.png", "a.tif", "z.tif", "a.dcm", "a.bmp", "a.jpg", "c.png"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.97])
def test_a_cut_file_gives_no_picture(tmp_path, name, share):
    path = tmp_path / name
    rng = np.random.default_rng(1)
    values = rng.integers(0, 255, (40, 50)).astype(np.uint8)
    if name == "a.dcm":
        dicom(path, values, bits=8)
    elif name == "z.tif":
        tifffile.imwrite(path, values, compression="zlib")
    elif name == "a.tif":
        tifffile.imwrite(path, values)
    elif name == "c.png":
        path.write_bytes(png16(np.dstack([values] * 3).astype(np.uint16), 2))
    else:
        Image.fromarray(values).save(path)
    read_image(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UserError, match=r"cannot read .* as (PNG|TIFF|DICOM|BMP|JPEG)|holds no picture|is no image|cannot be used") as told:
        read_image(path)
    assert "\n" not in str(told.value)


def test_what_is_no_image(tmp_path):
    with pytest.raises(UserError, match="no such image"):
        read_image(tmp_path / "none.png")
    with pytest.raises(UserError, match="is a folder"):
        read_image(tmp_path)
    (tmp_path / "empty.png").touch()
    with pytest.raises(UserError, match="is empty"):
        read_image(tmp_path / "empty.png")
    (tmp_path / "text.png").write_text("no picture at all")
    with pytest.raises(UserError, match=r"is no image macropix reads; expected PNG, TIFF, DICOM, BMP or JPEG, found"):
        read_image(tmp_path / "text.png")


def test_samples_above_their_bits_are_refused():
    with pytest.raises(UserError, match="larger than the file's 12 significant bits"):
        justify(Samples(np.full((2, 2), 4096, np.uint16), 12))


@pytest.mark.skipif(not IMAGES.is_dir(), reason=f"{IMAGES} is not there")
def test_every_real_image():
    paths = [path for path in sorted(IMAGES.glob("*/*")) if path.suffix != ".md"]
    assert len(paths) > 10
    for path in paths:
        picture = read_image(path)
        assert picture.scene.max() > 0
        assert picture.bits == {"chest_8bit": 8, "baggage": 8, "weld": 8, "cr_16bit": 15}.get(path.parent.name, 16), path
