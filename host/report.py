# SPDX-License-Identifier: BSD-2-Clause
"""One self-contained page: what was seen, what was sent, what it cost, and the proof.

Taken (conventional), Taken (edges), facts ──► report.html: no script, no link, pictures inside
"""

import base64
import dataclasses
import html
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from macropix.gateware.wire import ThresholdMode
from macropix.host.charts import bars, colours, histogram
from macropix.host.run import Taken
from macropix.host.store.files import replacing
from macropix.host.store.png import grey, mask, png_bytes

__all__ = ["Report", "write_report"]

#: style sheet beside this file
_STYLE = Path(__file__).with_name("report.css")
#: most pixels a side, of a picture that is shown larger than it is
_SMALL = 320


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """What a report shows.

    ``bytes_jpegls`` is of the conventional frames one by one, as the device would send them; ``bytes_jpegls_joined`` of the whole
    conventional image at once. ``versions`` and ``settings`` are printed as they are.
    """

    title: str
    source: str
    kernel: str
    conventional: Taken
    edges: Taken
    mode: ThresholdMode
    bytes_jpegls: int
    bytes_jpegls_joined: int
    settings: Mapping[str, Any]
    versions: Mapping[str, Any]
    files: Iterable[str] = ()


def write_report(path: str | os.PathLike, report: Report) -> Path:
    """Writes the page; a file of that name appears only when it is whole."""
    with replacing(path) as temporary:
        temporary.write_text(page(report), encoding="utf-8")
    return Path(path)


def page(report: Report) -> str:
    """The page as text."""
    body = "".join((_head(report), _pictures(report), _threshold(report), _wire(report), _proof(report), _facts(report)))
    style = _STYLE.read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{_text(report.title)}</title>'
        f"<style>{style}</style></head><body><main>{body}</main></body></html>\n"
    )


def _text(value: Any) -> str:
    return html.escape(str(value))


def _wide(content: str) -> str:
    """What keeps its width on a narrow screen, and is scrolled there."""
    return f'<div class="wide">{content}</div>'


def _head(report: Report) -> str:
    runs = (report.conventional, report.edges)
    good = all(run.trouble is None for run in runs)
    checks = [run.check for run in runs if run.check is not None]
    compared, differing = sum(c.compared for c in checks), sum(c.differing for c in checks)
    lost = sum(run.ledger.lost + run.ledger.dropped for run in runs if run.ledger is not None)
    verdict = f"{differing:,} of {compared:,} pixels differ from the golden model · {lost:,} slices lost"
    if not report.edges.pixels_sent:
        verdict += " · no pixel of the edge image was sent: nothing to see"
    kind, mark = ("bad", "✗") if not good else ("good", "✓") if report.edges.pixels_sent else ("empty", "○")
    share = report.edges.pixels_sent / max(1, report.edges.pixels_total)
    rows, cols = report.edges.canvas.image.shape
    whole = bytes_of(report)["raw"]
    figures = [
        (f"{share:.1%}", "of the pixels sent"),
        _ratio(whole, report.edges.bytes_on_wire, "raw frames"),
        _ratio(report.bytes_jpegls, report.edges.bytes_on_wire, "JPEG-LS frames"),
        (f"{len(report.edges.mosaic):,}", f"frames for {rows} × {cols} pixels"),
    ]
    cards = "".join(f'<div class="card"><b>{value}</b><span>{_text(words)}</span></div>' for value, words in figures)
    return (
        f'<header><h1>{_text(report.title)}</h1><p class="source">{_text(report.source)}</p>'
        f'<p class="verdict {kind}">{mark} {verdict}</p><div class="cards">{cards}</div></header>'
    )


def _ratio(other: int, ours: int, name: str) -> tuple[str, str]:
    if ours <= other:
        return f"{other / max(1, ours):.1f} ×", f"smaller than {name}"
    return f"{ours / max(1, other):.1f} ×", f"larger than {name}"


def _pictures(report: Report) -> str:
    conventional, edges = report.conventional.canvas, report.edges.canvas
    step = _step(edges.image)
    fewer = f"; each point the strongest of {step} × {step} pixels" if step > 1 else ""
    shown = (
        ("Conventional image", "1 × 1 read, identity kernel, every pixel, 12 bits", grey(conventional.image)),
        ("Edge image", f"{report.kernel} on the die; amber positive, blue negative{fewer}", colours(strongest(edges.image))),
        (
            "What was sent",
            f"white: a pixel past the threshold ({report.edges.pixels_sent:,} of {report.edges.pixels_total:,}){fewer}",
            mask(strongest(edges.sent)),
        ),
    )
    figures = "".join(
        f'<figure><img alt="{_text(name)}"{_kind(values)} src="{_png(values)}">'
        f"<figcaption><b>{_text(name)}</b> {_text(words)}</figcaption></figure>"
        for name, words, values in shown
    )
    return f'<section class="pictures">{figures}</section>'


def _kind(values: np.ndarray) -> str:
    """A small picture keeps its pixels' edges; of a large one, which is shown smaller, that would drop lines one pixel wide."""
    return ' class="small"' if max(values.shape[:2]) <= _SMALL else ""


def _step(values: np.ndarray) -> int:
    return -(-max(values.shape[:2]) // (2 * _SMALL))


def strongest(values: np.ndarray) -> np.ndarray:
    """`values`, those of a large picture made fewer: of each block the one of largest magnitude, so that thin lines stay as they are."""
    step = _step(values)
    if step == 1:
        return values
    whole = np.pad(values, [(0, -size % step) for size in values.shape])
    rows, cols = whole.shape[0] // step, whole.shape[1] // step
    blocks = whole.reshape(rows, step, cols, step).swapaxes(1, 2).reshape(rows, cols, -1)
    return np.take_along_axis(blocks, np.abs(blocks.astype(np.int64)).argmax(axis=2)[..., None], axis=2)[..., 0]


def _png(values: np.ndarray) -> str:
    """A picture as a data URL, enlarged by a whole number if it is small, so that pixels stay square and sharp."""
    scale = max(1, _SMALL // max(values.shape[:2]))
    large = values.repeat(scale, 0).repeat(scale, 1)
    return "data:image/png;base64," + base64.b64encode(png_bytes(large)).decode()


def _threshold(report: Report) -> str:
    edges = report.edges
    if edges.raw is None:
        return ""
    chart = histogram(edges.raw, edges.threshold_lsb, report.mode)
    sign = {ThresholdMode.ABS: "|y| ≥ T", ThresholdMode.POS: "y ≥ T", ThresholdMode.NEG: "y ≤ −T"}[report.mode]
    return (
        f"<section><h2>Threshold</h2>{_wide(chart)}"
        f"<p>Every pixel through the {_text(report.kernel)} kernel, by a raw capture. Sent if {sign}, "
        f"T = {edges.threshold_lsb} ADC LSB: {_text(edges.threshold_source)}.</p></section>"
    )


def bytes_of(report: Report) -> dict[str, int]:
    """What each way to bring the picture out costs, bytes."""
    return {
        "raw": report.conventional.bytes_on_wire,
        "jpegls": report.bytes_jpegls,
        "jpegls_joined": report.bytes_jpegls_joined,
        "edges": report.edges.bytes_on_wire,
    }


def _wire(report: Report) -> str:
    cost = bytes_of(report)
    names = {
        "raw": "raw frames, 12 bit, on the wire",
        "jpegls": "the same frames, each in JPEG-LS",
        "jpegls_joined": "the whole image at once in JPEG-LS",
        "edges": f"edge frames at T = {report.edges.threshold_lsb}, on the wire",
    }
    chart = bars([(names[kind], size, f"{size:,} B · {size / max(1, cost['raw']):.1%}") for kind, size in cost.items()])
    return (
        f"<section><h2>Bytes</h2>{_wide(chart)}"
        "<p>On the wire: slices with their headers and checks. JPEG-LS: lossless, of the conventional "
        "frames the same device would send whole, without any packet around them; joined, it needs a memory for the whole image."
        "</p></section>"
    )


def _proof(report: Report) -> str:
    lines = []
    for name, run in (("conventional", report.conventional), ("edges", report.edges)):
        ledger, check = run.ledger, run.check
        counts = [ledger.produced, ledger.sent, ledger.received, ledger.lost, ledger.dropped] if ledger is not None else ["–"] * 5
        judged = [check.compared, check.nonzero, check.differing] if check is not None else ["–"] * 3
        cells = "".join(
            f"<td>{value:,}</td>" if isinstance(value, int) else f"<td>{value}</td>" for value in (run.frames, *counts, *judged)
        )
        lines.append(f"<tr><th>{name}</th>{cells}</tr>")
    heads = ("frames", "slices produced", "sent", "received", "lost", "dropped", "pixels compared", "not 0", "differing")
    head = "".join(f"<th>{one}</th>" for one in heads)
    table = f'<table class="numbers"><tr><th></th>{head}</tr>{"".join(lines)}</table>'
    how = "the whole image, joins between frames included" if report.edges.check_whole else "each frame's scene"
    return (
        f"<section><h2>Ledger and proof</h2>{_wide(table)}"
        f"<p>The expectation is computed by the golden model from {how}, never from what came.</p></section>"
    )


def _facts(report: Report) -> str:
    def table(facts: Mapping[str, Any]) -> str:
        return "<table>" + "".join(f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in facts.items()) + "</table>"

    files = "".join(f"<li><code>{_text(name)}</code></li>" for name in report.files)
    return (
        f'<section class="facts"><div><h2>Settings</h2>{table(report.settings)}</div><div><h2>Versions</h2>{table(report.versions)}'
        f"<h2>Files</h2><ul>{files}</ul></div></section>"
    )
