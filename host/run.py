# SPDX-License-Identifier: BSD-2-Clause
"""A picture taken as a recipe says: tile by tile into a capture file, laid together, checked.

picture ── Mosaic ──► scenes ──► device ──► frames ─┬─► file      (recorded byte by byte)
recipe ── kernel, registers, threshold ──►          ├─► Canvas    (the whole image)
                                                    └─► Check     (golden model)
"""

import collections
import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from macropix.gateware.registers import CONTROL
from macropix.gateware.wire import OVERHEAD_BYTES, SLICE_PIXELS, TAP_BITS, Mode, Scene, Tap, ThresholdMode
from macropix.host.capture import Recorder, record
from macropix.host.device import Device
from macropix.host.errors import DataLostError, InterruptedRunError, MacropixError, MismatchError
from macropix.host.frame import Frame
from macropix.host.interrupt import DeferredInterrupt
from macropix.host.kernels import Kernel
from macropix.host.ledger import Ledger
from macropix.host.mosaic import Canvas, Mosaic, Tile
from macropix.host.oracle import Check, Comparison, config_of
from macropix.host.recipe import Recipe
from macropix.host.scan import scan
from macropix.host.threshold import FULL_SCALE, Capture, Threshold

__all__ = ["Run", "Taken", "raw_bytes"]

#: flat frames that a sigma is taken from, and their photocurrent: a quarter of white, where no named kernel clips
FLAT_FRAMES, FLAT_LEVEL = 16, 16384

Progress = Callable[[str, int, int], None]


def raw_bytes(pixels: int) -> int:
    """Bytes of a frame of `pixels` in raw mode: 12 bits each, in slices with their headers and CRCs."""
    slices = [SLICE_PIXELS] * (pixels // SLICE_PIXELS) + ([pixels % SLICE_PIXELS] if pixels % SLICE_PIXELS else [])
    return sum(math.ceil(count * TAP_BITS[Tap.OUT] / 8) + OVERHEAD_BYTES for count in slices)


@dataclasses.dataclass
class Taken:
    """What came of a run. Pixels are counted within the image, bytes over whole frames."""

    mosaic: Mosaic
    canvas: Canvas
    threshold_lsb: int
    threshold_source: str
    frames: int = 0
    bytes_on_wire: int = 0
    bytes_raw: int = 0
    pixels_sent: int = 0
    pixels_total: int = 0
    frames_saturated: int = 0
    seconds: float = 0.0
    ledger: Ledger | None = None
    check: Comparison | None = None
    #: whether the golden model of the whole image was the measure, joins included
    check_whole: bool = False
    #: every y of the image through the same kernel, where a raw pre-capture was taken
    raw: np.ndarray | None = None

    def to_dict(self) -> dict[str, Any]:
        """The figures for ``--json``: stable keys, units in the names."""
        ledger = self.ledger
        told: dict[str, Any] = {
            "frames": self.frames,
            "tiles": len(self.mosaic),
            "ledger": {
                name: -1 if ledger is None else int(getattr(ledger, name)) for name in ("produced", "sent", "received", "lost", "dropped")
            },
            "bytes_on_wire": self.bytes_on_wire,
            "bytes_raw": self.bytes_raw,
            "pixels_sent": self.pixels_sent,
            "pixels_total": self.pixels_total,
            "threshold_lsb": self.threshold_lsb,
            "threshold_source": self.threshold_source,
            "frames_saturated": self.frames_saturated,
            "seconds": round(self.seconds, 6),
        }
        if self.check is not None:
            told |= {"pixels_compared": self.check.compared, "pixels_nonzero": self.check.nonzero, "pixels_differing": self.check.differing}
        return told

    @property
    def trouble(self) -> MacropixError | None:
        """What is wrong with it: data lost before a mismatch before nothing."""
        if self.ledger is not None:
            try:
                self.ledger.check()
            except DataLostError as error:
                return error
        if self.check is not None and self.check.differing:
            return MismatchError(
                f"{self.check.differing} of {self.check.compared} pixels are not what the golden model computes from the scene",
                expected="0 differing",
                found=f"{self.check.differing}",
            )
        return None


class Run:
    """A recipe on a device.

    Parameters
    ----------
    device : Device
        Open and claimed; its registers and kernel 0 are written.
    recipe : Recipe
    picture : u16 array or None
        The scene; None where the recipe's registers choose a test scene.
    progress : callable, optional
        Called with what is under way, how much is done, of how much.
    kernel : Kernel, optional
        The kernel itself, where `recipe` only names it: of an earlier run, whose kernel file may be gone or another by now.
    """

    def __init__(
        self,
        device: Device,
        recipe: Recipe,
        picture: np.ndarray | None,
        progress: Progress | None = None,
        *,
        kernel: Kernel | None = None,
    ):
        self.device, self.recipe = device, recipe
        self._progress = progress or (lambda _what, _done, _of: None)
        geometry = device.geometry
        self.kernel = recipe.the_kernel(geometry.macro) if kernel is None else kernel.fitting(geometry.macro)
        self._settings = recipe.settings(geometry)
        read = recipe.read(geometry)
        self._memory = picture is not None
        blank = np.zeros((geometry.rows, geometry.cols), np.uint16)
        if picture is None:
            self.mosaic = Mosaic.single(blank, geometry, read)
        else:
            self.mosaic = (Mosaic if recipe.mosaic else Mosaic.single)(picture, geometry, read)

    def take(self, path: str | Path | None = None, *, check: bool = False, raw: bool = False, facts: dict[str, Any] | None = None) -> Taken:
        """Takes the picture; into the capture file `path`, if there is one. Trouble is told by `Taken.trouble`, not raised.

        `raw` takes a raw picture through the same kernel first, even if the threshold does not ask for one.
        """
        self._prepare()
        threshold, source, before = self._threshold(raw)
        self.device.registers.update(threshold=threshold, mode=self._settings["mode"])
        taken = Taken(self.mosaic, self.mosaic.canvas(), threshold, source, raw=before)
        judge = Check(config_of(self.device.info, self.device.config)) if check else None
        began = time.monotonic()
        if path is None:
            self.device.claim()
            self._frames(taken, judge, None, None)
            taken.ledger = self.device.ledger()
        else:
            self._record(path, taken, judge, facts or {})
        taken.seconds = time.monotonic() - began
        if judge is not None:
            taken.check, taken.check_whole = judge.total, judge.whole
        return taken

    def _record(self, path: str | Path, taken: Taken, judge: Check | None, facts: dict[str, Any]) -> None:
        image = self.mosaic.image if self._memory else None
        told = {"recipe": self.recipe.to_dict(), "threshold_lsb": taken.threshold_lsb, "threshold_source": taken.threshold_source}
        told |= {"mosaic": {"grid": list(self.mosaic.grid), "shape": list(self.mosaic.shape), "joined": self.mosaic.joined}}
        scene_facts = facts.pop("scene", {})
        columns = ("tile_row", "tile_col")
        recorder = record(self.device, path, scene=image, scene_facts=scene_facts, columns=columns, facts=told | facts)
        try:
            with DeferredInterrupt() as interrupt, recorder:
                self._frames(taken, judge, recorder, interrupt)
        except KeyboardInterrupt as stop:
            if recorder.ledger is None:
                raise
            raise _interrupted(Path(path), recorder.frames, recorder.ledger, stop) from None
        taken.ledger = recorder.ledger

    def _frames(self, taken: Taken, judge: Check | None, recorder: Recorder | None, interrupt: DeferredInterrupt | None) -> None:
        shots = self.recipe.frames
        if recorder is not None:
            across, first = self.mosaic.grid[1], self.device.next_shot or 0
            recorder.note_by(lambda frame: dict(zip(("tile_row", "tile_col"), divmod((frame.shot - first) // shots, across))))
        before = None
        for tile, frame in self._tiles(shots, "capture"):
            self._count(taken, tile, frame, first=tile is not before)
            before = tile
            if judge is not None:
                judge.frame(frame, scene=tile.scene, mosaic=self.mosaic, tile=tile)
            if interrupt is not None:
                interrupt.check()

    def _tiles(self, shots: int, what: str) -> Iterator[tuple[Tile, Frame]]:
        """Frames of all tiles, `shots` of each."""
        under_way: collections.deque[Tile] = collections.deque()

        def scenes() -> Iterator[np.ndarray]:
            for tile in self.mosaic:
                under_way.append(tile)
                yield tile.scene

        found = scan(self.device, scenes(), shots) if self._memory else ((0, frame) for frame in self.device.capture(shots))
        if not self._memory:
            under_way.extend(self.mosaic)
        for number, frame in found:
            while under_way[0].number < number:
                under_way.popleft()
            self._progress(what, number, len(self.mosaic))
            yield under_way[0], frame
        self._progress(what, len(self.mosaic), len(self.mosaic))

    def _count(self, taken: Taken, tile: Tile, frame: Frame, *, first: bool) -> None:
        image, sent = frame.image, frame.sent
        if first:
            taken.canvas.lay(tile, image, sent)
        rows, cols = taken.canvas.image[taken.canvas.area(tile)].shape
        taken.frames += 1
        taken.bytes_on_wire += frame.wire_bytes
        taken.bytes_raw += raw_bytes(frame.pixels)
        taken.pixels_sent += int(sent[:rows, :cols].sum())
        taken.pixels_total += rows * cols
        taken.frames_saturated += bool(frame.saturated)

    # ---- before the first frame ---------------------------------------------------------------------------------

    def _prepare(self) -> None:
        device = self.device
        device.load_kernel(0, self.kernel)
        device.sequence([0])
        device.registers.update(**{register.name: register.reset for register in CONTROL.values() if register.frame} | self._settings)

    def _threshold(self, wanted: bool) -> tuple[int, str, np.ndarray | None]:
        """The threshold in LSB, where it comes from, and the raw picture it was taken from, if any."""
        asked = Threshold.parse(self.recipe.threshold)
        mode = ThresholdMode(self._settings["threshold_mode"])
        raw = self._raw_picture() if wanted or asked.needs is Capture.SCENE else None
        if asked.needs is Capture.FLAT:
            return asked.resolve(self._flat_values(), mode=mode), f"{asked.text} of {FLAT_FRAMES} raw flat frames", raw
        level = asked.resolve(raw, mode=mode)
        source = {
            "": f"{asked.text} ADC LSB",
            "%fs": f"{asked.text} of full scale, {FULL_SCALE}",
            "%": f"{asked.text} of the largest |y| of a raw pre-capture, {0 if raw is None else int(np.abs(raw).max())}",
            "%sent": f"{asked.text} of the pixels of a raw pre-capture",
        }[asked.unit]
        return level, source, raw

    def _raw_picture(self) -> np.ndarray:
        """Every y of the image, by a raw capture through the same kernel."""
        self.device.registers.update(mode=Mode.RAW, threshold=0)
        canvas = self.mosaic.canvas()
        self.device.claim()
        for tile, frame in self._tiles(1, "raw pre-capture"):
            canvas.lay(tile, frame.image, frame.sent)
        if not canvas.complete:
            self._missing()
        return canvas.image

    def _flat_values(self) -> np.ndarray:
        """Every y of raw frames of a flat field."""
        self._progress("flat frames", 0, 1)
        registers = self.device.registers
        before = {name: registers[name] for name in ("scene_source", "scene_level")}
        registers.update(mode=Mode.RAW, threshold=0, scene_source=Scene.FLAT, scene_level=FLAT_LEVEL)
        values = [frame.value for frame in self.device.capture(FLAT_FRAMES)] or self._missing()
        registers.update(**before)
        return np.concatenate(values)

    def _missing(self) -> Any:
        self.device.ledger().check()
        raise DataLostError("a frame of the raw pre-capture did not arrive")


def _interrupted(path: Path, frames: int, ledger: Ledger, stop: KeyboardInterrupt) -> InterruptedRunError:
    lost = ledger.lost + ledger.dropped
    return InterruptedRunError(
        f"interrupted: {path} holds the {frames:,} frames until then, {'nothing' if not lost else f'{lost:,} slices'} lost",
        told={"file": str(path), "frames": frames, "ledger": ledger.to_dict()},
        number=int(stop.args[0]) if stop.args else 2,
    )
