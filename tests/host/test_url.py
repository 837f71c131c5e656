# SPDX-License-Identifier: BSD-2-Clause
"""URLs: their parts, the backends they name, the configurations they describe; and what is said about wrong ones."""

import importlib.metadata

import pytest

from macropix.gateware.config import Config, Form, Link
from macropix.host.errors import UserError
from macropix.host.transport import url as url_module
from macropix.host.transport.url import config_from, open_transport, parse, schemes


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "path", "options"),
    [
        ("model://", "model", "", None, "", {}),
        ("RTL://?lane=1&link=uart", "rtl", "", None, "", {"lane": "1", "link": "uart"}),
        ("tcp://somewhere:5000", "tcp", "somewhere", 5000, "", {}),
        ("ftdi://ftdi:232h/1", "ftdi", "ftdi:232h", None, "/1", {}),
        ("ftdi://ftdi:232h:FT1/1", "ftdi", "ftdi:232h:FT1", None, "/1", {}),
        ("serial:///dev/ttyUSB0?baud=3000000", "serial", "", None, "/dev/ttyUSB0", {"baud": "3000000"}),
        ("file:///data/a%20b.h5", "file", "", None, "/data/a b.h5", {}),
        ("file://run.h5?chunk=1", "file", "run.h5", None, "", {"chunk": "1"}),
        ("file://sub/run.h5", "file", "sub", None, "/run.h5", {}),
    ],
)
def test_parts(text, scheme, host, port, path, options):
    parsed = parse(text)
    assert (parsed.scheme, parsed.host, parsed.port, parsed.path, dict(parsed.options)) == (scheme, host, port, path, options)
    assert parsed.text == text
    assert parsed.file == host + path


@pytest.mark.parametrize("text", ["", "model", "model:", "/dev/ttyUSB0", "://x", "a b://"])
def test_no_url(text):
    with pytest.raises(UserError, match="is not a URL; expected scheme://"):
        parse(text)


def test_option_twice():
    with pytest.raises(UserError, match="option 'lane' stands twice"):
        parse("rtl://?lane=1&lane=2")


def test_schemes():
    assert {"file", "model", "rtl"} <= set(schemes())


def test_unknown_scheme_names_the_known_ones():
    with pytest.raises(
        UserError, match=r"no backend for modell://; expected one of file://, model://, rtl://.* \(did you mean model://\?\)"
    ):
        open_transport("modell://")


def test_missing_package_names_the_extra(monkeypatch):
    point = importlib.metadata.EntryPoint("rtl", "a_package_that_is_not_there.x:y", url_module.GROUP)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: [point])
    with pytest.raises(UserError, match=r"rtl:// needs the package 'a_package_that_is_not_there'.*\(pip install 'macropix\[sim\]'\)"):
        open_transport("rtl://")


@pytest.mark.parametrize(
    ("options", "config"),
    [
        ({}, Config()),
        ({"rows": "16", "cols": "0x14", "border": "2"}, Config(rows=16, cols=20, border=2)),
        ({"lane": "1", "fifo": "4096"}, Config(lane_bits=1, fifo_bytes=4096)),
        ({"link": "UART", "baud": "1000000", "clock": "12000000"}, Config(link=Link.UART, uart_baud=1_000_000, clock_hz=12_000_000)),
        ({"form": "shared", "macro": "5", "kernels": "2"}, Config(form=Form.SHARED, macro=5, kernels=2)),
        ({"clocks": "separate"}, Config(separate_clocks=True)),
        ({"clocks": "one", "noise": "off", "taps": "no", "response": "0", "pedestal": "false"}, Config(
            noise=False, taps=False, response_table=False, pedestal_map=False)),
        ({"trace": "x", "lane_bits": "5"}, Config(lane_bits=5)),
    ],
)  # fmt: skip
def test_configurations(options, config):
    assert config_from(options, also=("trace",)) == config


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"row": "16"}, r"unknown option 'row'; expected one of .*border.*trace.* \(did you mean rows\?\)"),
        ({"rows": "many"}, "option 'rows' is a whole number, not 'many'"),
        ({"rows": "7"}, "rows must be an integer from 8 to 2048, not 7"),
        ({"lane": "3"}, r"lane_bits must be one of \(1, 2, 5, 10\), not 3"),
        ({"noise": "loud"}, "option 'noise' is on or off, not 'loud'"),
        ({"form": "round"}, "option 'form' is one of parallel, shared, not 'round'"),
        ({"lane": "1", "lane_bits": "2"}, "says lane_bits a second time"),
        ({"hash": "1"}, "unknown option 'hash'"),
    ],
)
def test_bad_configurations(options, message):
    with pytest.raises(UserError, match=message):
        config_from(options, also=("trace",))


def test_an_open_model():
    with open_transport("model://?rows=8&cols=9") as transport:
        assert transport.config == Config(rows=8, cols=9)
        assert transport.name == "model://?rows=8&cols=9"
        assert "model" in repr(transport)
