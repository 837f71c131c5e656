# SPDX-License-Identifier: BSD-2-Clause
"""Whole frames as packets."""

import numpy as np
from amaranth.lib import data

from macropix.gateware import wire
from macropix.gateware.config import Config
from macropix.sim.golden.bias import lookup
from macropix.sim.golden.die import expose, reset_registers
from macropix.sim.golden.encode.slices import encode_frame

WEIGHTS, DARKS = lookup([-32] * 4 + [256] + [-32] * 4)


def headers(packets):
    return [data.Const(data.Layout.cast(wire.Header), int.from_bytes(text[:20], "little")) for text in packets]


def take(config, **changes):
    registers = {**reset_registers(), "scene_source": 5, "scene_level": 0, **changes}
    return expose(config, None, registers, WEIGHTS, DARKS, shot=0x12345, kernel=6), registers


def test_a_frame_of_several_slices():
    frame, registers = take(Config(rows=64, cols=48), read=0)
    packets = encode_frame(frame, registers=registers, epoch=9, tag=0xABCD, time=0x1_0000_0005, number=0xFFFF)
    heads = headers(packets)
    assert [int(head["count"]) + 1 for head in heads] == [1024, 1024, 62 * 46 - 2048]
    assert [int(head["number"]) for head in heads] == [0xFFFF, 0, 1]
    assert [int(head["where"]) for head in heads] == [5, 1024, 2048]
    assert [(int(head["first"]), int(head["last"])) for head in heads] == [(1, 0), (0, 0), (0, 1)]
    for head in heads:
        assert (int(head["epoch"]), int(head["tag"]), int(head["shot"]), int(head["kernel"])) == (9, 0xABCD, 0x2345, 6)
        assert head["tap"] is wire.Tap.OUT


def test_a_frame_of_exactly_one_slice():
    frame, registers = take(Config(rows=34, cols=34), read=0)
    (head,) = headers(encode_frame(frame, registers=registers, epoch=1, tag=0, time=0, number=0))
    assert (int(head["count"]), int(head["first"]), int(head["last"])) == (1023, 1, 1)


def test_saturation_is_told_slice_by_slice():
    config = Config(rows=64, cols=48)
    scene = np.zeros((64, 48), np.uint16)
    scene[60, 20] = 65535
    registers = {**reset_registers(), "read": 0, "gain": 5, "mode": 1, "threshold": 2047}
    frame = expose(config, scene, registers, WEIGHTS, DARKS)
    heads = headers(encode_frame(frame, registers=registers, epoch=1, tag=0, time=0, number=0))
    expected = wire.Saturation.PGA | wire.Saturation.ADC
    assert [int(head["saturated"].value) for head in heads] == [0, 0, expected.value]
    assert frame.counts == {"saturated_di": 0, "saturated_cds": 0, "saturated_pga": 1, "saturated_adc": 1, "saturated_pedestal": 0}


def test_a_slice_without_a_sent_pixel_has_no_payload():
    frame, registers = take(Config(), mode=1, threshold=2047, scene_source=3)
    (text,) = encode_frame(frame, registers=registers, epoch=1, tag=0, time=0, number=0)
    (head,) = headers([text])
    assert (int(head["length"]), head["positions"], head["values"]) == (0, wire.Positions.RUNS, wire.Values.RICE)
    assert len(text) == 24


def test_1700_tiles_are_a_matter_of_seconds():
    import time

    frame, registers = take(Config(), mode=2, threshold=12)
    encode_frame(frame, registers=registers, epoch=1, tag=0, time=0, number=0)
    start = time.perf_counter()
    for _ in range(100):
        frame, registers = take(Config(), mode=2, threshold=12)
        encode_frame(frame, registers=registers, epoch=1, tag=0, time=0, number=0)
    assert (time.perf_counter() - start) * 17 < 15  # 1.5 s on an idle core, and the machine may not be idle
