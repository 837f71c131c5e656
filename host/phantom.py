# SPDX-License-Identifier: BSD-2-Clause
"""A phantom drawn by the project: letters cut from steel sheet, and a knife edge, in a narrow beam.

strokes ── distance ──► steel, mm ── exp(−µ d) ──► intensity ── photons ──► picture

Attenuation is exponential, of iron at 40 keV. The noise is Poisson's, by a fixed seed, so the phantom is the same everywhere.
"""

import itertools

import numpy as np

from macropix.host.image import WHITE, Picture

__all__ = ["MU_STEEL", "letters", "phantom"]

#: attenuation of iron at 40 keV, 1/mm (xraydb: 28.56 /cm)
MU_STEEL = 2.856
#: thickness of the letters and of the blade's back, mm
SHEET, BACK = 0.35, 1.2
#: photocurrent of the open beam, and photons a pixel that make it
OPEN, PHOTONS = 60000, 30000

#: strokes of each letter in a box of width 1 and height 1.4: ("line", x0, y0, x1, y1)
#: or ("arc", x, y, radius x, radius y, from, to in degrees)
_STROKES = {
    "H": [("line", 0.1, 0.0, 0.1, 1.4), ("line", 0.9, 0.0, 0.9, 1.4), ("line", 0.1, 0.7, 0.9, 0.7)],
    "U": [("line", 0.1, 0.0, 0.1, 1.0), ("line", 0.9, 0.0, 0.9, 1.0), ("arc", 0.5, 1.0, 0.4, 0.4, 0, 180)],
    "S": [("arc", 0.5, 0.35, 0.4, 0.35, -25, -270), ("arc", 0.5, 1.05, 0.4, 0.35, -90, 155)],
    "T": [("line", 0.0, 0.02, 1.0, 0.02), ("line", 0.5, 0.02, 0.5, 1.4)],
}


def letters(text: str, size: float, left: float, top: float, shape: tuple[int, int], stroke: float) -> np.ndarray:
    """How much of each pixel the strokes of `text` cover, 0 … 1; `size` is a letter's width, pixels."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    nearest = np.full(shape, np.inf)
    for number, letter in enumerate(text):
        u = (x - left - number * size * 1.45) / size
        v = (y - top) / size
        for piece in _STROKES[letter]:
            points = _points(piece)
            for (x0, y0), (x1, y1) in itertools.pairwise(points):
                nearest = np.minimum(nearest, _distance(u, v, x0, y0, x1, y1))
    return np.clip(0.5 + stroke / 2 - nearest * size, 0, 1)


def phantom(rows: int = 232, cols: int = 320, seed: int = 1) -> Picture:
    """The phantom as photocurrent.

    Parameters
    ----------
    rows, cols : int
        Size, pixels; what is drawn scales with it.
    seed : int
        Of the photon noise.
    """
    shape = (rows, cols)
    unit = min(rows / 232, cols / 320)
    y, x = np.mgrid[:rows, :cols].astype(np.float64)
    steel = SHEET * letters("HUST", 47 * unit, 28 * unit, 34 * unit, shape, 11 * unit)
    steel += _blade(x, y, rows, unit)
    heel = 1 - 0.10 * (x / cols - 0.5) - 0.06 * (((x / cols - 0.5) ** 2) + ((y / rows - 0.5) ** 2))
    expected = PHOTONS * heel * np.exp(-MU_STEEL * steel)
    photons = np.random.default_rng(seed).poisson(expected)
    scene = np.clip(np.floor(photons * (OPEN / PHOTONS) + 0.5), 0, WHITE).astype(np.uint16)
    facts: dict[str, object] = {
        "file": "phantom",
        "format": "drawn",
        "rows": rows,
        "cols": cols,
        "bits": 16,
        "seed": seed,
        "rules": [],
        "what": f"steel letters HUST of {SHEET} mm and a knife edge of {BACK} mm, µ = {MU_STEEL}/mm, {PHOTONS} photons a pixel",
    }
    return Picture(scene, 16, facts)


def _blade(x: np.ndarray, y: np.ndarray, rows: int, unit: float) -> np.ndarray:
    """Steel of a blade lying across the lower part: nothing above its edge, a bevel, then the back; the edge is tilted by 6°."""
    edge = rows - 78 * unit + (x - x.mean()) * np.tan(np.radians(6))
    depth = (y - edge) * np.cos(np.radians(6))
    bevel = np.clip(depth / (34 * unit), 0, 1)
    body = BACK * (0.12 * np.clip(depth + 0.5, 0, 1) + 0.88 * bevel)
    hole = np.hypot(x - 236 * unit, y - (rows - 20 * unit)) - 9 * unit
    return body * np.clip(hole + 0.5, 0, 1)


def _points(piece: tuple) -> list[tuple[float, float]]:
    if piece[0] == "line":
        return [(piece[1], piece[2]), (piece[3], piece[4])]
    _, cx, cy, rx, ry, start, end = piece
    return [(cx + rx * np.cos(a), cy + ry * np.sin(a)) for a in np.radians(np.linspace(start, end, 25))]


def _distance(u: np.ndarray, v: np.ndarray, x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """Distance of each point (u, v) from a segment."""
    dx, dy = x1 - x0, y1 - y0
    along = np.clip(((u - x0) * dx + (v - y0) * dy) / (dx * dx + dy * dy), 0, 1)
    return np.hypot(u - x0 - along * dx, v - y0 - along * dy)
