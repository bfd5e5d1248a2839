# SPDX-License-Identifier: GPL-2.0-or-later
"""How much the seams of a mosaic show, as one number."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from ..image import Array, Image, Mask, Pixels, read_padded
from ..windows import Window, tiling
from .borders import borders
from .overlap import labels_in, present

TILE = 512
"""Side of the windows that are looked at."""

SIDE = 5
"""Pixels on each side of a line whose means are compared."""

SHIFTS = (-40, -30, -20, 20, 30, 40)
"""Pixels by which the lines lie beside the seam that it is compared with."""

CALM, SAFE = 10, 20
"""Pixels without another seam round such a line, and without invalid pixels round the seam."""

SMOOTH = 3
"""Half the side of the square in which the direction of a seam is taken, in pairs of pixels."""

MARGIN = max(SHIFTS) + SIDE + SAFE

Look = Callable[[Window], "Steps | None"]
Walk = Callable[[Look, Iterable[Window]], Iterable["Steps | None"]]


@dataclass
class Steps:
    """Sums of the steps at seams and beside them, and of the values, for each band."""

    bands: int
    at: Array = field(init=False)
    beside: Array = field(init=False)
    values: Array = field(init=False)
    counts: Array = field(default_factory=lambda: np.zeros(3))

    def __post_init__(self) -> None:
        """Begin with zeros."""
        self.at, self.beside = np.zeros(self.bands), np.zeros(self.bands)
        self.values = np.zeros((2, self.bands))

    def add(self, other: Steps) -> None:
        """Add the sums of another window."""
        self.at += other.at
        self.beside += other.beside
        self.values += other.values
        self.counts += other.counts

    @property
    def visibility(self) -> float | None:
        """Mean step at the seams over that beside them; None without seams or in flat ground."""
        seams, lines, pixels = self.counts
        if not (seams and lines and pixels):
            return None
        mean = self.values[0] / pixels
        spread = np.sqrt(np.maximum(self.values[1] / pixels - mean**2, 0))
        bands = spread > 0
        shown = float((self.at[bands] / spread[bands]).sum() / seams)
        usual = float((self.beside[bands] / spread[bands]).sum() / lines)
        return shown / usual if usual > 0 else None


def visibility(mosaic: Image, labels: Image, walk: Walk = map) -> float | None:
    """Return how much the seams between labels show in a mosaic; 1 is not at all.

    Along every seam the means of 5 px on both sides are compared, as they are along lines 20, 30
    and 40 px beside it. `labels` is an image of the number of each pixel's seam cell, 0 = none;
    `walk` applies a function to windows, for example in several threads.
    """
    total = Steps(mosaic.bands)
    windows = tiling(mosaic.grid.window, TILE, TILE)
    for steps in walk(lambda window: steps_in(mosaic, labels, window), windows):
        if steps is not None:
            total.add(steps)
    return total.visibility


def steps_in(mosaic: Image, labels: Image, window: Window) -> Steps | None:
    """Measure the seams whose pixels lie in a window; None when it has none."""
    if len(present(labels_in(labels, window.clipped(labels.grid.window)))) < 2:
        return None
    near = window.padded(MARGIN)
    cells = read_padded(labels, near).values[0]
    points = _points(cells, window, near)
    if not len(points.rows):
        return None
    pixels = read_padded(mosaic, near)
    steps = Steps(mosaic.bands)
    _count(steps, pixels.cropped(*window.within(near)))
    if not pixels.all_valid:
        rows, cols = points.moved(0)
        points = points.at(_Sums(~pixels.valid).around(rows, cols, SAFE) == 0)
    found, good = _step(pixels, points, 0)
    steps.at += found[:, good].sum(1)
    steps.counts[0] += good.sum()
    others = _Sums(borders(cells))
    for shift in SHIFTS:
        rows, cols = points.moved(0, shift)
        own = points.second if shift > 0 else points.first
        calm = others.around(rows, cols, CALM) == 0
        beside = points.at(calm & (cells[rows, cols] == own))
        found, good = _step(pixels, beside, shift)
        steps.beside += found[:, good].sum(1)
        steps.counts[1] += good.sum()
    return steps


def _count(steps: Steps, pixels: Pixels) -> None:
    # the spread needs no more than a sixteenth of the pixels
    values = pixels.values[:, ::4, ::4][:, pixels.valid[::4, ::4]].astype(np.float64)
    steps.values += (values.sum(1), (values**2).sum(1))
    steps.counts[2] += values.shape[1]


@dataclass(frozen=True)
class _Points:
    """Middles of the pixel edges on seams, the normals there, and the labels before and behind."""

    rows: Array
    cols: Array
    down: Array
    right: Array
    first: Array
    second: Array

    def at(self, chosen: Mask) -> _Points:
        """Return the chosen ones."""
        return _Points(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def moved(self, away: float, shift: int = 0) -> tuple[Array, Array]:
        """Return the pixels so far along the normals, on a line shifted by whole pixels.

        So the same pattern of pixels is looked at on the seam and beside it.
        """
        rows = np.rint(self.rows + away * self.down) + np.rint(shift * self.down)
        cols = np.rint(self.cols + away * self.right) + np.rint(shift * self.right)
        return rows.astype(np.intp), cols.astype(np.intp)


def _points(cells: Array, window: Window, near: Window) -> _Points:
    """Return the seam edges whose first pixel lies in a window of an array round it."""
    rows, cols = window.within(near)
    found = []
    for down, right in ((0, 1), (1, 0)):
        here = cells[rows, cols]
        there = cells[rows.start + down : rows.stop + down, cols.start + right : cols.stop + right]
        at = np.argwhere((here != there) & (here > 0) & (there > 0))
        ends = here[at[:, 0], at[:, 1]], there[at[:, 0], at[:, 1]]
        found.append((at + (rows.start + down / 2, cols.start + right / 2), *ends))
    places = np.concatenate([at for at, _, _ in found])
    first = np.concatenate([a for _, a, _ in found])
    second = np.concatenate([b for _, _, b in found])
    normals = _normals(cells, places, first, second)
    length = np.hypot(*normals)
    down, right = normals / np.where(length > 0, length, 1)
    points = _Points(places[:, 0], places[:, 1], down, right, first, second)
    return points.at(length > 0)


def _normals(cells: Array, places: Array, first: Array, second: Array) -> Array:
    """Return the direction (down, right) in which the second label replaces the first one.

    Taken from every other pixel, which is as good for squares of this size and costs a quarter.
    """
    small = cells[::2, ::2]
    at = np.rint(places / 2).astype(np.intp)
    found = np.zeros((2, len(places)))
    for label in np.unique(np.concatenate([first, second])):
        sign = (second == label).astype(float) - (first == label)
        chosen = np.flatnonzero(sign)
        rows, cols = at[chosen].T
        box = tuple(slice(max(0, a.min() - SMOOTH), a.max() + SMOOTH + 1) for a in (rows, cols))
        whole = _Sums(small[box] == label)
        rows, cols = rows - box[0].start, cols - box[1].start
        for axis, (down, right) in enumerate(((1, 0), (0, 1))):
            ahead = whole.around(rows + down, cols + right, SMOOTH)
            behind = whole.around(rows - down, cols - right, SMOOTH)
            found[axis, chosen] += sign[chosen] * (ahead - behind)
    return found


class _Sums:
    """Numbers of marked pixels in squares."""

    def __init__(self, marks: Mask) -> None:
        self._sums = np.zeros((marks.shape[0] + 1, marks.shape[1] + 1), np.int32)
        np.cumsum(np.cumsum(marks, 0, dtype=np.int32), 1, out=self._sums[1:, 1:])

    def around(self, rows: Array, cols: Array, radius: int) -> Array:
        """Return how many there are at most so many rows and columns from places."""
        height, width = (side - 1 for side in self._sums.shape)
        top, bottom = np.clip(rows - radius, 0, height), np.clip(rows + radius + 1, 0, height)
        left, right = np.clip(cols - radius, 0, width), np.clip(cols + radius + 1, 0, width)
        here = self._sums
        found = here[bottom, right] - here[top, right] - here[bottom, left] + here[top, left]
        return np.asarray(found)


def _step(pixels: Pixels, points: _Points, shift: int) -> tuple[Array, Mask]:
    """Return |difference of the means of both sides|[band, point], and where it counts."""
    means, good = [], np.ones(len(points.rows), bool)
    for side in (-1, 1):
        total = np.zeros((len(pixels.values), len(points.rows)))
        for away in range(SIDE):
            rows, cols = points.moved(side * (away + 0.5), shift)
            total += pixels.values[:, rows, cols]
            good &= pixels.valid[rows, cols]
        means.append(total / SIDE)
    return np.abs(means[1] - means[0]), good
