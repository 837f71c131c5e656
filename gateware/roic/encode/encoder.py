# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false
"""Pixels to slices, in two readings.

pixels ─┬─► SliceBuffer ──────────────► Sweep ─► Coder ─► Packer ─► Framer ─► PacketBytes
        └─► Meter ─► Choice ─► Chosen ──┴────────┘                    ▲
settings, descriptor ─► Record, HeaderBytes ──────────────────────────┘
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from macropix.gateware.bus import PacketBytes, PixelPort
from macropix.gateware.config import Config
from macropix.gateware.registers import settings_layout
from macropix.gateware.roic.encode.choice import Choice
from macropix.gateware.roic.encode.coder import Coder
from macropix.gateware.roic.encode.framer import Framer
from macropix.gateware.roic.encode.header import HeaderBytes
from macropix.gateware.roic.encode.meter import Meter
from macropix.gateware.roic.encode.packer import Packer
from macropix.gateware.roic.encode.record import Record
from macropix.gateware.roic.encode.slice_buffer import SliceBuffer
from macropix.gateware.roic.encode.sweep import Sweep
from macropix.gateware.wire import Descriptor, Mode, Tap, ThresholdMode

__all__ = ["Encoder"]


class Encoder(wiring.Component):
    """Pixels to whole packets, by the rule of `docs/protocol.md`.

    While one slice is read and sent, the next may come. There is one header, so a slice is admitted only when the header of the one before
    has left; a half of the buffer is free again when the last byte of its packet has been taken. A slice counts as produced, and
    takes its number, when it is complete in the buffer and its code is chosen.

    Values without meaning act as 0: mode, threshold mode and tap; so does any tap where there are none.

    **Latency**: the first byte stands in ``o`` `latency` clocks behind a slice's last pixel, if nothing is before it. **Throughput**: one
    pixel a clock; at most one byte a clock, and a sent pixel in one clock or (RUNS) two. **Backpressure**: ``pixels.room``; ``o`` may stall
    for ever.

    Parameters
    ----------
    config : Config
        Width of a pixel, slices of a frame, whether there are taps.

    Members
    -------
    pixels : In(PixelPort)
        From the chain.
    settings : In(settings_layout), descriptor : In(wire.Descriptor)
        Of the frame; constant until its last pixel.
    clear : In(1)
        Slices are numbered from 0 again; only while ``idle``.
    o : Out(PacketBytes)
        Whole slices.
    produced : Out(32)
        Slices since ``clear``.
    idle : Out(1)
        No slice is reserved, waits or leaves.
    """

    #: clocks from a slice's last pixel to its first byte
    latency = Meter.latency + Choice.latency + 3

    def __init__(self, config: Config):
        self.config = config
        super().__init__(
            {
                "pixels": In(PixelPort(config)),
                "settings": In(settings_layout(config)),
                "descriptor": In(Descriptor),
                "clear": In(1),
                "o": Out(PacketBytes),
                "produced": Out(32),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = self.buffer = SliceBuffer(self.config)
        m.submodules.header = self.header = HeaderBytes()
        m.submodules.framer = self.framer = Framer()
        record = Signal(Record)
        full = Signal()
        choice = self._first_reading(m, record)
        self._second_reading(m, record, choice.o)
        self._admit(m)
        m.d.comb += self.framer.full.eq(full)
        with m.If(choice.done):
            m.d.sync += [full.eq(1), self.produced.eq(self.produced + 1)]
        with m.Elif(self.framer.begin):
            m.d.sync += full.eq(0)
        with m.If(self.clear):
            m.d.sync += self.produced.eq(0)
        connect(m, self.framer.o, flipped(self.o))
        return m

    def _first_reading(self, m, record):
        """Buffer, meter and choice; the record and the header's first part are taken with the last pixel."""
        buffer, settings, pixel = self.buffer, self.settings, self.pixels.payload
        m.submodules.meter = meter = Meter()
        m.submodules.choice = choice = Choice(self.config)
        now = Signal(Record)
        tap = Mux(settings.tap > Tap.ADC.value, Tap.OUT, settings.tap) if self.config.taps else Tap.OUT
        m.d.comb += [
            now.stored.eq(buffer.stored),
            now.holes.eq(buffer.holes),
            now.open_end.eq(buffer.open_end),
            now.tap.eq(tap),
            now.every.eq((now.tap != Tap.OUT) | ((settings.mode != Mode.EDGE) & (settings.mode != Mode.AUTO))),
            now.auto.eq(settings.mode == Mode.AUTO),
            now.threshold.eq(settings.threshold),
            now.threshold_mode.eq(settings.threshold_mode),
            now.sign.eq(
                (settings.threshold == 0)
                | ((settings.threshold_mode != ThresholdMode.POS) & (settings.threshold_mode != ThresholdMode.NEG))
            ),
            buffer.valid.eq(self.pixels.valid),
            buffer.pixel.eq(pixel),
            buffer.every.eq(now.every),
            meter.valid.eq(self.pixels.valid),
            meter.y.eq(pixel.value),
            meter.sent.eq(buffer.sent),
            meter.last.eq(pixel.slice_last),
            meter.threshold.eq(settings.threshold),
            meter.sign.eq(now.sign),
            meter.clear.eq(self.framer.begin),
            choice.start.eq(meter.done),
            choice.record.eq(record),
            choice.count.eq(self.header.count),
            choice.runs.eq(meter.runs),
            choice.rice.eq(meter.rice),
            choice.delta.eq(meter.delta),
        ]
        self._header(m, now.tap, choice)
        with m.If(buffer.closed):
            m.d.sync += record.eq(now)
        return choice

    def _header(self, m, tap, choice):
        buffer = self.buffer
        header = self.header
        m.d.comb += [
            header.load.eq(buffer.closed),
            header.descriptor.eq(self.descriptor),
            header.facts.first.eq(buffer.first),
            header.facts.last.eq(self.pixels.payload.frame_last & ~self.pixels.payload.abandoned),
            header.facts.saturated.eq(buffer.saturated),
            header.facts.number.eq(self.produced),
            header.facts.count.eq(buffer.count),
            header.facts.tap.eq(tap),
            header.facts.index.eq(buffer.index),
            header.complete.eq(choice.done),
            header.chosen.eq(choice.o),
            header.take.eq(self.framer.take),
            self.framer.header.eq(header.byte),
        ]

    def _second_reading(self, m, record, chosen):
        """Sweep, coder, packer, framer."""
        buffer, framer = self.buffer, self.framer
        m.submodules.sweep = sweep = Sweep()
        m.submodules.coder = coder = Coder(self.config)
        m.submodules.packer = packer = Packer(self.config)
        for part in (sweep, coder):
            m.d.comb += [part.begin.eq(framer.begin), part.record.eq(record), part.chosen.eq(chosen)]
        m.d.comb += [
            sweep.count.eq(self.header.count),
            sweep.go.eq(coder.go),
            sweep.flags.eq(buffer.flags),
            buffer.rewind.eq(framer.begin),
            buffer.next_flags.eq(sweep.next_flags),
            buffer.next_value.eq(sweep.next_value),
            coder.slot.eq(sweep.slot),
            coder.value.eq(buffer.value),
            packer.begin.eq(framer.begin),
            packer.i.eq(coder.o),
            packer.valid.eq(coder.valid),
            coder.ready.eq(packer.ready),
            framer.byte.eq(packer.byte),
            framer.byte_valid.eq(packer.byte_valid),
            packer.byte_ready.eq(framer.byte_ready),
            framer.done.eq(packer.done),
        ]

    def _admit(self, m):
        """A slice reserves its half and the header; they are free again when its last byte, and its header, have gone."""
        held, reserved = Signal(range(3)), Signal()
        release = Signal()
        m.d.comb += [
            release.eq(self.o.valid & self.o.ready & self.o.payload.last),
            self.pixels.room.eq((held != 2) & ~reserved),
            self.idle.eq(held == 0),
        ]
        m.d.sync += held.eq(held + self.pixels.reserve - release)
        with m.If(self.pixels.reserve):
            m.d.sync += reserved.eq(1)
        with m.Elif(self.framer.gone):
            m.d.sync += reserved.eq(0)
