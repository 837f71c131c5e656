# SPDX-License-Identifier: BSD-2-Clause
"""The vectors in docs/vectors/: fresh, complete, and understood by the host's decoder, both twins.

What the host makes of `faults`, and whether a second author's decoder agrees with it, is in tests/reference.
"""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from macropix.gateware.wire import Error, Kind, Op, Positions, Tap, ThresholdMode, Values
from macropix.host.decode.bytes import PacketDecoder
from macropix.host.decode.plain import decode_plain
from macropix.host.decode.slices import decode_slice

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "vectors"
NAMES = sorted(path.stem for path in FOLDER.glob("*.bin"))
WHOLE = [name for name in NAMES if name != "faults"]


def load(name: str) -> tuple[bytes, dict]:
    return (FOLDER / f"{name}.bin").read_bytes(), json.loads((FOLDER / f"{name}.json").read_text())


def slices(name: str) -> list[dict]:
    return [packet for packet in load(name)[1]["packets"] if packet["kind"] == "DATA"]


def test_vectors_are_fresh():
    done = subprocess.run(
        [sys.executable, "tools/make_vectors.py", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_stale_vector_would_be_noticed():
    path = FOLDER / "taps.bin"
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import make_vectors

        assert make_vectors.files()[path] == path.read_bytes()
        assert make_vectors.files().keys() == {p for p in FOLDER.iterdir() if p.suffix in (".bin", ".json")}
    finally:
        sys.path.remove(str(ROOT / "tools"))


def test_every_code_is_there():
    seen = {(one["positions"], one["values"]) for one in slices("codes")}
    wanted = set(itertools.product(("ALL", "RUNS", "BITMAP"), ("PACKED", "RICE", "DELTA"))) | {("FLAGGED", "PACKED")}
    assert seen == wanted
    everything = {(one["positions"], one["values"]) for one in slices("other_codes")}
    assert everything == {(position.name, value.name) for position in Positions for value in Values}
    assert any(one["bytes"] == 24 for one in slices("codes"))


def test_every_tap_error_and_kind_is_there():
    assert {one["tap"] for one in slices("taps")} == {tap.name for tap in Tap}
    packets = load("session")[1]["packets"]
    assert {one["kind"] for one in packets} == {kind.name for kind in Kind}
    errors = {one["error"] for one in packets if one["kind"] == "REPLY"}
    assert errors == {error.name for error in Error} - {Error.SCENE.name}  # the device of this stream has a scene memory
    since_claim = [one for one in packets if one["kind"] == "REPLY" and one["epoch"]]
    assert {one["op"] for one in since_claim if one["error"] == "EPOCH"} >= {Op.WRITE.value, Op.CLAIM.value, Op.START.value}
    assert {one["error"] for one in since_claim if one["words"] > 256} == {"OP", "LENGTH"}
    frames = load("session")[1]["frames"]
    assert any(
        (a["epoch"], a["shot"], a["kernel"], a["tag"]) == (b["epoch"], b["shot"], b["kernel"], b["tag"])
        for a, b in itertools.pairwise(frames)
    )
    assert {one["epoch"] for one in packets} == {0, 0x1111, 0x2222}
    assert len({one["tag"] for one in packets if one["kind"] == "DATA"}) == 9


def test_every_slice_and_code_a_second_author_missed_is_there():
    """FINDINGS of the first independent decoder: what no vector held."""
    by_shot = [list(group) for _, group in itertools.groupby(slices("slices"), lambda one: one["shot"])]
    assert [[one["positions"] for one in group] for group in by_shot] == [
        ["ALL"] * 3,
        ["RUNS"] * 3,
        ["RUNS"] * 3,
        ["FLAGGED"] * 3,
        ["BITMAP"] * 3,
    ]
    assert [group[1]["bytes"] for group in by_shot[:3]] == [1560, 24, 24]
    assert [one["saturated"] for one in by_shot[3]] == [8, 0, 0]
    response = load("response")[1]
    assert json.loads(response["config"])["macro"] == 5
    assert any(dark < 0 for one in response["configurations"] for dark in one["darks"])
    assert any(dark > 0 for one in response["configurations"] for dark in one["darks"])
    assert len({frame["kernel"] for frame in response["frames"]}) == 2
    modes = {
        one["tag"]: (one["registers"]["threshold_mode"], one["registers"]["threshold"] > 0) for one in load("codes")[1]["configurations"]
    }
    assert {modes[one["tag"]] for one in slices("codes") if one["values"] == "RICE"} >= {
        (0, True),
        (1, True),
        (1, False),
        (2, True),
        (2, False),
    }
    modes = {one["tag"]: one["registers"]["threshold_mode"] for one in load("other_codes")[1]["configurations"]}
    rice = {(one["positions"], modes[one["tag"]]) for one in slices("other_codes") if one["values"] == "RICE"}
    assert rice == {(position.name, mode.value) for position in Positions for mode in ThresholdMode}


def test_faults_are_all_there():
    stream, vector = load("faults")
    assert all(vector["counts"].values())
    assert {(one["number"], one["shot"]) for one in slices("faults")} >= {(65535, 65535), (0, 65535)}
    assert {one["shot"] for one in vector["frames"]} >= {65535, 0}
    assert {one["epoch"] for one in slices("faults")} > {0, vector["epoch"]}
    # two frames of one kernel in one shot, which differ in each slice: their splice would be a wrong frame
    twins = [pair for pair in itertools.pairwise(vector["frames"]) if pair[0]["shot"] == pair[1]["shot"]]
    assert twins
    for one, other in twins:
        parts = [
            [[(n, v) for n, v in zip(twin["sent"], twin["values"]) if n // 1024 == part] for part in range(3)] for twin in (one, other)
        ]
        assert all(a != b for a, b in zip(*parts, strict=True))
    assert len(stream) < 12_000


@pytest.mark.parametrize("name", NAMES)
def test_tags_are_those_of_the_configurations(name):
    _, vector = load(name)
    assert {frame["tag"] for frame in vector["frames"]} == {one["tag"] for one in vector["configurations"]}


@pytest.mark.parametrize("name", WHOLE)
def test_the_host_decodes_what_is_meant(name):
    stream, vector = load(name)
    decoder = PacketDecoder()
    packets = decoder.feed(stream) + decoder.finish()
    assert len(packets) == len(vector["packets"])
    open_, frames = None, []
    for packet, meant in zip(packets, vector["packets"], strict=True):
        if meant["kind"] != "DATA":
            continue
        coding = (Positions[meant["positions"]].value, Values[meant["values"]].value, Tap[meant["tap"]].value)
        found = decode_slice(packet.payload, meant["pixels"], *coding)
        plain = decode_plain(packet.payload, meant["pixels"], *coding)
        assert found.index.tolist() == plain[0]
        assert found.value.tolist() == plain[1]
        start = 0 if meant["first"] else meant["where"]
        if meant["first"]:
            open_ = {"sent": [], "values": [], "masked": [], "saturated": 0}
        open_["sent"] += [start + i for i in plain[0]]
        open_["values"] += plain[1]
        open_["masked"] += [start + i for i in found.masked.tolist()]
        open_["saturated"] |= meant["saturated"]
        if meant["last"]:
            frames.append(open_)
    assert len(frames) == len(vector["frames"])
    for frame, meant in zip(frames, vector["frames"], strict=True):
        pixels = meant["rows"] * meant["columns"]
        meant_sent = list(range(pixels)) if meant["sent"] == "ALL" else meant["sent"]
        assert frame == {"sent": meant_sent, **{key: meant[key] for key in ("values", "masked", "saturated")}}
