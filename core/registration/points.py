# SPDX-License-Identifier: GPL-2.0-or-later
"""The windows of a solve as key points of the reference, and what became of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..displacements.ground import with_map
from ..grid import Grid
from ..image import Array, Mask
from ..matching.consensus import Points
from ..matching.keypoints import LOW_SCORE, OUTLIER, USED, KeyPoints
from ..matching.windowed import CLOSURE, SCORE, Matches
from .corrected import corrected
from .estimate import Estimate
from .lattice import Lattice, averaged

Column = NDArray[np.float64]

STABLE = (0.01, 0.03)
"""Constants of structural similarity, as shares of the range."""

RANGE = 6.0
"""Range of values in deviations."""


@dataclass(frozen=True)
class Listed:
    """Key points of a solve, and columns that other key points do not have (name: values)."""

    points: KeyPoints
    columns: dict[str, Any]


def listed(found: Estimate, given: KeyPoints | None, min_reliability: float) -> Listed:
    """Return all windows, dropped ones too, and given points as key points of the reference."""
    parts = []
    if found.solved is not None and found.solved.settled is not None:
        parts.append(_windows(found, min(min_reliability, found.solved.least)))
    if given is not None and len(given):
        parts.append(_given(found, given))
    if not parts:
        return Listed(KeyPoints.none(), {})
    names = parts[0].columns
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in names}
    kept = ("x0", "y0", "dx", "dy", "score", "sigma_x", "sigma_y", "status")
    table = {name: np.concatenate([getattr(part.points, name) for part in parts]) for name in kept}
    order = np.lexsort((table["y0"], table["x0"]))
    columns = {name: values[order] for name, values in columns.items()}
    points = KeyPoints(**{name: values[order] for name, values in table.items()})
    columns = {"id": np.arange(1, len(points) + 1), **columns}
    return Listed(with_map(points, found.lattice.reference.grid), columns)


def on_lattice(points: KeyPoints, lattice: Lattice) -> Points:
    """Return key points of the reference in px of the lattice; disabled ones have no weight."""
    grid = lattice.reference.grid
    x, y = _across(grid, lattice.grid, points.x0, points.y0)
    there = _across(grid, lattice.grid, points.x0 + points.dx, points.y0 + points.dy)
    return Points(x, y, there[0] - x, there[1] - y, points.used.astype(np.float64))


def _across(source: Grid, target: Grid, x: Array, y: Array) -> tuple[Column, Column]:
    col, row = target.to_pixel(*source.to_map(x + 0.5, y + 0.5))
    return col - 0.5, row - 0.5


def _windows(found: Estimate, min_reliability: float) -> Listed:
    solved, lattice = found.solved, found.lattice
    if solved is None or solved.settled is None:
        return Listed(KeyPoints.none(), {})
    settled = solved.settled
    matches = settled.matches
    grid, scale = lattice.reference.grid, np.array(lattice.factor)
    x, y = _across(lattice.grid, grid, matches.x, matches.y)
    there = _across(lattice.grid, grid, matches.x + matches.dx, matches.y + matches.dy)
    dx, dy = there[0] - x, there[1] - y
    states = [matches.good(level=level, min_reliability=min_reliability) for level in (1, 2)]
    inliers = settled.found.inliers
    status = np.where(~states[1], LOW_SCORE, np.where(inliers | matches.check, USED, OUTLIER))
    points = KeyPoints(
        x,
        y,
        dx,
        dy,
        np.clip(np.nan_to_num(matches.score), 0, 1),
        matches.sigma_x * scale[0],
        matches.sigma_y * scale[1],
        status.astype(np.uint8),
    )
    count = len(points)
    before, after = _similar(found)
    columns = {
        "reliability": matches.reliability,
        "window": np.full(count, settled.windows.size),
        "valid_fraction": matches.valid_fraction,
        "level": np.ones(count, np.int64),
        "ssim_before": before,
        "ssim_after": after,
        **_flags(states[0], states[1], inliers, matches.check),
        "weight": settled.found.weights,
        **_residuals(found, points),
        "role": np.where(matches.check, "check", "fit"),
        "reason": np.array(list(_reasons(matches, inliers, min_reliability)), object),
    }
    return Listed(points, columns)


def _flags(first: Mask, second: Mask, inliers: Mask, check: Mask) -> dict[str, Any]:
    third = ~inliers & second & ~check
    flags = {"l1_outlier": ~first, "l2_outlier": first & ~second, "l3_outlier": third}
    flags["outlier"] = ~first | ~second | third
    return {name: values.astype(np.int64) for name, values in flags.items()}


def _residuals(found: Estimate, points: KeyPoints) -> dict[str, Column]:
    """Return what the correction leaves of the displacements, px of the reference."""
    grid = found.lattice.reference.grid
    dx, dy = found.correction.displacements(grid, points.x0, points.y0)
    return {"residual_x": points.dx - dx, "residual_y": points.dy - dy}


def _reasons(matches: Matches, inliers: Mask, min_reliability: float) -> Iterator[str]:
    """Yield why each window is not used; empty where it is."""
    for index in range(len(matches)):
        if not np.isfinite(matches.dx[index]):
            yield "too few valid pixels or no texture"
        elif matches.reliability[index] < min_reliability:
            yield "low reliability"
        elif matches.at_limit[index]:
            yield "at the limit of the search"
        elif abs(matches.score[index]) < SCORE:
            yield "weak match"
        elif not matches.closure[index] <= CLOSURE:
            yield "the way back leads elsewhere"
        elif matches.check[index]:
            yield ""
        else:
            yield "" if inliers[index] else "disagrees with the model"


def _similar(found: Estimate) -> tuple[Column, Column]:
    """Return the structural similarity of the windows' values before and after."""
    solved, lattice = found.solved, found.lattice
    if solved is None or solved.settled is None:
        return np.empty(0), np.empty(0)
    windows = solved.settled.windows
    nothing = np.full(len(windows), np.nan)
    if solved.factor > 1:
        return nothing, nothing
    reference, valid = solved.held.reference, solved.held.valid
    ends = []
    for correction in (found.correction.scaled(0.0), found.correction):
        view = corrected(lattice.moving, correction, lattice.grid, resampling="cubic")
        values, seen = averaged(view, lattice.grid.window)
        joint = valid & seen
        ends.append(
            np.array(
                [
                    _ssim(reference, values, joint, _box(col, row, windows.size))
                    for col, row in zip(windows.col, windows.row)
                ]
            )
        )
    return ends[0], ends[1]


def _box(col: int, row: int, size: int) -> tuple[slice, slice]:
    return slice(int(row), int(row) + size), slice(int(col), int(col) + size)


def _ssim(a: Array, b: Array, valid: Mask, part: tuple[slice, slice]) -> float:
    """Return the structural similarity of a window, its values brought to deviation 1.

    Wang et al. 2004, doi:10.1109/TIP.2003.819861, without its luminance term, since brightness
    and contrast of two images differ.
    """
    kept = valid[part]
    if kept.sum() < kept.size / 4:
        return float("nan")
    one, other = (np.asarray(values[part][kept], np.float64) for values in (a, b))
    one, other = one - one.mean(), other - other.mean()
    spread = one.std() * other.std()
    small = (STABLE[1] / RANGE) ** 2
    return float(((one * other).mean() / spread + small) / (1 + small)) if spread > 0 else 0.0


def _given(found: Estimate, given: KeyPoints) -> Listed:
    count = len(given)
    nothing, zeros = np.full(count, np.nan), np.zeros(count, np.int64)
    solved = found.solved
    inliers = np.ones(count, bool)
    if solved is not None and solved.settled is None and len(solved.agreed.inliers) == count:
        inliers = solved.agreed.inliers
    third = (~inliers & given.used).astype(np.int64)
    off = (~given.used).astype(np.int64)
    columns = {
        "reliability": nothing,
        "window": zeros,
        "valid_fraction": nothing,
        "level": zeros,
        "ssim_before": nothing,
        "ssim_after": nothing,
        "l1_outlier": zeros,
        "l2_outlier": zeros,
        "l3_outlier": third,
        "outlier": np.maximum(third, off),
        "weight": given.used.astype(np.float64),
        **_residuals(found, given),
        "role": np.full(count, "given"),
        "reason": np.array(["" if used else "disabled" for used in given.used], object),
    }
    return Listed(given, columns)
