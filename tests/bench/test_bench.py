# SPDX-License-Identifier: BSD-2-Clause
"""What the benches measure is right; how fast is not asked here. Small cases, in process and through the command."""

import json

import numpy as np
import pytest

from macropix.gateware.wire import CRC_BYTES, HEADER_BYTES
from macropix.host.bench import clock, decode, golden, peers, recorded, scenes, stream
from macropix.host.cli.app import run
from macropix.host.errors import MismatchError, UserError


@pytest.fixture(scope="module")
def small() -> recorded.Recorded:
    return recorded.record([scenes.steps(32, 32, 1)], share=0.25, frames=20, noise=40)


def test_a_recorded_stream_is_what_was_asked_for(small):
    assert len(small.frames) == 20
    assert 0.15 < small.sent / small.pixels < 0.3
    assert len({frame.value.tobytes() for frame in small.frames}) == 20  # noise: no two alike
    assert len(small.data) - small.payload_bytes == small.slices * (HEADER_BYTES + CRC_BYTES)
    assert sum(small.codes.values()) == small.slices == 20
    decode.check(small)


def test_a_wrong_frame_is_no_figure(small):
    wrong = recorded.Recorded(small.data, [*small.frames[1:], small.frames[0]], small.settings, small.geometry, small.epoch)
    with pytest.raises(MismatchError, match="frame 0"):
        decode.check(wrong)
    with pytest.raises(MismatchError, match="missing"):
        decode.check(recorded.Recorded(small.data, [*small.frames, small.frames[0]], small.settings, small.geometry, small.epoch))


def test_decode_measures_every_case(monkeypatch):
    monkeypatch.setattr(decode, "ARRAYS", ((32, 30, 1),))
    monkeypatch.setattr(decode, "STREAMED", 1 << 20)
    monkeypatch.setattr(clock, "best", lambda runs, **_: {name: float(run() is None) + 1 for name, run in runs.items()})
    monkeypatch.setattr(peers, "event_files", lambda frames, folder: {})
    cases = decode.decode_cases(1, shares=(0.1,))
    assert [case["array"] for case in cases] == ["32 × 32"]
    assert cases[0]["crc_checked"] is True
    assert cases[0]["ratio"] is None
    assert 0 <= cases[0]["peak_rss_growth_mb"] < 100
    assert cases[0]["mpixel_per_s"] == round(30 * 28 * 28 / 1e6, 1)


def test_peers_show_the_same_places(small, tmp_path):
    pytest.importorskip("expelliarmus")
    runs = peers.event_files(small.frames, tmp_path)
    assert set(runs) == {"expelliarmus evt3", "expelliarmus evt2", "expelliarmus dat"}
    for run_ in runs.values():
        np.testing.assert_array_equal(run_() > 0, np.stack([frame.sent for frame in small.frames]))


def test_opencv_computes_the_same_edges():
    pytest.importorskip("cv2")
    stack = np.stack([scenes.steps(40, 50, 1)])
    weights = np.array([[0, -64, 0], [-64, 256, -64], [0, -64, 0]])
    run_ = peers.filter2d(stack, weights / 256, 1280)
    assert run_ is not None
    x = stack[0].astype(np.int64)
    sums = sum(
        weights[i, j] * x[i : x.shape[0] - 2 + i, j : x.shape[1] - 2 + j] for i in range(3) for j in range(3)
    )  # fmt: skip
    np.testing.assert_array_equal(run_()[1:-1, 1:-1] > 0, np.abs(sums) > 1280 * 256)


def test_golden_measures_every_case(monkeypatch):
    monkeypatch.setattr(golden, "SIZES", ((32, 6),))
    (case,) = golden.golden_cases(1)
    assert case["case"] == "32 × 32 × 6"
    assert case["mpixel_per_s"] > 0
    assert case["plain_mpixel_per_s"] > 0


def test_stream_measures_scenes_and_pictures(monkeypatch, tmp_path):
    from PIL import Image

    monkeypatch.setattr(stream, "_SYNTHETIC", ((32, 2),))
    monkeypatch.setattr(stream, "SHARES", (0.25,))
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (60, 70), np.uint8)).save(tmp_path / "noise.png")
    (tmp_path / "note.txt").write_text("no picture")
    cases, overhead = stream.stream_cases(1, images=tmp_path, kernels=("laplacian",))
    assert overhead == HEADER_BYTES + CRC_BYTES
    assert {(case["scene"], case["mode"]) for case in cases} == {
        (name, mode) for name in ("steps 32 × 32", "phantom 32 × 32", "noise.png") for mode in ("auto", "edge")
    }
    for case in cases:
        assert case["by_rice"] == pytest.approx(case["bits_per_pixel_sent"] / case["rice_bits"], rel=1e-3)
        assert case["by_words"] == pytest.approx(case["bits_per_pixel_sent"] / 32, rel=1e-3)
        assert 0.1 < case["occupancy"] <= 0.4


def test_folders_without_pictures_are_refused(tmp_path):
    with pytest.raises(UserError, match="no folder"):
        next(scenes.pictures(tmp_path / "nowhere"))
    (tmp_path / "note.txt").write_text("no picture")
    with pytest.raises(UserError, match="is a picture"):
        next(scenes.pictures(tmp_path))


def test_the_command_tells_figures_versions_and_missing_peers(monkeypatch, capsys):
    monkeypatch.setattr(golden, "SIZES", ((32, 3),))
    monkeypatch.setattr(peers, "missing", lambda *names: list(names))
    assert run(["bench", "golden", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["peers_missing"] == ["cv2"]
    assert "bench" in told["hint"]
    assert told["cases"][0]["ratio"] is None
    assert told["cases"][0]["mpixel_per_s"] > 0
    assert {"macropix", "numpy", "numba", "python"} <= set(told["versions"])
    assert told["threads"] == 1
    assert run(["bench", "golden"]) == 0
    assert "not installed, so not measured: cv2 (pip install 'macropix[bench]')" in capsys.readouterr().out


def test_memory_is_told_in_bytes():
    clock.reset_peak()
    before = clock.resident()
    held = np.ones(30_000_000, np.uint8)
    assert clock.peak_memory() - before > 25_000_000
    del held
