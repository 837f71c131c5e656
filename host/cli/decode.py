# SPDX-License-Identifier: BSD-2-Clause
"""``macropix decode``: a recorded stream into frames and pictures."""

from pathlib import Path
from typing import Annotated, Any

import typer

from macropix.host.cli.options import Json

EXAMPLES = "Examples: macropix decode run.h5   ·   macropix decode stream.bin -o frames.tif   ·   macropix decode run.h5 -o picture.png"


def decode(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A capture file, or a bare stream of bytes.")],
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
    from macropix.host.cli.output import emit, table, trouble
    from macropix.host.decoding import decode_file
    from macropix.host.export import Export
    from macropix.host.store.files import check_writable

    if out is None:
        found = decode_file(file)
    else:
        with Export(check_writable(out), number) as export:
            found = decode_file(file, export=export)
    result: dict[str, Any] = found.to_dict() | ({"picture": str(out)} if out is not None else {})
    error = found.trouble
    if json_output:
        emit(result if error is None else result | {"error": error.to_dict()})
    else:
        ledger = result.pop("ledger")
        slices = ", ".join(
            f"{name} {value:,}" for name, value in ledger.items() if name in ("produced", "sent", "received", "lost", "dropped")
        )
        table(str(file), [*result.items(), ("slices", slices or "no status packet")])
    return trouble(error, json_output)
