# SPDX-License-Identifier: BSD-2-Clause
"""`verify` over several devices: each is opened as its options say, and one that fails does not hide the others."""

import pytest

from macropix.host.errors import MismatchError, UserError
from macropix.host.matrix import FORMS, matrix
from macropix.host.transport.url import config_from, parse


def test_every_device_of_the_issue_is_there():
    configs = [config_from(parse(f"model://?{options}").options) for options in FORMS]
    assert {(8, 8), (32, 32), (64, 48)} <= {(config.rows, config.cols) for config in configs}
    assert len({config.macro for config in configs}) == len({config.form for config in configs}) == 2
    assert any(config.cols == 2048 and config.scene.value == "streamed" for config in configs)


def test_each_is_what_its_options_say(monkeypatch):
    tried = []

    def look(device, **_):
        tried.append((device.config.rows, device.config.macro, device.config.lane_bits))
        if device.config.macro == 5:
            raise MismatchError("broken")
        raise UserError("nothing to see")

    monkeypatch.setattr("macropix.host.matrix.verify", look)
    lines = list(matrix("model://?lane=2", forms=("rows=8&cols=8", "rows=9&cols=8&macro=5")))
    assert tried == [(8, 3, 2), (9, 5, 2)]
    assert [line.url for line in lines] == ["model://?lane=2&rows=8&cols=8", "model://?lane=2&rows=9&cols=8&macro=5"]
    assert [type(line.error) for line in lines] == [UserError, MismatchError]
    assert lines[1].to_dict()["error"]["kind"] == "mismatch"


def test_figures_of_two_small_devices():
    for line in matrix("model://", forms=("rows=8&cols=9&scene=streamed&form=shared", "rows=8&cols=8&macro=5"), seed=3):
        told = line.to_dict()
        assert line.error is None
        assert (told["pixels_differing"], told["cells_without_nonzero"]) == (0, 0)
        assert told["pixels_nonzero"] > told["cells"] > 600


def test_what_cannot_be():
    with pytest.raises(UserError, match="is one device"):
        next(matrix("tcp://there:5000"))
    with pytest.raises(UserError, match="option 'rows' stands twice"):
        next(matrix("model://?rows=9"))
