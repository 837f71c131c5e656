# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false
"""The bits of several serial pairs to the bytes of slices.

lanes ═► LaneReceiver each ─ items ─► Deskew ─► slices and CRC-32 ─► LaneBytes
                    └─ errors, locks ─► counts, locked, swapped
"""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.bus import LaneBytes
from macropix.gateware.config import Config
from macropix.gateware.fpga.deserializer import SliceReceiver
from macropix.gateware.fpga.deskew import Deskew
from macropix.gateware.fpga.lane_receiver import LaneReceiver

__all__ = ["StripedDeserializer"]


class StripedDeserializer(wiring.Component):
    """Several serial pairs' bits to slices: what `Deserializer` is for one.

    The lanes share the forwarded clock; each may begin its symbols at any bit, and lie up to `deskew.SKEW_SYMBOLS` symbols behind another.
    One damaged place loses the slice it lies in; one between two slices loses at most the later.

    **Latency** 9 clocks from the last bit of the last lane's symbol, and one for each lane before it in its column; **throughput** a byte
    a clock; no backpressure.

    Parameters
    ----------
    config : Config
        ``lanes`` lanes of ``lane_bits`` bits a clock.

    Members
    -------
    lane : In(lanes · lane_bits)
        Lane n in bits n · lane_bits and up, the lowest first in time.
    o : Out(LaneBytes)
        Slices; every slice begun is ended.
    locked : Out(1)
        Each lane has its comma and its number, and they are deskewed.
    swapped : Out(1)
        A lane bears another's number, so nothing can arrive.
    code_errors, disparity_errors, realigns : Out(16)
        As `Deserializer` counts them, all lanes together; modulo 2^16, since reset.
    """

    #: clocks from the last bit of lane 0's symbol on ``lane`` to its byte at ``o``, if no lane is later
    latency = LaneReceiver.latency + Deskew.latency + SliceReceiver.latency

    def __init__(self, config: Config):
        self._config = config
        counts = dict.fromkeys(("code_errors", "disparity_errors", "realigns"), Out(16))
        super().__init__({"lane": In(config.lane_width), "o": Out(LaneBytes()), "locked": Out(1), "swapped": Out(1), **counts})

    def elaborate(self, platform):
        m = Module()
        m.submodules.deskew = deskew = Deskew(self._config)
        m.submodules.receiver = receiver = SliceReceiver()
        lanes = []
        for n in range(self._config.lanes):
            m.submodules[f"lane_{n}"] = lane = LaneReceiver(self._config.lane_bits, n, lanes=self._config.lanes)
            m.d.comb += [
                lane.lane.eq(self.lane.word_select(n, self._config.lane_bits)),
                deskew.i[n].eq(lane.o),
                deskew.valid[n].eq(lane.valid),
                deskew.ready[n].eq(lane.locked & lane.named),
            ]
            lanes.append(lane)
        m.d.comb += [
            receiver.valid.eq(deskew.o_valid),
            receiver.byte.eq(deskew.byte),
            receiver.k.eq(deskew.k),
            receiver.wrong.eq(deskew.wrong),
            receiver.begin.eq(1),
            self.swapped.eq(Cat(lane.strange for lane in lanes).any()),
            self.locked.eq(deskew.deskewed & deskew.ready.all()),
        ]
        wiring.connect(m, receiver.o, wiring.flipped(self.o))
        for count, name in ((self.code_errors, "code_error"), (self.disparity_errors, "disparity_error"), (self.realigns, "realign")):
            events = Signal(range(len(lanes) + 1), name=f"{name}_events")
            m.d.sync += [events.eq(sum(getattr(lane, name) for lane in lanes)), count.eq(count + events)]
        return m
