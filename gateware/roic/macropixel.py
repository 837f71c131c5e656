# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false
"""The macro-pixel: Kirchhoff's sum of the weighted photocurrents of M × M sub-pixels.

parallel   x ─► line memories ─► window of M × M registers ─► M² multipliers ─► adder tree ─► s
shared     x ─► memory of M lines ─► M² reads ─► one multiplier ─► accumulator ─► s
"""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.config import Config, Form
from macropix.gateware.roic.delay import delay
from macropix.gateware.roic.raster import Issue, Mark

__all__ = ["MacroPixel"]


class MacroPixel(wiring.Component):
    """s = Σ_j w_j · x_j + 256 · Σ_j dark_j over the M × M pixels up to the newest, sub-pixel j = M · row + column.

    A conventional read (``single``) takes the newest pixel alone, with the weight of the window's centre; what of ``dark_sum``
    belongs to it is the caller's to say. Product u16 × s10 is s26; the sum grows to s30 (M = 3) or s31 (M = 5), its true bound.

    **Latency, throughput, backpressure**: ``s`` and ``mark`` belong to the ``issue`` of ``latency`` clocks before. Parallel: a
    pixel a clock. Shared: a pixel every M² + 1 clocks or slower, and ``s`` stands for one clock. Never waits.

    Parameters
    ----------
    config : Config
        M, geometry, form.

    Members
    -------
    start : In(1)
        A frame begins.
    issue : In(Issue), x : In(16)
        An imaging pixel and its photocurrent.
    single : In(1), weight : In(M² × signed(10)), dark_sum : In(signed)
        Constant while a frame is under way; dark in units of 256 LSB of s.
    s : Out(signed(config.sum_width))
        The sum.
    mark : Out(Mark)
        The mark of the pixel that completed it.
    """

    def __init__(self, config: Config):
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "issue": In(Issue),
                "x": In(16),
                "single": In(1),
                "weight": In(data.ArrayLayout(signed(10), config.subpixels)),
                "dark_sum": In(signed(12 + config.subpixels.bit_length())),
                "s": Out(signed(config.sum_width)),
                "mark": Out(Mark),
            }
        )

    @property
    def latency(self) -> int:
        """Clocks from ``issue`` to ``s``."""
        if self.config.form is Form.SHARED:
            return self.config.subpixels + 5  # reads, memory and its register, two for the product, accumulator
        return 3 + 2 + self.config.subpixels.bit_length()  # window, products, tree over M² + 1 terms

    def elaborate(self, platform):
        m = Module()
        if self.config.form is Form.PARALLEL:
            self._tree(m, self._window(m))
        else:
            self._accumulate(m, *self._read(m))
        return m

    # ---- parallel -------------------------------------------------------------------------------------------

    def _window(self, m):
        """M × M newest pixels, row by row; valid 3 clocks behind the issue of the newest."""
        config, macro = self.config, self.config.macro
        above = macro - 1
        column = Signal(range(config.image_cols))
        with m.If(self.start):
            m.d.sync += column.eq(0)
        with m.Elif(self.issue.step):
            m.d.sync += column.eq(Mux(self.issue.row_end, 0, column + 1))
        # one word holds a column's pixels of the M − 1 lines above, the nearest lowest
        m.submodules.lines = lines = memory.Memory(shape=16 * above, depth=config.image_cols, init=[])
        read, write = lines.read_port(), lines.write_port()
        word = delay(m, read.data, 1, name="word")
        x = delay(m, self.x, 2, name="x")
        step = delay(m, self.issue.step, 2, name="step", reset=True)
        m.d.comb += [
            read.addr.eq(column),
            write.addr.eq(delay(m, column, 2, name="column")),
            write.data.eq(Cat(x, word)),
            write.en.eq(step),
        ]
        newest = [word[16 * (above - 1 - i) : 16 * (above - i)] for i in range(above)] + [x]
        window = [[Signal(16, name=f"x_{i}_{j}", reset_less=True) for j in range(macro)] for i in range(macro)]
        with m.If(step):
            for row, x in zip(window, newest, strict=True):
                m.d.sync += [old.eq(new) for old, new in zip(row, [*row[1:], x], strict=True)]
        return [x for row in window for x in row]

    def _tree(self, m, window):
        """All products at once, and their sum with the dark in a tree of two-input adders."""
        last = self.config.subpixels - 1
        terms = []
        for j, x in enumerate(window):
            wanted = self.weight[last // 2] if j == last else Const(0, signed(10))
            weight = Signal(signed(10), name=f"weight_{j}", reset_less=True)
            product = Signal(signed(26), name=f"product_{j}", reset_less=True)
            m.d.sync += [weight.eq(Mux(self.single, wanted, self.weight[j])), product.eq(weight * x)]
            # a multiplier is far from most of the fabric: one register to get there, one to get away
            terms.append(delay(m, product, 1, name=f"product_{j}"))
        terms.append(self.dark_sum << 8)
        level = 0
        while len(terms) > 1:
            sums = []
            for i in range(0, len(terms), 2):
                value = sum(terms[i + 1 : i + 2], terms[i])
                total = Signal(signed(min(len(value), self.config.sum_width)), name=f"sum_{level}_{i // 2}", reset_less=True)
                m.d.sync += total.eq(value)
                sums.append(total)
            terms, level = sums, level + 1
        m.d.comb += [self.s.eq(terms[0]), self.mark.eq(delay(m, self.issue.mark, self.latency, name="mark", reset=True))]

    # ---- shared ---------------------------------------------------------------------------------------------

    def _read(self, m):
        """Writes the newest pixel, then reads its window, oldest first; (x, weight, first, mark) 2 clocks behind each read.

        The memory is a ring of M lines. ``line`` runs once around it while a window is read, ``left + across`` along a line.
        """
        config, macro = self.config, self.config.macro
        bits = (config.image_cols - 1).bit_length()
        line, across, left = Signal(range(macro)), Signal(range(macro), init=macro - 1), Signal(bits)
        j, busy, row_end, mark = Signal(range(config.subpixels)), Signal(), Signal(), Signal(Mark)
        weight = Signal(signed(10), reset_less=True)
        last = j == config.subpixels - 1
        m.submodules.lines = lines = memory.Memory(shape=16, depth=macro << bits, init=[])
        read, write = lines.read_port(), lines.write_port()
        address = Cat((left + across)[:bits], line)
        m.d.comb += [read.addr.eq(address), write.addr.eq(address), write.data.eq(self.x), write.en.eq(self.issue.step)]
        m.d.sync += weight.eq(self.weight[Mux(self.single, config.subpixels // 2, j)])

        def next_line():
            m.d.sync += line.eq(Mux(line == macro - 1, 0, line + 1))

        with m.If(self.start):
            m.d.sync += [line.eq(0), across.eq(macro - 1), left.eq(1 - macro), busy.eq(0)]
        with m.Elif(self.issue.step):
            m.d.sync += [busy.eq(1), j.eq(0), across.eq(0), row_end.eq(self.issue.row_end), mark.eq(self.issue.mark)]
            next_line()
        with m.Elif(busy):
            m.d.sync += [j.eq(j + 1), across.eq(across + 1)]
            with m.If(last):
                m.d.sync += [busy.eq(0), across.eq(macro - 1), left.eq(Mux(row_end, 1 - macro, left + 1))]
            with m.Elif(across == macro - 1):
                m.d.sync += across.eq(0)
            with m.If(Mux(last, row_end, across == macro - 1)):
                next_line()
        done = Signal(Mark)
        m.d.comb += [done.eq(mark), done.valid.eq(mark.valid & busy & last)]
        x, weight = delay(m, read.data, 1, name="x"), delay(m, weight, 1, name="weight")
        return x, weight, delay(m, (j == 0) | self.single, 2, name="first"), delay(m, done, 2, name="done", reset=True)

    def _accumulate(self, m, x, weight, first, mark):
        """One product a clock, its halves added a clock later, summed from the dark on."""
        low, high = Signal(signed(22), reset_less=True), Signal(signed(21), reset_less=True)
        product = Signal(signed(26), reset_less=True)
        first = delay(m, first, 2, name="restart")
        m.d.sync += [
            low.eq(x * weight[:5]),
            high.eq(x * weight[5:].as_signed()),
            product.eq(low + (high << 5)),
            self.s.eq(Mux(first, self.dark_sum << 8, self.s) + product),
        ]
        m.d.comb += self.mark.eq(delay(m, mark, 3, name="mark", reset=True))
