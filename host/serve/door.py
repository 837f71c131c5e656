# SPDX-License-Identifier: BSD-2-Clause
"""Where connections come in: each is a guest until it has said who it is, and has little time and room for that.

connections ──► guests ── a line ──► let in, or an `Answer` why not          a guest too slow, or one too many, is closed
"""

import ipaddress
import socket
import time

from macropix.host.errors import UserError
from macropix.host.serve.peer import Peer
from macropix.host.transport.hello import TOKEN_VARIABLE, VERSION, Answer, Hello, check_token

__all__ = ["GUESTS", "Door", "is_loopback"]

#: connections that may be about to say who they are; of more, the oldest is closed
GUESTS = 16


def is_loopback(host: str) -> bool:
    """Whether every address of `host` is of this machine alone. Raises UserError if it has none."""
    try:
        found = socket.getaddrinfo(host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise UserError(f"there is no address {host!r} to listen on", found=str(error)) from None
    return all(ipaddress.ip_address(str(one[4][0]).partition("%")[0]).is_loopback for one in found)


class Door:
    """A listening socket, and the guests that have come through it.

    Parameters
    ----------
    host, port : str, int
        Where to listen; port 0: any free one.
    token : str
        What a client has to know; empty: nothing, which only an address of this machine may.
    patience : float
        Seconds a guest may take for its line.

    Raises
    ------
    UserError
        For an address that is not of this machine alone without a token, and one that can't be listened on.
    """

    def __init__(self, host: str, port: int, *, token: str, patience: float):
        if token:
            check_token(token)
        elif not is_loopback(host):
            raise UserError(
                f"{host or 'every address'} can be reached from other machines: without a token anybody could control the device",
                hint=f"put a secret into {TOKEN_VARIABLE}, here and at the client; or listen on 127.0.0.1 and come through ssh -L",
            )
        self._token, self._patience = token, patience
        self._socket = _listen(host, port)
        self.guests: list[Peer] = []

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        name = self._socket.getsockname()
        return name[0], name[1]

    def fileno(self) -> int:
        """The listening socket's."""
        return self._socket.fileno()

    @property
    def due(self) -> list[float]:
        """Seconds until each guest's time is up."""
        return [guest.began + self._patience - time.monotonic() for guest in self.guests]

    def accept(self) -> None:
        """Lets one guest in."""
        try:
            connection, address = self._socket.accept()
        except BlockingIOError:
            return
        except OSError:  # gone again, or no descriptor left for it
            time.sleep(0.01)
            return
        self.guests.append(Peer(connection, address))
        if len(self.guests) > GUESTS:
            self.guests.pop(0).close()

    def hear(self, ready: dict[int, int]) -> list[tuple[Peer, Answer | None]]:
        """The guests that are guests no more, and why each is refused; None: it may control the device.

        `ready` tells which descriptors have something to read.
        """
        heard: list[tuple[Peer, Answer | None]] = []
        for guest in list(self.guests):
            line, hopeful = guest.line() if ready.get(guest.fileno()) else (None, True)
            late = time.monotonic() > guest.began + self._patience
            if line is None and hopeful and not late:
                continue
            self.guests.remove(guest)
            if line is not None:
                heard.append((guest, self._judge(Hello.parse(line))))
            elif hopeful:
                heard.append((guest, Answer("refused", f"no hello within {self._patience:g} s")))
            else:
                guest.close()
        return heard

    def _judge(self, hello: Hello | None) -> Answer | None:
        if hello is None:
            return Answer("refused", f"that is no hello: a line 'macropix {VERSION}' is expected")
        if hello.version != VERSION:
            return Answer("refused", f"this server speaks version {VERSION}, not {hello.version}")
        if self._token and not hello.knows(self._token):
            return Answer("refused", "wrong token" if hello.token else "a token is needed")
        return None

    def close(self) -> None:
        """Nobody comes in any more."""
        for guest in self.guests:
            guest.close()
        self._socket.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, OverflowError, UnicodeError) as error:
        raise UserError(f"can't listen on {host}:{port}", found=str(error)) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
        listener.setblocking(False)
    except (OSError, OverflowError) as error:
        listener.close()
        raise UserError(
            f"can't listen on {host}:{port}",
            found=getattr(error, "strerror", None) or str(error),
            hint="--listen HOST:0 takes any free port",
        ) from None
    return listener
