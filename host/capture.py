# SPDX-License-Identifier: BSD-2-Clause
"""A capture into a file: everything that goes over the link while the block runs, and what it means.

with record(device, "run.h5") as recorder:
    for frame in device.capture(100): …          Link ─► raw chunks, frames ─► CaptureWriter
"""

import datetime
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from macropix.gateware.wire import PROTOCOL_MAJOR, PROTOCOL_MINOR
from macropix.host.device import Device
from macropix.host.errors import DataLostError, DeviceError, UserError
from macropix.host.frame import Frame
from macropix.host.interrupt import DeferredInterrupt
from macropix.host.ledger import Ledger
from macropix.host.settings import Settings
from macropix.host.status import Status
from macropix.host.store.writer import CaptureWriter

__all__ = ["Recorder", "record"]


class Recorder:
    """Writes what goes over a device's link into a capture file, from the beginning of a ``with`` block to its end.

    Claims the device anew when the block begins, so that a file has an epoch, a ledger, running numbers and shots of its own. An
    interruption, a device that fails or lost data close the file with what came (``complete`` = false, ``ended`` = why); after any
    other exception there is no file.

    Attributes
    ----------
    ledger : Ledger or None
        At the end of the block; None if the device could not be asked any more.
    """

    def __init__(
        self,
        device: Device,
        path: str | Path,
        *,
        scene: np.ndarray | None = None,
        scene_facts: Mapping[str, Any] | None = None,
        columns: Sequence[str] = (),
        facts: Mapping[str, Any] | None = None,
    ):
        if device.running:
            raise UserError("a capture is under way: stop it before a recording begins")
        self.device = device
        self.path = Path(path)
        self.ledger: Ledger | None = None
        self._scene, self._scene_facts, self._facts, self._columns = scene, scene_facts or {}, facts or {}, columns
        self._failed = False
        self._told: Callable[[Frame], Mapping[str, int]] | None = None

    def note(self, **values: int) -> None:
        """Values of the extra columns for the frames from now on."""
        self.writer.note(**values)

    def note_by(self, told: Callable[[Frame], Mapping[str, int]]) -> None:
        """Values of the extra columns for each frame from now on, by the frame: it may come while another's are being worked on."""
        self._told = told

    def log(self, text: str) -> None:
        """A line for the file's log."""
        self.writer.log(text)

    def fact(self, **values: Any) -> None:
        """More attributes of the group ``facts``."""
        self.writer.attributes("facts", values)

    @property
    def frames(self) -> int:
        """Frames in the file so far."""
        return self.writer.frames

    @property
    def raw_bytes(self) -> int:
        """Bytes that came from the device so far."""
        return self.writer.raw_bytes

    # ---- what the link tells --------------------------------------------------------------------------------

    def _on_raw(self, chunk: bytes) -> None:
        if not self._failed:
            with DeferredInterrupt():
                self._failed = True
                self.writer.raw(chunk)
                self._failed = False

    def _on_frame(self, frame: Frame) -> None:
        if not self._failed:
            with DeferredInterrupt():
                self._failed = True
                if self._told is not None:
                    self.writer.note(**self._told(frame))
                self.writer.frame(frame)
                self._failed = False

    def _on_settings(self, settings: Settings) -> None:
        self.writer.settings(settings)

    # ---- begin and end --------------------------------------------------------------------------------------

    def __enter__(self) -> "Recorder":
        self.writer = CaptureWriter(self.path, columns=self._columns)
        device = self.device
        try:
            device.link.on_raw.append(self._on_raw)
            device.link.on_frame.append(self._on_frame)
            device.on_settings.append(self._on_settings)
            self._head(device.claim())
        except BaseException:
            self._detach()
            self.writer.abort()
            raise
        return self

    def _detach(self) -> None:
        for listeners, own in (
            (self.device.link.on_raw, self._on_raw),
            (self.device.link.on_frame, self._on_frame),
            (self.device.on_settings, self._on_settings),
        ):
            if own in listeners:
                listeners.remove(own)  # pyright: ignore[reportArgumentType]

    def _head(self, begin: Status) -> None:
        from macropix.host import version

        device, writer = self.device, self.writer
        writer.attributes(
            "/",
            {
                "macropix_version": version(),
                "protocol_version": f"{PROTOCOL_MAJOR}.{PROTOCOL_MINOR}",
                "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
                "url": device.url,
                "seed": -1 if device.seed is None else device.seed,
            },
        )
        writer.attributes("raw", {"epoch": device.epoch})
        writer.attributes("device/begin", begin.to_dict())
        if device.config is not None:
            writer.attributes("device", {"configuration": device.config.to_json()})
        writer.attributes("registers", device.mirror.values())
        side = device.geometry.macro
        codes = [device.mirror.codes(kernel) for kernel in range(device.geometry.kernels)]
        writer.array("kernels/codes", np.array(codes, "<i2").reshape(-1, side, side))
        writer.texts("kernels/name", device.mirror.names)
        writer.array("response/weight", np.array(device.mirror.weight, "<i2"))
        writer.array("response/dark", np.array(device.mirror.dark, "<i2"))
        writer.attributes("scene", self._scene_facts)
        if device.scene is not None:
            writer.array("scene/loaded", device.scene.astype("<u2"))
        if self._scene is not None:
            writer.array("scene/image", np.asarray(self._scene))
        writer.attributes("facts", {**device.transport.facts, **self._facts})
        writer.log(f"claimed {device.url} with epoch {device.epoch}")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: types.TracebackType | None) -> None:
        try:
            self._end(error)
        except BaseException:
            try:
                self.writer.abort()  # of no effect if the file has its name already
            except KeyboardInterrupt:
                self.writer.abort()
            raise
        finally:
            self._detach()

    def _end(self, error: BaseException | None) -> None:
        if self._failed or not (error is None or isinstance(error, (KeyboardInterrupt, DeviceError, DataLostError))):
            self.writer.abort()
            return
        failure: DeviceError | None = None
        try:
            status = self._settle()
        except DeviceError as found:
            failure, status = found, self.device.link.status
            self.writer.log(f"the device could not be asked for its ledger: {found}")
        except BaseException:
            self.writer.abort()
            raise
        if status is not None:
            self.ledger = self.device.link.ledger(status)
            self.writer.attributes("device/end", status.to_dict())
            self.writer.attributes("ledger", self.ledger.to_dict())
        cause = error or failure
        if cause is None and self.ledger is not None and not self.ledger.ok:
            cause = DataLostError("data was lost")
        ended = "ok" if cause is None else f"{type(cause).__name__}: {cause}"
        self.writer.log(f"ended: {ended}")
        self.writer.finish(complete=cause is None, ended=ended)
        if error is None and failure is not None:
            raise failure

    def _settle(self) -> Status:
        if self.device.running:
            self.device.stop()
        return self.device.status()


def record(
    device: Device,
    path: str | Path,
    *,
    scene: np.ndarray | None = None,
    scene_facts: Mapping[str, Any] | None = None,
    columns: Sequence[str] = (),
    facts: Mapping[str, Any] | None = None,
) -> Recorder:
    """A capture into a file.

    Parameters
    ----------
    device : Device
        Open, and not capturing.
    path : path
        Of the file, which appears under this name when it's whole.
    scene : array, optional
        The source picture, kept in the file as it is.
    scene_facts : mapping, optional
        Where it came from: attributes of the group ``scene``.
    columns : sequence of str
        Extra int64 columns of ``frames``, set by `Recorder.note`.
    facts : mapping, optional
        Whatever else shall stand in the file: attributes of the group ``facts``.

    Returns
    -------
    Recorder
        A context manager.
    """
    return Recorder(device, path, scene=scene, scene_facts=scene_facts, columns=columns, facts=facts)
