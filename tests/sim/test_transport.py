# SPDX-License-Identifier: BSD-2-Clause
"""``model://`` as a host opens it."""

import pytest

from macropix.gateware.config import Config
from macropix.gateware.wire import Op
from macropix.host.errors import DeviceError, UserError
from macropix.host.transport.url import open_transport
from macropix.sim.golden.device import GIVE_UP, GoldenDevice
from macropix.sim.golden.packets import command
from macropix.sim.golden.transport import ModelTransport


def test_the_url_says_the_sizes():
    with open_transport("model://?rows=16&cols=24&kernels=2") as transport:
        assert isinstance(transport, ModelTransport)
        assert transport.config == Config(rows=16, cols=24, kernels=2)
        assert transport.device.config is transport.config
        assert transport.name == "model://?rows=16&cols=24&kernels=2"


def test_an_unknown_option_is_the_users_mistake():
    with pytest.raises(UserError, match="unknown option 'colour'"):
        open_transport("model://?colour=1")


def test_bytes_in_bytes_out():
    device = GoldenDevice(Config())
    text = command(Op.CLAIM, 1, 7) + command(Op.START, 2, 7)
    device.feed(text)
    with open_transport("model://") as transport:
        transport.write(text[:5])
        assert transport.read(0.1) == b""
        transport.write(text[5:])
    device = GoldenDevice(Config())
    with open_transport("model://") as transport:
        transport.write(text)
        device.feed(text)
        come = [transport.read(1), transport.read(1), transport.read(1)]
        assert come[:2] == [device.take(), device.take()]
        assert come[2] == b""
        assert all(come[:2])


def test_at_rest_time_passes():
    with ModelTransport(Config()) as transport:
        for _ in range(3):
            assert transport.read(1) == b""
        assert transport.read(1)  # 2^18 clocks behind its reset an unclaimed device sends its status
        assert transport.device.time >= 4 * GIVE_UP


def test_a_closed_device_is_gone():
    transport = open_transport("model://")
    transport.close()
    transport.close()
    with pytest.raises(DeviceError, match="model:// is closed"):
        transport.write(b"")
    with pytest.raises(DeviceError, match="model:// is closed"):
        transport.read(0)
