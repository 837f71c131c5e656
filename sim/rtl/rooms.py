# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
"""Parts of the gateware that sleep while nothing in them can change: what makes the compiled gateware fast.

Top ─► its parts, each on a clock of its own ─► awake ─► wrapper.cpp, which turns only the clocks of those that are awake
"""

from collections.abc import Iterator

from amaranth.back import verilog
from amaranth.hdl import Cat, ClockDomain, Const, DomainRenamer, Fragment, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from macropix.gateware.config import Config, SceneForm
from macropix.gateware.top import Top
from macropix.gateware.verilog import hand_through
from macropix.gateware.wire import Scene
from macropix.sim.rtl.rewrite import both_edges, clocked, repetitions

__all__ = ["ROOMS", "Sleeping", "to_verilog"]

#: a room ─► the parts in it, by their path below `Top`, inner ones before those around them. What is in none never sleeps
ROOMS = {
    "command": [
        "rx_fifo", "readout.decoder", "readout.executor", "readout.registers", "readout.bias", "readout.tag", "readout.reporter",
        "readout.sequencer",
    ],
    "link": ["tx_fifo", "readout.uplink", "readout.fifo"],
    "rare": ["die.chain.noise", "die.chain.pattern", "die.chain.scene.prbs", "die.chain.tap", "die.serializer.sender.prbs"],
    "expose": ["die.chain"],
    "meter": ["die.encoder.meter", "die.encoder.choice"],
    "code": ["die.encoder.sweep", "die.encoder.coder", "die.encoder.packer", "die.encoder.framer", "die.encoder.header"],
    "encode": ["die.encoder"],
    "symbols": ["readout.deserializer.symbols.decoder", "readout.deserializer.receiver"],
}  # fmt: skip


class Sleeping(wiring.Component):
    """`Top` with its rooms on clocks of their own, for a simulation only.

    A room's clock need not be turned while its bit of ``awake`` is low: then no register in it would change that anybody could ever see.
    Whoever offers a byte on ``rx`` wakes the first room, ``command``, by himself.

    Parameters
    ----------
    config : Config
        With one clock.

    Members
    -------
    clk : In(1), clk_ROOM : In(1) for each of `ROOMS`
        Clocks.
    awake : Out(len(ROOMS))
        Bit i: room i. To be read before each turn of ``clk``.
    All those of `Top`.
    """

    def __init__(self, config: Config):
        self._top = top = Top(config)
        clocks = {"clk": In(1), **{f"clk_{room}": In(1) for room in ROOMS}}
        super().__init__({**dict(top.signature.members.items()), **clocks, "awake": Out(len(ROOMS))})
        self._streamed = config.scene is SceneForm.STREAMED

    def elaborate(self, platform):
        m = Module()
        for name, clock in (("sync", self.clk), *((room, getattr(self, f"clk_{room}")) for room in ROOMS)):
            m.domains += (domain := ClockDomain(name, reset_less=True))
            m.d.comb += domain.clk.eq(clock)
        fragment = Fragment.get(self._top, platform)
        for room, paths in ROOMS.items():
            for path in paths:
                if (found := _find(fragment, path)) is not None:
                    part, siblings, place = found
                    moved = DomainRenamer(room)(part)
                    moved.origins = part.origins
                    siblings[place] = (moved, *siblings[place][1:])
        m.submodules.device = fragment
        hand_through(m, self, self._top)
        awake = dict(self._awake(m, fragment))
        m.d.comb += self.awake.eq(Cat(awake[room] for room in ROOMS))
        return m

    def _awake(self, m: Module, top: Fragment) -> Iterator[tuple[str, Value]]:
        """When each room must be awake: a sign that something comes or is under way, and as long behind it as a pipeline needs to empty."""

        def part(path: str):
            found = _find(top, path)
            assert found is not None, path
            return found[0].origins[0]

        def hold(name: str, active, clocks: int) -> Value:
            """`active`, and `clocks` clocks more."""
            left = Signal(range(clocks + 1), name=f"{name}_left")
            with m.If(active):
                m.d.sync += left.eq(clocks)
            with m.Elif(left != 0):
                m.d.sync += left.eq(left - 1)
            return active | (left != 0)

        readout, encoder, chain = part("readout"), part("die.encoder"), part("die.chain")
        executor, reporter, sequencer = part("readout.executor"), part("readout.reporter"), part("readout.sequencer")
        fifo, uplink, framer = part("readout.fifo"), part("readout.uplink"), part("die.encoder.framer")
        pixels, settings = encoder.pixels, chain.settings

        idle = part("readout.decoder").idle & reporter.quiet & sequencer.waiting
        # the words of a streamed scene come in the middle of an exposure
        streamed = Const(self._streamed)
        yield "command", streamed | hold("command", readout.rx.valid | ~idle | executor.busy | reporter.status, 8)
        waits = self._top.tx.valid if hasattr(self._top, "tx") else Const(0)
        yield "link", hold("link", fifo.i.valid | fifo.i.end | fifo.o.valid | uplink.o.valid | waits | fifo.clear, 4)
        windows = [wanted for window in (chain.scene, chain.pedestal) for wanted in (window.read, window.write)]
        yield "expose", streamed | hold("expose", Cat(chain.start, part("die.chain.raster").running, chain.clear, *windows).any(), 255)
        # what is switched off by its registers; they change while ``command`` is awake, well before the next exposure
        wanted = Signal()
        m.d.command += wanted.eq(
            Cat(settings.noise_reset, settings.noise_signal, settings.pattern_amplitude, settings.tap).any()
            | (settings.scene_source == Scene.PRBS)
            | part("readout.registers").values.lane_test.any()
        )
        yield "rare", hold("rare", wanted, 4095)
        meter = hold("meter", pixels.valid | framer.begin, 15)
        yield "meter", meter
        # a slow lane: everything stands up to the framer's byte
        stuck = framer.o.valid & ~framer.o.ready & ~part("die.encoder.coder").go & ~part("die.encoder.packer").done
        news = (pixels.valid & pixels.payload.slice_last) | part("die.encoder.choice").done
        code = hold("code", ~framer.idle | framer.full | news, 15) & (~stuck | news)
        yield "code", code
        yield "encode", meter | code | pixels.reserve | encoder.clear
        symbols = Const(1)
        if _find(top, "readout.deserializer.symbols.decoder") is not None:
            decoder, receiver = part("readout.deserializer.symbols.decoder"), part("readout.deserializer.receiver")
            symbols = hold("symbols", decoder.valid | decoder.o_valid | receiver.o.valid | receiver.o.end, 1)
        yield "symbols", symbols


def _find(fragment: Fragment, path: str) -> tuple[Fragment, list, int] | None:
    """The fragment at `path`, the list it is in and its place there; None if there is none."""
    siblings, place = [], 0
    for name in path.split("."):
        siblings = fragment.subfragments
        places = [i for i, (_, one, _) in enumerate(siblings) if one == name]
        if not places:
            return None
        (place,) = places
        fragment = siblings[place][0]
    return fragment, siblings, place


def to_verilog(config: Config, *, plain: bool = False) -> str:
    """`Sleeping` as Verilog, module ``top``, each turn of a clock a clock; `plain`: as Yosys writes it.

    Raises ValueError if the clocks are separate.
    """
    if config.separate_clocks:
        raise ValueError("where the clocks are separate no part may sleep")
    text = verilog.convert(Sleeping(config), name="top", emit_src=False, strip_internal_attrs=True)
    return both_edges(text) if plain else clocked(both_edges(repetitions(text)))
