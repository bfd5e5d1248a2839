# SPDX-License-Identifier: GPL-2.0-or-later
"""Chips: what both images show around some key points, as files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..grid import Grid
from ..image import Array, Image, Mask, Pixels
from ..matching.keypoints import Column, KeyPoints
from ..progress import SILENT, Progress
from ..raster.crs import CrsMapping, same_crs
from ..raster.handles import opened
from ..raster.pieces import Piece, joined, write_picture, write_piece
from ..stage import make_folder, write_text
from ..windows import Window
from .folder import assembled
from .table import write_table

SIDE, REACH = 57, 28
CELLS = 5
"""Cells along each side of the overlap; each gives at most five points."""

STRETCH = (0.5, 99.5)
"""Percentiles of a pair's valid values that become black and white."""

Indexes = NDArray[np.intp]


@dataclass(frozen=True)
class ChipSource:
    """Where chips are cut out.

    `frame`: the reference grid, whose pixels the key points count; `area`: the overlap on it. The
    images may have grids of their own. Names are file names, for the folders.
    """

    moving: Image
    reference: Image
    moving_name: str
    reference_name: str
    frame: Grid
    area: Window


@dataclass(frozen=True)
class ChipPair:
    """Pixels around a key point: `x0, y0` its position in the reference."""

    x0: int
    y0: int
    moving: Pixels
    reference: Pixels
    moving_window: Window
    reference_window: Window

    def pictures(self) -> tuple[Array, Array]:
        """Return moving and reference as gray bytes with one stretch; invalid pixels are black."""
        sides = [(one.values[0], one.valid) for one in (self.moving, self.reference)]
        seen = np.concatenate([_seen(*side) for side in sides])
        low, high = np.percentile(seen, STRETCH) if seen.size else (0.0, 1.0)
        gray = [_stretched(*side, float(low), float(high)) for side in sides]
        return gray[0], gray[1]


def chip_points(points: KeyPoints, source: ChipSource) -> KeyPoints:
    """Return at most 125 points of the statistics, spread over the overlap, whose chips fit.

    In each of 5 x 5 cells the one nearest the center, and of the rest in each quarter of the cell
    the one whose distance to the center is nearest the median of such distances; equal ones by
    better score.
    """
    points = points.chosen(points.used)
    points = points.chosen(_fitting(points, source))
    area = source.area
    x = (points.x0 + 0.5 - area.col) * CELLS / area.width
    y = (points.y0 + 0.5 - area.row) * CELLS / area.height
    cells = [np.clip(np.floor(a), 0, CELLS - 1) for a in (x, y)]
    # from the cell's center, in px
    right = (x - cells[0] - 0.5) * area.width / CELLS
    down = (y - cells[1] - 0.5) * area.height / CELLS
    numbers = cells[1] * CELLS + cells[0]
    chosen = [
        index
        for number in np.unique(numbers)
        for index in _of_cell(np.flatnonzero(numbers == number), right, down, points.score)
    ]
    return points.chosen(np.sort(np.asarray(chosen, np.intp)))


def _of_cell(members: Indexes, right: Column, down: Column, score: Column) -> list[int]:
    """Return the points that a cell gives: one at its center, one for each quarter."""
    distance = np.hypot(right, down)
    center = _nearest(members, distance[members], score)
    rest = members[members != center]
    quarters = (right[rest] >= 0) + 2 * (down[rest] >= 0)
    found = [center]
    for quarter in np.unique(quarters):
        here = rest[quarters == quarter]
        off = np.abs(distance[here] - np.median(distance[here]))
        found.append(_nearest(here, off, score))
    return found


def _nearest(members: Indexes, off: Column, score: Column) -> int:
    """Return the member with the smallest value, of equal ones that with the best score."""
    # a median of two lies as far from both, but for rounding
    close = members[off <= off.min() + 1e-9]
    return int(close[np.argmax(score[close])])


def read_chips(points: KeyPoints, source: ChipSource) -> Iterator[ChipPair]:
    """Yield both chips of each point that has them; raw values of the images."""
    points = points.chosen(_fitting(points, source))
    windows = [_windows(points, source, side) for side in ("moving", "reference")]
    places = zip(points.x0.tolist(), points.y0.tolist(), *windows)
    with opened():
        for x0, y0, moving, reference in places:
            yield ChipPair(
                round(x0),
                round(y0),
                source.moving.read(moving),
                source.reference.read(reference),
                moving,
                reference,
            )


def write_chips(
    folder: str, points: KeyPoints, source: ChipSource, progress: Progress = SILENT
) -> KeyPoints:
    """Write TIFF and PNG of each pair, chips.csv and two virtual rasters; return the points.

    Files of the same names are replaced, others stay; all appear at the end or, when it fails,
    none. Raises ImageIOError with the reason, Cancelled.
    """
    points = points.chosen(_fitting(points, source))
    names = {"moving": source.moving_name, "reference": _other_name(source)}
    with assembled(folder, ()) as inside:
        for name in names.values():
            make_folder(os.path.join(inside, name))
        pieces: dict[str, list[Piece]] = {"moving": [], "reference": []}
        for number, pair in enumerate(read_chips(points, source), 1):
            progress.check()
            for side, gray in zip(("moving", "reference"), pair.pictures()):
                pieces[side].append(_write_side(inside, names[side], side, pair, gray, source))
            progress.advance(number / len(points))
        for side, listed in pieces.items():
            if listed:
                text = joined(_image(source, side), listed)
                write_text(os.path.join(inside, f"{_TITLES[side]}_chips.vrt"), text)
        write_table(os.path.join(inside, "chips.csv"), points)
        progress.check()
    return points


_TITLES = {"moving": "monitored", "reference": "reference"}
_PREFIXES = {"moving": "MON", "reference": "REF"}


def _write_side(
    inside: str, name: str, side: str, pair: ChipPair, gray: Array, source: ChipSource
) -> Piece:
    """Write the chip of one side as TIFF and PNG."""
    window = pair.moving_window if side == "moving" else pair.reference_window
    pixels = pair.moving if side == "moving" else pair.reference
    image = _image(source, side)
    title = f"{_PREFIXES[side]}_{pair.x0}_{pair.y0}"
    grid = image.grid.cropped(window)
    write_piece(os.path.join(inside, name, f"{title}.TIFF"), pixels.values, grid, image.nodata)
    write_picture(os.path.join(inside, name, f"{title}.png"), gray)
    return Piece(f"{name}/{title}.TIFF", window)


def _image(source: ChipSource, side: str) -> Image:
    return source.moving if side == "moving" else source.reference


def _other_name(source: ChipSource) -> str:
    """Return the folder of the reference's chips; file systems may not tell A from a."""
    same = source.moving_name.lower() == source.reference_name.lower()
    return f"{source.reference_name}_reference" if same else source.reference_name


def _fitting(points: KeyPoints, source: ChipSource) -> Mask:
    """Return which points have both chips wholly inside the images."""
    fits = np.ones(len(points), bool)
    for side in ("moving", "reference"):
        whole = _image(source, side).grid.window
        fits &= np.array([whole.contains(w) for w in _windows(points, source, side)], bool)
    return fits


def _windows(points: KeyPoints, source: ChipSource, side: str) -> list[Window]:
    """Return the window of each point's chip in the image of a side."""
    moved = side == "moving"
    col = points.x0 + 0.5 + (points.dx if moved else 0.0)
    row = points.y0 + 0.5 + (points.dy if moved else 0.0)
    grid = _image(source, side).grid
    if grid != source.frame:
        x, y = source.frame.to_map(col, row)
        if not same_crs(source.frame.crs, grid.crs):
            x, y = CrsMapping(source.frame.crs, grid.crs)(x, y)
            x, y = (np.where(np.isfinite(a), a, np.nan) for a in (x, y))
        col, row = grid.to_pixel(x, y)
    # what has no place in the image's CRS lies outside of it
    known = np.isfinite(col) & np.isfinite(row)
    cols, rows = (np.floor(np.where(known, a, -SIDE)).astype(np.int64).tolist() for a in (col, row))
    return [Window(c - REACH, r - REACH, SIDE, SIDE) for c, r in zip(cols, rows)]


def _seen(values: Array, valid: Mask) -> Array:
    found = values[valid].astype(np.float64)
    return np.asarray(found[np.isfinite(found)])


def _stretched(values: Array, valid: Mask, low: float, high: float) -> Array:
    span = high - low if high > low else 1.0
    shown = valid & np.isfinite(values)
    gray = (np.where(shown, values, low).astype(np.float64) - low) * (255 / span)
    return np.where(shown, np.rint(np.clip(gray, 0, 255)), 0).astype(np.uint8)
