# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
"""A running CRC: one word a clock, its register the CRC as it is written down.

data ─► x = data ^ (those bits of the CRC that leave) ─► CRC' = the other bits, shifted ^ Σ mask[i] over the ones of x
"""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.crc import Algorithm, Parameters
from amaranth.lib.wiring import In, Out

__all__ = ["Crc"]


class Crc(wiring.Component):
    """CRC of a sequence of words, as `amaranth.lib.crc.Processor` computes it, in the form that simulates fast.

    A CRC is linear: the register behind a word is the shifted register, exclusive-or one constant for each bit of the word that is
    set. Written so, a compiled simulation does one wide operation a bit of data and not one a bit of the CRC; in hardware it is the same
    matrix.

    **Latency** 1 clock from ``data`` to ``crc``. **Throughput** one word a clock. **Backpressure** none.

    Parameters
    ----------
    parameters : amaranth.lib.crc.Parameters
        An algorithm of `wire` and its data width: ``CRC32(8)``. Input and output both reflected, or neither; data no wider than the CRC.

    Members
    -------
    start : In(1)
        Begin anew, with ``data`` if there is ``valid``.
    valid : In(1), data : In(data_width)
        The next word.
    crc : Out(crc_width)
        CRC of the words so far.
    match_detected : Out(1)
        The words so far end with their own CRC.

    Raises
    ------
    TypeError, ValueError
        If `parameters` are none, or not of the form above.
    """

    latency = 1

    def __init__(self, parameters: Parameters):
        if not isinstance(parameters, Parameters):
            raise TypeError(f"parameters must be amaranth.lib.crc.Parameters, not {parameters!r}")
        algorithm = parameters.algorithm
        if algorithm.reflect_input != algorithm.reflect_output or parameters.data_width > algorithm.crc_width:
            raise ValueError(f"input and output both reflected or neither, and data no wider than the CRC: not {parameters!r}")
        self._algorithm, self._width, self._data_width = algorithm, algorithm.crc_width, parameters.data_width
        self._residue = parameters.residue()
        super().__init__(
            {
                "start": In(1),
                "valid": In(1),
                "data": In(self._data_width),
                "crc": Out(self._width),
                "match_detected": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        algorithm, width = self._algorithm, self._width
        initial = algorithm.initial_crc
        if algorithm.reflect_output:
            initial = int(f"{initial:0{width}b}"[::-1], 2)
        state = Signal(width, init=initial)
        source = Mux(self.start, initial, state)
        linear = Algorithm(
            crc_width=width, polynomial=algorithm.polynomial, initial_crc=0, reflect_input=algorithm.reflect_input,
            reflect_output=algorithm.reflect_output, xor_output=0,
        )(self._data_width)  # fmt: skip
        x = Signal(self._data_width)
        if algorithm.reflect_input:
            m.d.comb += x.eq(source[: self._data_width] ^ self.data)
            following = source[self._data_width :]
        else:
            m.d.comb += x.eq(source[width - self._data_width :] ^ self.data)
            following = source[: width - self._data_width] << self._data_width
        for i in range(self._data_width):
            following = following ^ Mux(x[i], Const(linear.compute([1 << i]), width), 0)
        with m.If(self.valid):
            m.d.sync += state.eq(following)
        with m.Elif(self.start):
            m.d.sync += state.eq(initial)
        m.d.comb += [self.crc.eq(state ^ algorithm.xor_output), self.match_detected.eq(state == self._residue)]
        return m
