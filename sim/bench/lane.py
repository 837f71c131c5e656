# SPDX-License-Identifier: BSD-2-Clause
"""The receiving end of a serial pair, for a bench: bits to symbols to slices, from the golden model's 8b/10b table.

lane bits ──► comma ──► symbols ──► K27.7 bytes K29.7 ──► packets, or with several lanes their parts ──► packets
"""

from collections import Counter

from macropix.gateware import wire
from macropix.gateware.wire import LaneTest
from macropix.sim.golden import lane

__all__ = ["LaneMonitor", "LanesMonitor"]

COMMAS = (0b1111100, 0b0000011)  # 0011111 and 1100000, the first bit lowest
SHORTEST_IDLE = 4
#: D21.5: alternating bits
FIXED = 0b0101010101


class LaneMonitor:
    """Strict: from the first comma on every symbol must be one, of the right disparity, and slices lie between idle pairs.

    Parameters
    ----------
    number, lanes : int
        Which lane of how many.

    Attributes
    ----------
    packets : list of bytes
        Slices that came.
    test : LaneTest
        What the die may send instead of an idle pair. The last one asked for but OFF: a test ends some symbols later than it is told to.
    tested : Counter
        Symbols of each lane test that came.
    """

    def __init__(self, number: int = 0, *, lanes: int = 1):
        self._number, self._lanes = number, lanes
        self._slots = 0  # symbols of idle pairs and lane tests
        self._first: int | None = None  # number of the first pair
        self.packets: list[bytes] = []
        self.test = LaneTest.OFF
        self.tested: Counter[LaneTest] = Counter()
        self._bits = 0
        self._count = 0
        self._aligned = False
        self._idles = 0
        self._slice: bytearray | None = None
        self._disparity = 0
        self._history = [1] * 7  # PRBS-7, the latest last
        points = [(byte, False) for byte in range(256)] + [(byte, True) for byte in (wire.K_IDLE, wire.K_START, wire.K_END)]
        self._table = {}
        for disparity in (-1, 1):
            for byte, k in points:
                symbol, after = lane.encode(byte, k, disparity)
                self._table[disparity, symbol] = (byte, k, after)

    def take(self, bits: int, count: int) -> None:
        """`count` bits, the lowest first in time."""
        self._bits |= bits << self._count
        self._count += count
        while self._count >= 10:
            if not self._aligned and self._bits & 0x7F not in COMMAS:
                self._bits >>= 1
                self._count -= 1
                continue
            self._aligned = True
            self._symbol(self._bits & 0x3FF)
            self._bits >>= 10
            self._count -= 10

    def _is_test(self, symbol: int) -> bool:
        """Whether `symbol` is what a lane test sends next. Its pairs stand where idle pairs would."""
        if self.test == LaneTest.FIXED and symbol == FIXED:
            self.tested[self.test] += 1
            return True
        if self.test == LaneTest.PRBS7:
            history = list(self._history)
            for _ in range(10):
                history.append(history[-7] ^ history[-6])
            if symbol == sum(bit << i for i, bit in enumerate(history[-10:])):
                self._history = history[-7:]
                self._disparity = 0  # the coder goes on behind raw bits, unseen
                self.tested[self.test] += 1
                return True
        return False

    def _symbol(self, symbol: int) -> None:
        if self._slice is None and self.test != LaneTest.OFF and self._is_test(symbol):
            assert self._idles % 2 == 0, "a lane test begins between the symbols of an idle pair"
            self._idles = 0
            self._slots += 1
            return
        if not self._disparity:
            self._disparity = -1 if (-1, symbol) in self._table else 1
        found = self._table.get((self._disparity, symbol))
        assert found is not None, f"{symbol:010b} is no symbol at disparity {self._disparity:+d}"
        byte, k, self._disparity = found
        if self._slice is None:
            if k and byte == wire.K_START:
                assert self._slots % 2 == 0, "a slice begins between the symbols of an idle pair"
                assert self._idles >= SHORTEST_IDLE, f"{self._idles} idle symbols before a slice, not {SHORTEST_IDLE}"
                self._slice = bytearray()
                return
            if self._first is None and self._slots % 2:
                self._first = byte >> 5
            pair = (self._first or 0) + self._slots // 2
            expected = lane.idle_pair(self._number, pair, lanes=self._lanes)[self._slots % 2]
            assert (byte, k) == expected, f"symbol {byte:02x} (k = {k}) between slices, not {expected[0]:02x}"
            self._idles += 1
            self._slots += 1
        elif not k:
            self._slice.append(byte)
        elif byte == wire.K_END:
            self.packets.append(bytes(self._slice))
            self._slice, self._idles = None, 0
        else:
            assert byte == wire.K_IDLE, f"control symbol {byte:02x} in a slice"


class LanesMonitor:
    """All lanes of a die, which go in step: the slices that their `LaneMonitor` find, put together.

    Attributes
    ----------
    packets : list of bytes
        Slices that came.
    test : LaneTest
        As of `LaneMonitor`; set for all lanes.
    tested : Counter
        Symbols of each lane test on lane 0.
    """

    def __init__(self, lanes: int):
        self.packets: list[bytes] = []
        self._monitors = [LaneMonitor(number, lanes=lanes) for number in range(lanes)]

    @property
    def test(self) -> LaneTest:
        """What the die may send instead of an idle pair."""
        return self._monitors[0].test

    @test.setter
    def test(self, test: LaneTest) -> None:
        for monitor in self._monitors:
            monitor.test = test

    @property
    def tested(self) -> Counter[LaneTest]:
        """Symbols of each lane test."""
        assert all(monitor.tested == self._monitors[0].tested for monitor in self._monitors), "a lane test is not on all lanes"
        return self._monitors[0].tested

    def take(self, bits: int, count: int) -> None:
        """`count` bits of each lane: lane n in bits n · count and up, the lowest first in time."""
        for number, monitor in enumerate(self._monitors):
            monitor.take(bits >> number * count & (1 << count) - 1, count)
        while any(monitor.packets for monitor in self._monitors):
            assert all(monitor.packets for monitor in self._monitors), "the lanes do not end a slice in step"
            self.packets.append(lane.gathered([monitor.packets.pop(0) for monitor in self._monitors]))
