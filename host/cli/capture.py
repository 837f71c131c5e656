# SPDX-License-Identifier: BSD-2-Clause
"""``macropix capture``: pictures into a file, as asked."""

from pathlib import Path
from typing import Annotated, Any

import typer

from macropix.host.cli.options import Image, Json, Timeout

EXAMPLES = (
    "Examples: macropix capture --url model:// --image part.png --mosaic --kernel laplacian --threshold 5% -o part.h5 --check   ·   "
    "macropix capture --url rtl:// --like part.h5 -o again.h5"
)


def capture(
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="The device: model://, rtl://, … [of --like]")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Capture file to write. [a new capture.h5]")] = None,
    image: Image = None,
    mosaic: Annotated[bool | None, typer.Option("--mosaic", help="Step an image larger than the array through it.")] = None,
    kernel: Annotated[
        str | None, typer.Option("--kernel", metavar="NAME", help="A kernel by name, or a file of weights. [laplacian]")
    ] = None,
    kernel_scale: Annotated[str | None, typer.Option("--kernel-scale", metavar="1/8", help="Factor on a file's weights.")] = None,
    threshold: Annotated[
        str | None, typer.Option("--threshold", metavar="T", help="12 (ADC LSB), 5% (of the largest), 5%fs, 5%sent or 3sigma. [5%]")
    ] = None,
    threshold_mode: Annotated[str | None, typer.Option("--threshold-mode", metavar="abs|pos|neg", help="Sign of the edges. [abs]")] = None,
    mode: Annotated[str | None, typer.Option("--mode", metavar="raw|edge|auto", help="What is sent, and how. [edge]")] = None,
    stride: Annotated[int | None, typer.Option("--stride", metavar="0|1|3", help="0: every pixel alone (1 × 1). [1]")] = None,
    time: Annotated[int | None, typer.Option("--time", metavar="N", help="Integration time, 256 = 1.0. [256]")] = None,
    gain: Annotated[int | None, typer.Option("--gain", metavar="N", help="Gain, octaves, 0 … 5. [0]")] = None,
    cds: Annotated[str | None, typer.Option("--cds", metavar="on|off", help="Correlated double sampling. [on]")] = None,
    scene_scale: Annotated[float | None, typer.Option("--scene-scale", metavar="F", help="Factor on the photocurrent. [1]")] = None,
    invert: Annotated[bool | None, typer.Option("--invert", help="Turn black and white round.")] = None,
    page: Annotated[int | None, typer.Option("--page", metavar="N", help="Page of an image file of several, from 1.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Seed of the device's noise and of the claim. [1]")] = None,
    frames: Annotated[int | None, typer.Option("--frames", metavar="N", help="Frames, of each tile in a mosaic. [1]")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any other register that shapes a frame; several times.")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings from a TOML file.")] = None,
    like: Annotated[Path | None, typer.Option("--like", metavar="FILE", help="Repeat the run in a capture file.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Hold every pixel against the golden model.")] = False,
    timeout: Timeout = 10.0,
    json_output: Json = False,
) -> int:
    """Take pictures through the device into a capture file."""
    said = {
        "image": None if image is None else str(image),
        "mosaic": mosaic,
        "kernel": kernel,
        "kernel_scale": kernel_scale,
        "threshold": threshold,
        "threshold_mode": threshold_mode,
        "mode": mode,
        "stride": stride,
        "time": time,
        "gain": gain,
        "cds": cds,
        "scene_scale": scene_scale,
        "invert": invert,
        "page": page,
        "seed": seed,
        "frames": frames,
        "registers": _registers(set_ or []),
    }
    return _capture(url, _named(out), said, config, like, check, timeout, json_output)


def _named(out: Path | None) -> Path:
    """The file to write; one that nobody named must not take another's place."""
    from macropix.host.errors import UserError

    if out is None and Path("capture.h5").exists():
        raise UserError("there is a capture.h5 already", hint="-o FILE names another, or this one to overwrite it")
    return out or Path("capture.h5")


def _registers(pairs: list[str]) -> dict[str, str]:
    from macropix.host.errors import UserError

    found = {}
    for pair in pairs:
        name, mark, value = pair.partition("=")
        if not mark:
            raise UserError(f"--set {pair}", expected="NAME=VALUE")
        found[name.strip()] = value.strip()
    return found


def _capture(
    url: str | None, out: Path, said: dict[str, Any], config: Path | None, like: Path | None, check: bool, timeout: float, as_json: bool
) -> int:
    import macropix.host
    from macropix.host.building import for_kernel
    from macropix.host.cli.output import emit, progress, tell, trouble
    from macropix.host.errors import UserError
    from macropix.host.pictures import of_like, of_recipe
    from macropix.host.recipe import Recipe, from_toml
    from macropix.host.run import Run
    from macropix.host.store.files import check_writable

    check_writable(out)
    before = of_like(like) if like is not None else None
    if url is None:
        if before is None:
            raise UserError("which device?", expected="--url URL", hint="--url model:// needs nothing but this package")
        url = before.url
    layers = (from_toml(config) if config else {}, said)
    recipe = Recipe.of(before.recipe if before else {}, *layers)
    loaded, kernel = before.kept(*layers) if before else (None, None)
    if loaded is None and recipe.image is not None:
        loaded = of_recipe(recipe)
    url, notes = for_kernel(url, recipe.kernel, [kernel.macro] if kernel is not None else recipe.sides())
    tell(notes, as_json)
    with progress(as_json) as show:
        show(f"open {url}", 0, 1)
        with macropix.host.open(url, timeout=timeout, seed=recipe.seed) as device:
            show(f"open {url}", 1, 1)
            scene = of_recipe(recipe, device.geometry) if loaded is None else loaded
            run = Run(device, recipe, None if scene is None else scene.scene, show, kernel=kernel)
            taken = run.take(out, check=check, facts={"scene": scene.facts} if scene is not None else {})
            build = float(device.transport.facts.get("build_seconds", 0.0))
    result = taken.to_dict() | {"build_seconds": build, "url": device.url, "file": str(out), "kernel": run.kernel.name, "notes": notes}
    error = taken.trouble
    if as_json:
        emit(result if error is None else result | {"error": error.to_dict()})
    else:
        _show(result)
    return trouble(error, as_json)


def _show(result: dict[str, Any]) -> None:
    from macropix.host.cli.output import proof, table

    ledger = result["ledger"]
    share = result["pixels_sent"] / max(1, result["pixels_total"])
    rows = [
        ("frames", result["frames"]),
        ("kernel", result["kernel"]),
        ("threshold", f"{result['threshold_lsb']} ADC LSB ({result['threshold_source']})"),
        ("pixels sent", f"{result['pixels_sent']:,} of {result['pixels_total']:,} ({share:.1%})"),
        (
            "bytes on the wire",
            f"{result['bytes_on_wire']:,} ({result['bytes_raw'] / max(1, result['bytes_on_wire']):.2f} × fewer than raw)",
        ),
        ("slices", ", ".join(f"{name} {ledger[name]:,}" for name in ("produced", "sent", "received", "lost", "dropped"))),
        ("seconds", result["seconds"]),
    ]
    if "pixels_compared" in result:
        rows.append(("golden model", proof(result)))
    table(result["file"], rows)
