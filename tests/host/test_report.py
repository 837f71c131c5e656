# SPDX-License-Identifier: BSD-2-Clause
"""The page a person looks at: self-contained, well-formed, and saying what was measured."""

import html.parser
import re

import numpy as np
import pytest

from macropix.gateware.wire import ThresholdMode
from macropix.host.charts import bars, colours, histogram
from macropix.host.demo import run_demo
from macropix.host.image import WHITE
from macropix.host.phantom import phantom
from macropix.host.recipe import Recipe

VOID = {"meta", "img", "line", "rect", "br", "link"}


class Balance(html.parser.HTMLParser):
    """Every element that opens closes, in order."""

    def __init__(self):
        super().__init__()
        self.open: list[str] = []
        self.images: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.images.append(dict(attrs)["src"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in VOID

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parse(text: str) -> Balance:
    balance = Balance()
    balance.feed(text)
    balance.close()
    assert balance.open == []
    return balance


@pytest.mark.parametrize("mode", list(ThresholdMode))
def test_histogram_colours_what_is_past_the_threshold(mode):
    values = np.array([-30, -20, -20, 0, 0, 0, 10, 20, 30])
    text = histogram(values, 20, mode)
    parse(text)
    sent = {ThresholdMode.ABS: 4, ThresholdMode.POS: 2, ThresholdMode.NEG: 2}[mode]
    assert text.count('class="sent"') == sent
    assert text.count('class="kept"') == 6 - sent
    assert text.count('class="mark"') == (2 if mode is ThresholdMode.ABS else 1)


def test_histogram_takes_anything():
    for values in (np.zeros((3, 3), int), np.array([-2048, 2047]), np.random.default_rng(1).integers(-2048, 2048, 10_000)):
        parse(histogram(values, 1, ThresholdMode.ABS))
        assert 'class="mark"' not in histogram(values, 0, ThresholdMode.ABS)


def test_bars_are_to_scale():
    text = bars([("a", 1000, "1000"), ("b", 250, "250")], width=960, label=300)
    parse(text)
    widths = [float(found) for found in re.findall(r'<rect [^>]*width="([\d.]+)"', text)]
    assert widths[1] == pytest.approx(widths[0] / 4)


def test_colours_tell_signs():
    shown = colours(np.array([[0, 100, -100]]))
    assert shown[0, 0].max() < 40
    assert shown[0, 1, 0] > 200 > shown[0, 1, 2]
    assert shown[0, 2, 2] > 200 > shown[0, 2, 0]


def test_phantom_is_the_same_everywhere_and_has_what_it_says():
    picture = phantom()
    assert (picture.scene == phantom().scene).all()
    assert not (picture.scene == phantom(seed=2).scene).all()
    assert picture.scene.max() <= WHITE
    level = picture.scene / 60000
    assert 0.9 < np.median(level[:20]) < 1.1, "open beam"
    assert level[-5:, :100].mean() < 0.08, "the blade's back"
    letter = level[60:80, 32:36].mean()  # the left stroke of the H
    assert letter == pytest.approx(np.exp(-2.856 * 0.35), rel=0.08)
    assert phantom(32, 32).shape == (32, 32)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "out"
    image = folder.parent / "small.png"
    from PIL import Image

    Image.fromarray((phantom(64, 90).scene >> 8).astype(np.uint8)).save(image)
    return run_demo("model://", Recipe(image=str(image), mosaic=True), folder), folder


def test_the_page_needs_nothing_else(demo):
    text = (demo[1] / "report.html").read_text(encoding="utf-8")
    found = parse(text)
    assert len(found.images) == 3
    assert all(source.startswith("data:image/png;base64,") for source in found.images)
    assert "http" not in text
    assert "<script" not in text
    assert "url(" not in text


def test_the_page_says_what_was_measured(demo):
    done, folder = demo
    words = " ".join(parse((folder / "report.html").read_text(encoding="utf-8")).text)
    for value in (
        done.edges.bytes_on_wire,
        done.conventional.bytes_on_wire,
        done.bytes_jpegls,
        done.bytes_jpegls_joined,
        done.edges.pixels_sent,
    ):
        assert f"{value:,}" in words
    assert "✓ 0 of" in words
    assert f"T = {done.edges.threshold_lsb}" in words


def test_demo_leaves_its_files(demo):
    done, folder = demo
    names = {"conventional.h5", "conventional.png", "conventional.tif", "edges.h5", "edges.png", "edges.tif", "sent.png", "report.html"}
    assert {path.name for path in folder.iterdir()} == names
    assert done.trouble is None
    told = done.to_dict()
    assert told["pixels_differing"] == 0
    assert told["pixels_compared"] == 2 * 64 * 90
    assert told["pixels_nonzero"] > 64 * 90 / 2
    assert told["bytes_on_wire"] < told["bytes_jpegls"] < told["bytes_raw"]


def test_a_page_about_trouble_says_so(demo):
    import dataclasses

    from macropix.host.report import Report, page

    done, _ = demo
    bad = dataclasses.replace(done.edges, check=dataclasses.replace(done.edges.check, differing=3))
    report = Report(
        title="<t>",
        source="a & b",
        kernel="laplacian",
        conventional=done.conventional,
        edges=bad,
        mode=ThresholdMode.ABS,
        bytes_jpegls=1,
        bytes_jpegls_joined=1,
        settings={},
        versions={},
    )
    text = page(report)
    parse(text)
    assert "✗ 3 of" in text
    assert "&lt;t&gt;" in text
    assert "a &amp; b" in text
