# SPDX-License-Identifier: BSD-2-Clause
"""The table of settings in a capture file: a row for each configuration that frames of the file may be taken with."""

import types
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np

from macropix.host.settings import Settings
from macropix.host.store.schema import REGISTERS

__all__ = ["read_settings", "write_settings"]

_Maps = tuple[np.ndarray | None, np.ndarray | None]


def write_settings(file: Any, rows: Sequence[tuple[Settings, int]]) -> None:
    """Writes groups ``settings`` and ``maps``. `rows`: settings, and the byte of the raw stream from which on they were known."""
    group = file.require_group("settings")
    every = [settings for settings, _ in rows]
    subpixels = len(every[0].weights) if every else 0
    group["tag"] = np.array([one.tag for one in every], "<u2")
    group["kernel"] = np.array([one.kernel for one in every], "u1")
    group["from_byte"] = np.array([offset for _, offset in rows], "<u8")
    group["weight"] = np.array([one.weights for one in every], "<i2").reshape(len(every), subpixels)
    group["dark"] = np.array([one.darks for one in every], "<i2").reshape(len(every), subpixels)
    values = [[one.registers[name] for name in REGISTERS] for one in every]
    group["registers"] = np.array(values, "<i8").reshape(len(every), len(REGISTERS))
    group["registers"].attrs["columns"] = ",".join(REGISTERS)
    group.create_dataset("kernel_name", data=[one.kernel_name for one in every], shape=(len(every),), dtype=h5py.string_dtype())
    maps: list[_Maps] = []
    places = []
    for one in every:
        place = next((n for n, (pedestal, mask) in enumerate(maps) if pedestal is one.pedestal and mask is one.mask), len(maps))
        if place == len(maps):
            maps.append((one.pedestal, one.mask))
        places.append(place)
    group["map"] = np.array(places, "<u4")
    for n, (pedestal, mask) in enumerate(maps):
        inner = file.require_group(f"maps/{n}")
        if pedestal is not None:
            inner.create_dataset("pedestal", data=pedestal.astype("<i2"), compression="gzip")
        if mask is not None:
            inner.create_dataset("mask", data=mask.astype("u1"), compression="gzip")


def read_settings(file: Any) -> list[Settings]:
    """The inverse. KeyError if something is missing."""
    group = file["settings"]
    columns = str(group["registers"].attrs["columns"]).split(",")
    if missing := set(REGISTERS) - set(columns):
        raise KeyError(f"register {min(missing)}")
    maps: dict[int, _Maps] = {}
    for name, one in file.get("maps", {}).items():
        pedestal = one["pedestal"][()] if "pedestal" in one else None
        maps[int(name)] = pedestal, (one["mask"][()].astype(np.bool_) if "mask" in one else None)
    rows = zip(
        group["registers"][()].tolist(),
        group["weight"][()].tolist(),
        group["dark"][()].tolist(),
        group["kernel"][()].tolist(),
        group["kernel_name"].asstr()[()].tolist(),
        group["map"][()].tolist(),
    )
    return [
        Settings(
            registers=types.MappingProxyType(dict(zip(columns, registers))),
            weights=tuple(weights),
            darks=tuple(darks),
            kernel=kernel,
            kernel_name=name,
            pedestal=maps.get(place, (None, None))[0],
            mask=maps.get(place, (None, None))[1],
        )
        for registers, weights, darks, kernel, name, place in rows
    ]
