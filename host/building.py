# SPDX-License-Identifier: BSD-2-Clause
"""Which gateware a kernel needs, where the backend builds its gateware itself.

URL, kernel ── fits? ──► URL                                  (a device as it is, or macro-pixels that fit)
                    └──► URL with macro=5, and a line that says so        (rtl://, model://)
"""

from collections.abc import Collection

from macropix.host.errors import UserError
from macropix.host.transport.url import config_from, parse

__all__ = ["BUILDERS", "for_kernel"]

#: schemes whose gateware is built as the URL's options say
BUILDERS = ("model", "rtl")


def for_kernel(url: str, name: str, sides: Collection[int]) -> tuple[str, list[str]]:
    """The URL to open for a kernel, and a line for each thing that it says otherwise than `url`.

    Parameters
    ----------
    url : str
        As the user gave it.
    name : str
        Of the kernel.
    sides : collection of int
        Sides of the macro-pixel that there is such a kernel for; empty: nothing is known, and nothing done.

    Raises
    ------
    UserError
        If the URL itself asks for another macro-pixel than the kernel fits.
    """
    parsed = parse(url)
    if parsed.scheme not in BUILDERS or not sides:
        return url, []
    asked = config_from(parsed.options).macro
    if asked in sides:
        return url, []
    wanted = min(sides)
    if "macro" in parsed.options:
        raise UserError(
            f"kernel {name} is {wanted} × {wanted}, but {url} asks for macro-pixels of {asked} × {asked}",
            expected=f"macro={wanted}",
            found=f"macro={asked}",
            hint=f"leave macro={asked} out of the URL: {parsed.scheme}:// builds what the kernel needs; or take another kernel",
        )
    joint = "&" if parsed.options else ("" if url.endswith("?") else "?")
    note = f"kernel {name} is {wanted} × {wanted}: {parsed.scheme}:// builds the gateware with macro-pixels of that size (macro={wanted})"
    return f"{url}{joint}macro={wanted}", [note]
