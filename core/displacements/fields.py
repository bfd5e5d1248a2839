# SPDX-License-Identifier: GPL-2.0-or-later
"""The continuous field of displacements of key points."""

from __future__ import annotations

import numpy as np

from ..grid import Grid
from ..matching.keypoints import KeyPoints
from ..transform.field import Field, fit_field, spacing_for
from ..transform.planes import Scattered

UNSURE = 0.25
"""Standard deviation of points whose own is not known, px (KARIOS's tables)."""


def field_of_points(
    points: KeyPoints, grid: Grid, spacing: float = 0.0, neighbors: int = 20
) -> Field:
    """Return the continuous field of accepted points on a grid; spacing 0 chooses it.

    Raises NoSolution without points.
    """
    points = points.chosen(points.accepted)
    sigma = np.where(np.isfinite(points.sigma), points.sigma, UNSURE)
    scattered = Scattered(points.x0, points.y0, points.dx, points.dy, sigma)
    spacing = spacing or spacing_for(max(grid.width, grid.height))
    return fit_field(scattered, grid.window, spacing, neighbors=neighbors)
