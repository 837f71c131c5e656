# SPDX-License-Identifier: BSD-2-Clause
"""Registers by attribute and by name: typed, checked before anything is written, read back behind it."""

import numpy as np
import pytest

from macropix.gateware.registers import CONTROL, STATUS, Feature, State
from macropix.gateware.wire import Mode, Read, Scene, Tap, ThresholdMode
from macropix.host.errors import DeviceError, UserError
from macropix.host.registers import Registers
from macropix.host.status import Status


def test_attributes_are_the_map():
    attributes = {name for name, value in vars(Registers).items() if type(value).__name__ == "_Control"}
    assert attributes == set(CONTROL)


def test_status_is_the_map():
    assert list(Status.__annotations__) == list(STATUS)
    words = [0] * sum(register.words for register in STATUS.values())
    for n, register in enumerate(STATUS.values()):
        for at, word in enumerate(register.to_words(min(register.maximum, 3 + n if register.name != "protocol_major" else 1))):
            words[register.address + at] = word
    status = Status.from_words([*words, 1, 2, 3])  # a newer minor version may have more
    assert status.to_dict() == {
        register.name: min(register.maximum, 3 + n if register.name != "protocol_major" else 1)
        for n, register in enumerate(STATUS.values())
    }
    assert isinstance(status.features, Feature)
    assert isinstance(status.state, State)
    with pytest.raises(DeviceError, match="a status packet is too short; expected 60 words, found 59"):
        Status.from_words(words[:59])


@pytest.mark.parametrize("name", list(CONTROL))
def test_every_register_by_name_and_attribute(device, name):
    register = CONTROL[name]
    assert int(getattr(device.registers[name], "value", device.registers[name])) == register.reset
    for value in {register.minimum, register.maximum, (register.minimum + register.maximum) // 2}:
        device.registers[name] = value
        back = getattr(device.registers, name)
        assert int(getattr(back, "value", back)) == value
        if register.kind is not None:
            assert isinstance(back, register.kind)
            setattr(device.registers, name, back)
            setattr(device.registers, name, back.name.lower())
            assert device.registers[name] == back
    for value in (register.minimum - 1, register.maximum + 1):
        with pytest.raises(UserError, match=f"{name} must be from {register.minimum} to {register.maximum}"):
            device.registers[name] = value
    assert device.registers.values()[name] == device.mirror.values()[name]


def test_what_a_register_takes(device):
    registers = device.registers
    registers.update(mode="edge", read=Read.TILES, threshold=np.int64(12), cds=False, tap="0x3", scene_source=np.uint8(2))
    assert (registers.mode, registers.read, registers.threshold, registers.cds) == (Mode.EDGE, Read.TILES, 12, 0)
    assert (registers.tap, registers.scene_source) == (Tap.CDS, Scene.CHECKER)
    registers.cds = "on"
    assert registers.cds == 1
    registers.threshold = 5.0
    assert registers.threshold == 5


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("threshold", 2048, "threshold must be from 0 to 2047 ADC LSB, not 2048"),
        ("threshold", 1.5, "threshold must be from 0 to 2047 ADC LSB, not 1.5"),
        ("threshold", "five", "threshold can't be 'five'; expected a whole number"),
        ("threshold", None, "threshold must be a whole number, not None"),
        ("mode", "fast", "mode can't be 'fast'; expected one of raw, edge, auto"),
        ("cds", "maybe", "cds can't be 'maybe'; expected one of off, on"),
        ("mode", Tap.OUT, r"mode must be a Mode, not <Tap.OUT: 0>"),
        ("gian", 1, r"no register 'gian' \(did you mean gain\?\)"),
        ("produced", 1, "produced is a status register: it can only be read"),
    ],
)
def test_refusals_write_nothing(device, transport, name, value, message):
    before = len(transport.written)
    with pytest.raises(UserError, match=message):
        device.registers.update(**{"gain": 1, name: value})
    assert len(transport.written) == before


def test_misspelt_attribute(device):
    with pytest.raises(UserError, match=r"did you mean threshold\?"):
        device.registers.treshold = 3
    with pytest.raises(AttributeError):
        _ = device.registers.treshold


def test_status_registers_by_name(device):
    assert device.registers["rows"] == 12
    assert device.registers["features"] & Feature.TAPS


def test_several_registers_are_one_command(device, transport):
    transport.written.clear()
    device.registers.update(mode="edge", threshold=7, seed=0x12345678, scene_level=9)
    assert len(transport.written) == 2  # a WRITE and the READ behind it
    assert device.registers.values() == {
        **{name: register.reset for name, register in CONTROL.items()}, "mode": 1, "threshold": 7, "seed": 0x12345678, "scene_level": 9,
    }  # fmt: skip
    device.registers.update()
    assert len(transport.written) == 3  # the READ of values() alone


def test_read_back_is_compared(device, transport):
    """A device that stores one bit less."""
    store = transport.device.memory.write

    def forgetful(address, words):
        store(address, words & ~np.uint16(1))

    transport.device.memory.write = forgetful
    with pytest.raises(DeviceError, match="register threshold reads back wrong; expected 13, found 12"):
        device.registers.threshold = 13
    with pytest.raises(DeviceError, match="the bias memory reads back other words than were written from 0 on"):
        device.load_kernel(0, np.full((3, 3), 3))
    with pytest.raises(DeviceError, match="the scene memory"):
        device.load_scene(np.full((12, 12), 5))


def test_a_value_without_a_meaning_reads_as_a_number(device, transport):
    transport.device.memory.write(CONTROL["threshold_mode"].address, np.array([3], np.uint16))
    assert device.registers.threshold_mode == 3
    device.registers.threshold_mode = ThresholdMode.NEG
    assert device.registers.threshold_mode is ThresholdMode.NEG


def test_repr_tells_values(device):
    assert "threshold=0" in repr(device.registers)
    assert "threshold" in dir(device.registers)
