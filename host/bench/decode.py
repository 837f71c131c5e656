# SPDX-License-Identifier: BSD-2-Clause
"""How fast a stream becomes dense frames, every CRC checked, beside what decodes event files of the same frames.

recorded stream ──► file ──► StackDecoder, by pieces ──► dense int16 frames ──► Mpixel/s, growth of memory
same frames ──► files of events ──► peers ──► dense frames ──► Mpixel/s
"""

import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from macropix.host.bench import clock, peers
from macropix.host.bench.recorded import Recorded, record
from macropix.host.bench.scenes import SHARES, steps
from macropix.host.decode.stack import Stack
from macropix.host.decode.stack_decoder import StackDecoder
from macropix.host.errors import MismatchError

__all__ = ["ARRAYS", "decode_cases", "growth"]

#: array, frames recorded, times the stream is decoded in one run
ARRAYS = ((32, 1000, 20), (2048, 1, 4))
#: register `noise_signal`: no two frames are alike
_NOISE = 200
#: bytes read from a file at once
PIECE = 1 << 20
#: bytes that are streamed to see whether memory grows
STREAMED = 128 << 20
#: seconds the process that is watched for its memory may take
SECONDS = 300.0


def decode_cases(
    seed: int, *, shares: tuple[float, ...] = SHARES, progress: Callable[[str, int, int], None] | None = None
) -> list[dict[str, Any]]:
    """Every array at every share.

    Returns
    -------
    list of dict
        ``case, array, frame, share, share_sent, mpixel_per_s, mpixel_per_s_frames, crc_checked, peak_rss_growth_mb, peers, ratio, codes``:
        `mpixel_per_s` counts every pixel of the dense frames; `mpixel_per_s_frames` is the way of single `Frame` objects, slice by slice;
        `ratio` is ours by the fastest peer's, None without peers.

    Raises
    ------
    MismatchError
        If the decoded frames are not what the host makes of the same bytes slice by slice.
    """
    cases: list[dict[str, Any]] = []
    for side, count, times in ARRAYS:
        for share in shares:
            if progress is not None:
                progress("bench decode", len(cases), len(ARRAYS) * len(shares))
            recorded = record([steps(side, side, seed)], share=share, frames=count, seed=seed, noise=_NOISE)
            cases.append(_case(recorded, side, share, times))
    return cases


def _case(recorded: Recorded, side: int, share: float, times: int) -> dict[str, Any]:
    check(recorded)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "stream.bin"
        path.write_bytes(recorded.data)
        runs: dict[str, Callable[[], Any]] = {"": lambda: _stream(recorded, path, times)}
        for peer, run in peers.event_files(recorded.frames, Path(name)).items():
            _same_places(peer, run(), recorded)
            runs[peer] = lambda run=run: [run() for _ in range(times)]
        found = clock.rates(clock.best(runs), recorded.pixels * times)
        memory = growth(recorded, path)
    ours, rivals = found.pop(""), found
    frame = recorded.frames[0].shape
    return {
        "case": f"{side} × {side}, {share:.0%}",
        "array": f"{side} × {side}",
        "frame": f"{frame[0]} × {frame[1]}",
        "share": share,
        "share_sent": recorded.sent / recorded.pixels,
        "mpixel_per_s": ours,
        "crc_checked": True,
        "peak_rss_growth_mb": memory,
        "peers": rivals,
        "ratio": round(ours / max(rivals.values()), 2) if rivals else None,
        "codes": recorded.codes,
        "bytes_per_pixel_sent": round(len(recorded.data) / max(1, recorded.sent), 3),
    }


def _stream(recorded: Recorded, path: Path, times: int) -> int:
    """Decodes the whole file so often, as if the device had been claimed anew; the frames that came."""
    decoder, frames = StackDecoder(recorded.assembler(), reuse=True), 0
    for _ in range(times):
        decoder.assembler.claim(recorded.epoch)
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                for stack in decoder.feed(piece):
                    frames += len(stack)
    return frames


def check(recorded: Recorded) -> None:
    """Decodes the stream once more and holds every frame against what the host makes of it slice by slice."""
    decoder, at = StackDecoder(recorded.assembler(), reuse=True), 0
    for stack in decoder.feed(recorded.data):
        at = _same(stack, recorded, at)
    if at != len(recorded.frames):
        raise MismatchError("frames are missing from the decoded stream", expected=str(len(recorded.frames)), found=str(at))


def _same(stack: Stack, recorded: Recorded, at: int) -> int:
    assert stack.images is not None
    for image, sent, shot in zip(stack.images, stack.sent.tolist(), stack.shot.tolist()):
        frame = recorded.frames[at]
        if not np.array_equal(image, frame.image) or (sent, shot) != (frame.index.size, frame.shot):
            raise MismatchError(f"frame {at} of the decoded stream is not what the host makes of it slice by slice")
        at += 1
    return at


def _same_places(peer: str, images: np.ndarray, recorded: Recorded) -> None:
    """A peer's last frames must show what was sent in them: it is asked for the same work."""
    last = len(recorded.frames) - 1
    if not np.array_equal(images[last % len(images)] > 0, recorded.frames[last].sent) and len(images) == len(recorded.frames):
        raise MismatchError(f"the frames of {peer} do not show what was sent")


# ---- memory --------------------------------------------------------------------------------------------------


def growth(recorded: Recorded, path: Path) -> float:
    """MB by which the memory of a fresh process grows, at its most, while it streams the file again and again. Compiling comes before."""
    with tempfile.NamedTemporaryFile(suffix=".pickle") as file:
        one = recorded.data[: recorded.frames[0].wire_bytes]
        pickle.dump((recorded.geometry, recorded.settings, recorded.epoch, one, str(path)), file)
        file.flush()
        command = [sys.executable, "-m", "macropix.host.bench.decode", file.name]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    return round(float(done.stdout) / 1e6, 1)


def _grown(name: str) -> int:
    """In the process that is watched: bytes it has grown by."""
    geometry, settings, epoch, one, path = pickle.loads(Path(name).read_bytes())
    recorded = Recorded(one, [], settings, geometry, epoch)
    for _ in StackDecoder(recorded.assembler(), reuse=True).feed(one):
        pass
    before = clock.resident()
    clock.reset_peak()
    _stream(recorded, Path(path), max(1, STREAMED // Path(path).stat().st_size))
    return clock.peak_memory() - before


if __name__ == "__main__":
    sys.stdout.write(str(_grown(sys.argv[1])))
