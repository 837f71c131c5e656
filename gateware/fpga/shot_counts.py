# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""The sequencer's side of the ledger: shots, frames and missed triggers since the claim."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["ShotCounts"]


class ShotCounts(wiring.Component):
    """Three counters.

    **Latency** 1 clock. **Throughput** one event of each kind a clock. **Backpressure** none.

    Members
    -------
    frame, shot, missed : In(1)
        Pulses: a frame was exposed; a shot is complete; a start found the sequencer running.
    clear : In(1)
        Pulse: all to 0.
    frames_done, shots_done, triggers_missed : Out(32)
        Modulo 2^32.
    """

    frame: In(1)
    shot: In(1)
    missed: In(1)
    clear: In(1)
    frames_done: Out(32)
    shots_done: Out(32)
    triggers_missed: Out(32)

    def elaborate(self, platform):
        m = Module()
        for event, count in (
            (self.frame, self.frames_done),
            (self.shot, self.shots_done),
            (self.missed, self.triggers_missed),
        ):
            with m.If(self.clear):
                m.d.sync += count.eq(0)
            with m.Elif(event):
                m.d.sync += count.eq(count + 1)
        return m
