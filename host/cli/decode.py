# SPDX-License-Identifier: BSD-2-Clause
"""``macropix decode``: a recorded stream into frames and pictures."""

from pathlib import Path
from typing import Annotated, Any

import typer

from macropix.host.cli.options import Json

EXAMPLES = "Examples: macropix decode run.h5   ·   macropix decode stream.bin -o frames.tif   ·   macropix decode run.h5 -o picture.png"


def decode(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A capture file, or a bare stream of bytes, or its file:// URL with rows and cols.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="Picture to write: .tif of every frame's values, or .png of one frame."),
    ] = None,
    number: Annotated[
        int, typer.Option("--frame", metavar="N", help="Which frame goes into a PNG; a mosaic is joined unless this is given.")
    ] = -1,
    json_output: Json = False,
) -> int:
    """Decode a recorded stream anew, from its first byte, and say what was found."""
    from macropix.host.cli.output import emit, progress, table, trouble
    from macropix.host.decoding import decode_file
    from macropix.host.export import Export
    from macropix.host.store.files import check_writable

    with progress(json_output) as show:
        if out is None:
            found = decode_file(file, progress=show)
        else:
            with Export(check_writable(out), number) as export:
                found = decode_file(file, export=export, progress=show)
    result: dict[str, Any] = found.to_dict() | ({"picture": str(out)} if out is not None else {})
    error = found.trouble
    if json_output:
        emit(result if error is None else result | {"error": error.to_dict()})
    else:
        ledger = result.pop("ledger")
        counts = [(name, ledger[name]) for name in ("produced", "sent", "received", "lost", "dropped")]
        slices = ", ".join(f"{name} {'unknown' if value is None else f'{value:,}'}" for name, value in counts)
        table(file, [*result.items(), ("slices", slices)])
    return trouble(error, json_output)
