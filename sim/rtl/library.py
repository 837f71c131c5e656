# SPDX-License-Identifier: BSD-2-Clause
"""The compiled gateware as a Python object: bytes in, clocks, bytes out, one C call a batch."""

import ctypes
from pathlib import Path

from macropix.host.errors import DeviceError

__all__ = ["Library"]


class Library:
    """One instance of the compiled `Top`, fresh out of reset.

    Parameters
    ----------
    path : Path
        What `build.build` made.
    room : int (bytes)
        Most bytes one `run` hands out.

    Raises
    ------
    DeviceError
        If the system does not load it: a folder from which nothing may be run, another machine's library.
    """

    def __init__(self, path: Path, *, room: int = 1 << 16):
        try:
            self._functions = ctypes.CDLL(str(path))
        except OSError as error:
            raise DeviceError(
                f"the compiled gateware cannot be loaded: {error}",
                hint=f"MACROPIX_CACHE=DIR in the environment names another folder for it than {path.parent}",
            ) from None
        self._functions.mpx_new.restype = ctypes.c_void_p
        self._functions.mpx_delete.argtypes = [ctypes.c_void_p]
        self._functions.mpx_clocks.argtypes = [ctypes.c_void_p]
        self._functions.mpx_clocks.restype = ctypes.c_uint64
        size_p = ctypes.POINTER(ctypes.c_size_t)
        self._functions.mpx_run.argtypes = [
            ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_char_p, ctypes.c_size_t, size_p,
            ctypes.c_void_p, ctypes.c_size_t, size_p,
        ]  # fmt: skip
        self._functions.mpx_run.restype = None
        self._room = room
        self._out = ctypes.create_string_buffer(room)
        self._taken = ctypes.c_size_t()
        self._made = ctypes.c_size_t()
        self._handle: int | None = self._functions.mpx_new()

    def run(self, data: bytes, *, clocks: int, gap: int, quiet: int) -> tuple[int, bytes]:
        """Step the device.

        Returns as soon as `data` is taken, something has come, and nothing more for `gap` clocks; or when the room is full, nothing
        has moved for `quiet` clocks, or `clocks` have passed.

        Returns
        -------
        taken : int
            Bytes of `data` the device took.
        made : bytes
            What it sent.

        Raises
        ------
        ValueError
            If it is closed.
        """
        if self._handle is None:
            raise ValueError("the compiled gateware is closed")
        taken, made = self._taken, self._made
        self._functions.mpx_run(
            self._handle, clocks, gap, quiet, data, len(data), ctypes.byref(taken), self._out, self._room, ctypes.byref(made)
        )
        return taken.value, ctypes.string_at(self._out, made.value)

    @property
    def clocks(self) -> int:
        """Clocks since the start, the reset's included."""
        return 0 if self._handle is None else self._functions.mpx_clocks(self._handle)

    def close(self) -> None:
        """Free the instance; twice does no harm."""
        if self._handle is not None:
            self._functions.mpx_delete(self._handle)
            self._handle = None
