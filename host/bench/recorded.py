# SPDX-License-Identifier: BSD-2-Clause
"""Streams to measure on, recorded from the golden model of a device through the host's own API.

scene, kernel, share ──► threshold ──► capture ──► bytes as they came, and the frames that the link made of them
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

import macropix.host
from macropix.gateware.wire import CRC_BYTES, HEADER_BYTES, Kind, Positions, Values
from macropix.host.decode.bytes import PacketDecoder
from macropix.host.decode.frames import FrameAssembler
from macropix.host.errors import UserError
from macropix.host.frame import Frame
from macropix.host.geometry import Geometry
from macropix.host.settings import Settings
from macropix.host.threshold import Threshold

__all__ = ["Recorded", "record"]


@dataclasses.dataclass
class Recorded:
    """A stream of whole frames, nothing lost.

    Attributes
    ----------
    data : bytes
        Data packets alone.
    frames : list of Frame
        What the link made of them, slice by slice.
    settings, geometry, epoch
        What a decoder must know.
    payload_bytes, slices : int
    codes : dict
        ``positions/values`` of the slices → how many.
    """

    data: bytes
    frames: list[Frame]
    settings: Settings
    geometry: Geometry
    epoch: int
    payload_bytes: int = 0
    slices: int = 0
    codes: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def pixels(self) -> int:
        """Pixels of all frames, sent or not."""
        return sum(frame.pixels for frame in self.frames)

    @property
    def sent(self) -> int:
        """Pixels sent."""
        return sum(frame.index.size for frame in self.frames)

    def assembler(self) -> FrameAssembler:
        """A new assembler that believes this stream."""
        made = FrameAssembler(self.geometry)
        made.know(self.settings)
        made.claim(self.epoch)
        return made


def record(
    scenes: Iterator[np.ndarray] | list[np.ndarray],
    *,
    rows: int,
    cols: int,
    share: float,
    mode: str = "auto",
    kernel: str = "laplacian",
    frames: int = 1,
    seed: int = 1,
    noise: int = 0,
    url: str = "model://",
) -> Recorded:
    """Captures `frames` frames of each scene with one threshold, so that `share` of the first scene's pixels are sent at most.

    Parameters
    ----------
    scenes : u16 arrays (rows, cols)
    rows, cols : int
        Of the array.
    share : float (0 … 1)
    mode, kernel : str
    noise : int
        Register ``noise_signal``: so that frames of one scene differ.

    Raises
    ------
    DataLostError
        If a frame is missing.
    """
    chunks: list[bytes] = []
    taken: list[Frame] = []
    with macropix.host.open(f"{url}?rows={rows}&cols={cols}", seed=seed) as opened:
        device: Any = opened
        device.load_kernel(0, kernel)
        device.sequence([0])
        settings = None
        for number, scene in enumerate(scenes):
            device.load_scene(scene)
            if number == 0:
                device.registers.update(mode="raw", read="sliding", threshold=0, threshold_mode="abs", noise_signal=noise)
                threshold = Threshold.parse(f"{100 * share:g}%sent").resolve(device.snap().image)
                device.registers.update(mode=mode, threshold=threshold)
                device.claim()
                device.link.on_raw.append(chunks.append)
            taken += device.capture(frames)
            settings = device.mirror.settings(0)
        device.ledger().check()
        if settings is None:
            raise UserError("there is no scene to record")
        found = Recorded(b"", taken, settings, device.geometry, device.epoch)
    _sort(found, b"".join(chunks))
    return found


def _sort(found: Recorded, stream: bytes) -> None:
    """Data packets alone, and what they cost."""
    codes: Counter[str] = Counter()
    parts: list[bytes] = []
    for packet in PacketDecoder().feed(stream):
        if packet.kind != Kind.DATA.value:
            continue
        parts.append(stream[packet.offset : packet.offset + packet.size])
        found.payload_bytes += packet.length
        found.slices += 1
        codes[f"{Positions(packet.positions).name}/{Values(packet.values).name}"] += 1
        assert packet.size - packet.length == HEADER_BYTES + CRC_BYTES
    found.data, found.codes = b"".join(parts), dict(codes.most_common())
