# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""Everything that has an address, behind one counting address.

          ┌─► STATUS   (live values)            0x0000
          ├─► CONTROL  (settings, tag)          0x0100
address ──┼─► bias bank and response table      0x1000, 0x2000
          ├─► pedestal and mask, on the die     0x4000
          └─► scene, on the die                 0x8000
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.bus import WindowPort
from macropix.gateware.config import Config
from macropix.gateware.fpga.control_registers import ControlRegisters, values_layout
from macropix.gateware.fpga.status_registers import LiveValues, StatusRegisters

__all__ = ["RegisterFile"]


class RegisterFile(wiring.Component):
    """One word at a time is read or written, and the address counts on behind each.

    It does not ask whether an address is there: that was judged before. A write to STATUS does nothing.

    **Latency**: a write is done in its own clock, or when its window says so; a read 2 clocks later, or 1 behind its window.
    **Throughput** one access at a time. **Backpressure**: the next access waits for `done`.

    Parameters
    ----------
    config : Config

    Members
    -------
    base : In(16), load : In(1)
        Pulse: the next access is to `base`. At least one clock before it.
    write : In(1), write_data : In(16)
        Pulse; the data are held until `done`.
    read : In(1), read_data : Out(16)
        Pulse; valid from `done` until the next `read`.
    done : Out(1)
        Pulse.
    live : In(LiveValues)
        STATUS registers that change.
    values : Out(values_layout)
        CONTROL registers.
    tag_select : In(1), tag_index : In(5), tag_word : Out(16)
        While selected, and no access is under way: the word of CONTROL a clock behind its index.
    bias, pedestal, scene : Out(WindowPort)
        Addresses count from 0x0000 (bit 13 tells tables from bank), 0x4000 and 0x8000.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "base": In(16),
                "load": In(1),
                "write": In(1),
                "write_data": In(16),
                "read": In(1),
                "read_data": Out(16),
                "done": Out(1),
                "live": In(LiveValues(config)),
                "values": Out(values_layout()),
                "tag_select": In(1),
                "tag_index": In(5),
                "tag_word": Out(16),
                "bias": Out(WindowPort()),
                "pedestal": Out(WindowPort()),
                "scene": Out(WindowPort()),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.status = status = StatusRegisters(self._config)
        m.submodules.control = control = ControlRegisters()
        wiring.connect(m, wiring.flipped(self.live), status.live)
        address, first = Signal(16), Signal()
        with m.If(self.load):
            m.d.sync += [address.eq(self.base), first.eq(1)]
        with m.Elif(self.done):
            m.d.sync += [address.eq(address + 1), first.eq(0)]
        in_control, in_status, inner = Signal(), Signal(), Signal()
        chosen = {
            "scene": address[15],
            "pedestal": ~address[15] & address[14],
            "bias": (address[14:] == 0) & (address[12:14] != 0),
        }
        m.d.comb += [
            inner.eq(address[12:] == 0),
            in_control.eq(inner & address[8]),
            in_status.eq(inner & ~address[8]),
            status.address.eq(address),
            status.read.eq(self.read & in_status),
            status.first.eq(first),
            control.index.eq(Mux(self.tag_select, self.tag_index, address)),
            control.write.eq(self.write & in_control),
            control.write_data.eq(self.write_data),
            self.tag_word.eq(control.word),
            self.values.eq(control.values),
        ]
        answered = Signal()
        m.d.sync += answered.eq(self.read & inner)
        window_done, word = Signal(), Signal(16)
        m.d.comb += word.eq(Mux(in_control, control.word, status.word))
        for name, choice in chosen.items():
            window = getattr(self, name)
            m.d.comb += [
                window.address.eq(address[:14] if name != "scene" else address),
                window.write_data.eq(self.write_data),
                window.write.eq(self.write & choice),
                window.read.eq(self.read & choice),
            ]
            with m.If(choice):
                m.d.comb += [word.eq(window.read_data), window_done.eq(window.done)]
        self._answer(m, answered, inner, window_done, word)
        return m

    def _answer(self, m: Module, answered, inner, window_done, word):
        """A read's word is taken into a register, and `done` follows it; a write's `done` is handed through."""
        waiting, ready = Signal(), Signal()
        writing = self.write | waiting
        m.d.comb += self.done.eq(ready | (writing & (inner | window_done)))
        m.d.sync += [
            waiting.eq(writing & ~self.done),
            ready.eq(answered | (window_done & ~writing)),
        ]
        with m.If(answered | window_done):
            m.d.sync += self.read_data.eq(word)
