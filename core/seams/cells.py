# SPDX-License-Identifier: GPL-2.0-or-later
"""Seam cells and cuts out of owned faces, and what the cells leave or cover twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..deps import require
from ..image import Array
from .arrangement import OUTSIDE, Arrangement, flat, joined
from .boundary import PURPOSE
from .cover import Kinship, rounding
from .drafting import Drawing


@dataclass(frozen=True)
class Cut:
    """The seam between two images: a line as well-known binary, its length in map units.

    `cost` is the mean cost along it, where seams were laid by costs.
    """

    image_a: int
    image_b: int
    geometry: bytes
    length: float
    cost: float | None = None


@dataclass(frozen=True)
class NoCell:
    """Why an image has no cell: "empty", "identical" (to `other`), "contained", "covered"…

    "outside" is one that lies outside the area that is divided.
    """

    reason: str
    other: int = -1


@dataclass(frozen=True)
class Partition:
    """One cell (MultiPolygon, well-known binary) for each image, by its number.

    Areas are in squared map units; gap_area and overlap_area are measured on the cells. `drawings`
    are there when the rule asks for them.
    """

    cells: dict[int, bytes]
    areas: dict[int, float]
    cuts: tuple[Cut, ...]
    union_area: float
    gap_area: float
    overlap_area: float
    skipped: dict[int, NoCell]
    drawings: tuple[Drawing, ...] = ()

    @property
    def seam_length(self) -> float:
        """Length of all cuts in map units."""
        return sum(cut.length for cut in self.cuts)


def measured(
    arrangement: Arrangement,
    owners: Array,
    polygons: Sequence[Any],
    kin: Kinship,
    within: Any | None = None,
) -> Partition:
    """Return the cells of owned faces of an arrangement, compared with the footprints.

    `within` is the polygon that was divided, when that was not all.
    """
    multi = require("shapely.geometry", PURPOSE).MultiPolygon
    unite = require("shapely.ops", PURPOSE).unary_union
    found = sorted(joined(arrangement, owners).items())
    cells = {image: multi(parts) for image, parts in found}
    whole, tiled = unite(list(polygons)), unite(list(cells.values()))
    whole = whole if within is None else whole.intersection(within)
    areas = {image: float(cell.area) for image, cell in cells.items()}
    return Partition(
        cells={image: bytes(cell.wkb) for image, cell in cells.items()},
        areas=areas,
        cuts=tuple(_cuts(arrangement, owners, rounding(polygons))),
        union_area=float(whole.area),
        gap_area=float(whole.symmetric_difference(tiled).area),
        overlap_area=max(0.0, sum(areas.values()) - float(tiled.area)),
        skipped={
            number: _reason(number, polygon, kin, within)
            for number, polygon in enumerate(polygons)
            if number not in cells
        },
    )


def _cuts(arrangement: Arrangement, owners: Array, shortest: float) -> list[Cut]:
    owned = np.append(owners, OUTSIDE)[arrangement.sides]
    between = (owned[:, 0] != owned[:, 1]) & (owned != OUTSIDE).all(1)
    lines: dict[tuple[int, int], list[Any]] = {}
    for line in np.flatnonzero(between).tolist():
        a, b = sorted(owned[line].tolist())
        lines.setdefault((a, b), []).append(arrangement.lines[line])
    merge = require("shapely.ops", PURPOSE).linemerge
    return [
        Cut(a, b, bytes(line.wkb), float(line.length))
        for (a, b), parts in sorted(lines.items())
        for line in flat(merge(parts))
        if line.length > shortest
    ]


def _reason(number: int, polygon: Any, kin: Kinship, within: Any | None) -> NoCell:
    if polygon.is_empty:
        return NoCell("empty")
    if within is not None and not polygon.intersection(within).area:
        return NoCell("outside")
    if number in kin.twins:
        return NoCell("identical", kin.twins[number])
    others = kin.yields.get(number)
    return NoCell("contained", min(others)) if others else NoCell("covered")


def union_area(footprints: Sequence[bytes]) -> float:
    """Return the area that at least one footprint (well-known binary) covers."""
    loads = require("shapely.wkb", PURPOSE).loads
    unite = require("shapely.ops", PURPOSE).unary_union
    return float(unite([loads(wkb) for wkb in footprints]).area)
