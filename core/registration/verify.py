# SPDX-License-Identifier: GPL-2.0-or-later
"""Verify a correction on windows that took no part in it, on the really warped image."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..grid import Grid
from ..image import Mask
from ..matching.alignment import Aligning
from ..matching.information import mutual_information
from ..matching.patches import Patch, Positioned, overlaid
from ..matching.windowed import Matches, Windows, matched
from ..transform.correction import Correction
from ..transform.models import Linear
from .lattice import Lattice
from .solve import Run, Solved, patches_of

Column = NDArray[np.float64]
Floats = NDArray[np.float32]

LEAST = 5
"""Check windows below which the windows of the fit are taken instead."""

TOGETHER = 1.0
"""Windows count when what was, less the correction, is what is left, within so many px."""

BEYOND = 3
"""Px that are searched beyond the displacement to be found."""

SAMPLES = 30_000
"""Pixels on which mutual information is compared."""

STILL = Linear("translation")


@dataclass(frozen=True)
class Likeness:
    """How alike the images are on the same pixels: correlation, mutual information in nats."""

    correlation: float
    information: float


@dataclass(frozen=True)
class Checked:
    """Displacements of check windows before and after, px of the reference.

    `before, after`[window, axis]; `sigma`: deviation of `after`; `used` says which count;
    `from_fit`: too few windows took no part, so those of the fit stand here; `alike`: of the
    features, before and after.
    """

    x: Column
    y: Column
    before: Column
    after: Column
    sigma: Column
    used: Mask
    from_fit: bool
    alike: tuple[Likeness, Likeness]

    @property
    def rmse(self) -> tuple[float, float]:
        """Root of the mean squared length of the displacements before and after."""
        return _rms(self.before[self.used]), _rms(self.after[self.used])

    @property
    def noise(self) -> float:
        """Root of the mean squared length that measuring a single window adds to `after`."""
        return math.sqrt(float(np.mean(self.sigma[self.used] ** 2))) if self.used.any() else 0.0

    @property
    def accuracy(self) -> float:
        """What is left beyond the noise of single windows, at least what all of them can tell."""
        least = self.noise / math.sqrt(max(1, int(self.used.sum())))
        return math.sqrt(max(self.rmse[1] ** 2 - self.noise**2, least**2))

    @property
    def lengths(self) -> Column:
        """Lengths of the displacements after the correction."""
        return np.asarray(np.hypot(*self.after[self.used].T))


def _rms(rest: Column) -> float:
    return float(np.sqrt(np.mean((rest**2).sum(1)))) if len(rest) else math.nan


def checked(lattice: Lattice, solved: Solved, correction: Correction, run: Run) -> Checked:
    """Warp the moving image and match the check windows again, before and after."""
    run.progress.phase("Verifying")
    found = _compared(lattice, solved, correction, solved.checks, run)
    if int(found.used.sum()) >= LEAST:
        return found
    if solved.settled is None or not solved.agreed.inliers.any():
        return found
    fitted = solved.settled.windows.chosen(solved.agreed.inliers)
    return replace(_compared(lattice, solved, correction, fitted, run), from_fit=True)


def _compared(
    lattice: Lattice, solved: Solved, correction: Correction, windows: Windows, run: Run
) -> Checked:
    """Match windows under no model, in the image as it is stored and in the corrected one."""
    options, model = solved.options, solved.model
    x, y = windows.x, windows.y
    moved = np.stack(_predicted(lattice, correction, x, y), 1)
    beyond = BEYOND + _left_open(solved)
    radius = math.ceil(float(np.hypot(*moved.T).max(initial=0.0))) + beyond
    if solved.factor == 1:
        stored = iter([solved.held.patch])
    else:
        stored = patches_of(lattice, windows, model, radius, run)
    moved_there = _Corrected(correction, lattice.grid)
    parts = [_both(moved_there, patch, windows, options, (radius, beyond)) for patch in stored]
    before, after = (Matches.joined([part.matches[end] for part in parts]) for end in (0, 1))
    scale = np.array(lattice.factor)
    ends = [np.stack((one.dx, one.dy), 1) for one in (before, after)]
    used = before.good(level=2, min_reliability=solved.least)
    used &= after.good(level=2, min_reliability=solved.least)
    with np.errstate(invalid="ignore"):
        used &= np.hypot(*(ends[0] - moved - ends[1]).T) <= TOGETHER
    values = [np.concatenate([part.values[index] for part in parts]) for index in range(4)]
    alike = (_likeness(values[0], values[1]), _likeness(values[2], values[3]))
    sigma = np.hypot(after.sigma_x * scale[0], after.sigma_y * scale[1])
    return Checked(x, y, ends[0] * scale, ends[1] * scale, sigma, used, False, alike)


@dataclass(frozen=True)
class _Part:
    """Matches before and after, and features (reference, moving, twice) on common pixels."""

    matches: tuple[Matches, Matches]
    values: list[Floats]


@dataclass(frozen=True)
class _Corrected:
    """Where the saved correction says that the moving image shows positions of a lattice."""

    correction: Correction
    grid: Grid

    def at(self, x: Column, y: Column) -> tuple[Column, Column]:
        dx, dy = self.correction.displacements(self.grid, x, y)
        return x + dx, y + dy


def _left_open(solved: Solved) -> int:
    """Return what a model that is too simple leaves at windows that agree, whole px.

    Without it, windows beyond the search would be left out, and the residual of the others be told
    as that of the image. 0 where the search reaches them anyway.
    """
    settled = solved.settled
    if settled is None or solved.local is not None:
        return 0
    points = settled.points.chosen(settled.found.inliers)
    rest_x, rest_y = settled.found.model.residuals(points.x, points.y, points.dx, points.dy)
    rest = float(np.hypot(rest_x, rest_y).max(initial=0.0))
    return math.ceil(rest) if rest > BEYOND - 1 else 0


def _both(
    moved: Positioned,
    stored: Patch,
    windows: Windows,
    options: Aligning,
    reach: tuple[int, int],
) -> _Part:
    """Match the windows of a patch in the image as it is stored, and corrected.

    `reach`: how far is searched in the one and in the other.

    The corrected image is sampled by a spline: what a kernel of the output blurs is no
    displacement.
    """
    inside = windows.chosen(windows.inside(stored.origin, stored.reference.shape))
    found = [overlaid(stored, model, options.seeing) for model in (STILL, moved)]
    ends = [one.normalized() for one in found]
    matches = [
        matched(end, inside, far, either_sign=not options.edges) for end, far in zip(ends, reach)
    ]
    joint = ends[0].joint & ends[1].joint
    pairs = [part for end in ends for part in (end.reference, end.moving)]
    return _Part((matches[0], matches[1]), [one.values[joint] for one in pairs])


def _predicted(
    lattice: Lattice, correction: Correction, x: Column, y: Column
) -> tuple[Column, Column]:
    dx, dy = correction.displacements(lattice.grid, x, y)
    return np.asarray(dx, np.float64), np.asarray(dy, np.float64)


def _likeness(reference: Floats, moving: Floats) -> Likeness:
    step = max(1, len(reference) // SAMPLES)
    reference, moving = reference[::step], moving[::step]
    if len(reference) < 2:
        return Likeness(0.0, 0.0)
    one, other = (part - part.mean() for part in (reference, moving))
    spread = math.sqrt(float((one * one).sum()) * float((other * other).sum()))
    correlation = float((one * other).sum()) / spread if spread > 0 else 0.0
    weight = np.ones_like(reference)
    return Likeness(correlation, mutual_information(reference, moving, weight))
