# SPDX-License-Identifier: GPL-2.0-or-later
"""Exact distances in pixels, and the weights with which images fade into each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..image import Array, Mask


def distance(inside: Mask, radius: int) -> Array:
    """Return the Euclidean distance of pixel centers to the nearest pixel outside.

    `inside` is boolean[row, col]; outside pixels get 0 and distances are cut at radius + 1. Exact
    (integer squares): along columns first, then the lower envelope along rows, as in Saito and
    Toriwaki (doi:10.1016/0031-3203(94)90133-3), limited to the radius.
    """
    limit = radius + 1
    square = _column_distance(inside, limit) ** 2
    best = square.copy()
    width = inside.shape[1]
    for shift in range(1, min(limit, width)):
        np.minimum(best[:, shift:], square[:, :-shift] + shift * shift, out=best[:, shift:])
        np.minimum(best[:, :-shift], square[:, shift:] + shift * shift, out=best[:, :-shift])
    return np.sqrt(np.minimum(best, limit * limit).astype(np.float32))


def _column_distance(inside: Mask, limit: int) -> Array:
    """Distance to the nearest outside pixel of the same column, cut at the limit."""
    found = np.where(inside, np.int32(limit), np.int32(0))
    for row in range(1, len(found)):
        np.minimum(found[row], found[row - 1] + 1, out=found[row])
    for row in range(len(found) - 2, -1, -1):
        np.minimum(found[row], found[row + 1] + 1, out=found[row])
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


def blended(values: Sequence[Array], weights: Sequence[Array]) -> tuple[Array, Mask]:
    """Return the weighted mean of values[band, row, col], and where it mixes images.

    Elsewhere, with fewer than two images that have a weight, the mean means nothing.
    """
    several = np.sum([w > 0 for w in weights], axis=0) > 1
    total = np.sum(weights, axis=0)
    mixed = np.zeros(values[0].shape, np.result_type(np.float32, *[v.dtype for v in values]))
    for value, weight in zip(values, weights):
        # what is not valid may be NaN and must not spread
        known = np.where(weight > 0, value, value.dtype.type(0))
        with np.errstate(invalid="ignore"):  # infinite values of two images
            mixed += known * weight
    mixed /= np.where(total > 0, total, 1)
    return mixed, several
