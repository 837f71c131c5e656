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


@pytest.mark.parametrize("most", [9, 12_345, 123_456, 2_000_000, 12_345_678])
def test_histogram_s_labels_lie_in_the_picture(most):
    """A figure of the 13 px font is at most 9 px wide, a comma less."""
    text = histogram(np.repeat([0, 3], [most, 2]), 1, ThresholdMode.ABS)
    labels = re.findall(r'x="([\d.]+)" y="[\d.]+" text-anchor="end">([^<−]+)<', text)
    assert len(labels) >= len(str(most))
    assert all(float(x) >= 9 * len(label) for x, label in labels)
    assert ("100k" in text) == (most >= 100_000)


def test_charts_keep_their_width_on_a_narrow_screen(demo):
    text = (demo[1] / "report.html").read_text(encoding="utf-8")
    assert text.count('<div class="wide"><svg') == text.count("<svg") == 2
    assert re.search(r"svg {[^}]*min-width: \d{3}px", text)
    assert re.search(r"\.wide {[^}]*overflow-x: auto", text)


def test_only_small_pictures_are_shown_without_smoothing(demo):
    """Shown smaller without smoothing, a line one pixel wide is lost."""
    from macropix.host.report import _kind

    assert (demo[1] / "report.html").read_text(encoding="utf-8").count('<img alt="') == 3
    assert _kind(np.zeros((320, 32))) == ' class="small"'
    assert _kind(np.zeros((800, 1000))) == ""


def test_thin_lines_of_a_large_picture_stay():
    from macropix.host.report import strongest

    values = np.zeros((801, 1999), np.int64)
    values[100], values[101], values[:, 1998] = 7, -9, 5
    small = strongest(values)
    assert small.shape == (201, 500)
    assert (small[25, :-1] == -9).all()
    assert (small[:25, -1] == 5).all()
    assert not np.delete(small, 25, axis=0)[:, :-1].any()
    assert (strongest(values[:640, :640]) == values[:640, :640]).all()
    assert strongest(values > 0).dtype == bool


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
    nothing = page(dataclasses.replace(report, edges=dataclasses.replace(done.edges, pixels_sent=0)))
    assert "no pixel of the edge image was sent: nothing to see" in nothing
    assert "✓" not in nothing
    assert "a &amp; b" in text
