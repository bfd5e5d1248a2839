# SPDX-License-Identifier: GPL-2.0-or-later
"""A class map as polygons without gaps, made of strips of rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from ..errors import InvalidOption
from ..grid import Grid
from ..image import Array, Image
from ..landcover.faces import between, face_areas, neighbors, rings_between
from ..landcover.generalizing import Generalizing
from ..landcover.labeled import known_labels
from ..landcover.lines import Ids, chained, edges_of
from ..landcover.merging import Merging
from ..landcover.regions import Regions
from ..landcover.untangling import Untangling
from ..progress import SILENT, Progress
from ..room import size_text
from ..stage import WorkingFolder
from ..vector.rings import Polygon
from ..vector.shaping import is_valid
from ..windows import Window
from .heap import give_back, whole_memory
from .pixelfile import Spooled
from .sharing import Shares, read_under
from .tidying import tidy

MOST = 1 << 20
"""Pixels of a strip at most."""

EACH = 400
"""Bytes of memory for a straight piece of a border until all polygons are written, as measured."""

MUCH = 1 << 30
"""Bytes of all pieces that the user should know of."""


@dataclass(frozen=True)
class Vectorizing:
    """How lines are drawn, the area of a pixel and the smallest polygon (m²), pixels of a strip."""

    lines: Generalizing
    pixel_area: float
    smallest: float = 0.0
    block: int = 2000


@dataclass(frozen=True)
class Outlined:
    """A polygon of a class map, its rings in pixel coordinates, and which of the faces it holds."""

    label: int
    polygon: Polygon
    face: int


@dataclass(frozen=True)
class Strips:
    """The labels of a map with a frame of no class, in strips of whole rows from the top.

    `reading` gives labels[row, col] of a window, 0 where there are none.
    """

    grid: Grid
    reading: Callable[[Window], Array]
    rows: int

    @property
    def count(self) -> int:
        """Number of strips."""
        return -(-(self.grid.height + 2) // self.rows)

    def window(self, number: int) -> Window:
        """Return the pixels of a strip, those of the frame left out."""
        strip = Window(0, number * self.rows - 1, self.grid.width, self.rows)
        return strip.clipped(self.grid.window)

    def read(self, number: int) -> Array:
        """Return the labels of a strip with its frame."""
        width, height = self.grid.width + 2, self.grid.height + 2
        first = number * self.rows
        labels = np.zeros((min(self.rows, height - first), width), np.int64)
        window = self.window(number)
        if not window.empty:
            inside = slice(window.row + 1 - first, window.bottom + 1 - first)
            labels[inside, 1:-1] = self.reading(window)
        return labels


@dataclass
class Vectorized:
    """Faces of a class map, the lines between them, and what lies in each."""

    grid: Grid
    how: Vectorizing
    labels: Ids
    drawing: Untangling
    shares: Mapping[str, Shares]
    owners: Ids = field(init=False)
    broken: int = 0

    def __post_init__(self) -> None:
        """Merge small polygons, and draw lines less freely where polygons broke."""
        while True:
            self.owners = self._merged()
            bad = [face for face, polygon in self._rings(holed=True) if not is_valid(polygon)]
            self.broken = len(bad)
            members = np.flatnonzero(np.isin(self.owners, bad))
            if not self.broken or not self.drawing.tighten(members.tolist()):
                return

    def polygons(self) -> Iterator[Outlined]:
        """Yield the polygons, from the top of the map downward."""
        for face, polygon in self._rings():
            yield Outlined(int(self.labels[face]), polygon, face)

    def areas(self) -> Array:
        """Return the area of what each face has become, m²; 0 for parts of others."""
        areas = face_areas(self.drawing.drawn, len(self.labels)) * self.how.pixel_area
        return np.bincount(self.owners, areas, len(self.labels))

    def _rings(self, holed: bool = False) -> Iterator[tuple[int, Polygon]]:
        """Yield faces that have a class with their rings; only those with holes if asked for."""
        places, lines = between(self.drawing.raw, self.owners)
        drawn = self.drawing.drawn.taken(places)
        for face, polygon in rings_between(lines).of_faces(drawn):
            self.drawing.progress.check()
            if self.labels[face] and (len(polygon) > 1 or not holed):
                yield face, polygon

    def _merged(self) -> Ids:
        areas = face_areas(self.drawing.drawn, len(self.labels)) * self.how.pixel_area
        graph = neighbors(self.drawing.drawn, self.labels, areas, self.how.lines.pixel)
        merging = Merging(graph, self.how.smallest)
        merging.go()
        return merging.owners()


def vectorized(
    image: Image, how: Vectorizing, layers: Mapping[str, Image], progress: Progress = SILENT
) -> Vectorized:
    """Return the polygons of a map of labels, and what `layers` hold in each of its faces.

    The map is read once where small polygons go, else twice; the layers once.
    """
    progress.phase("Finding regions")
    with _tidied(image, how.smallest / how.pixel_area, progress.part(0.0, 0.2)) as reading:
        most = min(how.block**2, MOST)
        strips = Strips(image.grid, reading, max(1, most // (image.grid.width + 2)))
        return _vectorized(image, how, layers, strips, progress)


@contextmanager
def _tidied(image: Image, limit: float, progress: Progress) -> Iterator[Callable[[Window], Array]]:
    """Give labels[row, col] of windows, where most of the regions below a limit of pixels are gone.

    Only few regions are left for the graph of all, which is in memory.
    """

    def read(window: Window) -> Array:
        return known_labels(image.read(window, (1,)))

    if limit <= 1:
        yield read
        return
    with WorkingFolder("orthoweave") as folder:
        size = (image.grid.height, image.grid.width)
        labels = Spooled(os.path.join(folder, "labels"), *size, 1, image.dtype.str).created()
        tidy(labels, limit, read, 1, progress)
        yield lambda window: np.asarray(labels.read(window)[..., 0])


def _vectorized(
    image: Image,
    how: Vectorizing,
    layers: Mapping[str, Image],
    strips: Strips,
    progress: Progress,
) -> Vectorized:
    limit = how.smallest / how.pixel_area
    regions = Regions(limit)
    for number in _counted(strips, progress.part(0.2, 0.4)):
        regions.feed(strips.read(number))
    members, labels = _faces(regions, limit)
    shares = {name: Shares() for name in layers}
    pieces, above, needed = [], None, 0
    progress.phase("Following borders")
    for number in _counted(strips, progress.part(0.4, 0.7)):
        strip = members[regions.numbered(number, strips.read(number))]
        above = strip[0] if above is None else above
        pieces.append(edges_of(above, strip, number * strips.rows))
        needed += EACH * len(pieces[-1])
        _refuse_too_much(needed)
        above = strip[-1]
        window = strips.window(number)
        first = window.row + 1 - number * strips.rows
        inside = strip[first : first + window.height, 1:-1]
        _share(shares, layers, image.grid, window, inside)
    if needed > MUCH:
        progress.warn(f"{_borders(needed)} A larger smallest polygon (MMU) makes them few.")
    edges = np.concatenate(pieces)
    # the frame is one pixel wide
    edges[:, :4] -= 1
    lines = chained(edges)
    outer = (labels[lines.left] == 0) | (labels[lines.right] == 0)
    progress.phase("Drawing lines")
    drawing = Untangling(lines, how.lines, outer, len(labels), progress)
    return Vectorized(image.grid, how, labels, drawing, shares)


def _borders(needed: int) -> str:
    count = needed / EACH / 1e6
    return (
        f"The borders have {count:.1f} million straight pieces, which take about "
        f"{size_text(needed)} of memory."
    )


def _refuse_too_much(needed: int) -> None:
    """Raise InvalidOption when this machine cannot hold the borders, which are drawn together."""
    there = whole_memory()
    if there is not None and needed > there:
        raise InvalidOption(
            f"{_borders(needed)} This machine has {size_text(there)}. Give a larger smallest "
            "polygon (MMU), or regularize the map first."
        )


def _faces(regions: Regions, smallest: float) -> tuple[Array, Ids]:
    """Return the face of each number of a strip, and the label of each face.

    Nothing else of the regions stays in memory.
    """
    known = regions.known()
    merging, members = Merging(known.graph, smallest), known.members
    del known
    give_back()
    merging.go()
    kept, faces = np.unique(merging.owners(), return_inverse=True)
    return faces[members].astype(np.int32), merging.labels[kept].astype(np.int64)


def _counted(strips: Strips, progress: Progress) -> Iterator[int]:
    for number in range(strips.count):
        progress.check()
        yield number
        progress.advance((number + 1) / strips.count)


def _share(
    shares: Mapping[str, Shares],
    layers: Mapping[str, Image],
    grid: Grid,
    window: Window,
    faces: Array,
) -> None:
    """Count what the layers hold in the faces of a window."""
    if window.empty:
        return
    for name, layer in layers.items():
        for values, cells in read_under(layer, grid, window):
            shares[name].feed(faces.ravel()[cells], values)
