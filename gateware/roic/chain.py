# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
"""The chain of the die: photocurrent to pixels.

raster ─► scene ─► macro-pixel ─► integrator ─► CDS ─► PGA ─► ADC ─► pedestal ─► threshold ─► pixels
  ▲                                   │ ahead     ▲ ▲                               ▲
room                                  └─► noise, pattern                       tap ─┘
"""

from amaranth.hdl import Cat, Const, Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware import wire
from macropix.gateware.bus import PixelPort, StreamPort, WindowPort
from macropix.gateware.config import Config, SceneForm
from macropix.gateware.registers import settings_layout
from macropix.gateware.roic import integrator
from macropix.gateware.roic.adc import Adc
from macropix.gateware.roic.cds import Cds
from macropix.gateware.roic.delay import delay
from macropix.gateware.roic.integrator import Integrator
from macropix.gateware.roic.macropixel import MacroPixel
from macropix.gateware.roic.noise import Noise
from macropix.gateware.roic.pattern import Pattern
from macropix.gateware.roic.pedestal import AHEAD, Pedestal
from macropix.gateware.roic.pga import Pga
from macropix.gateware.roic.raster import Raster
from macropix.gateware.roic.scene import Scene
from macropix.gateware.roic.tap import Tap
from macropix.gateware.roic.threshold import Threshold

__all__ = ["Chain", "saturation_layout"]

#: macro-pixels clipped at each stage, as in `bus.counts_layout`
saturation_layout = data.StructLayout({f"saturated_{stage}": 32 for stage in ("di", "cds", "pga", "adc", "pedestal")})
assert Noise.latency == Pattern.latency == integrator.AHEAD


class Chain(wiring.Component):
    """One exposure: every macro-pixel of a frame through every stage, in raster order.

    A feed-forward pipeline: nothing waits but the raster, between slices or for a streamed scene, and only the window has an enable.
    Without the noise R is ``base``; without the map nothing is subtracted or masked; without the taps ``value`` is y'.

    **Latency, throughput, backpressure**: ``latency`` clocks from a pixel's issue to its output, 18 more from ``start`` to the first
    issue. A pixel every ``raster.slot(config)`` clocks. Begins a slice only when ``pixels.room``; stops inside one for a streamed scene
    alone.

    Parameters
    ----------
    config : Config

    Members
    -------
    settings : In(settings_layout(config)), descriptor : In(wire.Descriptor)
        Constant from ``start`` until ``finished``. In a SINGLE read ``dark_sum`` is the dark of the centre.
    start : In(1)
        Take a frame; only while none is under way.
    clear : In(1)
        Set ``counts`` to zero.
    scene, pedestal : In(WindowPort)
        The memories on the register bus. Without the map ``pedestal`` never answers.
    stream : In(StreamPort)
        Only of a streamed scene.
    pixels : Out(PixelPort)
        To the encoder.
    finished : Out(1)
        With the last pixel of a frame.
    counts : Out(saturation_layout)
        Since ``clear``; a pixel is counted in the clock behind it.
    """

    def __init__(self, config: Config):
        self.config = config
        super().__init__(
            {
                "settings": In(settings_layout(config)),
                "descriptor": In(wire.Descriptor),
                "start": In(1),
                "clear": In(1),
                "scene": In(WindowPort()),
                "pedestal": In(WindowPort()),
                "pixels": Out(PixelPort(config)),
                "finished": Out(1),
                "counts": Out(saturation_layout),
            }
            | ({"stream": In(StreamPort())} if config.scene is SceneForm.STREAMED else {})
        )
        self._raster = Raster(config)
        self._scene = Scene(config)
        self._macropixel = MacroPixel(config)
        self._integrator, self._cds = Integrator(config), Cds(config)
        self._pga, self._adc = Pga(), Adc()

    @property
    def latency(self) -> int:
        """Clocks from the issue of the pixel that completes a macro-pixel to that on ``pixels``."""
        return self._scene.latency + self._macropixel.latency + self._integrator.latency + self._behind

    @property
    def _behind(self) -> int:
        """Clocks from q to ``pixels``."""
        return self._cds.latency + Pga.latency + Adc.latency + Pedestal.latency * self.config.pedestal_map + Threshold.latency

    def elaborate(self, platform):
        m = Module()
        self._expose(m)
        if self.config.noise:
            self._disturb(m)
        y, masked, flags = self._convert(m)
        m.submodules.threshold = threshold = Threshold()
        mark = delay(m, self._integrator.o_mark, self._behind, name="mark", reset=True)
        value, raw = delay(m, y, threshold.latency, name="y"), Const(0)
        if self.config.taps:
            value, raw = self._tap(m, value)
        di, cds, pga, adc, pedestal = flags
        m.d.comb += [
            threshold.y.eq(y),
            threshold.masked.eq(masked),
            threshold.threshold.eq(self.settings.threshold),
            threshold.mode.eq(self.settings.threshold_mode),
            self.pixels.payload.value.eq(value),
            self.pixels.payload.sent.eq(threshold.sent | raw),
            self.pixels.payload.masked.eq(delay(m, masked, threshold.latency, name="masked")),
            self.pixels.payload.saturated.eq(Cat(di, cds, pga, adc | pedestal)),
            self.pixels.payload.slice_last.eq(mark.slice_last),
            self.pixels.payload.frame_last.eq(mark.frame_last),
            self.pixels.payload.abandoned.eq(mark.abandoned),
            self.pixels.valid.eq(mark.valid),
            self.finished.eq(mark.valid & mark.frame_last),
        ]
        self._count(m, mark.valid, flags)
        return m

    def _expose(self, m):
        """Raster to charge."""
        settings = self.settings
        m.submodules.raster = raster = self._raster
        m.submodules.scene = scene = self._scene
        m.submodules.macropixel = macropixel = self._macropixel
        m.submodules.integrator = integrator = self._integrator
        wiring.connect(m, wiring.flipped(self.scene), scene.window)
        m.d.comb += [scene.take.eq(raster.take), raster.ready.eq(scene.ready)]
        if self.config.scene is SceneForm.STREAMED:
            stream = self.stream
            m.d.comb += [scene.flush.eq(stream.flush), raster.abandon.eq(stream.abandon), raster.ready.eq(scene.ready | stream.abandon)]
            m.d.sync += [stream.waiting.eq(scene.queued), stream.starved.eq(raster.running & scene.awaited & ~scene.queued)]
        m.d.comb += [
            raster.start.eq(self.start),
            raster.read.eq(settings.read),
            raster.room.eq(self.pixels.room),
            self.pixels.reserve.eq(raster.reserve),
            scene.start.eq(self.start),
            scene.warm.eq(raster.warm),
            scene.step.eq(raster.issue.step),
            scene.row_end.eq(raster.issue.row_end),
            scene.source.eq(settings.scene_source),
            scene.level.eq(settings.scene_level),
            scene.seed.eq(settings.seed),
            scene.shot.eq(self.descriptor.shot),
            macropixel.start.eq(self.start),
            macropixel.issue.eq(delay(m, raster.issue, scene.latency, name="issue", reset=True)),
            macropixel.x.eq(scene.x),
            macropixel.single.eq(raster.single),
            macropixel.weight.eq(settings.weight),
            macropixel.dark_sum.eq(settings.dark_sum),
            integrator.s.eq(macropixel.s),
            integrator.mark.eq(macropixel.mark),
            integrator.time.eq(settings.time),
            integrator.test_charge.eq(settings.test_charge),
            integrator.well_low.eq(settings.well_low),
            integrator.well_high.eq(settings.well_high),
        ]

    def _disturb(self, m):
        """Noise and pattern, one value for each charge."""
        settings, ahead = self.settings, self._integrator.ahead
        m.submodules.noise = noise = Noise()
        m.submodules.pattern = pattern = Pattern()
        m.d.comb += [
            noise.start.eq(self.start),
            noise.warm.eq(self._raster.warm),
            noise.step.eq(ahead.valid),
            noise.seed.eq(settings.seed),
            noise.shot.eq(self.descriptor.shot),
            noise.kernel.eq(self.descriptor.kernel),
            noise.amplitude_reset.eq(settings.noise_reset),
            noise.amplitude_signal.eq(settings.noise_signal),
            pattern.start.eq(self.start),
            pattern.step.eq(ahead.valid),
            pattern.row_last.eq(ahead.row_last),
            pattern.amplitude.eq(settings.pattern_amplitude),
            self._cds.pattern.eq(pattern.pattern),
            self._cds.n1.eq(noise.reset),
            self._cds.n2.eq(noise.signal),
        ]

    def _convert(self, m):
        """Charge to y': (y', masked) before the threshold, and the five flags of what was clipped behind it."""
        settings = self.settings
        m.submodules.cds = cds = self._cds
        m.submodules.pga = pga = self._pga
        m.submodules.adc = adc = self._adc
        m.d.comb += [
            cds.q.eq(self._integrator.q),
            cds.base.eq(settings.base),
            cds.cds.eq(settings.cds),
            pga.d.eq(cds.d),
            pga.gain.eq(settings.gain),
            adc.p.eq(pga.p),
        ]
        flags = delay(m, self._integrator.clipped, cds.latency, name="flags_di")
        flags = delay(m, Cat(flags, cds.clipped), pga.latency, name="flags_cds")
        flags = delay(m, Cat(flags, pga.clipped), adc.latency, name="flags_pga")
        flags, y, masked, last = Cat(flags, adc.clipped), adc.y, Const(0), Const(0)
        if self.config.pedestal_map:
            m.submodules.pedestal = store = Pedestal(self.config)
            wiring.connect(m, wiring.flipped(self.pedestal), store.window)
            early = delay(m, self._integrator.o_mark.valid, cds.latency + pga.latency + adc.latency - AHEAD, name="early", reset=True)
            m.d.comb += [
                store.start.eq(self.start),
                store.step.eq(early),
                store.y.eq(adc.y),
                store.subtract.eq(settings.pedestal_enable),
                store.mask.eq(settings.mask_enable),
            ]
            flags = delay(m, flags, store.latency, name="flags_adc")
            y, masked, last = store.o_y, store.masked, store.clipped
        return y, masked, delay(m, Cat(flags, last), Threshold.latency, name="flags")

    def _tap(self, m, out):
        """(value, whether it is any tap but OUT)."""
        m.submodules.tap = tap = Tap(
            self.config,
            cds=self._cds.latency,
            pga=Pga.latency,
            adc=Adc.latency,
            out=Pedestal.latency * self.config.pedestal_map + Threshold.latency,
        )
        m.d.comb += [
            tap.select.eq(self.settings.tap),
            tap.s.eq(self._integrator.o_s),
            tap.q.eq(self._integrator.q),
            tap.d.eq(self._cds.d),
            tap.p.eq(self._pga.p),
            tap.y.eq(self._adc.y),
            tap.out.eq(out),
        ]
        return tap.value, tap.raw

    def _count(self, m, valid, flags):
        """How many macro-pixels each stage has clipped."""
        for flag, name in zip(flags, saturation_layout.members, strict=True):
            count = self.counts[name]
            with m.If(self.clear):
                m.d.sync += count.eq(0)
            with m.Elif(valid & flag):
                m.d.sync += count.eq(count + 1)
