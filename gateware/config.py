# SPDX-License-Identifier: BSD-2-Clause
"""Every size of the die and of the FPGA around it, in one frozen description.

Config ──► widths, depths and counts of every gateware component, of the golden model and of the host
"""

import dataclasses
import enum
import json
import zlib

__all__ = ["Config", "Form", "Link", "SceneForm"]


class Form(enum.Enum):
    """How the macro-pixel sum is built."""

    #: one multiplier for each sub-pixel, one macro-pixel a clock
    PARALLEL = "parallel"
    #: one multiplier for all sub-pixels, one macro-pixel every ``macro ** 2`` clocks
    SHARED = "shared"


class SceneForm(enum.Enum):
    """Where the photocurrents wait until an exposure wants them."""

    #: a memory of every pixel of the array, written before
    MEMORY = "memory"
    #: a queue of a few hundred pixels, written while the exposure runs
    STREAMED = "streamed"


class Link(enum.Enum):
    """What carries the bytes between the FPGA and the host."""

    #: a bare byte stream, at most one byte a clock each way
    STREAM = "stream"
    #: 8N1 UART
    UART = "uart"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes of one macropix device. Hashable, comparable, and printable as JSON.

    Parameters
    ----------
    rows, cols : int (8 … 2048)
        Pixels of the array, masked ring included. Default 32 × 32 (paper, row 11).
    border : int (0 … 4)
        Rings of pixels that do not image (paper, row 11).
    macro : 3 or 5
        Sub-pixels along one side of a macro-pixel (paper, row 1).
    kernels : int (1 … 8)
        Kernels in the bias bank.
    form : Form
        One multiplier a sub-pixel, or one for all.
    scene : SceneForm
        A memory of the whole scene, or a queue that the host fills while the exposure runs: for lines too wide for a memory.
    lanes : 1, 2 or 4
        Serial pairs between die and FPGA; a slice's bytes are dealt out over all of them.
    lane_bits : 1, 2, 5 or 10
        Bits a die clock on each serial pair.
    fifo_bytes : int, a power of two (4096 … 65536)
        Slice FIFO of the FPGA.
    response_table, pedestal_map, noise, taps : bool
        Parts that a small board may leave out: the loadable (w, dark) table, the pedestal and mask map,
        the noise generators and pattern, the taps into the chain.
    link : Link
        Byte stream or UART.
    clock_hz : int
        FPGA clock, Hz; the unit of every timestamp is one such clock.
    uart_baud : int
        Bits a second of the UART.
    separate_clocks : bool
        Die, forwarded bit clock and FPGA in three clock domains (``die``, ``rx``, ``sync``) instead of one.

    Raises
    ------
    ValueError
        If a value is outside its range; the message names field, range and value.
    """

    rows: int = 32
    cols: int = 32
    border: int = 1
    macro: int = 3
    kernels: int = 8
    form: Form = Form.PARALLEL
    scene: SceneForm = SceneForm.MEMORY
    lanes: int = 1
    lane_bits: int = 10
    fifo_bytes: int = 8192
    response_table: bool = True
    pedestal_map: bool = True
    noise: bool = True
    taps: bool = True
    link: Link = Link.STREAM
    clock_hz: int = 48_000_000
    uart_baud: int = 3_000_000
    separate_clocks: bool = False

    def __post_init__(self):
        for name, low, high in (
            ("rows", 8, 2048),
            ("cols", 8, 2048),
            ("border", 0, 4),
            ("kernels", 1, 8),
            ("clock_hz", 1_000_000, 400_000_000),
            ("uart_baud", 9_600, 12_000_000),
        ):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise ValueError(f"{name} must be an integer from {low} to {high}, not {value!r}")
        for name, allowed in (
            ("macro", (3, 5)),
            ("lanes", (1, 2, 4)),
            ("lane_bits", (1, 2, 5, 10)),
            ("fifo_bytes", (4096, 8192, 16384, 32768, 65536)),
        ):
            value = getattr(self, name)
            if type(value) is not int or value not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, not {value!r}")
        for name, kind in (("form", Form), ("scene", SceneForm), ("link", Link)):
            if not isinstance(getattr(self, name), kind):
                raise ValueError(f"{name} must be a {kind.__name__}, not {getattr(self, name)!r}")
        if self.image_rows < self.macro or self.image_cols < self.macro:
            raise ValueError(
                f"border {self.border} leaves {self.image_rows} × {self.image_cols} imaging pixels of "
                f"{self.rows} × {self.cols}: fewer than one macro-pixel of {self.macro} × {self.macro}"
            )
        if self.uart_baud * 4 > self.clock_hz and self.link is Link.UART:
            raise ValueError(f"uart_baud must be at most clock_hz / 4 = {self.clock_hz // 4}, not {self.uart_baud}")

    # ---- geometry -------------------------------------------------------------------------------------------

    @property
    def image_rows(self) -> int:
        """Rows of pixels that image."""
        return self.rows - 2 * self.border

    @property
    def image_cols(self) -> int:
        """Columns of pixels that image."""
        return self.cols - 2 * self.border

    @property
    def subpixels(self) -> int:
        """Sub-pixels of a macro-pixel."""
        return self.macro**2

    @property
    def pixels(self) -> int:
        """Pixels of the array, ring included: words of the scene memory, where there is one."""
        return self.rows * self.cols

    @property
    def max_outputs(self) -> int:
        """Most macro-pixels a frame can hold (the 1 × 1 read)."""
        return self.image_rows * self.image_cols

    # ---- widths ---------------------------------------------------------------------------------------------

    @property
    def sum_width(self) -> int:
        """Bits of the signed macro-pixel sum: Σ|w·x| ≤ M² · 512 · 65535 and dark ≤ M² · 2048 · 256, and a sign."""
        bound = self.subpixels * (512 * 65535 + 2048 * 256)
        return bound.bit_length() + 1

    @property
    def sample_width(self) -> int:
        """Bits of a pixel on its way to the encoder: 12, or 31 where the taps are built in."""
        return 31 if self.taps else 12

    @property
    def lane_width(self) -> int:
        """Bits a die clock on all serial pairs together: pair n in bits n · lane_bits and up."""
        return self.lanes * self.lane_bits

    # ---- identity -------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """All fields as one line of JSON, keys sorted; `from_json` is the inverse."""
        fields = {
            field.name: value.value if isinstance(value := getattr(self, field.name), enum.Enum) else value
            for field in dataclasses.fields(self)
        }
        return json.dumps(fields, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Config":
        """The configuration that `to_json` printed. Raises ValueError for anything else."""
        fields = json.loads(text)
        if not isinstance(fields, dict):
            raise ValueError(f"a configuration is a JSON object, not {type(fields).__name__}")
        unknown = fields.keys() - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise ValueError(f"unknown configuration field {sorted(unknown)[0]!r}")
        for name, kind in (("form", Form), ("scene", SceneForm), ("link", Link)):
            if name in fields:
                fields[name] = kind(fields[name])
        return cls(**fields)

    @property
    def hash(self) -> int:
        """CRC-32 of `to_json`: what the device reports as ``config_hash``."""
        return zlib.crc32(self.to_json().encode())
