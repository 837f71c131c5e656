# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false
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

    **Latency**: what one clock writes can be read in the next; the first byte or value comes with the second ``next``. **Throughput** one
    pixel, one byte and one value a clock. **Backpressure** by reservation in whole slices, see `encoder.Encoder`.

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
    rewind : In(1)
        To the start of the half that was written next after the one read last.
    next_flags : In(1), flags : Out(8)
        The second of these pulses brings the slice's first byte, each one more the next.
    next_value : In(1), value : Out(signed(sample_width))
        Likewise for values.
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
                "rewind": In(1),
                "next_flags": In(1),
                "flags": Out(8),
                "next_value": In(1),
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
            m.d.sync += kept.eq(self.stored)
            with m.If(self.pixel.slice_last):
                m.d.sync += [place.eq(0), kept.eq(0), half.eq(~half)]
        m.d.comb += [self.count.eq(place), self.stored.eq(kept + self.sent), self.open_end.eq(~self.sent)]
        self._gather(m, flag)
        self._number(m)
        flags = self._memory(m, "flags", 8, SLICE_PIXELS // 8)
        values = self._memory(m, "value", self.config.sample_width, SLICE_PIXELS)
        m.d.comb += [
            flags.en.eq(self.valid),
            flags.addr.eq(Cat(place[3:], half)),
            flags.data.eq(self._byte(m, flag, place[:3])),
            values.en.eq(self.valid & self.sent),
            values.addr.eq(Cat(kept, half)),
            values.data.eq(self.pixel.value),
        ]
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

    def _byte(self, m, flag, place):
        """Each pixel writes its byte as far as it is known, and the byte's last pixel the whole of it."""
        byte, longer = Signal(8), Signal(8)
        m.d.comb += longer.eq(Mux(place == 0, 0, byte) | (flag << place))
        with m.If(self.valid):
            m.d.sync += byte.eq(longer)
        return longer

    def _memory(self, m, name, width, words):
        """Two halves of `words`, read in order with a register behind the memory; the write port."""
        m.submodules[name] = both = memory.Memory(shape=width, depth=2 * words, init=[])
        write, read = both.write_port(), both.read_port()
        o, go = getattr(self, name), getattr(self, f"next_{name}")
        at, half = Signal(range(words), name=f"{name}_at"), Signal(init=1, name=f"{name}_half")
        m.d.comb += [read.en.eq(go), read.addr.eq(Cat(at, half))]
        with m.If(self.rewind):
            m.d.sync += [at.eq(0), half.eq(~half)]
        with m.Elif(go):
            m.d.sync += at.eq(at + 1)
        with m.If(go):
            m.d.sync += o.eq(read.data)
        return write

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
