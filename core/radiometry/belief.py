# SPDX-License-Identifier: GPL-2.0-or-later
"""How far each cell of an overlap is believed: clouds and changes hardly count."""

from __future__ import annotations

import numpy as np

from ..image import Array
from .moments import Overlaps

HUBER = 1.345
LEAST_SCATTER = 0.002
TEXTURELESS = 1e-6
"""Spread below this part of the band's is no evidence for a gain."""

TINY = 1e-99


def cell_weights(overlaps: Overlaps, gains: Array, offsets: Array, scale: Array) -> Array:
    """Return how far each cell is believed, 0-1 [band, cell]: less where it disagrees.

    It must agree in its mean and in its spread, which a few wrong pixels change much more. The
    weight is the cube of Huber's: with the weight itself, a cell d away would still add d to the
    spread of its pair, and a few clouds would decide the gain. `gains` and `offsets` act about the
    center of the sums.
    """
    pair = overlaps.pair_of_cell
    ends = (np.abs(gains.T[:, overlaps.pairs[pair, side]]) for side in (0, 1))
    spread = np.stack([gain * one for gain, one in zip(ends, _spread(overlaps))])
    return _beliefs(overlaps, overlaps.cell_differences(gains, offsets), spread, scale)


def first_weights(overlaps: Overlaps, scale: Array) -> Array:
    """Return weights[band, cell] to begin with, from medians within each pair alone.

    The solution of all cells alike may be so far off that clouds look right and ground wrong. So
    the first gain of a pair is the median ratio of the spreads inside its cells, which count as
    much as they have texture in both images, and its first offset the median difference.
    """
    pair, mean, spread = overlaps.pair_of_cell, overlaps.total / overlaps.count, _spread(overlaps)
    known = (spread > TEXTURELESS * scale[:, None]).all(0)
    floor = TEXTURELESS * scale[:, None]
    ratio = np.log(np.maximum(spread[0], floor) / np.maximum(spread[1], floor))
    texture = [one / (overlaps.pair_medians(one)[:, pair] + floor) for one in spread]
    share = np.where(known, overlaps.count * np.minimum(*texture), 0.0)
    gain = np.exp(overlaps.weighted_medians(ratio, share))[:, pair]
    apart = mean[0] - gain * mean[1]
    apart = apart - overlaps.pair_medians(apart)[:, pair]
    spread = np.stack([spread[0], gain * spread[1]])
    return _beliefs(overlaps, apart, spread, scale)


def _spread(overlaps: Overlaps) -> Array:
    """Standard deviations[side, band, cell] inside cells."""
    mean = overlaps.total / overlaps.count
    return np.asarray(np.sqrt(np.maximum(overlaps.square / overlaps.count - mean * mean, 0.0)))


def _beliefs(overlaps: Overlaps, apart: Array, spread: Array, scale: Array) -> Array:
    """Return the belief in cells by the differences of their means and of their spreads.

    Both are larger where there is more texture, also in images that fit: cells with more than the
    pair's middle one are compared as if they had no more, or plain ground alone would decide.
    """
    texture = np.minimum(*spread)
    middle = overlaps.pair_medians(texture)[:, overlaps.pair_of_cell]
    easier = np.minimum(1.0, (middle + TINY) / (texture + TINY))
    by_mean = _belief(overlaps, np.abs(apart) * easier, scale)
    return by_mean * _belief(overlaps, np.abs(spread[0] - spread[1]) * easier, scale)


def _belief(overlaps: Overlaps, apart: Array, scale: Array) -> Array:
    scatter = np.maximum(1.4826 * overlaps.pair_medians(apart), LEAST_SCATTER * scale[:, None])
    limit = HUBER * scatter[:, overlaps.pair_of_cell]
    return np.asarray(np.minimum(1.0, limit / np.maximum(apart, TINY)) ** 3)
