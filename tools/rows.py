# SPDX-License-Identifier: BSD-2-Clause
"""Every row that the issues so far promise, measured now: ``{row, value, limit, ok, command}`` a line, exit status 1 if one fails.

``make rows`` runs all; ``tools/rows.py verify faults`` those whose name holds one of the words.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
IMAGES = ROOT.parent / "shared" / "images"
#: seconds any one command may take
SECONDS = 3600.0

Row = dict[str, object]
ROWS: dict[str, Callable[[], Iterator[Row]]] = {}


def row(function: Callable[[], Iterator[Row]]) -> Callable[[], Iterator[Row]]:
    """Enters a function that yields rows under its name."""
    ROWS[function.__name__] = function
    return function


def made(name: str, value: object, limit: str, ok: bool, command: str) -> Row:
    """One row."""
    return {"row": name, "value": value, "limit": limit, "ok": bool(ok), "command": command}


def run(command: list[str], *, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end, whatever that is."""
    program = [str(BIN / command[0]) if command[0] == "macropix" else command[0], *command[1:]]
    return subprocess.run(program, cwd=cwd, capture_output=True, text=True, timeout=SECONDS, check=False, env={**os.environ, **environment})


def answer(command: list[str]) -> tuple[dict, subprocess.CompletedProcess[str]]:
    """The object that a ``--json`` command prints, or an empty one."""
    done = run(command)
    try:
        return json.loads(done.stdout), done
    except json.JSONDecodeError:
        return {"error": (done.stderr or done.stdout)[-300:]}, done


@row
def demo() -> Iterator[Row]:
    """`make demo` from a fresh clone, twice."""
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "macropix"
        run(["git", "clone", "--quiet", str(ROOT), str(tree)])
        cache = str(Path(name) / "cache")
        for title, limit in (("demo, fresh clone", 300.0), ("demo, second time", 20.0)):
            start = time.monotonic()
            done = run(["make", "demo"], cwd=tree, MACROPIX_CACHE=cache)
            seconds = round(time.monotonic() - start, 1)
            ok = done.returncode == 0 and seconds < limit and (tree / "macropix-demo" / "report.html").exists()
            yield made(title, seconds if done.returncode == 0 else done.stderr[-300:], f"< {limit:.0f} s, exit status 0", ok, "make demo")
        routers = sorted(path.name for path in (tree / ".venv" / "bin").glob("*nextpnr*"))
        yield made("demo installs no place and route", routers, "none", not routers, "ls .venv/bin/*nextpnr*")


@row
def radiograph() -> Iterator[Row]:
    """The pen case through the compiled gateware as a mosaic; the LoG of 5 × 5 on gateware that the backend builds for it."""
    image = IMAGES / "baggage" / "X1.png"
    if not image.exists():
        yield made("radiograph 315 × 501", f"no {image.name} beside the checkout", "0 differing", False, "-")
        return
    for kernel, name, share_of_paper in (("laplacian", "Laplacian", 46.1), ("log5", "LoG", 48.9)):
        yield from _radiograph(image, kernel, name, share_of_paper)


def _radiograph(image: Path, kernel: str, title: str, share_of_paper: float) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        command = ["macropix", "capture", "--url", "rtl://", "--image", str(image), "--mosaic", "--kernel", kernel]
        command += ["--threshold", "1", "--threshold-mode", "pos", "--mode", "edge", "--stride", "1", "--frames", "1"]
        command += ["-o", str(Path(name) / "x1.h5"), "--check", "--json"]
        found, done = answer(command)
        text = " ".join(command).replace(name, "OUT").replace(str(IMAGES), "../shared/images")
        compared, differing = found.get("pixels_compared"), found.get("pixels_differing", found)
        ok = done.returncode == 0 and differing == 0 and compared == 315 * 501
        yield made(f"radiograph 315 × 501, {title}, pixels differing", differing, f"0 of {315 * 501}", ok, text)
        share = round(100 * found.get("pixels_sent", 0) / max(1, found.get("pixels_total", 1)), 1)
        yield made(f"radiograph, share sent at T = 1, pos, {title}", f"{share} %", f"{share_of_paper} %", share == share_of_paper, text)


@row
def verify() -> Iterator[Row]:
    """Random scenes through every kernel, stride, mode and threshold; over two and four lanes too, fast and slow."""
    lanes = ("lanes=2", "lanes=4", "lane=1", "lanes=2&lane=1", "lanes=4&lane=1")
    for url in ("rtl://", "model://", *(f"rtl://?{options}" for options in lanes)):
        yield _verified(f"verify {url}", url)


def _verified(title: str, url: str, before: str = "") -> Row:
    """Every cell of `macropix verify` over `url`; `before` is the command that serves it."""
    command = ["macropix", "verify", "--url", url, "--json"]
    found, done = answer(command)
    cells = found.get("cells", [])
    ok = done.returncode == 0 and found.get("pixels_differing") == 0 and len(cells) > 100
    ok = ok and all(cell["pixels_nonzero"] > 0 for cell in cells)
    value = {key: found.get(key) for key in ("frames", "pixels_compared", "pixels_differing", "error") if key in found}
    return made(title, value, "0 differing, every cell with non-zero pixels", ok, before + " ".join(command))


@row
def verify_served() -> Iterator[Row]:
    """The same over the links to a served device, here the compiled gateware."""
    for title, options in (("verify serial:// (pty)", ["--pty"]), ("verify tcp://", ["--listen", "127.0.0.1:0"])):
        command = ["macropix", "serve-device", "rtl://", *options]
        program = [str(BIN / command[0]), *command[1:]]
        with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            yield _verified(title, url, " ".join(command) + " & ")
            server.terminate()


@row
def soak() -> Iterator[Row]:
    """A million frames over a link that is slower than the exposures, with random stalls: directly, and over TCP."""
    url = "rtl://?rows=8&cols=8&link=uart&baud=12000000"
    for title, how in (("soak rtl://", "no"), ("soak tcp://", "tcp")):
        command = [sys.executable, "tools/soak.py", url, "--frames", "1000000", "--serve", how]
        found, done = answer(command)
        keys = ("frames", "runs", "runs_with_overflow", "stalls", "dropped", "lost", "unbalanced", "frames_wrong", "rss_growth_mb", "error")
        value = {key: found.get(key) for key in (*keys, "frames_per_s") if key in found}
        ok = done.returncode == 0 and found.get("ok") is True and found.get("runs_with_overflow", 0) > 0 and found.get("stalls", 0) > 0
        yield made(title, value, "10⁶ frames, every ledger balances, memory flat", ok, "python " + " ".join(command[1:]))


@row
def matrix() -> Iterator[Row]:
    """Every size, macro-pixel and form, each on gateware of its own: a row for each device."""
    for url in ("rtl://", "model://"):
        command = ["macropix", "verify", "--matrix", "--url", url, "--json"]
        found, done = answer(command)
        for one in found.get("forms", [{"options": "all", "error": found.get("error", "")}]):
            ok = "error" not in one and one["pixels_differing"] == 0 and one["cells_without_nonzero"] == 0 and one["cells"] > 600
            keys = ("frames", "cells", "pixels_compared", "pixels_nonzero", "pixels_differing", "build_seconds", "seconds", "error")
            value = {key: one[key] for key in keys if key in one}
            title = f"verify {url}?{one['options']}"
            yield made(title, value, "0 differing, every cell with non-zero pixels", ok and done.returncode == 0, " ".join(command))


@row
def mosaic() -> Iterator[Row]:
    """A radiograph of 1430 × 900 pixels, 8 bits, drawn by a seed, as a mosaic: one edge capture on one lane, uploads included."""
    import numpy as np
    from PIL import Image

    rng, (y, x) = np.random.default_rng(7), np.mgrid[0:900, 0:1430]
    grey = 120 + 60 * np.sin(x / 211) * np.cos(y / 173) + 30 * ((x - 700) ** 2 + (y - 450) ** 2 < 300**2) + rng.normal(0, 1.2, y.shape)
    grey -= 40 * ((abs(x - 400) < 9) | (abs(y - 300) < 7))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(folder / "large.png")
        command = ["macropix", "capture", "--url", "rtl://", "--image", str(folder / "large.png"), "--mosaic", "--kernel", "laplacian"]
        command += ["--threshold", "8", "--mode", "edge", "--stride", "1", "--frames", "1", "--check", "--json"]
        command += ["-o", str(folder / "large.h5")]
        answer(["macropix", "info", "--url", "rtl://", "--json"])  # builds the gateware
        start = time.monotonic()
        found, done = answer(command)
        whole = round(time.monotonic() - start, 2)
        text = " ".join(command).replace(name, "OUT")
        compared, differing = found.get("pixels_compared"), found.get("pixels_differing", found)
        ok = done.returncode == 0 and differing == 0 and compared == 1430 * 900
        yield made("mosaic 1430 × 900, pixels differing", differing, f"0 of {1430 * 900}", ok, text)
        seconds = found.get("seconds", whole)
        yield made("mosaic 1430 × 900, seconds", {"capture": seconds, "command": whole}, "capture < 10 s", ok and seconds < 10, text)


@row
def faults() -> Iterator[Row]:
    """Every single-byte fault of a recorded stream."""
    command = ["macropix", "verify", "--url", "rtl://", "--faults", "--json"]
    found, done = answer(command)
    ok = done.returncode == 0 and found.get("wrong_pixels") == 0 and found.get("max_slices_lost", 9) <= 1
    ok = ok and found.get("reports_inexact") == 0 and found.get("faults", 0) > 10_000
    keys = ("positions", "faults", "wrong_pixels", "max_slices_lost", "reports_inexact", "error")
    value = {key: found.get(key) for key in keys if key in found}
    yield made("verify --faults", value, "0 wrong pixels, ≤ 1 slice lost, 0 inexact reports", ok, " ".join(command))


@row
def mutants() -> Iterator[Row]:
    """A broken copy of every block, and a test that kills it."""
    command = [sys.executable, "tools/mutants.py", "--json"]
    found, done = answer(command)
    survivors = [one["mutant"] for one in found.get("mutants", []) if not one["killed"]]
    ok = done.returncode == 0 and not survivors and len(found.get("mutants", [])) >= 20
    value = {"mutants": len(found.get("mutants", [])), "survivors": survivors}
    yield made("mutants", value, "at least one a block, none survives", ok, "make mutants")


@row
def rate() -> Iterator[Row]:
    """Edge frames a second through the host API."""
    command = ["macropix", "bench", "rtl", "--json"]
    found, done = answer(command)
    for case in found.get("cases", [{"share": None, "frames_per_s": found.get("error", 0)}]):
        value = case["frames_per_s"]
        ok = done.returncode == 0 and isinstance(value, (int, float)) and value >= 500
        yield made(f"rtl:// edge frames/s at {case['share']} sent", value, "≥ 500", ok, " ".join(command))


@row
def bench_decode() -> Iterator[Row]:
    """A stream into dense frames on one core, beside decoders of event files."""
    command = ["macropix", "bench", "decode", "--json"]
    found, done = answer(command)
    least = {"2048 × 2048": 1000.0, "32 × 32": 600.0}
    for case in found.get("cases", []):
        title, value = f"decode {case['case']}", case["mpixel_per_s"]
        if case["share"] == 0.25:
            limit = least[case["array"]]
            yield made(
                f"{title}, Mpixel/s, CRC checked", value, f"≥ {limit:.0f}", done.returncode == 0 and value >= limit, " ".join(command)
            )
        peers = found.get("peers_missing") or case["peers"]
        ok = case["ratio"] is not None and case["ratio"] > 1
        yield made(f"{title}, by the fastest peer's", {"ratio": case["ratio"], "peers": peers}, "> 1", ok, " ".join(command))
        grown = case["peak_rss_growth_mb"]
        yield made(f"{title}, growth of memory, MB", grown, "≤ 100", grown <= 100, " ".join(command))
    if not found.get("cases"):
        yield made("decode", found.get("error", found), "figures", False, " ".join(command))


@row
def bench_golden() -> Iterator[Row]:
    """Convolution and threshold of the golden model, beside OpenCV."""
    command = ["macropix", "bench", "golden", "--json"]
    found, done = answer(command)
    for case in found.get("cases", [{"case": "-", "ratio": None, "error": found.get("error")}]):
        ok = done.returncode == 0 and case["ratio"] is not None and case["ratio"] >= 2
        yield made(f"golden {case['case']}, by OpenCV", found.get("peers_missing") or case["ratio"], "≥ 2", ok, " ".join(command))


@row
def bench_stream() -> Iterator[Row]:
    """Bits a sent pixel, on synthetic and real scenes, and the bytes of a slice beside its payload."""
    command = ["macropix", "bench", "stream", "--json", *(["--images", str(IMAGES)] if IMAGES.is_dir() else [])]
    found, done = answer(command)
    text = " ".join(command).replace(str(IMAGES), "../shared/images")
    for case in found.get("cases", []):
        if case["mode"] != "auto":
            continue
        rows, cols = (int(side) for side in case["frame"].split(" × "))
        title = f"payload {case['scene']}, {case['kernel']}, {case['share']:.0%}"
        by_rice, by_words = (1.10 if rows * cols < 4096 else 1.07), (0.7 if case["share"] < 0.1 else 0.6)
        value = {name: case[name] for name in ("occupancy", "bits_per_pixel_sent", "rice_bits", "by_rice", "by_words")}
        ok = case["by_rice"] <= by_rice and case["by_words"] <= by_words
        yield made(title, value, f"by Rice ≤ {by_rice}, by words ≤ {by_words}", ok, text)
    overhead = found.get("overhead_bytes_per_slice", found.get("error"))
    ok = done.returncode == 0 and isinstance(overhead, (int, float)) and overhead <= 24
    yield made("bytes of a slice beside its payload", overhead, "≤ 24", ok, text)


@row
def route() -> Iterator[Row]:
    """The whole top on two FPGAs, place and route included."""
    from macropix.boards.flow import TARGETS, FlowError
    from macropix.boards.flow import route as place_and_route

    for name, target in TARGETS.items():
        command = f"python -c 'from macropix.boards.flow import *; route(TARGETS[{name!r}], Path({name!r}))'"
        with tempfile.TemporaryDirectory() as folder:
            try:
                result = place_and_route(target, Path(folder))
            except FlowError as error:
                yield made(f"route {name}", str(error), "routes", False, command)
                continue
        value = {"mhz": result.mhz, **result.resources, "seconds": result.seconds}
        yield made(f"route {name}", value, f"routes, ≥ {target.mhz} MHz", result.met, command)


@row
def bad_input() -> Iterator[Row]:
    """What a user can get wrong: one line, the right exit status, no traceback, nothing left behind."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "note.txt").write_text("no picture")
        (folder / "foreign.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
        (folder / "heavy.csv").write_text("0 0 0\n0 9 0\n0 0 0\n")
        run(["macropix", "capture", "--url", "model://", "-o", str(folder / "whole.h5")])
        (folder / "cut.h5").write_bytes((folder / "whole.h5").read_bytes()[:20_000])
        given = {path.name for path in folder.iterdir()}
        capture = ["capture", "--url", "model://", "--kernel", "laplacian", "--frames", "1", "-o", "out.h5", "--threshold", "8"]
        cases: list[tuple[str, list[str], int]] = [
            ("no such URL", [*capture[:1], "--url", "nowhere://", *capture[3:]], 2),
            ("image unreadable", [*capture, "--image", "note.txt"], 2),
            ("image missing", [*capture, "--image", "missing.png"], 2),
            ("unknown kernel", [*capture, "--kernel", "laplace"], 2),
            ("weight out of range", [*capture, "--kernel", "heavy.csv"], 2),
            ("threshold out of range", [*capture, "--threshold", "5000"], 2),
            ("zero frames", [*capture, "--frames", "0"], 2),
            ("foreign file", ["decode", "foreign.h5"], 2),
            ("truncated file", ["decode", "cut.h5"], 2),
            ("demo, unknown kernel", ["demo", "--url", "model://", "--kernel", "laplace", "--out", "demo"], 2),
            ("demo, not a threshold", ["demo", "--url", "model://", "--threshold", "lots", "--out", "demo"], 2),
            ("demo, no spread for 3sigma", ["demo", "--url", "model://", "--threshold", "3sigma", "--out", "demo"], 2),
            ("missing file", ["decode", "missing.h5"], 2),
            ("output folder missing", [*capture, "-o", "nowhere/out.h5"], 2),
        ]
        for title, arguments, status in cases:
            done = run(["macropix", *arguments], cwd=folder)
            lines = done.stderr.strip().splitlines()
            left = [path.name for path in folder.iterdir() if path.name not in given]
            ok = done.returncode == status and len(lines) == 1 and "Traceback" not in done.stderr and not left
            value = {"status": done.returncode, "lines": len(lines), "says": lines[-1][:160] if lines else "", "left": left}
            yield made(f"bad input: {title}", value, f"status {status}, one line, nothing left", ok, "macropix " + " ".join(arguments))
        yield _disk_full("capture", folder, [*capture, "--frames", "500", "--mode", "raw", "-o"], "out.h5")
        yield _disk_full("demo", folder, ["demo", "--url", "model://", "--out"], "out")
        # its first file has room, its second has not
        yield _disk_full("demo later", folder, ["demo", "--url", "model://", "--out"], "out", kilobytes=1000)


def _disk_full(command: str, folder: Path, arguments: list[str], out: str, *, kilobytes: int = 64) -> Row:
    """`arguments`, and a name on a disk of so many KiB."""
    title = f"bad input: {command}, disk full"
    small = folder / "small"
    small.mkdir(exist_ok=True)
    if shutil.which("mount") is None or run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(small)]).returncode:
        return made(title, "not measured: no right to mount a small disk here", "status 2", False, "-")
    try:
        done = run(["macropix", *arguments, str(small / out)], cwd=folder)
        left = [path.name for path in small.rglob("*")]
    finally:
        run(["umount", str(small)])
    lines = done.stderr.strip().splitlines()
    ok = done.returncode == 2 and len(lines) == 1 and "Traceback" not in done.stderr and not left
    value = {"status": done.returncode, "says": lines[-1][:160] if lines else "", "left": left}
    return made(title, value, "status 2, one line, nothing left", ok, f"macropix {' '.join(arguments)} (a disk of {kilobytes} KiB)")


def main() -> int:
    """Runs the rows named on the command line, or all."""
    words = sys.argv[1:]
    chosen = {name: function for name, function in ROWS.items() if not words or any(word in name for word in words)}
    if not chosen:
        print(f"no row is called {' or '.join(words)}; there are {', '.join(ROWS)}", file=sys.stderr)
        return 2
    failed = 0
    for function in chosen.values():
        for one in function():
            print(json.dumps(one, ensure_ascii=False), flush=True)
            failed |= not one["ok"]
    return failed


if __name__ == "__main__":
    sys.exit(main())
