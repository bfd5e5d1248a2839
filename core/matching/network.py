# SPDX-License-Identifier: GPL-2.0-or-later
"""Joint adjustment of a network of images: one small transform each, so that all pairs agree."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..image import Mask
from ..transform.models import IDENTITY, RAYLEIGH_MEDIAN, Linear, Matrix
from .equations import Equations

Floats = NDArray[np.float64]
Column = NDArray[np.float64]
Whole = NDArray[np.int64]

KINDS = ("translation", "rigid", "similarity", "affine")

UNKNOWNS = {"translation": 2, "rigid": 3, "similarity": 4, "affine": 6}
"""The last two unknowns of each kind are the displacement at the center."""

OUTER, INNER = 3, 10
"""Rounds in which common ground points move, and rounds of weights in each."""

SETTLED = 1e-13
"""Change of unknowns, as a share of the extent of the network, that ends the rounds."""

HELD, LEAST = 5, 10
"""Every so many tie points one is held out, in pairs of at least so many."""

LOSSES: dict[str, Callable[[Column], Column]] = {
    "none": np.ones_like,
    "huber": lambda u: 1 / np.maximum(u, 1.0),
    "soft_l1": lambda u: 1 / np.sqrt(1 + u**2),
    "cauchy": lambda u: 1 / (1 + u**2),
}
"""Weights of residuals u, which are divided by their scale."""


class Displacing(Protocol):
    """What says how far an image shows the ground from where it lies."""

    def predict(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return the displacements at positions."""


@dataclass(frozen=True)
class Ties:
    """What two images show alike: metric positions[point, (u, v)], y up, as both show them.

    `first, second`: numbers of the images; `weight`: 1 / variance; `held`: not used in the
    adjustment; `pixel`: side of the coarser pixels of both, same unit as the positions.
    """

    first: int
    second: int
    p: Floats
    q: Floats
    weight: Column
    held: Mask
    pixel: float

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.p)

    def fitted(self) -> Ties:
        """Return the points that take part."""
        return self._chosen(~self.held & (self.weight > 0))

    def checked(self) -> Ties:
        """Return the points that were held out; in pairs without any, all that count."""
        spare = self.held & (self.weight > 0)
        return self._chosen(spare if spare.any() else self.weight > 0)

    def _chosen(self, which: Mask) -> Ties:
        return replace(
            self,
            p=self.p[which],
            q=self.q[which],
            weight=self.weight[which],
            held=self.held[which],
        )


@dataclass(frozen=True)
class Nodes:
    """The images: corners[image, 4, (u, v)], how far each may lie off, how it resists moving.

    `slack`: standard deviation of the georeferencing; `resistance`: infinite = fixed.
    """

    corners: Floats
    slack: Column
    resistance: Column

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.slack)

    @property
    def fixed(self) -> Mask:
        """Which images do not move."""
        return np.isinf(self.resistance)


@dataclass(frozen=True)
class Adjusting:
    """How a network is adjusted.

    `kind`: one of KINDS, or "none": nothing moves; `loss`: one of LOSSES, `scale` 0 = the median
    robust scale of the pairs, at least `floor`; `equal`: all pairs count alike, otherwise each of
    their points.
    """

    kind: str = "translation"
    loss: str = "huber"
    scale: float = 0.0
    equal: bool = True
    floor: float = 1e-9


@dataclass(frozen=True)
class Adjusted:
    """Where each image shows the ground: models of metric positions; fixed images have identity.

    `groups`[image] counts connected images from 1 on; 0: no tie point.
    """

    models: tuple[Linear, ...]
    groups: Whole


def held_out(count: int) -> Mask:
    """Return which of the points of a pair, sorted by place, are held out: every fifth."""
    held = np.arange(count) % HELD == HELD // 2
    return held if count >= LEAST else np.zeros(count, bool)


def adjust(nodes: Nodes, ties: Sequence[Ties], how: Adjusting) -> Adjusted:
    """Return the transforms that make the tie points of all pairs agree on the ground.

    A tie point is compared at its common ground point g: D_i(g) - D_j(g) = P_i - P_j, so that
    images cannot shrink to a point; g follows in three rounds. In each connected group without a
    fixed image the sum of resistance x unknown is 0, exactly. Raises NoSolution when the tie
    points of a group do not fix the transforms.
    """
    used = [pair for pair in (pair.fitted() for pair in ties) if len(pair)]
    groups = connected(len(nodes), used)
    models = [_still(how.kind if how.kind != "none" else "translation")] * len(nodes)
    moving = range(1, int(groups.max(initial=0)) + 1) if how.kind != "none" else ()
    for group in moving:
        own = [pair for pair in used if groups[pair.first] == group]
        members = np.flatnonzero(groups == group)
        for image, model in zip(members, _Group.of(nodes, own, members, how).solved()):
            models[image] = model
    return Adjusted(tuple(models), groups)


def connected(count: int, ties: Sequence[Ties]) -> Whole:
    """Return the group of each image, counted from 1 in their order; 0: without tie points."""
    parent = list(range(count))

    def root(image: int) -> int:
        while parent[image] != image:
            image = parent[image]
        return image

    for pair in ties:
        low, high = sorted((root(pair.first), root(pair.second)))
        parent[high] = low
    tied = {image for pair in ties for image in (pair.first, pair.second)}
    numbers: dict[int, int] = {}
    return np.array(
        [numbers.setdefault(root(i), len(numbers) + 1) if i in tied else 0 for i in range(count)],
        np.int64,
    )


def residuals(ties: Ties, models: Sequence[Displacing]) -> Floats:
    """Return what is left between both images at the ground points[point, (u, v)]."""
    ground = ground_of(ties, models)
    first, second = (_moved(models[image], ground) for image in (ties.first, ties.second))
    return (ties.p - ties.q) - (first - second)


def ground_of(ties: Ties, models: Sequence[Displacing]) -> Floats:
    """Return where the tie points lie on the ground, the mean of what both images say."""
    ground = (ties.p + ties.q) / 2
    ends = ((ties.p, models[ties.first]), (ties.q, models[ties.second]))
    for _ in range(OUTER):
        first, second = (shown - _moved(model, ground) for shown, model in ends)
        ground = (first + second) / 2
    return ground


def _moved(model: Displacing, at: Floats) -> Floats:
    return np.stack(model.predict(at[:, 0], at[:, 1]), 1)


def _still(kind: str) -> Linear:
    return Linear(kind, y_up=True)


@dataclass(frozen=True)
class _Group:
    """Connected images, in coordinates around their middle and of their size."""

    ties: tuple[Ties, ...]
    nodes: Nodes
    how: Adjusting
    center: tuple[float, float]
    size: float

    @classmethod
    def of(cls, nodes: Nodes, ties: Sequence[Ties], members: Whole, how: Adjusting) -> _Group:
        own = Nodes(nodes.corners[members], nodes.slack[members], nodes.resistance[members])
        points = own.corners.reshape(-1, 2)
        center = points.mean(0)
        size = float(np.sqrt(((points - center) ** 2).sum(1).mean()))
        places = {int(image): at for at, image in enumerate(members)}
        mean = sum(map(len, ties)) / len(ties)
        scaled = tuple(
            replace(
                pair,
                first=places[pair.first],
                second=places[pair.second],
                p=(pair.p - center) / size,
                q=(pair.q - center) / size,
                weight=pair.weight * size**2 * (mean / len(pair) if how.equal else 1.0),
            )
            for pair in ties
        )
        around = Nodes((own.corners - center) / size, own.slack / size, own.resistance)
        units = replace(how, scale=how.scale / size, floor=how.floor / size)
        return cls(scaled, around, units, (float(center[0]), float(center[1])), size)

    def solved(self) -> Iterator[Linear]:
        """Yield the models of the images in the coordinates of the network."""
        found = self._unknowns()
        for fixed, theta in zip(self.nodes.fixed, found):
            if fixed:
                yield _still(self.how.kind)
                continue
            model = _model(self.how.kind, theta)
            shift = (model.shift[0] * self.size, model.shift[1] * self.size)
            yield replace(model, shift=shift, center=self.center)

    def _unknowns(self) -> Floats:
        """Return the unknowns[image, unknown]; those of fixed images are 0."""
        theta = np.zeros((len(self.nodes), UNKNOWNS[self.how.kind]))
        if self.nodes.fixed.all():
            return theta
        scale = math.inf
        for _ in range(OUTER):
            ground = [ground_of(pair, self._models(theta)) for pair in self.ties]
            if math.isinf(scale):
                theta = theta + self._step(theta, ground, scale)
            scale = self._scale(theta, ground)
            for _ in range(INNER):
                step = self._step(theta, ground, scale)
                theta = theta + step
                if np.abs(step).max() < SETTLED:
                    break
        return theta

    def _models(self, theta: Floats) -> list[Linear]:
        return [_model(self.how.kind, one) for one in theta]

    def _scale(self, theta: Floats, ground: Sequence[Floats]) -> float:
        """Return the residual at which the loss begins."""
        if self.how.scale > 0:
            return self.how.scale
        models = self._models(theta)
        lengths = [
            float(np.median(np.hypot(*self._rest(pair, models, at).T)))
            for pair, at in zip(self.ties, ground)
        ]
        return max(self.how.floor, 1.4826 * float(np.median(lengths)) / RAYLEIGH_MEDIAN)

    @staticmethod
    def _rest(pair: Ties, models: Sequence[Linear], ground: Floats) -> Floats:
        first, second = (_moved(models[image], ground) for image in (pair.first, pair.second))
        return (pair.p - pair.q) - (first - second)

    def _step(self, theta: Floats, ground: Sequence[Floats], scale: float) -> Floats:
        """Return the change of the unknowns of one step of Gauss and Newton."""
        equations = Equations(self.nodes.resistance, theta.shape[1])
        models = self._models(theta)
        for pair, at in zip(self.ties, ground):
            rest = self._rest(pair, models, at)
            weight = pair.weight * LOSSES[self.how.loss](np.hypot(*rest.T) / scale)
            ends = (pair.first, pair.second)
            first, second = (_basis(self.how.kind, theta[image], at) for image in ends)
            equations.add(ends, (first, -second), rest, weight)
        for image, corners in enumerate(self.nodes.corners):
            weight = np.full(4, 0.25 / self.nodes.slack[image] ** 2)
            basis = _basis(self.how.kind, theta[image], corners)
            equations.add((image,), (basis,), -_moved(models[image], corners), weight)
        return equations.solved(theta)


def _basis(kind: str, theta: Column, at: Floats) -> Floats:
    """Return how the displacement changes with each unknown: [point, axis, unknown]."""
    u, v = at.T
    one, none = np.ones_like(u), np.zeros_like(u)
    columns: list[tuple[Column, Column]] = []
    if kind == "rigid":
        cos, sin = math.cos(theta[0]), math.sin(theta[0])
        columns = [(-sin * u - cos * v, cos * u - sin * v)]
    elif kind == "similarity":
        columns = [(u, v), (-v, u)]
    elif kind == "affine":
        columns = [(u, none), (v, none), (none, u), (none, v)]
    return np.stack([np.stack(pair, 1) for pair in (*columns, (one, none), (none, one))], 2)


def _model(kind: str, theta: Column) -> Linear:
    """Return the transform that unknowns mean."""
    return Linear(kind, _matrix(kind, theta.tolist()), (theta[-2], theta[-1]), y_up=True)


def _matrix(kind: str, theta: Sequence[float]) -> Matrix:
    if kind == "rigid":
        cos, sin = math.cos(theta[0]), math.sin(theta[0])
        return ((cos, -sin), (sin, cos))
    if kind == "similarity":
        return ((1 + theta[0], -theta[1]), (theta[1], 1 + theta[0]))
    if kind == "affine":
        return ((1 + theta[0], theta[1]), (theta[2], 1 + theta[3]))
    return IDENTITY
