# SPDX-License-Identifier: BSD-2-Clause
"""Thresholds as a person writes them, and what they come to in ADC LSB.

    12        ADC LSB; 0 sends every pixel
    5%        of the largest |y| of a raw capture through the same kernel
    5%fs      of full scale
    5%sent    so that at most this share of the pixels of a raw capture is sent
    3sigma    times 1.4826 · MAD of raw flat frames

Rounded up, at least 1.
"""

import dataclasses
import enum
import math
import re
from fractions import Fraction

import numpy as np

from macropix.gateware.registers import CONTROL
from macropix.gateware.wire import ThresholdMode
from macropix.host.errors import UserError

__all__ = ["FULL_SCALE", "MAD_TO_SIGMA", "Capture", "Threshold"]

#: largest value of the converter, ADC LSB
FULL_SCALE = 2047
#: median absolute deviation to standard deviation of a normal distribution
MAD_TO_SIGMA = Fraction(14826, 10000)

_FORM = re.compile(r"(?P<number>\d+(?:\.\d*)?|\.\d+)\s*(?P<unit>%|%fs|%sent|sigma)?")
_EXPECTED = "12, 5%, 5%fs, 5%sent or 3sigma"


class Capture(enum.Enum):
    """What must be captured, raw and through the same kernel, before a threshold is known."""

    NONE = "none"
    #: the object itself
    SCENE = "scene"
    #: a flat field, no object
    FLAT = "flat"


@dataclasses.dataclass(frozen=True)
class Threshold:
    """A threshold as it was asked for.

    ``number`` is exact (`5%` is 5/1 of ``unit`` ``%``); ``text`` is stored with the file.
    """

    number: Fraction
    unit: str
    text: str

    @classmethod
    def parse(cls, text: str) -> "Threshold":
        """The threshold that `text` asks for. Raises UserError for any other text and for numbers out of range."""
        found = _FORM.fullmatch(text.strip())
        if found is None:
            raise UserError("not a threshold", expected=_EXPECTED, found=repr(text))
        number, unit = Fraction(found["number"]), found["unit"] or ""
        if unit.startswith("%") and number > 100:
            raise UserError("the threshold is out of range", expected="at most 100 %", found=text.strip())
        if unit == "" and number > CONTROL["threshold"].maximum:
            raise UserError("the threshold is out of range", expected=f"0 to {CONTROL['threshold'].maximum} ADC LSB", found=text.strip())
        if unit == "sigma" and number == 0:
            raise UserError("the threshold is out of range", expected="above 0sigma", found=text.strip())
        return cls(number, unit, text.strip())

    @property
    def needs(self) -> Capture:
        """What must be captured before."""
        return {"%": Capture.SCENE, "%sent": Capture.SCENE, "sigma": Capture.FLAT}.get(self.unit, Capture.NONE)

    def resolve(self, values: np.ndarray | None = None, *, mode: ThresholdMode = ThresholdMode.ABS) -> int:
        """The threshold in ADC LSB.

        Parameters
        ----------
        values : integer array
            Every y of what `needs` asks for; not looked at if that is nothing.
        mode : ThresholdMode
            Sign of the edges: which pixels count for ``%sent``.
        """
        if self.unit == "":
            return math.ceil(self.number)
        if self.unit == "%fs":
            return self._bounded(self.number * FULL_SCALE / 100)
        if values is None or values.size == 0:
            raise UserError(f"the threshold {self.text} needs a raw capture, and there is none")
        y = values.astype(np.int64).ravel()
        if self.unit == "%":
            return self._bounded(self.number * int(np.abs(y).max()) / 100)
        if self.unit == "%sent":
            return self._bounded(Fraction(self._for_share(y, mode)))
        spread = Fraction(float(np.median(np.abs(y - np.median(y)))))
        if spread == 0:
            raise UserError(
                f"the threshold {self.text} is not defined: the flat frames have no spread (their MAD is 0)",
                hint="there is no noise, or it is less than the converter's step: ask for it in LSB or %",
            )
        return self._bounded(self.number * MAD_TO_SIGMA * spread)

    def _for_share(self, y: np.ndarray, mode: ThresholdMode) -> int:
        """Smallest T ≥ 1 that at most the share asked for is past."""
        strength = {ThresholdMode.ABS: np.abs(y), ThresholdMode.POS: y, ThresholdMode.NEG: -y}[mode]
        past = np.bincount(np.clip(strength, 0, FULL_SCALE + 1), minlength=FULL_SCALE + 2)[::-1].cumsum()[::-1]
        allowed = math.floor(self.number * y.size / 100)
        return int(np.argmax(past[1:] <= allowed)) + 1 if (past[1:] <= allowed).any() else FULL_SCALE + 1

    def _bounded(self, exact: Fraction) -> int:
        level = max(1, math.ceil(exact))
        if level > CONTROL["threshold"].maximum:
            raise UserError(
                f"the threshold {self.text} comes to {level} ADC LSB here, out of range",
                expected=f"at most {CONTROL['threshold'].maximum}",
            )
        return level
