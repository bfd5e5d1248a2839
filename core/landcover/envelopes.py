# SPDX-License-Identifier: GPL-2.0-or-later
"""Which part of each tile a mosaic takes: iota2's rectangular rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from ..deps import require
from ..grid import Bounds

PURPOSE = "Envelopes of tiles"


@dataclass(frozen=True)
class Enveloped:
    """One MultiPolygon (well-known binary) for each tile, and whether the margin was cut to half
    of an overlap somewhere."""

    envelopes: tuple[bytes, ...]
    halved: bool


def northwest(boxes: Sequence[Bounds]) -> tuple[int, ...]:
    """Return the numbers of tiles from north to south, and from west to east in a row."""
    return tuple(sorted(range(len(boxes)), key=lambda n: (-boxes[n][3], boxes[n][0])))


def rectangular(footprints: Sequence[bytes], order: Sequence[int], margin: float) -> Enveloped:
    """Divide overlaps so that the tile that comes first in the order is preferred.

    It keeps `margin` map units from its own far edge. Footprints are polygons in one CRS; the
    envelopes do not overlap and cover the footprints exactly; that of a tile which gets no ground
    is b"".
    """
    rule = _Rectangles.of(footprints, margin)
    ranked = [(order[i], order[k]) for i, k in combinations(range(len(order)), 2)]
    meeting = [pair for pair in ranked if rule.meet(*pair)]
    for higher, lower in sorted(meeting, key=lambda pair: -order.index(pair[1])):
        rule.take_from_lower(higher, lower)
    for higher, lower in meeting:
        if rule.shared(higher, lower):
            rule.cut(higher, rule.parts[lower])
    rule.settle(order)
    shape = require("shapely.geometry", PURPOSE)
    parts = (_surfaces(part) for part in rule.parts)
    found = tuple(bytes(shape.MultiPolygon(part).wkb) if part else b"" for part in parts)
    return Enveloped(found, rule.halved)


@dataclass
class _Rectangles:
    """Footprints, their boxes, and what is left of each tile so far."""

    footprints: list[Any]
    parts: list[Any]
    margin: float
    halved: bool = False

    @classmethod
    def of(cls, footprints: Sequence[bytes], margin: float) -> _Rectangles:
        loads = require("shapely.wkb", PURPOSE).loads
        found = [loads(wkb) for wkb in footprints]
        return cls(found, list(found), margin)

    def meet(self, a: int, b: int) -> bool:
        """Return True when two footprints have ground in common."""
        return float(self.footprints[a].intersection(self.footprints[b]).area) > 0

    def shared(self, a: int, b: int) -> bool:
        """Return False for tiles northwest and southeast of each other: one gets the overlap."""
        first, second = self.footprints[a].bounds, self.footprints[b].bounds
        same = (first[0] < second[0]) == (first[3] > second[3])
        return self._row(a, b) or self._column(a, b) or not same

    def take_from_lower(self, higher: int, lower: int) -> None:
        """Take what the higher tile keeps of the overlap from the lower one."""
        overlap = self.footprints[higher].intersection(self.footprints[lower])
        strip = self._strip(higher, lower, overlap.bounds)
        kept = overlap if strip is None else overlap.difference(strip)
        self.cut(lower, kept)

    def cut(self, tile: int, other: Any) -> None:
        """Take ground from a tile."""
        self.parts[tile] = self.parts[tile].difference(other)

    def settle(self, order: Sequence[int]) -> None:
        """Give ground that nobody has to the first tile that sees it, and none to two."""
        unite = require("shapely.ops", PURPOSE).unary_union
        for place, tile in enumerate(order):
            taken = unite([self.parts[one] for one in order[:place]])
            self.parts[tile] = self.parts[tile].difference(taken)
        for tile in order:
            taken = unite([self.parts[one] for one in order])
            missed = self.footprints[tile].difference(taken)
            if _surfaces(missed):
                self.parts[tile] = unite([self.parts[tile], *_surfaces(missed)])

    def _strip(self, higher: int, lower: int, overlap: Bounds) -> Any | None:
        """The strip along the far edge of the higher tile that goes to the lower one."""
        left, low, right, high = overlap
        a, b = self.footprints[higher].bounds, self.footprints[lower].bounds
        box = require("shapely.geometry", PURPOSE).box
        if self._column(higher, lower):
            wide = self._limited(high - low)
            if a[1] > b[1]:
                return box(left, low, right, low + wide)
            return box(left, high - wide, right, high)
        if not self.shared(higher, lower):
            return None
        wide = self._limited(right - left)
        if a[0] < b[0]:
            return box(right - wide, low, right, high)
        return box(left, low, left + wide, high)

    def _limited(self, length: float) -> float:
        if self.margin >= length / 2:
            self.halved = True
            return length / 2
        return self.margin

    def _row(self, a: int, b: int) -> bool:
        """Side by side: they differ along x, and hardly along y."""
        x, y = self._apart(a, b)
        return abs(y) < 0.5 <= abs(x)

    def _column(self, a: int, b: int) -> bool:
        x, y = self._apart(a, b)
        return abs(x) < 0.5 and abs(x) <= abs(y)

    def _apart(self, a: int, b: int) -> tuple[float, float]:
        """Distances of the middles, in parts of the smaller tile."""
        first, second = self.footprints[a].bounds, self.footprints[b].bounds
        found = []
        for low, high in ((0, 2), (1, 3)):
            size = min(first[high] - first[low], second[high] - second[low])
            found.append((second[low] + second[high] - first[low] - first[high]) / 2 / size)
        return found[0], found[1]


def _surfaces(geometry: Any) -> list[Any]:
    """The polygons of a geometry; lines and points that differences leave are none."""
    parts = getattr(geometry, "geoms", [geometry])
    return [part for part in parts if part.geom_type == "Polygon" and part.area > 0]
