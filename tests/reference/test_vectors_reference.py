# SPDX-License-Identifier: BSD-2-Clause
"""The reference decoder agrees with every stream of docs/vectors: packets, tags, frames, ledger, commands, and what faults cost."""

import ast
import sys
from pathlib import Path

import pytest

from . import commands as down
from .configuration import DRAINING, EXPOSING, status, tag
from .frames import Beliefs, assemble
from .packets import DATA, ERRORS, OPS, REPLY, STATUS, Packet, scan
from .vectors import NAMES, Vector, frame_as_json, packet_as_json

HERE = Path(__file__).parent
WHOLE = [name for name in NAMES if name != "faults"]
#: bytes between two commands that belong to none
NOISE = {"session": 2}
#: errors that are not seen in the bytes
HIDDEN = {"EPOCH", "ADDRESS", "READ_ONLY", "BUSY"}


@pytest.fixture(scope="module", params=NAMES)
def vector(request) -> Vector:
    return Vector(request.param)


@pytest.fixture(scope="module", params=WHOLE)
def whole(request) -> Vector:
    return Vector(request.param)


def losses(host: Beliefs) -> tuple[int, ...]:
    return host.lost, host.repeated, host.stale, host.foreign, host.foreign_slices, host.incomplete, host.impossible


# ---- a judge of his own -----------------------------------------------------------------------------------------


def imported(path: Path) -> set[str]:
    """First names of all modules that `path` imports, "." for its neighbours."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0] if node.level == 0 else "." * node.level)
    return names


def test_the_reference_imports_nothing_of_ours():
    sources = [path for path in HERE.rglob("*.py") if not path.name.startswith("test_")]
    assert {"packets.py", "payload.py", "frames.py", "configuration.py", "commands.py"} <= {path.name for path in sources}
    for path in sources:
        assert imported(path) - {"."} <= sys.stdlib_module_names | {"numpy"}, path
        assert not {"import_module", "__import__"} & set(path.read_text().replace("(", " ").split()), path


def test_an_import_would_be_noticed(tmp_path):
    path = tmp_path / "one.py"
    path.write_text("import zlib, numpy as np\ndef f():\n    from macropix.gateware import wire\n    from ..host import x\n")
    assert imported(path) == {"zlib", "numpy", "macropix", ".."}


# ---- every stream ------------------------------------------------------------------------------------------------


def test_packets(vector):
    found = scan(vector.stream)
    counts = vector.about.get("counts", {})
    for name in ("broken", "unfinished", "skipped"):
        assert getattr(found, name) == counts.get(name, 0), name
    for have, want in zip(found.packets, vector.about["packets"]):
        assert packet_as_json(have) == want
    assert len(found.packets) == len(vector.about["packets"])


def test_tags(vector):
    for one in vector.about["configurations"]:
        assert tag(one["registers"], zip(one["weights"], one["darks"], strict=True)) == one["tag"]


def test_frames(vector):
    host = assemble(scan(vector.stream).packets, vector.shapes, vector.epoch)
    for have, want in zip(host.frames, vector.about["frames"]):
        assert frame_as_json(have) == want
    assert len(host.frames) == len(vector.about["frames"])
    counts = vector.about.get("counts")
    if counts is None:
        assert losses(host) == (0,) * 7
        assert host.received == sum(one["kind"] == "DATA" for one in vector.about["packets"])
    else:
        assert [host.received, host.lost, host.repeated] == [counts[name] for name in ("received", "missing", "duplicates")]
        assert [host.stale, host.foreign_slices] == [counts[name] for name in ("stale", "unknown_tag")]
        # in this stream each undecodable slice is of another frame
        assert host.impossible == counts["undecodable"]
        assert host.foreign + host.incomplete + host.impossible == counts["incomplete"]


def test_ledger(vector):
    """A device at rest has sent what the host has received, and what it misses."""
    packets, checked = scan(vector.stream).packets, 0
    for n, p in enumerate(packets):
        if p.kind != STATUS:
            continue
        told = status(p)
        assert (told["epoch"], told["tag"], told["device_time"] % 2**32) == (p.epoch, p.tag, p.where)
        if p.epoch and not told["state"] & (EXPOSING | DRAINING):
            host = assemble(since(p.epoch, packets[:n]), vector.shapes, p.epoch)
            assert told["produced"] == told["arrived"] == told["sent"] == host.received + host.lost
            checked += 1
    assert checked > 0 or vector.name == "other_codes"


def since(epoch: int, packets: list[Packet]) -> list[Packet]:
    """The packets behind the claim of `epoch`."""
    start = max(n for n, p in enumerate(packets) if p.kind == REPLY and p.epoch == epoch and down.reply(p).op == OPS["CLAIM"])
    return packets[start:]


def test_commands(vector):
    """Each command found, rebuilt to the same bytes, and answered by the next reply."""
    raw = bytes.fromhex(vector.about["commands"])
    sent, counts = down.commands(raw)
    assert counts["unfinished"] == 0
    replies = [down.reply(p) for p in scan(vector.stream).packets if p.kind == REPLY]
    assert len(sent) == len(replies)
    for one, answer in zip(sent, replies):
        assert (answer.sequence, answer.op, answer.address, answer.words) == (one.sequence, one.op, one.address, one.words)
        assert answer.error == one.error or (one.error == 0 and ERRORS[answer.error] in HIDDEN), one
        assert len(answer.data) == (one.words if one.op == OPS["READ"] and not answer.error else 0)
        built = down.build_command(one.op, one.sequence, one.epoch, one.address, one.data, one.words)
        if one.words > 256:  # answered behind its header
            built = built[:12]
        assert one.bytes == len(built)
        if one.error != ERRORS.index("CORRUPT"):
            assert raw[one.offset : one.offset + one.bytes] == built
    assert len(raw) - sum(one.bytes for one in sent) == NOISE.get(vector.name, 0)


# ---- the streams without faults, disturbed -----------------------------------------------------------------------


def key(p: Packet) -> tuple[int, int, int]:
    return p.kind, p.epoch, p.number


def test_one_disturbed_packet(whole):
    """Nothing but the packet is lost, and what it was is counted."""
    data, packets = whole.stream, scan(whole.stream).packets
    n, p = next((n, p) for n, p in enumerate(packets) if n >= len(packets) // 2 and p.kind == DATA and p.length > 2)
    at, end = p.offset, p.offset + p.size
    flipped = data[: at + 21] + bytes([data[at + 21] ^ 4]) + data[at + 22 :]
    in_header = data[: at + 2] + bytes([data[at + 2] ^ 1]) + data[at + 3 :]
    noisy = data[:at] + b"\xa5\xa5\x00\xa5" + data[at:end] + b"\xa5" + data[end:]
    for stream, kept, broken, unfinished in (
        (flipped, packets[:n] + packets[n + 1 :], 1, 0),
        (data[: at + 22] + data[at + 23 :], packets[:n] + packets[n + 1 :], 1, 0),
        (in_header, packets[:n] + packets[n + 1 :], 0, 0),
        (noisy, packets, 0, 0),
        (data[: end - 5], packets[:n], 0, 1),
        (data[: at + 19], packets[:n], 0, 0),
    ):
        found = scan(stream)
        assert [key(one) for one in found.packets] == [key(one) for one in kept]
        assert (found.broken, found.unfinished) == (broken, unfinished)


def test_what_is_believed_of_slices(whole):
    slices = [p for p in scan(whole.stream).packets if p.kind == DATA]
    epoch = slices[0].epoch
    ours = [p for p in slices if p.epoch == epoch]
    frames = sum(p.first for p in ours)
    host = assemble(ours, whole.shapes, epoch ^ 1)
    assert (host.stale, host.received, host.frames) == (len(ours), 0, [])
    host = assemble(ours, {}, epoch)
    assert (host.foreign, host.foreign_slices, host.frames) == (frames, len(ours), [])
    host = assemble(ours[:1] + ours, whole.shapes, epoch)
    assert (host.repeated, len(host.frames)) == (1, frames)
    host = assemble(ours[:1] + ours[2:], whole.shapes, epoch)
    assert (host.lost, len(host.frames)) == (1, frames - 1)


def test_head_of_one_frame_does_not_join_the_tail_of_its_twin():
    vector = Vector("slices")
    one, two, three = [p for p in scan(vector.stream).packets if p.kind == DATA][:3]
    stream = [one] + [p._replace(number=p.number + 3) for p in (two, three)]
    host = assemble(stream, vector.shapes, one.epoch)
    assert (host.lost, host.incomplete, host.frames) == (3, 1, [])
