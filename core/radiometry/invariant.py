# SPDX-License-Identifier: GPL-2.0-or-later
"""Ways to tell which pixels two images show alike but for gain and offset (PIF)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from ..errors import NoSolution
from ..image import Array, Mask
from ..windows import Window
from .gradients import MARGIN, compared_gradients
from .growth import grown
from .irmad import Alteration, alteration

TAIL = 0.05
"""Part of the pixels that counts as darkest, and as brightest."""

NOTHING = np.zeros(0)


@dataclass(frozen=True)
class Seen:
    """What an image and a reference show in a window of their common ground.

    x and r[band, row, col] and used[row, col] reach `margin` px beyond the window; values that are
    not used are 0.
    """

    x: Array
    r: Array
    used: Mask
    window: Window
    margin: int

    def inner(self, values: Array) -> Array:
        """Return values[…, row, col] without the margin."""
        rows, cols = (slice(self.margin, self.margin + size) for size in self.window.shape)
        return values[..., rows, cols]


@dataclass(frozen=True)
class Sample:
    """Used pixels of the whole overlap: x and r[band, sample], features[feature, sample]."""

    x: Array
    r: Array
    features: Array

    @property
    def count(self) -> int:
        """Number of pixels."""
        return int(self.x.shape[1])

    def chosen(self, which: Array) -> Sample:
        """Return some of the pixels, by a mask or by their numbers."""
        return Sample(self.x[:, which], self.r[:, which], self.features[:, which])

    def thinned(self, most: int) -> Sample:
        """Return at most so many pixels, at regular steps."""
        if self.count <= most:
            return self
        return self.chosen(np.arange(most) * self.count // most)


class Way(Protocol):
    """A way to find invariant pixels: what it needs of a window, and how it decides.

    `margin` are the px it looks beyond a window; `best` is "high" or "low".
    """

    @property
    def margin(self) -> int:
        """Pixels needed beyond a window."""

    @property
    def best(self) -> str:
        """Whether high or low scores are invariant."""

    def describe(self, seen: Seen) -> Array:
        """Return features[feature, row, col] of a window, on which to decide beside its values."""

    def fitted(self, sample: Sample) -> Way:
        """Return this way with its limits found; raises NoSolution when there are none."""

    def decide(self, x: Array, r: Array, features: Array) -> tuple[Array, Mask]:
        """Return the score and whether pixels are invariant, for arrays[band or feature, …]."""


def _no_features(seen: Seen) -> Array:
    return np.zeros((0, *seen.window.shape), np.float32)


@dataclass(frozen=True)
class Unchanged:
    """Pixels that changed by chance only (IR-MAD), with more than some probability."""

    probability: float
    model: Alteration | None = None
    margin: int = 0
    best: str = "high"

    def describe(self, seen: Seen) -> Array:
        """Return nothing: values are enough."""
        return _no_features(seen)

    def fitted(self, sample: Sample) -> Unchanged:
        """Return this with the alteration found."""
        return replace(self, model=alteration(sample.x, sample.r))

    def decide(self, x: Array, r: Array, features: Array) -> tuple[Array, Mask]:
        """Return the chance of no change."""
        if self.model is None:
            raise NoSolution("Nothing was estimated yet.")
        chance = self.model.no_change(x, r)
        return chance, chance > self.probability


@dataclass(frozen=True)
class AlikeGradients:
    """Pixels with strong gradients of the same direction; `limits` are found.

    `scales`[side, band] make the bands comparable.
    """

    fraction: float
    scales: Array
    limits: tuple[float, float, float] = (np.inf, np.inf, -1.0)
    margin: int = MARGIN
    best: str = "low"

    def describe(self, seen: Seen) -> Array:
        """Return the magnitudes of both gradients and the angle between them."""
        return compared_gradients(seen.x, seen.r, seen.used, self.scales)

    def fitted(self, sample: Sample) -> AlikeGradients:
        """Return this with the medians of the magnitudes and the largest angle to keep."""
        known = sample.features[:, np.isfinite(sample.features[2])]
        if not known.shape[1]:
            raise NoSolution("No pixel has all neighbors where the images overlap.")
        weak, faint = np.median(known[0]), np.median(known[1])
        strong = known[2][(known[0] > weak) & (known[1] > faint)]
        if not len(strong):
            raise NoSolution("There are no gradients where the images overlap.")
        angle = np.quantile(strong, self.fraction)
        return replace(self, limits=(float(weak), float(faint), float(angle)))

    def decide(self, x: Array, r: Array, features: Array) -> tuple[Array, Mask]:
        """Return the angle in degrees."""
        first, second, angle = features
        weak, faint, widest = self.limits
        return angle, (first > weak) & (second > faint) & (angle <= widest)


@dataclass(frozen=True)
class LittleVegetation:
    """Pixels whose NDVI stays below a limit in both images; bands count from 1."""

    red: int
    nir: int
    limit: float
    margin: int = 0
    best: str = "low"

    def describe(self, seen: Seen) -> Array:
        """Return nothing: values are enough."""
        return _no_features(seen)

    def fitted(self, sample: Sample) -> LittleVegetation:
        """Return the same: nothing is estimated."""
        return self

    def decide(self, x: Array, r: Array, features: Array) -> tuple[Array, Mask]:
        """Return the larger NDVI; NaN where one is not defined."""
        sides = [self._index(values) for values in (x, r)]
        largest = np.maximum(*sides)
        with np.errstate(invalid="ignore"):
            return largest, largest <= self.limit

    def _index(self, values: Array) -> Array:
        red, nir = (values[band - 1].astype(np.float64) for band in (self.red, self.nir))
        total = nir + red
        return np.where(total != 0, (nir - red) / np.where(total != 0, total, 1.0), np.nan)


@dataclass(frozen=True)
class DarkOrBright:
    """The darkest and the brightest pixels of both images; limits[side, (dark, bright)]."""

    means: Array = field(default_factory=lambda: NOTHING)
    scales: Array = field(default_factory=lambda: NOTHING)
    limits: Array = field(default_factory=lambda: NOTHING)
    margin: int = 0
    best: str = "high"

    def describe(self, seen: Seen) -> Array:
        """Return nothing: values are enough."""
        return _no_features(seen)

    def fitted(self, sample: Sample) -> DarkOrBright:
        """Return this with the brightness of the darkest and brightest pixels of each image."""
        sides = (sample.x, sample.r)
        means = np.array([side.mean(1, dtype=np.float64) for side in sides])
        scales = np.array([side.std(1, dtype=np.float64) for side in sides])
        if not (scales > 0).any(1).all():
            raise NoSolution("The images have no contrast where they overlap.")
        found = replace(self, means=means, scales=scales)
        ends = [np.quantile(b, (TAIL, 1 - TAIL)) for b in found.brightness(*sides)]
        return replace(found, limits=np.array(ends))

    def brightness(self, x: Array, r: Array) -> list[Array]:
        """Return the mean standardized brightness of both images."""
        found = []
        for values, means, scales in zip((x, r), self.means, self.scales):
            total = np.zeros(values.shape[1:])
            for band, mean, scale in zip(values, means, scales):
                total += (band - mean) / scale if scale > 0 else 0.0
            found.append(total / max(1, int((scales > 0).sum())))
        return found

    def decide(self, x: Array, r: Array, features: Array) -> tuple[Array, Mask]:
        """Return how far pixels lie from the mean, in spreads; the image that is nearer counts."""
        own, other = self.brightness(x, r)
        dark = (own <= self.limits[0, 0]) & (other <= self.limits[1, 0])
        bright = (own >= self.limits[0, 1]) & (other >= self.limits[1, 1])
        return np.minimum(np.abs(own), np.abs(other)), dark | bright


@dataclass(frozen=True)
class NearPoints:
    """Regions round key points whose pixels lie on one line, r = gain · x + offset.

    `rows, cols` of the points on the common ground; `gains`, `offsets` and `scatters`[band].
    """

    rows: Array
    cols: Array
    gains: Array
    offsets: Array
    scatters: Array
    limit: float
    radius: int
    best: str = "low"

    @property
    def margin(self) -> int:
        """A region may come from a point outside of the window, and leave it in between."""
        return 2 * self.radius

    def describe(self, seen: Seen) -> Array:
        """Return how far pixels lie from the line, and where regions grew."""
        apart = np.zeros(seen.used.shape)
        lines = zip(seen.x, seen.r, self.gains, self.offsets, self.scatters)
        for x, r, gain, offset, scatter in lines:
            apart += np.abs(gain * x + offset - r) / scatter
        apart /= len(self.gains)
        around = seen.window.padded(self.radius)
        near = (self.rows >= around.row) & (self.rows < around.bottom)
        near &= (self.cols >= around.col) & (self.cols < around.right)
        corner = seen.window.padded(self.margin)
        rows, cols = self.rows[near] - corner.row, self.cols[near] - corner.col
        reached = grown(seen.used & (apart <= self.limit), rows, cols, self.radius)
        return np.stack([seen.inner(apart), seen.inner(reached)]).astype(np.float32)

    def fitted(self, sample: Sample) -> NearPoints:
        """Return the same: the points were estimated before."""
        return self

    def decide(self, x: Array, r: Array, features: Array) -> tuple[Array, Mask]:
        """Return how far pixels lie from the line, in robust spreads."""
        return features[0], features[1] > 0


@dataclass(frozen=True)
class Both:
    """A way, and a test that pixels must pass as well."""

    way: Way
    test: LittleVegetation

    @property
    def margin(self) -> int:
        """That of the way."""
        return self.way.margin

    @property
    def best(self) -> str:
        """That of the way."""
        return self.way.best

    def describe(self, seen: Seen) -> Array:
        """Return the features of the way."""
        return self.way.describe(seen)

    def fitted(self, sample: Sample) -> Both:
        """Return the way with its limits, and the test."""
        return replace(self, way=self.way.fitted(sample))

    def decide(self, x: Array, r: Array, features: Array) -> tuple[Array, Mask]:
        """Return the score of the way, and which pixels pass both."""
        score, chosen = self.way.decide(x, r, features)
        return score, chosen & self.test.decide(x, r, features)[1]
