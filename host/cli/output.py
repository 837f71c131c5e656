# SPDX-License-Identifier: BSD-2-Clause
"""What a command prints: one JSON object, or a table on standard output; progress on standard error, on a terminal only."""

import contextlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from macropix.host.errors import MacropixError

__all__ = ["emit", "figure", "progress", "proof", "table", "tell", "trouble"]


def emit(result: Mapping[str, Any]) -> None:
    """One object on standard output."""
    print(json.dumps(result, default=_plain, allow_nan=False))


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


def table(title: str, rows: Iterable[Sequence[Any]], heads: tuple[str, ...] = ("", ""), *, words: tuple[str, ...] = ()) -> None:
    """A table on standard output; under heads, columns of figures are right-justified, the first and those named in `words` are not."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=box.SIMPLE_HEAD, show_header=any(heads), pad_edge=False)
    for number, head in enumerate(heads):
        shown.add_column(head, justify="left" if number == 0 or head in words or not any(heads) else "right", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(figure(cell)) for cell in row))
    console = Console(highlight=False)
    if title:  # not the table's own, which would be broken at the table's width
        console.print(Text(title, style="bold", overflow="fold"))
    console.print(shown)


def figure(value: Any) -> str:
    """A value as a person reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)


def proof(result: Mapping[str, Any]) -> str:
    """How a run compares with the golden model; a proof that shows nothing says so."""
    text = f"{result['pixels_differing']:,} of {result['pixels_compared']:,} pixels differ"
    if not result["pixels_sent"]:
        return f"{text}; no pixel was sent: nothing to see"
    return text if result["pixels_nonzero"] else f"{text}; all of them are 0, so there was nothing to see"


def tell(notes: Iterable[str], as_json: bool) -> None:
    """What a user should know before it happens, a line each on standard error; with JSON it stands in the object's ``notes``."""
    if not as_json:
        for note in notes:
            print(f"note: {note}", file=sys.stderr)


def trouble(error: MacropixError | None, as_json: bool) -> int:
    """Tells what is wrong with a result that was printed already; the exit status."""
    if error is None:
        return 0
    if not as_json:
        print(f"error: {error}", file=sys.stderr)
    return error.exit_status


@contextlib.contextmanager
def progress(as_json: bool) -> Iterator[Any]:
    """A callable (what, done, of) that shows progress on standard error, if that is a terminal and nobody asked for JSON."""
    if as_json or not sys.stderr.isatty():
        yield lambda _what, _done, _of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=of)
            bar.update(tasks[what], completed=done, total=of)

        yield show
