# SPDX-License-Identifier: GPL-2.0-or-later
"""Correct a set of images together: the network on the map, what it leaves, whether it counts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..grid import Grid, joint_bounds
from ..matching.closure import Closure, closures
from ..matching.fields import Bent, Smoothing, fit_fields
from ..matching.network import Adjusting, Nodes, Ties, adjust, held_out, residuals
from ..placement import bounds_in
from ..raster import CrsMapping, same_crs
from ..raster.crs import is_geographic
from ..transform.correction import Correction, Frame, frame_at
from ..transform.models import Linear
from .estimate import SCALES, SMALL
from .ties import Tied

Floats = NDArray[np.float64]

UNKNOWN = 0.5
"""Deviation of a tie point of which none is known, px."""

FLOOR = 0.02
"""Smallest deviation that is believed, px."""

SLACK = 20.0
"""Deviation of the georeferencing where none is given, px of the image."""

SURE, FEW = 2.0, 5
"""A pair gets worse when it does so by so many standard errors, on so many tie points."""


@dataclass(frozen=True)
class Ground:
    """The common metric frame of a set in one CRS, and where the images are stored."""

    crs: str
    frame: Frame
    grids: tuple[Grid, ...]

    @classmethod
    def of(cls, grids: Sequence[Grid], crs: str) -> Ground:
        """Return the frame round the middle of all images."""
        left, low, right, high = joint_bounds([bounds_in(grid, crs) for grid in grids])
        middle = ((left + right) / 2, (low + high) / 2)
        return cls(crs, frame_at(*middle, geographic=is_geographic(crs)), tuple(grids))

    def metric(self, image: int, positions: Floats) -> Floats:
        """Return metric coordinates[point, (u, v)] of array positions[point, (x, y)]."""
        grid = self.grids[image]
        x, y = grid.to_map(positions[:, 0] + 0.5, positions[:, 1] + 0.5)
        if not same_crs(grid.crs, self.crs):
            x, y = CrsMapping(grid.crs, self.crs)(x, y)
        return np.stack(self.frame.metric(x, y), 1)

    def pixel(self, image: int) -> float:
        """Return the side of an image's pixels in metric coordinates, at its middle."""
        grid = self.grids[image]
        x, y = (grid.width - 1) / 2, (grid.height - 1) / 2
        ends = self.metric(image, np.array([(x, y), (x + 1, y), (x, y + 1)]))
        across, down = ends[1:] - ends[0]
        return math.sqrt(abs(float(across[0] * down[1] - across[1] * down[0])))

    def corners(self, image: int) -> Floats:
        """Return the metric coordinates of an image's corners."""
        w, h = (side - 0.5 for side in (self.grids[image].width, self.grids[image].height))
        return self.metric(image, np.array([(-0.5, -0.5), (w, -0.5), (-0.5, h), (w, h)]))

    def nodes(self, resistance: Sequence[float], slack: float) -> Nodes:
        """Return the images as nodes of a network; `slack` in map units, 0 = 20 px."""
        images = range(len(self.grids))
        return Nodes(
            np.array([self.corners(image) for image in images]),
            np.array([slack or SLACK * self.pixel(image) for image in images]),
            np.array(resistance, np.float64),
        )

    def ties(self, tied: Tied) -> Ties:
        """Return tie points in metric coordinates."""
        pixel = self.pixel(tied.first)
        sigma = np.where(np.isfinite(tied.sigma), tied.sigma, UNKNOWN)
        return Ties(
            tied.first,
            tied.second,
            self.metric(tied.first, tied.p),
            self.metric(tied.second, tied.q),
            tied.weight / (np.maximum(sigma, FLOOR) * pixel) ** 2,
            held_out(len(tied)),
            max(pixel, self.pixel(tied.second)),
        )

    def near(self, tied: Tied, limit: float) -> Tied:
        """Return the tie points that lie at most so far apart, map units; 0 = all."""
        if not limit:
            return tied
        apart = self.metric(tied.first, tied.p) - self.metric(tied.second, tied.q)
        kept = np.hypot(*apart.T) <= limit
        return replace(
            tied,
            p=tied.p[kept],
            q=tied.q[kept],
            sigma=tied.sigma[kept],
            weight=tied.weight[kept],
        )


@dataclass(frozen=True)
class Approach:
    """How a set is corrected: the network, shares of what is found, fields (None: without)."""

    network: Adjusting
    strength: float = 1.0
    local: Smoothing | None = None
    local_strength: float = 1.0


@dataclass(frozen=True)
class PairNumbers:
    """A pair and the residual of its held-out tie points before and after, px (RMSE).

    `worse`: it grows by more than its scatter explains.
    """

    first: int
    second: int
    points: int
    before: float
    after: float
    worse: bool


@dataclass(frozen=True)
class Joint:
    """The corrections of all images, and what speaks for them.

    `groups`[image] counts connected images from 1 on, 0: no tie point; `rmse`: of all held-out
    tie points before and after, px; `refusals`: the reason for each group that is refused.
    """

    ground: Ground
    corrections: tuple[Correction, ...]
    groups: tuple[int, ...]
    pairs: tuple[PairNumbers, ...]
    rmse: tuple[float, float]
    closures: tuple[Closure, ...]
    refusals: dict[int, str]

    @property
    def accepted(self) -> bool:
        """True when no group is refused."""
        return not self.refusals


def joint(
    ground: Ground,
    tied: Sequence[Tied],
    nodes: Nodes,
    how: Approach,
    names: Sequence[str],
) -> Joint:
    """Adjust the network and judge it. Raises NoSolution when it has no solution."""
    ties = [ground.ties(pair) for pair in tied if len(pair)]
    finest = min(ground.pixel(image) for image in range(len(ground.grids)))
    network = replace(how.network, floor=FLOOR * finest)
    found = adjust(nodes, ties, network)
    corrections = list(_corrections(ground, found.models, how.strength))
    if how.local is not None:
        linear = [one.linear for one in corrections]
        fields = fit_fields(nodes, ties, linear, how.local, network)
        corrections = [
            replace(one, field=field and field.scaled(how.local_strength))
            for one, field in zip(corrections, fields)
        ]
        for one, grid in zip(corrections, ground.grids):
            one.refuse_folding(grid if same_crs(grid.crs, ground.crs) else None)
    models = [Bent(one.linear, one.field) for one in corrections]
    used = [pair for pair in ties if (pair.weight > 0).any()]
    squares = [_squares(pair, models) for pair in used]
    numbers = tuple(_numbers(pair, *ends) for pair, ends in zip(used, squares))
    groups = tuple(int(group) for group in found.groups)
    return Joint(
        ground,
        tuple(corrections),
        groups,
        numbers,
        _rmse_of(squares),
        closures(used, found.models, FLOOR * finest),
        _refusals(numbers, squares, groups, models, names),
    )


def _corrections(ground: Ground, models: Sequence[Linear], strength: float) -> Iterator[Correction]:
    for model in models:
        yield Correction(ground.crs, ground.frame, model).scaled(strength)


def _squares(pair: Ties, models: Sequence[Bent]) -> tuple[Floats, Floats]:
    """Return squared residuals of held-out points before and after, px."""
    checked = pair.checked()
    ends = (checked.p - checked.q, residuals(checked, models))
    before, after = (((end / pair.pixel) ** 2).sum(1) for end in ends)
    return before, after


def _rmse_of(squares: Sequence[tuple[Floats, Floats]]) -> tuple[float, float]:
    """Return the RMSE before and after of several pairs together."""
    none = np.empty(0)
    before, after = (np.concatenate([none, *(ends[k] for ends in squares)]) for k in (0, 1))
    return _rmse(before, after)


def _rmse(before: Floats, after: Floats) -> tuple[float, float]:
    if not len(before):
        return math.nan, math.nan
    return math.sqrt(float(before.mean())), math.sqrt(float(after.mean()))


def _numbers(pair: Ties, before: Floats, after: Floats) -> PairNumbers:
    ends = _rmse(before, after)
    change = after - before
    error = float(change.std()) / math.sqrt(max(1, len(change)))
    worse = len(change) >= FEW and ends[1] > SMALL and float(change.mean()) > SURE * error
    return PairNumbers(pair.first, pair.second, len(pair), *ends, worse)


def _refusals(
    numbers: Sequence[PairNumbers],
    squares: Sequence[tuple[Floats, Floats]],
    groups: Sequence[int],
    models: Sequence[Bent],
    names: Sequence[str],
) -> dict[int, str]:
    """Return why groups are refused: the first reason of each."""
    found: dict[int, str] = {}
    for group in range(1, max(groups, default=0) + 1):
        own = [at for at, pair in enumerate(numbers) if groups[pair.first] == group]
        ends = _rmse_of([squares[at] for at in own])
        members = [image for image, one in enumerate(groups) if one == group]
        reasons = (
            *_worse([numbers[at] for at in own], ends, names),
            *_stretched(members, models, names),
        )
        if reasons:
            found[group] = reasons[0]
    return found


def _worse(
    pairs: Sequence[PairNumbers], ends: tuple[float, float], names: Sequence[str]
) -> Iterator[str]:
    before, after = ends
    if after > before and after > SMALL:
        yield (
            f"The correction was refused: residual {before:.3g} px before, {after:.3g} px after. "
            "Nothing was corrected; see the report."
        )
    for pair in pairs:
        if pair.worse:
            yield (
                f"The correction was refused: between {names[pair.first]} and "
                f"{names[pair.second]} the residual is {pair.before:.3g} px before and "
                f"{pair.after:.3g} px after. Remove wrong tie points, or choose another "
                "GLOBAL_MODEL."
            )


def _stretched(
    members: Sequence[int], models: Sequence[Bent], names: Sequence[str]
) -> Iterator[str]:
    for image in members:
        worst = max(models[image].linear.scales, key=lambda one: abs(one - 1))
        if not SCALES[0] <= worst <= SCALES[1]:
            yield (
                f"The correction was refused: it scales {names[image]} by {worst:.3g}, outside "
                f"{SCALES[0]:g} to {SCALES[1]:g}. Check the pixel sizes, or use GLOBAL_MODEL = "
                "rigid."
            )
