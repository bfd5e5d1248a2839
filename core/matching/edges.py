# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge strength: what images of different bands, sensors and contrast have in common."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..image import Mask
from .smoothing import (
    PHASE,
    Origin,
    box_mean,
    enlarged,
    gaussian_mean,
    reduced,
    reduced_weight,
    weight_of,
)

Floats = NDArray[np.float32]

SIGMA = 0.7
"""Gaussian that is run over an image before derivatives, px."""

LOCAL_SIGMA = 12.0
"""Neighborhood over which features get mean 0 and deviation 1, px."""

FLOOR = 0.1
"""Share of the whole image's deviation that is added to the local one: flat ground stays quiet."""

ROUNDING = 1e-6
"""Deviation, as a share of the largest value, that rounding alone makes."""

MEDIAN = 1 << 16
"""Pixels of which a median is taken, at even steps."""

SCHARR = np.array([3, 10, 3], np.float32) / np.float32(16)


class Feature(NamedTuple):
    """What is compared: values[row, col], where they are valid, and the scale they were given."""

    values: Floats
    valid: Mask
    scale: float


def edge_strength(
    values: Floats, valid: Mask, scale: float | None = None, *, sigma: float = SIGMA
) -> Feature:
    """Return ln(1 + E / median E) of the gradient strength E; `scale` replaces the median.

    Valid only where 5 x 5 px are: a hole never makes an edge.
    """
    smooth = _smoothed(values, valid, sigma)
    kept = whole_neighborhood(valid)
    strength = np.hypot(*_scharr(smooth))
    if scale is None:
        known = strength[kept]
        scale = float(np.median(known[:: 1 + known.size // MEDIAN])) if known.size else 0.0
    found = np.log1p(strength / np.float32(scale)) if scale > 0 else np.zeros_like(strength)
    return Feature(np.where(kept, found, np.float32(0)), kept, scale)


def band_values(values: Floats, valid: Mask, *, sigma: float = SIGMA) -> Feature:
    """Return the smoothed values, cut to their 0.5-99.5 % range: for bands that are alike."""
    smooth = _smoothed(values, valid, sigma)
    kept = whole_neighborhood(valid)
    known = smooth[kept]
    low, high = np.percentile(known, [0.5, 99.5]) if known.size else (0.0, 1.0)
    return Feature(np.where(kept, np.clip(smooth, low, high), np.float32(0)), kept, 1.0)


def locally_normalized(feature: Feature, origin: Origin = (0, 0)) -> Floats:
    """Return a feature with local mean 0 and deviation 1; 0 where it is not valid.

    Bright clouds lose their leverage. `origin`: column and row of the first pixel on the lattice.
    """
    valid = feature.valid
    count = int(np.count_nonzero(valid))
    weight = None if count == valid.size else valid.astype(np.float32)
    centered = feature.values if weight is None else feature.values * weight
    middle = np.float32(centered.sum(dtype=np.float64) / max(1, count))
    centered = feature.values - middle
    if weight is not None:
        centered *= weight
    squares = centered * centered
    spread = np.float32(np.sqrt(squares.sum(dtype=np.float64) / max(1, count)))
    if not spread > ROUNDING * np.abs(feature.values).max(initial=0):
        return np.zeros_like(feature.values)
    share = reduced_weight(weight, valid.shape, origin)
    mean, square = (
        box_mean(reduced(part, origin), share, LOCAL_SIGMA / PHASE) for part in (centered, squares)
    )
    deviation = np.sqrt(np.maximum(square - mean * mean, 0)) + np.float32(FLOOR) * spread
    centered -= enlarged(mean, valid.shape, origin)
    centered *= enlarged(np.float32(1) / deviation, valid.shape, origin)
    return centered if weight is None else np.asarray(centered * weight)


def whole_neighborhood(valid: Mask) -> Mask:
    """Return the pixels whose 5 x 5 px are all valid and inside the array."""
    columns = np.pad(valid, ((0, 0), (2, 2)))
    across = np.logical_and.reduce([columns[:, k : k + valid.shape[1]] for k in range(5)])
    rows = np.pad(across, ((2, 2), (0, 0)))
    return np.asarray(np.logical_and.reduce([rows[k : k + valid.shape[0]] for k in range(5)]))


def _smoothed(values: Floats, valid: Mask, sigma: float) -> Floats:
    clean = values if valid.all() else np.where(valid, values, np.float32(0))
    return gaussian_mean(np.ascontiguousarray(clean, np.float32), weight_of(valid), sigma)


def _scharr(values: Floats) -> tuple[Floats, Floats]:
    """Return the derivatives along x and y by Scharr's 3 x 3 kernel, per px."""
    padded = np.pad(values, 1, mode="edge")
    height, width = values.shape
    down = sum(tap * padded[k : k + height] for k, tap in enumerate(SCHARR))
    across = sum(tap * padded[:, k : k + width] for k, tap in enumerate(SCHARR))
    half = np.float32(0.5)
    return half * (down[:, 2:] - down[:, :-2]), half * (across[2:] - across[:-2])
