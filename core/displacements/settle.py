# SPDX-License-Identifier: GPL-2.0-or-later
"""Key points of one level: selected, captured, measured, rejected; and the field through them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..matching import corners, outliers
from ..transform.field import Field, fit_field, neighbors_for, spacing_for
from ..transform.planes import Column, Scattered
from ..windows import Window
from .crossing import Displacement
from .front import Level
from .passes import COUNTED, Index, Run, Scene, Tracking, Tracks, follow, restage, stage
from .returned import give_back
from .staged import staged_planes

ROUNDS = 3
"""Times that points are measured at most."""

NEAR = 0.5
"""Farthest from the sampled place, and from where capture saw it, that a first measurement is
believed, px."""

LOST = 1.0
"""Last step of a measurement from which a point is rejected, px."""

CAUGHT_SIGMA = 0.3
"""Standard deviation of a point that is captured only, px."""

SETTLED = 0.05
"""Median change of the field that is not worth another measurement, px."""

ASTRAY = 0.1
"""Change of the field at a point that is worth one all the same, px; the median sigma or that of
the point where they are larger."""

CELL = 128
"""Side of the cells that are measured anew or not, px; the same for all windows."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Settled:
    """Captured points at pixels (x, y) of a level, which of them are accepted, and their field.

    `tried`: points that were looked for; `valid`: pixels of the level that both images have.
    """

    x: Index
    y: Index
    tracks: Tracks
    accepted: Flags
    field: Field | None
    tried: int
    valid: int

    @property
    def points(self) -> Scattered:
        """The accepted points."""
        sigma = np.hypot(self.tracks.sigma_x, self.tracks.sigma_y)
        found = Scattered(
            self.x.astype(float), self.y.astype(float), self.tracks.dx, self.tracks.dy, sigma
        )
        return found.chosen(self.accepted)


@dataclass(frozen=True)
class Quota:
    """How many points are wanted, how far apart, how often they are measured, and which rule
    rejects them."""

    max_points: int = 20000
    min_distance: float = 10.0
    rounds: int = ROUNDS
    rule: str = "local"


def _local(x: Column, y: Column, dx: Column, dy: Column, sigma: Column) -> Flags:
    return outliers.local_outliers(x, y, dx, dy, sigma)


def _global(x: Column, y: Column, dx: Column, dy: Column, sigma: Column) -> Flags:
    return outliers.global_outliers(dx, dy)


def _none(x: Column, y: Column, dx: Column, dy: Column, sigma: Column) -> Flags:
    return np.asarray(~(np.isfinite(dx) & np.isfinite(dy)))


RULES: dict[str, Callable[[Column, Column, Column, Column, Column], Flags]] = {
    "local": _local,
    "global": _global,
    "none": _none,
}


def settle(
    level: Level,
    start: Displacement,
    prior: Scattered | None,
    tracking: Tracking,
    quota: Quota,
    run: Run,
) -> Settled:
    """Measure the key points of a level, beginning with a displacement that is nearly right.

    `prior`: points of a coarser level, in pixels of this one, which hold the field where this
    level has none.
    """
    with staged_planes(level.window.width) as planes:
        scene = Scene(level, planes, tracking)
        found = stage(scene, start, run.part(0.0, 0.45))
        give_back()
        chosen = corners.select(
            found.strongest(quota.max_points, quota.min_distance),
            found.counts,
            COUNTED,
            max_points=quota.max_points,
            min_distance=quota.min_distance,
        )
        points = chosen.x.astype(np.int64), chosen.y.astype(np.int64)
        tracks = follow(scene, start, points, run.part(0.45, 0.65), capturing=True)
        kept = np.flatnonzero(np.isfinite(tracks.caught_x))
        points = points[0][kept], points[1][kept]
        give_back()
        work = _Work(scene, quota, points, _chosen(tracks, kept), prior)
        accepted, field = work.refined(start, run.part(0.65, 1.0))
    give_back()
    return Settled(*work.points, work.tracks, accepted, field, len(chosen), int(found.counts.sum()))


def _chosen(tracks: Tracks, which: Index) -> Tracks:
    return Tracks(*(getattr(tracks, name)[which] for name in tracks.__dataclass_fields__))


class _Work:
    """The points of a level while they are measured, again where the field has moved."""

    def __init__(
        self,
        scene: Scene,
        quota: Quota,
        points: tuple[Index, Index],
        tracks: Tracks,
        prior: Scattered | None,
    ) -> None:
        self.scene, self.area, self.quota = scene, scene.level.window, quota
        self.points, self.tracks, self.prior = points, tracks, prior
        self.x, self.y = (v.astype(float) for v in points)

    def refined(self, start: Displacement, run: Run) -> tuple[Flags, Field | None]:
        """Measure points until the field stays; return which are accepted, and the field."""
        base = [np.array(np.broadcast_to(v, self.x.shape), float) for v in start(self.x, self.y)]
        first, later = self._first(), self._later()
        accepted = self._accepted(first)
        field = self._field(first, accepted)
        for part in run.progress.split(self.quota.rounds - 1):
            dirty = self._dirty(field, base, accepted, first)
            if field is None or not dirty.any():
                break
            again = self._again(field, dirty, replace(run, progress=part))
            for column, now in zip(base, field.at(self.x[again], self.y[again])):
                column[again] = now
            first = later = self._later()
            accepted = self._accepted(later)
            field = self._field(later, accepted)
        if first is not later:
            accepted = self._accepted(later)
            field = self._field(later, accepted)
        run.progress.advance(1.0)
        return accepted, field

    def _first(self) -> Scattered:
        """Displacements after the first pass: measured ones where they are near, else captured."""
        t = self.tracks
        apart = np.hypot(t.dx - t.caught_x, t.dy - t.caught_y)
        with np.errstate(invalid="ignore"):
            near = (t.residual <= NEAR) & (apart <= NEAR)
        sigma = np.where(near, np.hypot(t.sigma_x, t.sigma_y), CAUGHT_SIGMA)
        dx, dy = np.where(near, t.dx, t.caught_x), np.where(near, t.dy, t.caught_y)
        return Scattered(self.x, self.y, dx, dy, sigma)

    def _later(self) -> Scattered:
        """Measured displacements; NaN where the last step was too long to be believed."""
        t = self.tracks
        with np.errstate(invalid="ignore"):
            good = t.residual <= LOST
        dx, dy = np.where(good, t.dx, np.nan), np.where(good, t.dy, np.nan)
        return Scattered(self.x, self.y, dx, dy, np.hypot(t.sigma_x, t.sigma_y))

    def _accepted(self, points: Scattered) -> Flags:
        if not len(points):
            return np.zeros(0, bool)
        finite = np.isfinite(points.dx) & np.isfinite(points.sigma)
        accepted = np.zeros(len(points), bool)
        p = points.chosen(finite)
        if len(p):
            accepted[finite] = ~RULES[self.quota.rule](p.x, p.y, p.dx, p.dy, p.sigma)
        return accepted

    def _field(self, points: Scattered, accepted: Flags) -> Field | None:
        known = points.chosen(accepted)
        if self.prior is not None:
            known = Scattered.joined(known, self.prior)
        if not len(known):
            return None
        spacing = spacing_for(max(self.area.width, self.area.height))
        wide = neighbors_for(len(known), self.area.pixels, self.scene.tracking.support)
        return fit_field(known, self.area, spacing, neighbors=wide)

    def _dirty(
        self, field: Field | None, base: list[Column], accepted: Flags, points: Scattered
    ) -> Flags:
        """Return the cells[row, col] in which the field has left where points were sampled."""
        cells = np.zeros([-(-size // CELL) for size in self.area.shape], bool)
        if field is not None and accepted.any():
            now = field.at(self.x, self.y)
            moved = np.hypot(now[0] - base[0], now[1] - base[1])
            near = SETTLED if np.median(moved[accepted]) > SETTLED else ASTRAY
            limit = max(near, float(np.median(points.sigma[accepted])))
            far = accepted & (moved > np.maximum(limit, points.sigma))
            cells[self.points[1][far] // CELL, self.points[0][far] // CELL] = True
        return cells

    def _again(self, field: Field, dirty: Flags, run: Run) -> Index:
        """Sample dirty cells and those round them through a field; measure the points in them."""
        windows = _covering(_grown(dirty), run.windows(self.scene.level), self.area)
        restage(self.scene, field.at, windows, run.part(0.0, 0.7))
        which = np.flatnonzero(dirty[self.points[1] // CELL, self.points[0] // CELL])
        points = self.points[0][which], self.points[1][which]
        found = follow(self.scene, field.at, points, run.part(0.7, 1.0), capturing=False)
        caught = self.tracks.caught_x[which], self.tracks.caught_y[which]
        self.tracks.put(which, replace(found, caught_x=caught[0], caught_y=caught[1]))
        return which


def _grown(cells: Flags) -> Flags:
    """Return cells and the eight round each."""
    padded = np.pad(cells, 1)
    rows, cols = cells.shape
    shifts = [(down, across) for down in range(3) for across in range(3)]
    return np.asarray(np.any([padded[d : d + rows, a : a + cols] for d, a in shifts], axis=0), bool)


def _covering(cells: Flags, windows: list[Window], area: Window) -> list[Window]:
    """Return the part of each window that reaches round its cells; windows without are left out."""
    found = []
    for window in windows:
        box = window.aligned(CELL, CELL)
        here = Window(box.col // CELL, box.row // CELL, box.width // CELL, box.height // CELL)
        rows, cols = np.nonzero(cells[here.slices])
        if len(rows):
            one = Window(
                (here.col + int(cols.min())) * CELL,
                (here.row + int(rows.min())) * CELL,
                (int(np.ptp(cols)) + 1) * CELL,
                (int(np.ptp(rows)) + 1) * CELL,
            )
            found.append(one.clipped(window).clipped(area))
    return found
