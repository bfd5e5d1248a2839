# SPDX-License-Identifier: GPL-2.0-or-later
"""Labelled polygons or points, and which pixels of a grid they hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from osgeo import ogr

from ..errors import InvalidOption
from ..grid import Grid
from ..image import Array, Mask
from ..landcover.samples import LARGEST
from ..progress import SILENT, Progress
from ..raster.crs import CrsMapping, crs_title, same_crs
from ..windows import Window, tiling
from .burned import Burned
from .clipping import Shapes
from .features import Feature, read_polygons, refuse_no_field
from .points import point_features, read_points
from .rings import rings_of, wkb_of
from .sources import open_layer

_POINTS = (ogr.wkbPoint, ogr.wkbMultiPoint)
_ANY = (
    *_POINTS,
    ogr.wkbPolygon,
    ogr.wkbMultiPolygon,
    ogr.wkbCurvePolygon,
    ogr.wkbMultiSurface,
    ogr.wkbGeometryCollection,
    ogr.wkbUnknown,
)


@dataclass(frozen=True)
class GroundTruth:
    """Labelled features of a layer, in the CRS they are needed in.

    `labels[n]` belongs to `features[n]`; `named` holds (code, text) where labels are texts.
    `points` is True for a layer of points.
    """

    title: str
    features: tuple[Feature, ...]
    labels: NDArray[np.int64]
    named: tuple[tuple[int, str], ...] = ()
    points: bool = False

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Number of each feature in its layer (`originfid`)."""
        return np.array([feature.number for feature in self.features], np.int64)

    @property
    def classes(self) -> tuple[int, ...]:
        """The labels that occur, ascending."""
        return tuple(int(label) for label in np.unique(self.labels))

    def only(self, kept: Array) -> GroundTruth:
        """Return some of the features, by their numbers or by a mask."""
        places = np.arange(len(self.features))[kept]
        features = tuple(self.features[place] for place in places.tolist())
        return GroundTruth(self.title, features, self.labels[kept], self.named, self.points)


def read_truth(source: str, field: str, crs: str, progress: Progress = SILENT) -> GroundTruth:
    """Read labelled polygons or points of "path" or "path|layername=x", brought to a CRS (WKT).

    Text labels are coded 1, 2, … in alphabetical order. Raises ImageIOError when the file cannot
    be read, InvalidOption when the field or the CRS is missing or a label is no whole number above
    0 or text.
    """
    found = open_layer(source, _ANY, "polygons or points")
    if crs and not found.crs:
        raise InvalidOption(
            f"{found.title} has no CRS, so that its place is not known. Assign its CRS to it first."
        )
    if crs and not same_crs(found.crs, crs):
        progress.info(f"{found.title} is brought from {crs_title(found.crs)} to {crs_title(crs)}.")
    points = ogr.GT_Flatten(found.layer.GetGeomType()) in _POINTS
    features = _points(source, crs) if points else read_polygons(source, crs, progress)
    labels, named = labels_of(features, field, found.title)
    return GroundTruth(found.title, features, labels, named, points)


def crs_of(source: str) -> str:
    """Return the CRS (WKT) of labelled polygons or points, "" when they have none."""
    return open_layer(source, _ANY, "polygons or points").crs


def _points(source: str, crs: str) -> tuple[Feature, ...]:
    table = read_points(source)
    x, y = table.x, table.y
    if table.crs and crs and not same_crs(table.crs, crs):
        x, y = CrsMapping(table.crs, crs)(x, y)
    found = point_features(x, y, table.columns)
    known = np.isfinite(x) & np.isfinite(y)
    return tuple(
        Feature(feature.geometry, feature.values, number)
        for number, (feature, there) in enumerate(zip(found, known), 1)
        if there
    )


def labels_of(
    features: Sequence[Feature], field: str, title: str
) -> tuple[NDArray[np.int64], tuple[tuple[int, str], ...]]:
    """Return the label of each feature, and (code, text) of labels that are texts.

    Raises InvalidOption naming field, value and feature when a label cannot be one.
    """
    if features:
        refuse_no_field(features[0].values, field, title)
    values = [feature.values[field] for feature in features]
    for feature, value in zip(features, values):
        if not _is_label(value):
            raise InvalidOption(
                f"Field {field!r} of {title} holds {'nothing' if _empty(value) else value} "
                f"(feature {feature.number}); labels must be whole numbers from 1 to {LARGEST} or "
                "text."
            )
    if not any(isinstance(value, str) for value in values):
        return np.array([int(value) for value in values], np.int64), ()
    # blanks at the end, which tables of fixed width add, make no other class
    texts = [str(value).strip() for value in values]
    names = sorted(set(texts))
    codes = {name: code for code, name in enumerate(names, 1)}
    return np.array([codes[text] for text in texts], np.int64), tuple(enumerate(names, 1))


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _is_label(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return isinstance(value, (int, float)) and 0 < value <= LARGEST and value == int(value)


@dataclass(frozen=True)
class Held:
    """Which feature holds each pixel: its place in the ground truth from 1, 0 = none.

    Pixels in features of different labels are conflicts, and belong to none.
    """

    features: Array
    conflicts: Mask


@dataclass(frozen=True)
class Burning:
    """Features of a ground truth on the pixels of a grid: the pixels whose centers they hold.

    A point holds the pixel that it lies in.
    """

    grid: Grid
    truth: GroundTruth

    def read(self, window: Window) -> Held:
        """Return the features of a window."""
        held = np.zeros(window.shape, np.int32)
        conflicts = np.zeros(window.shape, bool)
        for burned in self._classes:
            found = burned.labels(window)
            conflicts |= (found > 0) & (held > 0)
            np.copyto(held, found, where=found > 0)
        held[conflicts] = 0
        return Held(held, conflicts)

    def windows(self, side: int) -> Iterator[Window]:
        """Yield the windows of a grid of squares that features may reach, row by row."""
        squares: set[tuple[int, int]] = set()
        for left, top, right, bottom in self._boxes:
            box = Window(left, top, right - left, bottom - top).clipped(self.grid.window)
            if not box.empty:
                around = box.aligned(side, side)
                squares.update((w.row, w.col) for w in tiling(around, side, side))
        for row, col in sorted(squares):
            yield Window(col, row, side, side).clipped(self.grid.window)

    @property
    def outside(self) -> int:
        """Number of features that do not reach the grid."""
        return int((~self.reached).sum())

    @property
    def reached(self) -> Array:
        """Which features reach the grid."""
        clipped = (
            Window(a, b, c - a, d - b).clipped(self.grid.window) for a, b, c, d in self._boxes
        )
        return np.array([not box.empty for box in clipped], bool)

    def refuse_none(self, name: str) -> None:
        """Raise InvalidOption when no feature reaches the grid, that of the image of this name."""
        if self.reached.any():
            return
        boxes = Shapes(tuple(feature.geometry for feature in self.truth.features)).boxes
        theirs = (*boxes[:, :2].min(0), *boxes[:, 2:].max(0))
        texts = (", ".join(f"{v:.10g}" for v in box) for box in (theirs, self.grid.bounds))
        raise InvalidOption(
            f"None of the {len(boxes)} polygons of {self.truth.title} meets {name} "
            f"(extents: {'; '.join(texts)})."
        )

    @cached_property
    def _shapes(self) -> tuple[bytes, ...]:
        if not self.truth.points:
            return tuple(feature.geometry for feature in self.truth.features)
        places = np.frombuffer(b"".join(f.geometry[5:21] for f in self.truth.features), "<f8")
        cols, rows = self.grid.to_pixel(*places.reshape(-1, 2).T)
        return tuple(self._square(col, row) for col, row in zip(np.floor(cols), np.floor(rows)))

    def _square(self, col: float, row: float) -> bytes:
        """Return a square round the center of a pixel that reaches no other center."""
        corners = np.array([(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75), (0.25, 0.25)])
        x, y = self.grid.to_map(*(corners + (col, row)).T)
        return wkb_of([(np.stack([x, y], 1),)])

    @cached_property
    def _classes(self) -> tuple[Burned, ...]:
        found = []
        for label in self.truth.classes:
            places = np.flatnonzero(self.truth.labels == label).tolist()
            shapes = tuple((self._shapes[place], place + 1) for place in places)
            found.append(Burned(self.grid, shapes))
        return tuple(found)

    @cached_property
    def _boxes(self) -> list[tuple[int, int, int, int]]:
        """The pixels (left, top, right, bottom) round each feature."""
        found = []
        for shape in self._shapes:
            corners = np.concatenate([polygon[0] for polygon in rings_of(shape)])
            cols, rows = self.grid.to_pixel(*corners.T)
            low = (int(np.floor(cols.min())), int(np.floor(rows.min())))
            high = (int(np.ceil(cols.max())) + 1, int(np.ceil(rows.max())) + 1)
            found.append((*low, *high))
        return found
