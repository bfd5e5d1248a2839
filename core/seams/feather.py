# SPDX-License-Identifier: GPL-2.0-or-later
"""Exact distances in pixels, and the weights with which images fade into each other."""

from __future__ import annotations

import numpy as np

from ..image import Array, Mask
from .rules import Place

WHOLE: Place = (slice(None), slice(None))


def distance(inside: Mask, radius: int) -> Array:
    """Return the Euclidean distance of pixel centers to the nearest pixel outside.

    `inside` is boolean[row, col]; outside pixels get 0 and distances are cut at radius + 1. Exact
    (integer squares): along columns first, then the lower envelope along rows, as in Saito and
    Toriwaki (doi:10.1016/0031-3203(94)90133-3), limited to the radius.
    """
    limit = radius + 1
    # two squares fit
    kind = np.int16 if limit < 128 else np.int32
    away: Array = column_distance(inside, limit).astype(kind)
    square = away * away
    best = square.copy()
    width = inside.shape[1]
    for shift in range(1, min(limit, width)):
        np.minimum(best[:, shift:], square[:, :-shift] + shift * shift, out=best[:, shift:])
        np.minimum(best[:, :-shift], square[:, shift:] + shift * shift, out=best[:, :-shift])
    return np.asarray(np.sqrt(np.minimum(best, limit * limit).astype(np.float32)))


def column_distance(inside: Mask, limit: int) -> Array:
    """Return the distance to the nearest outside pixel of the same column, cut at the limit.

    Steps of 1, 2, 4 ... pixels: every distance is a sum of some of them.
    """
    # a step is less than the limit
    kind = np.uint8 if limit <= 128 else np.uint16
    found: Array = np.where(inside, kind(limit), kind(0))
    step = 1
    while step < limit:
        above, below = found[:-step] + step, found[step:] + step
        np.minimum(found[step:], above, out=found[step:])
        np.minimum(found[:-step], below, out=found[:-step])
        step *= 2
    return found


def seam_weight(cell: Mask, valid: Mask, width: int) -> Array:
    """Return the weight of an image near the border of its cell, 0-1.

    ½ + d / width with the signed distance d to the cell, cut to 0-1; where the image itself ends
    within width / 2 the weight fades with it, so that a narrow overlap leaves no step.
    """
    half = (width + 1) // 2 + 1
    signed = np.where(
        cell, distance(cell, half) - np.float32(0.5), np.float32(0.5) - distance(~cell, half)
    )
    weight = np.clip(np.float32(0.5) + signed / np.float32(width), 0, 1)
    if not valid.all():
        weight *= np.minimum(distance(valid, half) / np.float32(width / 2), 1)
    return np.where(valid, weight, np.float32(0))


def edge_weight(valid: Mask, width: int) -> Array:
    """Return the distance to the nearest invalid pixel, at most width (feather without seams)."""
    return np.minimum(distance(valid, width), np.float32(width))


class Blend:
    """The weighted mean of images that are added one after the other."""

    def __init__(self, bands: int, shape: tuple[int, int]) -> None:
        self._sum: Array = np.zeros((bands, *shape), np.float32)
        self._total: Array = np.zeros(shape, np.float32)
        self._count: Array = np.zeros(shape, np.uint16)

    def add(self, values: Array, weight: Array, place: Place = WHOLE) -> None:
        """Add values[band, row, col] of an image, with their weight[row, col], to a part."""
        counts = weight > 0
        # what is not valid may be NaN and must not spread
        known = np.where(counts, values, values.dtype.type(0))
        self._sum = self._sum.astype(np.result_type(self._sum, known), copy=False)
        with np.errstate(invalid="ignore"):  # infinite values of two images
            self._sum[:, place[0], place[1]] += known * weight
        self._total[place] += weight
        self._count[place] += counts

    @property
    def several(self) -> Mask:
        """Where images are mixed: at least two have a weight."""
        return np.asarray(self._count > 1)

    @property
    def mean(self) -> Array:
        """The weighted mean; it means nothing but where images are mixed."""
        return np.asarray(self._sum / np.where(self._total > 0, self._total, 1))
