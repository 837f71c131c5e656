# SPDX-License-Identifier: BSD-2-Clause
"""The device's registers as attributes. Every write is read back and compared.

device.registers.threshold = 12   ─► WRITE ─► READ ─► equal?
"""

import difflib
import enum
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from macropix.gateware.registers import CONTROL, STATUS, Register
from macropix.gateware.wire import LaneTest, Mode, Read, Scene, Tap, ThresholdMode
from macropix.host.errors import DeviceError, UserError

__all__ = ["Registers", "to_integer"]

T = TypeVar("T")


def _register(name: str) -> Register:
    register = CONTROL.get(name) or STATUS.get(name)
    if register is None:
        close = difflib.get_close_matches(name, [*CONTROL, *STATUS], 1)
        raise UserError(f"no register {name!r}", hint=f"did you mean {close[0]}?" if close else "macropix info lists them")
    return register


def to_integer(register: Register, value: Any) -> int:
    """What goes into `register` for `value`: an integer, a boolean, a member of its kind, or a member's name in any case.

    Raises UserError if it is none of these, or out of range.
    """
    kind = register.kind
    if isinstance(value, str):
        members = {member.name.lower(): member.value for member in kind} if kind is not None and issubclass(kind, enum.Enum) else {}
        if register.width == 1:
            members = {"off": 0, "on": 1}
        try:
            value = members[value.lower()] if value.lower() in members else int(value, 0)
        except ValueError:
            expected = f"one of {', '.join(members)}" if members else "a whole number"
            raise UserError(f"{register.name} can't be {value!r}", expected=expected) from None
    if isinstance(value, enum.Enum):
        if kind is not None and not isinstance(value, kind):
            raise UserError(f"{register.name} must be a {kind.__name__}, not {value!r}")
        value = value.value
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise UserError(f"{register.name} must be a whole number, not {value!r}") from None
    if number != value or not register.minimum <= number <= register.maximum:
        unit = f" {register.unit}" if register.unit else ""
        raise UserError(f"{register.name} must be from {register.minimum} to {register.maximum}{unit}, not {value}")
    return number


class _Control(Generic[T]):
    """A control register as an attribute: reads from the device, writes and reads back."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.__doc__ = CONTROL[name].doc

    def __get__(self, instance: "Registers", owner: type) -> T:
        return instance[self.name]

    def __set__(self, instance: "Registers", value: T | int | str | bool) -> None:
        instance[self.name] = value


class Registers:
    """Registers by attribute (control) or by name (control and status). `docs/registers.md` has the table.

    A register that stands for an enum reads as its member, and takes the member, its number or its name.

    Parameters
    ----------
    read : callable
        ``read(address, count)`` → words from the device.
    write : callable
        ``write(address, words)``: one command.
    control : callable
        ``control(first, last)`` → the words from one address to another as the host last wrote them.
    """

    shots = _Control[int]()
    sequence_length = _Control[int]()
    sequence = _Control[int]()
    lane_test = _Control[LaneTest]()
    read = _Control[Read]()
    mode = _Control[Mode]()
    threshold = _Control[int]()
    threshold_mode = _Control[ThresholdMode]()
    time = _Control[int]()
    gain = _Control[int]()
    cds = _Control[int]()
    well_low = _Control[int]()
    well_high = _Control[int]()
    test_charge = _Control[int]()
    base = _Control[int]()
    pattern_amplitude = _Control[int]()
    noise_reset = _Control[int]()
    noise_signal = _Control[int]()
    seed = _Control[int]()
    tap = _Control[Tap]()
    pedestal_enable = _Control[int]()
    mask_enable = _Control[int]()
    map_id = _Control[int]()
    scene_source = _Control[Scene]()
    scene_level = _Control[int]()

    _read: Callable[[int, int], list[int]]
    _write: Callable[[int, Sequence[int]], None]
    _words: Callable[[int, int], list[int]]

    def __init__(
        self,
        read: Callable[[int, int], list[int]],
        write: Callable[[int, Sequence[int]], None],
        control: Callable[[int, int], list[int]],
    ):
        object.__setattr__(self, "_read", read)
        object.__setattr__(self, "_write", write)
        object.__setattr__(self, "_words", control)

    def __getitem__(self, name: str) -> Any:
        register = _register(name)
        value = register.from_words(self._read(register.address, register.words))
        if register.kind is None:
            return value
        try:
            return register.kind(value)
        except ValueError:
            return value

    def __setitem__(self, name: str, value: Any) -> None:
        self.update(**{name: value})

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def update(self, **values: Any) -> None:
        """Writes several control registers with one command, so that a frame sees all of it or none, and reads them back.

        Raises UserError for a name or value that can't be, before anything is written; DeviceError if the device holds something
        else afterwards.
        """
        wanted: dict[str, int] = {}
        for name, value in values.items():
            register = _register(name)
            if name not in CONTROL:
                raise UserError(f"{name} is a status register: it can only be read")
            wanted[name] = to_integer(register, value)
        if not wanted:
            return
        first = min(CONTROL[name].address for name in wanted)
        last = max(CONTROL[name].address + CONTROL[name].words for name in wanted)
        words = self._words(first, last)
        for name, value in wanted.items():
            register = CONTROL[name]
            words[register.address - first : register.address - first + register.words] = register.to_words(value)
        self._write(first, words)
        back = self._read(first, last - first)
        for name, value in wanted.items():
            register = CONTROL[name]
            found = register.from_words(back[register.address - first : register.address - first + register.words])
            if found != value:
                raise DeviceError(f"register {name} reads back wrong", expected=str(value), found=str(found))

    def values(self) -> dict[str, int]:
        """Every control register by name, read from the device."""
        first = min(register.address for register in CONTROL.values())
        last = max(register.address + register.words for register in CONTROL.values())
        words = self._read(first, last - first)
        return {
            name: register.from_words(words[register.address - first : register.address - first + register.words])
            for name, register in CONTROL.items()
        }

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *CONTROL})

    def __repr__(self) -> str:
        return f"<Registers {', '.join(f'{name}={value}' for name, value in self.values().items())}>"
