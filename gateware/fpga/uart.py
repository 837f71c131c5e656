# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""8N1 UART: bytes to and from one wire each way.

bytes ─► UartTx ─► start bit, eight bits from the lowest on, stop bit ─► UartRx ─► 16 bytes ─► bytes
"""

from fractions import Fraction
from math import ceil

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

__all__ = ["FIFO_BYTES", "BitClock", "UartRx", "UartTx"]

#: bytes that `UartRx` holds
FIFO_BYTES = 16
# bits of the phase beyond those of the divisor: the bit rate is right to 2^-16
_PRECISION = 16


class BitClock(wiring.Component):
    """A tick for each bit, also where a bit is no whole number of clocks: the carry of a phase accumulator.

    **Latency**: ticks ``divisor`` clocks behind ``restart``, half of that behind ``restart_half``; then every ``divisor``
    clocks on average, jitter below one clock.

    Parameters
    ----------
    divisor : int, float or Fraction (4 … 65536)
        Clocks a bit.

    Members
    -------
    restart, restart_half : In(1)
        Begin a bit now, or be in the middle of one.
    tick : Out(1)
        The bit is over.

    Raises
    ------
    TypeError, ValueError
        If the divisor is no number, or out of range.
    """

    restart: In(1)
    restart_half: In(1)
    tick: Out(1)

    def __init__(self, divisor: int | float | Fraction):
        if isinstance(divisor, bool) or not isinstance(divisor, int | float | Fraction):
            raise TypeError(f"divisor must be a number, not {divisor!r}")
        if not 4 <= divisor <= 65536:
            raise ValueError(f"divisor must be from 4 to 65536 clocks a bit, not {divisor}")
        self.width = int(divisor).bit_length() + _PRECISION
        self.step = ceil(Fraction(1 << self.width) / Fraction(divisor))
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        phase = Signal(self.width)
        m.d.sync += phase.eq(phase + self.step)
        m.d.comb += self.tick.eq((phase + self.step)[self.width])
        with m.If(self.restart):
            m.d.sync += phase.eq(0)
        with m.If(self.restart_half):
            m.d.sync += phase.eq(1 << (self.width - 1))
        return m


class UartTx(wiring.Component):
    """Sends bytes, 8N1.

    **Latency** one clock to the start bit. **Throughput** a byte every ten bits, without a gap. **Backpressure**: ``i.ready``
    is high while no byte is under way.

    Parameters
    ----------
    divisor : int, float or Fraction (4 … 65536)
        Clocks a bit; need not be whole.

    Members
    -------
    i : In(stream of 8 bits)
        Bytes.
    tx : Out(1)
        The wire; high between bytes.

    Raises
    ------
    TypeError, ValueError
        As `BitClock`.
    """

    def __init__(self, divisor: int | float | Fraction):
        self.clock = BitClock(divisor)
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.clock = clock = self.clock
        bits = Signal(10, init=1)  # what is still to be sent, the bit on the wire lowest; a one alone: the stop bit
        over = (bits == 1) & (clock.tick | self._quiet(m, clock))
        m.d.comb += [self.i.ready.eq(over), self.tx.eq(bits[0])]
        with m.If(over & self.i.valid):
            m.d.sync += bits.eq(Cat(Const(0, 1), self.i.payload, Const(1, 1)))
        with m.Elif(clock.tick & (bits != 1)):
            m.d.sync += bits.eq(bits >> 1)
        return m

    def _quiet(self, m: Module, clock):
        """Whether the wire has been high for a stop bit. Bits then begin in each clock, so one does when a byte is taken."""
        quiet = Signal(init=1)
        m.d.comb += clock.restart.eq(quiet)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += quiet.eq(0)
        with m.Elif(self.i.ready):
            m.d.sync += quiet.eq(1)
        return quiet


class UartRx(wiring.Component):
    """Receives bytes, 8N1.

    Each bit is sampled once, in its middle as counted from the falling edge of the start bit; a start bit that is high there is
    none. A byte whose stop bit is low is discarded, and the next start bit looked for when the wire is high again. Both clocks
    together may be off by 4 %.

    **Latency** 3 clocks and a half bit behind the stop bit's beginning. **Throughput** all the wire has. **Backpressure**:
    `FIFO_BYTES` bytes wait; a byte that finds no room is lost, and told.

    Parameters
    ----------
    divisor : int, float or Fraction (4 … 65536)
        Clocks a bit; need not be whole.

    Members
    -------
    rx : In(1)
        The wire, asynchronous.
    o : Out(stream of 8 bits)
        Bytes.
    framing, overrun : Out(1)
        A pulse for each byte discarded, lost.

    Raises
    ------
    TypeError, ValueError
        As `BitClock`.
    """

    def __init__(self, divisor: int | float | Fraction):
        self.clock = BitClock(divisor)
        super().__init__({"rx": In(1, init=1), "o": Out(stream.Signature(8)), "framing": Out(1), "overrun": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.clock = clock = self.clock
        m.submodules.queue = queue = fifo.SyncFIFOBuffered(width=8, depth=FIFO_BYTES)
        rx = Signal(init=1)
        m.submodules.rx = FFSynchronizer(self.rx, rx, init=1)
        bits = Signal(9)
        byte = Signal()  # the stop bit is in its middle, and high
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += clock.restart_half.eq(1)
                m.d.sync += bits.eq(1 << 8)
                with m.If(~rx):
                    m.next = "START"
            with m.State("START"), m.If(clock.tick):
                m.next = "DATA"
                with m.If(rx):
                    m.next = "IDLE"
            with m.State("DATA"), m.If(clock.tick):
                m.d.sync += bits.eq(Cat(bits[1:], rx))
                with m.If(bits[0]):
                    m.d.comb += [byte.eq(rx), self.framing.eq(~rx)]
                    m.d.sync += bits.eq(bits)
                    m.next = "LOW"
                    with m.If(rx):  # at once: at 4 clocks a bit the next start bit may follow in the next clock
                        m.next = "IDLE"
            with m.State("LOW"), m.If(rx):
                m.next = "IDLE"
        m.d.comb += [
            queue.w_data.eq(bits[1:]),
            queue.w_en.eq(byte),
            self.overrun.eq(byte & ~queue.w_rdy),
            self.o.payload.eq(queue.r_data),
            self.o.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.o.ready),
        ]
        return m
