# SPDX-License-Identifier: BSD-2-Clause
"""What the decoders counted on the way: packets found in the bytes, and what became of the data packets."""

import dataclasses

__all__ = ["FrameStatistics", "PacketStatistics"]


@dataclasses.dataclass
class PacketStatistics:
    """What a stream was made of, so far."""

    #: bytes fed
    bytes: int = 0
    #: whole packets
    data: int = 0
    status: int = 0
    replies: int = 0
    #: bytes passed over because they belong to no whole packet
    skipped: int = 0
    #: headers that were right, but whose packet's CRC-32 was wrong or whose end never came
    broken: int = 0
    #: bytes 0xA5 that no right header followed
    bad_headers: int = 0
    #: the stream ended in the middle of a packet
    end_missing: bool = False

    @property
    def packets(self) -> int:
        """Whole packets of every kind."""
        return self.data + self.status + self.replies


@dataclasses.dataclass
class FrameStatistics:
    """What became of the data packets since the claim."""

    #: slices received, each number once
    received: int = 0
    #: slices missing before the last received one, by their numbers
    missing: int = 0
    #: slices of another epoch, and slices whose number was there before
    stale: int = 0
    duplicates: int = 0
    #: slices taken with settings the host has not written
    unknown_tag: int = 0
    #: slices whose CRC is right and whose content is not
    undecodable: int = 0
    #: frames delivered; frames of which only a part came
    frames: int = 0
    frames_incomplete: int = 0

    @property
    def useful(self) -> int:
        """Slices received that became, or may still become, part of a frame."""
        return self.received - self.unknown_tag - self.undecodable
