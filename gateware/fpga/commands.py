# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""Bytes from the host become one checked command at a time.

bytes ─┬─► HeaderFinder ─► command ────────────────┐
       └─► words ─► memory ─► CRC-32 right? ───────┴─► valid, corrupt or long ─► CommandExecutor
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.crc import Crc
from macropix.gateware.fpga.header_finder import HeaderFinder
from macropix.gateware.wire import CRC32, CRC_BYTES, MAX_WORDS, Command, Op

__all__ = ["CommandDecoder"]


class CommandDecoder(wiring.Component):
    """Takes a command's words and CRC-32 behind its header, and holds it until it has been dealt with.

    Behind the header a WRITE's words go into the memory, then the CRC-32 is checked; of a command with more than 256 words neither
    is looked for. When no byte comes for `timeout` clocks in the middle of a command, or behind a byte that may begin one,
    everything taken so far is thrown away.

    **Latency** 1 clock from the last byte to `valid` (15 from the header's last byte if `long`). **Throughput** one byte a clock,
    and 13 clocks' rest behind each sync byte in the search. **Backpressure** `i` waits while `valid`.

    Parameters
    ----------
    timeout : int (clocks, a power of two ≥ 32)
        Longest rest inside a command.

    Members
    -------
    i : In(stream of bytes)
    command : Out(wire.Command)
        As it arrived; steady while `valid`.
    valid : Out(1)
        A command waits.
    corrupt, long : Out(1)
        With `valid`: the CRC-32 is wrong; there are more than 256 words.
    done : In(1)
        Pulse: the command has been dealt with.
    abandoned : Out(1)
        Pulse: a command stopped in the middle.
    next : In(1)
        Pulse, at most every second clock: load the next of a WRITE's words, the first at first.
    word : Out(16), last : Out(1)
        Valid from the clock behind `next` to that of the following `next`; `last` with the command's last.
    idle : Out(1)
        No command, and no byte that may begin one, has come.

    Raises
    ------
    ValueError
        `timeout` is no power of two from 32 on.
    """

    def __init__(self, timeout: int = 1 << 16):
        if timeout < 32 or timeout & (timeout - 1):
            raise ValueError(f"timeout must be a power of two from 32 on, not {timeout!r}")
        self._timeout = timeout
        super().__init__(
            {
                "i": In(stream.Signature(8)),
                "command": Out(Command),
                "valid": Out(1),
                "corrupt": Out(1),
                "long": Out(1),
                "done": In(1),
                "abandoned": Out(1),
                "next": In(1),
                "word": Out(16),
                "last": Out(1),
                "idle": Out(1),
            }
        )

    def _memory(self, m: Module, index: Signal, store: Signal):
        """256 words behind one counter: the low byte waits for the high one, `next` loads a word into its register."""
        m.submodules.words = words = memory.Memory(shape=16, depth=MAX_WORDS, init=[])
        low, high = Signal(8), Signal()
        write, read = words.write_port(), words.read_port()
        m.d.comb += [
            write.addr.eq(index),
            write.data.eq(Cat(low, self.i.payload)),
            write.en.eq(store & high),
            read.addr.eq(index),
        ]
        with m.If(store):
            m.d.sync += [low.eq(self.i.payload), high.eq(~high)]
        with m.If(self.done | self.abandoned):
            m.d.sync += high.eq(0)
        with m.If(self.next):
            m.d.sync += self.word.eq(read.data)
        return write.en

    def elaborate(self, platform):
        m = Module()
        m.submodules.header = header = HeaderFinder()
        m.submodules.crc = crc = Crc(CRC32(8))
        index, store, taken, late = Signal(range(MAX_WORDS)), Signal(), Signal(), Signal()
        stored = self._memory(m, index, store)
        rest = Signal(range(self._timeout))
        body, searching = Signal(), Signal()
        m.d.comb += [
            self.command.eq(header.command),
            header.i.payload.eq(self.i.payload),
            header.i.valid.eq(self.i.valid & searching),
            self.i.ready.eq(body | (searching & header.i.ready)),
            taken.eq(self.i.valid & self.i.ready),
            crc.start.eq(header.start),
            crc.valid.eq(header.valid | (body & self.i.valid)),
            crc.data.eq(Mux(body, self.i.payload, header.byte)),
            late.eq(rest.all() & ~taken),
            self.abandoned.eq(late),
            self.last.eq(index == header.command.words[:8]),
            header.flush.eq(self.done | self.abandoned),
        ]
        m.d.sync += rest.eq(Mux(taken | ~(body | (searching & header.pending)), 0, rest + 1))
        words = header.command.words
        m.d.comb += self.idle.eq(searching & ~header.pending)
        with m.FSM():
            with m.State("HEADER"):
                m.d.comb += searching.eq(1)
                m.d.sync += index.eq(0)
                with m.If(header.found):
                    m.next = "TAIL"
                    with m.If(words > MAX_WORDS):
                        m.next = "LONG"
                    with m.Elif((header.command.op == Op.WRITE) & (words != 0)):
                        m.next = "WORDS"
            with m.State("WORDS"):
                m.d.comb += [body.eq(1), store.eq(self.i.valid)]
                with m.If(stored):
                    m.d.sync += index.eq(index + 1)
                    with m.If(index == (words - 1)[:8]):
                        m.d.sync += index.eq(0)
                        m.next = "TAIL"
                with m.If(late):
                    m.next = "HEADER"
            with m.State("TAIL"):
                m.d.comb += body.eq(1)
                with m.If(self.i.valid):
                    m.d.sync += index.eq(index + 1)
                    with m.If(index == CRC_BYTES - 1):
                        m.d.sync += index.eq(0)
                        m.next = "READY"
                with m.If(late):
                    m.next = "HEADER"
            with m.State("READY"):
                m.d.comb += [self.valid.eq(1), self.corrupt.eq(~crc.match_detected)]
                m.d.sync += index.eq(index + self.next)
                with m.If(self.done):
                    m.next = "HEADER"
            with m.State("LONG"):
                m.d.comb += [self.valid.eq(1), self.long.eq(1)]
                with m.If(self.done):
                    m.next = "HEADER"
        return m
