# SPDX-License-Identifier: BSD-2-Clause
"""One frame as the host holds it: sparse columns, dense arrays on request, a picture in a notebook."""

import dataclasses
import io

import numpy as np

from macropix.gateware.wire import Saturation, Tap
from macropix.host.settings import Settings

__all__ = ["SATURATED", "TAPS", "Frame"]

#: members by their value: to make one anew for each frame takes longer than the frame
TAPS = {int(tap.value): tap for tap in Tap}
SATURATED = {value: Saturation(value) for value in range(16)}
#: a frame smaller than this is enlarged in a notebook
_PICTURE_SIDE = 280


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """A whole frame. Sparse inside (`index`, `value`); `image`, `edges`, `sent` and `masked` are dense, (rows, cols), made on request.

    Parameters
    ----------
    rows, cols : int
        Shape of the frame, macro-pixels.
    index : uint32 array, ascending
        Sent pixels: row · cols + column.
    value : int32 array
        What was sent of each: y' (ADC LSB), or what the tap selected.
    shot : int
        Number of the shot since the claim, counted on across the 16 bits of the header: frames of one trigger share it.
    kernel : int
        Kernel of the bank.
    tap : Tap
        Where along the chain the frame was taken.
    time : int
        Device time at the start of the exposure, clocks, counted on across the 32 bits of the header.
    tag, epoch : int
        As in the headers.
    saturated : Saturation
        Stages that clipped at least one pixel.
    slices, wire_bytes : int
        What it cost on the wire, headers and CRCs included.
    masked_index : uint32 array
        Pixels flagged as masked in the stream: sent, and not to be trusted.
    settings : Settings or None
        What it was taken with; None only for a byte stream replayed without its file.
    """

    rows: int
    cols: int
    index: np.ndarray
    value: np.ndarray
    shot: int
    kernel: int
    tap: Tap
    time: int
    tag: int
    epoch: int
    saturated: Saturation
    slices: int
    wire_bytes: int
    masked_index: np.ndarray
    settings: Settings | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.cols

    @property
    def pixels(self) -> int:
        """All pixels of the frame, sent or not."""
        return self.rows * self.cols

    @property
    def kernel_name(self) -> str:
        """Name of the kernel as the host loaded it, else ``""``."""
        return "" if self.settings is None else self.settings.kernel_name

    @property
    def share(self) -> float:
        """Sent pixels by all pixels."""
        return self.index.size / self.pixels

    def _dense(self, index: np.ndarray, value: np.ndarray | int | bool, dtype: type) -> np.ndarray:
        dense = np.zeros(self.pixels, dtype)
        dense[index] = value
        return dense.reshape(self.shape)

    @property
    def image(self) -> np.ndarray:
        """int32: the values sent; 0 where none was."""
        return self._dense(self.index, self.value, np.int32)

    @property
    def edges(self) -> np.ndarray:
        """int32: the values sent that are past the threshold; 0 elsewhere. Of a raw frame: what edge mode would have sent of it."""
        past = self.past
        return self._dense(self.index[past], self.value[past], np.int32)

    @property
    def past(self) -> np.ndarray:
        """bool for each sent pixel: past the threshold and not masked (all, where the settings aren't known)."""
        past = np.ones(self.index.size, bool)
        if self.settings is not None and self.tap in (Tap.OUT, Tap.ADC):
            past &= self.settings.passes(self.value)
        if self.masked_index.size:
            past &= ~np.isin(self.index, self.masked_index)
        return past

    @property
    def sent(self) -> np.ndarray:
        """bool: which pixels were sent. A sent pixel may be 0."""
        return self._dense(self.index, True, np.bool_)

    @property
    def masked(self) -> np.ndarray:
        """bool: which pixels are masked, as the stream or the loaded map says."""
        masked = self._dense(self.masked_index, True, np.bool_)
        settings = self.settings
        if settings is not None and settings.mask is not None and settings.registers["mask_enable"]:
            masked |= settings.mask
        return masked

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        if copy is False:
            raise ValueError("a frame is made dense on request: an array of it is always a copy")
        image = self.image
        return image if dtype is None else image.astype(dtype)

    def picture(self) -> np.ndarray:
        """uint8 (rows, cols): a frame without negative values from black to white, one with them around mid grey."""
        image = self.image.astype(np.float64)
        top = max(float(np.abs(image).max(initial=0)), 1.0)
        grey = image * (255 / top) if self.value.size == 0 or self.value.min() >= 0 else 128 + image * (127 / top)
        return np.rint(grey).astype(np.uint8)

    def _repr_png_(self) -> bytes:
        from PIL import Image

        picture = self.picture()
        scale = max(1, _PICTURE_SIDE // max(picture.shape))
        file = io.BytesIO()
        Image.fromarray(picture.repeat(scale, 0).repeat(scale, 1)).save(file, "PNG")
        return file.getvalue()

    def __repr__(self) -> str:
        name = self.kernel_name or f"kernel {self.kernel}"
        return (
            f"<Frame {self.rows} × {self.cols}, shot {self.shot}, {name}, {self.tap.name}: "
            f"{self.index.size} of {self.pixels} sent, {self.wire_bytes} bytes>"
        )
