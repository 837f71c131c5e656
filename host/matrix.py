# SPDX-License-Identifier: BSD-2-Clause
"""`verify` over every size, macro-pixel and form, each on a device that its backend builds.

rtl://?fifo=4096 ── options of a form ──► rtl://?fifo=4096&rows=8&cols=8 … ──► verify ──► a line each
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import macropix.host
from macropix.host.building import BUILDERS
from macropix.host.errors import MacropixError, UserError
from macropix.host.transport.url import config_from, parse
from macropix.host.verify import Verification, verify

__all__ = ["FORMS", "Line", "matrix"]

#: options of each device, beside the URL's own: sizes, macro-pixels of 3 and 5, one multiplier for each sub-pixel and one for all, a
#: streamed scene; and, small, all of the rest with each other
FORMS = (
    "rows=8&cols=8",
    "rows=32&cols=32",
    "rows=64&cols=48",
    "rows=32&cols=32&form=shared",
    "rows=32&cols=32&macro=5",
    "rows=32&cols=32&macro=5&form=shared",
    "rows=8&cols=8&macro=5",
    "rows=64&cols=48&macro=5",
    "rows=8&cols=9&scene=streamed&form=shared&macro=5",
    "rows=8&cols=2048&scene=streamed",
)


@dataclasses.dataclass
class Line:
    """One device, and what came of it; `found` is None where `error` kept it from being tried to the end."""

    options: str
    url: str
    found: Verification | None
    build_seconds: float
    error: MacropixError | None

    def to_dict(self) -> dict[str, Any]:
        """The figures for ``--json``: those of `Verification` without its cells, of which only the number is told."""
        told: dict[str, Any] = {"options": self.options, "url": self.url, "build_seconds": round(self.build_seconds, 3)}
        if self.found is not None:
            figures = self.found.to_dict()
            cells = figures.pop("cells")
            told |= figures | {"cells": len(cells), "pixels_nonzero": sum(cell["pixels_nonzero"] for cell in cells)}
            told["cells_without_nonzero"] = sum(not cell["pixels_nonzero"] for cell in cells)
        return told if self.error is None else told | {"error": self.error.to_dict()}


def matrix(
    url: str,
    *,
    forms: tuple[str, ...] = FORMS,
    frames: int = 1,
    seed: int = 1,
    timeout: float = 10.0,
    progress: Callable[[str, int, int], None] | None = None,
) -> Iterator[Line]:
    """Opens each of `forms` behind the URL and verifies it. A device that fails does not keep the others from being tried.

    Raises UserError before anything is opened if the URL's backend does not build its gateware, or the URL has an option of the forms.
    """
    parsed = parse(url)
    if parsed.scheme not in BUILDERS:
        raise UserError(f"{url} is one device", expected=f"a backend that builds: {', '.join(f'{name}://' for name in BUILDERS)}")
    urls = []
    for options in forms:
        joint = "&" if parsed.options else ("" if url.endswith("?") else "?")
        urls.append(f"{url}{joint}{options}")
        config_from(parse(urls[-1]).options)
    show = progress or (lambda _what, _done, _of: None)
    for number, (options, one) in enumerate(zip(forms, urls, strict=True)):
        show("forms", number, len(forms))
        found, build, error = None, 0.0, None
        try:
            with macropix.host.open(one, timeout=timeout, seed=seed) as device:
                build = float(device.transport.facts.get("build_seconds", 0.0))
                found = verify(device, frames=frames, seed=seed, progress=show)
                error = found.trouble
        except MacropixError as trouble:
            error = trouble
        yield Line(options, one, found, build, error)
    show("forms", len(forms), len(forms))
