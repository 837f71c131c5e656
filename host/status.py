# SPDX-License-Identifier: BSD-2-Clause
"""The status registers as one object: the payload of a status packet."""

import dataclasses
import struct
from collections.abc import Sequence
from typing import Any

from macropix.gateware.registers import STATUS, STATUS_WORDS, Feature, State
from macropix.gateware.wire import PROTOCOL_MAJOR, PROTOCOL_MINOR
from macropix.host.errors import DeviceError
from macropix.host.geometry import Geometry

__all__ = ["Status"]

#: the block as it lies in the packet: one, two or four words a register
_BLOCK = struct.Struct("<" + "".join({1: "H", 2: "I", 4: "Q"}[register.words] for register in STATUS.values()))
assert _BLOCK.size == 2 * STATUS_WORDS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Status:
    """One attribute for each status register of the map; see docs/registers.md for meaning and unit."""

    protocol_minor: int
    protocol_major: int
    chip_id: int
    config_hash: int
    gateware_hash: int
    rows: int
    cols: int
    border: int
    macro: int
    kernels: int
    lanes: int
    lane_bits: int
    features: Feature
    slice_pixels: int
    fifo_bytes: int
    clock_hz: int
    device_time: int
    state: State
    epoch: int
    tag: int
    shots_done: int
    frames_done: int
    triggers_missed: int
    produced: int
    arrived: int
    dropped_overflow: int
    dropped_corrupt: int
    sent: int
    saturated_di: int
    saturated_cds: int
    saturated_pga: int
    saturated_adc: int
    saturated_pedestal: int
    code_errors: int
    disparity_errors: int
    realigns: int
    commands_done: int
    commands_corrupt: int
    commands_refused: int

    @classmethod
    def from_words(cls, words: Sequence[int]) -> "Status":
        """The status block, word by word. A newer minor version may have more words behind ours.

        Raises DeviceError for a newer major version, saying both and the remedy, and for a block that is too short.
        """
        if len(words) >= 2 and (words[1] & 0xFF) > PROTOCOL_MAJOR:
            raise DeviceError(
                "the device speaks a newer protocol than this host",
                expected=f"version {PROTOCOL_MAJOR}.{PROTOCOL_MINOR} or older",
                found=f"version {words[1] & 0xFF}.{words[0] & 0xFF}",
                hint="update the host: pip install --upgrade macropix; or flash the gateware that came with this one",
            )
        if len(words) < STATUS_WORDS:
            raise DeviceError("a status packet is too short", expected=f"{STATUS_WORDS} words", found=f"{len(words)}")
        found = _BLOCK.unpack_from(struct.pack(f"<{len(words)}H", *words))
        values: dict[str, Any] = {}
        for register, value in zip(STATUS.values(), found, strict=True):
            value &= (1 << register.width) - 1
            values[register.name] = register.kind(value) if register.kind is not None else value
        return cls(**values)

    @classmethod
    def from_payload(cls, payload: bytes) -> "Status":
        """The payload of a status packet."""
        return cls.from_words([low | high << 8 for low, high in zip(payload[::2], payload[1::2])])

    @property
    def idle(self) -> bool:
        """No shot to do, none under way, and every slice has left the device."""
        return not self.state & (State.RUNNING | State.EXPOSING | State.DRAINING)

    @property
    def geometry(self) -> Geometry:
        """What its frames look like."""
        return Geometry(rows=self.rows, cols=self.cols, border=self.border, macro=self.macro, kernels=self.kernels)

    def to_dict(self) -> dict[str, int]:
        """All registers by name, as integers."""
        return {name: int(value) for name, value in dataclasses.asdict(self).items()}
