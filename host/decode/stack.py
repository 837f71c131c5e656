# SPDX-License-Identifier: BSD-2-Clause
"""Many frames of one shape at once, dense or sparse, with a row of columns a frame."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from macropix.host.frame import SATURATED, TAPS, Frame
from macropix.host.settings import Settings

__all__ = ["Stack"]

_NOTHING = np.zeros(0, np.uint32)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Stack:
    """Frames of one shape, in the order in which they came.

    Parameters
    ----------
    images : int16 or int32 array (n, rows, cols), or None
        Dense: what was sent of each pixel, 0 where nothing was. None of a sparse stack.
    ptr, index, value : uint64 (n + 1), uint32 and int32 arrays, or None
        Sparse: pixels `index[ptr[i]:ptr[i + 1]]` of frame i were sent, with `value`. None of a dense stack.
    sent : int64 array (n)
        Pixels sent.
    shot, time : int64 arrays (n)
        Counted on, as in `Frame`.
    kernel, tap, tag, saturated, slices, wire_bytes : int64 arrays (n)
        As in `Frame`, the enums by their values.
    known, settings : list of Settings, int64 array (n)
        Frame i was taken with `known[settings[i]]`; with unknown settings if that is −1.
    masked : dict
        Frame → `Frame.masked_index`, of the frames that have masked pixels.
    epoch : int
    shape : (rows, cols)
    """

    shape: tuple[int, int]
    epoch: int
    images: np.ndarray | None
    ptr: np.ndarray | None
    index: np.ndarray | None
    value: np.ndarray | None
    sent: np.ndarray
    shot: np.ndarray
    time: np.ndarray
    kernel: np.ndarray
    tap: np.ndarray
    tag: np.ndarray
    saturated: np.ndarray
    slices: np.ndarray
    wire_bytes: np.ndarray
    known: list[Settings]
    settings: np.ndarray
    masked: dict[int, np.ndarray]

    @classmethod
    def of(cls, frame: Frame, dtype: np.dtype | None) -> "Stack":
        """A stack of one frame: dense, of `dtype`; or sparse, if that is None."""

        def one(value: int) -> np.ndarray:
            return np.array([value], np.int64)

        sparse = dtype is None
        return cls(
            shape=frame.shape, epoch=frame.epoch, images=None if sparse else frame.image.astype(dtype)[None],
            ptr=np.array([0, frame.index.size], np.uint64) if sparse else None,
            index=frame.index if sparse else None, value=frame.value if sparse else None,
            sent=one(frame.index.size), shot=one(frame.shot), time=one(frame.time), kernel=one(frame.kernel), tap=one(int(frame.tap.value)),
            tag=one(frame.tag), saturated=one(int(frame.saturated.value)), slices=one(frame.slices), wire_bytes=one(frame.wire_bytes),
            known=[] if frame.settings is None else [frame.settings], settings=one(-1 if frame.settings is None else 0),
            masked={0: frame.masked_index} if frame.masked_index.size else {},
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.sent)

    def frames(self) -> Iterator[Frame]:
        """The frames one by one. Only of a sparse stack: a dense one no longer knows which zeros were sent."""
        if self.ptr is None or self.index is None or self.value is None:
            raise ValueError("a dense stack does not know which of its zeros were sent: ask for a sparse one")
        ends = self.ptr.tolist()
        columns = [
            getattr(self, name).tolist()
            for name in ("shot", "time", "kernel", "tap", "tag", "saturated", "slices", "wire_bytes", "settings")
        ]
        for n, (shot, time, kernel, tap, tag, saturated, slices, wire_bytes, place) in enumerate(zip(*columns)):
            here = slice(ends[n], ends[n + 1])
            yield Frame(
                rows=self.shape[0],
                cols=self.shape[1],
                index=self.index[here].copy(),
                value=self.value[here].copy(),
                shot=shot,
                kernel=kernel,
                tap=TAPS[tap],
                time=time,
                tag=tag,
                epoch=self.epoch,
                saturated=SATURATED[saturated],
                slices=slices,
                wire_bytes=wire_bytes,
                masked_index=self.masked.get(n, _NOTHING),
                settings=self.known[place] if place >= 0 else None,
            )
