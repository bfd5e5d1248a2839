# SPDX-License-Identifier: GPL-2.0-or-later
"""Spectral indices of bands of one date.

ndvi: Rouse et al. 1974. ndwi in iota2's sign, ndwigao: Gao 1996, doi:10.1016/S0034-4257(96)00067-3.
ndwimcfeeters: McFeeters 1996, doi:10.1080/01431169608948714. evi: Huete et al. 2002,
doi:10.1016/S0034-4257(02)00096-2. savi: Huete 1988, doi:10.1016/0034-4257(88)90106-X.
nbr: Key & Benson 2006.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..image import Array

SMALLEST = 1e-5
"""A denominator smaller than this in size gives 0."""

REFLECTANCE = 1e-4
"""Reflectance of a stored 1."""

CORRECTION = 0.05


@dataclass(frozen=True)
class Ratios:
    """How ratios are made: times `scale`; `corrected` as iota2's acorfeat does."""

    scale: float = 1000.0
    corrected: bool = False

    def normalized(self, a: Array, b: Array) -> Array:
        """Return (a - b) / (a + b), or (a - b - 0.05) / (a + b + 0.05) of reflectances, scaled."""
        if self.corrected:
            a, b = a * REFLECTANCE, b * REFLECTANCE
            return self.quotient(a - b - CORRECTION, a + b + CORRECTION)
        return self.quotient(a - b, a + b)

    def quotient(self, above: Array, below: Array) -> Array:
        """Return a quotient, scaled; 0 where the denominator is."""
        tiny = np.abs(below) < SMALLEST
        found = above / np.where(tiny, 1.0, below)
        found[tiny] = 0
        return np.asarray(found * self.scale)


Bands = Mapping[str, Array]
"""float64 values[row, col] of the bands by role."""


def _evi(bands: Bands, ratios: Ratios) -> Array:
    n, r, b = (bands[role] * REFLECTANCE for role in ("nir", "red", "blue"))
    return ratios.quotient(2.5 * (n - r), n + 6 * r - 7.5 * b + 1)


def _savi(bands: Bands, ratios: Ratios) -> Array:
    n, r = (bands[role] * REFLECTANCE for role in ("nir", "red"))
    return ratios.quotient(1.5 * (n - r), n + r + 0.5)


def _pair(first: str, second: str) -> tuple[tuple[str, ...], Callable[[Bands, Ratios], Array]]:
    return (first, second), lambda bands, ratios: ratios.normalized(bands[first], bands[second])


INDICES: dict[str, tuple[tuple[str, ...], Callable[[Bands, Ratios], Array]]] = {
    "ndvi": _pair("nir", "red"),
    "ndwi": _pair("swir", "nir"),
    "ndwigao": _pair("nir", "swir"),
    "ndwimcfeeters": _pair("green", "nir"),
    "nbr": _pair("nir", "swir2"),
    "evi": (("nir", "red", "blue"), _evi),
    "savi": (("nir", "red"), _savi),
}
"""The roles that an index needs and what computes it."""

BRIGHTNESS = "brightness"
NAMES = ("ndvi", "ndwi", BRIGHTNESS, "ndwigao", "ndwimcfeeters", "evi", "savi", "nbr")


def brightness(bands: Array) -> Array:
    """Return the root of the sum of squares of float64 bands[band, row, col]."""
    return np.asarray(np.sqrt((bands * bands).sum(0)))
