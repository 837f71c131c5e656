# SPDX-License-Identifier: BSD-2-Clause
"""A claimed device: its registers, memories and frames.

open ─► claim ─► check version ─► read what it holds ─► Device
Device ─► load_scene, load_kernel, registers … ─► capture ─► Frame, Frame, …
"""

import contextlib
import random
import secrets
import time
import types
from collections.abc import Iterator, Sequence

import numpy as np

from macropix.gateware.config import Config
from macropix.gateware.registers import Feature
from macropix.gateware.wire import Op, Read, Scene
from macropix.host.command import Request
from macropix.host.errors import DataLostError, DeviceError, UserError
from macropix.host.feeder import Feeder
from macropix.host.frame import Frame
from macropix.host.ledger import Ledger
from macropix.host.link import Link
from macropix.host.memory import Memory
from macropix.host.status import Status
from macropix.host.transport.base import Transport

__all__ = ["Device"]


class Device(Memory):
    """A device behind any transport. Use it as a context manager: whatever happens, it is stopped and let go.

    Parameters
    ----------
    transport : Transport
        An open one, which the device closes.
    timeout : float
        Seconds that an answer, or the next sign of life of a capture, may take.
    seed : int or None
        Where the epochs come from: the same seed claims with the same epochs. None: at random.

    Attributes
    ----------
    info : Status
        The status registers when it was opened: versions, sizes, features.
    geometry : Geometry
        Rows, columns, ring, macro-pixel; `geometry.shape(read)` is the shape of a frame.
    registers : Registers
        By attribute or name; every write is verified.
    mirror : Mirror
        What the host knows to be in the device.
    scene : uint16 array or None
        What `load_scene` loaded last.

    Raises
    ------
    DeviceError
        If it doesn't answer, or speaks a newer major version of the protocol.
    """

    def __init__(self, transport: Transport, *, timeout: float = 10.0, seed: int | None = None):
        if not timeout > 0:
            raise UserError(f"the timeout must be above 0 s, not {timeout}")
        link = Link(transport, timeout)
        self.link = link
        self.timeout = timeout
        self.seed = seed
        self._nonces = random.Random(seed) if seed is not None else secrets.SystemRandom()
        self._closed = False
        self._seen = 0
        #: number of the next shot since the claim; None behind a STOP or a start without an end, where only the device knows
        self.next_shot: int | None = 0
        try:
            info = self._claim()
            link.assembler.geometry = info.geometry
            super().__init__(link, info)
            self._feeder = Feeder(link, info.geometry) if Feature.STREAMED_SCENE in info.features else None
        except BaseException:
            link.close()
            raise

    # ---- who and what ---------------------------------------------------------------------------------------

    @property
    def transport(self) -> Transport:
        """What carries the bytes."""
        return self.link.transport

    @property
    def url(self) -> str:
        """The URL it was opened by."""
        return self.transport.name

    @property
    def config(self) -> Config | None:
        """The configuration it was built from, where the backend knows."""
        return self.transport.config

    @property
    def epoch(self) -> int:
        """The claim's nonce."""
        return self.link.epoch

    def claim(self) -> Status:
        """Claims the device anew: ledger, slice numbers and shots start from 0; registers and memories stay."""
        self._running = False
        self.next_shot = 0
        return self._claim()

    def _claim(self) -> Status:
        epoch = self.link.epoch
        while epoch in (0, self.link.epoch):
            epoch = self._nonces.randrange(1, 1 << 16)
        self.link.claim(epoch)
        return self.link.ask_status()

    def status(self) -> Status:
        """A fresh status packet."""
        return self.link.ask_status()

    def ledger(self) -> Ledger:
        """What became of every slice since the claim, by a fresh status packet. Exact once the device is idle."""
        return self.link.ledger(self.status())

    # ---- frames ---------------------------------------------------------------------------------------------

    def start(self, shots: int = 1) -> None:
        """Starts `shots` shots (0: until stopped). `frames` fetches what they give."""
        if self._running:
            raise UserError("a capture is under way: stop it first")
        if not 0 <= shots < 1 << 32:
            raise UserError(f"shots must be from 0 to {(1 << 32) - 1}, not {shots}")
        if self.mirror.value("shots") != shots:
            self.registers.update(shots=shots)
        if self._feeder is not None and self._awaits and self.scene is None:
            raise UserError(f"{self.url} has no scene memory, and no scene was given for it to be sent", hint="load_scene")
        self._begin([(Op.START, 0, (), 0)], shots or None)
        if self._feeder is not None:
            self._feeder.begin(shots * len(self.mirror.sequence) or None)

    @property
    def _awaits(self) -> bool:
        """Whether exposures take their pixels from the host, and no test scene."""
        return self.mirror.value("scene_source") == Scene.MEMORY.value

    def _begin(self, requests: Sequence[Request], shots: int | None, *, in_flight: int = 1) -> None:
        """Has `requests` executed, which start `shots` shots in all."""
        self.link.drop()
        self.link.assembler.forget()
        self._know(self.mirror)
        self.next_shot = None if shots is None or self.next_shot is None else self.next_shot + shots
        self.link.run(requests, in_flight=in_flight, again=in_flight == 1)
        self._seen = self.link.answered
        self._running = True

    def _feed(self) -> bool:
        """Sends the next exposure of a streamed scene. False if none is to be sent."""
        if self._feeder is None or self.scene is None or not self._awaits:
            return False
        return self._feeder.feed(self.scene, Read(self.mirror.value("read")))

    def frames(self) -> Iterator[Frame]:
        """Frames of the capture under way, as they come, until the device is idle. What is lost is missing here, and in the ledger.

        Raises DeviceError if no slice of use comes for `timeout` seconds: if nothing comes and the device makes no progress, or if what
        comes makes no frame.
        """
        done, useful, deadline = -1, -1, 0.0
        while True:
            while (frame := self.link.take()) is not None:
                yield frame
                useful = -1
            if not self._running:
                return
            if self._finished():
                self._running = False
                continue
            if self._feed():
                useful = -1
                continue
            own = self.link.assembler.statistics
            if own.useful != useful:
                useful, deadline = own.useful, time.monotonic() + self.timeout
            elif time.monotonic() > deadline:
                raise DeviceError(
                    f"no frame from {self.url} within {self.timeout:g} s, though bytes come: {own.unknown_tag} slices of unknown settings, "
                    f"{own.undecodable} undecodable, {own.stale} stale, {self.link.decoder.statistics.skipped} bytes of no packet"
                )
            if self.link.pump(self.timeout):
                continue
            status = self.status()
            if status.idle:
                self._running = False
            elif status.frames_done == done and not self.link.frames:
                raise DeviceError(
                    f"no frame from {self.url} within {self.timeout:g} s: waited for the one behind {status.frames_done} exposed, "
                    f"state {status.state!r}"
                )
            done, useful = status.frames_done, -1

    def _finished(self) -> bool:
        status = self.link.status
        return self.link.statuses > self._seen and status is not None and status.idle

    def capture(self, shots: int = 1) -> Iterator[Frame]:
        """Starts `shots` shots (0: until stopped) and gives their frames. Leaving the loop early stops the device."""
        self.start(shots)
        yield from self._until_left()

    def take_shots(self, requests: Sequence[Request], shots: int, *, scene: np.ndarray) -> Iterator[Frame]:
        """The frames of `shots` single shots that `requests` start, uploads of scenes between them; `scene` is the last."""
        if self._running:
            raise UserError("a capture is under way: stop it first")
        if self.mirror.value("shots") != 1:
            self.registers.update(shots=1)
        self._begin(requests, shots, in_flight=self.transport.in_flight)
        self.scene = scene
        yield from self._until_left()

    def _until_left(self) -> Iterator[Frame]:
        try:
            yield from self.frames()
        finally:
            if self._running and not self._closed:
                self.stop()

    def snap(self) -> Frame:
        """One shot, its first frame. Raises DataLostError if that didn't come whole."""
        frames = list(self.capture(1))
        if not frames:
            self.ledger().check()
            raise DataLostError("the frame did not arrive")
        return frames[0]

    def stop(self) -> None:
        """Stops behind the frame under way, and waits until the device is idle. Frames that still come wait for `frames`."""
        self.next_shot = None
        self.link.run([(Op.STOP, 0, (), 0)])
        deadline = time.monotonic() + self.timeout
        while not (status := self.status()).idle:
            if time.monotonic() >= deadline:
                raise DeviceError(f"{self.url} did not stop within {self.timeout:g} s: waited for it to be idle, state {status.state!r}")
            self.link.pump(0.01)
        self._running = False

    def close(self) -> None:
        """Stops a capture under way, and lets the device go. Any number of times."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._running:
                with contextlib.suppress(DeviceError):
                    self.link.timeout = min(self.link.timeout, 1.0)
                    self.link.run([(Op.STOP, 0, (), 0)])
        finally:
            self.link.close()

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: types.TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Device {self.url}, {self.geometry.rows} × {self.geometry.cols}, epoch {self.epoch}>"
