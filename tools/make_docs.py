# SPDX-License-Identifier: BSD-2-Clause
"""What is generated in docs/: the register map. ``--check`` writes nothing and exits 1 if a page is stale."""

import argparse
import enum
import sys
from pathlib import Path

from macropix.gateware import registers, wire
from macropix.gateware.config import Config

ROOT = Path(__file__).parents[1]


def register_table(block: dict[str, registers.Register]) -> list[str]:
    """Rows of a markdown table, a register each."""
    lines = ["| address | name | bits | range | reset | unit | latched | meaning |", "|---|---|---|---|---|---|---|---|"]
    for register in block.values():
        meaning = register.doc
        if register.kind is not None and issubclass(register.kind, enum.Enum):
            meaning += ": " + ", ".join(f"{int(member.value)} {member.name}" for member in register.kind)
        writable = register.access is registers.Access.WRITE
        lines.append(
            f"| 0x{register.address:04X} | `{register.name}` | {register.width}{' signed' if register.signed else ''} "
            f"| {f'{register.minimum} … {register.maximum}' if writable else ''} | {register.reset if writable else ''} "
            f"| {register.unit} | {'yes' if register.frame else ''} | {meaning} |"
        )
    return lines


def register_page() -> str:
    """docs/registers.md."""
    config = Config()
    lines = [
        "# Registers",
        "",
        f"Register map of protocol {wire.PROTOCOL_MAJOR}.{wire.PROTOCOL_MINOR}, made by `make docs` from",
        "`gateware/registers.py`; do not edit.",
        "",
        "Addresses count 16-bit words; a wider register takes consecutive words, least significant first. A register",
        "marked *latched* affects a frame: it is taken over at the start of an exposure, together with all others, and",
        "counts into the tag, as `protocol.md` says. Bits of `state` and `features` add up; other lists name one value each.",
        "",
        "## Status (read only; the payload of a status packet is this block)",
        "",
        *register_table(registers.STATUS),
        "",
        "## Control",
        "",
        *register_table(registers.CONTROL),
        "",
        "## Windows",
        "",
        f"Code j of kernel k stands at `bias` + {registers.BIAS_STRIDE} k + j, sub-pixels in raster order. Weight and dark of bias b stand",
        "at `weight` and `dark` + (b mod 1024). `pedestal` goes by a macro-pixel's index in the frame, `scene` by row · cols + column of",
        "the array. One command's words lie in one window; `weight` and `dark` count as one.",
        "",
        "| from | name | words (32 × 32 die) | bits | meaning |",
        "|---|---|---|---|---|",
    ]
    for window in registers.WINDOWS.values():
        bits = f"{window.width}{' signed' if window.signed else ''}"
        lines.append(f"| 0x{window.base:04X} | `{window.name}` | {window.depth(config)} | {bits} | {window.doc} |")
    return "\n".join(lines) + "\n"


PAGES = {"docs/registers.md": register_page}


def main() -> int:
    """Write every page, or say which one is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is stale")
    check = parser.parse_args().check
    stale = 0
    for name, page in PAGES.items():
        path, text = ROOT / name, page()
        if check:
            if not path.exists() or path.read_text() != text:
                print(f"{name} is stale: run make docs", file=sys.stderr)
                stale = 1
        else:
            path.write_text(text)
    return stale


if __name__ == "__main__":
    sys.exit(main())
