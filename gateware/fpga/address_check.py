# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportArgumentType=false, reportCallIssue=false
"""Whether a range of the register map is there, all of it.

address, words ─► last = address + words − 1 ─► both in one block, and last below its end?
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.config import Config
from macropix.gateware.registers import (
    BIAS,
    CONTROL_BASE,
    CONTROL_WORDS,
    DARK,
    PEDESTAL,
    SCENE,
    STATUS_BASE,
    STATUS_WORDS,
    WEIGHT,
)

__all__ = ["AddressCheck", "blocks"]


def blocks(config: Config) -> list[tuple[int, int, int]]:
    """The runs of addresses that are there: (base, room, words), base a multiple of room, room a power of two."""
    runs = [
        (STATUS_BASE, 0x100, STATUS_WORDS),
        (CONTROL_BASE, 0x100, CONTROL_WORDS),
        (BIAS.base, 0x1000, BIAS.depth(config)),
        (WEIGHT.base, 0x1000, WEIGHT.depth(config) + DARK.depth(config)),
        (PEDESTAL.base, 0x4000, min(PEDESTAL.depth(config), 0x4000)),
        (SCENE.base, 0x8000, min(SCENE.depth(config), 0x8000)),
    ]
    return [run for run in runs if run[2]]


class AddressCheck(wiring.Component):
    """Judges a range of word addresses. No block touches the next, so a range that is there lies in one of them.

    **Latency** 2 clocks. **Throughput** one range a clock. **Backpressure** none.

    Parameters
    ----------
    config : Config
        What is built in, and how large.

    Members
    -------
    address : In(16), words : In(16)
        The range, 1 … 256 words.
    there : Out(1)
        Every word of it exists.
    status : Out(1)
        It begins in the STATUS block.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__({"address": In(16), "words": In(16), "there": Out(1), "status": Out(1)})

    def elaborate(self, platform):
        m = Module()
        address, last = Signal(16), Signal(17)
        m.d.sync += [last.eq(self.address + self.words - 1), address.eq(self.address)]
        inside = []
        for base, room, words in blocks(self._config):
            low = room.bit_length() - 1
            same = (address[low:] == base >> low) & (last[low:] == base >> low)
            inside.append(same if words == room else same & (last[:low] < words))
        m.d.sync += self.there.eq(sum(inside[1:], inside[0]) != 0)
        m.d.sync += self.status.eq(address[8:] == 0)
        return m
