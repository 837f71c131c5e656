# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""The CONTROL block: each register as flip-flops for those who need its value, and as words for those who read it back.

write ─► cut to the register's width, sign-extended ─┬─► flip-flops ─► values
                                                     └─► memory of 32 words ─► read-back, tag
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.registers import CONTROL, CONTROL_BASE, CONTROL_WORDS

__all__ = ["ControlRegisters", "values_layout"]

_INDEX_BITS = (CONTROL_WORDS - 1).bit_length()


def values_layout() -> data.StructLayout:
    """Values of all CONTROL registers, by name."""
    return data.StructLayout({name: register.shape for name, register in CONTROL.items()})


class ControlRegisters(wiring.Component):
    """Registers that can be written, in the clock of the write, and read back.

    What is read back comes from a memory that is written along, so no multiplexer over all registers is needed. Both hold their reset
    values from the start, and both keep what was written through a reset of the clock domain, as the other memories do.

    **Latency** 1 clock from ``index`` to ``word``, 1 from ``write`` to ``values`` and 2 to ``word``. **Throughput** one word a clock.
    **Backpressure** none.

    Members
    -------
    index : In(5)
        Word of the block, to write or to read.
    write : In(1), write_data : In(16)
        Bits beyond the register's width are ignored.
    word : Out(16)
        As `registers.Register.to_words`.
    values : Out(values_layout)
    """

    latency = 1

    def __init__(self):
        super().__init__(
            {
                "index": In(_INDEX_BITS),
                "write": In(1),
                "write_data": In(16),
                "word": Out(16),
                "values": Out(values_layout()),
            }
        )

    def elaborate(self, platform):
        m = Module()
        init = [word for register in CONTROL.values() for word in register.to_words(register.reset)]
        m.submodules.words = words = memory.Memory(shape=16, depth=1 << _INDEX_BITS, init=init)
        write, read = words.write_port(), words.read_port()
        mask, sign = Signal(16), Signal()
        m.d.comb += [
            write.addr.eq(self.index),
            write.data.eq((self.write_data & mask) | Mux(sign, ~mask, 0)),
            write.en.eq(self.write),
            read.addr.eq(self.index),
            self.word.eq(read.data),
        ]
        for bits, index, cases in self._cuts():
            with m.Switch(self.index), m.Case(*cases):
                m.d.comb += mask.eq((1 << bits) - 1)
                if index:
                    m.d.comb += sign.eq(self.write_data[bits - 1])
        layout = values_layout()
        # no reset: what acts and what is read back (and counted into the tag) must never part, and a memory is not reset
        values = Signal(layout, init={name: register.reset for name, register in CONTROL.items()}, reset_less=True)
        m.d.comb += self.values.eq(values)
        with m.If(self.write), m.Switch(self.index):
            for name, register in CONTROL.items():
                start = layout[name].offset
                flat = values.as_value()[start : start + register.width]
                for word in range(register.words):
                    with m.Case(register.address - CONTROL_BASE + word):
                        m.d.sync += flat[16 * word : 16 * word + 16].eq(self.write_data)
        return m

    @staticmethod
    def _cuts() -> list[tuple[int, bool, list[int]]]:
        """Words by how they are cut: (bits kept, sign-extended, indices)."""
        cuts: dict[tuple[int, bool], list[int]] = {}
        for register in CONTROL.values():
            for word in range(register.words):
                bits = min(16, register.width - 16 * word)
                key = bits, register.signed and bits < 16
                cuts.setdefault(key, []).append(register.address - CONTROL_BASE + word)
        return [(bits, signed, indices) for (bits, signed), indices in cuts.items()]
