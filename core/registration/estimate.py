# SPDX-License-Identifier: GPL-2.0-or-later
"""Estimate the correction of a pair, verify it, and say whether it counts and why."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..displacements.ground import Ground
from ..errors import NoSolution
from ..grid import Grid
from ..image import Image
from ..matching.consensus import linear_kind
from ..matching.local import LocalField
from ..raster.crs import is_geographic
from ..requests.shared.matching import PairMatching
from ..transform.bspline import BSplineField, fitted_nodes
from ..transform.correction import Correction, Frame, correction_of, identity
from .lattice import Lattice, frame_of, lattice_of
from .solve import Given, Run, Solved, solve
from .verify import Checked, checked

LEAST_RELIABILITY = 20.0
SMALL, TINY = 0.05, 0.02
"""Residual below which images lie on each other, and the correction that is none, px."""

NOISE = 0.01
"""Growth of the residual that is noise of the check windows, px."""

LESS_ALIKE = 0.01
"""Share by which the images may become less alike."""

SCALES = (0.9, 1.1)
NEAR_LIMIT = 1.0
"""Px of the lattice before the limit of the search that count as the limit."""


@dataclass(frozen=True)
class Estimate:
    """The correction of a pair and how far it is to be believed.

    `shift` is the displacement at the middle of the overlap in px of the reference, `on_map` the
    same in map units. `solved` and `checked` are None where nothing could be found; then the
    correction moves nothing.
    """

    correction: Correction
    lattice: Lattice
    model: str
    accepted: bool
    reason: str
    solved: Solved | None = None
    checked: Checked | None = None
    shift: tuple[float, float] = (0.0, 0.0)
    on_map: tuple[float, float] = (0.0, 0.0)
    lowered: str = ""
    quality: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model_used(self) -> str:
        """The kind of model that the support allowed."""
        return self.solved.kind if self.solved else "translation"

    @property
    def metric_used(self) -> str:
        """The measure that had the last word."""
        return self.solved.metric if self.solved else ""

    @property
    def rmse(self) -> tuple[float | None, float | None]:
        """Residual of the check windows before and after, px of the reference."""
        if self.checked is None or not self.checked.used.any():
            return None, None
        return self.checked.rmse

    @property
    def reliability(self) -> float:
        """0 to 100."""
        found = self.solved.quality.reliability if self.solved else 0.0
        return found if math.isfinite(found) else 0.0

    @property
    def points(self) -> int:
        """Windows or points that agree on the model."""
        return self.solved.quality.inliers if self.solved else 0


def estimate(
    lattice: Lattice, model: str, how: PairMatching, run: Run, given: Given | None = None
) -> Estimate:
    """Return the correction of the two images of a lattice, accepted or not."""
    try:
        solved = solve(lattice, model, how, run.part(0.0, 0.7), given)
        correction = correction_from(solved, lattice)
        correction.refuse_folding(lattice.grid)
    except NoSolution as error:
        still = identity(lattice.grid.crs, _frame(lattice))
        return Estimate(still, lattice, model, False, str(error))
    found = checked(lattice, solved, correction, run.part(0.7, 1.0))
    return _judged(correction, lattice, model, solved, found)


def pair_lattice(reference: Image, moving: Image, model: str, how: PairMatching) -> Lattice:
    """Return the lattice on which a pair is compared. Raises IncompatibleImages when apart."""
    return lattice_of(
        reference,
        moving,
        max_shift=how.max_shift,
        resolutions=how.solve_resolutions,
        square=model in ("rigid", "similarity"),
        filling=not how.mutual_mask,
    )


def _frame(lattice: Lattice) -> Frame:
    """Return the metric frame at the middle of the overlap."""
    area = lattice.overlap
    x, y = lattice.grid.to_map(area.col + area.width / 2, area.row + area.height / 2)
    return frame_of(lattice.grid, x, y)


def correction_from(solved: Solved, lattice: Lattice) -> Correction:
    """Return what was solved on the lattice as a correction on the map."""
    frame, grid = _frame(lattice), lattice.grid
    found = None if solved.local is None else field_on_map(solved.local, grid, frame)
    linear = solved.model if solved.local is None else solved.local.linear
    return correction_of(linear, grid, frame, found)


def field_on_map(local: LocalField, grid: Grid, frame: Frame) -> BSplineField:
    """Return a field in px of a lattice as one in metric coordinates of the map."""
    _, a, b, _, d, e = grid.transform
    kx, ky = frame.scale
    mine = local.field

    def turned(dx: Any, dy: Any) -> tuple[Any, Any]:
        return (a * dx + b * dy) * kx, (d * dx + e * dy) * ky

    if not grid.rotated:
        u, v = frame.metric(*grid.to_map(mine.origin[0] + 0.5, mine.origin[1] + 0.5))
        step = (mine.step[0] * a * kx, mine.step[1] * e * ky)
        return BSplineField((float(u), float(v)), step, *turned(mine.dx, mine.dy))
    # nodes of a field run along u and v, which rows of this lattice do not
    left, low, right, high = grid.bounds
    (u0, v0), (u1, v1) = frame.metric(left, low), frame.metric(right, high)
    side = math.sqrt(abs(a * e - b * d) * kx * ky) * min(map(abs, mine.step))
    cols, rows = math.ceil((u1 - u0) / side) + 3, math.ceil((v1 - v0) / side) + 3
    u, v = np.meshgrid(u0 + side * np.arange(-1, cols - 1), v0 + side * np.arange(-1, rows - 1))
    x, y = grid.to_pixel(*frame.on_map(u, v))
    moved = turned(*mine.at(x - 0.5, y - 0.5))
    return fitted_nodes((u0 - side, v0 - side), (side, side), *moved)


def _judged(
    correction: Correction, lattice: Lattice, model: str, solved: Solved, found: Checked
) -> Estimate:
    """Return the estimate with its numbers, and whether it counts."""
    grid = lattice.reference.grid
    x0, y0 = correction.frame.origin
    x1, y1 = correction(x0, y0)
    east, north = float(x1 - x0), float(y1 - y0)
    before, after = grid.to_pixel(x0, y0), grid.to_pixel(x1, y1)
    shift = (float(after[0] - before[0]), float(after[1] - before[1]))
    reason = next(_refusals(correction, lattice, solved, found, shift), "")
    accepted = not reason
    ends = found.rmse if found.used.any() else (math.nan, math.nan)
    if accepted:
        reason = _accepted(correction, lattice, found, solved)
    return Estimate(
        correction,
        lattice,
        model,
        accepted,
        reason,
        solved,
        found,
        shift,
        (east, north),
        _lowered(model, solved),
        _numbers(solved, found, ends),
    )


def _lowered(model: str, solved: Solved) -> str:
    """Return why the model is simpler than the one asked for, or to be doubted; empty if not."""
    if solved.kind == model:
        return solved.doubt
    why = solved.agreed.lowered or "the support is too small"
    return f"The model is {solved.kind} instead of {model}: {why}."


def _refusals(
    correction: Correction,
    lattice: Lattice,
    solved: Solved,
    found: Checked,
    shift: tuple[float, float],
) -> Iterator[str]:
    """Yield the reasons why a result does not count."""
    factor = math.sqrt(math.prod(lattice.factor))
    limit = lattice.max_shift * factor
    if max(map(abs, shift)) > limit - NEAR_LIMIT * factor:
        yield (
            f"The best shift lies at the limit of the search ({limit_text(lattice)}). Raise "
            "MAX_SHIFT."
        )
    scales = correction.linear.scales
    if linear_kind(solved.kind) in ("similarity", "affine") and not all(
        SCALES[0] <= one <= SCALES[1] for one in scales
    ):
        worst = max(scales, key=lambda one: abs(one - 1))
        yield (
            f"The correction was refused: it scales the image by {worst:.3g}, outside "
            f"{SCALES[0]:g} to {SCALES[1]:g}. Check the pixel sizes, or use MODEL = rigid."
        )
    if not found.used.any():
        yield (
            "The correction was refused: no check window could be matched before and after it. "
            "Mask clouds and water, choose similar bands, or try METRIC = mutual_information."
        )
        return
    before, after = found.rmse
    if after > max(before + NOISE, SMALL):
        yield (
            f"The correction was refused: residual {before:.3g} px before, {after:.3g} px after. "
            "Nothing was corrected; see the report."
        )
    yield from _less_alike(found)
    reliability = solved.quality.reliability
    if not reliability >= LEAST_RELIABILITY:
        quality = solved.quality
        yield (
            f"The correction was refused: its reliability is {reliability:.0f} of 100, at least "
            f"{LEAST_RELIABILITY:.0f} are needed ({quality.inliers} of {quality.points} windows "
            f"agree, in {100 * quality.coverage:.0f} % of the usable area). Mask clouds and water, "
            "or choose similar bands."
        )


def _less_alike(found: Checked) -> Iterator[str]:
    first, then = found.alike
    pairs = (
        ("correlation", first.correlation, then.correlation),
        ("mutual information", first.information, then.information),
    )
    lower = [name for name, was, now in pairs if now < was - LESS_ALIKE * abs(was)]
    if len(lower) == len(pairs):
        name, was, now = pairs[0]
        yield (
            f"The correction was refused: the images are less alike after it ({name} {was:.3f} "
            f"before, {now:.3f} after). Nothing was corrected; see the report."
        )


def limit_text(lattice: Lattice) -> str:
    """Return the limit of the search in map units."""
    side = math.sqrt(math.prod(lattice.grid.pixel_size))
    return f"{lattice.max_shift * side:.4g} {map_unit(lattice.grid)}"


def map_unit(grid: Grid) -> str:
    """Return the short name of the map units of a grid."""
    return "°" if is_geographic(grid.crs) else Ground(grid).unit


def _accepted(correction: Correction, lattice: Lattice, found: Checked, solved: Solved) -> str:
    grid, area, ends = lattice.grid, lattice.overlap, found.rmse
    x, y = np.meshgrid(
        np.linspace(area.col, area.right - 1, 9), np.linspace(area.row, area.bottom - 1, 9)
    )
    dx, dy = correction.displacements(grid, x, y)
    most = float(np.hypot(dx * lattice.factor[0], dy * lattice.factor[1]).max())
    if most < TINY and ends[0] < SMALL:
        return (
            f"The images are already aligned: residual {ends[0]:.3g} px, largest correction "
            f"{most:.2g} px."
        )
    return (
        f"The correction was accepted: residual {ends[0]:.3g} px before, {ends[1]:.3g} px after "
        f"(measured to {found.noise:.2g} px), reliability {solved.quality.reliability:.0f} of 100 "
        f"({solved.kind})."
    )


def _numbers(
    solved: Solved, found: Checked, ends: tuple[float, float]
) -> dict[str, float | int | bool]:
    """Return the quality that a saved transform tells."""
    lengths = found.lengths
    quality = solved.quality
    middle = float(np.median(lengths)) if lengths.size else math.nan
    return {
        "rmse_before": ends[0],
        "rmse_after": ends[1],
        "measuring_noise": found.noise,
        "accuracy": found.accuracy if lengths.size else math.nan,
        "reliability": quality.reliability,
        "n_points": quality.points,
        "n_inliers": quality.inliers,
        "coverage": quality.coverage,
        "agreement": quality.agreement,
        "check_windows": int(found.used.sum()),
        "check_windows_excluded": int((~found.used).sum()),
        "checked_on_fit": found.from_fit,
        "correlation_before": found.alike[0].correlation,
        "correlation_after": found.alike[1].correlation,
        "information_before": found.alike[0].information,
        "information_after": found.alike[1].information,
        "median": middle,
        "mad": float(1.4826 * np.median(np.abs(lengths - middle))) if lengths.size else math.nan,
        "p95": float(np.percentile(lengths, 95)) if lengths.size else math.nan,
    }
