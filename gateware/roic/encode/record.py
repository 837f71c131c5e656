# SPDX-License-Identifier: BSD-2-Clause
# pyright: reportInvalidTypeForm=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false
"""What the second reading must know of a slice that the first has seen.

SliceBuffer, settings ─► Record ─► Choice ─► Sweep, Coder
"""

from amaranth.lib import data

from macropix.gateware.wire import Tap, ThresholdMode

__all__ = ["Record"]


class Record(data.Struct):
    """A slice in the buffer."""

    stored: 11  # values in the buffer: the sent pixels
    holes: 1  # a flag of it is 0: there is a pixel not sent, or in a slice of every pixel a masked one
    open_end: 1  # its last pixel is not sent
    every: 1  # every pixel is sent, whatever it is: RAW, or a tap
    auto: 1  # the shortest code; else EDGE
    tap: Tap
    threshold: 11
    threshold_mode: ThresholdMode
    sign: 1  # RICE values have a sign bit
