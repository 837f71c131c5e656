# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""The die: all of it.

settings, descriptor, start ─► chain ─ pixels ─► encoder ─ slices ─► serializer ═► lane, or lanes
scene, pedestal windows ───────┘
"""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.bus import StreamPort, WindowPort, counts_layout
from macropix.gateware.config import Config, SceneForm
from macropix.gateware.registers import settings_layout
from macropix.gateware.roic.chain import Chain, saturation_layout
from macropix.gateware.roic.encode.encoder import Encoder
from macropix.gateware.roic.serializer import Serializer
from macropix.gateware.roic.striped_serializer import StripedSerializer
from macropix.gateware.wire import Descriptor, LaneTest

__all__ = ["Die"]


class Die(wiring.Component):
    """One exposure for each `start`, sent as slices on the lane.

    **Latency, throughput**: those of `Chain`, `Encoder` and `Serializer` in turn. **Backpressure**: a slice on the lane that is not
    through yet keeps the encoder, and that keeps the raster, between slices; nothing is lost.

    Parameters
    ----------
    config : Config

    Members
    -------
    settings : In(settings_layout), descriptor : In(wire.Descriptor)
        Steady from `start` to `finished`.
    start : In(1), finished : Out(1)
        Pulses: an exposure begins; its last pixel is through the chain.
    clear : In(1)
        Pulse, while idle: counts and slice number to 0.
    lane_test : In(LaneTest)
        Sent instead of slices.
    scene, pedestal : In(WindowPort)
        Used only between exposures.
    stream : In(StreamPort)
        Only of a streamed scene, whose window is written during exposures.
    lane : Out(lane_width)
        Lane n in bits n · lane_bits and up, the lowest first in time.
    idle : Out(1)
        Encoder and serializer hold nothing.
    counts : Out(counts_layout)
        Since `clear`.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "settings": In(settings_layout(config)),
                "descriptor": In(Descriptor),
                "start": In(1),
                "clear": In(1),
                "lane_test": In(LaneTest),
                "scene": In(WindowPort()),
                "pedestal": In(WindowPort()),
                "lane": Out(config.lane_width),
                "finished": Out(1),
                "idle": Out(1),
                "counts": Out(counts_layout),
            }
            | ({"stream": In(StreamPort())} if config.scene is SceneForm.STREAMED else {})
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.chain = chain = Chain(self._config)
        m.submodules.encoder = encoder = Encoder(self._config)
        m.submodules.serializer = serializer = (Serializer if self._config.lanes == 1 else StripedSerializer)(self._config)
        wiring.connect(m, wiring.flipped(self.scene), chain.scene)
        wiring.connect(m, wiring.flipped(self.pedestal), chain.pedestal)
        if self._config.scene is SceneForm.STREAMED:
            wiring.connect(m, wiring.flipped(self.stream), chain.stream)
        wiring.connect(m, chain.pixels, encoder.pixels)
        wiring.connect(m, encoder.o, serializer.i)
        for part in (chain, encoder):
            m.d.comb += [part.settings.eq(self.settings), part.descriptor.eq(self.descriptor), part.clear.eq(self.clear)]
        m.d.comb += [
            chain.start.eq(self.start),
            serializer.test.eq(self.lane_test),
            self.lane.eq(serializer.lane),
            self.finished.eq(chain.finished),
            self.idle.eq(encoder.idle & serializer.idle),
            self.counts.produced.eq(encoder.produced),
        ]
        m.d.comb += [self.counts[name].eq(chain.counts[name]) for name, _ in saturation_layout]
        return m
