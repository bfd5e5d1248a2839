# SPDX-License-Identifier: GPL-2.0-or-later
"""The last word of an alignment: what windows agree on, refined on the pixels of those."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..transform.models import Linear
from .alignment import Aligning, Settled
from .consensus import linear_kind
from .information import INFORMATION
from .patches import Patch, Positioned, Seeing
from .refinement import CORRELATION, Ground, Refined, grounds, refine, weight_image

Column = NDArray[np.float64]

ALIKE, AGREEING = 0.95, 0.8
"""Median raw correlation and share of inliers from which mutual information adds nothing."""

RAW = 25
"""Windows whose raw values are compared."""


def refined_on(
    patches: Sequence[Patch], settled: Settled, options: Aligning
) -> tuple[Linear, Refined, str]:
    """Refine the linear part of what windows agree on, on the pixels of those that agree.

    Returns the model, the last refinement and the metric it used.
    """
    kind = linear_kind(settled.found.kind)
    refined, name = Refined(settled.found.model, 0, math.inf), CORRELATION.name
    weights = settled.found.weights
    if options.metric != INFORMATION.name:
        ground = _ground(patches, settled, weights, options.seeing, steepest=True)
        refined = refine(ground, refined.model, kind, CORRELATION)
    if options.metric != CORRELATION.name and (
        options.metric != "auto" or unlike(patches, settled, refined.model)
    ):
        # the density of pairs finds out by itself which pixels belong together
        ground = _ground(patches, settled, np.ones_like(weights), options.seeing, steepest=False)
        refined, name = refine(ground, refined.model, kind, INFORMATION), INFORMATION.name
    return refined.model, refined, name


def _ground(
    patches: Sequence[Patch],
    settled: Settled,
    weights: Column,
    seeing: Seeing,
    *,
    steepest: bool,
) -> list[Ground]:
    """Choose the pixels to refine on by the weights of windows."""
    images = [weight_image(patch, settled.windows, weights) for patch in patches]
    return grounds(patches, images, seeing, steepest=steepest)


def unlike(patches: Sequence[Patch], settled: Settled, model: Positioned) -> bool:
    """Return whether raw values differ so much that mutual information may know more."""
    if settled.share < AGREEING:
        return True
    agreeing = np.flatnonzero(settled.found.inliers)
    windows = settled.windows.chosen(agreeing[:: 1 + len(agreeing) // RAW])
    found = []
    for patch in patches:
        inside = windows.chosen(windows.inside(patch.origin, patch.reference.shape))
        for col, row in zip(inside.col - patch.origin[0], inside.row - patch.origin[1]):
            found.append(patch.part(int(col), int(row), inside.size).correlation(model))
    return not np.median(np.abs(found)) >= ALIKE if found else True
