# SPDX-License-Identifier: GPL-2.0-or-later
"""Two images on their common ground: what both show, sampled and seen window by window."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..executor import each
from ..grid import Grid
from ..image import Array, Image, Mask, Pixels, calculation, read_padded
from ..placement import onto
from ..progress import SILENT, Progress
from ..radiometry.invariant import Sample, Seen, Way
from ..radiometry.selection import Selection, used_pixels
from ..windows import Window, tiling

TILE = 512
"""Windows in which pairs are looked at; fixed, so that samples do not depend on the user's."""

MOST_SAMPLES = 1_000_000
"""Pixels looked at for estimation; larger overlaps are thinned regularly."""


@dataclass(frozen=True)
class Side:
    """An image of a pair as the canvas sees it: where it lies, and which pixels count.

    `number` is its number in the selection; without one, `saturated` says whether such pixels
    count. `direct` means that its own pixels are those of the canvas.
    """

    image: Image
    place: Window
    selection: Selection | None = None
    number: int = 0
    saturated: bool = False
    direct: bool = True

    def read(self, window: Window) -> tuple[Pixels, Mask | None]:
        """Return the pixels of a window of the canvas, and which of them count (None: all)."""
        place = window.shifted(-self.place.col, -self.place.row)
        pixels = read_padded(self.image, place, rounded=self.direct)
        if self.selection is None:
            return pixels, used_pixels(pixels, saturated=self.saturated)
        return pixels, self.selection.used(self.number, window, pixels)


@dataclass(frozen=True)
class Paired:
    """An image, and one that is taken as its reference, on their common ground.

    `window` of the canvas is where both lie.
    """

    image: Side
    reference: Side
    canvas: Grid
    window: Window

    @property
    def grid(self) -> Grid:
        """The grid of the common ground."""
        return self.canvas.cropped(self.window)

    @property
    def stride(self) -> int:
        """Step between the rows and columns that are sampled."""
        return max(1, math.ceil(math.sqrt(self.window.pixels / MOST_SAMPLES)))

    def seen(self, window: Window, margin: int) -> Seen:
        """Return what both show in a window of the common ground."""
        around = window.padded(margin).shifted(self.window.col, self.window.row)
        sides = [side.read(around) for side in (self.image, self.reference)]
        used = np.ones(around.shape, bool)
        for _, mask in sides:
            used = used if mask is None else used & mask
        x, r = (np.where(used, calculation(pixels.values), 0) for pixels, _ in sides)
        return Seen(x, r, used, window, margin)


def side_of(image: Image, canvas: Grid) -> Side:
    """Return an image as the canvas sees it, resampled as the survey does."""
    average = image.grid.pixel_size[0] < canvas.pixel_size[0] * 2 / 3
    seen = onto(image, canvas, "average" if average else "bilinear", strict=True)
    return Side(seen, canvas.placed(seen.grid), direct=seen is image)


def common_window(first: Side, second: Side, canvas: Grid) -> Window:
    """Return the window of the canvas where both lie; empty when they do not meet."""
    return first.place.clipped(second.place).clipped(canvas.window)


def sampled(pair: Paired, way: Way, *, threads: int = 0, progress: Progress = SILENT) -> Sample:
    """Return used pixels of the common ground on a regular lattice, with their features."""

    def look(window: Window) -> Sample:
        seen = pair.seen(window, way.margin)
        features = way.describe(seen)
        rows, cols = (slice(-start % step, None, step) for start in (window.row, window.col))
        used = seen.inner(seen.used)[rows, cols]
        x, r = (seen.inner(values)[:, rows, cols][:, used] for values in (seen.x, seen.r))
        return Sample(x, r, features[:, rows, cols][:, used])

    step = pair.stride
    return _joined(pair, look, threads, progress)


def gathered(pair: Paired, way: Way, *, threads: int = 0, progress: Progress = SILENT) -> Sample:
    """Return all invariant pixels of the common ground, found by a way that is fitted."""

    def look(window: Window) -> Sample:
        seen = pair.seen(window, way.margin)
        x, r, used = (seen.inner(values) for values in (seen.x, seen.r, seen.used))
        features = way.describe(seen)
        chosen = way.decide(x, r, features)[1] & used
        return Sample(x[:, chosen], r[:, chosen], features[:, chosen])

    return _joined(pair, look, threads, progress)


def decided(way: Way, sample: Sample) -> Array:
    """Return which pixels of a sample are invariant."""
    return np.asarray(way.decide(sample.x, sample.r, sample.features)[1])


def tiles(pair: Paired) -> Iterator[Window]:
    """Yield the windows in which a pair is looked at."""
    yield from tiling(Window(0, 0, pair.window.width, pair.window.height), TILE, TILE)


def _joined(
    pair: Paired, look: Callable[[Window], Sample], threads: int, progress: Progress
) -> Sample:
    windows = list(tiles(pair))
    parts = list(each(look, windows, threads=threads, progress=progress, total=len(windows)))
    return Sample(
        *(np.concatenate([getattr(p, n) for p in parts], 1) for n in ("x", "r", "features"))
    )
