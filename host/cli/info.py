# SPDX-License-Identifier: BSD-2-Clause
"""``macropix info``: what is installed, what a device is, what a file holds."""

from pathlib import Path
from typing import Annotated, Any

import typer

from macropix.host.cli.options import Json, Timeout

EXAMPLES = "Examples: macropix info   ·   macropix info --url rtl://   ·   macropix info run.h5"

_IDENTITIES = ("chip_id", "config_hash", "gateware_hash", "epoch", "tag")


def info(
    file: Annotated[str | None, typer.Argument(metavar="[FILE]", help="A capture file.", show_default=False)] = None,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="A device: model://, rtl://, …")] = None,
    timeout: Timeout = 10.0,
    json_output: Json = False,
) -> int:
    """Show this installation, a device, or a capture file."""
    from macropix.host.cli.output import emit, table
    from macropix.host.errors import UserError

    if file is not None and "://" in file:
        raise UserError(f"{file} is a URL", hint=f"macropix info --url {file}")
    if file is not None and url is not None:
        raise UserError("a file and a device at once", expected="one of them")
    told = _file(Path(file)) if file is not None else _device(url, timeout) if url is not None else _installation()
    if json_output:
        emit(told)
        return 0
    for name, part in told.items():
        if isinstance(part, dict):
            table(name, [(key, _short(key, value)) for key, value in part.items()])
    table("", [(name, _short(name, part)) for name, part in told.items() if not isinstance(part, dict)])
    return 0


def _short(name: str, value: Any) -> Any:
    """A value for the table: identities in hexadecimal, lists without brackets, long ones cut."""
    if name in _IDENTITIES and isinstance(value, int):
        return f"0x{value:04x}"
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    text = str(value)
    return value if len(text) < 200 else text[:197] + "…"


def _installation() -> dict[str, Any]:
    import sys

    from macropix.host import kernels
    from macropix.host.cli.versions import versions
    from macropix.host.transport.url import schemes

    return {
        **versions(),
        "python": sys.version.split()[0],
        "schemes": [f"{scheme}://" for scheme in schemes()],
        "kernels": kernels.names(3) + [name for name in kernels.names(5) if name not in kernels.names(3)],
    }


def _device(url: str, timeout: float) -> dict[str, Any]:
    import macropix.host

    with macropix.host.open(url, timeout=timeout) as device:
        status = device.status()
        told = {"url": device.url, "status": status.to_dict() | {"features": _names(status.features), "state": _names(status.state)}}
        told["facts"] = dict(device.transport.facts)
        if hasattr(device, "mirror"):
            told["registers"] = device.mirror.values()
    return told


def _names(flags: Any) -> list[str]:
    return [str(flag.name).lower() for flag in flags]


def _file(path: Path) -> dict[str, Any]:
    from macropix.host.store.hdf5 import CaptureFile

    with CaptureFile(path) as file:
        root = file.attributes()
        return {
            "file": {"path": str(path), **root, "frames": len(file), "epoch": file.epoch},
            "geometry": {
                "rows": file.geometry.rows,
                "cols": file.geometry.cols,
                "border": file.geometry.border,
                "macro": file.geometry.macro,
            },
            "ledger": file.attributes("ledger"),
            "scene": file.scene_facts,
            "facts": file.facts,
        }
