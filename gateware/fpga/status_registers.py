# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""The STATUS block: constants and live counts behind one multiplexer that never tears a register.

identity ──┐
counters ──┴─► multiplexer ─► register of 32 bits ─► low or high word
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.config import Config
from macropix.gateware.fpga.identity import identity
from macropix.gateware.registers import STATUS, STATUS_BASE, STATUS_WORDS

__all__ = ["LiveValues", "StatusRegisters"]


class LiveValues(wiring.Signature):
    """The STATUS registers that change, by name."""

    def __init__(self, config: Config):
        constant = identity(config)
        super().__init__({name: Out(register.shape) for name, register in STATUS.items() if name not in constant})


class StatusRegisters(wiring.Component):
    """Words of the STATUS block.

    Reading a register's lowest word takes the whole register, and the following reads of its other words give what was taken
    then. A read marked ``first`` takes the register too, whichever of its words it asks for.

    **Latency** 1 clock from ``read`` to ``word``. **Throughput** one word a clock. **Backpressure** none.

    Parameters
    ----------
    config : Config

    Members
    -------
    live : In(LiveValues)
        Values of this clock.
    address : In(6)
        Word of the block.
    read : In(1), first : In(1)
        Take it; it does not follow a read of the word before.
    word : Out(16)
        Holds until the next ``read``. 0 where there is no register.
    """

    latency = 1

    def __init__(self, config: Config):
        self._config = config
        width = (STATUS_WORDS - 1).bit_length()
        super().__init__({"live": In(LiveValues(config)), "address": In(width), "read": In(1), "first": In(1), "word": Out(16)})

    def elaborate(self, platform):
        m = Module()
        constant = identity(self._config)
        taken, above, high = Signal(32), Signal(32), Signal()
        value, begins, upper = Signal(32), Signal(), Signal()
        time = self.live.device_time
        with m.Switch(self.address):
            for name, register in STATUS.items():
                assert not register.signed
                source = constant[name] if name in constant else getattr(self.live, name)
                for word in range(register.words):
                    with m.Case(register.address - STATUS_BASE + word):
                        m.d.comb += [begins.eq(word == 0), upper.eq(word % 2)]
                        if word >= 2:
                            assert name == "device_time"
                            m.d.comb += value.eq(Mux(self.first, time[32:], above))
                        else:
                            m.d.comb += value.eq(source)
        with m.If(self.read):
            m.d.sync += high.eq(upper)
            with m.If(self.first | begins):
                m.d.sync += above.eq(time[32:])
            with m.If(self.first | ~upper):
                m.d.sync += taken.eq(value)
        m.d.comb += self.word.eq(Mux(high, taken[16:], taken[:16]))
        return m
