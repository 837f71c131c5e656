# SPDX-License-Identifier: BSD-2-Clause
"""The README's Python runs as it stands, over the golden model and over the compiled gateware, to the same picture."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


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


def test_the_command_line_runs_as_it_stands(tmp_path):
    """Every line of the block, in order, in one folder, with a picture of that name; over the golden model."""
    (block,) = [text for text in re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL) if "macropix capture" in text]
    scene = np.add.outer(np.arange(40) * 3, np.arange(60) * 2).astype(np.uint8)
    scene[10:30, 20:40] = 250
    Image.fromarray(scene).save(tmp_path / "radiograph.png")
    lines = [shlex.split(line.replace("rtl://", "model://")) for line in block.splitlines()]
    assert len(lines) >= 4
    for program, *arguments in lines:
        assert program == ".venv/bin/macropix"
        done = subprocess.run(
            [Path(sys.executable).parent / "macropix", *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, (arguments, done.stderr)
    with Image.open(tmp_path / "edges.png") as picture:
        assert picture.size == (60, 40)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_is_dead(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target
