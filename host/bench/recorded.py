# SPDX-License-Identifier: BSD-2-Clause
"""Streams to measure on, as the golden model of a device sends them; and the frames that the host makes of them, slice by slice.

scene, kernel, share ──► raw frame ──► threshold ──► golden model ──► packets ──► PacketDecoder, FrameAssembler ──► frames

Not through a device's own commands: a scene of 2048 × 2048 has no room in its scene window.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from macropix.gateware.config import Config
from macropix.gateware.wire import Mode, Positions, Read, Values
from macropix.host import kernels
from macropix.host.decode.bytes import PacketDecoder
from macropix.host.decode.frames import FrameAssembler
from macropix.host.errors import DataLostError, UserError
from macropix.host.frame import Frame
from macropix.host.geometry import Geometry
from macropix.host.oracle import golden
from macropix.host.settings import FRAME_REGISTERS, Settings
from macropix.host.threshold import Threshold

__all__ = ["Recorded", "record"]

_EPOCH = 7
#: side of an array up to which its outermost ring does not image
_SMALL = 64


@dataclasses.dataclass
class Recorded:
    """A stream of whole frames, nothing lost.

    Attributes
    ----------
    data : bytes
        Data packets, nothing between them.
    frames : list of Frame
        What the host makes of them, slice by slice.
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
    scenes: Iterable[np.ndarray],
    *,
    share: float,
    mode: str = "auto",
    kernel: str = "laplacian",
    frames: int = 1,
    seed: int = 1,
    noise: int = 0,
) -> Recorded:
    """`frames` frames of each scene with one threshold, so that `share` of the first scene's pixels are sent at most.

    Parameters
    ----------
    scenes : u16 arrays (rows, cols), all of one shape
        Of 64 × 64 pixels and fewer the outermost ring does not image.
    share : float (0 … 1)
    mode, kernel : str
    noise : int
        Register ``noise_signal``: so that frames of one scene differ.

    Raises
    ------
    UserError
        If no threshold lets so few pixels past, or there is no golden model.
    DataLostError
        If a frame is missing.
    """
    model = golden()
    parts: list[bytes] = []
    config, settings, shot = Config(), None, 0
    for scene in scenes:
        if settings is None:
            config = Config(rows=scene.shape[0], cols=scene.shape[1], border=int(max(scene.shape) <= _SMALL))
            settings = _settings(model, config, scene, share, mode, kernel, seed, noise)
        for _ in range(frames):
            frame = model.expose(config, scene, settings.registers, settings.weights, settings.darks, shot=shot & 0xFFFF)
            parts += model.encode(frame, registers=settings.registers, epoch=_EPOCH, tag=settings.tag, time=1000 * shot, number=len(parts))
            shot += 1
    if settings is None:
        raise UserError("there is no scene to record")
    found = Recorded(b"".join(parts), [], settings, Geometry.of(config), _EPOCH)
    _judge(found)
    if len(found.frames) != shot:
        raise DataLostError("frames are missing from a recorded stream", expected=str(shot), found=str(len(found.frames)))
    return found


def _settings(model: Any, config: Config, scene: np.ndarray, share: float, mode: str, kernel: str, seed: int, noise: int) -> Settings:
    weights = tuple(kernels.get(kernel, config.macro).codes.reshape(-1).tolist())
    darks = (0,) * len(weights)
    registers = {one.name: one.reset for one in FRAME_REGISTERS}
    registers |= {"read": Read.SLIDING.value, "seed": seed, "noise_signal": noise, "mode": Mode[mode.upper()].value}
    raw = model.expose(config, scene, registers, weights, darks)
    registers["threshold"] = Threshold.parse(f"{100 * share:g}%sent").resolve(raw.value)
    return Settings(registers=registers, weights=weights, darks=darks, kernel=0, kernel_name=kernel)


def _judge(found: Recorded) -> None:
    """What the host makes of the stream, slice by slice, and what the slices cost."""
    codes: Counter[str] = Counter()
    assembler = found.assembler()
    for packet in PacketDecoder().feed(found.data):
        found.payload_bytes += packet.length
        found.slices += 1
        codes[f"{Positions(packet.positions).name}/{Values(packet.values).name}"] += 1
        if (frame := assembler.add(packet)) is not None:
            found.frames.append(frame)
    found.codes = dict(codes.most_common())
