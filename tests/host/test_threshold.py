# SPDX-License-Identifier: BSD-2-Clause
"""Thresholds as a person writes them."""

import math

import numpy as np
import pytest

from macropix.gateware.wire import ThresholdMode
from macropix.host.errors import UserError
from macropix.host.threshold import Capture, Threshold


def level(text: str, values=None, mode=ThresholdMode.ABS) -> int:
    return Threshold.parse(text).resolve(None if values is None else np.array(values), mode=mode)


@pytest.mark.parametrize(("text", "expected"), [("12", 12), ("0", 0), ("2047", 2047), (" 7 ", 7), ("11.2", 12), (".5", 1)])
def test_lsb(text, expected):
    assert Threshold.parse(text).needs is Capture.NONE
    assert level(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("5%fs", 103), ("100%fs", 2047), ("0%fs", 1), ("0.01%fs", 1), ("50 %fs", 1024)])
def test_share_of_full_scale(text, expected):
    assert Threshold.parse(text).needs is Capture.NONE
    assert level(text) == expected


def test_share_of_the_largest():
    assert Threshold.parse("5%").needs is Capture.SCENE
    assert level("5%", [[3, -200], [199, 0]]) == 10
    assert level("5%", [201]) == 11, "rounded up"
    assert level("5%", [0, 0]) == 1, "at least 1"
    assert level("100%", [-2047]) == 2047


def test_share_sent():
    values = np.arange(-50, 51)
    assert Threshold.parse("10%sent").needs is Capture.SCENE
    for text, mode in (
        ("10%sent", ThresholdMode.ABS),
        ("3%sent", ThresholdMode.POS),
        ("7%sent", ThresholdMode.NEG),
        ("100%sent", ThresholdMode.ABS),
    ):
        t = level(text, values, mode)
        strength = {ThresholdMode.ABS: abs(values), ThresholdMode.POS: values, ThresholdMode.NEG: -values}[mode]
        allowed = float(text[:-5]) / 100 * values.size
        assert (strength >= t).sum() <= allowed
        assert t == 1 or (strength >= t - 1).sum() > allowed, "the smallest such T"
    assert level("0%sent", values) == 51


def test_sigma_is_1_4826_mad():
    values = np.random.default_rng(1).normal(7, 20, 100_000).round().astype(int)
    assert Threshold.parse("3sigma").needs is Capture.FLAT
    mad = float(np.median(abs(values - np.median(values))))
    assert level("3sigma", values) == math.ceil(3 * 1.4826 * mad)
    assert abs(level("3sigma", values) - 60) <= 3
    with pytest.raises(UserError, match=r"3sigma is not defined: the flat frames have no spread \(their MAD is 0\)"):
        level("3sigma", [5, 5, 5, 9])


@pytest.mark.parametrize("text", ["", "abc", "-3", "5 percent", "5%%", "3 sigmas", "1e3", "nan", "%", "5%FS", "0x10"])
def test_what_is_no_threshold(text):
    with pytest.raises(UserError, match=r"not a threshold; expected 12, 5%, 5%fs, 5%sent or 3sigma, found"):
        Threshold.parse(text)


@pytest.mark.parametrize("text", ["2048", "101%", "100.5%fs", "200%sent", "0sigma"])
def test_out_of_range(text):
    with pytest.raises(UserError, match="the threshold is out of range; expected"):
        Threshold.parse(text)


def test_what_it_comes_to_can_be_out_of_range():
    with pytest.raises(UserError, match=r"2000sigma comes to 2966 ADC LSB here, out of range; expected at most 2047"):
        level("2000sigma", [0, 1, 2, 3, 4])
    with pytest.raises(UserError, match="out of range"):
        level("0%sent", [-2048])


def test_a_capture_must_be_there():
    with pytest.raises(UserError, match="5% needs a raw capture, and there is none"):
        level("5%")
