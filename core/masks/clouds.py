# SPDX-License-Identifier: GPL-2.0-or-later
"""Clouds, haze and their shadows, found in reflectances by thresholds and shapes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..image import Array, Mask
from .objects import grown, means_of, near, opened, rectangularity, without_holes, without_specks
from .regions import regions
from .shadows import ShadowSearch, shadows

CLEAR, THICK, THIN, SHADOW, INVALID = 0, 1, 2, 3, 255

BRIGHT = 0.30
"""Mean reflectance of visible bands above which something white is a cloud."""

TOP = 0.6
"""What the 99.5th percentile becomes where the unit of values is not known."""

HAZE_REACH = 50
"""Haze counts so near to thick clouds, px, or where its own region is as large as this disc."""

LEVELS = 3
"""How often the brighter part of an image in unknown units is parted."""

STRAIGHT = 0.9
"""Objects that fill so much of a box are roofs when they are rougher inside than at the edge."""


@dataclass(frozen=True)
class Scene:
    """Bands[name][row, col] as reflectance, valid[row, col]; not `calibrated`: up to a factor.

    Names are blue, green, red, nir, swir and cirrus; those that are missing are not asked for.
    """

    bands: dict[str, Array]
    valid: Mask
    calibrated: bool = True

    @property
    def visible(self) -> Array:
        """Mean of the visible bands."""
        return np.asarray(np.mean(self._colors, axis=0))

    @property
    def whiteness(self) -> Array:
        """Sum of the differences from the mean, by the mean."""
        mean = self.visible
        found = sum((np.abs(band - mean) for band in self._colors), np.zeros_like(mean))
        return np.asarray(found / np.maximum(mean, 1e-6))

    @property
    def _colors(self) -> list[Array]:
        return [self.bands[name] for name in ("blue", "green", "red") if name in self.bands]

    def ratio(self, a: str, b: str) -> Array | None:
        """Return (a - b) / (a + b), None where a band is missing."""
        if a not in self.bands or b not in self.bands:
            return None
        total = self.bands[a] + self.bands[b]
        return np.asarray((self.bands[a] - self.bands[b]) / np.where(total > 1e-6, total, np.inf))


@dataclass(frozen=True)
class CloudRules:
    """How clouds are found; lengths in pixels of the scene."""

    sensitivity: float = 0.5
    min_size: int = 25
    buffer: int = 4
    search: ShadowSearch | None = field(default_factory=ShadowSearch)


def classified(scene: Scene, rules: CloudRules) -> Array:
    """Return CLEAR, THICK, THIN, SHADOW or INVALID for each pixel[row, col]."""
    thick = tidy(_thick(scene, rules), rules.min_size)
    thick = _without_roofs(thick, scene)
    thin = _thin(scene, thick, rules)
    dark = np.zeros(thick.shape, bool)
    if rules.search is not None:
        search = replace(rules.search, buffer=rules.buffer)
        dark = shadows(_darkest(scene), _shadow_ground(scene), thick, search)
        dark = without_specks(dark, rules.min_size)
    found = np.zeros(thick.shape, np.uint8)
    found[thin] = THIN
    found[dark & ~thin] = SHADOW
    found[grown(thick, rules.buffer)] = THICK
    found[~scene.valid] = INVALID
    return found


def tidy(mask: Mask, min_size: int) -> Mask:
    """Return a mask without thin lines, specks and small holes."""
    return without_holes(without_specks(opened(mask), min_size), 4 * min_size)


def _thick(scene: Scene, rules: CloudRules) -> Mask:
    bright = scene.visible
    threshold = BRIGHT if scene.calibrated else _relative_threshold(bright, scene.valid)
    if threshold is None:
        return np.zeros(bright.shape, bool)
    threshold *= 1 - 0.4 * (rules.sensitivity - 0.5)
    found = scene.valid & (bright > threshold) & (scene.whiteness < 0.5)
    green = scene.ratio("nir", "red")
    if green is not None:
        found &= (green > -0.2) & (green < 0.4)
    snow = scene.ratio("green", "swir")
    if snow is not None:
        found &= (scene.bands["swir"] > 0.11) & (snow <= 0.4)
    return np.asarray(found)


def _relative_threshold(bright: Array, valid: Mask) -> float | None:
    """Return a threshold between ground and clouds; None where the image shows none.

    That of Otsu, raised to two thirds of the way from ground to what is brighter, if that is much
    brighter and smoother than the ground; else the same again within the brighter part.
    """
    rough, floor = _roughness(bright), -np.inf
    for _ in range(LEVELS):
        among = bright[valid & (bright > floor)]
        if among.size < 2 or among.min() == among.max():
            return None
        floor = otsu(among)
        lit = valid & (bright > floor)
        ground = bright[valid & ~lit]
        middle = float(np.median(ground))
        spread = 1.4826 * float(np.median(np.abs(ground - middle)))
        apart = bright[lit].mean() - ground.mean() > 3 * spread
        smooth = np.median(rough[lit]) < 0.7 * np.median(rough[valid & ~lit])
        if apart and smooth:
            return max(floor, middle + 2 / 3 * (float(np.median(bright[lit])) - middle))
    return None


def otsu(values: Array) -> float:
    """Return the threshold between two classes of values (doi:10.1109/TSMC.1979.4310076)."""
    counts, edges = np.histogram(values, 256)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    total = np.cumsum(counts * middles)
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = total[:-1] / below - (total[-1] - total[:-1]) / above
    between = np.nan_to_num(below * above * gap**2)
    return float(edges[1 + int(np.argmax(between))])


def _roughness(bright: Array) -> Array:
    """Gradient by value."""
    down, right = np.gradient(bright) if min(bright.shape) > 1 else (bright * 0, bright * 0)
    return np.asarray(np.hypot(down, right) / np.maximum(bright, 1e-6))


def _without_roofs(mask: Mask, scene: Scene) -> Mask:
    """Drop objects with straight outlines that are rougher inside than at the edge."""
    found = regions(mask)
    if not found.count:
        return mask
    rough = _roughness(scene.visible) * scene.visible
    core = ~near(~mask, 1)
    inside = means_of(found, np.where(core, rough, np.nan))
    edge = means_of(found, np.where(core, np.nan, rough))
    roof = (rectangularity(found) > STRAIGHT) & (inside > edge)
    return found.chosen(~roof)


def _thin(scene: Scene, thick: Mask, rules: CloudRules) -> Mask:
    """Return cirrus, wherever it is, and haze round thick clouds."""
    found = np.zeros(thick.shape, bool)
    if not scene.calibrated:
        return found
    open_ground = scene.valid & ~thick
    if "cirrus" in scene.bands:
        found |= tidy(open_ground & (scene.bands["cirrus"] > 0.012), rules.min_size)
    if {"blue", "red"} <= scene.bands.keys():
        found |= _haze(scene, open_ground, thick, rules)
    return found


def _haze(scene: Scene, open_ground: Mask, thick: Mask, rules: CloudRules) -> Mask:
    haze = scene.bands["blue"] - 0.5 * scene.bands["red"] - 0.08
    hazy = (haze > 0.02) & (scene.whiteness < 0.6) & (scene.visible > 0.15)
    hazy = tidy(open_ground & hazy, rules.min_size) & ~thick
    found = regions(hazy)
    beside = means_of(found, near(thick, HAZE_REACH).astype(float)) > 0
    return found.chosen(beside | (found.areas >= np.pi * HAZE_REACH**2))


def _darkest(scene: Scene) -> Array:
    """The band in which shadows are darkest."""
    return scene.bands["nir"] if "nir" in scene.bands else scene.bands["red"]


def _shadow_ground(scene: Scene) -> Mask:
    """Where shadows are looked for: not on water."""
    green = scene.ratio("nir", "red")
    return scene.valid if green is None else np.asarray(scene.valid & (green > -0.1))
