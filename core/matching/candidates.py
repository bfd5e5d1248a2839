# SPDX-License-Identifier: GPL-2.0-or-later
"""Starts of an alignment: the best of all whole shifts of a coarse level, and some rotations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..transform.models import Linear
from .correlation import masked_correlation
from .patches import Coarser, Patch, Seeing, coarser, overlaid, patch_of

PEAKS = 5
CORNER_STEP = 1.5
"""Motion of a corner between two rotations that are tried, px of the coarse level."""


def coarse_patch(patch: Patch, factor: int) -> Patch:
    """Return a patch whose pixels are coarser by a whole factor."""
    if factor == 1:
        return patch
    reference = coarser(patch.reference, patch.valid, factor)
    moving = coarser(patch.moving, patch.moving_valid, factor)
    coarse = patch_of(*reference, *moving, Coarser(patch.mapping, factor).at)
    return replace(coarse, known={})


def candidates(
    level: Patch, seeing: Seeing, *, reach: float, max_rotation: float
) -> Iterator[Linear]:
    """Yield starts, the highest correlation first: shifts alone, then the best of all rotations.

    `reach`: largest shift, px; `max_rotation`: degrees, 0 = none is tried.
    """
    shape = level.reference.shape
    center = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    found = _peaks(level, _turned(0.0, center), seeing, reach, PEAKS)
    yield from (start for _, start in found)
    step = math.degrees(CORNER_STEP / math.hypot(*center))
    count = int(max_rotation / step)
    turned = []
    for turn in range(1, count + 1):
        for angle in (turn * step, -turn * step):
            turned += _peaks(level, _turned(angle, center), seeing, reach, 1)
    turned.sort(key=lambda one: -one[0])
    yield from (start for _, start in turned[:PEAKS])


def _turned(angle: float, center: tuple[float, float]) -> Linear:
    """Return a rotation by degrees, clockwise as seen."""
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return Linear("rigid", ((cos, -sin), (sin, cos)), (0.0, 0.0), center)


def _peaks(
    level: Patch, start: Linear, seeing: Seeing, reach: float, count: int
) -> list[tuple[float, Linear]]:
    """Return the highest correlations of all shifts after a start, and the starts they make."""
    overlay = overlaid(level, start, seeing).normalized(together=False)
    ends = (overlay.reference, overlay.moving)
    surface = masked_correlation(
        ends[0].values,
        ends[1].values,
        (ends[0].valid, ends[1].valid),
        (max(1, round(reach)), max(1, round(reach))),
    )
    if not seeing.edges:
        # band values may be inverted: a deep valley is as good as a peak
        known = surface.values > -1
        surface = surface._replace(values=np.where(known, np.abs(surface.values), -1.0))
    found = surface.peaks(count)
    return [
        (
            height,
            start.after(Linear("translation", shift=(float(dx), float(dy)), center=start.center)),
        )
        for dx, dy, height in found
    ]
