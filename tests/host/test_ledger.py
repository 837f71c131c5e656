# SPDX-License-Identifier: BSD-2-Clause
"""The ledger adds up, or says where it doesn't."""

import dataclasses

import pytest

from macropix.host.errors import DataLostError
from macropix.host.ledger import Ledger

FINE = Ledger(
    produced=10, arrived=10, sent=10, received=10, dropped_overflow=0, dropped_corrupt=0, missing=0, stale=0, duplicates=0, unknown_tag=0,
    undecodable=0, frames=5, frames_exposed=5, frames_incomplete=0, frames_discarded=0, triggers_missed=0, settled=True,
)  # fmt: skip


def test_fine():
    assert FINE.ok
    assert FINE.balanced
    FINE.check()
    assert (FINE.lost, FINE.dropped, FINE.dropped_lane, FINE.frames_lost) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("changes", "balanced", "message"),
    [
        ({"arrived": 9, "sent": 9, "received": 9, "missing": 1, "frames": 4}, True, "1 slices lost between die and FPGA"),
        ({"sent": 8, "received": 8, "dropped_overflow": 2, "missing": 2, "frames": 3}, True, "2 slices dropped because the FIFO was full"),
        ({"received": 7, "missing": 2, "frames": 3}, True, "3 slices lost on the link, 2 of 5 frames not delivered"),
        ({"arrived": 9, "sent": 9, "received": 9, "missing": 1}, True, "1 slices lost between die and FPGA$"),
        ({"sent": 9, "received": 9, "dropped_overflow": 1, "missing": 1}, True, "1 slices dropped because the FIFO was full$"),
        ({"received": 9}, True, "1 slices lost on the link$"),
        ({"unknown_tag": 1}, True, "1 slices taken with unknown settings$"),
        ({"undecodable": 1}, True, "1 slices no encoder could have written$"),
        ({"frames": 4}, True, "1 of 5 frames not delivered$"),
        ({"frames_discarded": 1}, True, "1 frames fetched too late"),
        ({"unknown_tag": 2, "frames": 4}, True, "2 slices taken with unknown settings"),
        ({"undecodable": 2, "frames": 4}, True, "2 slices no encoder could have written"),
        ({"sent": 9, "received": 9}, False, "the ledger does not balance"),
        ({"received": 11}, False, "the ledger does not balance"),
        ({"missing": 1}, False, "the ledger does not balance"),
        ({"dropped_corrupt": 1}, False, "the ledger does not balance"),
        ({"arrived": 11}, False, "the ledger does not balance"),
        ({"frames": 6}, False, "the ledger does not balance"),
        ({"settled": False}, False, "the device was not idle"),
    ],
)
def test_not_fine(changes, balanced, message):
    ledger = dataclasses.replace(FINE, **changes)
    assert ledger.balanced == balanced
    assert not ledger.ok
    with pytest.raises(DataLostError, match=message):
        ledger.check()


def test_what_is_no_loss():
    assert dataclasses.replace(FINE, stale=3, duplicates=2, triggers_missed=1).ok


def test_to_dict():
    told = FINE.to_dict()
    assert {"produced", "sent", "received", "lost", "dropped", "dropped_lane", "frames_lost", "balanced", "ok"} <= told.keys()
