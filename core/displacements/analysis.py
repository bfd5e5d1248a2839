# SPDX-License-Identifier: GPL-2.0-or-later
"""What the key points of a pair say: described on the ground, counted, judged."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..matching.accuracy import Situation, accuracy
from ..matching.altitude import altitude
from ..matching.keypoints import LOW_SCORE, USED, KeyPoints
from ..matching.verdict import Finding, Judging, Verdict, judge
from ..matching.zones import zones
from ..progress import SILENT, Progress
from ..requests.shared.comparing import Analyzing
from ..transform.field import Field
from ..windows import Window
from .fields import field_of_points
from .ground import Ground, with_altitude, with_map
from .inputs import Inputs
from .measure import Measured
from .returned import give_back
from .similarity import with_similarity

DIGITS = 9
"""Decimals of a displacement in px that mean something."""


@dataclass(frozen=True)
class Limits:
    """Numbers of a configuration file that an analysis needs: px, and units of the heights."""

    large_shift: float = 2.0
    height_bin: float = 100.0


@dataclass(frozen=True)
class Analysis:
    """Everything that is known about a pair; `area` is the overlap in reference pixels."""

    inputs: Inputs
    measured: Measured
    points: KeyPoints
    area: Window
    field: Field | None
    ground: Ground
    finding: Finding
    verdict: Verdict

    @property
    def large_shift(self) -> tuple[float, float]:
        """The displacement of the whole image that the search began with, px."""
        return (self.measured.start.dx, self.measured.start.dy)


def analyzed(
    inputs: Inputs,
    measured: Measured,
    how: Analyzing,
    limits: Limits,
    progress: Progress = SILENT,
) -> Analysis:
    """Describe the measured key points of a pair and judge them."""
    grid, area = inputs.grid, overlap(inputs)
    ground = Ground(grid, how.pixel_size)
    points = _described(inputs, measured.key_points, how, progress)
    accepted = points.chosen(points.accepted)
    field = field_of_points(accepted, grid) if len(accepted) else None
    known = Situation(
        area,
        measured.tried,
        measured.valid_pixels,
        field,
        ground.vectors,
        ground.unit,
        ground.y_up,
    )
    heights = altitude(points, area, limits.height_bin) if inputs.dem is not None else None
    finding = Finding(accuracy(points, known), zones(points, area), heights)
    start = (measured.start.dx, measured.start.dy)
    large = start if math.hypot(*start) > limits.large_shift else None
    judging = Judging(how.tolerance, how.confidence, large, measured.inverted, ground.seen)
    verdict = judge(points, finding, judging)
    return Analysis(inputs, measured, points, area, field, ground, finding, verdict)


def overlap(inputs: Inputs) -> Window:
    """Return what both images cover, in pixels of the reference."""
    pair = inputs.pair
    sides = (round(side * pair.factor) for side in (pair.grid.width, pair.grid.height))
    return Window(*pair.origin, *sides).clipped(inputs.grid.window)


def scored(points: KeyPoints, confidence: float) -> KeyPoints:
    """Return the points, the accepted ones used or not by this smallest score."""
    status = np.where(points.score >= confidence, USED, LOW_SCORE)
    return points.with_columns(status=np.where(points.accepted, status, points.status))


def _described(inputs: Inputs, points: KeyPoints, how: Analyzing, progress: Progress) -> KeyPoints:
    """Add what is known about each point beside its displacement."""
    progress.phase("Comparing the images around the key points")
    # what rounding leaves of nothing is no displacement
    dx, dy = (np.round(column, DIGITS) + 0.0 for column in (points.dx, points.dy))
    points = points.with_columns(dx=dx, dy=dy)
    points = with_map(points, inputs.grid, how.pixel_size)
    first, second = progress.part(0.0, 0.9), progress.part(0.9, 1.0)
    points = with_similarity(
        inputs.pair, points, how.confidence, threads=how.threads, progress=first
    )
    give_back()
    if inputs.dem is None:
        return points
    return with_altitude(points, inputs.grid, inputs.dem, threads=how.threads, progress=second)
