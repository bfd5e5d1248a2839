# SPDX-License-Identifier: GPL-2.0-or-later
"""What a seam between two images costs in each cell, and what it costs to show an image there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from ..image import Array, Mask
from ..windows import Window
from .celllooks import CellsOf, Usual
from .cover import Pair
from .hints import Ground
from .levels import Level, located

MOST = 10.0
"""Where differences and gradients stop to count: so many times what is usual in the overlap."""

NEAR_BORDER, MASKED, NEAR_MASK, FOREIGN = 5.0, 50.0, 5.0, 100.0
"""Costs of a cell: invalid pixels near it, masked pixels in it while another image is clear, the
same near it, and an image that is not valid in it."""

_HELD = 48 << 20
"""Bytes of layers, and of costs of pairs, that are kept."""


@dataclass(frozen=True)
class Weights:
    """How much each part of the cost counts."""

    difference: float = 1.0
    gradient: float = 0.5
    length: float = 0.05
    priority: float = 0.5
    center: float = 0.02


@dataclass(frozen=True)
class Layer:
    """What an image is like in the cells of a level that it is valid in.

    `means` and `slopes` are [band, cell]; `near` is close to invalid pixels; `shown` is what it
    costs to show it; `takes` says where it may change the owner.
    """

    ids: Array
    means: Array
    slopes: Array
    near: Mask
    shown: Array
    takes: Mask

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        found = (self.ids, self.means, self.slopes, self.near, self.shown, self.takes)
        return sum(part.nbytes for part in found)


@dataclass(frozen=True)
class PairCost:
    """The cost of a seam between two images in cells that both are valid in."""

    ids: Array
    cost: Array

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return self.ids.nbytes + self.cost.nbytes

    def at(self, ids: Array) -> Array:
        """Return the cost in cells, NaN in those that not both images are valid in."""
        return _taken(self.ids, self.cost, ids, np.nan)


class _Sized(Protocol):
    @property
    def nbytes(self) -> int: ...


Held = TypeVar("Held", bound=_Sized)


class _Recent(Generic[Held]):
    """What was used last, up to some memory."""

    def __init__(self) -> None:
        self._kept: dict[object, Held] = {}
        self._size = 0

    def get(self, key: object) -> Held | None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._kept[key] = found
        return found

    def put(self, key: object, value: Held) -> Held:
        self._kept[key] = value
        self._size += value.nbytes
        while self._size > _HELD and len(self._kept) > 1:
            self._size -= self._kept.pop(next(iter(self._kept))).nbytes
        return value


class Costs:
    """The costs in some cells of a level: first `cover` them."""

    def __init__(self, cells: CellsOf, ground: Ground, weights: Weights) -> None:
        self.cells, self.ground, self.weights = cells, ground, weights
        self.beyond = MOST * (weights.difference + weights.gradient) + NEAR_BORDER
        self.level = Level(cells.store.canvas, cells.store.side)
        self._usual: dict[Pair, Usual | None] = {}
        self.cover(self.level, np.zeros(0, np.int64), np.zeros(0, bool))

    def cover(self, level: Level, ids: Array, free: Mask) -> None:
        """Look at some cells (sorted) of a level from now on; `free` ones may change owners."""
        if level != self.level:
            self._usual = {}
        self.level, self.ids, self.free = level, ids, free
        self._layers: _Recent[Layer] = _Recent()
        self._pairs: _Recent[PairCost] = _Recent()
        self._windows = [self.cells.window(level, n) for n in range(len(self.cells.views))]
        sides = [(w.col, w.row, w.right, w.bottom) for w in self._windows]
        self._edges = np.array(sides, int).reshape(-1, 4).T
        self._extra = self.ground.costs(level, ids)
        self._clear = self._cleared()

    def neighbors(self, image: int) -> list[int]:
        """Return the other images whose windows touch an image's."""
        left, top, right, bottom = self._edges
        touching = (left <= right[image]) & (right >= left[image])
        touching &= (top <= bottom[image]) & (bottom >= top[image])
        touching &= (right > left) & (bottom > top)
        touching[image] = False
        return list(map(int, np.flatnonzero(touching)))

    def reached(self, image: int, ids: Array) -> list[int]:
        """Return the other images whose windows hold cells of an image, or neighbors of them."""
        if not len(ids):
            return []
        rows, cols = self.level.places(ids)
        found = []
        for other in self.neighbors(image):
            left, top, right, bottom = self._edges[:, other]
            near = (cols >= left - 1) & (cols <= right) & (rows >= top - 1) & (rows <= bottom)
            if near.any():
                found.append(other)
        return found

    def layer(self, image: int) -> Layer:
        """Return what an image is like in the cells."""
        found = self._layers.get(image)
        return self._layers.put(image, self._made(image)) if found is None else found

    def pair(self, one: int, other: int) -> PairCost:
        """Return what a seam between two images costs."""
        key = (min(one, other), max(one, other))
        found = self._pairs.get(key)
        return self._pairs.put(key, self._priced(key)) if found is None else found

    def shown(self, image: int, ids: Array) -> Array:
        """Return what it costs to show an image in cells."""
        layer = self.layer(image)
        return _taken(layer.ids, layer.shown, ids, FOREIGN)

    def _inside(self, image: int) -> Array:
        """Return which of the cells lie in an image's window, as indices."""
        window, width = self._windows[image], self.level.width
        first, behind = np.searchsorted(self.ids, (window.row * width, window.bottom * width))
        cols = self.ids[first:behind] % width
        return np.asarray(first + np.flatnonzero((cols >= window.col) & (cols < window.right)))

    def _made(self, image: int) -> Layer:
        inside = self._inside(image)
        count = len(self.cells.store.bands)

        def read(window: Window) -> Array:
            look = self.cells.look(self.level, image, window)
            return np.concatenate([look.means, look.slopes, look.valid[None], look.near[None]])

        found = self.level.gathered(self.ids[inside], read, 2 * count + 2)
        valid = found[-2] > 0
        inside, found = inside[valid], found[:, valid]
        shown, takes = self._preferred(image, inside)
        return Layer(
            self.ids[inside],
            found[:count],
            found[count:-2],
            found[-1] > 0,
            shown,
            takes & self.free[inside],
        )

    def _preferred(self, image: int, inside: Array) -> tuple[Array, Mask]:
        """Return what it costs to show an image in cells that it is valid in, and where it may."""
        ground, weights, ids = self.ground, self.weights, self.ids[inside]
        depth = ground.depth(image, self.level, ids)
        shown = np.asarray(weights.center * (1 - depth), np.float32)
        if ground.ranks:
            shown += np.float32(weights.priority * (1 - ground.ranks[image]))
        takes = np.ones(len(ids), bool)
        for other in sorted(ground.yields.get(image, ())):
            clear = ground.masked(other, self.level, ids) == 0
            takes &= ~(self._valid(other, ids) & clear)
        if ground.masks:
            masked = ground.masked(image, self.level, ids)
            clear, clearly = self._clear[:, inside] > 0
            shown += np.float32(MASKED) * ((masked == 2) & clear)
            shown += np.float32(NEAR_MASK) * ((masked >= 1) & clearly)
        return shown, takes

    def _valid(self, image: int, ids: Array) -> Mask:
        def read(window: Window) -> Array:
            return self.cells.means(self.level, image, window)[1][None]

        return np.asarray(self.level.gathered(ids, read, 1)[0] > 0)

    def _cleared(self) -> Array:
        """Return how many images are clear in the cells: without masked pixels, and also near."""
        found = np.zeros((2, len(self.ids)), np.int16)
        for image in range(len(self.cells.views)) if self.ground.masks else ():
            inside = self._inside(image)
            valid = self._valid(image, self.ids[inside])
            masked = self.ground.masked(image, self.level, self.ids[inside])
            found[0, inside] += valid & (masked < 2)
            found[1, inside] += valid & (masked < 1)
        return found

    def _priced(self, pair: Pair) -> PairCost:
        a, b = self.layer(pair[0]), self.layer(pair[1])
        ids, at_a, at_b = np.intersect1d(a.ids, b.ids, assume_unique=True, return_indices=True)
        if len(ids) and pair not in self._usual:
            self._usual[pair] = self.cells.usual(self.level, pair)
        usual = self._usual.get(pair)
        if usual is None:
            return PairCost(ids[:0], np.zeros(0, np.float32))
        off = np.abs(a.means[:, at_a] - b.means[:, at_b] - usual.middle[:, None])
        rough = (a.slopes[:, at_a] + b.slopes[:, at_b]) / 2
        cost = self.weights.difference * _counted(off, usual.spread)
        cost += self.weights.gradient * _counted(rough, usual.slope)
        cost += self._extra[np.searchsorted(self.ids, ids)]
        cost += NEAR_BORDER * (a.near[at_a] | b.near[at_b])
        return PairCost(ids, cost.astype(np.float32))


def _counted(values: Array, usual: Array) -> Array:
    """Return the mean over bands of values in terms of what is usual, up to a limit."""
    return np.asarray(np.minimum(values / usual[:, None], MOST).mean(0))


def _taken(ids: Array, values: Array, wanted: Array, otherwise: float) -> Array:
    """Return the values of wanted cells among sorted ones."""
    if not len(ids):
        return np.full(len(wanted), otherwise, values.dtype)
    place, known = located(ids, wanted)
    return np.where(known, values[place], otherwise)
