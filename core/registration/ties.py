# SPDX-License-Identifier: GPL-2.0-or-later
"""What two images of a set show alike: windows matched at the coarser pixels of both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..displacements.pair import crossing, pixel_ratio
from ..errors import NoSolution
from ..image import Image, Mask, Pixels, View
from ..matching.alignment import (
    Aligning,
    Settled,
    quality,
    radius_after,
    search,
    settle,
)
from ..matching.finishing import refined_on
from ..matching.information import INFORMATION
from ..matching.patches import Patch, finer
from ..matching.windowed import Windows, windows_over
from ..requests.shared.matching import PairMatching
from ..transform.models import Linear
from ..windows import Window
from .lattice import Lattice, lattice_of
from .preparing import aligning, refuse_empty, whole_factor
from .solve import Run, patches_of

Positions = NDArray[np.float64]

KIND = "affine"
"""What the windows of a pair must agree on; the network has its own model."""

STILL = Linear("translation")

NEAR, NEAREST = 12, 16
"""Px around the stored place in which windows are searched, larger and smaller ones.

They are several times the tolerance, so that agreement by chance shows.
"""

SMALL, MANY = 32, 700
"""Side of smaller windows, px, and most of them: they see between things that stand up."""

APART, READ = 128, 200
"""Side of windows that are read one by one, px, and most of them."""


@dataclass(frozen=True)
class Tied:
    """What two images show alike: array positions p, q [point, (x, y)], integer = pixel center.

    `first, second`: numbers of the images; `sigma`: px of the first; `weight`: 0 = disabled.
    """

    first: int
    second: int
    p: Positions
    q: Positions
    sigma: NDArray[np.float64]
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.p)


@dataclass(frozen=True)
class Brightness(View):
    """The mean of the first bands of the image below, three at most, as one band."""

    @property
    def nodata(self) -> float | None:
        """None: pixels are valid where the image is."""
        return None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Single precision."""
        return np.dtype(np.float32)

    @property
    def bands(self) -> int:
        """One band."""
        return 1

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the bands and take their mean."""
        first = tuple(range(1, min(3, self.source.bands) + 1))
        found = self.source.read(window, first, rounded=False)
        return found.with_values(found.values.mean(0, keepdims=True, dtype=np.float32))


def tied(
    images: Sequence[Image], pair: tuple[int, int], how: PairMatching, run: Run
) -> tuple[Tied, str]:
    """Return the tie points of two one-band images, and why there are none.

    The image with the coarser pixels comes first.
    """
    first, second = pair
    if pixel_ratio(images[first].grid, images[second].grid) > 1 + 1e-6:
        first, second = second, first
    lattice = lattice_of(images[first], images[second], max_shift=how.max_shift, square=True)
    try:
        return _points(lattice, _settled(lattice, how, run), how, (first, second)), ""
    except NoSolution as error:
        none = np.empty(0)
        reason = str(error).partition(". ")[0].rstrip(".") + "."  # without advice for one pair
        return Tied(first, second, np.empty((0, 2)), np.empty((0, 2)), none, none), reason


def _settled(lattice: Lattice, how: PairMatching, run: Run) -> Settled:
    """Match windows, from where the images are stored or, if need be, from a searched start."""
    factor = whole_factor(lattice)
    held = lattice.read(factor, threads=run.threads, progress=run.progress)
    refuse_empty(lattice, held, factor, how)
    options = replace(aligning(lattice, how, factor), strict=True)
    found = _started(held.patch, options)
    if factor == 1:
        return _informed([held.patch], found, options)
    first, radius = finer(found.found.model, factor), max(NEAR, 2 * radius_after(found))
    windows = windows_over(
        (lattice.grid.height, lattice.grid.width),
        how.window_size_match or APART,
        how.grid_spacing,
        how.max_points or READ,
    )
    patches = list(patches_of(lattice, windows, first, radius, run))
    options = replace(aligning(lattice, how), strict=True)
    return _informed(patches, settle(patches, first, KIND, windows, options, radius), options)


def _informed(patches: Sequence[Patch], settled: Settled, options: Aligning) -> Settled:
    """Move all windows of a pair as mutual information says, where it is asked for."""
    if options.metric != INFORMATION.name:
        return settled
    model = refined_on(patches, settled, options)[0]
    points, found = settled.points, settled.found
    one, other = (each.predict(points.x, points.y) for each in (model, found.model))
    dx, dy = one[0] - other[0], one[1] - other[1]
    return replace(
        settled,
        points=replace(points, dx=points.dx + dx, dy=points.dy + dy),
        matches=replace(settled.matches, dx=settled.matches.dx + dx, dy=settled.matches.dy + dy),
        found=replace(found, model=model),
    )


def _started(patch: Patch, options: Aligning) -> Settled:
    """Return the best agreement of windows of a level in memory.

    They are searched around the place where the images are stored, smaller ones where few agree;
    only when none do, all shifts are searched.
    """
    usual = options.windows(patch.reference.shape, KIND)
    best: Settled | None = None
    for windows, radius in ((usual, NEAR), (_small(patch, options), NEAREST)):
        with suppress(NoSolution):
            found = settle([patch], STILL, KIND, windows, options, radius)
            if best is None or quality(found).reliability > quality(best).reliability:
                best = found
            if best.sure:
                break
    if best is None:
        start = search(patch, KIND, options)[0]
        best = settle([patch], start.found.model, KIND, usual, options, NEAR)
    return best


def _small(patch: Patch, options: Aligning) -> Windows:
    if options.window_size:
        return options.windows(patch.reference.shape, KIND)
    limit = options.max_points or MANY
    return windows_over(patch.reference.shape, SMALL, options.spacing, limit)


def _points(lattice: Lattice, settled: Settled, how: PairMatching, ends: tuple[int, int]) -> Tied:
    """Return the windows that agree as positions in both images."""
    matches = settled.matches
    kept = settled.found.inliers | _checking(settled, how, lattice)
    kept &= np.hypot(settled.points.dx, settled.points.dy) <= lattice.max_shift
    some = matches.chosen(kept)
    p, q = (
        np.stack(crossing(lattice.grid, image.grid).at(x, y), 1)
        for image, x, y in (
            (lattice.reference, some.x, some.y),
            (lattice.moving, some.x + some.dx, some.y + some.dy),
        )
    )
    own = np.hypot(some.sigma_x, some.sigma_y) / math.sqrt(2)
    # a window is known no better than windows agree
    sigma = np.hypot(own, settled.found.scale) * math.sqrt(math.prod(lattice.factor))
    return Tied(*ends, p, q, sigma, np.ones(len(some)))


def _checking(settled: Settled, how: PairMatching, lattice: Lattice) -> Mask:
    """Return the windows that took no part and agree as well."""
    matches = settled.matches
    good = matches.check & matches.good(level=2, min_reliability=how.min_reliability)
    limit = how.ransac_tolerance / math.sqrt(math.prod(lattice.factor))
    return np.asarray(good & (settled.points.apart(settled.found.model) <= limit))
