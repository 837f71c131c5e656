# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false
"""A memory window across clocks.

bus: address, data, read, write ─► pulse ─► memory ─► done ─► pulse ─► bus: done, read data
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import PulseSynchronizer
from amaranth.lib.wiring import In, Out

from macropix.gateware.bus import WindowPort

__all__ = ["WindowBridge"]


class WindowBridge(wiring.Component):
    """A memory window whose memory has another clock.

    **Latency** of an access: that of the memory, 4 of its clocks and 4 of the master's. **Throughput** one access in that time.

    Parameters
    ----------
    bus_domain, memory_domain : str
        Clock domains of ``bus`` and of ``memory``.

    Members
    -------
    bus : In(WindowPort)
        From the master.
    memory : Out(WindowPort)
        To the memory.
    """

    bus: In(WindowPort())
    memory: Out(WindowPort())

    def __init__(self, *, bus_domain: str, memory_domain: str):
        self._domains = bus_domain, memory_domain
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        bus_domain, memory_domain = self._domains
        m.submodules.read = read = PulseSynchronizer(bus_domain, memory_domain)
        m.submodules.write = write = PulseSynchronizer(bus_domain, memory_domain)
        m.submodules.done = done = PulseSynchronizer(memory_domain, bus_domain)
        word = Signal(16)
        m.d.comb += [
            # held by the master until `done`
            self.memory.address.eq(self.bus.address),
            self.memory.write_data.eq(self.bus.write_data),
            read.i.eq(self.bus.read),
            write.i.eq(self.bus.write),
            self.memory.read.eq(read.o),
            self.memory.write.eq(write.o),
            done.i.eq(self.memory.done),
        ]
        with m.If(self.memory.done):
            m.d[memory_domain] += word.eq(self.memory.read_data)
        m.d[bus_domain] += self.bus.done.eq(done.o)
        with m.If(done.o):
            m.d[bus_domain] += self.bus.read_data.eq(word)
        return m
