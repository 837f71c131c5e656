# SPDX-License-Identifier: BSD-2-Clause
"""Why a slice whose CRC is right was not believed."""

from macropix.host.errors import MacropixError

__all__ = ["REASONS", "DecodeError"]

#: by the number the decoders give
REASONS = (
    "",
    "the payload ends within a code",
    "no such threshold mode",
    "a value escaped that has a code of its own",
    "a gap runs over the end of the slice",
    "a negative zero",
    "a value outside 12 bits",
    "the codes do not fill the payload's length",
    "the bits behind the last code are not zero",
    "a payload although no pixel is sent",
    "no such tap",
    "no such code for values",
    "a code that is not for this tap",
    "a slice that is not the last and not full",
    "a slice that is not as its settings say",
)


class DecodeError(MacropixError):
    """A slice that no encoder could have written.

    Parameters
    ----------
    reason : int
        Place in `REASONS`.
    """

    def __init__(self, reason: int):
        super().__init__(REASONS[reason])
        self.reason = reason
