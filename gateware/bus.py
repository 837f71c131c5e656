# SPDX-License-Identifier: BSD-2-Clause
"""The three ways data moves inside the gateware: bytes of packets, pixels, and words of the register bus."""

from amaranth.hdl import signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from macropix.gateware.config import Config

__all__ = ["READ_LATENCY", "PacketBytes", "WindowPort", "pixel_layout"]

#: clocks from a `WindowPort.read` pulse to its `read_data`
READ_LATENCY = 3

#: bytes of packets, with a mark on each packet's last byte; valid/ready as any Amaranth stream
PacketBytes = stream.Signature(data.StructLayout({"data": 8, "last": 1}))


def pixel_layout(config: Config) -> data.StructLayout:
    """One pixel on its way to the encoder.

    ``value``: y', or what the tap selected, sign-extended; ``sent``: past the threshold and not masked (all but masked
    ones at T = 0); ``masked``; ``saturated``: as `wire.Saturation`; ``slice_last``, ``frame_last``: last of its slice, frame.
    """
    return data.StructLayout(
        {
            "value": signed(config.sample_width),
            "sent": 1,
            "masked": 1,
            "saturated": 4,
            "slice_last": 1,
            "frame_last": 1,
        }
    )


class WindowPort(wiring.Signature):
    """A memory window on the register bus, seen from the bus's master (FPGA clock domain).

    ``address`` counts words from the window's base. A ``write`` pulse stores ``write_data``; ``read_data`` holds the word
    `READ_LATENCY` clocks behind a ``read`` pulse, with ``address`` held meanwhile. The master pulses only while it owns the
    bus: no exposure is under way then, so a memory may lend the bus its one read port.
    """

    def __init__(self):
        super().__init__({"address": Out(15), "write": Out(1), "write_data": Out(16), "read": Out(1), "read_data": In(16)})
