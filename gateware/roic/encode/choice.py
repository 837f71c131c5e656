# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false
"""Which code a slice gets, and how long its payload then is.

          ┌─ positions: ALL, RUNS, BITMAP, FLAGGED ─┐
Record ───┤                                         ├─ Σ ─► bytes
meters    └─ values: PACKED, RICE, DELTA ───────────┘
"""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.config import Config
from macropix.gateware.roic.delay import delay
from macropix.gateware.roic.encode.code_length import BITS
from macropix.gateware.roic.encode.meter import ROUND_UP
from macropix.gateware.roic.encode.record import Record
from macropix.gateware.wire import TAP_BITS, Positions, Tap, Values

__all__ = ["Choice", "Chosen"]


class Chosen(data.Struct):
    """As it stands in the header, from bit 12 on."""

    positions: Positions
    values: Values
    length: 12  # bytes of payload


class Choice(wiring.Component):
    """The rule of `docs/protocol.md`: fixed codes for RAW, taps and EDGE; for AUTO the shortest positions and the shortest values, each
    judged alone, and the lower number on a tie.

    FLAGGED is for tap OUT alone: the mask belongs to what the host shows, and 1,024 sums with flags would not fit into a length of 12 bits.

    **Latency**: `latency` clocks; ``done`` is ``start``, delayed. Inputs are constant meanwhile. **Backpressure** none.

    Parameters
    ----------
    config : Config
        Whether there are taps.

    Members
    -------
    start : In(1)
        The inputs are there.
    record : In(Record), count : In(10)
        Of the slice.
    runs, rice, delta : In(15)
        Bits, from the meter: of positions less one, of values and `ROUND_UP`.
    o : Out(Chosen)
        Valid from ``done`` on, while the inputs are.
    done : Out(1)
    """

    #: clocks from ``start`` to ``done``
    latency = 4

    def __init__(self, config: Config):
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "record": In(Record),
                "count": In(10),
                "runs": In(BITS),
                "rice": In(BITS),
                "delta": In(BITS),
                "o": Out(Chosen),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        record, o = self.record, self.o
        empty = Signal()
        where_bits, one = self._positions(m, empty)
        what_bits = self._values(m)
        total = Signal(BITS + 1)
        m.d.comb += [
            total.eq((Cat(one, where_bits) + Cat(one, what_bits)) >> 1),
            self.done.eq(delay(m, self.start, self.latency, name="start", reset=True)),
        ]
        m.d.sync += [empty.eq(record.stored == 0), o.length.eq(Mux(empty, 0, total >> 3))]
        return m

    def _positions(self, m, empty):
        """Two clocks: is RUNS longer than BITMAP; positions, their bits less one, and that one."""
        record, where = self.record, self.o.positions
        bits, one, longer = Signal(BITS), Signal(), Signal()
        m.d.sync += [longer.eq(self.runs > self.count), where.eq(Positions.RUNS), bits.eq(self.runs), one.eq(1)]
        flagged = record.every & record.holes & (record.tap == Tap.OUT)
        mapped = ~record.every & record.auto & record.holes & longer & ~empty
        with m.If(flagged | mapped):
            m.d.sync += [where.eq(Mux(flagged, Positions.FLAGGED, Positions.BITMAP)), bits.eq(self.count)]
        with m.Elif(record.every | (record.auto & ~record.holes)):
            m.d.sync += [where.eq(Positions.ALL), bits.eq(0), one.eq(0)]
        return bits, one

    def _values(self, m):
        """Three clocks: PACKED, then RICE against it, then DELTA against the shorter; each with `ROUND_UP`, which tips no balance."""
        record = self.record
        packed, shorter, shortest = Signal(BITS), Signal(BITS), Signal(BITS)
        rice_wins, what = Signal(), self.o.values
        stored = record.stored
        m.d.sync += packed.eq(Cat(Const(3, 2), (Cat(Const(1, 1), stored) + Cat(Const(1, 1), stored << 1))[1:]))
        if self.config.taps:
            with m.If(record.tap == Tap.SUM):
                m.d.sync += packed.eq((stored << 5) - stored + ROUND_UP)
            with m.Elif((record.tap != Tap.OUT) & (record.tap != Tap.ADC)):
                m.d.sync += packed.eq((stored << 4) + (stored << 1) + ROUND_UP)
            assert [TAP_BITS[tap] for tap in Tap] == [12, 31, 18, 18, 18, 12]
        take_rice = ~record.every & (~record.auto | (self.rice < packed) | (stored == 0))
        take_delta = record.auto & ~record.every & (self.delta < shorter) & (stored != 0)
        m.d.sync += [
            rice_wins.eq(take_rice),
            shorter.eq(Mux(take_rice, self.rice, packed)),
            what.eq(Mux(take_delta, Values.DELTA, Mux(rice_wins, Values.RICE, Values.PACKED))),
            shortest.eq(Mux(take_delta, self.delta, shorter)),
        ]
        return shortest
