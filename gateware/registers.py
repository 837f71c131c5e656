# SPDX-License-Identifier: BSD-2-Clause
"""The register map: one description for the gateware's register file, the host's attributes and the docs.

Addresses count 16-bit words. A register wider than 16 bits takes consecutive words, least significant first.

    0x0000  STATUS    read only; a status slice is a copy of this block
    0x0100  CONTROL   read and write; those marked ``frame`` are latched together at the start of an exposure
    0x1000  BIAS      kernel k, sub-pixel j at 0x1000 + 32 k + j
    0x2000  WEIGHT    signed responsivity of bias code b (as 10-bit two's complement) at 0x2000 + b
    0x2400  DARK      dark term of bias code b at 0x2400 + b
    0x4000  PEDESTAL  macro-pixel n in raster order: pedestal in bits 11:0, mask in bit 15
    0x8000  SCENE     photocurrent of pixel r · cols + c; streamed: of the imaging pixels, word n of the run at n modulo 2^15
"""

import dataclasses
import enum

from amaranth.hdl import signed, unsigned
from amaranth.lib import data

from macropix.gateware.config import Config, Form, Link, SceneForm
from macropix.gateware.wire import CRC16, LaneTest, Mode, Read, Scene, Tap, ThresholdMode

__all__ = [
    "BIAS",
    "BIAS_STRIDE",
    "CONTROL",
    "CONTROL_BASE",
    "CONTROL_WORDS",
    "DARK",
    "DIE_ID",
    "PEDESTAL",
    "SCENE",
    "STATUS",
    "STATUS_BASE",
    "STATUS_WORDS",
    "WEIGHT",
    "WINDOWS",
    "Access",
    "Feature",
    "Register",
    "State",
    "Window",
    "by_name",
    "features",
    "settings_layout",
    "tag",
]  # fmt: skip

#: "MPX1": what ``chip_id`` reads on the emulated die
DIE_ID = 0x4D50_5831


class Access(enum.Enum):
    """Who may write."""

    READ = "r"
    WRITE = "rw"


class Feature(enum.IntFlag):
    """Bits of ``features``: what is built in."""

    RESPONSE_TABLE = 1
    PEDESTAL_MAP = 2
    NOISE = 4
    TAPS = 8
    SHARED_MULTIPLIER = 16
    UART = 32
    SEPARATE_CLOCKS = 64
    STREAMED_SCENE = 128


class State(enum.IntFlag):
    """Bits of ``state``."""

    #: a host has claimed the device: epoch is not 0
    CLAIMED = 1
    #: the sequencer has shots to do
    RUNNING = 2
    #: an exposure or the pixels behind it are under way on the die
    EXPOSING = 4
    #: slices are still on the die, on the lane or in the slice FIFO
    DRAINING = 8
    #: the deserialiser has its comma; with several lanes: on each of them, and they are deskewed
    LOCKED = 16
    #: a lane bears another lane's number
    SWAPPED = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class Register:
    """One register: where it is, what it holds, in which unit.

    ``frame`` registers affect a frame: they are latched at the start of an exposure and counted into the tag.
    ``kind`` is the enum or flag its value stands for, if any. ``low`` and ``high`` bound what may be written.
    """

    name: str
    width: int
    doc: str
    unit: str = ""
    signed: bool = False
    reset: int = 0
    access: Access = Access.READ
    frame: bool = False
    kind: type | None = None
    low: int | None = None
    high: int | None = None
    address: int = -1

    @property
    def words(self) -> int:
        """16-bit words it takes."""
        return -(-self.width // 16)

    @property
    def shape(self):
        """Amaranth shape of its value."""
        return signed(self.width) if self.signed else unsigned(self.width)

    @property
    def minimum(self) -> int:
        """Smallest value it takes."""
        return self.low if self.low is not None else (-(1 << (self.width - 1)) if self.signed else 0)

    @property
    def maximum(self) -> int:
        """Largest value it takes."""
        return self.high if self.high is not None else (1 << (self.width - self.signed)) - 1

    def to_words(self, value: int) -> list[int]:
        """`value` as 16-bit words, least significant first, sign-extended. ValueError if out of range."""
        value = int(value)
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"{self.name} must be from {self.minimum} to {self.maximum}, not {value}")
        return [(value >> (16 * i)) & 0xFFFF for i in range(self.words)]

    def from_words(self, words) -> int:
        """The inverse of `to_words`; bits beyond the width are ignored."""
        value = sum((int(word) & 0xFFFF) << (16 * i) for i, word in enumerate(words))
        value &= (1 << self.width) - 1
        return value - (1 << self.width) if self.signed and value >> (self.width - 1) else value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Window:
    """A memory seen through consecutive addresses."""

    name: str
    base: int
    width: int
    signed: bool
    doc: str

    def depth(self, config: Config) -> int:
        """Words of it that are there in `config`."""
        return {
            "bias": BIAS_STRIDE * config.kernels,
            "weight": 1024 if config.response_table else 0,
            "dark": 1024 if config.response_table else 0,
            "pedestal": config.max_outputs if config.pedestal_map else 0,
            "scene": config.pixels if config.scene is SceneForm.MEMORY else 0x8000,
        }[self.name]


def _place(base: int, registers: list[Register]) -> dict[str, Register]:
    placed, address = {}, base
    for register in registers:
        assert register.name not in placed, register.name
        placed[register.name] = dataclasses.replace(register, address=address)
        address += register.words
    return placed


STATUS_BASE = 0x0000
CONTROL_BASE = 0x0100
#: words from one kernel of the bias bank to the next
BIAS_STRIDE = 32

#: read-only registers, in the order of a status slice's payload
STATUS = _place(
    STATUS_BASE,
    [
        Register(name="protocol_minor", width=8, doc="minor version of protocol and register map"),
        Register(name="protocol_major", width=8, doc="major version: a host refuses a newer one"),
        Register(name="chip_id", width=32, doc="kind of die; 0x4D505831 is the emulated one"),
        Register(name="config_hash", width=32, doc="CRC-32 of the configuration's JSON"),
        Register(name="gateware_hash", width=32, doc="CRC-32 over the gateware's sources at elaboration"),
        Register(name="rows", width=16, unit="pixels", doc="rows of the array, masked ring included"),
        Register(name="cols", width=16, unit="pixels", doc="columns of the array, masked ring included"),
        Register(name="border", width=8, unit="pixels", doc="rings that do not image"),
        Register(name="macro", width=8, unit="pixels", doc="side of a macro-pixel"),
        Register(name="kernels", width=8, doc="kernels in the bias bank"),
        Register(name="lanes", width=8, doc="serial pairs"),
        Register(name="lane_bits", width=8, unit="bits", doc="bits a clock on each pair"),
        Register(name="features", width=16, doc="what is built in", kind=Feature),
        Register(name="slice_pixels", width=16, unit="pixels", doc="most pixels of a slice"),
        Register(name="fifo_bytes", width=32, unit="bytes", doc="size of the slice FIFO"),
        Register(name="clock_hz", width=32, unit="Hz", doc="FPGA clock; one clock is the unit of time stamps"),
        Register(name="device_time", width=64, unit="clocks", doc="clocks since reset"),
        Register(name="state", width=16, doc="what the device is doing", kind=State),
        Register(name="epoch", width=16, doc="nonce of the claim; 0: reset and unclaimed"),
        Register(name="tag", width=16, doc="tag of the configuration latched last"),
        Register(name="shots_done", width=32, doc="shots finished since the claim"),
        Register(name="frames_done", width=32, doc="frames exposed since the claim"),
        Register(name="triggers_missed", width=32, doc="starts that found the sequencer running, since the claim"),
        Register(name="produced", width=32, unit="slices", doc="slices the die has made since the claim"),
        Register(name="arrived", width=32, unit="slices", doc="slices the FPGA has found whole since the claim"),
        Register(name="dropped_overflow", width=32, unit="slices", doc="whole slices that found the FIFO full"),
        Register(name="dropped_corrupt", width=32, unit="slices", doc="broken slices seen by the deserialiser"),
        Register(name="sent", width=32, unit="slices", doc="slices sent to the host since the claim"),
        Register(name="saturated_di", width=32, unit="pixels", doc="macro-pixels clipped by the well"),
        Register(name="saturated_cds", width=32, unit="pixels", doc="macro-pixels clipped in reset level or CDS"),
        Register(name="saturated_pga", width=32, unit="pixels", doc="macro-pixels clipped behind the gain"),
        Register(name="saturated_adc", width=32, unit="pixels", doc="macro-pixels clipped by the ADC"),
        Register(name="saturated_pedestal", width=32, unit="pixels", doc="macro-pixels clipped by the pedestal"),
        Register(name="code_errors", width=16, doc="8b/10b symbols that are none, modulo 2^16"),
        Register(name="disparity_errors", width=16, doc="8b/10b symbols of wrong disparity, modulo 2^16"),
        Register(name="realigns", width=16, doc="commas found at a new bit offset, modulo 2^16"),
        Register(name="commands_done", width=16, doc="commands executed since the claim, modulo 2^16"),
        Register(name="commands_corrupt", width=16, doc="commands found corrupt since the claim, modulo 2^16"),
        Register(name="commands_refused", width=16, doc="commands answered with another error, modulo 2^16"),
    ],
)

_W = Access.WRITE
#: registers that can be written, and read back
CONTROL = _place(
    CONTROL_BASE,
    [
        Register(name="shots", width=32, access=_W, reset=1, unit="shots", doc="shots of a start; 0: until stopped"),
        Register(name="sequence_length", width=4, access=_W, reset=1, low=1, high=8, doc="kernels of one shot"),
        Register(name="sequence", width=24, access=_W, doc="kernel of step i in bits 3i+2 : 3i"),
        Register(name="lane_test", width=2, access=_W, kind=LaneTest, high=2, doc="test symbols on the serial pair"),
        Register(name="read", width=2, access=_W, reset=1, kind=Read, high=2, frame=True, doc="which macro-pixels"),
        Register(name="mode", width=2, access=_W, kind=Mode, high=2, frame=True, doc="what is sent, and how"),
        Register(name="threshold", width=11, access=_W, unit="ADC LSB", frame=True, doc="T; 0 sends all"),
        Register(
            name="threshold_mode", width=2, access=_W, kind=ThresholdMode, high=2, frame=True, doc="sign of the edges"
        ),
        Register(name="time", width=12, access=_W, reset=256, unit="1/256", frame=True, doc="integration time t"),
        Register(name="gain", width=3, access=_W, high=5, unit="octaves", frame=True, doc="PGA: factor 2^g"),
        Register(name="cds", width=1, access=_W, reset=1, frame=True, doc="correlated double sampling on"),
        Register(
            name="well_low", width=18, signed=True, access=_W, reset=-131072, unit="DI LSB", frame=True,
            doc="lower end of the full well",
        ),
        Register(
            name="well_high", width=18, signed=True, access=_W, reset=131071, unit="DI LSB", frame=True,
            doc="upper end of the full well",
        ),
        Register(
            name="test_charge", width=18, signed=True, access=_W, unit="DI LSB", frame=True,
            doc="charge added at the integrator, before the well clips",
        ),
        Register(name="base", width=12, access=_W, reset=1024, unit="DI LSB", frame=True, doc="reset level"),
        Register(
            name="pattern_amplitude", width=8, access=_W, unit="16 DI LSB", frame=True,
            doc="fixed pattern, 0 … amplitude",
        ),
        Register(
            name="noise_reset", width=8, access=_W, unit="2.31 DI LSB rms", frame=True,
            doc="noise on both samples, which CDS removes",
        ),
        Register(
            name="noise_signal", width=8, access=_W, unit="2.31 DI LSB rms", frame=True,
            doc="noise on the signal sample alone, which stays",
        ),
        Register(name="seed", width=32, access=_W, reset=1, frame=True, doc="seed of noise and of the PRBS scene"),
        Register(name="tap", width=3, access=_W, kind=Tap, high=5, frame=True, doc="where the frame is taken"),
        Register(name="pedestal_enable", width=1, access=_W, frame=True, doc="subtract the pedestal map"),
        Register(name="mask_enable", width=1, access=_W, frame=True, doc="honour the mask map"),
        Register(name="map_id", width=16, access=_W, frame=True, doc="the host's CRC-16 of pedestal and mask map"),
        Register(name="scene_source", width=3, access=_W, kind=Scene, high=5, frame=True, doc="photocurrent from"),
        Register(name="scene_level", width=16, access=_W, reset=65504, frame=True, doc="level of the test patterns"),
    ],
)  # fmt: skip

STATUS_WORDS = sum(register.words for register in STATUS.values())
CONTROL_WORDS = sum(register.words for register in CONTROL.values())

BIAS = Window(name="bias", base=0x1000, width=10, signed=True, doc="bias codes of the kernel bank")
WEIGHT = Window(name="weight", base=0x2000, width=10, signed=True, doc="responsivity of a bias code, 256 = 1.0")
DARK = Window(name="dark", base=0x2400, width=12, signed=True, doc="dark term of a bias code, 256 LSB of the sum")
PEDESTAL = Window(name="pedestal", base=0x4000, width=16, signed=False, doc="pedestal (11:0, signed) and mask (15)")
SCENE = Window(name="scene", base=0x8000, width=16, signed=False, doc="photocurrent at unit bias")
WINDOWS = {window.name: window for window in (BIAS, WEIGHT, DARK, PEDESTAL, SCENE)}


def by_name(name: str) -> Register:
    """The register called `name`. KeyError if there is none."""
    return STATUS[name] if name in STATUS else CONTROL[name]


def features(config: Config) -> Feature:
    """What `config` builds in."""
    return (
        (Feature.RESPONSE_TABLE if config.response_table else Feature(0))
        | (Feature.PEDESTAL_MAP if config.pedestal_map else Feature(0))
        | (Feature.NOISE if config.noise else Feature(0))
        | (Feature.TAPS if config.taps else Feature(0))
        | (Feature.SHARED_MULTIPLIER if config.form is Form.SHARED else Feature(0))
        | (Feature.STREAMED_SCENE if config.scene is SceneForm.STREAMED else Feature(0))
        | (Feature.UART if config.link is Link.UART else Feature(0))
        | (Feature.SEPARATE_CLOCKS if config.separate_clocks else Feature(0))
    )


def settings_layout(config: Config) -> data.StructLayout:
    """Everything latched at the start of an exposure: the ``frame`` registers, and what the bias bank looked up.

    ``weight`` and ``dark`` are arrays over the sub-pixels in raster order, ``dark_sum`` is Σ dark in LSB of 256.
    """
    fields: dict = {register.name: register.shape for register in CONTROL.values() if register.frame}
    fields["weight"] = data.ArrayLayout(signed(10), config.subpixels)
    fields["dark_sum"] = signed(12 + config.subpixels.bit_length())
    return data.StructLayout(fields)


def tag(values: dict[str, int], weights, darks) -> int:
    """CRC-16 of a latched configuration: the host's and the golden model's side of it.

    Parameters
    ----------
    values : dict
        Value of every ``frame`` register, by name.
    weights, darks : sequences of int
        (w, dark) of each sub-pixel, raster order, as looked up from the response table.

    Returns
    -------
    int
        CRC-16/IBM-3740 over 16-bit words, each most significant byte first: the frame registers by address,
        then w and dark of each sub-pixel in turn, sign-extended.
    """
    words: list[int] = []
    for register in CONTROL.values():
        if register.frame:
            words += register.to_words(values[register.name])
    for weight, dark in zip(weights, darks, strict=True):
        words += [int(weight) & 0xFFFF, int(dark) & 0xFFFF]
    return CRC16(16).compute(words)
