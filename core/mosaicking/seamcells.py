# SPDX-License-Identifier: GPL-2.0-or-later
"""Seam cells of a mosaic, just computed or read again, and what is known about their seams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..deps import available, require
from ..errors import InvalidOption
from ..grid import Grid
from ..image import Array, Image
from ..progress import SILENT, Progress
from ..seams.cells import Partition
from ..seams.overlap import Seams
from ..vector import Burned, Footprint, polygons_by_name, read_polygons
from ..vector.rings import area_of, points_of, rings_of, wkb_of

FLAW = 1e-6
"""Part of the ground on which cells may overlap or leave gaps without a word."""

NUMBERS = ("length", "cost", "center_cost", "crossed")


@dataclass(frozen=True)
class SeamCells:
    """Cells (well-known binary) by the number of their image; `cuts` are the seams between them.

    `clauses` say for images without cell why. `exact` cells leave no gap and do not overlap.
    `cost` is the mean cost along the seams, `center_cost` that of seams through the middle.
    """

    shapes: Mapping[int, tuple[bytes, ...]]
    cuts: tuple[bytes, ...] = ()
    length: float | None = None
    cost: float | None = None
    center_cost: float | None = None
    crossed: int | None = None
    clauses: tuple[str, ...] = ()
    exact: bool = True

    def area(self, image: int) -> float:
        """Return the area of an image's cell in squared map units."""
        return sum(area_of(rings_of(wkb)) for wkb in self.shapes.get(image, ()))

    def seams(self, grid: Grid) -> Seams:
        """Return the cells as labels on the grid of a mosaic."""
        shapes = [(wkb, n + 1) for n, found in sorted(self.shapes.items()) for wkb in found]
        return Seams(Burned(grid, tuple(shapes)), complete=self.exact)

    @property
    def numbers(self) -> dict[str, Any]:
        """What the file of the cells does not tell."""
        return {**{name: getattr(self, name) for name in NUMBERS}, "clauses": list(self.clauses)}


@dataclass(frozen=True)
class Prices:
    """Mean cost along seams and along center seams, and obstacles crossed."""

    cost: float | None = None
    center_cost: float | None = None
    crossed: int | None = None


def cells_from(found: Partition, clauses: Sequence[str], prices: Prices) -> SeamCells:
    """Return the cells of a partition."""
    return SeamCells(
        {number: (wkb,) for number, wkb in found.cells.items()},
        tuple(cut.geometry for cut in found.cuts),
        found.seam_length,
        prices.cost,
        prices.center_cost,
        prices.crossed,
        tuple(clauses),
    )


def read_cells(
    path: str, images: Sequence[Image], name: str, known: Mapping[str, Any]
) -> SeamCells:
    """Read the cells of an earlier run; `known` are its numbers."""
    crs = images[0].grid.crs
    features = read_polygons(path, crs)
    if name not in features[0].values:
        raise InvalidOption(f"{path} has no field {name!r}; delete it to have it made again.")
    found = polygons_by_name(features, name, [image.name for image in images])
    shapes = {
        number: tuple(feature.geometry for feature in found[image.name])
        for number, image in enumerate(images)
        if found[image.name]
    }
    cuts = _seams_between([wkb for cell in shapes.values() for wkb in cell])
    facts: dict[str, Any] = {key: known.get(key) for key in NUMBERS}
    return SeamCells(shapes, cuts, clauses=tuple(known.get("clauses", ())), **facts)


def given_cells(
    labels: Burned, grounds: Sequence[bytes] = (), progress: Progress = SILENT
) -> SeamCells:
    """Return cells that somebody drew; their seams only where Shapely is installed.

    Overlaps of cells, and gaps between them on known grounds, are warned of.
    """
    shapes: dict[int, tuple[bytes, ...]] = {}
    for wkb, label in labels.shapes:
        shapes[label - 1] = (*shapes.get(label - 1, ()), wkb)
    if not available("shapely"):
        return SeamCells(shapes, exact=False)
    every = [wkb for wkb, _ in labels.shapes]
    cuts = _seams_between(every)
    _warn_of_flaws(every, grounds, progress)
    length = sum(_length(points_of(cut)) for cut in cuts)
    return SeamCells(shapes, cuts, length=length, exact=False)


def _warn_of_flaws(cells: Sequence[bytes], grounds: Sequence[bytes], progress: Progress) -> None:
    """Say by how much cells overlap, and what part of the ground they leave out."""
    loads = require("shapely.wkb", "Seam cells").loads
    unite = require("shapely.ops", "Seam cells").unary_union
    polygons = [loads(wkb).buffer(0) for wkb in cells]
    whole = unite(polygons)
    twice = sum(one.area for one in polygons) - whole.area
    if twice > FLAW * whole.area:
        progress.warn(
            f"The seam cells overlap on {twice:.4g} squared map units; there the first image wins."
        )
    if grounds:
        ground = unite([loads(wkb).buffer(0) for wkb in grounds])
        left = ground.difference(whole).area
        if left > FLAW * ground.area:
            progress.warn(
                f"The seam cells leave gaps of {left:.4g} squared map units, which other images "
                "fill where FILL_GAPS is yes."
            )


def _seams_between(cells: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the borders of cells inside the ground of all, as lines."""
    loads = require("shapely.wkb", "Seam cells").loads
    shaping = require("shapely.ops", "Seam cells")
    polygons = [loads(wkb) for wkb in cells]
    borders = shaping.unary_union([one.boundary for one in polygons])
    inside = borders.difference(shaping.unary_union(polygons).boundary)
    parts = [one for one in getattr(inside, "geoms", [inside]) if one.length > 0]
    merged = shaping.linemerge(parts) if len(parts) > 1 else inside
    return tuple(one.wkb for one in getattr(merged, "geoms", [merged]) if one.length > 0)


def _length(points: Array) -> float:
    steps = np.diff(points, axis=0)
    return float(np.hypot(steps[:, 0], steps[:, 1]).sum())


def read_footprints(path: str, images: Sequence[Image], name: str) -> tuple[Footprint, ...]:
    """Read the footprints of an earlier run; an image that has none there is empty."""
    features = read_polygons(path, images[0].grid.crs)
    mine = polygons_by_name(features, name, [image.name for image in images])
    found = []
    for image in images:
        shapes = mine[image.name]
        values: Mapping[str, Any] = shapes[0].values if shapes else {}
        found.append(
            Footprint(
                image.name,
                str(values.get("path") or ""),
                wkb_of([ring for shape in shapes for ring in rings_of(shape.geometry)]),
                int(values.get("valid_pixels") or 0),
                image.grid.window.pixels,
                image.bands,
                image.grid.pixel_size,
            )
        )
    return tuple(found)
