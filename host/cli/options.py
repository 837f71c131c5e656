# SPDX-License-Identifier: BSD-2-Clause
"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Image", "Json", "Seed", "Timeout", "Url"]

Url = Annotated[str, typer.Option("--url", metavar="URL", help="The device: model://, rtl://, serial:///dev/…, tcp://host:port …")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, and nothing else there.")]
Image = Annotated[Path | None, typer.Option("--image", metavar="FILE", help="PNG, TIFF or DICOM of 8 to 16 bits; BMP or JPEG.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="How long any answer may take.")]
