# SPDX-License-Identifier: GPL-2.0-or-later
"""The invariant pixels of each pair of images: found and sampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from ..errors import IncompatibleImages, NoSolution
from ..grid import Grid
from ..image import Array, Image
from ..placement import common_canvas
from ..progress import SILENT, Progress
from ..radiometry.invariant import (
    AlikeGradients,
    Both,
    DarkOrBright,
    LittleVegetation,
    Sample,
    Unchanged,
    Way,
)
from ..radiometry.pairfits import LEAST_CORRELATION, lowest_correlation
from ..requests.shared.invariant import Finding
from .matches import found_places, given_places, near_points
from .paired import Paired, Side, common_window, decided, gathered, sampled, side_of
from .selecting import canvas_selection
from .thresholds import Claim, Holding, claim_of

ENOUGH = 20
"""With fewer invariant pixels than so many times the fewest allowed, a thinned overlap is looked at
again without leaving out rows and columns."""


@dataclass(frozen=True)
class Found:
    """The invariant pixels of a pair: `count` of the `common` ones that were looked at.

    `ends` are the numbers of both images in the set, -1 for the reference. `sample` holds those
    that are used; where there were too few, all common pixels, and `reason` says why. `everything`
    holds some of all common pixels. `way` is None when nothing could be estimated.
    """

    ends: tuple[int, int]
    names: tuple[str, str]
    pair: Paired
    common: int
    count: int
    sample: Sample
    everything: Sample
    way: Way | None
    reason: str = ""

    @property
    def robust(self) -> bool:
        """True when all common pixels are used instead of invariant ones."""
        return bool(self.reason)


@dataclass(frozen=True)
class Set:
    """The images of a run and the reference if there is one.

    `spreads`[image, band] are the standard deviations of all of them, the reference's last.
    """

    images: tuple[Image, ...]
    reference: Image | None
    spreads: Array
    how: Finding
    threads: int = 0

    @property
    def everything(self) -> tuple[Image, ...]:
        """Images and reference."""
        return self.images if self.reference is None else (*self.images, self.reference)


def pairs_of(given: Set, progress: Progress = SILENT) -> list[tuple[int, int, Paired]]:
    """Return the pairs that are compared: (image, image or -1 for the reference, both)."""
    canvas = common_canvas(given.everything)
    how = given.how.pixels
    selection = canvas_selection(given.images, canvas, how, progress)
    sides = [
        replace(side_of(image, canvas), selection=selection, number=number)
        for number, image in enumerate(given.images)
    ]
    ends: list[tuple[int, int]] = []
    if given.reference is not None:
        ends = [(number, -1) for number in range(len(sides))]
        saturated = not given.how.ignore_saturated
        sides.append(replace(side_of(given.reference, canvas), saturated=saturated))
    else:
        order = sorted(range(len(sides)), key=lambda number: given.images[number].name)
        ends = list(combinations(order, 2))
    found = [(a, b, _paired(sides[a], sides[b], canvas)) for a, b in ends]
    return [(a, b, pair) for a, b, pair in found if not pair.window.empty]


def _paired(image: Side, reference: Side, canvas: Grid) -> Paired:
    return Paired(image, reference, canvas, common_window(image, reference, canvas))


def find(
    given: Set,
    ends: tuple[int, int],
    pair: Paired,
    claims: Sequence[Claim] = (),
    progress: Progress = SILENT,
) -> Found:
    """Find the invariant pixels of a pair; all common ones when that is impossible.

    `claims` are those of all images, the reference's last. Overlaps without texture or with too
    few invariant pixels give a warning, never an error.
    """
    images = [given.everything[end] for end in ends]
    names = (images[0].name, images[1].name)
    reason, way = "", None
    parts = list(progress.split(3))
    run: dict[str, Any] = {"threads": given.threads}
    try:
        way = _way(given, ends, pair, claims, parts[0])
        sample = sampled(pair, way, **run, progress=parts[1])
        way = way.fitted(sample) if sample.count else None
    except (NoSolution, IncompatibleImages) as error:
        reason, way = str(error), None
        sample = sampled(pair, Holding(), **run, progress=parts[1])
    if not sample.count:
        return Found(ends, names, pair, 0, 0, sample, sample, None)
    least, most = given.how.min_samples, given.how.max_samples
    chosen = sample.chosen(decided(way, sample)) if way else sample.thinned(0)
    if way and chosen.count < ENOUGH * least and pair.stride > 1:
        chosen = gathered(pair, way, **run, progress=parts[2])
    counts, whole = (sample.count, chosen.count), sample.thinned(most)
    found = Found(ends, names, pair, *counts, chosen.thinned(most), whole, way)
    reason = reason or _doubt(found.sample, least)
    if not reason:
        return found
    progress.warn(
        f"{names[0]} and {names[1]}: {reason} All common pixels are used instead, robustly."
    )
    return replace(found, sample=whole, reason=reason)


def _doubt(sample: Sample, least: int) -> str:
    """Why invariant pixels cannot be used; empty when they can."""
    if sample.count < least:
        return f"Only {sample.count} invariant pixels were found."
    band, lowest = lowest_correlation(sample)
    if lowest < LEAST_CORRELATION:
        return (
            f"What was taken as invariant does not lie on a line (correlation {lowest:.2f} in band "
            f"{band})."
        )
    return ""


def claims_of(given: Set, progress: Progress = SILENT) -> list[Claim]:
    """Return the expression as a claim about each image and the reference."""
    text = given.how.expression
    if given.how.method != "threshold" or not text:
        return []
    parts = progress.split(len(given.everything))
    return [
        claim_of(text, image, given.threads, part) for image, part in zip(given.everything, parts)
    ]


def _way(
    given: Set, ends: tuple[int, int], pair: Paired, claims: Sequence[Claim], progress: Progress
) -> Way:
    """The way to find invariant pixels of a pair, its limits not yet found."""
    how = given.how
    way: Way
    vegetation = None
    if how.red_band is not None and how.nir_band is not None:
        vegetation = LittleVegetation(how.red_band, how.nir_band, how.vegetation_threshold)
    if how.method == "ndvi" and vegetation is not None:
        return vegetation
    if how.method == "irmad":
        way = Unchanged(how.probability)
    elif how.method == "gradient":
        scales = given.spreads[list(ends)]
        way = AlikeGradients(how.angle_fraction, np.where(scales > 0, scales, 1.0))
    elif how.method == "matches":
        way = _near(given, ends, pair, progress)
    elif how.method == "dark_bright":
        way = DarkOrBright()
    else:
        way = Holding((claims[ends[0]], claims[ends[1]]) if claims else None)
    return Both(way, vegetation) if vegetation else way


def _near(given: Set, ends: tuple[int, int], pair: Paired, progress: Progress) -> Way:
    how = given.how
    image, reference = (given.everything[end] for end in ends)
    if how.key_points:
        places = given_places(how.key_points, pair, image, reference, progress)
    else:
        names = (image.name, reference.name)
        places = found_places(pair, names, given.threads, progress)
    return near_points(
        pair, places, how.z_limit, how.region_radius, given.threads, progress.part(0, 0)
    )
