# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""The bias bank: codes of up to eight kernels, and what weight and dark current each code stands for.

kernel ─► bank ─► code of each sub-pixel ─► response table ─► (w, dark) ─┬─► settings.weight, dark_sum
                                                                         └─► words for the tag
"""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.bus import WindowPort
from macropix.gateware.config import Config
from macropix.gateware.registers import BIAS, BIAS_STRIDE, DARK, WEIGHT, settings_layout

__all__ = ["BiasBank"]


class BiasBank(wiring.Component):
    """Looks up the biases of one kernel before each exposure, two clocks a sub-pixel.

    A kernel that is not in the bank has all codes 0. At first w is the code itself and dark 0. Without `Config.response_table` it stays
    so, and there are no tables.

    **Latency** from `start` to `done`: ``latency`` clocks. **Throughput** one lookup at a time. **Backpressure**: a start during a lookup
    is not heard, nor does the window answer then: the bus is lent only between exposures.

    Parameters
    ----------
    config : Config

    Members
    -------
    window : In(WindowPort)
        Bank and tables by their addresses in the register map, less those above bit 13.
    kernel : In(3), start : In(1)
        Which kernel; held until `done`. Pulse.
    single : In(1)
        The read is 1 × 1: only the centre's dark counts.
    word : Out(16), valid : Out(1)
        w and dark of each sub-pixel in turn, sign-extended, as the tag wants them.
    done : Out(1)
        Pulse: the last word is there; weights and sum are from the next clock on.
    weight : Out(array of signed(10)), dark_sum : Out(signed)
        As in `registers.settings_layout`; they change only during a lookup.
    """

    def __init__(self, config: Config):
        self._config = config
        layout = settings_layout(config)
        super().__init__(
            {
                "window": In(WindowPort()),
                "kernel": In(3),
                "single": In(1),
                "start": In(1),
                "word": Out(16),
                "valid": Out(1),
                "done": Out(1),
                "weight": Out(layout["weight"].shape),
                "dark_sum": Out(layout["dark_sum"].shape),
            }
        )

    @property
    def _delay(self) -> int:
        """Clocks from a code's address to its (w, dark): each memory, and a register behind each."""
        return 4 if self._config.response_table else 2

    @property
    def latency(self) -> int:
        """Clocks from `start` to `done`."""
        return 2 * self._config.subpixels + self._delay

    def _memories(self, m: Module, looking: Signal, address: Signal) -> tuple[Signal, Signal]:
        """Bank and tables; each lends the window its one read port. Returns registers of (w, dark)."""
        window, config = self.window, self._config
        m.submodules.bank = bank = memory.Memory(shape=signed(BIAS.width), depth=BIAS.depth(config), init=[])
        write, read = bank.write_port(), bank.read_port()
        tables = window.address[13]
        code = Signal(signed(BIAS.width))
        m.d.comb += [
            write.addr.eq(window.address),
            write.data.eq(window.write_data),
            write.en.eq(window.write & ~tables),
            read.addr.eq(Mux(looking, address, window.address)),
            window.read_data.eq(code),
        ]
        m.d.sync += code.eq(Mux(~looking | (self.kernel < config.kernels), read.data, 0))
        if not config.response_table:
            return code, Signal(signed(DARK.width))
        found = []
        for bit, table, init in (
            (0, WEIGHT, [b - 1024 * (b >= 512) for b in range(1024)]),
            (1, DARK, []),
        ):
            m.submodules[table.name] = store = memory.Memory(shape=signed(table.width), depth=1024, init=init)
            write, read = store.write_port(), store.read_port()
            value = Signal(signed(table.width), name=table.name)
            m.d.comb += [
                write.addr.eq(window.address),
                write.data.eq(window.write_data),
                write.en.eq(window.write & tables & (window.address[10] == bit)),
                read.addr.eq(Mux(looking, code.as_unsigned(), window.address)),
            ]
            with m.If(tables & (window.address[10] == bit)):
                m.d.comb += window.read_data.eq(value)
            m.d.sync += value.eq(read.data)
            found.append(value)
        return found[0], found[1]

    def elaborate(self, platform):
        m = Module()
        subpixels = self._config.subpixels
        looking, step = Signal(), Signal(range(self.latency))
        address = Signal(range(8 * BIAS_STRIDE))
        w, dark = self._memories(m, looking, address)
        asked = Signal(2)
        m.d.sync += asked.eq(Cat(self.window.read, asked))
        m.d.comb += self.window.done.eq(asked[-1] | self.window.write)
        second = step[0]
        m.d.comb += [
            address.eq(Cat((step >> 1)[:5], self.kernel)),
            self.valid.eq(looking & (step >= self._delay)),
            self.word.eq(Mux(second, dark, w)),
            self.done.eq(looking & (step == self.latency - 1)),
        ]
        with m.If(looking):
            m.d.sync += step.eq(step + 1)
            with m.If(self.done):
                m.d.sync += looking.eq(0)
            with m.If(self.valid & second):
                # first in, first down: after all have come sub-pixel 0 is at the bottom
                m.d.sync += self.weight.as_value().eq(Cat(self.weight.as_value()[WEIGHT.width :], w))
                with m.If(~self.single | ((step - self._delay) >> 1 == subpixels // 2)):
                    m.d.sync += self.dark_sum.eq(self.dark_sum + dark)
        with m.Elif(self.start):
            m.d.sync += [looking.eq(1), step.eq(0), self.dark_sum.eq(0)]
        assert len(self.weight.as_value()) == subpixels * WEIGHT.width
        return m
