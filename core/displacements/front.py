# SPDX-License-Identifier: GPL-2.0-or-later
"""What both images show in a window of the working grid, as features that can be compared."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..image import Array, Image, Mask, calculation_type, constant, read_padded, uniform
from ..matching import bandpass
from ..matching.subpixel import Compared
from ..transform.sampling import HALF, STEPS, rounded, sampled
from ..windows import Window
from .crossing import Crossing, Displacement, Route, route

SIDES = ("reference", "moving")

ALIGNMENT = 4
"""Arrays begin at multiples of this, so that pyramids and averages see the same blocks."""

NOWHERE = Window(0, 0, 0, 0)


@dataclass(frozen=True)
class Tone:
    """How values of an image are brought near 0 before they lose digits: (v - center) * scale."""

    center: float = 0.0
    scale: float = 1.0

    def of(self, values: Array) -> Array:
        """Return values as float32. Exact for small integers, where there is nothing to do."""
        if self.center == 0.0 and self.scale == 1.0:
            return values.astype(np.float32, copy=False)
        return np.asarray((values - self.center) * self.scale, np.float32)


def tone_of(values: Array, dtype: np.dtype[Any]) -> Tone:
    """Return the tone that suits some valid values of an image of a type."""
    if not values.size:
        return Tone()
    low, middle, high = (float(v) for v in np.percentile(values, (2, 50, 98)))
    spread = high - low
    usual = spread == 0 or not math.isfinite(spread) or 1e-3 < spread < 1e6
    # a power of two, so that no digit changes
    scale = 1.0 if usual else 2.0 ** round(math.log2(100 / spread))
    wide = calculation_type(dtype) == np.float64
    return Tone(middle if wide and math.isfinite(middle) else 0.0, scale)


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


def known(image: Image, window: Window, tone: Tone) -> tuple[Array, Mask]:
    """Return float32 values[row, col] of a one-band image and where they are valid, finite ones."""
    found = read_padded(image, window, (1,))
    values, valid = found.values[0], found.valid
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        if not finite.all():
            valid = valid & finite
            values = np.where(finite, values, values.dtype.type(0))
    return tone.of(values), valid


def sight(level: Level, displacement: Displacement, window: Window) -> Sight:
    """Return what both images show in a window, the moving one sampled once from its own pixels."""
    values, valid = known(level.reference, window, level.tones[0])
    moving, seen = displaced(level, route(level.crossing, displacement, window), window)
    return Sight(window, (values, moving), _both(valid, seen))


def displaced(level: Level, way: Route, window: Window) -> tuple[Array, Mask]:
    """Return moving values and valid in a window, sampled along a route."""
    needed = _needed(level.crossing, way, window).clipped(level.moving.grid.window)
    if needed.empty:
        return np.zeros(window.shape, np.float32), constant(False, window.shape)
    source, valid = known(level.moving, needed, level.tones[1])
    off_x, off_y = level.crossing.offset
    # offsets are rounded before they become positions, which are exact then in every window
    x, y = rounded(way.col)[0], rounded(way.row)[0]
    x += np.arange(window.width, dtype=np.float32) + np.float32(window.col + off_x - needed.col)
    y += _downward(window.height) + np.float32(window.row + off_y - needed.row)
    taken, good = sampled(source, valid, x, y)
    return taken, good


def _downward(height: int) -> Array:
    return np.arange(height, dtype=np.float32)[:, None]


def _needed(crossing: Crossing, way: Route, window: Window) -> Window:
    """Return the moving pixels that a window may need, with those that kernels reach."""
    left, top, right, bottom = way.reach
    if right < left:
        return NOWHERE
    col, row = math.floor(window.col + left) - HALF, math.floor(window.row + top) - HALF
    width = math.ceil(window.right + right) + HALF + 1 - col
    height = math.ceil(window.bottom + bottom) + HALF + 1 - row
    return Window(col, row, width, height).shifted(*crossing.offset)


def added(level: Level, way: Route) -> tuple[Array, Array]:
    """Return what sampling along a route adds to the displacement [row, col], working pixels.

    Positions are rounded, and taps look a little beyond them.
    """
    off_x, off_y = (_off(offset, level.delays) for offset in (way.col, way.row))
    back = np.linalg.inv(level.crossing.jacobian).astype(np.float32)
    if np.abs(back - np.eye(2)).max() < 1e-4:
        return off_x, off_y
    return back[0, 0] * off_x + back[0, 1] * off_y, back[1, 0] * off_x + back[1, 1] * off_y


def _off(offset: Array, delays: tuple[float, ...]) -> Array:
    at, off = rounded(offset)
    if delays:
        at *= np.float32(STEPS)
        off += np.take(np.asarray(delays, np.float32), at.astype(np.int32) & (STEPS - 1))
    return off


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
