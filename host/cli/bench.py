# SPDX-License-Identifier: BSD-2-Clause
"""``macropix bench``: speed and size, measured here and now, beside what others give."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from macropix.host.cli.output import emit, progress, table

__all__ = ["EXAMPLES", "app"]

EXAMPLES = "Examples:  macropix bench decode  ·  macropix bench stream --images FOLDER  ·  macropix bench rtl --url 'rtl://?lane=1' --json"

app = typer.Typer(help="Speed and size, measured here and now, beside what others give.", no_args_is_help=True)

Seed = Annotated[int, typer.Option("--seed", help="Of scenes, noise and epochs.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Url = Annotated[str, typer.Option("--url", help="The backend to be timed.")]
Frames = Annotated[int, typer.Option("--frames", min=1, help="Shots timed for each share.")]
Images = Annotated[Path | None, typer.Option("--images", help="A folder of pictures to be measured besides our own scenes.")]


@app.callback()
def _bench() -> None:
    pass


@app.command(epilog=EXAMPLES)
def decode(seed: Seed = 1, json_output: Json = False) -> int:
    """A stream into dense frames, every CRC checked, on one core; beside decoders of event files."""
    from macropix.host.bench import run

    with progress(json_output) as show:
        result = run.decode(seed=seed, progress=show)
    return _tell(result, json_output, _decode)


@app.command(epilog=EXAMPLES)
def golden(seed: Seed = 1, json_output: Json = False) -> int:
    """Convolution and threshold of the golden model on one core; beside OpenCV."""
    from macropix.host.bench import run

    result = run.golden(seed=seed)
    return _tell(result, json_output, _golden)


@app.command(epilog=EXAMPLES)
def stream(seed: Seed = 1, images: Images = None, json_output: Json = False) -> int:
    """Bits a sent pixel, addresses included; beside Rice codes with the best parameters of each frame, and beside words."""
    from macropix.host.bench import run

    with progress(json_output) as show:
        result = run.stream(seed=seed, images=images, progress=show)
    return _tell(result, json_output, _stream)


@app.command(epilog=EXAMPLES)
def rtl(url: Url = "rtl://", frames: Frames = 1000, seed: Seed = 1, json_output: Json = False) -> int:
    """Edge frames a second of a simulated device, at 5 and 25 % of the pixels, through the host's API; beside cocotb."""
    from macropix.host.bench import run

    result = run.rtl(url=url, frames=frames, seed=seed)
    return _tell(result, json_output, _rtl)


@app.command(name="all", epilog=EXAMPLES)
def everything(url: Url = "rtl://", frames: Frames = 1000, images: Images = None, seed: Seed = 1, json_output: Json = False) -> int:
    """All of them, one after the other."""
    from macropix.host.bench import run

    with progress(json_output) as show:
        result = {"decode": run.decode(seed=seed, progress=show), "golden": run.golden(seed=seed)}
        result |= {"stream": run.stream(seed=seed, images=images, progress=show), "rtl": run.rtl(url=url, frames=frames, seed=seed)}
    return _tell(result, json_output, _all)


def _tell(result: dict[str, Any], as_json: bool, show: Callable[[dict[str, Any]], None]) -> int:
    """The result as one JSON object, or as `show` prints it; the exit status."""
    emit(result) if as_json else show(result)
    return 0


# ---- as tables -----------------------------------------------------------------------------------------------


def _decode(result: dict[str, Any]) -> None:
    names = list(dict.fromkeys(name for case in result["cases"] for name in case["peers"]))
    rows = [
        (
            case["array"], f"{case['share']:.0%}", next(iter(case["codes"]), "–"), case["mpixel_per_s"],
            *(case["peers"].get(name, "–") for name in names), case["ratio"] or "–", case["peak_rss_growth_mb"],
        )
        for case in result["cases"]
    ]  # fmt: skip
    table("to dense frames, CRC checked, Mpixel/s", rows, ("array", "sent", "most slices", "macropix", *names, "ratio", "growth, MB"))
    _surroundings(result)


def _golden(result: dict[str, Any]) -> None:
    names = list(dict.fromkeys(name for case in result["cases"] for name in case["peers"]))
    rows = [
        (
            case["case"],
            case["mpixel_per_s"],
            case["plain_mpixel_per_s"],
            *(case["peers"].get(name, "–") for name in names),
            case["ratio"] or "–",
        )
        for case in result["cases"]
    ]
    table("convolution and threshold, Mpixel/s", rows, ("scenes", "macropix", "its plain twin", *names, "ratio"))
    _surroundings(result)


def _stream(result: dict[str, Any]) -> None:
    rows = [
        (
            case["scene"], case["kernel"], case["mode"], f"{case['occupancy']:.1%}", case["bits_per_pixel_sent"], case["rice_bits"],
            f"{case['by_rice'] - 1:+.1%}", f"{case['by_words']:.2f}",
        )
        for case in result["cases"]
    ]  # fmt: skip
    heads = ("scene", "kernel", "mode", "sent", "bits a sent pixel", "Rice", "against Rice", "by words")
    table("payload, addresses included", rows, heads, words=("kernel", "mode"))
    print(f"{result['overhead_bytes_per_slice']:g} bytes a slice beside its payload")
    _surroundings(result)


def _rtl(result: dict[str, Any]) -> None:
    rows = [
        (f"{case['share']:.0%}", case["share_sent"], case["frames_per_s"], case.get("clocks_per_s", "–"), case["wire_bytes_per_frame"])
        for case in result["cases"]
    ]
    table(f"edge frames over {result['url']}", rows, ("asked", "sent", "frames/s", "clocks/s", "bytes a frame"))
    if result["cocotb_clocks_per_s"]:
        print(f"cocotb with a step of Python a clock: {result['cocotb_clocks_per_s']:,} clocks/s, {result['ratio']:g} times slower")
    _surroundings(result)


def _all(result: dict[str, Any]) -> None:
    for name, show in (("decode", _decode), ("golden", _golden), ("stream", _stream), ("rtl", _rtl)):
        show(result[name])


def _surroundings(result: dict[str, Any]) -> None:
    told = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    print(f"{told}; {result['threads']} thread of {result['cores']} cores, load {result['load']:g}")
    if result["peers_missing"]:
        print(f"not installed, so not measured: {', '.join(result['peers_missing'])} ({result['hint']})")
