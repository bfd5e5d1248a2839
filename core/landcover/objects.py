# SPDX-License-Identifier: GPL-2.0-or-later
"""Statistics of features in objects, window by window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..image import Array, Mask
from .lines import Ids

STATISTICS = ("mean", "min", "max", "std", "count")


@dataclass(frozen=True)
class Moments:
    """Objects (ascending) with all their pixels, the known ones, and columns[object, feature].

    `squares` are sums of squared differences from the mean; what is not wanted is empty.
    """

    objects: Ids
    pixels: Ids
    known: Ids
    means: Array
    squares: Array
    lows: Array
    highs: Array

    def statistic(self, name: str) -> Array:
        """Return values[object, feature], NaN where no pixel is known."""
        if name == "std":
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.asarray(np.sqrt(self.squares / self.known[:, None]))
        return {"mean": self.means, "min": self.lows, "max": self.highs}[name]


def moments_of(objects: Array, values: Array, known: Mask, wanted: Sequence[str]) -> Moments:
    """Return the statistics of a window: objects[row, col] (0 = none), values[feature, row, col].

    Sums of squares are taken about the first value of each object.
    """
    inside = objects > 0
    ids, pixels = np.unique(objects[inside], return_counts=True)
    used = inside & known
    order = np.argsort(objects[used], kind="stable")
    mine = objects[used][order]
    begins = np.flatnonzero(np.diff(mine, prepend=-1))
    place = np.searchsorted(ids, mine[begins])
    counts = np.diff(np.append(begins, len(mine)))
    known_pixels = np.zeros(len(ids), np.int64)
    known_pixels[place] = counts
    at, shape = np.flatnonzero(used.ravel())[order], (len(ids), len(values))
    tables = {name: np.full(shape if name in wanted else (0, 0), np.nan) for name in STATISTICS}
    means, squares = np.full(shape, np.nan), tables["std"]
    for number, band in enumerate(values if len(begins) else ()):
        exact = band.ravel()[at].astype(np.float64)
        first = exact[begins]
        off = exact - np.repeat(first, counts)
        mean = np.add.reduceat(off, begins) / counts
        means[place, number] = first + mean
        if "std" in wanted:
            spread = np.add.reduceat(off**2, begins) - counts * mean**2
            squares[place, number] = np.maximum(spread, 0)
        if "min" in wanted:
            tables["min"][place, number] = np.minimum.reduceat(exact, begins)
        if "max" in wanted:
            tables["max"][place, number] = np.maximum.reduceat(exact, begins)
    return Moments(
        ids.astype(np.int64), pixels, known_pixels, means, squares, tables["min"], tables["max"]
    )


def joined_moments(parts: Sequence[Moments]) -> Moments:
    """Return the statistics of objects that several windows hold parts of, in their order."""
    parts = [part for part in parts if len(part.objects)] or parts[:1]
    order = np.argsort(np.concatenate([part.objects for part in parts]), kind="stable")
    objects = np.concatenate([part.objects for part in parts])[order]
    begins = np.flatnonzero(np.diff(objects, prepend=-1))
    if not len(begins):
        return parts[0]
    counts = np.diff(np.append(begins, len(objects)))

    def column(name: str) -> Array:
        return np.asarray(np.concatenate([getattr(part, name) for part in parts])[order])

    known = column("known")
    total = np.add.reduceat(known, begins)
    share = known[:, None].astype(float)
    means = column("means")
    with np.errstate(invalid="ignore", divide="ignore"):
        weighted = np.add.reduceat(np.where(share > 0, means * share, 0.0), begins)
        mean = weighted / total[:, None]
    squares, lows, highs = (getattr(parts[0], name) for name in ("squares", "lows", "highs"))
    if squares.size:
        off = np.where(share > 0, share * (means - np.repeat(mean, counts, 0)) ** 2, 0.0)
        own = np.where(share > 0, column("squares"), 0.0)
        squares = np.add.reduceat(own + off, begins)
    if lows.size:
        lows = np.fmin.reduceat(column("lows"), begins)
    if highs.size:
        highs = np.fmax.reduceat(column("highs"), begins)
    pixels = np.add.reduceat(column("pixels"), begins)
    return Moments(objects[begins], pixels, total, mean, squares, lows, highs)
