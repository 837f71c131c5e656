# SPDX-License-Identifier: BSD-2-Clause
"""The chain once more, compiled, over many frames of one configuration at once: what `die.expose` says in numpy, and a test holds it to.

scenes ─► Σ w · x by rows ─► q ─► d ─► p ─► y ─► y' ─► value, sent        one pass, nothing in between is kept

Everything a frame's value depends on is here but what differs from frame to frame: noise, fixed pattern, and the taps.
"""

from collections.abc import Mapping, Sequence

import numba
import numpy as np

from macropix.gateware.config import Config
from macropix.gateware.wire import Read, Scene, Tap, ThresholdMode
from macropix.sim.golden.settings import Settings

__all__ = ["expose_stack", "fits"]

_OFF = 1 << 30


def fits(settings: Settings) -> bool:
    """Whether `expose_stack` computes what these settings ask for."""
    return (
        settings.tap is Tap.OUT
        and settings.scene_source is Scene.MEMORY
        and not (settings.pattern_amplitude or settings.noise_reset or settings.noise_signal)
    )


def expose_stack(
    config: Config,
    scenes: np.ndarray,
    registers: Mapping[str, int],
    weights: Sequence[int] | np.ndarray,
    darks: Sequence[int] | np.ndarray,
    *,
    pedestal: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    value: np.ndarray | None = None,
    sent: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """y' of every frame, int16 (n, rows, columns), and which are sent, bool.

    Parameters
    ----------
    config : Config
    scenes : u16 array (n, rows, cols)
        One scene a frame.
    registers, weights, darks, pedestal, mask
        As for `die.expose`.
    value, sent : arrays, optional
        Where the result goes; made if they are not given.

    Raises
    ------
    ValueError
        If the settings don't fit (see `fits`), or the scenes have another shape than the array.
    """
    settings = Settings.of(config, registers)
    if not fits(settings):
        raise ValueError("noise, pattern, taps and test scenes are not computed over a stack")
    if scenes.ndim != 3 or scenes.shape[1:] != (config.rows, config.cols) or scenes.dtype != np.uint16:
        raise ValueError(f"scenes are u16 (n, {config.rows}, {config.cols}), not {scenes.dtype} {scenes.shape}")
    macro, border, read = config.macro, config.border, settings.read
    w, dark = np.asarray(weights, np.int16).reshape(macro, macro), np.asarray(darks, np.int64).reshape(macro, macro)
    if read is Read.SINGLE:
        w, dark = w[macro // 2 :][:1, macro // 2 :][:, :1], dark[macro // 2 :][:1, macro // 2 :][:, :1]
    side = w.shape[0]
    step = macro if read is Read.TILES else 1
    rows, cols = (config.image_rows - side) // step + 1, (config.image_cols - side) // step + 1
    shape = (len(scenes), rows, cols)
    value = np.empty(shape, np.int16) if value is None else value
    sent = np.empty(shape, np.bool_) if sent is None else sent
    if value.shape != shape or sent.shape != shape or value.dtype != np.int16 or sent.dtype != np.bool_:
        raise ValueError(f"the result is int16 and bool, {shape}")
    subtract = _over(pedestal if settings.pedestal_enable else None, rows, cols, np.int16)
    masked = _over(mask if settings.mask_enable else None, rows, cols, np.bool_)
    _expose(
        np.ascontiguousarray(scenes), border, step, np.ascontiguousarray(w), 256 * int(dark.sum()), settings.time, settings.test_charge,
        settings.well_low, settings.well_high, settings.base, bool(settings.cds), settings.gain, subtract, masked,
        *_window(settings), np.empty(cols, np.int32), value, sent,
    )  # fmt: skip
    return value, sent


def _over(values: np.ndarray | None, rows: int, cols: int, dtype: type) -> np.ndarray:
    """A map's part of the frame; without one, no rows."""
    if values is None:
        return np.empty((0, cols), dtype)
    return np.ascontiguousarray(np.asarray(values).reshape(-1)[: rows * cols].reshape(rows, cols), dtype)


def _window(settings: Settings) -> tuple[int, int]:
    """(low, high): y' is past the threshold if y' ≤ low or y' ≥ high."""
    if settings.threshold == 0:
        return _OFF, _OFF
    low = -_OFF if settings.threshold_mode is ThresholdMode.POS else -settings.threshold
    return low, _OFF if settings.threshold_mode is ThresholdMode.NEG else settings.threshold


# numba widens a sum of two i32 to i64: each step is narrowed again, so that eight fit into a vector


@numba.njit(inline="always")
def _centred(x):  # pragma: no cover (compiled)
    """u16 as i16 about its middle: then a product with a weight is one of two i16, which is one instruction."""
    return np.int32(np.int16(x ^ np.uint16(0x8000)))


@numba.njit(inline="always")
def _limited(v, low, high):  # pragma: no cover (compiled)
    return np.int32(min(max(v, low), high))


@numba.njit(inline="always")
def _converted(s, gain):  # pragma: no cover (compiled)
    """From behind the integrator to y."""
    d = np.int32(_limited(s, np.int32(-131072), np.int32(131071)) << gain)
    p = np.int32(_limited(d, np.int32(-131072), np.int32(131071)) + np.int32(16))
    return _limited(np.int32(p >> np.int32(5)), np.int32(-2048), np.int32(2047))


@numba.njit(inline="always")
def _tap(line, c, weight):  # pragma: no cover (compiled)
    return np.int32(_centred(line[c]) * weight)


@numba.njit(cache=True, nogil=True)
def _three(above, here, below, w, bias, s):  # pragma: no cover (compiled)
    """A row of 3 × 3 sums at stride 1."""
    w0, w1, w2 = np.int32(w[0, 0]), np.int32(w[0, 1]), np.int32(w[0, 2])
    w3, w4, w5 = np.int32(w[1, 0]), np.int32(w[1, 1]), np.int32(w[1, 2])
    w6, w7, w8 = np.int32(w[2, 0]), np.int32(w[2, 1]), np.int32(w[2, 2])
    # a line for each sub-pixel, so that all of them are looked at in the same place
    a0, a1, a2, b0, b1, b2, c0, c1, c2 = above, above[1:], above[2:], here, here[1:], here[2:], below, below[1:], below[2:]
    for c in range(s.size):
        first = np.int32(_tap(a0, c, w0) + _tap(a1, c, w1)) + _tap(a2, c, w2)
        second = np.int32(_tap(b0, c, w3) + _tap(b1, c, w4)) + _tap(b2, c, w5)
        third = np.int32(_tap(c0, c, w6) + _tap(c1, c, w7)) + _tap(c2, c, w8)
        s[c] = np.int32(np.int32(np.int32(first) + np.int32(second)) + np.int32(np.int32(third) + bias))


@numba.njit(cache=True, nogil=True)
def _more(line, step, weights, s):  # pragma: no cover (compiled)
    """What one line of sub-pixels adds to a row of sums of any side, at any stride."""
    for j in range(weights.size):
        weight, part = np.int32(weights[j]), line[j:]
        if weight == 0:
            continue
        if step == 1:
            for c in range(s.size):
                s[c] += np.int32(_centred(part[c]) * weight)
        else:
            for c in range(s.size):
                s[c] += np.int32(_centred(part[c * step]) * weight)


@numba.njit(cache=True, nogil=True)
def _expose(  # pragma: no cover (compiled)
    scenes, border, step, w, dark, time, charge, well_low, well_high, base, cds, gain, pedestal, masked, low, high, s, value, sent
):
    side = w.shape[0]
    frames, rows, cols = value.shape
    middle = np.int64(dark)
    for i in range(side):
        for j in range(side):
            middle += 32768 * np.int64(w[i, j])
    bias = np.int32(middle)
    neutral = time == 256 and charge == 0 and cds
    reset = np.int32(0) if cds else np.int32(base)
    low32, high32, bottom, top, octaves = np.int32(low), np.int32(high), np.int32(well_low), np.int32(well_high), np.int32(gain)
    last = scenes.shape[2] - border
    for frame in range(frames):
        for row in range(rows):
            first = border + row * step
            if side == 3 and step == 1:
                above, here, below = scenes[frame, first], scenes[frame, first + 1], scenes[frame, first + 2]
                _three(above[border:last], here[border:last], below[border:last], w, bias, s)
            else:
                s[:] = bias
                for i in range(side):
                    _more(scenes[frame, first + i][border:last], step, w[i], s)
            y, past = value[frame, row], sent[frame, row]
            if neutral and pedestal.shape[0] == 0:
                for c in range(cols):
                    q = _limited(np.int32(np.int32(s[c] + np.int32(128)) >> np.int32(8)), bottom, top)
                    v = _converted(q, octaves)
                    y[c] = np.int16(v)
                    past[c] = (v <= low32) | (v >= high32)
            elif neutral:
                for c in range(cols):
                    s[c] = _limited(np.int32(np.int32(s[c] + np.int32(128)) >> np.int32(8)), bottom, top)
            else:
                for c in range(cols):
                    q = ((np.int64(s[c]) * time + 32768) >> 16) + charge
                    s[c] = np.int32(np.int32(min(max(q, well_low), well_high)) + reset)
            if pedestal.shape[0] == 0 and not neutral:
                for c in range(cols):
                    v = _converted(s[c], octaves)
                    y[c] = np.int16(v)
                    past[c] = (v <= low32) | (v >= high32)
            elif pedestal.shape[0]:
                dark_row = pedestal[row]
                for c in range(cols):
                    v = _limited(np.int32(_converted(s[c], octaves) - np.int32(dark_row[c])), np.int32(-2048), np.int32(2047))
                    y[c] = np.int16(v)
                    past[c] = (v <= low32) | (v >= high32)
            if masked.shape[0]:
                masks = masked[row]
                for c in range(cols):
                    past[c] &= not masks[c]
