# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false
"""Whole slices or nothing: bytes off the lane wait here until their slice is known to be good, and then for the link.

LaneBytes ─► written ahead ─ good ─► committed ─► block RAM ─► register ─► PacketBytes
                  └──── bad, or no room: taken back, counted
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.bus import LaneBytes, PacketBytes
from macropix.gateware.config import Config

__all__ = ["SliceFifo"]


class SliceFifo(wiring.Component):
    """A FIFO of whole slices.

    Bytes are written ahead of the committed end. A good end commits them; a bad end, or a byte that found no room, takes the
    whole slice back. A slice that begins while another is open ends that as bad. A slice longer than the FIFO never fits.

    **Latency** from the end of a slice to its first byte: 3 clocks. **Throughput** one byte a clock on both sides.
    **Backpressure**: ``i`` has none; when ``o`` stalls the FIFO fills, and then whole slices are dropped and counted.

    Parameters
    ----------
    config : Config
        ``fifo_bytes``.

    Members
    -------
    i : In(LaneBytes)
        Slices from the lane.
    o : Out(PacketBytes)
        Whole good slices in order.
    clear : In(1)
        Zeroes the counts; only while ``empty``.
    arrived : Out(32)
        Good slices, those dropped for want of room included.
    dropped_overflow, dropped_corrupt : Out(32)
        Good slices that found no room; bad ones.
    empty : Out(1)
        No byte is held, and no slice is open.
    """

    #: clocks from ``i.end`` to ``o.valid`` of the slice's first byte when empty
    latency = 3

    def __init__(self, config: Config):
        self.depth = config.fifo_bytes
        super().__init__(
            {
                "i": In(LaneBytes()),
                "o": Out(PacketBytes),
                "clear": In(1),
                "arrived": Out(32),
                "dropped_overflow": Out(32),
                "dropped_corrupt": Out(32),
                "empty": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        # pointers have a bit more than the address: full and empty differ in it
        committed, read = Signal(range(2 * self.depth)), Signal(range(2 * self.depth))
        m.submodules.storage = storage = memory.Memory(shape=9, depth=self.depth, init=[])
        open_, meets = self._write(m, storage.write_port(), committed, read)
        held = self._read(m, storage.read_port(), committed, read, meets)
        m.d.comb += self.empty.eq(~(open_ | held))
        return m

    def _write(self, m: Module, port, committed, read):
        """Write ahead, commit or take back. Whether a slice is open, and whether it is written where is read: then nothing is committed."""
        i = self.i
        # A slice's last byte is known as such only at its end: each byte is held back until the next, or the end, comes.
        ahead = Signal.like(committed)
        byte, open_, full = Signal(8), Signal(), Signal()  # full: this slice found no room
        begin = i.valid & i.start
        same = ahead[:-1] == read[:-1]
        room = ~(same & (ahead[-1] != read[-1]))
        write = open_ & Mux(i.valid, ~i.start, i.end)
        fits = room & ~full
        commit = open_ & i.end & i.good & fits
        m.d.comb += [port.addr.eq(ahead[:-1]), port.data.eq(Cat(byte, i.end)), port.en.eq(write & fits)]
        with m.If(write):
            m.d.sync += [ahead.eq(ahead + fits), full.eq(~fits)]
        with m.If(i.valid):
            m.d.sync += byte.eq(i.data)
        with m.If(begin | i.end):
            m.d.sync += [open_.eq(begin), full.eq(0), ahead.eq(Mux(commit, ahead + 1, committed))]
        with m.If(commit):
            m.d.sync += committed.eq(ahead + 1)
        for count, event in (
            (self.arrived, open_ & i.end & i.good),
            (self.dropped_overflow, open_ & i.end & i.good & ~fits),
            (self.dropped_corrupt, (i.end & ~(open_ & i.good)) | (open_ & begin)),
        ):
            m.d.sync += count.eq(Mux(self.clear, 0, count + event))
        return open_, same & port.en

    def _read(self, m: Module, port, committed, read, meets):
        """Block RAM, its output register and a register behind; each moves on when the next is free. Whether any holds a byte."""
        o = self.o
        waiting, in_port, some = Signal(), Signal(), Signal()
        take = ~o.valid | o.ready
        fetch = ~in_port | take
        m.d.comb += [some.eq(committed != read), port.addr.eq(read[:-1]), waiting.eq(some | in_port | o.valid)]
        # what is read while nothing is committed is not used: the synthesiser need not bypass the memory where both ports meet
        m.d.comb += port.en.eq(fetch & ~meets)
        with m.If(fetch):
            m.d.sync += [in_port.eq(some), read.eq(read + some)]
        with m.If(take):
            m.d.sync += [o.valid.eq(in_port), o.payload.as_value().eq(port.data)]
        return waiting
