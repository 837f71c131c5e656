# SPDX-License-Identifier: BSD-2-Clause
"""``macropix kernel``: what the bank can hold, and loading it."""

from typing import Annotated, Any

import typer

from macropix.host.cli.options import Json, Timeout, Url

EXAMPLES = "Examples: macropix kernel show sobel_x   ·   macropix kernel set mine.csv --kernel-scale 1/8 --slot 2 --url rtl://"

app = typer.Typer(help="Kernels: list them, show one, load one into the device's bank.", no_args_is_help=True)

Which = Annotated[str, typer.Argument(metavar="KERNEL", help="Name of a kernel, or a file of weights (.toml, .csv, .txt, .npy).")]
Scale = Annotated[str | None, typer.Option("--kernel-scale", metavar="1/8", help="Factor on a file's weights.")]
Macro = Annotated[int | None, typer.Option("--macro", metavar="3|5", help="Side of the macro-pixel. [the kernel's own]")]


@app.command("list")
def list_(
    macro: Annotated[int | None, typer.Option("--macro", metavar="3|5", help="Only those of this side.")] = None, json_output: Json = False
) -> int:
    """All named kernels."""
    from macropix.host import kernels
    from macropix.host.cli.output import emit, table

    found = [kernels.get(name, side) for side in (3, 5) if macro in (None, side) for name in kernels.names(side)]
    if json_output:
        emit({"kernels": [one.to_dict() for one in found]})
    else:
        rows = [(one.name, f"{one.macro} × {one.macro}", str(one.scale), _error(one), one.note) for one in found]
        table("kernels", rows, ("name", "size", "scale", "error", "what it is"), words=("what it is",))
    return 0


@app.command()
def show(kernel: Which, kernel_scale: Scale = None, macro: Macro = None, json_output: Json = False) -> int:
    """Codes and weights of one kernel."""
    from macropix.host.cli.output import emit

    found = _find(kernel, kernel_scale, macro)
    if json_output:
        emit(found.to_dict())
    else:
        _print(found)
    return 0


@app.command("set")
def set_(
    kernel: Which,
    url: Url,
    slot: Annotated[int, typer.Option("--slot", metavar="N", help="Place in the device's bank, 0 … 7.")] = 0,
    kernel_scale: Scale = None,
    timeout: Timeout = 10.0,
    json_output: Json = False,
) -> int:
    """Load a kernel into the device's bank, and read it back."""
    import macropix.host
    from macropix.host.building import for_kernel
    from macropix.host.cli.output import emit, tell
    from macropix.host.recipe import Recipe

    recipe = Recipe(kernel=kernel, kernel_scale=kernel_scale)
    url, notes = for_kernel(url, kernel, recipe.sides())
    tell(notes, json_output)
    with macropix.host.open(url, timeout=timeout) as device:
        found = recipe.the_kernel(device.geometry.macro)
        device.load_kernel(slot, found)
    if json_output:
        emit({"url": device.url, "slot": slot, **found.to_dict(), "notes": notes})
    else:
        _print(found)
        print(f"in place {slot} of {device.url}, read back")
    return 0


def _find(kernel: str, scale: str | None, macro: int | None) -> Any:
    from macropix.host.recipe import Recipe

    recipe = Recipe(kernel=kernel, kernel_scale=scale)
    return recipe.the_kernel(macro or min(recipe.sides(), default=3))


def _error(kernel: Any) -> str:
    return "exact" if kernel.exact else f"{float(kernel.error):.5f}"


def _print(kernel: Any) -> None:
    from macropix.host.cli.output import table

    heads = ("",) * kernel.macro
    table(f"{kernel.name}: bias codes, 256 = 1.0", [[str(int(code)) for code in row] for row in kernel.codes], heads)
    table("weights", [[f"{weight:g}" for weight in row] for row in kernel.weights], heads)
    told = [
        ("note", kernel.note),
        ("scale", str(kernel.scale)),
        ("largest error of a weight", _error(kernel)),
        ("sum of codes", kernel.sum),
    ]
    table("", told)
