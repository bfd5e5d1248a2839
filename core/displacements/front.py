# SPDX-License-Identifier: GPL-2.0-or-later
"""What both images show in a window of the working grid, as features that can be compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..image import Array, Image, Mask, uniform
from ..matching import bandpass
from ..matching.subpixel import Compared
from ..windows import Window
from .crossing import Crossing, Displacement, route
from .moved import displaced, known
from .tones import Tone

SIDES = ("reference", "moving")

ALIGNMENT = 4
"""Arrays begin at multiples of this, so that pyramids and averages see the same blocks."""


@dataclass(frozen=True)
class Noise:
    """Noise floors of an image: of its values, and of the feature that is compared."""

    values: float = 0.0
    feature: float = 0.0


@dataclass(frozen=True)
class Level:
    """Both images at one resolution, and how their features are computed.

    `reference` lies on the working grid of the level, `moving` on its own pixels. `delays`: how
    far beyond each 1/32 px sampling looks, for the waves that this image consists of.
    """

    reference: Image
    moving: Image
    crossing: Crossing
    feature: str = "band_pass"
    inverted: bool = False
    tones: tuple[Tone, Tone] = (Tone(), Tone())
    noise: tuple[Noise, Noise] = (Noise(), Noise())
    delays: tuple[float, ...] = ()

    @property
    def window(self) -> Window:
        """All pixels of the working grid."""
        return self.reference.grid.window

    @property
    def margin(self) -> int:
        """Pixels that features look beyond a window, a whole number of blocks."""
        reach = bandpass.MARGIN + bandpass.GRADIENT_MARGIN * (self.feature == "gradient")
        return -(-reach // ALIGNMENT) * ALIGNMENT

    def outer(self, window: Window, margin: int) -> Window:
        """Return a window with its margin, from a multiple of 4 px on, inside the image."""
        return window.padded(margin).aligned(ALIGNMENT, ALIGNMENT).clipped(self.window)


@dataclass(frozen=True)
class Sight:
    """Values of both images in a window of the working grid; the moving one displaced.

    `valid`: where both are.
    """

    window: Window
    values: tuple[Array, Array]
    valid: Mask


def sight(level: Level, displacement: Displacement, window: Window) -> Sight:
    """Return what both images show in a window, the moving one sampled once from its own pixels."""
    values, valid = known(level.reference, window, level.tones[0])
    way = route(level.crossing, displacement, window)
    moving, seen = displaced(level.moving, level.crossing, level.tones[1], way)
    return Sight(window, (values, moving), _both(valid, seen))


def _both(a: Mask, b: Mask) -> Mask:
    if uniform(a) is True:
        return b
    return a if uniform(b) is True else a & b


def compared(level: Level, seen: Sight, sides: tuple[str, ...] = SIDES) -> Compared:
    """Return the features of what is seen; a side that is not asked for stays empty."""
    empty = np.zeros((0, 0), np.float32)
    ends = [
        feature(level, index, seen) if name in sides else empty for index, name in enumerate(SIDES)
    ]
    origin = (seen.window.col, seen.window.row)
    return Compared(ends[0], ends[1], seen.valid, origin=origin)


def feature(level: Level, index: int, seen: Sight) -> Array:
    """Return the feature of one side, 0 where not both images are valid."""
    values = feature_values(level.feature, seen.values[index], seen.valid, level.noise[index])
    origin = (seen.window.col, seen.window.row)
    f = bandpass.signed_band_pass(values, seen.valid, level.noise[index].feature, origin=origin)
    if index and level.inverted:
        np.negative(f, out=f)
    return f


def feature_values(kind: str, values: Array, valid: Mask, noise: Noise) -> Array:
    """Return the values whose band-pass is compared."""
    return FEATURES[kind](values, valid, noise)


def _gradient(values: Array, valid: Mask, noise: Noise) -> Array:
    return bandpass.gradient_values(values, valid, noise.values)


FEATURES: dict[str, Callable[[Array, Mask, Noise], Array]] = {
    "band_pass": lambda values, valid, noise: values,
    "gradient": _gradient,
}


def noise_of(level: Level, seen: list[tuple[Sight, Window]]) -> tuple[Noise, Noise]:
    """Return the noise floors of both images over the inner windows of what was seen."""
    return (_noise(level.feature, seen, 0), _noise(level.feature, seen, 1))


def _noise(kind: str, seen: list[tuple[Sight, Window]], index: int) -> Noise:
    first = Noise(_floor(seen, lambda one: one.values[index]))
    if kind == "band_pass":
        return replace(first, feature=first.values)
    return replace(
        first,
        feature=_floor(seen, lambda one: feature_values(kind, one.values[index], one.valid, first)),
    )


def _floor(seen: list[tuple[Sight, Window]], values: Callable[[Sight], Array]) -> float:
    found, valid = [], []
    for one, inner in seen:
        part = inner.within(one.window)
        found.append(bandpass.band_pass_difference(values(one), one.valid)[part].ravel())
        valid.append(one.valid[part].ravel())
    return bandpass.noise_floor(np.concatenate(found), np.concatenate(valid))
