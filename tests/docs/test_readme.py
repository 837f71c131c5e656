# SPDX-License-Identifier: BSD-2-Clause
"""The README's Python runs as it stands, over the golden model and over the compiled gateware, to the same picture."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"


def first_frame(url: str) -> dict:
    (source,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert source.count('"rtl://"') == 1
    names: dict = {}
    exec(compile(source.replace('"rtl://"', repr(url)), str(README), "exec"), names)
    return names


def test_it_is_ten_lines():
    (source,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len([line for line in source.splitlines() if line.strip()]) <= 10


@pytest.mark.parametrize("url", ["model://", "rtl://"])
def test_first_frame(url, capsys):
    frame = first_frame(url)["frame"]
    # the bar is 16 × 8 pixels: only macro-pixels that straddle its outline are past the threshold, on both sides of it
    assert frame.sent.sum() == 2 * (16 + 8) * 2
    assert not frame.sent[12, 14]
    # the bar's corner has five neighbours outside, 40,000 darker: 5/8 · 40000 · 256 / 2^13
    assert frame.edges[6, 10] == 781
    assert "pixels sent" in capsys.readouterr().out
