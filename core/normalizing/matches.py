# SPDX-License-Identifier: GPL-2.0-or-later
"""Key points of a pair as starting places of invariant regions."""

from __future__ import annotations

import numpy as np

from ..alike import file_name
from ..displacements.measure import Matching, measure
from ..displacements.pair import pair_of
from ..errors import NoSolution
from ..exchange.layer import read_key_points
from ..exchange.tiepoints import between, key_points_of_ties, read_tie_points
from ..executor import each
from ..image import Array, Image
from ..masks.restricted import OneBand
from ..matching.keypoints import KeyPoints
from ..progress import SILENT, Progress
from ..radiometry.invariant import NearPoints
from ..radiometry.pairlines import line, near_line
from ..windows import Window
from .paired import Paired, tiles

REACH = 2
"""Means round key points are taken over 5 × 5 pixels."""

SQUARE = (2 * REACH + 1) ** 2
FEWEST = 8
MOST_POINTS = 5000
FAR = 1.0
"""A median displacement beyond this, px, means that images do not lie on each other."""

LEAST_SCATTER = 1e-6

Places = tuple[Array, Array]
"""Rows and columns of the common ground."""


def found_places(
    pair: Paired, names: tuple[str, str], threads: int = 0, progress: Progress = SILENT
) -> Places:
    """Look for key points that both images show, and return where they lie.

    Raises NoSolution or IncompatibleImages when there are none.
    """
    sides = (pair.reference.image, pair.image.image)
    # the middle one of the usual orders of bands is green or red
    band = (sides[0].bands + 1) // 2
    compared = pair_of(*(OneBand(side, band) for side in sides))
    points = measure(compared, Matching(MOST_POINTS), threads=threads, progress=progress).key_points
    points = points.chosen(points.used)
    if len(points) and float(np.median(points.radial_error)) > FAR:
        progress.warn(
            f"{names[0]} lies {np.median(points.radial_error):.1f} px off {names[1]}. Align the "
            "images first."
        )
    place = pair.reference.place
    rows, cols = (np.rint(v).astype(int) for v in (points.y0, points.x0))
    return rows + place.row - pair.window.row, cols + place.col - pair.window.col


def given_places(
    path: str, pair: Paired, image: Image, reference: Image, progress: Progress = SILENT
) -> Places:
    """Return where the key points of a file lie: a layer, a table or tie points (JSON)."""
    points = _read(path, image, reference, progress)
    points = points.chosen(points.used)
    at = pair.grid.to_pixel(*reference.grid.to_map(points.x0 + 0.5, points.y0 + 0.5))
    cols, rows = (np.floor(v).astype(int) for v in at)
    inside = (rows >= 0) & (rows < pair.window.height) & (cols >= 0) & (cols < pair.window.width)
    return rows[inside], cols[inside]


def near_points(
    pair: Paired,
    places: Places,
    limit: float,
    radius: int,
    threads: int = 0,
    progress: Progress = SILENT,
) -> NearPoints:
    """Return regions round key points that lie on the robust line through means at them.

    How near is measured by the residuals of the single pixels that the means are made of.

    Raises NoSolution when too few of the points have pixels around them that count.
    """
    rows, cols, x, r = _squares(pair, places, threads, progress)
    if len(rows) < FEWEST:
        raise NoSolution(f"Only {len(rows)} key points have usable pixels around them.")
    gains, offsets, scatters = [], [], []
    for one, other in zip(x, r):
        means = one.mean(0), other.mean(0)
        near = near_line(*means)
        found = line(means[0][near], means[1][near], "orthogonal")
        if not np.isfinite(found.gain):
            raise NoSolution("The key points have no contrast.")
        apart = 1.4826 * float(np.median(np.abs(found.gain * one + found.offset - other)))
        gains.append(found.gain)
        offsets.append(found.offset)
        scatters.append(max(apart, LEAST_SCATTER * float(other.std()), 1e-30))
    made = [np.array(v) for v in (gains, offsets, scatters)]
    return NearPoints(rows, cols, made[0], made[1], made[2], limit, radius)


def _squares(
    pair: Paired, places: Places, threads: int, progress: Progress
) -> tuple[Array, Array, Array, Array]:
    """The points with 5 × 5 pixels that count, and these of both images [band, pixel, point]."""

    def look(window: Window) -> tuple[Array, Array, Array, Array]:
        rows, cols = places
        mine = (rows >= window.row) & (rows < window.bottom)
        mine &= (cols >= window.col) & (cols < window.right)
        rows, cols = rows[mine], cols[mine]
        seen = pair.seen(window, REACH)
        square = np.arange(2 * REACH + 1)
        at = (
            (rows - window.row)[:, None, None] + square[:, None],
            (cols - window.col)[:, None, None] + square,
        )
        whole = seen.used[at].all((1, 2))
        at = (at[0][whole], at[1][whole])
        x, r = (v[:, at[0], at[1]].astype(np.float64) for v in (seen.x, seen.r))
        flat = (len(x), rows[whole].size, SQUARE)
        x, r = (v.reshape(flat).swapaxes(1, 2) for v in (x, r))
        return rows[whole], cols[whole], x, r

    windows = [window for window in tiles(pair) if _holds(window, places)]
    found = list(each(look, windows, threads=threads, progress=progress))
    bands = pair.reference.image.bands
    none, nothing = np.zeros(0, int), np.zeros((bands, SQUARE, 0))
    empty = (none, none, nothing, nothing)
    rows, cols, x, r = (np.concatenate(v, -1) for v in zip(empty, *found))
    return rows, cols, x, r


def _holds(window: Window, places: Places) -> bool:
    rows, cols = places
    inside = (rows >= window.row) & (rows < window.bottom)
    return bool((inside & (cols >= window.col) & (cols < window.right)).any())


def _read(path: str, image: Image, reference: Image, progress: Progress) -> KeyPoints:
    if not path.lower().endswith(".json"):
        return read_key_points(path, reference.grid, progress)
    names = (file_name(reference), file_name(image))
    ties = between(read_tie_points(path), *names)
    return key_points_of_ties(ties, reference.grid, image.grid)
