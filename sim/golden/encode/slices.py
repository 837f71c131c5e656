# SPDX-License-Identifier: BSD-2-Clause
"""Frames cut into slices.

Frame ── 1,024 pixels each ──► payload ── header, CRC-32 ──► packets
"""

from collections.abc import Mapping

import numpy as np

from macropix.gateware.config import Config
from macropix.gateware.wire import SLICE_PIXELS, Kind, Positions, Values
from macropix.sim.golden.die import Frame
from macropix.sim.golden.encode.payload import payload
from macropix.sim.golden.packets import packet
from macropix.sim.golden.settings import Settings

__all__ = ["encode_frame", "encode_slice"]

_ANY = Config()


def encode_slice(
    frame: Frame,
    start: int,
    *,
    registers: Mapping[str, int],
    epoch: int,
    tag: int,
    time: int,
    number: int,
    positions: Positions | None = None,
    coding: Values | None = None,
    whole: bool = True,
) -> bytes:
    """The packet of the slice that begins at pixel `start` of `frame`.

    Parameters
    ----------
    frame : Frame
    start : int
        A multiple of 1,024.
    registers : mapping
        Every ``frame`` register by name, as stored.
    epoch, tag, time : int
        Of the frame descriptor.
    number : int
        Running number; its low 16 bits are sent.
    positions, coding : optional
        See `payload`.
    whole : bool
        False: the frame has been abandoned, and none of its slices is its last.
    """
    settings = Settings.of(_ANY, registers)
    end = min(start + SLICE_PIXELS, frame.value.size)
    part = slice(start, end)
    positions, coding, text = payload(
        frame.value.reshape(-1)[part],
        frame.sent.reshape(-1)[part],
        frame.masked.reshape(-1)[part],
        tap=frame.tap,
        mode=settings.mode,
        threshold=settings.threshold,
        threshold_mode=settings.threshold_mode,
        positions=positions,
        coding=coding,
    )
    return packet(
        Kind.DATA,
        text,
        first=int(start == 0),
        last=int(whole and end == frame.value.size),
        positions=positions,
        values=coding,
        saturated=int(np.bitwise_or.reduce(frame.saturated.reshape(-1)[part])),
        number=number & 0xFFFF,
        epoch=epoch,
        tag=tag,
        shot=frame.shot & 0xFFFF,
        count=end - start - 1,
        kernel=frame.kernel,
        tap=frame.tap,
        where=time & 0xFFFFFFFF if start == 0 else start,
    )


def encode_frame(
    frame: Frame, *, registers: Mapping[str, int], epoch: int, tag: int, time: int, number: int, pixels: int | None = None
) -> list[bytes]:
    """The packets of `frame`, numbered from `number` on; abandoned behind `pixels`, if that is told. Parameters as for `encode_slice`."""
    head = {"registers": registers, "epoch": epoch, "tag": tag, "time": time, "whole": pixels is None}
    end = frame.value.size if pixels is None else pixels
    return [encode_slice(frame, start, number=number + start // SLICE_PIXELS, **head) for start in range(0, end, SLICE_PIXELS)]
