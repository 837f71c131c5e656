# SPDX-License-Identifier: BSD-2-Clause
"""Charts as SVG, written by hand: a histogram with the threshold in it, and bars of bytes. Colours come from the page's style sheet."""

import math
from collections.abc import Sequence

import numpy as np

from macropix.gateware.wire import ThresholdMode

__all__ = ["bars", "colours", "histogram"]


def colours(values: np.ndarray, *, quantile: float = 0.995) -> np.ndarray:
    """u8 rows × columns × 3: 0 dark, positive towards amber, negative towards blue; saturates at a quantile of the magnitudes."""
    size = np.abs(values.astype(np.float64))
    some = size[size > 0]
    top = max(1.0, float(np.quantile(some, quantile))) if some.size else 1.0
    strength = np.clip(size / top, 0, 1) ** 0.5
    dark = np.array([16.0, 18, 24])
    ends = np.where((values > 0)[..., None], np.array([255.0, 190, 70]), np.array([90.0, 170, 255]))
    return np.rint(dark + (ends - dark) * strength[..., None]).astype(np.uint8)


def histogram(values: np.ndarray, threshold: int, mode: ThresholdMode, *, width: int = 960, height: int = 260) -> str:
    """How often each y occurs, on a logarithmic scale; what is past the threshold stands out."""
    y = np.asarray(values, np.int64).ravel()
    reach = max(8, int(np.abs(y).max(initial=0)), threshold + 1)
    step = max(1, math.ceil((2 * reach + 1) / 240))
    count = 2 * math.ceil((reach + 0.5) / step) + 1
    low = -(count * step) // 2
    bins = np.bincount((y - low) // step, minlength=count + 1)
    decades = max(1.0, math.log10(max(2, int(bins.max()))) * 1.05)
    names = [_short(10**decade) for decade in range(int(decades) + 1)]
    left, right, top, bottom = 24 + 9 * max(4, *map(len, names)), 12, 30, 36
    wide, high = width - left - right, height - top - bottom

    def at(value: float) -> float:
        return left + (value - low) / (bins.size * step) * wide

    def rise(number: float) -> float:
        return high * (math.log10(number) + 0.3) / (decades + 0.3) if number >= 1 else 0.0

    parts = [f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="histogram of y with the threshold">']
    for decade, name in enumerate(names):
        level = top + high - rise(10**decade)
        parts.append(f'<line class="grid" x1="{left}" x2="{width - right}" y1="{level:.1f}" y2="{level:.1f}"/>')
        parts.append(f'<text class="tick" x="{left - 8}" y="{level + 4:.1f}" text-anchor="end">{name}</text>')
    for number, total in enumerate(bins):
        if not total:
            continue
        middle = low + number * step + (step - 1) / 2
        kind = "sent" if _past(middle, threshold, mode) else "kept"
        box = rise(int(total))
        x, w = at(low + number * step), max(0.6, step / (bins.size * step) * wide - 0.4)
        parts.append(f'<rect class="{kind}" x="{x:.2f}" y="{top + high - box:.2f}" width="{w:.2f}" height="{box:.2f}"/>')
    lines = {ThresholdMode.ABS: (-threshold, threshold), ThresholdMode.POS: (threshold,), ThresholdMode.NEG: (-threshold,)}[mode]
    for line in lines if threshold else ():
        x = at(line if line > 0 else line + 1)
        parts.append(f'<line class="mark" x1="{x:.2f}" x2="{x:.2f}" y1="{top - 8}" y2="{top + high}"/>')
        anchor, shift = ("start", 5) if line > 0 else ("end", -5)
        parts.append(
            f'<text class="marktext" x="{x + shift:.2f}" y="{top - 8}" text-anchor="{anchor}">'
            f"{'T = ' if line > 0 else '−T = −'}{abs(line)}</text>"
        )
    for tick in _ticks(reach):
        parts.append(
            f'<text class="tick" x="{at(tick + 0.5):.1f}" y="{top + high + 16}" text-anchor="middle">'
            f"{'−' if tick < 0 else ''}{abs(tick)}</text>"
        )
    parts.append(f'<text class="tick" x="{left + wide / 2}" y="{height - 4}" text-anchor="middle">y, ADC LSB</text></svg>')
    return "".join(parts)


def bars(rows: Sequence[tuple[str, float, str]], *, width: int = 960, label: int = 300) -> str:
    """Horizontal bars: (label, value, text behind it); the first is what the others are held against."""
    line, right = 34, 190
    most = max((value for _, value, _ in rows), default=1) or 1
    parts = [f'<svg viewBox="0 0 {width} {line * len(rows) + 6}" role="img" aria-label="bytes">']
    for number, (name, value, text) in enumerate(rows):
        y = number * line + 4
        wide = max(1.0, (width - label - right) * value / most)
        kind = "sent" if number == len(rows) - 1 else "kept"
        parts.append(f'<text class="name" x="{label - 12}" y="{y + 18}" text-anchor="end">{name}</text>')
        parts.append(f'<rect class="{kind}" x="{label}" y="{y}" width="{wide:.1f}" height="{line - 10}" rx="2"/>')
        parts.append(f'<text class="value" x="{label + wide + 8:.1f}" y="{y + 18}">{text}</text>')
    parts.append("</svg>")
    return "".join(parts)


def _past(value: float, threshold: int, mode: ThresholdMode) -> bool:
    if threshold == 0:
        return True
    return {ThresholdMode.ABS: abs(value), ThresholdMode.POS: value, ThresholdMode.NEG: -value}[mode] >= threshold


def _short(number: int) -> str:
    """A power of ten in few letters: 1,000, 10k, 100k, 1M."""
    if number < 10_000:
        return f"{number:,}"
    return f"{number // 1000}k" if number < 1_000_000 else f"{number // 1_000_000:,}M"


def _ticks(reach: int) -> list[int]:
    raw = reach / 4
    power = 10 ** math.floor(math.log10(raw))
    step = max(1, next(power * m for m in (1, 2, 5, 10) if power * m >= raw))
    step = int(step)
    return list(range(-(reach // step) * step, reach + 1, step))
