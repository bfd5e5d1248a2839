# SPDX-License-Identifier: GPL-2.0-or-later
"""Align two images in memory by windows: coarse search, then what they agree on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import NoSolution
from ..transform.models import Linear, fit
from .candidates import candidates, coarse_patch
from .consensus import Consensus, Points, Search, cell_of, consensus, linear_kind, simpler
from .patches import Patch, Seeing, finer, overlaid
from .windowed import Matches, Windows, matched, windows_over

Column = NDArray[np.float64]
Floats = NDArray[np.float32]

COARSE = 512
"""Longest side at which all shifts are searched, px."""

FIRST_RADIUS = 6
"""Search radius of the windows that vote for a candidate, px of the coarse level."""

LARGEST_RADIUS = 12

WINDOW, WINDOWS = 64, 150
"""Side of match windows, px; most of them for a global model."""

LOCAL_WINDOWS = 2500
SHARES = (1.0, 0.5)
"""Sizes of the windows that vote for a candidate: smaller ones see between clouds."""

SURE = 0.5
"""Share of the usable windows from which a candidate is taken at once."""

CERTAIN = 1e-9
"""Agreements by chance from which a candidate is taken although few windows agree."""

HALF_POINT = 0.25
"""Disagreement of two halves of the inliers that halves the reliability, px."""


@dataclass(frozen=True)
class Aligning:
    """Options of an alignment, px of the lattice; 0 = automatic where a size.

    `metric`: auto, ncc, mutual_information; `radius`: search of the windows where no coarser level
    tells it.
    """

    metric: str = "auto"
    edges: bool = True
    max_shift: float = 0.0
    max_rotation: float = 2.0
    window_size: int = 0
    spacing: int = 0
    max_points: int = 0
    min_reliability: float = 30.0
    filter_level: int = 3
    tolerance: float = 0.0
    strict: bool = False

    @property
    def doubting(self) -> bool:
        """True when windows are left out for their reliability alone."""
        return not self.strict and self.filter_level > 0 and self.min_reliability > 0

    @property
    def trusting(self) -> Aligning:
        """The same, but windows that are alone doubtful count: many may agree all the more."""
        return replace(self, min_reliability=0.0)

    @property
    def seeing(self) -> Seeing:
        """How features are made."""
        return Seeing(self.edges)

    def reach(self, shape: tuple[int, ...]) -> float:
        """Return how far shifts are searched: 40 px or 4 %, at most a third of the short side."""
        wanted = self.max_shift or max(40.0, 0.04 * max(shape))
        return min(wanted, min(shape) / 3)

    def windows(self, shape: tuple[int, ...], kind: str, share: float = 1.0) -> Windows:
        """Return the match windows of a level; `share`: of their usual size."""
        size = max(16, int(share * (self.window_size or min(WINDOW, min(shape) // 3))))
        limit = self.max_points or (LOCAL_WINDOWS if kind == "local" else int(WINDOWS / share**2))
        return windows_over(shape, size, self.spacing, limit)


@dataclass(frozen=True)
class Settled:
    """What the windows agree on.

    `points`, `matches`: one entry for each of the windows, whole displacements and not those left
    by the model they were measured under; `radius`: search radius, px; `least`: reliability from
    which single windows counted.
    """

    found: Consensus
    points: Points
    matches: Matches
    windows: Windows
    radius: int
    least: float = 0.0

    @property
    def rank(self) -> tuple[float, float]:
        """What speaks for it: the least likely by chance, then the most reliable comes first."""
        return -self.found.chance, quality(self).reliability

    @property
    def used(self) -> int:
        """Number of windows that were matched and are not for checking."""
        return int(np.count_nonzero(np.isfinite(self.matches.dx) & ~self.matches.check))

    @property
    def sure(self) -> bool:
        """True when no other start needs to be tried."""
        return self.share >= SURE or 0 < self.found.chance <= CERTAIN

    @property
    def share(self) -> float:
        """Share of the windows that agree."""
        return float(self.found.inliers.sum()) / max(1, self.used)


@dataclass(frozen=True)
class Quality:
    """How far a model is to be believed.

    `coverage`: cells with an inlier over cells with a window; `agreement`: RMS difference over the
    overlap of models of both checkerboard halves of the inliers, px; `reliability`: 0 to 100.
    """

    points: int
    inliers: int
    coverage: float
    agreement: float
    reliability: float


def coarse_factor(shape: tuple[int, ...]) -> int:
    """Return by how much the level is coarser at which all shifts are searched."""
    return max(1, math.ceil(max(shape) / COARSE))


def radius_after(start: Settled) -> int:
    """Return the search radius after a coarser start: three deviations and a pixel."""
    return min(LARGEST_RADIUS, math.ceil(3 * start.found.scale) + 1)


def search(patch: Patch, kind: str, options: Aligning) -> tuple[Settled, tuple[str, ...]]:
    """Search the best start among all shifts, and rotations if need be, at the coarse level.

    The windows' votes choose among the highest correlations. Positions and models are those of the
    patch. Raises NoSolution when no candidate has support.
    """
    factor = coarse_factor(patch.reference.shape)
    level = coarse_patch(patch, factor)
    reach = options.reach(patch.reference.shape) / factor
    windows = [options.windows(level.reference.shape, kind, share) for share in SHARES]
    best: Settled | None = None
    tried: list[str] = []
    problem: NoSolution | None = None
    turn = 0.0 if kind == "translation" else options.max_rotation
    for start in candidates(level, options.seeing, reach=reach, max_rotation=turn):
        dx, dy = start.shift
        name = f"({dx * factor:g}, {dy * factor:g}) px, {start.rotation:.2g} deg"
        try:
            found = settled_best([level], start, kind, windows, options, FIRST_RADIUS)
        except NoSolution as error:
            problem = problem or error
            tried.append(f"{name}: none")
            continue
        tried.append(f"{name}: {found.share:.0%}")
        if best is None or found.rank > best.rank:
            best = found
        if best.sure or best.found.chance <= CERTAIN:
            break
    if best is None:
        raise problem or NoSolution("The images share no pixels in which to search for a shift.")
    return _finer(best, factor), tuple(tried)


def _finer(settled: Settled, factor: int) -> Settled:
    """Return the same in pixels of the patch."""
    if factor == 1:
        return settled
    found = settled.found
    found = replace(found, model=finer(found.model, factor), scale=found.scale * factor)
    windows = settled.windows
    return replace(
        settled,
        found=found,
        points=settled.points.finer(factor),
        matches=settled.matches.finer(factor),
        windows=Windows(
            windows.col * factor, windows.row * factor, windows.size * factor, windows.check
        ),
    )


def settled_best(
    patches: Sequence[Patch],
    model: Linear,
    kind: str,
    windows: Sequence[Windows],
    options: Aligning,
    radius: int,
) -> Settled:
    """Settle with windows of several sizes until half of them agree; return the best agreement.

    Raises NoSolution when none has support.
    """
    best: Settled | None = None
    problem: NoSolution | None = None
    for some in windows:
        try:
            found = settle(patches, model, kind, some, options, radius)
        except NoSolution as error:
            problem = problem or error
            continue
        if best is None or found.rank > best.rank:
            best = found
        if best.sure:
            break
    if best is None:
        raise problem or NoSolution("There is no window to match.")
    return best


def settle(
    patches: Sequence[Patch],
    model: Linear,
    kind: str,
    windows: Windows,
    options: Aligning,
    radius: int,
) -> Settled:
    """Match windows under a model and return what they agree on. Raises NoSolution without.

    Each window must lie inside exactly one patch.
    """
    matches = measured(patches, model, windows, options, radius)
    try:
        found = _agreement_of(matches, kind, windows, options, radius)
    except NoSolution:
        if not options.doubting:
            raise
        return _agreement_of(matches, kind, windows, options.trusting, radius)
    if not found.sure and options.doubting:
        try:
            return max(
                found,
                _agreement_of(matches, kind, windows, options.trusting, radius),
                key=lambda one: one.rank,
            )
        except NoSolution:
            pass
    return found


def _agreement_of(
    matches: Matches, kind: str, windows: Windows, options: Aligning, radius: int
) -> Settled:
    """Return what matches agree on that pass the tests of single windows."""
    good = matches.good(level=options.filter_level, min_reliability=options.min_reliability)
    weight = np.where(good & ~matches.check, np.nan_to_num(matches.score) ** 2, 0.0)
    dx, dy = np.nan_to_num(matches.dx), np.nan_to_num(matches.dy)
    points = Points(matches.x, matches.y, dx, dy, weight)
    where = Search(
        _box(windows), radius, options.tolerance, float(windows.size), _independent(windows)
    )
    found = consensus(kind, points, where)
    return Settled(found, points, matches, windows, radius, options.min_reliability)


def measured(
    patches: Sequence[Patch], model: Linear, windows: Windows, options: Aligning, radius: int
) -> Matches:
    """Return the whole displacements of windows, measured under a model."""
    parts = []
    for patch in patches:
        inside = windows.inside(patch.origin, patch.reference.shape)
        if inside.any():
            overlay = overlaid(patch, model, options.seeing).normalized()
            parts.append(
                matched(overlay, windows.chosen(inside), radius, either_sign=not options.edges)
            )
    found = Matches.joined(parts)
    x, y = model.at(found.x + found.dx, found.y + found.dy)
    return replace(found, dx=x - found.x, dy=y - found.y)


def _box(windows: Windows) -> tuple[float, float, float, float]:
    """Return the box that the windows cover."""
    if not len(windows):
        return (0.0, 0.0, 1.0, 1.0)
    return (
        float(windows.col.min()),
        float(windows.row.min()),
        float(windows.col.max() + windows.size),
        float(windows.row.max() + windows.size),
    )


def _independent(windows: Windows) -> float:
    """Return the area that windows cover over the sum of theirs."""
    left, top, right, bottom = _box(windows)
    own = max(1, len(windows)) * windows.size**2
    return min(1.0, (right - left) * (bottom - top) / own)


def quality(settled: Settled) -> Quality:
    """Return how far the agreement of windows is to be believed, before anything is warped."""
    matches, found = settled.matches, settled.found
    seen = np.isfinite(matches.dx) & ~matches.check
    points = settled.points
    cells = cell_of(points, _box(settled.windows))
    coverage = len(np.unique(cells[found.inliers])) / max(1, len(np.unique(cells[seen])))
    agreement = _agreement(settled)
    used, inliers = int(seen.sum()), int(found.inliers.sum())
    share = min(1.0, 2 * inliers / max(1, used))
    reliability = 100 * share * coverage / (1 + (agreement / HALF_POINT) ** 2)
    return Quality(used, inliers, coverage, agreement, reliability)


def _agreement(settled: Settled) -> float:
    """Return the RMS difference of models of both halves of the inliers, px."""
    windows, points, weights = settled.windows, settled.points, settled.found.weights
    ranks = [np.unique(axis, return_inverse=True)[1] for axis in (windows.col, windows.row)]
    even = (ranks[0] + ranks[1]) % 2 == 0
    for kind in simpler(linear_kind(settled.found.kind)):
        try:
            halves = [
                fit(kind, points.x, points.y, points.dx, points.dy, weights * half)
                for half in (even, ~even)
            ]
        except NoSolution:
            continue
        left, top, right, bottom = _box(windows)
        x, y = np.meshgrid(np.linspace(left, right, 9), np.linspace(top, bottom, 9))
        (ax, ay), (bx, by) = (half.predict(x, y) for half in halves)
        return float(np.sqrt(np.mean((ax - bx) ** 2 + (ay - by) ** 2)))
    return math.inf
