# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false
"""Between the clock of the FPGA (``sync``), that of the die (``die``) and the one it forwards with its bits (``rx``).

    sync: settings, start, clear, windows ─► DieBridge ─► die        rx: deserialiser ─► LaneBridge ─► sync: slice FIFO
          finished, idle, counts          ◄─

Where the configuration has one clock only, both are wires.
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer, PulseSynchronizer
from amaranth.lib.fifo import AsyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from macropix.gateware.bus import LaneBytes, StreamPort, WindowPort, counts_layout
from macropix.gateware.config import Config, SceneForm
from macropix.gateware.fpga.snapshot import Snapshot
from macropix.gateware.fpga.window_bridge import WindowBridge
from macropix.gateware.registers import settings_layout
from macropix.gateware.wire import Descriptor, LaneTest

__all__ = ["DieBridge", "DiePort", "LaneBridge"]


class DiePort(wiring.Signature):
    """All between FPGA and die but the lane, seen from the FPGA. Members as those of `die.Die`."""

    def __init__(self, config: Config):
        super().__init__(
            {
                "settings": Out(settings_layout(config)),
                "descriptor": Out(Descriptor),
                "start": Out(1),
                "clear": Out(1),
                "lane_test": Out(LaneTest),
                "scene": Out(WindowPort()),
                "pedestal": Out(WindowPort()),
                "finished": In(1),
                "idle": In(1),
                "counts": In(counts_layout),
            }
            | ({"stream": Out(StreamPort())} if config.scene is SceneForm.STREAMED else {})
        )


class DieBridge(wiring.Component):
    """The FPGA's orders to the die, and what the die tells.

    Settings and descriptor pass as they are: the FPGA holds them from ``start`` until ``finished``. With clocks of their own,
    idle and counts come as one snapshot of the die, and this holds:

    * ``idle`` is low from the clock behind ``start`` or ``clear``; it rises only with a snapshot that the die made behind its
      ``finished`` (or ``clear``).
    * while ``idle`` is high, the counts are those of the die in that same clock of its, and stay: nothing on the die moves
      until the next ``start``.
    * ``clear`` zeroes the FPGA's counts at once; no count from before comes behind it.
    * ``start`` in the same clock as ``clear`` or later reaches the die later.

    **Latency**, with one clock: none. With two: ``start`` 4 clocks of the die, ``clear`` 3, ``finished`` 3 of the FPGA;
    ``idle`` and counts at most two rounds of `Snapshot`, 10 clocks of each. **Throughput**: ``start`` and ``clear`` at most
    once in 4 clocks of the slower side.

    Parameters
    ----------
    config : Config
        ``separate_clocks``: domains ``sync`` and ``die``; else only ``sync``, and wires.

    Members
    -------
    fpga : In(DiePort)
        Toward the FPGA, ``sync``.
    die : Out(DiePort)
        Toward the die.
    """

    def __init__(self, config: Config):
        self.separate = config.separate_clocks
        self.streamed = config.scene is SceneForm.STREAMED
        super().__init__({"fpga": In(DiePort(config)), "die": Out(DiePort(config))})

    def elaborate(self, platform):
        m = Module()
        fpga, die = self.fpga, self.die
        if not self.separate:
            wiring.connect(m, wiring.flipped(fpga), wiring.flipped(die))
            return m
        m.d.comb += [die.settings.eq(fpga.settings), die.descriptor.eq(fpga.descriptor)]
        for name, source, target, domains, stages in (
            ("start", fpga.start, die.start, ("sync", "die"), 3),
            ("clear", fpga.clear, die.clear, ("sync", "die"), 2),
            ("finished", die.finished, fpga.finished, ("die", "sync"), 2),
        ):
            m.submodules[name] = pulse = PulseSynchronizer(*domains, stages=stages)
            m.d.comb += [pulse.i.eq(source), target.eq(pulse.o)]
        m.submodules.lane_test = FFSynchronizer(fpga.lane_test.as_value(), die.lane_test.as_value(), o_domain="die")
        for name in ("scene", "pedestal"):
            m.submodules[name] = window = WindowBridge(bus_domain="sync", memory_domain="die")
            wiring.connect(m, window.bus, wiring.flipped(getattr(fpga, name)))
            wiring.connect(m, window.memory, wiring.flipped(getattr(die, name)))
        if self.streamed:
            for name in ("flush", "abandon"):
                m.submodules[name] = FFSynchronizer(getattr(fpga.stream, name), getattr(die.stream, name), o_domain="die")
            for name in ("waiting", "starved"):
                m.submodules[name] = FFSynchronizer(getattr(die.stream, name), getattr(fpga.stream, name), o_domain="sync")
        self._watch(m)
        return m

    def _watch(self, m: Module):
        """Counts and idle, fresh or not at all."""
        fpga, die = self.fpga, self.die
        m.submodules.snapshot = snapshot = Snapshot(len(die.counts.as_value()) + 1, i_domain="die", o_domain="sync")
        running, fresh, zero = Signal(), Signal(), Signal(init=1)
        changed = fpga.start | fpga.clear | fpga.finished
        idle, counts = snapshot.o[0], snapshot.o[1:]
        m.d.comb += [
            snapshot.i.eq(Cat(die.idle, die.counts)),
            snapshot.discard.eq(changed),
            fpga.idle.eq(fresh & idle & ~running),
            fpga.counts.eq(Mux(zero, 0, counts)),
        ]
        with m.If(snapshot.taken):
            m.d.sync += [fresh.eq(1), zero.eq(0)]
        with m.If(changed):
            m.d.sync += fresh.eq(0)
        with m.If(fpga.clear):
            m.d.sync += zero.eq(1)
        with m.If(fpga.start):
            m.d.sync += running.eq(1)
        with m.Elif(fpga.finished):
            m.d.sync += running.eq(0)


class LaneBridge(wiring.Component):
    """Slices from the clock that came with the bits into the FPGA's.

    **Latency**, with one clock: none. With two: a byte 2 clocks of ``rx`` and 4 of ``sync``; the error counts at most two
    rounds of `Snapshot`. **Throughput** a byte a clock of ``sync``. **Backpressure** none: where ``sync`` takes slower than the
    lane gives and the FIFO of `DEPTH` runs over, the slice ends bad.

    Parameters
    ----------
    config : Config
        ``separate_clocks``: domains ``rx`` and ``sync``; else wires.

    Members
    -------
    i : In(LaneBytes), i_locked, i_swapped : In(1), i_code_errors, i_disparity_errors, i_realigns : In(16)
        From the deserialiser; ``i_swapped`` where there are lanes to be swapped.
    o : Out(LaneBytes), locked, swapped : Out(1), code_errors, disparity_errors, realigns : Out(16)
        Toward the FPGA.
    """

    DEPTH = 32
    counts = ("code_errors", "disparity_errors", "realigns")

    def __init__(self, config: Config):
        self.separate = config.separate_clocks
        self.flags = ("locked",) if config.lanes == 1 else ("locked", "swapped")
        members = {"i": In(LaneBytes()), "o": Out(LaneBytes())}
        for names, width in ((self.flags, 1), (self.counts, 16)):
            for name in names:
                members |= {f"i_{name}": In(width), name: Out(width)}
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        errors = Cat(self.code_errors, self.disparity_errors, self.realigns)
        i_errors = Cat(self.i_code_errors, self.i_disparity_errors, self.i_realigns)
        if not self.separate:
            wiring.connect(m, wiring.flipped(self.i), wiring.flipped(self.o))
            m.d.comb += [*(getattr(self, name).eq(getattr(self, f"i_{name}")) for name in self.flags), errors.eq(i_errors)]
            return m
        for name in self.flags:
            m.submodules[name] = FFSynchronizer(getattr(self, f"i_{name}"), getattr(self, name))
        m.submodules.snapshot = snapshot = Snapshot(len(errors), i_domain="rx", o_domain="sync")
        m.d.comb += [snapshot.i.eq(i_errors), errors.eq(snapshot.o)]
        self._carry(m)
        return m

    def _carry(self, m: Module):
        """Bytes and ends through a FIFO. What finds it full breaks its slice: then nothing goes in but a bad end or the next start."""
        i, o = self.i, self.o
        m.submodules.queue = queue = AsyncFIFOBuffered(width=11, depth=self.DEPTH, w_domain="rx", r_domain="sync")
        broken, owed = Signal(), Signal()  # the slice under way has lost a byte; its end has come and is still to be written
        begin = i.valid & i.start
        passes = begin | (i.valid & ~broken) | i.end
        good = i.end & i.good & ~broken
        m.d.comb += [
            queue.w_en.eq(passes | owed),
            queue.w_data.eq(Mux(passes, Cat(i.data, i.start & i.valid, i.end, good), Cat(i.data, 0, 1, 0))),
        ]
        with m.If(passes):
            m.d.rx += [broken.eq(~queue.w_rdy), owed.eq(Mux(queue.w_rdy, owed & ~begin, owed | i.end))]
        with m.Elif(owed & queue.w_rdy):
            m.d.rx += owed.eq(0)
        m.d.comb += [queue.r_en.eq(1), o.data.eq(queue.r_data[:8])]
        start, end, good = queue.r_data[8:]
        m.d.comb += [
            o.valid.eq(queue.r_rdy & ~end),
            o.start.eq(queue.r_rdy & start),
            o.end.eq(queue.r_rdy & end),
            o.good.eq(queue.r_rdy & good),
        ]
