# SPDX-License-Identifier: BSD-2-Clause
"""How data moves inside the gateware: packet bytes, pixels, the bytes of a lane, and words of the register bus.

chain ─ PixelPort ─► encoder ─ PacketBytes ─► serializer ═ lane ═► deserializer ─ LaneBytes ─► slice FIFO ─ PacketBytes ─► uplink
"""

from amaranth.hdl import signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.config import Config

__all__ = ["LaneBytes", "PacketBytes", "PixelPort", "StreamPort", "WindowPort", "counts_layout", "pixel_layout"]

#: bytes of packets, with a mark on each packet's last byte; valid/ready as any Amaranth stream
PacketBytes = stream.Signature(data.StructLayout({"data": 8, "last": 1}))

#: what the die counts since the claim: slices made, and macro-pixels clipped at each stage
counts_layout = data.StructLayout(
    {
        "produced": 32,
        "saturated_di": 32,
        "saturated_cds": 32,
        "saturated_pga": 32,
        "saturated_adc": 32,
        "saturated_pedestal": 32,
    }
)


def pixel_layout(config: Config) -> data.StructLayout:
    """One pixel on its way to the encoder.

    ``value``: y', or what the tap selected, sign-extended; ``sent``: past the threshold and not masked (all but masked
    ones at T = 0); ``masked``; ``saturated``: as `wire.Saturation`; ``slice_last``, ``frame_last``: last of its slice, frame;
    ``abandoned``, with ``frame_last``: the frame ends here but is not whole.
    """
    return data.StructLayout(
        {
            "value": signed(config.sample_width),
            "sent": 1,
            "masked": 1,
            "saturated": 4,
            "slice_last": 1,
            "frame_last": 1,
            "abandoned": 1,
        }
    )


class PixelPort(wiring.Signature):
    """Pixels from the chain into the slice buffer: no backpressure, but slices are reserved beforehand.

    The raster begins a slice only while ``room`` is high, and pulses ``reserve`` in that clock; ``room`` answers for the next
    clock. Whatever is issued then finds its place, so nothing in the pipeline between ever has to stop.
    """

    def __init__(self, config: Config):
        super().__init__({"payload": Out(pixel_layout(config)), "valid": Out(1), "reserve": Out(1), "room": In(1)})


class LaneBytes(wiring.Signature):
    """Slices as they come off the lane: no backpressure, a lane cannot stop.

    ``valid`` with ``data``: a byte, ``start`` with a slice's first. ``end`` (without a byte): the slice is over, and ``good``
    then says that every symbol of it was one, that it ended as it should, and that its CRC-32 is right.
    """

    def __init__(self):
        super().__init__({"valid": Out(1), "data": Out(8), "start": Out(1), "end": Out(1), "good": Out(1)})


class WindowPort(wiring.Signature):
    """A memory window on the register bus, seen from the bus's master.

    ``address`` counts words from the window's base. A ``read`` or ``write`` pulse of one clock asks; address and data are held
    until ``done`` answers with a pulse of one clock: for a write in the same clock or later, for a read later. ``read_data`` is
    valid from ``done`` on until the next request. The master asks only while it owns the bus: no exposure is under way then, so a
    memory may lend the bus its one read port.
    """

    def __init__(self):
        super().__init__(
            {
                "address": Out(15),
                "write": Out(1),
                "write_data": Out(16),
                "read": Out(1),
                "read_data": In(16),
                "done": In(1),
            }
        )


class StreamPort(wiring.Signature):
    """A streamed scene's levels, seen from the FPGA; its words go through the scene's `WindowPort`, at any time.

    ``flush``: no run is under way, words are dropped. ``waiting``: a word is there. ``starved``: an exposure is under way that needs
    another word, and there is none. ``abandon``, from ``starved`` until ``finished``: the exposure goes on with 0 to the end of the slice
    under way and ends there, its frame without a last slice.
    """

    def __init__(self):
        super().__init__({"flush": Out(1), "abandon": Out(1), "waiting": In(1), "starved": In(1)})
