# SPDX-License-Identifier: GPL-2.0-or-later
"""The local field: what a linear model leaves, as cubic B-splines fitted to all pixels at once.

Each round warps the moving image's raw values by the model and the field, compares both images
there, and moves the field's nodes together, against their stiffness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..transform.bspline import BSplineField
from ..transform.elastic import Nodes, Normal, bending, normal_of_lattice
from ..transform.models import Linear
from .bandpass import band_pass_difference
from .patches import Coarser, Patch, coarser, patch_of
from .smoothing import (
    PHASE,
    box_mean,
    enlarged,
    gradient,
    inner,
    reduced,
    reduced_weight,
    weight_of,
)

Floats = NDArray[np.float32]
Column = NDArray[np.float64]

SPACING = 32.0
MOST_NODES = 256
LEVELS = ((4, 3), (2, 2), (1, 3))
LOCAL = 24.0
FLOOR = 1e-3
LEAST = 0.2
CORRELATED = 8.0
BEND = 1.0
CUT = 4.685


@dataclass(frozen=True)
class Elastic:
    """How a field may bend: distance of its nodes in px, 0 = automatic; factor of stiffness."""

    spacing: float = 0.0
    smoothness: float = 1.0

    def step(self, shape: tuple[int, ...]) -> float:
        """Return the distance of nodes over an array [row, col], px."""
        return self.spacing if self.spacing > 0 else max(SPACING, max(shape) / MOST_NODES)


@dataclass(frozen=True)
class LocalField:
    """A linear model and a field that is added to it, both in px of the patch's lattice.

    `stiffness`: factor that was chosen; `motion`: RMS of the last round's motion, px.
    """

    linear: Linear
    field: BSplineField
    stiffness: float = 1.0
    motion: float = 0.0

    def predict(self, x: Column, y: Column) -> tuple[Column, Column]:
        """Return the displacements (dx, dy) at reference positions."""
        dx, dy = self.linear.predict(x, y)
        du, dv = self.field.at(x, y)
        return dx + du, dy + dv

    def at(self, x: Column, y: Column) -> tuple[Column, Column]:
        """Return the moving positions of reference positions."""
        dx, dy = self.predict(x, y)
        return x + dx, y + dy


def solve_field(
    patch: Patch,
    linear: Linear,
    how: Elastic = Elastic(),  # noqa: B008 - frozen
    weight: Floats | None = None,
) -> LocalField:
    """Fit a field to what a linear model leaves of a patch.

    `weight` [row, col]: 0 for pixels that are not to be used (check windows). Raises NoSolution
    where the field would fold over.
    """
    shape = patch.reference.shape
    nodes = Nodes.over(shape, how.step(shape), patch.origin)
    stiffness = bending(nodes) * (how.smoothness / BEND**2)
    now = np.zeros((2, nodes.rows, nodes.columns))
    motion = 0.0
    for factor, rounds in LEVELS:
        level = _coarse(patch, factor)
        shown = np.ones(shape, np.float32) if weight is None else weight
        shown = coarser(shown, np.ones(shape, bool), factor)[0]
        for _ in range(rounds):
            model = LocalField(linear, nodes.field(now))
            step = _evidence(level, model, shown, nodes, factor).solved(stiffness, now)
            motion = float(np.sqrt((step**2).sum(0).mean()))
            now = now + step
    return LocalField(linear, nodes.field(now), 1.0, motion)


class _Coarse:
    """A model on a lattice whose pixels are coarser by a whole factor."""

    def __init__(self, model: LocalField, factor: int) -> None:
        self.model, self.factor = model, factor

    def at(self, x: Column, y: Column) -> tuple[Column, Column]:
        half = (self.factor - 1) / 2
        found = self.model.at(x * self.factor + half, y * self.factor + half)
        return (found[0] - half) / self.factor, (found[1] - half) / self.factor


def _coarse(patch: Patch, factor: int) -> Patch:
    if factor == 1:
        return patch
    reference = coarser(patch.reference, patch.valid, factor)
    moving = coarser(patch.moving, patch.moving_valid, factor)
    return patch_of(*reference, *moving, mapping=Coarser(patch.mapping, factor))


def _evidence(level: Patch, model: LocalField, shown: Floats, nodes: Nodes, factor: int) -> Normal:
    values, valid = level.warped(_Coarse(model, factor))  # type: ignore[arg-type]
    joint = valid & level.valid
    f = band_pass_difference(level.reference, level.valid) * joint
    g = band_pass_difference(values, valid) * joint
    share = reduced_weight(weight_of(joint), f.shape)
    ff, gg, fg = (
        box_mean(reduced(a * b), share, LOCAL / PHASE) for a, b in ((f, f), (g, g), (f, g))
    )
    tiny = np.float32(1e-12) * max(np.float32(1e-20), ff.max())
    like = fg / np.sqrt((ff + tiny) * (gg + tiny))
    gain = np.sqrt((ff + tiny) / (gg + tiny)) * np.sign(like)
    noise = 2 * ff * (1 - np.abs(like) + np.float32(FLOOR)) + tiny
    trust = np.clip((np.abs(like) - LEAST) / (1 - LEAST), 0, 1) / noise / CORRELATED
    g = g * enlarged(gain, f.shape)
    rest = f - g
    u = rest * enlarged(1 / (CUT * np.sqrt(noise)), f.shape)
    weight = shown * inner(joint) * np.maximum(0, 1 - u * u) ** 2 * enlarged(trust, f.shape)
    along_x, along_y = gradient((f + g) * np.float32(0.5 / factor))
    wx, wy = weight * along_x, weight * along_y
    block = max(1, PHASE // factor)
    products = tuple(
        _summed(part, block)
        for part in (wx * along_x, wx * along_y, wy * along_y, wx * rest, wy * rest)
    )
    half = (block * factor - 1) / 2
    y, x = (np.arange(size) * (block * factor) + half for size in products[0].shape)
    return normal_of_lattice(nodes, x, y, products)


def _summed(values: Floats, block: int) -> Floats:
    if block == PHASE:
        return reduced(values) * np.float32(PHASE**2)
    if block == 1:
        return values
    bottom, right = (-size % block for size in values.shape)
    padded = np.pad(values, ((0, bottom), (0, right)))
    rows, cols = (size // block for size in padded.shape)
    return np.asarray(padded.reshape(rows, block, cols, block).sum((1, 3)))
