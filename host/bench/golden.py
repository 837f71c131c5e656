# SPDX-License-Identifier: BSD-2-Clause
"""How fast the golden model computes edge frames, beside OpenCV on one thread and beside its own plain twin.

scenes u16 ──► golden model, compiled: y' and what is sent       ──► Mpixel/s of the scenes
           ──► OpenCV: f32 filter2D, absolute, threshold
           ──► golden model, numpy, a frame at a time
"""

from typing import Any

import numpy as np

from macropix.gateware.config import Config
from macropix.gateware.registers import CONTROL
from macropix.gateware.wire import Read
from macropix.host import kernels
from macropix.host.bench import clock, peers
from macropix.host.bench.scenes import steps
from macropix.host.errors import MismatchError
from macropix.host.oracle import golden

__all__ = ["SIZES", "golden_cases"]

#: side of the array, frames
SIZES = ((32, 10_000), (2048, 4))
#: T of the measurement, ADC LSB; one of them is 8 of a 8-bit picture's levels, 256 of photocurrent by 8
_THRESHOLD = 40
#: photocurrent of one ADC LSB at unit weight
_LSB = 32
#: frames that the plain twin computes
_PLAIN = 200


def golden_cases(seed: int) -> list[dict[str, Any]]:
    """Laplacian, |y'| ≥ 40, both sizes.

    Returns
    -------
    list of dict
        ``case, mpixel_per_s, peers, ratio, plain_mpixel_per_s``; pixels are those of the scenes, `ratio` is ours by the fastest peer's.

    Raises
    ------
    MismatchError
        If the compiled model is not what the plain one says.
    """
    model = golden()
    weights = kernels.get("laplacian").codes.reshape(-1)
    darks = np.zeros_like(weights)
    registers = {register.name: register.reset for register in CONTROL.values()}
    registers |= {"threshold": _THRESHOLD, "read": Read.SLIDING.value}
    cases: list[dict[str, Any]] = []
    for side, frames in SIZES:
        config = Config(rows=side, cols=side)
        scenes = np.stack([steps(side, side, seed + number) for number in range(min(frames, 50))])
        scenes = scenes[np.arange(frames) % len(scenes)]
        value, sent = model.expose_stack(config, scenes, registers, weights, darks)
        plain = model.expose(config, scenes[-1], registers, weights, darks)
        if not (np.array_equal(value[-1], plain.value) and np.array_equal(sent[-1], plain.sent)):
            raise MismatchError("the compiled golden model is not the plain one")
        few = scenes[: min(_PLAIN, frames)]
        runs: dict[str, Any] = {"": lambda: model.expose_stack(config, scenes, registers, weights, darks, value=value, sent=sent)}  # noqa: B023
        if (peer := peers.filter2d(scenes, weights.reshape(3, 3) / 256, _THRESHOLD * _LSB)) is not None:
            runs["opencv filter2D"] = peer
        rates = clock.rates(clock.best(runs), scenes.size)
        slow = clock.best({"plain": lambda: [model.expose(config, scene, registers, weights, darks) for scene in few]}, rounds=2, least=0)  # noqa: B023
        ours = rates.pop("")
        cases.append(
            {
                "case": f"{side} × {side} × {frames}",
                "mpixel_per_s": ours,
                "peers": rates,
                "ratio": round(ours / max(rates.values()), 2) if rates else None,
                "plain_mpixel_per_s": clock.rates(slow, few.size)["plain"],
            }
        )
    return cases
