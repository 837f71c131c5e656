# SPDX-License-Identifier: BSD-2-Clause
"""``macropix bench``: speed, measured here and now."""

import platform
from typing import Annotated, Any

import typer

from macropix.host.cli.output import emit, table

__all__ = ["EXAMPLES", "app"]

EXAMPLES = "Examples:  macropix bench rtl  ·  macropix bench rtl --url 'rtl://?lane=1' --json"

app = typer.Typer(help="Speed, measured here and now.", no_args_is_help=True)


@app.callback()
def _bench() -> None:
    pass


@app.command(epilog=EXAMPLES)
def rtl(
    url: Annotated[str, typer.Option("--url", help="The backend to be timed.")] = "rtl://",
    frames: Annotated[int, typer.Option("--frames", min=1, help="Shots timed for each share.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Of scene and epochs.")] = 1,
    json_output: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> int:
    """Edge frames a second of a simulated device, at 5 and 25 % of the pixels, through the host's API."""
    import macropix.host
    from macropix.host.benchmark import frame_rate
    from macropix.host.cli.versions import versions

    with macropix.host.open(url, seed=seed) as device:
        cases = [frame_rate(device, share=share, frames=frames, seed=seed) for share in (0.05, 0.25)]
        result: dict[str, Any] = {
            "url": device.url,
            "cases": cases,
            "frames_per_s": min(case["frames_per_s"] for case in cases),
            "clocks_per_s": min((case["clocks_per_s"] for case in cases if "clocks_per_s" in case), default=None),
            "build_seconds": device.transport.facts.get("build_seconds", 0.0),
            "threads": 1,
            "python": platform.python_version(),
            "versions": versions(),
        }
    if json_output:
        emit(result)
    else:
        rows = [
            (f"{case['share']:.0%}", case["share_sent"], case["frames_per_s"], case.get("clocks_per_s", "–"), case["wire_bytes_per_frame"])
            for case in cases
        ]
        table(f"edge frames over {result['url']}", rows, ("asked", "sent", "frames/s", "clocks/s", "bytes a frame"))
    return 0
