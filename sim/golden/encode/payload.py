# SPDX-License-Identifier: BSD-2-Clause
"""The payload of one slice, in the code the device chooses for it.

values, sent, masked ──► positions × values, the fewest bits ──► bitmap | prefix | codes
"""

import numpy as np

from macropix.gateware.wire import DELTA, GAP, PREFIX_BITS, TAP_BITS, VALUE, Mode, Positions, Tap, ThresholdMode, Values
from macropix.sim.golden.encode.bits import pack
from macropix.sim.golden.encode.rice import codes

__all__ = ["differences", "gaps", "payload"]

#: codes and their lengths
Codes = tuple[np.ndarray, np.ndarray]
_NONE: Codes = (np.zeros(0, np.int64), np.zeros(0, np.int64))


def gaps(sent: np.ndarray) -> np.ndarray:
    """Pixels unsent before each sent one; and, if the last pixel isn't sent, behind the last sent one."""
    index = np.flatnonzero(sent)
    if not sent[-1]:
        index = np.append(index, sent.size)
    return np.diff(index, prepend=-1) - 1


def differences(values: np.ndarray) -> np.ndarray:
    """What DELTA codes: e to the value before, 2e or −2e − 1."""
    e = np.diff(values, prepend=0)
    return np.where(e >= 0, 2 * e, -2 * e - 1)


def payload(
    values: np.ndarray,
    sent: np.ndarray,
    masked: np.ndarray,
    *,
    tap: Tap,
    mode: Mode,
    threshold: int,
    threshold_mode: ThresholdMode,
    positions: Positions | None = None,
    coding: Values | None = None,
) -> tuple[Positions, Values, bytes]:
    """Positions, values and bytes of one slice.

    Parameters
    ----------
    values : int64 array
        Every pixel of the slice, in raster order.
    sent, masked : bool arrays
        As in `Frame`.
    tap, mode, threshold, threshold_mode
        As the registers act.
    positions, coding : optional
        Ask for these instead of the device's choice: what a decoder must understand too.

    Raises
    ------
    ValueError
        If `positions` is ALL and a pixel is not sent.
    """
    if mode is Mode.RAW or tap is not Tap.OUT:
        sent = np.ones(values.size, bool)
        flagged = tap is Tap.OUT and bool(masked.any())
        mine = ([Positions.FLAGGED if flagged else Positions.ALL], [Values.PACKED])
    elif not sent.any():
        return Positions.RUNS, Values.RICE, b""
    elif mode is Mode.EDGE:
        mine = ([Positions.RUNS], [Values.RICE])
    else:
        mine = ([Positions.ALL] * bool(sent.all()) + [Positions.RUNS, Positions.BITMAP], list(Values))
    if positions is Positions.ALL and not sent.all():
        raise ValueError("positions ALL, but a pixel is not sent")
    where = {one: _positions(one, sent, masked) for one in (mine[0] if positions is None else [positions])}
    what = {one: _values(one, values[sent], TAP_BITS[tap], threshold, threshold_mode) for one in (mine[1] if coding is None else [coding])}
    positions = min(where, key=lambda one: int(where[one][1].sum()))
    coding = min(what, key=lambda one: int(what[one][1].sum()) + PREFIX_BITS * (one is Values.RICE))
    prefix = _NONE
    if coding is Values.RICE:
        prefix = np.array([threshold, int(threshold_mode.value)]), np.array([11, 2])
    return positions, coding, pack(*_in_order(positions is Positions.RUNS, where[positions], prefix, what[coding]))


def _fixed(numbers: np.ndarray, bits: int) -> Codes:
    return numbers.astype(np.int64) & ((1 << bits) - 1), np.full(numbers.size, bits, np.int64)


def _positions(kind: Positions, sent: np.ndarray, masked: np.ndarray) -> Codes:
    if kind is Positions.RUNS:
        return codes(GAP, gaps(sent))
    if kind is Positions.BITMAP:
        return _fixed(sent, 1)
    return _fixed(~masked, 1) if kind is Positions.FLAGGED else _NONE


def _values(kind: Values, picked: np.ndarray, bits: int, threshold: int, mode: ThresholdMode) -> Codes:
    if kind is Values.PACKED:
        return _fixed(picked, bits)
    if kind is Values.DELTA:
        return codes(DELTA, differences(picked))
    magnitude, lengths = codes(VALUE, np.abs(picked) - threshold)
    if mode is ThresholdMode.ABS or threshold == 0:
        return (magnitude << 1) | (picked < 0), lengths + 1
    return magnitude, lengths


def _in_order(runs: bool, where: Codes, prefix: Codes, what: Codes) -> Codes:
    """bitmap, prefix, values; or prefix, gap, value, gap, value, …, and the final gap if there is one."""
    if not runs:
        parts = [where, prefix, what]
    else:
        n = what[0].size
        mixed = np.empty(2 * n, np.int64), np.empty(2 * n, np.int64)
        for into, gap, value in zip(mixed, where, what, strict=True):
            into[0::2], into[1::2] = gap[:n], value
        parts = [prefix, mixed, (where[0][n:], where[1][n:])]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
