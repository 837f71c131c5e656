# SPDX-License-Identifier: BSD-2-Clause
"""``macropix verify``: is every pixel right, and does no single fault on the stream make one wrong?"""

from typing import Annotated, Any

import typer

from macropix.host.cli.options import Json, Seed, Timeout, Url

EXAMPLES = (
    "Examples: macropix verify --url rtl://   ·   macropix verify --url model:// --frames 5000 --seed 7   ·   "
    "macropix verify --url model:// --faults   ·   macropix verify --url rtl:// --matrix"
)


def verify(
    url: Url,
    frames: Annotated[
        int, typer.Option("--frames", metavar="N", help="At least so many frames; every cell gets the same number, one at least.")
    ] = 1,
    faults: Annotated[bool, typer.Option("--faults", help="Also every single-byte fault on a recorded stream, exhaustively.")] = False,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="Every size, macro-pixel and form, each on gateware of its own: 8 × 8 … 8 × 2048, M = 3 and 5.")
    ] = False,
    seed: Seed = 1,
    jobs: Annotated[int, typer.Option("--jobs", metavar="N", help="Processes for --faults; 0: one a core.")] = 0,
    timeout: Timeout = 10.0,
    json_output: Json = False,
) -> int:
    """Random scenes through every kernel, stride, mode and threshold, against the golden model."""
    import macropix.host
    from macropix.host.cli.output import emit, progress, trouble
    from macropix.host.errors import UserError
    from macropix.host.verify import verify as run

    if frames < 1:
        raise UserError("the number of frames is out of range", expected="at least 1", found=str(frames))
    if matrix:
        if faults:
            raise UserError("--matrix and --faults do not go together", hint="verify --faults takes one device")
        return _matrix(url, frames, seed, timeout, json_output)
    with progress(json_output) as show:
        show(f"open {url}", 0, 1)
        with macropix.host.open(url, timeout=timeout, seed=seed) as device:
            show(f"open {url}", 1, 1)
            url = device.url
            done = run(device, frames=frames, seed=seed, progress=show)
            recorded = None
            if faults:
                from macropix.host.specimen import record_stream

                recorded = record_stream(device, seed=seed)
        result, error = {"url": url} | done.to_dict(), done.trouble
        if recorded is not None:
            from macropix.host.faults import inject

            injected = inject(recorded, seed=seed, jobs=jobs, progress=show)
            result |= injected.to_dict()
            error = error or injected.trouble
    if json_output:
        emit(result if error is None else result | {"error": error.to_dict()})
    else:
        _show(url, result)
    return trouble(error, json_output)


def _matrix(url: str, frames: int, seed: int, timeout: float, as_json: bool) -> int:
    from macropix.host.cli.output import emit, progress, table, trouble
    from macropix.host.matrix import matrix as run

    with progress(as_json) as show:
        lines = list(run(url, frames=frames, seed=seed, timeout=timeout, progress=show))
    told = [line.to_dict() for line in lines]
    error = next((line.error for line in lines if line.error is not None), None)
    result = {"url": url, "forms": told} | {
        name: sum(one.get(name, 0) for one in told) for name in ("frames", "cells", "pixels_compared", "pixels_nonzero", "pixels_differing")
    }
    if as_json:
        emit(result if error is None else result | {"error": error.to_dict()})
    else:
        names = ("cells", "pixels_compared", "pixels_nonzero", "pixels_differing")
        rows = [(one["options"].replace("&", " "), *(one.get(name, "-") for name in names)) for one in told]
        heads = ("device", "cells", "pixels compared", "not 0", "differing")
        table(f"macropix verify --matrix, {url}", rows, heads)
    return trouble(error, as_json)


def _show(url: str, result: dict[str, Any]) -> None:
    from macropix.host.cli.output import table

    kernels: dict[str, list[dict[str, Any]]] = {}
    for cell in result["cells"]:
        kernels.setdefault(cell["kernel"], []).append(cell)
    rows = [
        (name, len(cells), *(sum(cell[key] for cell in cells) for key in ("pixels_compared", "pixels_nonzero", "pixels_differing")))
        for name, cells in kernels.items()
    ]
    table(f"macropix verify, {url}", rows, ("kernel", "cells", "pixels compared", "not 0", "differing"))
    ledger = result["ledger"]
    told: list[tuple[Any, ...]] = [
        ("frames", result["frames"]),
        ("pixels", f"{result['pixels_differing']:,} of {result['pixels_compared']:,} differ"),
        ("slices", ", ".join(f"{name} {ledger[name]:,}" for name in ("produced", "sent", "received", "lost", "dropped"))),
        ("seconds", result["seconds"]),
    ]
    if "faults" in result:
        told += [
            ("faults", f"{result['faults']:,} at {result['positions']:,} bytes of a stream of {result['slices']} slices"),
            ("wrong pixels", result["wrong_pixels"]),
            ("slices lost by a fault, at most", result["max_slices_lost"]),
            ("reports inexact", result["reports_inexact"]),
        ]
    table("", told)
