# SPDX-License-Identifier: BSD-2-Clause
"""A device over TCP, for one controller at a time: bytes both ways as they are, in one thread, in bounded memory.

connections ──► guests ── a hello that is right ──► controller ──► Backend ──► controller
                  └────── refused, busy, failed: one line, and closed
"""

import contextlib
import math
import select
import socket
import time
from collections.abc import Callable

from macropix.host.errors import DeviceError, MacropixError
from macropix.host.serve.backend import Backend
from macropix.host.serve.door import Door
from macropix.host.serve.peer import FAREWELL, HANGING, Peer
from macropix.host.serve.wake import Wake
from macropix.host.transport.base import Transport
from macropix.host.transport.hello import Answer, end_line

__all__ = ["Server"]

#: seconds a guest may take for its line
PATIENCE = 5.0
#: seconds a controller may take nothing though something waits for it: then it is taken for dead
STALL = 120.0
#: connections that are being seen out; of more, the oldest is closed
LEAVING = 64

Event = Callable[..., None]


class Server:
    """Serves what `opener` opens, from the constructor's end (then connections are taken) to `stop`; `run` does the work.

    Parameters
    ----------
    opener : callable
        Opens the transport; called at once, and again behind the device's end, when the next controller comes.
    host, port : str, int
        Where to listen; port 0: any free one.
    token : str
        What a client has to know; empty: nothing, which only an address of this machine may.
    device : str
        What it is, for whoever connects: its URL.
    event : callable, optional
        Told what happens: ``event(name, **facts)``.
    patience, stall : float
        Seconds for a hello; seconds without a byte taken.

    Raises
    ------
    UserError
        For an address that is not of this machine alone without a token, and one that can't be listened on.
    DeviceError
        If the device doesn't open.
    """

    def __init__(
        self,
        opener: Callable[[], Transport],
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        token: str = "",
        device: str = "",
        event: Event | None = None,
        patience: float = PATIENCE,
        stall: float = STALL,
    ):
        self._event, self._stall = event or (lambda _name, **_facts: None), stall
        self._leaving: list[Peer] = []
        self._controller: Peer | None = None
        self._backend = Backend(opener)
        self._door = Door(host, port, token=token, patience=patience)
        self._wake = Wake()
        try:
            opened = self._backend.open()
        except BaseException:
            self._door.close()
            self._wake.close()
            raise
        self._device = device or opened.name

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self._door.address

    @property
    def url(self) -> str:
        """By which a client opens it: by this machine's name, where it listens on every address."""
        host, port = self.address
        host = socket.gethostname() if host in ("0.0.0.0", "::") else host
        return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"

    def stop(self) -> None:
        """Ends `run`; from any thread."""
        self._wake.stop()

    def signals(self) -> contextlib.AbstractContextManager[None]:
        """While the block runs, Ctrl-C and what else ends a program is a `stop`."""
        return self._wake.signals()

    def run(self) -> int:
        """Serves until `stop`, or a signal, whose number it gives (0: none). Closes everything."""
        try:
            while not self._wake.stopped:
                self._turn()
            self._part("the server was stopped")
            self._farewell()
        finally:
            for peer in (*self._leaving, *([self._controller] if self._controller else [])):
                peer.close()
            self._door.close()
            self._wake.close()
            self._backend.close()
        return self._wake.number

    # ---- one turn of the loop -----------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Moves what can be moved, then waits until more can."""
        moved = self._upwards()
        ready = self._poll(0.0 if moved else self._time_left())
        if ready.get(self._door.fileno()):
            self._door.accept()
        if (controller := self._controller) is not None:
            self._serve(controller, ready.get(controller.fileno(), 0))
        for guest, refusal in self._door.hear(ready):
            self._answer(guest, refusal) if refusal is not None else self._welcome(guest)
        self._leaving = [peer for peer in self._leaving if not peer.gone()]

    def _poll(self, timeout: float | None) -> dict[int, int]:
        """What is ready, by descriptor."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        poll.register(self._door, select.POLLIN)
        for guest in self._door.guests:
            poll.register(guest, select.POLLIN)
        for peer in self._leaving:
            poll.register(peer, select.POLLOUT if peer.waiting else select.POLLIN)
        controller = self._controller
        full = controller is not None and controller.full
        if controller is not None:
            poll.register(controller, (HANGING if full else select.POLLIN) | (select.POLLOUT if controller.waiting else 0))
        descriptor = self._backend.fileno()
        if descriptor is not None and not full:
            poll.register(descriptor, select.POLLIN)
        return dict(poll.poll(None if timeout is None else math.ceil(1000 * timeout)))

    def _serve(self, controller: Peer, events: int) -> None:
        """What the controller's socket is ready for."""
        if events & select.POLLOUT and not controller.flush():
            self._let_go("it closed the connection")
        elif events & select.POLLIN and not controller.full:
            self._downwards(controller)
        elif events & HANGING:
            self._let_go("it closed the connection")
        elif controller.stalled > self._stall:
            self._part(f"nothing was taken for {self._stall:g} s")

    def _time_left(self) -> float | None:
        """Seconds until something is due by itself."""
        now, left = time.monotonic(), [None if self._controller is None or self._controller.full else self._backend.wait]
        if self._controller is None and self._backend.live and self._backend.fileno() is None:
            left.append(0.2)
        left += self._door.due
        left += [peer.began + FAREWELL - now for peer in self._leaving]
        if self._controller is not None and self._controller.waiting:
            left.append(self._stall - self._controller.stalled)
        due = [one for one in left if one is not None]
        return max(0.0, min(due)) if due else None

    # ---- bytes --------------------------------------------------------------------------------------------------

    def _upwards(self) -> bool:
        """Device to controller. True if something moved."""
        controller = self._controller
        try:
            if controller is None:
                self._backend.discard()
                return False
            data = b"" if controller.full else self._backend.take()
        except MacropixError as error:
            self._lost(error)
            return True
        if data and not controller.send(data):
            self._let_go("it closed the connection")
        return bool(data)

    def _downwards(self, controller: Peer) -> None:
        """Controller to device."""
        data = controller.receive()
        if data is None:
            self._let_go("it closed the connection")
        elif data:
            self._obey(data)

    def _obey(self, data: bytes) -> None:
        try:
            self._backend.write(data)
        except MacropixError as error:
            self._lost(error)

    # ---- who ----------------------------------------------------------------------------------------------------

    def _welcome(self, guest: Peer) -> None:
        """A guest that may control the device, if nobody does."""
        if self._controller is not None and self._controller.vanished():
            self._let_go("it closed the connection")
        if self._controller is not None:
            self._answer(guest, Answer("busy", f"controlled by {self._controller.name} since {self._controller.since}"))
        else:
            self._hand_over(guest)

    def _hand_over(self, guest: Peer) -> None:
        """Makes a guest the controller."""
        try:
            self._backend.discard()
            in_flight = self._backend.open().in_flight
        except MacropixError as error:
            self._backend.close()
            self._event("device_failed", message=str(error))
            self._answer(guest, Answer("failed", str(error)))
            return
        if guest.send(Answer("ok", in_flight=in_flight, device=self._device).line):
            self._controller = guest
            self._event("connected", peer=guest.name)
            if guest.inbox:
                self._obey(guest.inbox)
                guest.inbox = b""
        else:
            guest.close()

    def _answer(self, guest: Peer, answer: Answer) -> None:
        """A last line."""
        self._event(answer.verdict, peer=guest.name, message=answer.words)
        self._leave(guest, answer.line)

    def _leave(self, peer: Peer, line: bytes) -> None:
        peer.leave(line)
        self._leaving.append(peer)
        if len(self._leaving) > LEAVING:
            self._leaving.pop(0).close()

    # ---- ends ---------------------------------------------------------------------------------------------------

    def _let_go(self, why: str) -> None:
        """The controller is gone: the device is free for the next."""
        peer, self._controller = self._controller, None
        if peer is not None:
            self._event("disconnected", peer=peer.name, message=why, bytes_in=peer.bytes_in, bytes_out=peer.bytes_out)
            peer.close()

    def _part(self, why: str) -> None:
        """Ends it with the controller, and tells it why."""
        peer, self._controller = self._controller, None
        if peer is not None:
            self._event("disconnected", peer=peer.name, message=why, bytes_in=peer.bytes_in, bytes_out=peer.bytes_out)
            self._leave(peer, end_line(why))

    def _lost(self, error: MacropixError) -> None:
        """The device is gone: it is opened anew when the next controller comes."""
        self._backend.close()
        self._event("device_lost", message=str(error))
        self._part(str(error) if isinstance(error, DeviceError) else f"the device failed: {error}")

    def _farewell(self) -> None:
        """Last lines go out, for a moment."""
        until = time.monotonic() + FAREWELL / 2
        while (leaving := [peer for peer in self._leaving if not peer.gone()]) and time.monotonic() < until:
            self._leaving = leaving
            time.sleep(0.01)
