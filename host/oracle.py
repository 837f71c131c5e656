# SPDX-License-Identifier: BSD-2-Clause
"""The golden model as the host sees it: behind an entry point, never imported, computing from the scene what must have come.

scene, settings ──► golden model (entry point ``macropix.golden``) ──► expected ── compare ──► pixels that differ
"""

import dataclasses
import importlib.metadata
from typing import Any

import numpy as np

from macropix.gateware.config import Config, SceneForm
from macropix.gateware.registers import CONTROL, Feature
from macropix.gateware.wire import Mode, Tap
from macropix.host.errors import UserError
from macropix.host.frame import Frame
from macropix.host.mosaic import Mosaic, Tile
from macropix.host.settings import Settings
from macropix.host.status import Status

__all__ = ["GROUP", "Check", "Comparison", "compare", "config_of", "golden", "repeats"]

#: entry points that bring a golden model: ``default`` → a module with ``expose`` and ``image``
GROUP = "macropix.golden"


def golden() -> Any:
    """The golden model. Raises UserError if none is installed."""
    points = importlib.metadata.entry_points(group=GROUP, name="default")
    if not points:
        raise UserError("no golden model is installed", expected=f"an entry point {GROUP}:default", hint="pip install macropix")
    (point, *_) = points
    try:
        return point.load()
    except ImportError as error:
        raise UserError("the golden model cannot be loaded", found=str(error), hint="pip install macropix") from error


def config_of(status: Status, config: Config | None = None) -> Config:
    """What a device is built from: `config` if the backend knows it, else as far as the status registers tell."""
    if config is not None:
        return config
    return Config(
        rows=status.rows,
        cols=status.cols,
        border=status.border,
        macro=status.macro,
        kernels=status.kernels,
        scene=SceneForm.STREAMED if Feature.STREAMED_SCENE in status.features else SceneForm.MEMORY,
        response_table=Feature.RESPONSE_TABLE in status.features,
        pedestal_map=Feature.PEDESTAL_MAP in status.features,
        noise=Feature.NOISE in status.features,
        taps=Feature.TAPS in status.features,
    )


@dataclasses.dataclass
class Comparison:
    """How many pixels were held against the golden model, how many of those it expects are not 0, how many differ."""

    compared: int = 0
    nonzero: int = 0
    differing: int = 0

    def __iadd__(self, other: "Comparison") -> "Comparison":
        self.compared += other.compared
        self.nonzero += other.nonzero
        self.differing += other.differing
        return self


def compare(values: np.ndarray, sent: np.ndarray, expected: np.ndarray, expected_sent: np.ndarray) -> Comparison:
    """Holds a dense frame against the expected one: which pixels were sent, and the value of each."""
    if values.shape != expected.shape:
        return Comparison(expected.size, int(((expected != 0) & expected_sent).sum()), expected.size)
    wrong = (sent != expected_sent) | (sent & expected_sent & (values != expected))
    return Comparison(expected.size, int(((expected != 0) & expected_sent).sum()), int(wrong.sum()))


def repeats(settings: Settings) -> bool:
    """Whether a pixel's value depends on nothing but what it sees: no noise, no pattern, no maps. A whole image can be computed then."""
    registers = settings.registers
    still = not registers["noise_reset"] and not registers["noise_signal"]
    flat = not registers["pattern_amplitude"]
    return still and flat and not registers["pedestal_enable"] and not registers["mask_enable"]


class Check:
    """Holds the frames of a run against the golden model, as they come.

    A mosaic whose pixels depend on nothing but what they see is held against the golden model of the *whole* image: then the joins
    between the tiles are checked too. Otherwise each frame is held against the golden model of its tile.

    Attributes
    ----------
    total : Comparison
        Over all frames so far.
    whole : bool
        Whether the whole image was the measure.
    """

    def __init__(self, config: Config):
        self._config = config
        self._golden = golden()
        self._whole: dict[int, tuple[Mosaic, Any]] = {}
        self.total = Comparison()
        self.whole = False

    def frame(self, frame: Frame, *, scene: np.ndarray | None = None, mosaic: Mosaic | None = None, tile: Tile | None = None) -> Comparison:
        """Holds one frame of `scene` (or of `tile` of `mosaic`) against what it must be, and adds to `total`."""
        settings = frame.settings
        if settings is None:
            raise UserError("a frame without its settings cannot be checked")
        if mosaic is not None and mosaic.joined and tile is not None and repeats(settings):
            result = self._whole_image(frame, settings, mosaic, tile)
        else:
            result = self._alone(frame, settings, tile.scene if tile is not None else scene)
        self.total += result
        return result

    def _alone(self, frame: Frame, settings: Settings, scene: np.ndarray | None) -> Comparison:
        want = self._golden.expose(
            self._config,
            scene,
            {**_resets(), **settings.registers},
            np.array(settings.weights, np.int64),
            np.array(settings.darks, np.int64),
            shot=frame.shot & 0xFFFF,
            kernel=frame.kernel,
            pedestal=settings.pedestal,
            mask=settings.mask,
        )
        found = compare(frame.image, frame.sent, np.asarray(want.value), _sent(settings, want))
        if settings.registers["mode"] == Mode.RAW.value and settings.tap is Tap.OUT:
            flagged = np.zeros(frame.pixels, np.bool_)
            flagged[frame.masked_index] = True
            found.differing += int((flagged != np.asarray(want.masked).ravel()).sum())
        return found

    def _whole_image(self, frame: Frame, settings: Settings, mosaic: Mosaic, tile: Tile) -> Comparison:
        self.whole = True
        known = self._whole.get(settings.tag)
        if known is None or known[0] is not mosaic:
            side = self._config.macro
            want = self._golden.image(
                mosaic.image,
                macro=side,
                read=settings.read,
                registers={**_resets(), **settings.registers},
                weights=np.array(settings.weights, np.int64),
                darks=np.array(settings.darks, np.int64),
            )
            known = self._whole[settings.tag] = (mosaic, want)
        want = known[1]
        area = mosaic.canvas().area(tile)
        expected, expected_sent = np.asarray(want.value)[area], _sent(settings, want)[area]
        rows, cols = expected.shape
        return compare(frame.image[:rows, :cols], frame.sent[:rows, :cols], expected, expected_sent)


def _sent(settings: Settings, want: Any) -> np.ndarray:
    """What is sent: past the threshold; everything where the device was told to, masked pixels too."""
    if settings.registers["mode"] == Mode.RAW.value or settings.tap is not Tap.OUT:
        return np.ones(np.asarray(want.value).shape, np.bool_)
    return np.asarray(want.sent, np.bool_)


def _resets() -> dict[str, int]:
    return {register.name: register.reset for register in CONTROL.values()}
