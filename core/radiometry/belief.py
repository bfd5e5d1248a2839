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
    spread = [gain * one for gain, one in zip(ends, _spread(overlaps))]
    means = np.abs(overlaps.cell_differences(gains, offsets))
    return _belief(overlaps, means, scale) * _belief(overlaps, np.abs(spread[0] - spread[1]), scale)


def first_weights(overlaps: Overlaps, scale: Array) -> Array:
    """Return weights[band, cell] to begin with, from medians within each pair alone.

    The solution of all cells alike may be so far off that clouds look right and ground wrong. So
    the first gain of a pair is the median ratio of the spreads inside its cells, its first offset
    the median difference.
    """
    mean, spread = overlaps.total / overlaps.count, _spread(overlaps)
    known = (spread > TEXTURELESS * scale[:, None]).all(0)
    floor = TEXTURELESS * scale[:, None]
    ratio = np.log(np.maximum(spread[0], floor) / np.maximum(spread[1], floor))
    gain = np.exp(overlaps.pair_medians(np.where(known, ratio, 0.0)))[:, overlaps.pair_of_cell]
    apart = mean[0] - gain * mean[1]
    apart = np.abs(apart - overlaps.pair_medians(apart)[:, overlaps.pair_of_cell])
    spreads = np.abs(spread[0] - gain * spread[1])
    return _belief(overlaps, apart, scale) * _belief(overlaps, spreads, scale)


def _spread(overlaps: Overlaps) -> Array:
    """Standard deviations[side, band, cell] inside cells."""
    mean = overlaps.total / overlaps.count
    return np.asarray(np.sqrt(np.maximum(overlaps.square / overlaps.count - mean * mean, 0.0)))


def _belief(overlaps: Overlaps, apart: Array, scale: Array) -> Array:
    scatter = np.maximum(1.4826 * overlaps.pair_medians(apart), LEAST_SCATTER * scale[:, None])
    limit = HUBER * scatter[:, overlaps.pair_of_cell]
    return np.asarray(np.minimum(1.0, limit / np.maximum(apart, TINY)) ** 3)
