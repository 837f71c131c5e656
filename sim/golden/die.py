# SPDX-License-Identifier: BSD-2-Clause
"""One exposure of the die, up to the encoder.

scene ─ sums ─ integrate ─ sample ─ amplify ─ convert ─ subtract ─ sent ──► Frame
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from macropix.gateware.config import Config
from macropix.gateware.wire import Saturation, Scene, Tap
from macropix.sim.golden.adc import convert
from macropix.sim.golden.cds import pattern, sample
from macropix.sim.golden.integrator import integrate
from macropix.sim.golden.macropixel import sums
from macropix.sim.golden.noise import NOISE_RESET, NOISE_SIGNAL, noise, states
from macropix.sim.golden.pedestal import subtract
from macropix.sim.golden.pga import amplify
from macropix.sim.golden.scene import test_scene
from macropix.sim.golden.settings import Settings, reset_registers
from macropix.sim.golden.threshold import sent

__all__ = ["Frame", "develop", "expose", "reset_registers"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """A frame with everything the die knows of it. Arrays are (rows, columns).

    Parameters
    ----------
    shot, kernel : int
    tap : Tap
        Where `value` was taken.
    taps : dict
        Tap → int64 array, of all six.
    value : int64 array
        What goes to the encoder.
    sent, masked : bool arrays
        Past the threshold and not masked; masked. What the encoder makes of them is its own matter.
    saturated : uint8 array
        Bits of `wire.Saturation` for each macro-pixel.
    clipped : dict
        The five ``saturated_…`` of the status registers → bool array: which macro-pixels were clipped there.
    """

    shot: int
    kernel: int
    tap: Tap
    taps: dict[Tap, np.ndarray]
    value: np.ndarray
    sent: np.ndarray
    masked: np.ndarray
    saturated: np.ndarray
    clipped: dict[str, np.ndarray]

    @property
    def counts(self) -> dict[str, int]:
        """Macro-pixels of this frame clipped at each stage."""
        return self.counts_of(None)

    def counts_of(self, pixels: int | None) -> dict[str, int]:
        """Those of the first `pixels` macro-pixels; None: of all."""
        return {name: int(np.count_nonzero(clipped.reshape(-1)[:pixels])) for name, clipped in self.clipped.items()}


def develop(
    s: np.ndarray,
    settings: Settings,
    *,
    shot: int = 0,
    kernel: int = 0,
    pedestal: np.ndarray | None = None,
    mask: np.ndarray | None = None,
) -> Frame:
    """Everything behind the sums. `pedestal` and `mask` are maps in raster order (any shape), or None for none."""
    rows, cols = s.shape

    def drawn(constant: int, amplitude: int) -> np.ndarray | int:
        if amplitude == 0:
            return 0
        return noise(states(settings.seed, shot, kernel, constant, s.size), amplitude).reshape(s.shape)

    def over_frame(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else np.asarray(values).reshape(-1)[: s.size].reshape(s.shape)

    q, well = integrate(s, time=settings.time, test_charge=settings.test_charge, well_low=settings.well_low, well_high=settings.well_high)
    d, double = sample(
        q,
        base=settings.base,
        pattern=pattern(rows, cols, settings.pattern_amplitude) if settings.pattern_amplitude else 0,
        n1=drawn(NOISE_RESET, settings.noise_reset),
        n2=drawn(NOISE_SIGNAL, settings.noise_signal),
        cds=settings.cds,
    )
    p, gain = amplify(d, settings.gain)
    y, adc = convert(p)
    dark, masks = over_frame(pedestal), over_frame(mask)
    out, under = subtract(y, 0 if dark is None else dark, settings.pedestal_enable)
    masked = masks.astype(bool) if masks is not None and settings.mask_enable else np.zeros(s.shape, bool)
    taps = {Tap.OUT: out, Tap.SUM: s, Tap.DI: q, Tap.CDS: d, Tap.PGA: p, Tap.ADC: y}
    saturated = np.zeros(s.shape, np.uint8)
    for stage, clipped in ((Saturation.DI, well), (Saturation.CDS, double), (Saturation.PGA, gain), (Saturation.ADC, adc | under)):
        saturated |= clipped.astype(np.uint8) * np.uint8(stage.value)
    return Frame(
        shot=shot,
        kernel=kernel,
        tap=settings.tap,
        taps=taps,
        value=taps[settings.tap],
        sent=sent(out, settings.threshold, settings.threshold_mode, masked),
        masked=masked,
        saturated=saturated,
        clipped={
            f"saturated_{name}": clipped
            for name, clipped in (("di", well), ("cds", double), ("pga", gain), ("adc", adc), ("pedestal", under))
        },
    )


def expose(
    config: Config,
    scene: np.ndarray | None,
    registers: Mapping[str, int],
    weights: Sequence[int] | np.ndarray,
    darks: Sequence[int] | np.ndarray,
    *,
    shot: int = 0,
    kernel: int = 0,
    pedestal: np.ndarray | None = None,
    mask: np.ndarray | None = None,
) -> Frame:
    """The frame that a die built from `config` takes.

    Parameters
    ----------
    config : Config
    scene : u16 array (rows, cols), or None
        The scene memory; None where ``scene_source`` is a test scene. Not looked at then.
    registers : mapping
        Every ``frame`` register by name, as stored (see `reset_registers`).
    weights, darks : M² int each
        As `bias.lookup` gives them.
    shot, kernel : int
        As in the header: shot modulo 2^16.
    pedestal, mask : arrays or None
        The maps, macro-pixel n at flat index n; None: all 0.

    Raises
    ------
    ValueError
        If the scene comes from memory and is None or of another shape than the array.
    """
    settings = Settings.of(config, registers)
    if settings.scene_source is not Scene.MEMORY:
        scene = test_scene(config, settings.scene_source, settings.scene_level, settings.seed, shot)
    elif scene is None:
        raise ValueError("scene_source is MEMORY, but there is no scene")
    if scene.shape != (config.rows, config.cols):
        raise ValueError(f"a scene is {config.rows} × {config.cols} pixels, not {' × '.join(map(str, scene.shape))}")
    s = sums(scene, weights, darks, macro=config.macro, border=config.border, read=settings.read)
    return develop(s, settings, shot=shot, kernel=kernel, pedestal=pedestal, mask=mask)
