# SPDX-License-Identifier: BSD-2-Clause
"""One TCP connection: first a guest that has a line to say, then perhaps the controller; always with a bounded memory.

socket ── receive ──► bytes       send ──► outbox (at most `OUTBOX` and one read of the device) ──► socket
"""

import contextlib
import datetime
import select
import socket
import time

from macropix.host.transport.hello import LINE_BYTES
from macropix.host.transport.tcp import keep_alive

__all__ = ["FAREWELL", "HANGING", "OUTBOX", "Peer"]

#: bytes waiting for a peer, from which on the device is not asked for more
OUTBOX = 1 << 18
#: bytes that the system may hold for it besides
SYSTEM = 1 << 18
#: bytes taken from a peer at once
CHUNK = 1 << 16
#: seconds a last line may take to be read
FAREWELL = 2.0
#: what `poll` tells of a peer that has closed
HANGING = select.POLLHUP | select.POLLERR | getattr(select, "POLLRDHUP", 0)


class Peer:
    """A connection without blocking.

    Parameters
    ----------
    connection : socket
        Accepted.
    address : tuple
        Of the other side.
    """

    def __init__(self, connection: socket.socket, address: tuple):
        self.socket = connection
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        self.name = f"{host}:{address[1]}"
        self.since = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        self.began = time.monotonic()
        self.inbox = b""
        self.bytes_in = self.bytes_out = 0
        self._leaving = False
        self._outbox = bytearray()
        #: when it last took something, or had nothing to take
        self._moved = self.began
        connection.setblocking(False)
        keep_alive(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SYSTEM)

    def fileno(self) -> int:
        """The socket's."""
        return self.socket.fileno()

    @property
    def full(self) -> bool:
        """So much waits for it that the device has to."""
        return len(self._outbox) >= OUTBOX

    @property
    def waiting(self) -> int:
        """Bytes that it has not taken yet."""
        return len(self._outbox)

    @property
    def stalled(self) -> float:
        """Seconds since it last took something, if something waits."""
        return time.monotonic() - self._moved if self._outbox else 0.0

    def receive(self) -> bytes | None:
        """What has come; None at its end, whatever ended it."""
        try:
            come = self.socket.recv(CHUNK)
        except BlockingIOError:
            return b""
        except OSError:
            return None
        self.bytes_in += len(come)
        return come or None

    def line(self) -> tuple[bytes | None, bool]:
        """The guest's first line, without its end, once it is whole, what stands behind it left in `inbox`; and whether it may yet come."""
        come = self.receive()
        if come is None:
            return None, False
        self.inbox += come
        head, mark, rest = self.inbox.partition(b"\n")
        if len(head) >= LINE_BYTES:
            return b"", False
        if mark:
            self.inbox = rest
            return head, True
        return None, True

    def send(self, data: bytes) -> bool:
        """Sends, or keeps, `data`. False if the peer is gone."""
        if not self._outbox:
            self._moved = time.monotonic()
        self._outbox += data
        return self.flush()

    def flush(self) -> bool:
        """Sends what waits, as far as it goes. False if the peer is gone."""
        while self._outbox:
            try:
                with memoryview(self._outbox) as view:
                    sent = self.socket.send(view)
            except BlockingIOError:
                return True
            except OSError:
                self._outbox.clear()
                return False
            del self._outbox[:sent]
            self.bytes_out += sent
            self._moved = time.monotonic()
        return True

    def vanished(self) -> bool:
        """Whether the other side has closed, though bytes of it may still wait to be read."""
        poll = select.poll()
        poll.register(self.socket, HANGING)
        return bool(poll.poll(0))

    def leave(self, line: bytes) -> None:
        """A last line, behind which nothing more is sent; `gone` sees it out."""
        self.began = time.monotonic()
        self._leaving = self.send(line)

    def gone(self) -> bool:
        """Whether it has taken all there was and closed, or has had its time.

        What still comes is thrown away: a socket closed with bytes unread is reset, and the other side would not see the last line.
        """
        if self._leaving and time.monotonic() < self.began + FAREWELL and self.flush():
            if self._outbox:
                return False
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
            while (come := self.receive()) is not None:
                if not come:
                    return False
        self.close()
        return True

    def close(self) -> None:
        """Closes the connection; what waits is dropped."""
        self.socket.close()
