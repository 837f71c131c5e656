# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""The FPGA around the die: all of it but clock bridges to the die and the link's pins.

rx ─► CommandDecoder ─► CommandExecutor ─► RegisterFile, Sequencer, BiasBank, Tag ─► die (settings, descriptor, start)
                              └─ reply ─► Reporter ─┐
lane ═► Deserializer ─► SliceFifo ──────────────────┴─► Uplink ─► tx
"""

from amaranth.hdl import Cat, DomainRenamer, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.config import Config, SceneForm
from macropix.gateware.fpga.bias import BiasBank
from macropix.gateware.fpga.commands import CommandDecoder
from macropix.gateware.fpga.crossing import DiePort, LaneBridge
from macropix.gateware.fpga.deserializer import Deserializer
from macropix.gateware.fpga.drain import Drain
from macropix.gateware.fpga.executor import CommandExecutor
from macropix.gateware.fpga.register_file import RegisterFile
from macropix.gateware.fpga.reporter import Reporter
from macropix.gateware.fpga.sequencer import Sequencer
from macropix.gateware.fpga.slice_fifo import SliceFifo
from macropix.gateware.fpga.striped_deserializer import StripedDeserializer
from macropix.gateware.fpga.tag import Tag
from macropix.gateware.fpga.uplink import Uplink
from macropix.gateware.registers import CONTROL, STATUS_BASE
from macropix.gateware.wire import Read, Scene

__all__ = ["Readout"]

#: an unclaimed device sends a status packet each time so many bits of its time have gone round
UNCLAIMED_BITS = 18


class Readout(wiring.Component):
    """Commands in, packets out, the die between.

    **Latency** from one frame's `finished` to the next `start`: 36 clocks and two a sub-pixel. **Throughput** one byte a clock each way.
    **Backpressure**: `rx` waits while a command is executed and answered; when `tx` stalls the slice FIFO fills, then drops whole slices.

    Parameters
    ----------
    config : Config

    Members
    -------
    rx : In(stream of bytes), tx : Out(stream of bytes)
        From and to the host.
    die : Out(DiePort)
        To the die.
    lane : In(lane_width)
        From the die, lane n in bits n · lane_bits and up; in domain ``rx`` where `Config.separate_clocks`.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "rx": In(stream.Signature(8)),
                "tx": Out(stream.Signature(8)),
                "die": Out(DiePort(config)),
                "lane": In(config.lane_width),
            }
        )

    def elaborate(self, platform):
        config = self._config
        m = Module()
        m.submodules.decoder = self._decoder = CommandDecoder()
        m.submodules.executor = self._executor = CommandExecutor(config)
        m.submodules.registers = self._registers = RegisterFile(config)
        m.submodules.bias = self._bias = BiasBank(config)
        m.submodules.tag = self._tag = Tag()
        m.submodules.sequencer = self._sequencer = Sequencer(streamed=config.scene is SceneForm.STREAMED)
        m.submodules.drain = self._drain = Drain()
        m.submodules.reporter = self._reporter = Reporter()
        m.submodules.uplink = self._uplink = Uplink()
        m.submodules.fifo = self._fifo = SliceFifo(config)
        deserializer = Deserializer(config) if config.lanes == 1 else StripedDeserializer(config)
        m.submodules.deserializer = self._deserializer = DomainRenamer("rx" if config.separate_clocks else "sync")(deserializer)
        m.submodules.lane_bridge = self._lane_bridge = LaneBridge(config)
        self._commands(m)
        self._exposures(m)
        self._slices(m)
        self._status(m)
        return m

    def _commands(self, m: Module):
        """From `rx` to the register file, and the answers."""
        decoder, executor, registers, reporter = self._decoder, self._executor, self._registers, self._reporter
        wiring.connect(m, wiring.flipped(self.rx), decoder.i)
        names = ("command", "valid", "corrupt", "long", "abandoned", "last")
        m.d.comb += [getattr(executor, name).eq(getattr(decoder, name)) for name in names]
        m.d.comb += [
            decoder.next.eq(executor.next),
            decoder.done.eq(executor.done),
            registers.base.eq(Mux(reporter.load, STATUS_BASE, decoder.command.address)),
            registers.load.eq(reporter.load | executor.load),
            registers.write.eq(executor.write),
            registers.write_data.eq(decoder.word),
            registers.read.eq(reporter.read),
            executor.write_done.eq(registers.done),
            reporter.read_data.eq(registers.read_data),
            reporter.read_done.eq(registers.done),
            reporter.command.eq(decoder.command),
            executor.replied.eq(reporter.replied),
            executor.quiet.eq(reporter.quiet),
        ]
        m.d.comb += [getattr(reporter, name).eq(getattr(executor, name)) for name in ("error", "reply", "reads", "busy", "clear")]

    def _exposures(self, m: Module):
        """Sequencer, tag, biases, and the settings they make."""
        registers, sequencer, executor, bias, tag = self._registers, self._sequencer, self._executor, self._bias, self._tag
        values = registers.values
        wiring.connect(m, registers.bias, bias.window)
        for name in ("scene", "pedestal"):
            wiring.connect(m, getattr(registers, name), wiring.flipped(getattr(self.die, name)))
        for name in ("start", "stop", "missed", "clear", "bus_request", "epoch"):
            m.d.comb += getattr(sequencer, name).eq(getattr(executor, name))
        m.d.comb += [getattr(sequencer, name).eq(values[name]) for name in ("shots", "sequence_length", "sequence")]
        m.d.comb += [
            executor.bus_grant.eq(sequencer.bus_grant),
            executor.running.eq(sequencer.running),
            executor.drained.eq(sequencer.drained),
            tag.start.eq(sequencer.latch),
            registers.tag_select.eq(tag.reading),
            registers.tag_index.eq(tag.index),
            tag.control_word.eq(registers.tag_word),
            bias.start.eq(tag.look_up),
            bias.kernel.eq(sequencer.kernel),
            bias.single.eq((values.read != Read.SLIDING.value) & (values.read != Read.TILES.value)),
            tag.bias_word.eq(bias.word),
            tag.bias_valid.eq(bias.valid),
            tag.bias_done.eq(bias.done),
            sequencer.tag.eq(tag.tag),
            sequencer.tag_done.eq(tag.done),
            self.die.descriptor.eq(sequencer.descriptor),
            self.die.start.eq(sequencer.expose),
            self.die.clear.eq(executor.clear),
            sequencer.finished.eq(self.die.finished),
            self.die.settings.weight.eq(bias.weight),
            self.die.settings.dark_sum.eq(bias.dark_sum),
        ]
        m.d.comb += [self.die.settings[name].eq(values[name]) for name, register in CONTROL.items() if register.frame]
        if self._config.scene is SceneForm.STREAMED:
            wiring.connect(m, sequencer.stream, wiring.flipped(self.die.stream))
            m.d.comb += [
                sequencer.awaited.eq((values.scene_source == Scene.MEMORY.value) | (values.scene_source > Scene.PRBS.value)),
                executor.taking.eq(sequencer.taking),
                executor.starved.eq(self.die.stream.starved),
            ]

    def _slices(self, m: Module):
        """From the lane to `tx`."""
        bridge, fifo, uplink, drain = self._lane_bridge, self._fifo, self._uplink, self._drain
        wiring.connect(m, self._deserializer.o, bridge.i)
        wiring.connect(m, bridge.o, fifo.i)
        wiring.connect(m, fifo.o, uplink.slices)
        wiring.connect(m, self._reporter.o, uplink.reports)
        wiring.connect(m, uplink.o, wiring.flipped(self.tx))
        m.d.comb += [
            self._deserializer.lane.eq(self.lane),
            fifo.clear.eq(self._executor.clear),
            uplink.clear.eq(self._executor.clear),
            drain.active.eq(self._sequencer.exposing | self._executor.clear),
            drain.die_idle.eq(self.die.idle),
            drain.lane_busy.eq(bridge.o.valid | bridge.o.end),
            drain.fifo_empty.eq(fifo.empty),
            drain.uplink_idle.eq(uplink.idle),
            drain.wanted.as_value().eq(self._registers.values.lane_test),
            self.die.lane_test.eq(drain.lane_test),
            self._sequencer.settled.eq(drain.drained),
        ]
        for name in (*bridge.flags, *bridge.counts):
            m.d.comb += getattr(bridge, f"i_{name}").eq(getattr(self._deserializer, name))

    def _status(self, m: Module):
        """Device time, the live STATUS registers, and when a status packet is owed."""
        executor, sequencer, reporter, fifo = self._executor, self._sequencer, self._reporter, self._fifo
        time, before, round_ = Signal(64), Signal(), Signal()
        top = time[UNCLAIMED_BITS - 1]
        m.d.sync += [time.eq(time + 1), before.eq(top)]
        unclaimed = executor.epoch == 0
        m.d.comb += [
            round_.eq(before & ~top & unclaimed),
            sequencer.time.eq(time),
            reporter.status.eq(executor.status | sequencer.status | round_),
            reporter.epoch.eq(executor.epoch),
            reporter.tag.eq(sequencer.descriptor.tag),
            reporter.corrupt.eq(executor.commands_corrupt),
            reporter.time.eq(time),
        ]
        live = self._registers.live
        flags = [getattr(self._lane_bridge, name) for name in self._lane_bridge.flags]
        values = {
            "device_time": time,
            "state": Cat(~unclaimed, sequencer.running, sequencer.exposing, ~self._drain.drained, *flags),
            "epoch": executor.epoch,
            "tag": sequencer.descriptor.tag,
            "sent": self._uplink.sent,
        }
        for source, names in (
            (sequencer, ("shots_done", "frames_done", "triggers_missed")),
            (fifo, ("arrived", "dropped_overflow", "dropped_corrupt")),
            (self._lane_bridge, self._lane_bridge.counts),
            (executor, ("commands_done", "commands_corrupt", "commands_refused")),
        ):
            values |= {name: getattr(source, name) for name in names}
        values |= {name: self.die.counts[name] for name, _ in self.die.counts.shape()}
        assert set(values) == set(live.signature.members)
        m.d.comb += [getattr(live, name).eq(value) for name, value in values.items()]
