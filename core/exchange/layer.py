# SPDX-License-Identifier: GPL-2.0-or-later
"""Key points as a layer of points that QGIS shows as arrows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..displacements.ground import Ground
from ..errors import InvalidOption
from ..grid import Grid
from ..image import Array
from ..matching.keypoints import STATUSES, USED, Column, KeyPoints
from ..progress import SILENT, Progress
from ..vector import Layer, PointTable, point_features, read_points, write_layers
from ..vector.styles import LADDER, Arrows, arrows_style
from .table import OPTIONAL, points_of, read_table

NAME = "key_points"
REALS = (
    *("x0", "y0", "dx", "dy", "east", "north", "radial_error", "angle", "bearing", "score"),
    *("sigma_x", "sigma_y", "zncc_score", "mutual_info_score", "mi_score"),
    *("x_map", "y_map", "altitude"),
)
LENGTH = 5.0
"""Millimetres of an arrow of median length."""

_SHAPEFILE = 10
"""Letters of a field's name that a shapefile keeps."""


@dataclass(frozen=True)
class ExtraField:
    """A field beside the usual ones: "string", "integer" or "real", one value for each point."""

    name: str
    kind: str
    values: Sequence[Any]


def write_key_points(
    path: str, points: KeyPoints, grid: Grid, extra: Sequence[ExtraField] = ()
) -> str:
    """Write all points, rejected ones too, into a styled GeoPackage; return its absolute path.

    They lie at their pixel centers in the CRS of the reference grid, see `positions`. Raises
    InvalidOption for another extension, ImageIOError when it cannot be written.
    """
    columns: dict[str, Any] = {name: getattr(points, name) for name in REALS}
    if not grid.crs:
        # the layer's up is the image's up, so that arrows can be drawn
        known, up = np.isfinite(points.bearing), np.degrees(np.arctan2(points.dx, -points.dy))
        columns["bearing"] = np.where(known, points.bearing, up % 360)
    columns["status"] = [STATUSES[code] for code in points.status.tolist()]
    columns.update({field.name: field.values for field in extra})
    fields = (
        *((name, "real") for name in REALS),
        ("status", "string"),
        *((field.name, field.kind) for field in extra),
    )
    features = point_features(*positions(points, grid), columns)
    style = arrows_style(_arrows(points, grid))
    return write_layers(path, [Layer(NAME, "Point", grid.crs, fields, features, style)])


def positions(points: KeyPoints, grid: Grid) -> tuple[Array, Array]:
    """Return where points are drawn: on the map, or (column, -row) when the grid has no CRS."""
    if grid.crs:
        return grid.to_map(points.x0 + 0.5, points.y0 + 0.5)
    return points.x0 + 0.5, -(points.y0 + 0.5)


def read_key_points(
    source: str, grid: Grid | None = None, progress: Progress = SILENT
) -> KeyPoints:
    """Read a layer of key points, also one that was edited or saved as another format, or a table.

    A name that ends in .csv is a table, see `read_table`. A layer needs dx and dy, and x0 and y0
    or a grid that tells them from the points' positions (in the grid's CRS). Points without dx or
    dy are left out with a warning; an empty status means used. Raises ImageIOError when the file
    cannot be read, InvalidOption when it is no such layer.
    """
    if source.lower().endswith(".csv"):
        return read_table(source)
    table = read_points(source)
    columns = {name: _numbers(table, name) for name in ("dx", "dy")}
    for name, values in zip(("x0", "y0"), _pixels(table, grid)):
        columns[name] = values
    for name in ("score", *OPTIONAL):
        if _found(table, name) is not None:
            columns[name] = _numbers(table, name)
    if "sigma_x" not in columns and _found(table, "sigma") is not None:
        both = _numbers(table, "sigma") / math.sqrt(2)
        columns["sigma_x"] = columns["sigma_y"] = both
    columns["status"] = _codes(table)
    whole = np.isfinite(np.stack([columns[name] for name in ("x0", "y0", "dx", "dy")])).all(0)
    if not whole.all():
        count = int(np.count_nonzero(~whole))
        progress.warn(
            f"{table.title}: {count} of {len(whole)} points lack dx, dy or a position and are left "
            "out."
        )
    return points_of({name: column[whole] for name, column in columns.items()})


def _pixels(table: PointTable, grid: Grid | None) -> tuple[Column, Column]:
    """Return x0 and y0; where they are empty, those of the position."""
    names = ("x0", "y0")
    given = [
        np.full(len(table.x), np.nan) if _found(table, name) is None else _numbers(table, name)
        for name in names
    ]
    if grid is None:
        if any(_found(table, name) is None for name in names):
            raise InvalidOption(
                f"{table.title} has no fields x0 and y0, and without a reference image the pixels "
                "of its points are not known."
            )
        return given[0], given[1]
    at = grid.to_pixel(table.x, table.y) if grid.crs else (table.x, -table.y)
    x0, y0 = (np.where(np.isnan(a), b - 0.5, a) for a, b in zip(given, at))
    return x0, y0


def _codes(table: PointTable) -> Array:
    found = _found(table, "status")
    texts = [] if found is None else [str(value or "").strip().lower() for value in found]
    unknown = next((text for text in texts if text and text not in STATUSES), None)
    if unknown is not None:
        raise InvalidOption(
            f"{table.title}: status {unknown!r} is not known. Use {', '.join(STATUSES)} or leave "
            "it empty."
        )
    codes = [STATUSES.index(text) if text else USED for text in texts]
    return np.asarray(codes or [USED] * len(table.x), np.uint8)


def _found(table: PointTable, name: str) -> list[Any] | None:
    """Return a column by its name or by the beginning that a shapefile keeps; None when absent."""
    lowered = {key.lower(): values for key, values in table.columns.items()}
    return lowered.get(name, lowered.get(name[:_SHAPEFILE]))


def _numbers(table: PointTable, name: str) -> Column:
    values = _found(table, name)
    if values is None:
        listed = ", ".join(table.columns) or "none"
        raise InvalidOption(
            f"{table.title} is no layer of key points: it has no field {name}. Its fields are: "
            f"{listed}."
        )
    try:
        return np.array([np.nan if value in (None, "") else float(value) for value in values])
    except (TypeError, ValueError) as error:
        raise InvalidOption(
            f"{table.title}: field {name} holds something that is no number."
        ) from error


def _arrows(points: KeyPoints, grid: Grid) -> Arrows:
    """Scale the arrows so that the median of the used ones is 5 mm long."""
    shown = points.chosen(points.used)
    shown = shown if len(shown) else points
    # without CRS east and north are known only when the size of a pixel is
    lengths, unit, polar = np.hypot(shown.east, shown.north), Ground(grid, 1.0).unit, False
    if not np.isfinite(lengths).any():
        lengths, unit, polar = shown.radial_error, "px", True
    median = _positive_median(lengths)
    return Arrows(
        ("radial_error", "bearing") if polar else ("east", "north"),
        LENGTH / median,
        f"{LENGTH:g} mm = {median:.3g} {unit}",
        color="radial_error",
        limits=_limits(shown.radial_error),
        unit="px",
        polar=polar,
    )


def _positive_median(lengths: Array) -> float:
    """Return the median length; 1 when nothing moves."""
    found = lengths[np.isfinite(lengths)]
    median = float(np.median(found)) if found.size else 0.0
    return median if median > 0 else float(found.max(initial=0.0)) or 1.0


def _limits(values: Array) -> tuple[float, ...]:
    """Return even limits between the classes, a round number apart, up to mean + 3 std."""
    found = values[np.isfinite(values)]
    top = float(found.mean() + 3 * found.std()) if found.size else 0.0
    rough = (top or 1.0) / len(LADDER)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * digit for digit in (1, 2, 5, 10) if power * digit >= rough * 0.999)
    return tuple(step * number for number in range(1, len(LADDER)))
