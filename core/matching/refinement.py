# SPDX-License-Identifier: GPL-2.0-or-later
"""Refine a linear model on the pixels of many patches at once.

Each round warps the moving image's raw values by the model, makes the features there, and solves
for a small motion that is composed with the model: features are never interpolated, which would
draw the result toward whole pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import NoSolution
from ..transform.models import Linear
from .edges import Feature
from .patches import Overlay, Patch, Seeing, overlaid
from .smoothing import gradient, inner
from .windowed import Windows

Floats = NDArray[np.float32]
Column = NDArray[np.float64]
Index = NDArray[np.int64]

SAMPLES = 100_000
"""Most pixels that enter a round."""

CELL = 128
"""Side of the cells that have a gain and an offset of their own, px."""

CUT = 4.685
"""Residuals beyond this many robust deviations have no weight."""

ROUNDS = 8
LAST = 2e-3
"""Motion of a corner of the overlap, px, after which another round would move it by less than a
quarter of that."""

LONGEST = 1.0
"""Largest motion of a round, px."""

SOFTEST, STIFFEST = 0.5, 10.0
"""Limits of the curvature that a step has shown, relative to the one computed."""

LEFT = 0.25
"""Share of the samples that must stay inside the moving image."""

GOLDEN = (math.sqrt(5.0) - 1) / 2


class Samples(NamedTuple):
    """What both images show at the sampled pixels, one entry a pixel.

    `reference, moving`: features; `slopes`: their derivatives along x and y, reference first;
    `weight`: 0 to 1; `cell`: index of the 128-px cell.
    """

    reference: Floats
    moving: Floats
    slopes: tuple[Floats, Floats, Floats, Floats]
    weight: Floats
    cell: Index


class Pull(NamedTuple):
    """Least squares for the motion: rest = along_x dx + along_y dy, with weights."""

    rest: Floats
    along_x: Floats
    along_y: Floats
    weight: Floats


class Metric(NamedTuple):
    """A measure of agreement: the features it wants, and the pull that each sample exerts."""

    name: str
    normalized: bool
    pull: Callable[[Samples], Pull]


@dataclass(frozen=True)
class Refined:
    """A refined model, the rounds it took, and the last motion of a corner, px."""

    model: Linear
    rounds: int
    motion: float

    @property
    def settled(self) -> bool:
        """True when the last motion was small."""
        return self.motion < LAST


@dataclass(frozen=True)
class Ground:
    """A patch with the pixels that are sampled in it: flat indices and their weights.

    `feature`: the reference's, which no model changes.
    """

    patch: Patch
    index: Index
    weight: Floats
    seeing: Seeing
    feature: Feature = field(repr=False)

    def overlay(self, model: Linear) -> Overlay:
        """Return the features of both under a model."""
        return overlaid(self.patch, model, self.seeing, self.feature)

    def samples(self, overlay: Overlay) -> Samples:
        """Return what an overlay shows at the sampled pixels."""
        joint = inner(overlay.joint)
        images = (overlay.reference.values, overlay.moving.values)
        slopes = [part for image in images for part in gradient(image)]
        weight = self.weight * joint.ravel()[self.index]
        taken = [part.ravel()[self.index] for part in (*images, *slopes)]
        fx, fy, gx, gy = taken[2:]
        return Samples(taken[0], taken[1], (fx, fy, gx, gy), weight, self._cells())

    def positions(self) -> tuple[Column, Column]:
        """Return the lattice positions of the sampled pixels."""
        row, col = np.divmod(self.index, self.patch.reference.shape[1])
        return (
            (col + self.patch.origin[0]).astype(np.float64),
            (row + self.patch.origin[1]).astype(np.float64),
        )

    def _cells(self) -> Index:
        x, y = self.positions()
        return np.asarray((x // CELL + (y // CELL) * 4096).astype(np.int64))


def grounds(
    patches: Sequence[Patch],
    weights: Sequence[Floats],
    seeing: Seeing,
    *,
    samples: int = SAMPLES,
    steepest: bool = False,
) -> list[Ground]:
    """Choose the pixels that are sampled, evenly among those with weight[row, col] above 0.

    `steepest`: of each run of neighbors the one where the reference's feature is steepest, as most
    is known of the displacement there.
    """
    total = sum(int(np.count_nonzero(weight)) for weight in weights)
    step = max(1.0, total / samples)
    found = []
    for patch, weight in zip(patches, weights):
        usable = np.flatnonzero(weight)
        if not len(usable):
            continue
        feature = patch.feature(seeing)
        if steepest:
            index = usable[_steepest(feature, usable, math.ceil(step))]
        else:
            index = usable[_spread(len(usable), step)]
        found.append(Ground(patch, index, weight.ravel()[index], seeing, feature))
    return found


def _spread(count: int, step: float) -> Index:
    """Return one number of each run of `step`, at places that follow no pattern."""
    if step == 1:
        return np.arange(count)
    run = np.arange(int(count / step))
    return np.asarray(((run + (run * GOLDEN) % 1.0) * step).astype(np.int64))


def _steepest(feature: Feature, usable: Index, run: int) -> Index:
    """Return the number of the steepest pixel of each run of usable ones."""
    along_x, along_y = gradient(feature.values)
    strength = (along_x * along_x + along_y * along_y) * inner(feature.valid)
    strength = strength.ravel()[usable]
    runs = len(usable) // run
    return np.asarray(strength[: runs * run].reshape(runs, run).argmax(1) + run * np.arange(runs))


def weight_image(patch: Patch, windows: Windows, weights: Column) -> Floats:
    """Return the weight [row, col] of pixels: the mean of the windows that cover them.

    Pixels of check windows, and those of no window, have none.
    """
    sums, count = (np.zeros([n + 1 for n in patch.reference.shape]) for _ in range(2))
    hidden = np.zeros(patch.reference.shape, bool)
    rows, cols = patch.reference.shape
    for col, row, check, weight in zip(windows.col, windows.row, windows.check, weights):
        left, top = int(col) - patch.origin[0], int(row) - patch.origin[1]
        right, bottom = left + windows.size, top + windows.size
        if right <= 0 or bottom <= 0 or left >= cols or top >= rows:
            continue
        part = slice(max(0, top), bottom), slice(max(0, left), right)
        if check:
            hidden[part] = True
        else:
            sums[:-1, :-1][part] += weight
            count[:-1, :-1][part] += 1
    found = sums[:-1, :-1] / np.maximum(count[:-1, :-1], 1)
    return np.where(hidden, 0, found).astype(np.float32)


def refine(ground: Sequence[Ground], model: Linear, kind: str, metric: Metric) -> Refined:
    """Refine a model of a kind until one more round would move it by less than 0.0005 px.

    Raises NoSolution when fewer than a quarter of the samples are inside the moving image.
    """
    basis = Basis.over(ground, kind)
    motion, rounds, before = math.inf, 0, None
    while rounds < ROUNDS and motion >= LAST:
        samples = _joined([_taken(one, model, metric) for one in ground])
        _enough(ground, samples)
        before = basis.drawn(metric.pull(samples), before)
        motion, rounds = basis.longest(before.step), rounds + 1
        model = replace(model.after(basis.motion(before.step)), kind=kind)
    return Refined(model, rounds, motion)


def _taken(ground: Ground, model: Linear, metric: Metric) -> Samples:
    overlay = ground.overlay(model)
    return ground.samples(overlay.normalized() if metric.normalized else overlay)


def _joined(parts: Sequence[Samples]) -> Samples:
    if len(parts) == 1:
        return parts[0]
    slopes = [np.concatenate(some) for some in zip(*(part.slopes for part in parts))]
    return Samples(
        np.concatenate([part.reference for part in parts]),
        np.concatenate([part.moving for part in parts]),
        (slopes[0], slopes[1], slopes[2], slopes[3]),
        np.concatenate([part.weight for part in parts]),
        np.concatenate([part.cell for part in parts]),
    )


def _enough(ground: Sequence[Ground], samples: Samples) -> None:
    before = sum(float(one.weight.sum(dtype=np.float64)) for one in ground)
    after = float(samples.weight.sum(dtype=np.float64))
    if not after > LEFT * before:
        share = after / before if before > 0 else 0.0
        raise NoSolution(
            f"Only {share:.0%} of the samples lie where both images are valid; {LEFT:.0%} are "
            "needed. Check the georeferencing and nodata."
        )


class Drawn(NamedTuple):
    """A step of the unknowns, the force it came from, and the curvature."""

    step: Column
    force: Column
    normal: Column

    def stiffness_seen(self, force: Column) -> float:
        """Return the curvature along the step seen by the force after it, relative to `normal`."""
        change = float(np.einsum("k,k", self.step, self.force - force))
        expected = float(np.einsum("k,kl,l", self.step, self.normal, self.step))
        return min(STIFFEST, max(SOFTEST, change / expected)) if expected > 0 else 1.0


@dataclass(frozen=True)
class Basis:
    """Motions of a kind at the sampled pixels, each of about 1 px at the mean distance."""

    kind: str
    center: tuple[float, float]
    radius: float
    u: Column
    v: Column

    @classmethod
    def over(cls, ground: Sequence[Ground], kind: str) -> Basis:
        """Center and scale a basis on the samples."""
        parts = [one.positions() for one in ground]
        x, y = (np.concatenate(axis) for axis in zip(*parts))
        center = float(x.mean()), float(y.mean())
        u, v = x - center[0], y - center[1]
        radius = max(1.0, float(np.sqrt(np.mean(u * u + v * v))))
        return cls(kind, center, radius, u / radius, v / radius)

    def drawn(self, pull: Pull, before: Drawn | None) -> Drawn:
        """Return where the samples draw the unknowns, px at the mean distance.

        The step before shows how much stiffer they are than the pull's own curvature says.
        """
        columns = np.array(self._columns(pull.along_x, pull.along_y))
        weighted = columns * pull.weight
        normal = np.einsum("kp,lp->kl", weighted, columns)
        force = np.einsum("kp,p->k", weighted, pull.rest)
        stiffness = 1.0 if before is None else before.stiffness_seen(force)
        scale = np.sqrt(np.maximum(np.diag(normal), 1e-30))
        unit = normal / np.outer(scale, scale) + 1e-9 * np.eye(len(scale))
        step = np.linalg.solve(unit, force / scale) / scale / stiffness
        longest = self.longest(step)
        if longest > LONGEST:
            step = step * (LONGEST / longest)
        return Drawn(step, force, normal)

    def _columns(self, along_x: Floats, along_y: Floats) -> list[Column]:
        ax, ay = along_x.astype(np.float64), along_y.astype(np.float64)
        if self.kind == "translation":
            return [ax, ay]
        if self.kind == "affine":
            return [ax, ay, ax * self.u, ax * self.v, ay * self.u, ay * self.v]
        turned = [ax, ay, ay * self.u - ax * self.v]
        return turned if self.kind == "rigid" else [*turned, ax * self.u + ay * self.v]

    def motion(self, step: Column) -> Linear:
        """Return the motion of some unknowns as a model; rotations are exact."""
        shift = (float(step[0]), float(step[1]))
        rest = [float(one) / self.radius for one in step[2:]]
        if self.kind == "translation":
            return Linear("translation", shift=shift, center=self.center)
        if self.kind == "affine":
            matrix = ((1 + rest[0], rest[1]), (rest[2], 1 + rest[3]))
            return Linear("affine", matrix, shift, self.center)
        size = 1.0 + (rest[1] if self.kind == "similarity" else 0.0)
        cos, sin = size * math.cos(rest[0]), size * math.sin(rest[0])
        return Linear(self.kind, ((cos, -sin), (sin, cos)), shift, self.center)

    def longest(self, step: Column) -> float:
        """Return the longest motion of a corner of the samples' box, px."""
        u, v = (np.array([at.min(), at.max()]) * self.radius for at in (self.u, self.v))
        x, y = np.meshgrid(u + self.center[0], v + self.center[1])
        return float(np.hypot(*self.motion(step).predict(x, y)).max())


def correlation_pull(samples: Samples) -> Pull:
    """Return the pull of correlation: Gauss-Newton with a gain and an offset for each cell.

    Equivalent to raising the enhanced correlation coefficient (Evangelidis and Psarakis 2008,
    doi:10.1109/TPAMI.2008.113), with Tukey's weights and the mean of both images' slopes.
    """
    cell = np.unique(samples.cell, return_inverse=True)[1]
    gain, offset = _gains(samples, cell)
    rest = samples.reference - gain * samples.moving - offset
    weight = samples.weight * _tukey(rest, samples.weight, cell)
    fx, fy, gx, gy = samples.slopes
    half = np.float32(0.5)
    return Pull(rest, half * (fx + gain * gx), half * (fy + gain * gy), weight)


def _gains(samples: Samples, cell: Index) -> tuple[Floats, Floats]:
    """Return the gain and offset of each sample's cell."""
    w, f, g = samples.weight, samples.reference, samples.moving
    total, wf, wg, wgg, wfg = (
        np.bincount(cell, part) for part in (w, w * f, w * g, w * g * g, w * f * g)
    )
    known = np.maximum(total, 1e-9)
    spread = wgg - wg * wg / known
    gain = np.where(spread > 1e-9, (wfg - wf * wg / known) / np.maximum(spread, 1e-9), 0.0)
    offset = (wf - gain * wg) / known
    return gain[cell].astype(np.float32), offset[cell].astype(np.float32)


def _tukey(rest: Floats, weight: Floats, cell: Index) -> Floats:
    """Return Tukey's weights of residuals, with the robust deviation of each cell."""
    order = np.argsort(cell, kind="stable")
    ends = np.cumsum(np.bincount(cell))
    scale = np.empty(len(ends), np.float32)
    for number, part in enumerate(np.split(order, ends[:-1])):
        used = np.abs(rest[part][weight[part] > 0])
        scale[number] = 1.4826 * np.median(used) if used.size else 1.0
    u = rest / np.maximum(np.float32(CUT) * scale[cell], np.float32(1e-9))
    return np.asarray(np.maximum(0, 1 - u * u) ** 2, np.float32)


CORRELATION = Metric("ncc", True, correlation_pull)
