# SPDX-License-Identifier: GPL-2.0-or-later
"""How well images agree in their overlaps after block maps, without reading them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..image import Array
from .agreement import number_or_none
from .blockadjusted import NEUTRAL, gamma_curve
from .blockmaps import Correction
from .cellmeans import CellMeans
from .interpolation import at_points


@dataclass(frozen=True)
class Differences:
    """Differences of cell means without sign, in % of the band's mean, averaged over the bands:
    of all pairs that were used together, and of each pair; None where the mean is 0."""

    pooled: float | None
    pairs: tuple[float | None, ...]


def overlap_differences(cells: CellMeans, used: Array, level: Array) -> Differences:
    """Return how much the two images of all pairs differ; `level`[band] is 100 %."""
    if not len(cells.share):
        return Differences(None, ())
    apart = cells.overlaps.over_pairs(np.abs(cells.residuals()) * cells.weight)
    size = cells.overlaps.size
    whole = np.where(np.abs(level) > 0, np.abs(level), np.nan)[:, None]
    each = 100.0 * (apart / size / whole).mean(0)
    pooled = 100.0 * (apart[:, used].sum(1) / max(1.0, size[used].sum()) / whole[:, 0]).mean()
    return Differences(
        number_or_none(pooled) if used.any() else None, tuple(map(number_or_none, each))
    )


def corrected_cells(cells: CellMeans, corrections: Sequence[Correction], alpha: float) -> CellMeans:
    """Return the cells as they are after the corrections[image]."""
    means = cells.means.copy()
    for side, images in enumerate(cells.images):
        for index in np.unique(images):
            mine = images == index
            means[side][:, mine] = _corrected(
                means[side][:, mine], corrections[index], alpha, (cells.x[mine], cells.y[mine])
            )
    return replace(cells, means=means)


def _corrected(
    means: Array, correction: Correction, alpha: float, at: tuple[Array, Array]
) -> Array:
    place = correction.grid.to_pixel(*at)
    area, out = correction.grid.window, means.copy()
    for band, method in enumerate(correction.methods):
        found = at_points(correction.factor[band], correction.window, place, area, NEUTRAL[method])
        if method == "linear":
            out[band] = means[band] * found
        elif method == "offset":
            out[band] = means[band] + found
        else:
            out[band] = gamma_curve(means[band], found, correction.low[band], correction.high[band])
    return np.asarray(means + alpha * (out - means))
