# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""The whole device, free of any board.

rx or uart_rx ─► Readout ◄─ DieBridge ─► Die ═ lane ═╗
tx or uart_tx ◄────┘ ◄═══════════════════════════════╝
"""

from amaranth.hdl import DomainRenamer, Module
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from macropix.gateware.config import Config, Link
from macropix.gateware.fpga.crossing import DieBridge
from macropix.gateware.fpga.readout import Readout
from macropix.gateware.fpga.uart import UartRx, UartTx
from macropix.gateware.roic.die import Die

__all__ = ["Top"]


class Top(wiring.Component):
    """Die, FPGA and link.

    **Latency, throughput, backpressure**: those of `Readout` and `Die`.

    Parameters
    ----------
    config : Config
        With `Config.separate_clocks` the clock domains ``die`` (the die), ``rx`` (its forwarded bit clock) and ``sync`` come from outside,
        and so does the lane's way; else there is one domain, ``sync``.

    Members
    -------
    rx : In(stream of bytes), tx : Out(stream of bytes)
        `Link.STREAM`: at most one byte a clock each way.
    uart_rx : In(1), uart_tx : Out(1)
        `Link.UART`: 8N1 at `Config.uart_baud`.
    lane_o : Out(lane_width), lane_i : In(lane_width)
        Separate clocks: the lanes as they leave the die, and as they reach the FPGA; lane n in bits n · lane_bits and up.
    """

    def __init__(self, config: Config):
        self._config = config
        if config.link is Link.UART:
            members = {"uart_rx": In(1, init=1), "uart_tx": Out(1, init=1)}
        else:
            members = {"rx": In(stream.Signature(8)), "tx": Out(stream.Signature(8))}
        if config.separate_clocks:
            members |= {"lane_o": Out(config.lane_width), "lane_i": In(config.lane_width)}
        super().__init__(members)

    def elaborate(self, platform):
        config = self._config
        m = Module()
        m.submodules.readout = readout = Readout(config)
        m.submodules.bridge = bridge = DieBridge(config)
        die = Die(config)
        m.submodules.die = DomainRenamer("die")(die) if config.separate_clocks else die
        wiring.connect(m, readout.die, bridge.fpga)
        for name in bridge.die.signature.members:
            self._join(m, bridge.die, die, name)
        if config.separate_clocks:
            m.d.comb += [self.lane_o.eq(die.lane), readout.lane.eq(self.lane_i)]
        else:
            m.d.comb += readout.lane.eq(die.lane)
        if config.link is Link.UART:
            divisor = config.clock_hz / config.uart_baud
            m.submodules.uart_rx = uart_rx = UartRx(divisor)
            m.submodules.uart_tx = uart_tx = UartTx(divisor)
            wiring.connect(m, uart_rx.o, readout.rx)
            wiring.connect(m, readout.tx, uart_tx.i)
            m.d.comb += [uart_rx.rx.eq(self.uart_rx), self.uart_tx.eq(uart_tx.tx)]
        else:
            # two places each: no way from a port runs through to another, which a compiled simulation would walk at each step
            m.submodules.rx_fifo = rx_fifo = SyncFIFO(width=8, depth=2)
            m.submodules.tx_fifo = tx_fifo = SyncFIFO(width=8, depth=2)
            wiring.connect(m, wiring.flipped(self.rx), rx_fifo.w_stream)
            wiring.connect(m, rx_fifo.r_stream, readout.rx)
            wiring.connect(m, readout.tx, tx_fifo.w_stream)
            wiring.connect(m, tx_fifo.r_stream, wiring.flipped(self.tx))
        return m

    @staticmethod
    def _join(m: Module, port, die: Die, name: str):
        """One member of the die's port."""
        member = port.signature.members[name]
        if member.is_signature:
            wiring.connect(m, getattr(port, name), getattr(die, name))
        elif member.flow is Out:
            m.d.comb += getattr(die, name).eq(getattr(port, name))
        else:
            m.d.comb += getattr(port, name).eq(getattr(die, name))
