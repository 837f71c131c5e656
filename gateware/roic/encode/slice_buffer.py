# SPDX-License-Identifier: BSD-2-Clause
"""Two slices of pixels: one is written, the other read.

             ┌─ flags: one bit a pixel, in bytes ───────►┐
pixels ──────┤                                           ├─ second reading
             └─ values: those of the sent pixels alone ─►┘
"""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from macropix.gateware.bus import pixel_layout
from macropix.gateware.config import Config
from macropix.gateware.wire import SLICE_PIXELS, Saturation

__all__ = ["SliceBuffer"]


class SliceBuffer(wiring.Component):
    """Two halves, each for a slice of up to 1,024 pixels, written in turn and read in turn.

    Only sent pixels leave a value, one behind the other; what was sent stands as a bit a pixel in ``flags``, bit 0 of byte 0 first. In a
    slice of which every pixel is sent the bit says instead that the pixel is not masked. Flags so stand as BITMAP and FLAGGED want them.

    **Latency**: what a pixel clock writes can be read two clocks later; a read takes one clock. **Throughput** one pixel a clock.
    **Backpressure** by reservation in whole slices, see `encoder.Encoder`.

    Parameters
    ----------
    config : Config
        ``sample_width``, and how many slices a frame may have.

    Members
    -------
    valid : In(1), pixel : In(bus.pixel_layout), every : In(1)
        A pixel comes; every pixel of its slice is sent.
    sent : Out(1)
        The pixel is stored. In the same clock, like all that follow up to ``index``.
    closed : Out(1)
        It is the last of its slice: a pulse, with which these are valid.
    count, stored, holes, open_end, saturated, first : Out
        Of the slice that closes, see `record.Record` and `wire.Header`; its last pixel included.
    index : Out(32)
        Its first pixel in the frame.
    half : In(1)
        The half that is read.
    read_flags : In(1), flags_at : In(7), flags : Out(8)
        Reads a byte of flags; it stands until the next read.
    read_value : In(1), value_at : In(10), value : Out(signed(sample_width))
        Reads a value.
    """

    def __init__(self, config: Config):
        self.config = config
        super().__init__(
            {
                "valid": In(1),
                "pixel": In(pixel_layout(config)),
                "every": In(1),
                "sent": Out(1),
                "closed": Out(1),
                "count": Out(10),
                "stored": Out(11),
                "holes": Out(1),
                "open_end": Out(1),
                "saturated": Out(Saturation),
                "first": Out(1),
                "index": Out(32),
                "half": In(1),
                "read_flags": In(1),
                "flags_at": In(7),
                "flags": Out(8),
                "read_value": In(1),
                "value_at": In(10),
                "value": Out(signed(config.sample_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        flag = Signal()
        m.d.comb += [
            self.sent.eq(self.every | self.pixel.sent),
            flag.eq(Mux(self.every, ~self.pixel.masked, self.pixel.sent)),
            self.closed.eq(self.valid & self.pixel.slice_last),
        ]
        half, place, kept = Signal(), Signal(10), Signal(10)
        with m.If(self.valid):
            m.d.sync += place.eq(place + 1)
            with m.If(self.sent):
                m.d.sync += kept.eq(kept + 1)
            with m.If(self.pixel.slice_last):
                m.d.sync += [place.eq(0), kept.eq(0), half.eq(~half)]
        m.d.comb += [self.count.eq(place), self.stored.eq(kept + self.sent), self.open_end.eq(~self.sent)]
        self._gather(m, flag)
        self._remember_flags(m, flag, half, place)
        self._remember_values(m, half, kept)
        self._number(m)
        return m

    def _gather(self, m, flag):
        """Over the slice: is there a 0 among the flags, what was saturated."""
        holes, saturated = Signal(), Signal(4)
        m.d.comb += [self.holes.eq(holes | ~flag), self.saturated.as_value().eq(saturated | self.pixel.saturated)]
        with m.If(self.valid):
            m.d.sync += [
                holes.eq(self.holes & ~self.pixel.slice_last),
                saturated.eq(Mux(self.pixel.slice_last, 0, self.saturated.as_value())),
            ]

    def _remember_flags(self, m, flag, half, place):
        """Each pixel writes its byte as far as it is known, and the byte's last pixel the whole of it."""
        m.submodules.flags = flags = memory.Memory(shape=8, depth=2 * SLICE_PIXELS // 8, init=[])
        write, read = flags.write_port(), flags.read_port()
        byte, longer = Signal(8), Signal(8)
        for bit in range(8):
            now = place[:3] == bit
            m.d.comb += longer[bit].eq(Mux(now, flag, byte[bit] & (place[:3] > bit)))
        with m.If(self.valid):
            m.d.sync += byte.eq(longer)
        m.d.comb += [
            write.en.eq(self.valid),
            write.addr.eq(Cat(place[3:], half)),
            write.data.eq(longer),
            read.en.eq(self.read_flags),
            read.addr.eq(Cat(self.flags_at, self.half)),
            self.flags.eq(read.data),
        ]

    def _remember_values(self, m, half, kept):
        m.submodules.values = values = memory.Memory(shape=signed(self.config.sample_width), depth=2 * SLICE_PIXELS, init=[])
        write, read = values.write_port(), values.read_port()
        m.d.comb += [
            write.en.eq(self.valid & self.sent),
            write.addr.eq(Cat(kept, half)),
            write.data.eq(self.pixel.value),
            read.en.eq(self.read_value),
            read.addr.eq(Cat(self.value_at, self.half)),
            self.value.eq(read.data),
        ]

    def _number(self, m):
        """Where in its frame the slice lies."""
        first = Signal(init=1)
        m.d.comb += self.first.eq(first)
        with m.If(self.closed):
            m.d.sync += first.eq(self.pixel.frame_last)
        slices = -(-self.config.max_outputs // SLICE_PIXELS)
        if slices > 1:
            before = Signal(range(slices))
            m.d.comb += self.index.eq(before << 10)
            with m.If(self.closed):
                m.d.sync += before.eq(Mux(self.pixel.frame_last, 0, before + 1))
