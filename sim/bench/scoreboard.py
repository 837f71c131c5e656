# SPDX-License-Identifier: BSD-2-Clause
"""What was expected against what came, packet by packet.

golden model ── expect(packets) ──► Scoreboard ◄── take(bytes) ── monitor;    finish(): something came, all matched, nothing is left
"""

from collections import deque

__all__ = ["Scoreboard"]


class Scoreboard:
    """Compares whole packets, in order.

    Parameters
    ----------
    name : str
        Stands in every message.
    """

    def __init__(self, name: str):
        self.name = name
        self.compared = 0
        self.nonzero = 0
        self._expected: deque[bytes] = deque()

    def expect(self, packets) -> None:
        """Packets that are to come, behind those expected already."""
        self._expected.extend(bytes(packet) for packet in packets)

    @property
    def waiting(self) -> int:
        """Packets that are still to come."""
        return len(self._expected)

    def take(self, packet: bytes) -> None:
        """One packet came. AssertionError if it is not the next one expected; the message shows the first byte that differs."""
        assert self._expected, f"{self.name}: packet {self.compared} came, and none was expected: {packet[:24].hex()}…"
        expected = self._expected.popleft()
        if packet != expected:
            at = next((i for i, (a, b) in enumerate(zip(packet, expected, strict=False)) if a != b), min(len(packet), len(expected)))
            raise AssertionError(
                f"{self.name}: packet {self.compared} differs from byte {at} on: expected {len(expected)} bytes "
                f"…{expected[max(0, at - 2) : at + 6].hex()}…, found {len(packet)} bytes …{packet[max(0, at - 2) : at + 6].hex()}…"
            )
        self.compared += 1
        self.nonzero += any(packet[20:-4])

    def finish(self) -> None:
        """AssertionError unless something came, something of it was not zero, and nothing is still expected."""
        assert self.compared, f"{self.name}: nothing came"
        assert self.nonzero, f"{self.name}: {self.compared} packets came, and not one with a payload"
        assert not self._expected, f"{self.name}: {len(self._expected)} packets did not come"
