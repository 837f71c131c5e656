# SPDX-License-Identifier: BSD-2-Clause
"""A streamed scene: the words of a run, and which of them make an exposure.

words ──► queue ──► imaging pixels of the next exposure, in raster order, up to the one that completes its last macro-pixel
"""

import numpy as np

from macropix.gateware.config import Config
from macropix.gateware.registers import SCENE
from macropix.gateware.wire import SLICE_PIXELS, Read

__all__ = ["SceneQueue"]

#: addresses of the window, which a run's words go round
_ROUND = 0x10000 - SCENE.base


class SceneQueue:
    """What has come of a run's scene words, and no exposure has taken.

    Parameters
    ----------
    config : Config
    """

    def __init__(self, config: Config):
        self._config = config
        self.start()

    def start(self) -> None:
        """A run begins: nothing has come."""
        self._position = 0
        self.words = np.zeros(0, np.uint16)

    @property
    def address(self) -> int:
        """Where the next word must be written."""
        return SCENE.base + self._position

    def put(self, words: np.ndarray) -> None:
        """More words."""
        self._position = (self._position + words.size) % _ROUND
        self.words = np.concatenate([self.words, words.astype(np.uint16)])

    def _newest(self, read: Read) -> np.ndarray:
        """Of each macro-pixel of a frame, which imaging pixel completes it."""
        h, v, macro = self._config.image_rows, self._config.image_cols, self._config.macro
        if read is Read.SINGLE:
            return np.arange(h * v)
        step = macro if read is Read.TILES else 1
        return np.add.outer(np.arange(macro - 1, h, step) * v, np.arange(macro - 1, v, step)).reshape(-1)

    def needed(self, read: Read) -> int:
        """Words of one exposure."""
        return int(self._newest(read)[-1]) + 1

    def reached(self, read: Read) -> int:
        """Macro-pixels that an exposure still has if it is abandoned now: those to the end of the slice under way."""
        newest = self._newest(read)
        complete = int(np.count_nonzero(newest < self.words.size))
        return min((complete // SLICE_PIXELS + 1) * SLICE_PIXELS, newest.size)

    def take(self, read: Read) -> np.ndarray:
        """The next exposure's scene, uint16 (rows, cols); 0 where no word has come, and where none is needed."""
        config, count = self._config, self.needed(read)
        pixels = np.zeros(config.image_rows * config.image_cols, np.uint16)
        taken = self.words[:count]
        pixels[: taken.size] = taken
        self.words = self.words[count:]
        scene = np.zeros((config.rows, config.cols), np.uint16)
        b = config.border
        scene[b : b + config.image_rows, b : b + config.image_cols] = pixels.reshape(config.image_rows, config.image_cols)
        return scene
