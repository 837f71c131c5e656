# SPDX-License-Identifier: BSD-2-Clause
"""``tcp://host:port``: a device that ``macropix serve-device`` serves, here or on another machine.

host ── write ──► socket ──► server ──► device ──► server ──► socket ── read ──► host
"""

import contextlib
import os
import select
import socket
import time

from macropix.host.errors import DeviceError, UserError
from macropix.host.transport.base import Transport
from macropix.host.transport.hello import DEFAULT_PORT, LINE_BYTES, TOKEN_VARIABLE, Answer, Hello, check_token, last_words, printable
from macropix.host.transport.url import ParsedUrl

__all__ = ["TcpTransport", "keep_alive", "open_tcp"]

#: seconds to connect, and to be answered
CONNECT = 10.0
#: seconds a peer may take no byte of what is written
STALL = 10.0
#: most bytes of one read
CHUNK = 1 << 18
#: most bytes kept that come while a write waits
INBOX = 64 << 20


def keep_alive(connection: socket.socket) -> None:
    """No waiting for more to send; and a peer that has vanished without a word is noticed within half a minute of silence."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class TcpTransport(Transport):
    """A served device.

    Parameters
    ----------
    host : str
        Name or address.
    port : int
    token : str
        Empty: none.
    name : str
        The URL, without the token.

    Raises
    ------
    DeviceError
        If nobody listens there or answers, or the server refuses: its words are in the message.
    """

    def __init__(self, host: str, port: int = DEFAULT_PORT, *, token: str = "", name: str = "", connect: float = CONNECT):
        super().__init__(name or f"tcp://{host}:{port}")
        self._come: list[bytes] = []
        self._tail = b""
        self._end: DeviceError | None = None
        deadline = time.monotonic() + connect
        try:
            self._socket = socket.create_connection((host, port), timeout=connect)
        except (OSError, UnicodeError) as error:
            why = "no answer" if isinstance(error, TimeoutError) else getattr(error, "strerror", None) or str(error)
            raise DeviceError(
                f"{self.name} can't be reached within {connect:g} s: {why}", hint="is macropix serve-device running there, on that port?"
            ) from None
        try:
            keep_alive(self._socket)
            answer = self._hello(token, deadline, connect)
        except BaseException:
            self._socket.close()
            raise
        self.in_flight = answer.in_flight
        self.facts["served_device"] = answer.device
        self._socket.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def _hello(self, token: str, deadline: float, connect: float) -> Answer:
        """Says who we are, and waits for the answer."""
        line = b""
        try:
            self._socket.sendall(Hello(token=token).line)
            while b"\n" not in line and len(line) < LINE_BYTES:
                self._socket.settimeout(max(0.001, deadline - time.monotonic()))
                come = self._socket.recv(LINE_BYTES)
                if not come:
                    break
                line += come
        except TimeoutError:
            raise DeviceError(
                f"{self.name} has not answered within {connect:g} s: waited for a line that begins 'macropix 1'",
                hint="is it macropix serve-device that listens there?",
            ) from None
        except OSError as error:
            raise DeviceError(f"{self.name} has closed the connection: {error.strerror}") from None
        line, mark, rest = line.partition(b"\n")
        answer = Answer.parse(line) if mark else None
        if answer is None:
            raise DeviceError(
                f"{self.name} is no macropix server",
                expected="a line 'macropix 1 ok …'",
                found=repr(printable(line, 60)) if line else "a closed connection",
            )
        if answer.verdict != "ok":
            raise self._refused(answer, token)
        if rest:
            self._keep_tail(rest)
            self._come.append(rest)
        return answer

    def _refused(self, answer: Answer, token: str) -> DeviceError:
        hint = None
        if answer.verdict == "busy":
            hint = "one controller at a time: close the other one first"
        elif answer.verdict == "refused" and "token" in answer.words:
            hint = f"is {TOKEN_VARIABLE} the server's token?" if token else f"put the server's token into {TOKEN_VARIABLE}"
        return DeviceError(f"{self.name}: {answer.verdict}: {answer.words}", hint=hint)

    def write(self, data: bytes) -> None:
        """Sends all of `data`; what comes meanwhile is kept for `read`.

        Raises DeviceError if the server takes nothing for 10 s, or is gone.
        """
        self._need_open()
        view = memoryview(data)
        deadline = time.monotonic() + STALL
        while view:
            try:
                view = view[self._socket.send(view) :]
                deadline = time.monotonic() + STALL
                continue
            except BlockingIOError:
                pass
            except OSError as error:
                raise self._gone(error) from None
            room = sum(map(len, self._come)) < INBOX
            ways = [self._socket] if room else []
            readable, _, _ = select.select(ways, [self._socket], [], max(0.0, deadline - time.monotonic()))
            if readable and (come := self._receive()):
                self._come.append(come)
            if time.monotonic() >= deadline:
                raise DeviceError(f"{self.name} takes no commands: waited {STALL:g} s to send {len(view)} bytes")

    def read(self, timeout: float) -> bytes:
        """What has come, as soon as something has; ``b""`` after `timeout` seconds.

        Raises DeviceError, naming server and reason, at its end.
        """
        if self._come:
            come = b"".join(self._come)
            self._come.clear()
            return come
        self._need_open()
        if not self._poll.poll(max(0.0, timeout) * 1000):
            return b""
        return self._receive()

    def _receive(self) -> bytes:
        try:
            come = self._socket.recv(CHUNK)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._gone(error) from None
        if not come:
            raise self._gone(None)
        self._keep_tail(come)
        return come

    def _keep_tail(self, come: bytes) -> None:
        self._tail = come[-LINE_BYTES:] if len(come) >= LINE_BYTES else (self._tail + come)[-LINE_BYTES:]

    def _gone(self, error: OSError | None) -> DeviceError:
        """The end, by the server's last line if it has sent one: behind an error of `write` it may still wait to be read."""
        with contextlib.suppress(OSError):
            while error is not None and sum(map(len, self._come)) < INBOX and (come := self._socket.recv(CHUNK)):
                self._keep_tail(come)
                self._come.append(come)
        words = last_words(self._tail)
        why = words or (error.strerror if error is not None and error.strerror else "it closed the connection without a word")
        self._end = DeviceError(f"{self.name} has ended the connection: {why}", hint="open it again, if it is still served")
        return self._end

    def _need_open(self) -> None:
        if self._end is not None:
            raise DeviceError(self._end.message, hint=self._end.hint)
        if self._socket.fileno() < 0:
            raise DeviceError(f"{self.name} is closed")

    def fileno(self) -> int | None:
        """The socket's."""
        number = self._socket.fileno()
        return number if number >= 0 else None

    def close(self) -> None:
        """Closes the connection; the server frees the device for the next."""
        self._socket.close()


def open_tcp(parsed: ParsedUrl) -> TcpTransport:
    """``tcp://HOST[:PORT]``; the token comes from the option ``token``, or the environment variable ``MACROPIX_TOKEN``."""
    for option in parsed.options:
        if option != "token":
            raise UserError(
                f"unknown option {option!r} of tcp://", expected="tcp://HOST[:PORT]", hint="the device's own options go to the server"
            )
    host = parsed.host.removeprefix("[").removesuffix("]")
    if not host or parsed.path not in ("", "/"):
        raise UserError(f"{parsed.text} names no server", expected="tcp://HOST[:PORT]")
    port = DEFAULT_PORT if parsed.port is None else parsed.port
    if not 0 < port < 1 << 16:
        raise UserError(f"{parsed.text} has no such port", expected="1 to 65535", found=str(port))
    token = parsed.options.get("token", "") or os.environ.get(TOKEN_VARIABLE, "")
    return TcpTransport(host, port, token=check_token(token) if token else "", name=parsed.text)
