# SPDX-License-Identifier: GPL-2.0-or-later
"""Superpixels of an image, made window by window over files, so that memory stays small."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import IncompatibleImages, InvalidOption
from ..executor import Ended, each
from ..grid import Grid
from ..image import Array, Details, Image, Pixels, read_padded
from ..landcover.classified import complete
from ..landcover.merging import Merging
from ..landcover.preparing import Preparation
from ..landcover.regions import Regions
from ..landcover.superpixels import (
    COMPONENTS,
    Seeds,
    cell_sums,
    gathered,
    reduced,
    reduction,
    seed_sums,
    seeds_of,
    spread_of,
    weight_of,
)
from ..placement import onto
from ..progress import SILENT, Progress
from ..windows import Window, tiling
from .heap import give_back
from .pixelfile import Spooled
from .seedfile import SeedFile, cell_window
from .tidying import tidy

ITERATIONS = 10
LARGEST_SIDE = 512
"""Windows in which pixels are gathered, px."""

SPOTS, SPOT = 16, 16
"""Squares along each side whose pixels the principal components are found from, and their side."""

STRIP = 1 << 18
"""Pixels of a strip in which parts are found."""


LAST = 2**31 - 1
"""Largest number of an object."""


@dataclass(frozen=True)
class Segmenting:
    """Distance of seeds, weight of position, largest window, threads."""

    step: int = 20
    compactness: float = 1.0
    side: int = 2000
    threads: int = 0


@dataclass(frozen=True)
class Segments:
    """Numbers of segments on the pixels of a grid; 0 = none.

    They are in a file of ours, or in an image, where what is not above 0 belongs to none.
    """

    source: Spooled | Image
    grid: Grid
    name: str = "segments"
    bands: int = 1
    nodata: float | None = 0.0
    band_names: tuple[str, ...] = ("",)
    details: Details = field(default_factory=Details)

    @property
    def dtype(self) -> np.dtype[Any]:
        """32-bit whole numbers."""
        return np.dtype(np.int32)

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Return the numbers of a window."""
        if isinstance(self.source, Spooled):
            values = self.source.read(window)[..., 0]
            return Pixels(values[None], values > 0)
        seen = onto(self.source, self.grid, "nearest")
        place = self.grid.placed(seen.grid)
        found = read_padded(seen, window.shifted(-place.col, -place.row), (1,))
        known = found.valid & (found.values[0] > 0)
        if found.values.dtype.itemsize > 2 and known.any() and found.values[0][known].max() > LAST:
            raise IncompatibleImages(f"{seen.name}: objects have numbers up to {LAST}.")
        return Pixels(np.where(known, found.values, 0).astype(np.int32), known)


def superpixels(
    image: Image, how: Segmenting, folder: str, progress: Progress = SILENT
) -> Segments:
    """Return the superpixels of an image, numbered from 1 in the order of their first pixels.

    They lie in a file in `folder`. Raises InvalidOption when no pixel is valid in every band.
    """
    run = _Run(image, how, folder)
    progress.phase("Reading features")
    seeds = run.read(progress.part(0.0, 0.2))
    for number, part in enumerate(progress.part(0.2, 0.8).split(ITERATIONS), 1):
        progress.phase(f"Gathering pixels, round {number} of {ITERATIONS}")
        seeds = run.round(seeds, part, last=number == ITERATIONS)
    progress.phase("Joining small parts")
    run.tidy(progress.part(0.8, 1.0))
    return Segments(run.labels, image.grid)


class _Run:
    """The files of a run and what is done with them."""

    def __init__(self, image: Image, how: Segmenting, folder: str) -> None:
        self.image, self.how = image, how
        size = (image.grid.height, image.grid.width)
        self.features = Spooled(
            os.path.join(folder, "features"), *size, COMPONENTS + 1, "<i2"
        ).created()
        self.labels = Spooled(os.path.join(folder, "labels"), *size, 1, "<i4").created()
        side = max(how.step, min(how.side, LARGEST_SIDE) // how.step * how.step)
        self.windows = list(tiling(image.grid.window, side, side))
        shape = (-(-size[0] // how.step), -(-size[1] // how.step))
        self.seeds = SeedFile.created(os.path.join(folder, "seeds"), shape, how.step)

    def read(self, progress: Progress) -> SeedFile:
        """Write the components of all pixels and return the first seeds."""
        reduce, step = _reduction(self.image), self.how.step

        image, features = self.image, self.features

        def look(window: Window) -> tuple[Window, Array, Array]:
            pixels = image.read(window)
            valid = complete(image, pixels)
            components = np.where(valid, reduced(pixels.values, reduce), np.int16(0))
            both = np.concatenate([components, valid[None].astype(np.int16)])
            sums = cell_sums(components, valid, step)
            sums[..., 1] += window.col * sums[..., 0]
            sums[..., 2] += window.row * sums[..., 0]
            return window, sums, both

        def keep(found: tuple[Window, Array, Array]) -> tuple[Window, Array]:
            features.write(found[0], np.moveaxis(found[2], 0, -1))
            return found[:2]

        spread, cells = 0, 0
        for window, sums in self._each(Ended(look, after=keep), progress):
            place = cell_window(window, step)
            self.seeds.put(seeds_of(sums, step, (place.row, place.col)))
            more, count = spread_of(sums)
            spread, cells = spread + more, cells + count
        return replace(self.seeds, weight=weight_of(spread, cells, step, self.how.compactness))

    def round(self, seeds: SeedFile, progress: Progress, *, last: bool) -> SeedFile:
        """Give each pixel to a seed and return the seeds moved; the last time, write the pixels."""

        def read(window: Window) -> tuple[Window, Array, Seeds]:
            return window, self.features.read(window), seeds.around(window)

        def look(held: tuple[Window, Array, Seeds]) -> tuple[Window, Array, Array | None]:
            window, near, found = held[0], held[2], np.moveaxis(held[1], -1, 0)
            components, valid = found[:-1], found[-1] > 0
            labels = gathered(components, valid, window, near)
            sums = seed_sums(labels, components, window, near)
            return window, sums, labels[..., None] if last else None

        def keep(found: tuple[Window, Array, Array | None]) -> tuple[Window, Array]:
            if found[2] is not None:
                self.labels.write(found[0], found[2])
            return found[:2]

        moving = seeds.moving()
        for window, sums in self._each(Ended(look, read, keep), progress):
            moving.add(window, sums, last=window.right == self.image.grid.width)
        return moving.target

    def tidy(self, progress: Progress) -> None:
        """Join parts below a quarter of a cell to neighbors and number what is left."""
        labels, limit = self.labels, self.how.step**2 / 4

        def read(window: Window) -> Array:
            return np.asarray(labels.read(window)[..., 0])

        tidy(labels, limit, read, self.how.threads, progress.part(0.0, 0.6))
        self._number(limit, progress.part(0.6, 1.0))

    def _number(self, limit: float, progress: Progress) -> None:
        """Join the few small parts that lie in several squares and number what is left."""
        grid = self.image.grid
        strips = list(tiling(grid.window, grid.width, max(1, STRIP // grid.width)))
        regions, parts = Regions(limit), progress.split(2)
        for strip in _listened(strips, next(parts)):
            regions.feed(self.labels.read(strip)[..., 0])
        numbers = _numbers(regions, limit)
        for number, strip in enumerate(_listened(strips, next(parts))):
            ids = regions.numbered(number, self.labels.read(strip)[..., 0])
            self.labels.write(strip, numbers[ids][..., None])

    def _each(
        self, look: Callable[[Window], tuple[Window, Array]], progress: Progress
    ) -> Iterator[tuple[Window, Array]]:
        count, threads = len(self.windows), self.how.threads
        return each(look, self.windows, threads=threads, progress=progress, total=count)


def _numbers(regions: Regions, limit: float) -> Array:
    """Return the segment of each number of a strip, from 1 in the order of first pixels; 0 none.

    Nothing else of the regions, of which there may be millions, stays in memory.
    """
    known = regions.known()
    merging, members = Merging(known.graph, limit), known.members
    del known
    merging.go()
    there, owners = merging.labels > 0, merging.owners().astype(np.int32)
    del merging
    give_back()
    # regions are in the order of their first pixels
    first = np.full(len(owners), len(owners), np.int32)
    segments = np.flatnonzero(there).astype(np.int32)[::-1]
    first[owners[segments]] = segments
    begins = np.zeros(len(owners) + 1, bool)
    begins[first] = True
    rank = np.cumsum(begins, dtype=np.int32)
    return np.where(there, rank[first[owners]], 0)[members]


def _listened(strips: Sequence[Window], progress: Progress) -> Iterator[Window]:
    for number, strip in enumerate(strips, 1):
        progress.check()
        yield strip
        progress.advance(number / len(strips))


def _reduction(image: Image) -> Preparation:
    """Return the principal components of pixels in squares all over an image."""
    values = _values(image, _spots(image.grid))
    if not len(values):
        # the border of a swath can lie between the squares
        side = SPOT * SPOTS
        values = _values(image, tiling(image.grid.window, side, side))
    if not len(values):
        raise InvalidOption(f"{image.name} has no pixels that are valid in every band.")
    if (values == values[0]).all():
        raise InvalidOption(
            f"All bands of {image.name} are constant: superpixels have nothing to follow. Give the "
            "objects (SEGMENTS)."
        )
    return reduction(values)


def _values(image: Image, windows: Iterable[Window]) -> Array:
    """Return values[row, feature] of complete pixels in windows, until there are very many."""
    found, count = [np.empty((0, image.bands), np.float32)], 0
    for window in windows:
        pixels = image.read(window)
        found.append(pixels.values[:, complete(image, pixels)].T.astype(np.float32))
        count += len(found[-1])
        if count >= (SPOT * SPOTS) ** 2:
            break
    return np.concatenate(found)


def _spots(grid: Grid) -> Iterator[Window]:
    rows, cols = (
        # as many as fit side by side: every pixel is read once
        np.linspace(0, max(0, size - SPOT), min(SPOTS, max(1, size // SPOT))).astype(int).tolist()
        for size in (grid.height, grid.width)
    )
    for row in rows:
        for col in cols:
            yield Window(col, row, SPOT, SPOT).clipped(grid.window)
