# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""Which error, if any, a command is to be answered with.

command, corrupt, long, epoch ─► op known? length? epoch? addresses? ─► first error that applies
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.config import Config
from macropix.gateware.fpga.address_check import AddressCheck
from macropix.gateware.wire import Command, Error, Op

__all__ = ["CommandJudge"]


class CommandJudge(wiring.Component):
    """The protocol's order of errors: CORRUPT, OP, LENGTH, EPOCH, ADDRESS, READ_ONLY; BUSY is the executor's to tell.

    **Latency** 3 clocks. **Throughput** one command a clock. **Backpressure** none.

    Parameters
    ----------
    config : Config

    Members
    -------
    command : In(wire.Command), corrupt : In(1), long : In(1)
        As of `CommandDecoder`.
    epoch : In(16)
        The device's.
    error : Out(wire.Error)
    needs_bus : Out(1)
        It writes, or reads something other than STATUS.
    changes : Out(1)
        It is a WRITE, START or STOP: not to be executed twice.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "command": In(Command),
                "corrupt": In(1),
                "long": In(1),
                "epoch": In(16),
                "error": Out(Error),
                "needs_bus": Out(1),
                "changes": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.address = address = AddressCheck(self._config)
        command, op = self.command, self.command.op
        writes, with_words, changes, known = Signal(), Signal(), Signal(), Signal()
        wrong_op, wrong_length, wrong_epoch, wrong_address, read_only = (Signal() for _ in range(5))
        m.d.comb += [
            address.address.eq(command.address),
            address.words.eq(command.words),
            writes.eq(op == Op.WRITE),
            with_words.eq(writes | (op == Op.READ)),
            changes.eq(writes | (op == Op.START) | (op == Op.STOP)),
            known.eq(with_words | changes | (op == Op.CLAIM) | (op == Op.STATUS)),
            wrong_address.eq(with_words & ~address.there),
            read_only.eq(writes & address.status),
        ]
        m.d.sync += [
            wrong_op.eq(~known),
            wrong_length.eq(self.long | (with_words != command.words.any())),
            wrong_epoch.eq(Mux(changes, (command.epoch != self.epoch) | ~self.epoch.any(), (op == Op.CLAIM) & ~command.epoch.any())),
            self.needs_bus.eq(with_words & (writes | ~address.status)),
            self.changes.eq(changes),
            self.error.eq(Error.OK),
        ]
        errors = {
            Error.CORRUPT: self.corrupt,
            Error.OP: wrong_op,
            Error.LENGTH: wrong_length,
            Error.EPOCH: wrong_epoch,
            Error.ADDRESS: wrong_address,
            Error.READ_ONLY: read_only,
        }
        for error, applies in reversed(errors.items()):
            with m.If(applies):
                m.d.sync += self.error.eq(error)
        return m
