# SPDX-License-Identifier: BSD-2-Clause
"""``macropix demo``: the main job. A picture through the whole path, what it cost, and the proof, as files and a page to look at."""

from pathlib import Path
from typing import Annotated, Any

import typer

from macropix.host.cli.options import Image, Json, Timeout

EXAMPLES = "Examples: macropix demo   ·   macropix demo --url model:// --image part.png --threshold 3%   ·   macropix demo --json"


def demo(
    image: Image = None,
    url: Annotated[
        str, typer.Option("--url", metavar="URL", help="The device: rtl:// is the compiled gateware, model:// needs no compiler.")
    ] = ("rtl://"),
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for files and report; made if it is not there.")] = Path(
        "macropix-demo"
    ),
    kernel: Annotated[str, typer.Option("--kernel", metavar="NAME", help="Kernel of the edge image, by name or file.")] = "laplacian",
    threshold: Annotated[str, typer.Option("--threshold", metavar="T", help="12 (ADC LSB), 5%, 5%fs, 5%sent or 3sigma.")] = "5%",
    threshold_mode: Annotated[str, typer.Option("--threshold-mode", metavar="abs|pos|neg", help="Sign of the edges.")] = "abs",
    mode: Annotated[str, typer.Option("--mode", metavar="edge|auto", help="Code of the edge image.")] = "edge",
    scene_scale: Annotated[float, typer.Option("--scene-scale", metavar="F", help="Factor on the photocurrent.")] = 1.0,
    invert: Annotated[bool, typer.Option("--invert", help="Turn black and white round.")] = False,
    page: Annotated[int | None, typer.Option("--page", metavar="N", help="Page of an image file of several, from 1.")] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of phantom, noise and claim.")] = 1,
    timeout: Timeout = 10.0,
    json_output: Json = False,
) -> int:
    """Show a conventional and an edge image of one picture, checked pixel by pixel, with the bytes they cost."""
    from macropix.host.cli.output import emit, progress, tell, trouble
    from macropix.host.demo import run_demo
    from macropix.host.recipe import Recipe

    recipe = Recipe(
        image=None if image is None else str(image),
        mosaic=True,
        kernel=kernel,
        threshold=threshold,
        threshold_mode=threshold_mode,
        mode=mode,
        scene_scale=scene_scale,
        invert=invert,
        page=page,
        seed=seed,
    )
    with progress(json_output) as show:
        done = run_demo(url, recipe, out, timeout=timeout, progress=show, tell=lambda notes: tell(notes, json_output))
    result, error = done.to_dict(), done.trouble
    if json_output:
        emit(result if error is None else result | {"error": error.to_dict()})
    else:
        _show(result)
    return trouble(error, json_output)


def _show(result: dict[str, Any]) -> None:
    from macropix.host.cli.output import proof, table

    edges, ledger = result["edges"], result["ledger"]
    raw, wire = result["bytes_raw"], result["bytes_on_wire"]
    rows = [
        ("image", f"{result['image']}, {result['rows']} × {result['cols']}, {edges['tiles']} frames"),
        ("sent", f"{edges['pixels_sent']:,} of {edges['pixels_total']:,} pixels ({edges['pixels_sent'] / edges['pixels_total']:.1%})"),
        ("threshold", f"{edges['threshold_lsb']} ADC LSB ({edges['threshold_source']})"),
        ("edges on the wire", f"{wire:,} bytes"),
        ("raw on the wire", f"{raw:,} bytes: {raw / wire:.1f} × as many"),
        ("JPEG-LS", f"{result['bytes_jpegls']:,} bytes of the same raw frames: {result['bytes_jpegls'] / wire:.2f} × as many"),
        ("slices", ", ".join(f"{name} {ledger[name]:,}" for name in ("produced", "sent", "received", "lost", "dropped"))),
        ("golden model", proof(result | {name: edges[name] for name in ("pixels_sent", "pixels_nonzero")})),
        ("seconds", f"{result['seconds']:.1f}" + (f", and {result['build_seconds']:.1f} to build" if result["build_seconds"] else "")),
        ("report", result["report"]),
    ]
    table(f"macropix demo, {result['url']}", rows)
