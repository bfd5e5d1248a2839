# SPDX-License-Identifier: GPL-2.0-or-later
"""From a solution to the model that is saved and applied."""

from __future__ import annotations

from .adjustments import Adjustments, BandStatistics, ImageAdjustment
from .moments import Overlaps, Whole
from .regression import Solution


def adjustments_of(whole: Whole, overlaps: Overlaps, solution: Solution) -> Adjustments:
    """Return the model of a solution, with the statistics of images and pairs."""
    moments = overlaps.moments()
    mean = moments.mean + overlaps.center[:, None]
    shared: list[list[tuple[str, tuple[BandStatistics, ...]]]] = [[] for _ in whole.names]
    for pair, ends in enumerate(overlaps.pairs):
        for side, (image, other) in enumerate((ends, ends[::-1])):
            numbers = zip(mean[side, :, pair], moments.std[side, :, pair], moments.count[:, pair])
            shared[image].append((whole.names[other], tuple(_band(*n) for n in numbers)))
    return Adjustments(
        tuple(
            ImageAdjustment(
                name,
                tuple(map(float, solution.gains[at])),
                tuple(map(float, solution.offsets[at])),
                tuple(_band(m, s, whole.size[at]) for m, s in zip(whole.mean[at], whole.std[at])),
                tuple(sorted(shared[at])),
                int(solution.groups[at]),
            )
            for at, name in enumerate(whole.names)
        )
    )


def _band(mean: float, std: float, size: float) -> BandStatistics:
    return BandStatistics(float(mean), float(std), round(float(size)))
