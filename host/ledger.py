# SPDX-License-Identifier: BSD-2-Clause
"""What became of every slice between the die and the picture.

produced = arrived + dropped_lane          on the device
arrived  = sent + dropped_overflow         on the device
sent     = received + lost                 on the link
"""

import dataclasses

from macropix.host.decode.statistics import FrameStatistics
from macropix.host.errors import DataLostError
from macropix.host.status import Status

__all__ = ["Ledger"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ledger:
    """Slices since the claim, and what the host made of them. Exact as soon as the device is idle (`settled`).

    Parameters
    ----------
    produced, arrived, sent : int
        Slices made by the die, found whole by the FPGA, sent to the host.
    received : int
        Slices that reached the host whole, each counted once.
    dropped_overflow, dropped_lane : int
        Slices dropped because the FIFO was full; lost between die and FPGA. `dropped_corrupt` counts those of the latter of which
        something was seen.
    lost : int
        Slices lost on the link, those behind the last one received included.
    missing : int
        Slices that the running number says are missing before the last one received, whatever became of them.
    stale, duplicates : int
        Whole slices of another epoch, and those whose number was there before: dropped.
    unknown_tag, undecodable : int
        Slices received, but taken with settings the host has not written; or that no encoder could have written.
    frames, frames_exposed, frames_incomplete : int
        Frames delivered whole; exposed by the device; of which only a part came.
    frames_discarded : int
        Whole frames that nobody fetched in time.
    triggers_missed : int
        Starts that found the sequencer running.
    settled : bool
        The device was idle when it told its side.
    """

    produced: int
    arrived: int
    sent: int
    received: int
    dropped_overflow: int
    dropped_corrupt: int
    missing: int
    stale: int
    duplicates: int
    unknown_tag: int
    undecodable: int
    frames: int
    frames_exposed: int
    frames_incomplete: int
    frames_discarded: int
    triggers_missed: int
    settled: bool

    @classmethod
    def of(cls, status: Status, own: FrameStatistics, *, discarded: int = 0) -> "Ledger":
        """What device and host have counted, side by side."""
        return cls(
            produced=status.produced,
            arrived=status.arrived,
            sent=status.sent,
            dropped_overflow=status.dropped_overflow,
            dropped_corrupt=status.dropped_corrupt,
            frames_exposed=status.frames_done,
            frames_discarded=discarded,
            triggers_missed=status.triggers_missed,
            settled=status.idle,
            **dataclasses.asdict(own),
        )

    def decoded(self, own: FrameStatistics) -> "Ledger":
        """The same run of the device beside another decoding of its stream."""
        return dataclasses.replace(self, **dataclasses.asdict(own), frames_discarded=0)

    @property
    def dropped_lane(self) -> int:
        """Slices lost between die and FPGA."""
        return self.produced - self.arrived

    @property
    def dropped(self) -> int:
        """Slices dropped on the device, by any cause."""
        return self.dropped_lane + self.dropped_overflow

    @property
    def lost(self) -> int:
        """Slices lost on the link."""
        return self.sent - self.received

    @property
    def frames_lost(self) -> int:
        """Frames exposed and not delivered."""
        return self.frames_exposed - self.frames

    @property
    def balanced(self) -> bool:
        """Both sides add up: nothing is counted that was not there, and every gap in the numbers has a cause."""
        return (
            self.settled
            and min(self.dropped_lane, self.dropped_overflow, self.lost, self.frames_lost) >= 0
            and self.arrived == self.sent + self.dropped_overflow
            and self.missing <= self.lost + self.dropped
            and self.dropped_corrupt <= self.dropped_lane
        )

    @property
    def ok(self) -> bool:
        """It balances, and every frame exposed was delivered."""
        lost = self.lost + self.dropped + self.unknown_tag + self.undecodable + self.frames_discarded + self.frames_lost
        return self.balanced and lost == 0

    def check(self) -> None:
        """Raises DataLostError, naming every cause, unless all is `ok`."""
        if self.ok:
            return
        causes = [
            f"{count} {words}"
            for count, words in (
                (self.dropped_overflow, "slices dropped because the FIFO was full"),
                (self.dropped_lane, "slices lost between die and FPGA"),
                (self.lost, "slices lost on the link"),
                (self.undecodable, "slices no encoder could have written"),
                (self.unknown_tag, "slices taken with unknown settings"),
                (self.frames_discarded, "frames fetched too late"),
                (self.frames_lost, f"of {self.frames_exposed} frames not delivered"),
            )
            if count
        ]
        if not self.balanced:
            causes.append("the ledger does not balance" if self.settled else "the device was not idle")
        raise DataLostError("data was lost: " + ", ".join(causes))

    def to_dict(self) -> dict[str, int | bool]:
        """Every count, the derived ones too, for ``--json`` and for files."""
        return {
            **dataclasses.asdict(self),
            "dropped_lane": self.dropped_lane,
            "dropped": self.dropped,
            "lost": self.lost,
            "frames_lost": self.frames_lost,
            "balanced": self.balanced,
            "ok": self.ok,
        }
