# SPDX-License-Identifier: GPL-2.0-or-later
"""Polygons as an image of labels, computed window by window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..grid import Grid
from ..image import Array, Details, Mask, Pixels, calculation
from ..windows import Window
from .rings import mapped, rings_of

NEARLY = 1e-6
"""Pixels by which positions may be off because maps have their own units."""

STEP = 2.0**-20
"""Positions are multiples of this many pixels: an edge through the center of a pixel is on the same
side of it on all grids that share their pixels, although their origins differ."""


@dataclass(frozen=True)
class Burned:
    """An image whose pixels are the label of the first polygon that holds their center, else 0.

    `shapes` are (well-known binary in map units, label > 0). Polygons are compared with pixel
    centers in pixel coordinates, whatever the transform; a center on an edge belongs to one side
    only, so polygons that share edges share no pixel. Pixels without label are not valid. With
    `touched` a pixel belongs to every polygon that covers any part of it.
    """

    grid: Grid
    shapes: tuple[tuple[bytes, int], ...]
    name: str = "labels"
    touched: bool = False

    @property
    def bands(self) -> int:
        """One band."""
        return 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """32-bit whole numbers."""
        return np.dtype(np.int32)

    @property
    def nodata(self) -> float | None:
        """0, the label of no polygon."""
        return 0.0

    @property
    def band_names(self) -> tuple[str, ...]:
        """The band has no name."""
        return ("",)

    @property
    def details(self) -> Details:
        """Nothing to declare."""
        return Details()

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Return the labels of a window, which may reach beyond the grid."""
        labels = self.labels(window)[None]
        return Pixels(labels if rounded else calculation(labels), labels[0] > 0)

    def labels(self, window: Window) -> Array:
        """Return labels[row, col]."""
        labels = np.zeros(window.shape, np.int32)
        for index in self._candidates(window)[::-1].tolist():
            box, label = self._around(index).clipped(window), self.shapes[index][1]
            part = labels[box.within(window)]
            part[inside(self._edges[index], box)] = label
            if self.touched:
                part[crossed(self._segments[index], box)] = label
        return labels

    def only(self, window: Window) -> int | None:
        """Return the one label that fills a window (0 = none), None when there may be several.

        Costs much less than reading the labels.
        """
        for index in self._candidates(window).tolist():
            edges = self._edges[index]
            if self.touched and _reaching(self._segments[index], window).any():
                return None
            left = inside(edges, Window(window.col, window.row, 1, window.height))
            if _crossed(edges, window) or left.any() != left.all():
                return None
            if left.any():
                return int(self.shapes[index][1])
        return 0

    @property
    def reached(self) -> tuple[bool, ...]:
        """Which shapes lie on the grid or near it; their boxes are compared."""
        near = set(self._candidates(self.grid.window).tolist())
        return tuple(index in near for index in range(len(self.shapes)))

    def _candidates(self, window: Window) -> Array:
        """Return the numbers of the shapes whose boxes touch a window, in order."""
        left, top, right, bottom = self._boxes.T
        apart = (left >= window.right) | (right <= window.col)
        apart |= (top >= window.bottom) | (bottom <= window.row)
        return np.flatnonzero(~apart)

    def _around(self, index: int) -> Window:
        """The pixels that a shape can reach."""
        left, top, right, bottom = self._boxes[index]
        if not left <= right:
            return Window(0, 0, 0, 0)
        col, row = math.floor(left), math.floor(top)
        return Window(col, row, math.ceil(right) - col + 1, math.ceil(bottom) - row + 1)

    @cached_property
    def _edges(self) -> tuple[Array, ...]:
        """The segments of each shape without level ones, which no row of centers crosses."""
        return tuple(lines[lines[:, 1] < lines[:, 3]] for lines in self._segments)

    @cached_property
    def _segments(self) -> tuple[Array, ...]:
        return tuple(self._segments_of(wkb) for wkb, _ in self.shapes)

    @cached_property
    def _boxes(self) -> Array:
        boxes = [_box(lines) for lines in self._segments]
        return np.array(boxes, float).reshape(-1, 4)

    def _segments_of(self, wkb: bytes) -> Array:
        """Return the edges (upper x, upper y, lower x, lower y) in pixels.

        Every edge runs downward, so that both polygons beside it compute the same crossings.
        """
        rings = [r for polygon in mapped(rings_of(wkb), self.grid.to_pixel) for r in polygon]
        edges = [np.hstack([ring[:-1], ring[1:]]) for ring in rings]
        joined = _stepped(np.concatenate(edges)) if edges else np.empty((0, 4))
        upward = joined[:, 1] > joined[:, 3]
        joined[upward] = joined[upward][:, [2, 3, 0, 1]]
        return joined


def inside(edges: Array, window: Window) -> Mask:
    """Return the pixels of a window whose centers lie inside, by counting edges to their left."""
    near = (edges[:, 1] < window.bottom) & (edges[:, 3] > window.row)
    near &= np.minimum(edges[:, 0], edges[:, 2]) < window.right
    x0, y0, x1, y1 = edges[near].T
    first = np.maximum(np.ceil(y0 - 0.5), window.row).astype(int)
    behind = np.minimum(np.ceil(y1 - 0.5), window.bottom).astype(int)
    count = np.maximum(behind - first, 0)
    edge = np.repeat(np.arange(len(count)), count)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    slope = (x1 - x0) / (y1 - y0)
    x = _stepped(x0[edge] + (row + 0.5 - y0[edge]) * slope[edge])
    col = np.clip(np.ceil(x - 0.5) - window.col, 0, window.width).astype(int)
    at = (row - window.row) * (window.width + 1) + col
    flips = np.bincount(at, minlength=window.height * (window.width + 1)).astype(np.uint8) & 1
    flips = flips.reshape(window.height, window.width + 1)[:, :-1]
    return np.bitwise_xor.accumulate(flips, axis=1).astype(bool)


def crossed(lines: Array, window: Window) -> Mask:
    """Return the pixels of a window through whose inside a line runs, however short.

    Lines (upper x, upper y, lower x, lower y) along the edges of pixels run through none; what
    reaches less than NEARLY into a pixel does not count.
    """
    x0, y0, x1, y1 = lines[_reaching(lines, window)].T
    first = np.maximum(np.floor(y0 + NEARLY), window.row).astype(int)
    behind = np.minimum(np.ceil(y1 - NEARLY), window.bottom).astype(int)
    count = np.maximum(behind - first, 0)
    line = np.repeat(np.arange(len(count)), count)
    row = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count) + first[line]
    slope = ((x1 - x0) / np.where(y1 > y0, y1 - y0, 1.0))[line]
    above = np.where(row <= y0[line], x0[line], x0[line] + (row - y0[line]) * slope)
    below = np.where(row + 1 >= y1[line], x1[line], x0[line] + (row + 1 - y0[line]) * slope)
    left = np.floor(np.minimum(above, below) + NEARLY).astype(int) - window.col
    right = np.ceil(np.maximum(above, below) - NEARLY).astype(int) - window.col
    left, right = np.clip(left, 0, window.width), np.clip(right, 0, window.width)
    wide = right > left
    steps = np.zeros((window.height, window.width + 1), np.int64)
    np.add.at(steps, (row[wide] - window.row, left[wide]), 1)
    np.add.at(steps, (row[wide] - window.row, right[wide]), -1)
    return np.asarray(np.cumsum(steps, axis=1)[:, :-1] > 0)


def _stepped(positions: Array) -> Array:
    return np.asarray(np.round(positions / STEP) * STEP)


def _reaching(lines: Array, window: Window) -> Mask:
    """Which lines touch the box of a window."""
    near = (lines[:, 1] <= window.bottom) & (lines[:, 3] >= window.row)
    near &= np.minimum(lines[:, 0], lines[:, 2]) <= window.right
    return np.asarray(near & (np.maximum(lines[:, 0], lines[:, 2]) >= window.col))


def _crossed(edges: Array, window: Window) -> bool:
    """Return True when the box of an edge, level ones left out, touches a window."""
    near = (edges[:, 1] < window.bottom) & (edges[:, 3] > window.row)
    near &= np.minimum(edges[:, 0], edges[:, 2]) < window.right
    near &= np.maximum(edges[:, 0], edges[:, 2]) > window.col
    return bool(near.any())


def _box(edges: Array) -> tuple[float, float, float, float]:
    if not len(edges):
        return (np.inf, np.inf, -np.inf, -np.inf)
    xs, ys = edges[:, [0, 2]], edges[:, [1, 3]]
    return (xs.min(), ys.min(), xs.max(), ys.max())
