# SPDX-License-Identifier: GPL-2.0-or-later
"""From invariant pixels of pairs to gains and offsets, and to what is said about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..image import Array
from ..progress import SILENT, Progress
from ..radiometry.adjusting import adjustments_of
from ..radiometry.adjustments import Adjustments, BandStatistics, ImageAdjustment
from ..radiometry.agreement import agreement
from ..radiometry.moments import Whole
from ..radiometry.pairfits import (
    PairFit,
    assessed,
    distance,
    lines_of,
    moments_of,
    overlaps_of,
    usable,
)
from ..radiometry.regression import Rules, solve_gains
from ..radiometry.remarks import listed, remarks
from .invariants import Found, Set

METHOD = "pseudoinvariantfeatures"

FARTHER, LITTLE = 1.1, 0.1
"""A correction that makes the median difference so many times as large is doubted, unless it is
smaller than this, in standard deviations."""


@dataclass(frozen=True)
class Solved:
    """Gains and offsets of the images, and what each pair says about them."""

    adjustments: Adjustments
    pairs: tuple[PairFit, ...]
    idle: tuple[str, ...] = ()


def solve(given: Set, whole: Whole, found: Sequence[Found], progress: Progress = SILENT) -> Solved:
    """Return the gains and offsets of all images; `whole` has the images in name order.

    With a reference each image is brought to it by its own line; else all pairs are solved
    together.
    """
    found = [one for one in found if one.common]
    model = _to_reference if given.reference is not None else _together
    adjustments, idle = model(given, whole, found, progress)
    pairs = tuple(_fit(given, one, adjustments, progress) for one in found)
    return Solved(adjustments, pairs, idle)


def _to_reference(
    given: Set, whole: Whole, found: Sequence[Found], progress: Progress
) -> tuple[Adjustments, tuple[str, ...]]:
    known = {one.ends[0]: one for one in found}
    images, idle = [], []
    for number, image in enumerate(given.images):
        one = known.get(number)
        gains, offsets = np.ones(image.bands), np.zeros(image.bands)
        if one is None:
            idle.append(image.name)
        else:
            gains, offsets = _line(given, one, progress)
        own = _statistics(whole, image.name)
        images.append(
            ImageAdjustment(image.name, tuple(gains.tolist()), tuple(offsets.tolist()), own)
        )
    if idle:
        progress.warn(
            f"No usable pixel in common with the reference, kept unchanged: {listed(idle)}."
        )
    return Adjustments(tuple(images), METHOD), tuple(idle)


def _line(given: Set, one: Found, progress: Progress) -> tuple[Array, Array]:
    """Gains and offsets of an image from its own line to the reference."""
    gains, offsets, wild = [], [], []
    for band, line in enumerate(lines_of(one.sample, _regression(given, one))):
        kept = usable(line, one.sample.x[band], one.sample.r[band])
        if kept is not line:
            known = np.isfinite(line.gain)
            why = f"gain {line.gain:.3g} out of 0.1 to 10" if known else "no texture"
            wild.append(f"band {band + 1}: {why}")
        gains.append(kept.gain)
        offsets.append(kept.offset)
    if wild:
        progress.warn(
            f"{one.names[0]} keeps gain 1 in {len(wild)} bands, where only its offset is solved "
            f"({listed(wild)})."
        )
    return np.array(gains), np.array(offsets)


def _together(
    given: Set, whole: Whole, found: Sequence[Found], progress: Progress
) -> tuple[Adjustments, tuple[str, ...]]:
    center = np.rint(whole.pooled_mean)
    pairs, moments = [], []
    for one in found:
        pairs.append((whole.names.index(one.names[0]), whole.names.index(one.names[1])))
        mine = moments_of(one.sample, robust=one.robust)
        # common pixels that may have changed count as little as the fewest invariant ones
        least = float(given.how.min_samples)
        moments.append(replace(mine, count=min(mine.count, least)) if one.robust else mine)
    order = sorted(range(len(pairs)), key=lambda at: pairs[at])
    overlaps = overlaps_of([pairs[at] for at in order], [moments[at] for at in order], center)
    rules = Rules(robust=False, min_overlap=1)
    solution = solve_gains(whole, overlaps, np.ones(len(whole.names), bool), rules, progress)
    for sentence in remarks(whole, solution, agreement(whole, overlaps, solution)):
        progress.warn(sentence)
    alone = np.bincount(solution.groups)[solution.groups] == 1
    idle = tuple(name for name, lone in zip(whole.names, alone) if lone)
    model = adjustments_of(whole, overlaps, solution)
    return replace(model, method=METHOD), idle


def _fit(given: Set, one: Found, model: Adjustments, progress: Progress) -> PairFit:
    lines = lines_of(one.sample, _regression(given, one))
    ends = []
    for number in one.ends:
        bands = one.sample.x.shape[0]
        gains, offsets = np.ones(bands), np.zeros(bands)
        if number >= 0:
            mine = model.of(given.images[number].name)
            gains, offsets = np.array(mine.gains), np.array(mine.offsets)
        ends.append((gains, offsets))
    _warn_of_distance(one, ends[0], ends[1], progress)
    bands_fit, before, after = assessed(one.sample, lines, ends[0], ends[1])
    return PairFit(*one.names, one.count, one.sample.count, one.robust, before, after, bands_fit)


def _warn_of_distance(
    one: Found, first: tuple[Array, Array], second: tuple[Array, Array], progress: Progress
) -> None:
    """Say when most of the common pixels are farther from each other than before."""
    same = (np.ones_like(first[0]), np.zeros_like(first[1]))
    before, after = distance(one.everything, same, same), distance(one.everything, first, second)
    if after > max(FARTHER * before, LITTLE):
        progress.warn(
            f"{one.names[0]} and {one.names[1]}: most common pixels differ by {after:.2f} standard "
            f"deviations after correction, before by {before:.2f}. What was taken as invariant may "
            "have changed; try another METHOD or limit the pixels with polygons."
        )


def _regression(given: Set, one: Found) -> str:
    return "robust" if one.robust else given.how.regression


def _statistics(whole: Whole, name: str) -> tuple[BandStatistics, ...]:
    at = whole.names.index(name)
    if not whole.size[at]:
        return ()
    pairs = zip(whole.mean[at].tolist(), whole.std[at].tolist())
    return tuple(BandStatistics(mean, std, int(whole.size[at])) for mean, std in pairs)
