# SPDX-License-Identifier: GPL-2.0-or-later
"""Objects of a mask: opened, grown, without holes and specks, and how rectangular they are."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..image import Array, Mask
from .edges import spread
from .regions import Regions, regions

_ANGLES = 18
"""Directions in which the box round an object is tried, within a quarter turn."""


def grown(mask: Mask, radius: int) -> Mask:
    """Return where a mask is set at most `radius` px away."""
    found = mask.copy()
    height = len(mask)
    for step in range(-radius, radius + 1):
        reach = math.isqrt(radius * radius - step * step)
        wide = spread(np.pad(mask, ((0, 0), (reach, reach))), reach, 1)
        found[max(0, step) : height + min(0, step)] |= wide[max(0, -step) : height - max(0, step)]
    return found


def near(mask: Mask, reach: int) -> Mask:
    """Return where a mask is set at most `reach` rows and columns away."""
    return spread(spread(np.pad(mask, reach), reach, 1), reach, 0)


def opened(mask: Mask) -> Mask:
    """Return the mask without what is narrower than 3 px."""
    inner = ~near(~mask, 1)
    return near(inner, 1) & mask


def without_specks(mask: Mask, least: int) -> Mask:
    """Return the mask without objects of fewer pixels."""
    found = regions(mask)
    return found.chosen(found.areas >= least)


def without_holes(mask: Mask, under: int) -> Mask:
    """Return the mask with holes of fewer pixels filled; those at the frame are none."""
    found = regions(~mask)
    small = found.areas < under
    small[: found.open] = False
    return mask | found.chosen(small)


def means_of(found: Regions, values: Array) -> NDArray[np.float64]:
    """Return the mean of values[row, col] in each region, NaN where none is finite."""
    labels = found.image().ravel()
    flat = values.ravel().astype(np.float64)
    known = np.isfinite(flat) & (labels > 0)
    sums = np.bincount(labels[known], flat[known], found.count + 1)[1:]
    counts = np.bincount(labels[known], minlength=found.count + 1)[1:]
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / counts)


def rectangularity(found: Regions) -> NDArray[np.float64]:
    """Return the share of the smallest box round each region that it fills."""
    stride = found.shape[1] + 1
    row, left = np.divmod(found.starts, stride)
    right = left + (found.stops - found.starts)
    # the corners of the pixels at both ends of each run
    x = np.concatenate([left, left, right, right]).astype(np.float64)
    y = np.concatenate([row, row + 1, row, row + 1]).astype(np.float64)
    label = np.tile(found.labels, 4)
    smallest = np.full(found.count, np.inf)
    for angle in np.arange(_ANGLES) * (np.pi / 2 / _ANGLES):
        along = x * np.cos(angle) + y * np.sin(angle)
        across = y * np.cos(angle) - x * np.sin(angle)
        box = _extents(label, along, found.count) * _extents(label, across, found.count)
        smallest = np.minimum(smallest, box)
    return np.asarray(found.areas / smallest)


def _extents(label: Array, values: Array, count: int) -> NDArray[np.float64]:
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, label, values)
    np.maximum.at(high, label, values)
    return np.asarray(high - low)
