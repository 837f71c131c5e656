# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""Executes one checked command: writes its words, or tells sequencer and reporter what to do.

CommandDecoder ─► CommandJudge ─┬─ WRITE ─► bus ─► register file ──┐
                                ├─ START, STOP ─► sequencer        ├─► reply ─► Reporter
                                ├─ CLAIM ─► drain, clear, drain ───┤
                                └─ READ ─► (the reporter reads) ───┘
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.config import Config, SceneForm
from macropix.gateware.fpga.judge import CommandJudge
from macropix.gateware.fpga.scene_order import SceneOrder
from macropix.gateware.wire import Command, Error, Op

__all__ = ["CommandExecutor"]


class CommandExecutor(wiring.Component):
    """The protocol's rules for commands: repeats, epoch, claim, and waiting for the exposure under way.

    A command is begun only while the reporter is quiet and ends when its reply has left, so replies keep the order of the commands
    and a status asked for stands right behind its reply. A WRITE, and a READ of anything but STATUS, first wait for the sequencer
    to lend the bus, and keep it to their end. A CLAIM stops the sequencer, waits for `drained`, pulses `clear`, and waits for
    `drained` again: by then the clear has reached the die and its counts have come back.

    The words of a streamed scene wait for nothing but its queue. Any other command that needs the bus is refused while the exposure under
    way wants more words: it would wait for words that stand behind it.

    **Latency** 4 clocks from `valid` to bus request or reply. **Throughput** 2 clocks a written word.
    **Backpressure** the decoder's command is held until its reply has left.

    Parameters
    ----------
    config : Config

    Members
    -------
    command, valid, corrupt, long, abandoned, last : In; next, done : Out
        To and from `CommandDecoder`.
    bus_request : Out(1), bus_grant : In(1)
        The sequencer grants while no exposure is under way, and begins none while the request stands.
    load, write : Out(1), write_done : In(1)
        Pulses: the register file takes the command's address; it stores the decoder's word and answers.
    start, stop, missed, clear : Out(1)
        Pulses to the sequencer; `clear` goes to everything that counts since the claim.
    running, drained : In(1)
        From the sequencer.
    quiet : In(1), busy : Out(1)
        The reporter neither sends nor owes anything; it begins nothing of its own while `busy`.
    reply : Out(1), error : Out(wire.Error), reads : Out(1), replied : In(1)
        A reply is wanted until the pulse `replied`; with words read from the register file if `reads`.
    status : Out(1)
        Pulse: a status packet is to follow.
    epoch, commands_done, commands_corrupt, commands_refused : Out(16)
        Status registers.
    taking, starved : In(1)
        Streamed: of `Sequencer`, and of the die.
    """

    def __init__(self, config: Config):
        self._config = config
        self._streamed = config.scene is SceneForm.STREAMED
        ins = "valid corrupt long abandoned last bus_grant write_done running drained quiet replied"
        outs = "next done bus_request load write start stop missed clear busy reply reads status"
        words = "epoch commands_done commands_corrupt commands_refused"
        super().__init__(
            {"command": In(Command), "error": Out(Error)}
            | {name: In(1) for name in ins.split()}
            | {name: Out(1) for name in outs.split()}
            | {name: Out(16) for name in words.split()}
            | ({"taking": In(1), "starved": In(1)} if self._streamed else {})
        )

    def _count(self, m: Module, decide: Signal, repeat: Signal, error: Signal):
        """The three command counters."""
        with m.If(self.clear):
            m.d.sync += [self.commands_done.eq(0), self.commands_corrupt.eq(0), self.commands_refused.eq(0)]
        with m.Else():
            wrong, corrupt = Signal(), Signal()
            m.d.comb += [wrong.eq(error != Error.OK), corrupt.eq(error == Error.CORRUPT)]
            m.d.sync += [
                self.commands_done.eq(self.commands_done + (decide & ~wrong & ~repeat)),
                self.commands_corrupt.eq(self.commands_corrupt + ((decide & corrupt) | self.abandoned)),
                self.commands_refused.eq(self.commands_refused + (decide & wrong & ~corrupt)),
            ]

    def elaborate(self, platform):
        m = Module()
        m.submodules.judge = judge = CommandJudge(self._config)
        op, epoch = self.command.op, self.command.epoch
        #: the last executed command of the epoch: whether there is one, its sequence number, whether it was answered BUSY
        known, sequence, was_busy = Signal(), Signal(16), Signal()
        repeat, decide, busy_now = Signal(), Signal(), Signal()
        error = Signal(Error)
        scene, wrong, hold, refused = (Signal() for _ in range(4))
        if self._streamed:
            self._stream(m, judge, repeat, (scene, wrong, hold, refused))
        m.d.comb += [
            judge.command.eq(self.command),
            judge.corrupt.eq(self.corrupt),
            judge.long.eq(self.long),
            judge.epoch.eq(self.epoch),
            busy_now.eq((op == Op.START) & Mux(repeat, was_busy, self.running)),
            error.eq(Mux(judge.error != Error.OK, judge.error, Mux(busy_now, Error.BUSY, Mux(refused, Error.SCENE, Error.OK)))),
        ]
        m.d.sync += repeat.eq(known & (self.command.sequence == sequence) & (op != Op.CLAIM))
        self._count(m, decide, repeat & (judge.error == Error.OK), error)

        def execute():
            with m.Switch(op):
                with m.Case(Op.WRITE, Op.READ):
                    m.d.sync += self.bus_request.eq(judge.needs_bus & ~scene)
                    m.next = "BUS"
                with m.Case(Op.START):
                    m.d.comb += [self.start.eq(~self.running), self.missed.eq(self.running)]
                with m.Case(Op.STOP):
                    m.d.comb += self.stop.eq(1)
                with m.Case(Op.CLAIM):
                    m.d.comb += self.stop.eq(1)
                    m.next = "DRAIN"
            with m.If(~repeat & ((epoch == self.epoch) | (op == Op.CLAIM))):
                m.d.sync += [known.eq(1), sequence.eq(self.command.sequence), was_busy.eq(busy_now)]

        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))
            with m.State("IDLE"), m.If(self.valid & self.quiet):
                m.next = "SETTLE"
            with m.State("SETTLE"):
                m.next = "JUDGE"
            with m.State("JUDGE"):
                m.next = "DECIDE"
            with m.State("DECIDE"):
                with m.If(hold):
                    m.d.sync += self.bus_request.eq(1)
                with m.Else():
                    m.d.comb += decide.eq(1)
                    m.d.sync += self.error.eq(error)
                    m.next = "REPLY"
                    with m.If((judge.error == Error.OK) & ~(repeat & judge.changes) & ~refused):
                        execute()
            self._write_states(m, scene)
            self._claim_states(m)
            with m.State("REPLY"):
                m.d.comb += [self.reply.eq(1), self.reads.eq((op == Op.READ) & (self.error == Error.OK))]
                with m.If(self.replied):
                    m.d.sync += self.bus_request.eq(0)
                    m.d.comb += [self.done.eq(1), self.status.eq(((op == Op.CLAIM) | (op == Op.STATUS)) & (self.error == Error.OK))]
                    m.next = "IDLE"
        return m

    def _stream(self, m: Module, judge, repeat: Signal, told: tuple[Signal, Signal, Signal, Signal]):
        """Whether the command brings scene words, and the wrong ones; whether it must wait for the bus, or would wait for ever."""
        scene, wrong, hold, refused = told
        m.submodules.order = order = SceneOrder()
        first = ~(repeat & judge.changes)
        waits = (judge.error == Error.OK) & judge.needs_bus & ~scene & first & ~self.bus_grant
        m.d.comb += [
            order.command.eq(self.command),
            order.start.eq(self.start),
            order.taking.eq(self.taking),
            scene.eq(order.words),
            wrong.eq(order.wrong),
            hold.eq(waits & ~self.starved),
            refused.eq(first & (wrong | (waits & self.starved))),
        ]

    def _write_states(self, m: Module, scene: Signal):
        def written():
            with m.If(self.write_done):
                if self._streamed:
                    m.d.comb += m.submodules.order.written.eq(1)
                    with m.If(scene & ~self.taking):  # the run has ended meanwhile
                        m.d.sync += self.error.eq(Error.SCENE)
                m.next = "FETCH"
                with m.If(self.last):
                    m.d.sync += self.bus_request.eq(0)
                    m.next = "REPLY"

        with m.State("BUS"), m.If(self.bus_grant | ~self.bus_request):
            m.d.comb += self.load.eq(1)
            m.next = "REPLY"
            with m.If(self.command.op == Op.WRITE):
                m.next = "FETCH"
        with m.State("FETCH"):
            m.d.comb += self.next.eq(1)
            m.next = "WRITE"
        with m.State("WRITE"):
            m.d.comb += self.write.eq(1)
            m.next = "WRITTEN"
            written()
        with m.State("WRITTEN"):
            written()

    def _claim_states(self, m: Module):
        with m.State("DRAIN"), m.If(self.drained):
            m.next = "CLEAR"
        with m.State("CLEAR"):
            m.d.comb += self.clear.eq(1)
            m.d.sync += self.epoch.eq(self.command.epoch)
            m.next = "CLEARED"
        with m.State("CLEARED"), m.If(self.drained):
            m.next = "REPLY"
