# SPDX-License-Identifier: BSD-2-Clause
"""What register values mean on a given die, those without a meaning included; and the tag over them.

registers (as stored) + Config ──► Settings ──► every stage;      registers + (w, dark) ──► tag
"""

import binascii
import dataclasses
import struct
from collections.abc import Mapping, Sequence

import numpy as np

from macropix.gateware.config import Config
from macropix.gateware.registers import CONTROL
from macropix.gateware.wire import Mode, Read, Scene, Tap, ThresholdMode
from macropix.sim.golden.pga import MAX_GAIN

__all__ = ["Settings", "reset_registers", "tag"]


#: selectors: value → member
_SELECTORS: dict[str, dict] = {
    name: {int(member.value): member for member in kind}
    for name, kind in (("read", Read), ("mode", Mode), ("tap", Tap), ("scene_source", Scene), ("threshold_mode", ThresholdMode))
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Latched registers as they act. A selector's value that has no meaning acts as 0, a gain above 5 as 5.

    What a configuration leaves out acts as if its registers were 0: noise and pattern, pedestal and mask map, taps.
    """

    read: Read
    mode: Mode
    tap: Tap
    scene_source: Scene
    threshold: int
    threshold_mode: ThresholdMode
    time: int
    gain: int
    cds: int
    well_low: int
    well_high: int
    test_charge: int
    base: int
    pattern_amplitude: int
    noise_reset: int
    noise_signal: int
    seed: int
    pedestal_enable: int
    mask_enable: int
    scene_level: int

    @classmethod
    def of(cls, config: Config, registers: Mapping[str, int]) -> "Settings":
        """What `registers` (every ``frame`` register, by name) mean to a die built from `config`."""
        values: dict = {field.name: int(registers[field.name]) for field in dataclasses.fields(cls)}
        for name, members in _SELECTORS.items():
            values[name] = members.get(values[name], members[0])
        values["gain"] = min(values["gain"], MAX_GAIN)
        if not config.noise:
            values.update(pattern_amplitude=0, noise_reset=0, noise_signal=0)
        if not config.pedestal_map:
            values.update(pedestal_enable=0, mask_enable=0)
        if not config.taps:
            values["tap"] = Tap.OUT
        return cls(**values)


def reset_registers() -> dict[str, int]:
    """Every control register behind a reset, by name."""
    return {register.name: register.reset for register in CONTROL.values()}


def tag(registers: Mapping[str, int], weights: Sequence[int] | np.ndarray, darks: Sequence[int] | np.ndarray) -> int:
    """CRC-16 of a latched configuration, as stored: also of values that no register should hold."""
    words: list[int] = []
    for register in CONTROL.values():
        if register.frame:
            words += [(int(registers[register.name]) >> (16 * i)) & 0xFFFF for i in range(register.words)]
    for weight, dark in zip(weights, darks, strict=True):
        words += [int(weight) & 0xFFFF, int(dark) & 0xFFFF]
    return binascii.crc_hqx(struct.pack(f">{len(words)}H", *words), 0xFFFF)
