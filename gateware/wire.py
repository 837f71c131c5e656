# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportGeneralTypeIssues=false
"""What crosses a wire: packets, their fields, codes and checks. Pure descriptions, nothing is elaborated here.

    host ── Command (+ words) ──► device          device ── Header + payload + CRC-32 ──► host

`docs/protocol.md` says the same in words; this file is what gateware, golden model and host share.
"""

import enum as py_enum

from amaranth.lib import data, enum
from amaranth.lib.crc import catalog

__all__ = [
    "COMMAND_BYTES",
    "CRC16",
    "CRC32",
    "CRC_BYTES",
    "DELTA",
    "DOWN_SYNC",
    "GAP",
    "HEADER_BYTES",
    "K_END",
    "K_IDLE",
    "K_START",
    "MAX_PAYLOAD",
    "MAX_WORDS",
    "OVERHEAD_BYTES",
    "PREFIX_BITS",
    "PROTOCOL_MAJOR",
    "PROTOCOL_MINOR",
    "REPLY_BYTES",
    "SLICE_PIXELS",
    "TAP_BITS",
    "UP_SYNC",
    "VALUE",
    "Command",
    "Descriptor",
    "Error",
    "Header",
    "Kind",
    "LaneTest",
    "Mode",
    "Op",
    "Positions",
    "Read",
    "Reply",
    "Rice",
    "Saturation",
    "Scene",
    "Tap",
    "ThresholdMode",
    "Values",
]  # fmt: skip

#: version of the stream and of the commands; a host refuses a newer major version
PROTOCOL_MAJOR = 1
PROTOCOL_MINOR = 0

#: first byte of every packet from the device
UP_SYNC = 0xA5
#: first byte of every packet to the device
DOWN_SYNC = 0xC3
#: most pixels of one slice: every slice but the last of a frame holds exactly so many
SLICE_PIXELS = 1024
#: most 16-bit words one command reads or writes
MAX_WORDS = 256

#: 16 bits of CRC-16/IBM-3740 (CCITT-FALSE): headers by bytes, tags by 16-bit words, most significant byte first
CRC16 = catalog.CRC16_IBM_3740
#: CRC-32/ISO-HDLC (zlib): over a whole packet, its header included
CRC32 = catalog.CRC32_ISO_HDLC


class Kind(enum.Enum, shape=2):
    """What a packet from the device is."""

    #: pixels of a frame
    DATA = 0
    #: the status registers, asked for or not
    STATUS = 1
    #: the answer to one command
    REPLY = 2


class Positions(enum.Enum, shape=2):
    """Which pixels of a slice are sent, and how that is said."""

    #: every pixel is sent; nothing is said
    ALL = 0
    #: a Rice-coded gap before every sent pixel, and one to the end of the slice
    RUNS = 1
    #: one bit a pixel, before the values; 1 = sent
    BITMAP = 2
    #: every pixel is sent; one bit a pixel, before the values; 0 = masked
    FLAGGED = 3


class Values(enum.Enum, shape=2):
    """How the values of the sent pixels are coded."""

    #: two's complement, `TAP_BITS` bits each
    PACKED = 0
    #: Rice code of the magnitude above the threshold
    RICE = 1
    #: Rice code of the difference to the last sent pixel of the slice
    DELTA = 2


class Mode(enum.Enum, shape=2):
    """What is sent of a frame, and how."""

    #: every pixel, packed
    RAW = 0
    #: pixels past the threshold, RUNS and RICE
    EDGE = 1
    #: pixels past the threshold, in whatever code is shortest for the slice
    AUTO = 2


class ThresholdMode(enum.Enum, shape=2):
    """When a pixel is past the threshold T ≥ 1; T = 0 sends every pixel that is not masked, in every mode."""

    #: |y'| ≥ T
    ABS = 0
    #: y' ≥ T
    POS = 1
    #: y' ≤ −T
    NEG = 2


class Read(enum.Enum, shape=2):
    """Which macro-pixels a frame holds."""

    #: 1 × 1, the centre weight alone: the conventional read, every imaging pixel
    SINGLE = 0
    #: stride 1: every complete macro-pixel
    SLIDING = 1
    #: stride M: macro-pixels side by side
    TILES = 2


class Tap(enum.Enum, shape=3):
    """Where along the chain a frame is taken. Any tap but OUT sends every pixel, packed."""

    #: y', behind pedestal and mask
    OUT = 0
    #: s, the macro-pixel sum
    SUM = 1
    #: q, behind the integrator
    DI = 2
    #: d, behind the double sampling
    CDS = 3
    #: p, behind the gain
    PGA = 4
    #: y, before pedestal and mask
    ADC = 5


#: bits of one PACKED value for each tap
TAP_BITS = {Tap.OUT: 12, Tap.SUM: 31, Tap.DI: 18, Tap.CDS: 18, Tap.PGA: 18, Tap.ADC: 12}


class Scene(enum.Enum, shape=3):
    """Where the photocurrent comes from."""

    #: the scene memory
    MEMORY = 0
    #: (r · cols + c) · 64 modulo 2^16
    RAMP = 1
    #: scene_level where r + c is odd, else 0
    CHECKER = 2
    #: scene_level everywhere
    FLAT = 3
    #: scene_level in one pixel, another for each shot
    WALKING = 4
    #: 16 bits of a xorshift32 sequence
    PRBS = 5


class Saturation(enum.Flag, shape=4):
    """Which stages clipped at least one pixel of a slice."""

    DI = 1
    CDS = 2
    PGA = 4
    #: the converter, or the pedestal's subtraction
    ADC = 8


class Op(enum.Enum, shape=8):
    """What a command asks for."""

    #: write ``words`` words from ``address`` on
    WRITE = 1
    #: read ``words`` words from ``address`` on
    READ = 2
    #: stop, drain, set ledger and slice number to zero, take the command's epoch as the device's
    CLAIM = 3
    #: send a status slice
    STATUS = 4
    #: start the sequencer with the registers as they stand
    START = 5
    #: stop the sequencer behind the frame under way
    STOP = 6


class Error(enum.Enum, shape=8):
    """How a command ended."""

    OK = 0
    #: header or CRC-32 wrong: nothing was done
    CORRUPT = 1
    #: the command's epoch is not the device's: nothing was done
    EPOCH = 2
    #: no such operation: nothing was done
    OP = 3
    #: an address that is not there: nothing was done
    ADDRESS = 4
    #: a write to what can only be read: nothing was done
    READ_ONLY = 5
    #: words is 0 or more than `MAX_WORDS`: nothing was done
    LENGTH = 6
    #: a start while the sequencer runs: counted as a missed trigger
    BUSY = 7
    #: of a streamed scene: words that no exposure waits for, or that are not the next; any other command that would have to wait for an
    #: exposure whose words have not all come: nothing was done, or what was not wanted any more was dropped
    SCENE = 8


class LaneTest(enum.Enum, shape=2):
    """What the die sends on its serial pair instead of slices."""

    OFF = 0
    #: PRBS-7 (x^7 + x^6 + 1), raw bits
    PRBS7 = 1
    #: D21.5, alternating bits
    FIXED = 2


class Header(data.Struct):
    """First 20 bytes of every packet from the device, least significant byte first."""

    sync: 8
    kind: Kind
    first: 1  # first slice of a frame
    last: 1  # last slice of a frame
    positions: Positions
    values: Values
    length: 12  # payload, bytes
    saturated: Saturation
    number: 16  # running number: one sequence for data, one for status and replies together
    epoch: 16
    tag: 16
    shot: 16
    count: 10  # pixels of the slice − 1
    kernel: 3
    tap: Tap
    where: 32  # first slice: device time at the start of the exposure, clocks; others: first pixel's index
    crc: 16  # CRC16 over the 18 bytes before


class Command(data.Struct):
    """First 12 bytes of every packet to the device; a WRITE's words and the CRC-32 follow."""

    sync: 8
    op: Op
    sequence: 16
    epoch: 16
    address: 16
    words: 16
    crc: 16  # CRC16 over the 10 bytes before


class Reply(data.Struct):
    """Payload of a reply, before the words of a read."""

    sequence: 16
    op: Op
    error: Error
    address: 16
    words: 16
    corrupt: 16  # commands found corrupt since the claim


class Descriptor(data.Struct):
    """What the FPGA hands the die at the start of an exposure, copied into every slice of the frame."""

    epoch: 16
    tag: 16
    shot: 16
    kernel: 3
    time: 32


HEADER_BYTES = Header.as_shape().size // 8
COMMAND_BYTES = Command.as_shape().size // 8
REPLY_BYTES = Reply.as_shape().size // 8
CRC_BYTES = 4
#: bytes of a slice that are not payload
OVERHEAD_BYTES = HEADER_BYTES + CRC_BYTES
assert Header.as_shape().size == 160
assert Command.as_shape().size == 96
assert Reply.as_shape().size == 80

#: threshold (11) and threshold mode (2) in front of RICE values
PREFIX_BITS = 13
#: most bytes of a payload: 1024 pixels of EDGE code at their longest come to less (see docs/protocol.md)
MAX_PAYLOAD = 4095


class Rice:
    """One adaptive, bounded Rice code: an estimate a of eight times the mean, reset for each slice.

    k  = bit_length(((a >> 1) + (a >> 3)) >> 3)
    v  → v >> k ones, a zero, the k low bits of v     if v >> k < LIMIT
       → LIMIT ones, v in `raw_bits` bits             otherwise
    a' = a + v − (a >> 3)

    Bits leave least significant first.

    Parameters
    ----------
    start : int
        a at the start of a slice.
    raw_bits : int
        Bits of an escaped value: every value is below 2 ** raw_bits.
    """

    #: ones that announce an escaped value
    LIMIT = 12

    def __init__(self, *, start: int, raw_bits: int):
        self.start = start
        self.raw_bits = raw_bits

    @property
    def state_bits(self) -> int:
        """Bits of a: a' ≤ a + (2^raw − 1) − (a >> 3) keeps a ≤ 8 · (2^raw − 1) + 7."""
        return (8 * (2**self.raw_bits - 1) + 7).bit_length()

    @property
    def max_bits(self) -> int:
        """Longest codeword: the escape."""
        return self.LIMIT + self.raw_bits


#: gaps: unsent pixels before a sent one, 0 … 1023
GAP = Rice(start=32, raw_bits=10)
#: magnitudes above the threshold, 0 … 2048
VALUE = Rice(start=64, raw_bits=12)
#: zigzag differences, 0 … 8190
DELTA = Rice(start=128, raw_bits=13)


class _Symbol(py_enum.IntEnum):
    """8b/10b control symbols, by their byte."""

    K28_5 = 0xBC
    K27_7 = 0xFB
    K29_7 = 0xFD


#: comma; the data symbol behind it is the lane's number
K_IDLE = int(_Symbol.K28_5)
#: before the first byte of a slice
K_START = int(_Symbol.K27_7)
#: behind the last byte of a slice
K_END = int(_Symbol.K29_7)
