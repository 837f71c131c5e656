# SPDX-License-Identifier: BSD-2-Clause
"""The main job: one picture taken twice, conventionally and as edges, and everything a person wants to know of it.

picture ─┬─ SINGLE, identity, raw ──► conventional.h5 .png ─┬─► report.html
         └─ SLIDING, kernel, edge ──► edges.h5 .png, sent.png ─┘
"""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import macropix.host
from macropix.gateware.wire import PROTOCOL_MAJOR, PROTOCOL_MINOR, ThresholdMode
from macropix.host.building import for_kernel
from macropix.host.device import Device
from macropix.host.errors import MacropixError, UserError
from macropix.host.image import Picture
from macropix.host.jpegls import jpegls_bytes
from macropix.host.pictures import of_recipe
from macropix.host.recipe import Recipe
from macropix.host.report import Report, write_report
from macropix.host.run import Run, Taken
from macropix.host.store.folder import check_folder, making
from macropix.host.store.png import edge_grey, grey, mask, write_png
from macropix.host.store.schema import VERSION_MAJOR, VERSION_MINOR
from macropix.host.store.tiff import write_tiff

__all__ = ["Demo", "run_demo"]

Progress = Callable[[str, int, int], None]

#: what the report is called, by which an earlier demo's folder is known
TITLE = "What the detector saw, and what it sent"
#: what a demo makes beside the report
FILES = ("conventional.h5", "conventional.png", "conventional.tif", "edges.h5", "edges.png", "edges.tif", "sent.png")


@dataclasses.dataclass
class Demo:
    """What came of a demo."""

    url: str
    image: str
    picture: Picture
    conventional: Taken
    edges: Taken
    bytes_jpegls: int
    bytes_jpegls_joined: int
    seconds: float
    build_seconds: float
    folder: Path
    notes: list[str]

    @property
    def trouble(self) -> MacropixError | None:
        """What is wrong, if anything."""
        return self.conventional.trouble or self.edges.trouble

    def to_dict(self) -> dict[str, Any]:
        """The figures for ``--json``: both runs together, and each by itself."""
        conventional, edges = self.conventional.to_dict(), self.edges.to_dict()
        ledger = {name: conventional["ledger"][name] + edges["ledger"][name] for name in edges["ledger"]}
        both = {name: conventional[name] + edges[name] for name in ("pixels_compared", "pixels_nonzero", "pixels_differing")}
        return {
            "url": self.url,
            "image": self.image,
            "rows": self.picture.shape[0],
            "cols": self.picture.shape[1],
            **both,
            "ledger": ledger,
            "bytes_on_wire": edges["bytes_on_wire"],
            "bytes_raw": conventional["bytes_on_wire"],
            "bytes_jpegls": self.bytes_jpegls,
            "bytes_jpegls_joined": self.bytes_jpegls_joined,
            "pixels_sent": edges["pixels_sent"],
            "pixels_total": edges["pixels_total"],
            "threshold_lsb": edges["threshold_lsb"],
            "threshold_source": edges["threshold_source"],
            "seconds": round(self.seconds, 3),
            "build_seconds": round(self.build_seconds, 3),
            "report": str(self.folder / "report.html"),
            "notes": self.notes,
            "conventional": conventional,
            "edges": edges,
        }


def run_demo(
    url: str,
    recipe: Recipe,
    folder: Path,
    *,
    timeout: float = 10.0,
    progress: Progress | None = None,
    tell: Callable[[list[str]], None] | None = None,
) -> Demo:
    """Takes the picture of `recipe` twice through the device behind `url`; files and report go into `folder`.

    `tell` is called with what is done otherwise than `url` says, before it is.
    """
    picture = of_recipe(recipe)
    if picture is None:
        raise UserError("the demo shows a picture, not a test scene")
    show = progress or (lambda _what, _done, _of: None)
    began = time.monotonic()
    check_folder(folder, (*FILES, "report.html"), _ours)
    if recipe.mode == "raw":
        raise UserError("the demo takes edges", expected="edge or auto", found="raw")
    url, notes = for_kernel(url, recipe.kernel, recipe.sides())
    if tell is not None:
        tell(notes)
    show(f"open {url}", 0, 1)
    with macropix.host.open(url, timeout=timeout, seed=recipe.seed) as device:
        show(f"open {url}", 1, 1)
        edge_run = Run(device, recipe, picture.scene, _named("edges", show))
        plain = dataclasses.replace(recipe, kernel="identity", kernel_scale=None, stride=0, mode="raw", threshold="0", threshold_mode="abs")
        conventional = Run(device, plain, picture.scene, _named("conventional", show))
        with making(folder) as made:
            seen = conventional.take(made / "conventional.h5", check=True, facts={"scene": picture.facts})
            edges = edge_run.take(made / "edges.h5", check=True, raw=True, facts={"scene": picture.facts})
            build = float(device.transport.facts.get("build_seconds", 0.0))
            single, joined = _jpegls(seen)
            name = str(picture.facts["file"])
            done = Demo(device.url, name, picture, seen, edges, single, joined, time.monotonic() - began - build, build, folder, notes)
            _pictures(done, made)
            _report(done, device, recipe, edge_run, made)
    return done


def _named(run: str, show: Progress) -> Progress:
    return lambda what, done, of: show(f"{run}: {what}", done, of)


def _ours(folder: Path) -> bool:
    """Whether the folder's report is one of a demo."""
    try:
        return f"<title>{TITLE}</title>" in (folder / "report.html").read_text(encoding="utf-8", errors="replace")[:1000]
    except OSError:
        return False


def _jpegls(taken: Taken) -> tuple[int, int]:
    """Bytes of the conventional frames in JPEG-LS: one by one as the device sends them, and of the whole image."""
    image, (rows, cols) = taken.canvas.image, taken.mosaic.frame_shape
    down, across = taken.mosaic.grid
    whole = np.pad(image, ((0, down * rows - image.shape[0]), (0, across * cols - image.shape[1])), mode="edge")
    tiles = [whole[r * rows : (r + 1) * rows, c * cols : (c + 1) * cols] for r in range(down) for c in range(across)]
    return sum(jpegls_bytes(tile) for tile in tiles), jpegls_bytes(image)


def _pictures(done: Demo, folder: Path) -> None:
    edges = done.edges.canvas
    write_png(folder / "conventional.png", grey(done.conventional.canvas.image))
    write_png(folder / "edges.png", edge_grey(edges.image))
    write_png(folder / "sent.png", mask(edges.sent))
    write_tiff(folder / "conventional.tif", done.conventional.canvas.image, description="y, ADC LSB; identity, 1 x 1 read")
    write_tiff(folder / "edges.tif", edges.image, description="y, ADC LSB; 0 where no pixel was sent (see sent.png)")


def _report(done: Demo, device: Device, recipe: Recipe, run: Run, folder: Path) -> None:
    facts, info = done.picture.facts, device.info
    rules = facts.get("rules")
    rows, cols = done.picture.shape
    source = f"{done.image}, {rows} × {cols} pixels through a {info.rows} × {info.cols} array at {done.url}"
    settings = {
        "kernel": f"{run.kernel.name}: {run.kernel.note}",
        "threshold": f"{done.edges.threshold_lsb} ADC LSB, {recipe.threshold_mode}; asked for as {recipe.threshold}",
        "mode": recipe.mode,
        "integration time": f"{recipe.time / 256:g}",
        "gain": f"× {2**recipe.gain}",
        "double sampling": "on" if recipe.cds else "off",
        "seed": recipe.seed,
        "image": facts.get("what") or f"{facts['format']}, {facts['bits']} bits",
        "image rules": ", ".join(rules) if isinstance(rules, list) and rules else "none needed",
        "seconds": f"{done.seconds:.2f} (conventional {done.conventional.seconds:.2f}, edges {done.edges.seconds:.2f})",
    }
    versions = {
        "macropix": macropix.host.version(),
        "protocol": f"{info.protocol_major}.{info.protocol_minor} (host {PROTOCOL_MAJOR}.{PROTOCOL_MINOR})",
        "file format": f"{VERSION_MAJOR}.{VERSION_MINOR}",
        "gateware": f"{info.gateware_hash:08x}",
        "configuration": f"{info.config_hash:08x}",
        "chip": f"{info.chip_id:08x}",
    }
    report = Report(
        title=TITLE,
        source=source,
        kernel=run.kernel.name,
        conventional=done.conventional,
        edges=done.edges,
        mode=ThresholdMode[recipe.threshold_mode.upper()],
        bytes_jpegls=done.bytes_jpegls,
        bytes_jpegls_joined=done.bytes_jpegls_joined,
        settings=settings,
        versions=versions,
        files=FILES,
    )
    write_report(folder / "report.html", report)
