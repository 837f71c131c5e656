# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""Shots and their frames: for each shot one exposure of each kernel of the sequence.

START ─► between ─► latch (tag, biases) ─► descriptor, start ─► expose ─┬─► next kernel, next shot ─► between
            ▲ the bus is lent here                                      └─► last shot, or STOP ─► idle ─► drained ─► status
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.bus import StreamPort
from macropix.gateware.fpga.shot_counts import ShotCounts
from macropix.gateware.wire import Descriptor

__all__ = ["Sequencer"]


class Sequencer(wiring.Component):
    """Runs shots. The bus is lent to commands between exposures, and no exposure begins while it is wanted.

    Shots and sequence are taken at the start. A `sequence_length` of 0 acts as 1, one above 8 as 8. STOP ends behind the frame under
    way; a shot that was cut short is not counted as done, but its number is not used again.

    **Latency** from one exposure's `finished` to the next's `expose`: that of the tag and 4 clocks. **Throughput** one exposure at a
    time. **Backpressure**: `bus_request` holds the next exposure; the die's raster waits for its encoder by itself.

    Parameters
    ----------
    streamed : bool
        The scene is streamed: an exposure begins when its first word is there; with a STOP one whose words have not all come is abandoned.

    Members
    -------
    shots : In(32), sequence_length : In(4), sequence : In(24)
        CONTROL registers.
    start, stop, missed, clear : In(1)
        Pulses. `start` only while not `running`; `clear` only while `drained`.
    epoch : In(16), time : In(32)
        Of the device, for the descriptor.
    latch : Out(1), tag_done : In(1), tag : In(16), kernel : Out(3)
        To and from `Tag` and `BiasBank`; `kernel` is steady from `latch` to `finished`.
    descriptor : Out(wire.Descriptor), expose : Out(1), finished : In(1)
        To and from the die; the descriptor is steady from `expose` to `finished`.
    bus_request : In(1), bus_grant : Out(1)
    running, exposing : Out(1)
        As in `registers.State`.
    settled : In(1), drained : Out(1)
        Of `Drain`; that, and nothing runs.
    status : Out(1)
        Pulse: a run has ended and everything has left.
    waiting : Out(1)
        Nothing changes but by a pulse: no run, or an exposure is under way.
    shots_done, frames_done, triggers_missed : Out(32)
    stream : Out(StreamPort), awaited : In(1), taking : Out(1)
        Streamed: to and from the die; exposures take their pixels from the host; scene words are of use.
    """

    def __init__(self, *, streamed: bool = False):
        self._streamed = streamed
        pulses = "start stop missed clear tag_done finished bus_request settled"
        outs = "latch expose bus_grant running exposing drained status waiting"
        super().__init__(
            {
                "shots": In(32),
                "sequence_length": In(4),
                "sequence": In(24),
                "epoch": In(16),
                "time": In(32),
                "tag": In(16),
                "kernel": Out(3),
                "descriptor": Out(Descriptor),
                "shots_done": Out(32),
                "frames_done": Out(32),
                "triggers_missed": Out(32),
            }
            | {name: In(1) for name in pulses.split()}
            | {name: Out(1) for name in outs.split()}
            | ({"stream": Out(StreamPort()), "awaited": In(1), "taking": Out(1)} if streamed else {})
        )

    def elaborate(self, platform):
        m = Module()
        step, shot, left, endless, stopping = Signal(3), Signal(16), Signal(32), Signal(), Signal()
        shot_ends = Signal()
        owed, begin, abandon = Signal(), Signal(), Signal()
        self._choose(m, step, shot_ends)
        m.submodules.counts = counts = ShotCounts()
        m.d.comb += [
            counts.clear.eq(self.clear),
            counts.missed.eq(self.missed),
            self.shots_done.eq(counts.shots_done),
            self.frames_done.eq(counts.frames_done),
            self.triggers_missed.eq(counts.triggers_missed),
            self.drained.eq(self.settled & ~self.running & ~self.exposing),
            self.status.eq(self.drained & owed & ~self.start),
        ]
        with m.If(self.status):
            m.d.sync += owed.eq(0)
        with m.If(self.stop):
            m.d.sync += stopping.eq(1)

        def end_run():
            m.d.sync += [self.running.eq(0), owed.eq(1)]
            m.next = "IDLE"

        def end_shot():
            m.d.sync += [step.eq(0), shot.eq(shot + 1), left.eq(left - 1)]

        with m.FSM() as fsm:
            m.d.comb += [
                self.exposing.eq(~fsm.ongoing("IDLE") & ~fsm.ongoing("BETWEEN")),
                self.waiting.eq(fsm.ongoing("IDLE") | (fsm.ongoing("EXPOSE") & ~self.finished)),
            ]
            with m.State("IDLE"):
                m.d.comb += self.bus_grant.eq(self.bus_request)
                m.d.sync += [stopping.eq(0), left.eq(self.shots), endless.eq(self.shots == 0)]
                with m.If(self.start):
                    m.d.sync += self.running.eq(1)
                    m.next = "BETWEEN"
            with m.State("BETWEEN"):
                m.d.comb += self.bus_grant.eq(self.bus_request)
                with m.If(stopping):
                    with m.If(step != 0):
                        end_shot()
                    end_run()
                with m.Elif(~self.bus_request & begin):
                    m.d.comb += self.latch.eq(1)
                    m.next = "LATCH"
            with m.State("LATCH"), m.If(self.tag_done):
                m.d.sync += [self.descriptor.time.eq(self.time), self.descriptor.tag.eq(self.tag)]
                m.next = "START"
            with m.State("START"):
                m.d.comb += self.expose.eq(1)
                m.next = "EXPOSE"
            with m.State("EXPOSE"), m.If(self.finished):
                m.d.comb += [counts.frame.eq(1), counts.shot.eq(shot_ends)]
                m.d.sync += step.eq(step + 1)
                m.next = "BETWEEN"
                with m.If(shot_ends):
                    end_shot()
                    with m.If((left == 1) & ~endless):
                        end_run()
                with m.If(abandon):
                    m.d.comb += [counts.frame.eq(0), counts.shot.eq(0)]
                    end_shot()
                    end_run()
        if self._streamed:
            stream = self.stream
            m.d.comb += [
                begin.eq(stream.waiting | ~self.awaited),
                self.taking.eq(self.running & ~stopping & self.awaited),
                stream.flush.eq(~self.running),
                stream.abandon.eq(abandon),
            ]
            with m.If(~fsm.ongoing("EXPOSE") | self.finished):
                m.d.sync += abandon.eq(0)
            with m.Elif(stopping & stream.starved):
                m.d.sync += abandon.eq(1)
        else:
            m.d.comb += begin.eq(1)
        with m.If(self.clear):
            m.d.sync += [shot.eq(0), owed.eq(0)]
        m.d.comb += [self.descriptor.epoch.eq(self.epoch), self.descriptor.shot.eq(shot), self.descriptor.kernel.eq(self.kernel)]
        return m

    def _choose(self, m: Module, step: Signal, shot_ends: Signal):
        """This step's kernel, and whether it is the shot's last step."""
        sequence, last = Signal(24), Signal(3)
        m.d.comb += [self.kernel.eq(sequence.word_select(step, 3)), shot_ends.eq(step == last)]
        with m.If(~self.running):
            m.d.sync += [
                sequence.eq(self.sequence),
                last.eq(Mux(self.sequence_length > 8, 7, Mux(self.sequence_length == 0, 0, self.sequence_length - 1))),
            ]
