# SPDX-License-Identifier: GPL-2.0-or-later
"""How alike both images are round each key point."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..executor import each
from ..image import Array, Mask, Pixels, read_padded, uniform
from ..matching.keypoints import Column, KeyPoints
from ..matching.similarity import COMPARED, CORRELATED, Similarity, similarity
from ..progress import SILENT, Progress
from ..transform.chips import cut, moved_cut, needed
from ..transform.sampling import HALF, STEPS, lanczos
from ..windows import Window
from .pair import Pair
from .squares import SIDE, squares

Index = NDArray[np.int64]

BATCH = 64
"""Chips that are compared at once: more would not stay in the processor's cache."""

LARGEST = 4 * SIDE**2
"""Pixels of the moving image that are read at once; points that scatter more are split."""

REACH = COMPARED // 2


@dataclass(frozen=True)
class Places:
    """Key points on the working grid (x, y whole), and where the moving image shows them.

    `col, row`: moving position; `along, down`[axis, point]: its change per working pixel.
    """

    index: Index
    x: Index
    y: Index
    col: Column
    row: Column
    along: Column
    down: Column

    def chosen(self, which: Index | NDArray[np.bool_]) -> Places:
        """Return some of the points."""
        return Places(
            self.index[which],
            self.x[which],
            self.y[which],
            self.col[which],
            self.row[which],
            self.along[:, which],
            self.down[:, which],
        )

    def needed(self) -> tuple[Window, Window]:
        """Return the windows of the working grid and of the moving image that hold the chips."""
        sides = np.abs(self.along) + np.abs(self.down)
        reach = int(np.ceil(sides.max() * REACH)) + HALF + 1
        return _box(self.x, self.y, REACH), _box(self.col, self.row, reach)


def with_similarity(
    pair: Pair,
    points: KeyPoints,
    confidence: float,
    *,
    threads: int = 0,
    progress: Progress = SILENT,
) -> KeyPoints:
    """Return the points with zncc_score, mutual_info_score and mi_score.

    They are computed from raw values for accepted points of at least this score; the moving chip
    is sampled at the displaced position. Points too near the edge of an image stay empty.
    """
    places = _places(pair, points, np.flatnonzero(points.accepted & (points.score >= confidence)))
    fits = {side: _fits(pair, places, side // 2) for side in (CORRELATED, COMPARED)}
    _tell(int(np.count_nonzero(~fits[COMPARED])), progress)
    parts = list(_parts(places.chosen(fits[CORRELATED])))
    scores = np.full((3, len(points)), np.nan)
    work = partial(_compared, pair)
    for part, found in zip(
        parts, each(work, parts, threads=threads, progress=progress, total=len(parts))
    ):
        scores[:, part.index] = (found.zncc, found.mutual_info, found.mi)
    scores[1:, places.index[~fits[COMPARED]]] = np.nan
    names = ("zncc_score", "mutual_info_score", "mi_score")
    return points.with_columns(**dict(zip(names, scores)))


def _tell(lost: int, progress: Progress) -> None:
    if lost:
        lie = "1 key point lies" if lost == 1 else f"{lost} key points lie"
        progress.info(f"{lie} too near the edge of an image for all similarity scores.")


def _places(pair: Pair, points: KeyPoints, index: Index) -> Places:
    """Bring points of the reference to the working grid and across to the moving image."""
    origin, factor = pair.origin, pair.factor
    x, y = (
        np.rint((column[index] + 0.5 - start) / factor - 0.5).astype(np.int64)
        for column, start in zip((points.x0, points.y0), origin)
    )
    to_x, to_y = x + points.dx[index] / factor, y + points.dy[index] / factor
    middle = np.array(pair.crossing.at(to_x, to_y))
    along = (np.array(pair.crossing.at(to_x + REACH, to_y)) - middle) / REACH
    down = (np.array(pair.crossing.at(to_x, to_y + REACH)) - middle) / REACH
    # as the sampler rounds them, so that all pixels of a chip are moved alike
    middle = np.rint(middle * STEPS) / STEPS
    along, down = (np.where(np.abs(v - np.rint(v)) < 1e-6, np.rint(v), v) for v in (along, down))
    return Places(index, x, y, middle[0], middle[1], along, down)


def _fits(pair: Pair, places: Places, reach: int) -> NDArray[np.bool_]:
    """Return which chips lie inside both images."""
    sides = (np.abs(places.along) + np.abs(places.down)) * reach
    seen = pair.seen_moving.grid
    inside = np.ones(len(places.x), bool)
    for at, size, half in (
        (places.x, pair.grid.width, reach),
        (places.y, pair.grid.height, reach),
        (places.col, seen.width, sides[0]),
        (places.row, seen.height, sides[1]),
    ):
        # not finite where the moving image has no place
        inside &= (at - half >= -0.5) & (at + half <= size - 0.5)
    return inside


def _parts(places: Places) -> Iterator[Places]:
    """Yield the points square by square; where displacements scatter, in smaller parts."""
    for which in squares(places.x, places.y):
        yield from _halved(places.chosen(which))


def _halved(places: Places) -> Iterator[Places]:
    window = places.needed()[1]
    if window.pixels <= LARGEST or len(places.x) == 1:
        yield places
        return
    at = places.col if window.width >= window.height else places.row
    order = np.argsort(at, kind="stable")
    for which in np.array_split(order, 2):
        yield from _halved(places.chosen(which))


def _compared(pair: Pair, places: Places) -> Similarity:
    """Read what the chips of some points need, and compare them."""
    windows = places.needed()
    reference = read_padded(pair.seen_reference, windows[0], rounded=False)
    moving = read_padded(pair.seen_moving, windows[1], rounded=False)
    images = [_plain(pixels) for pixels in (reference, moving)]
    found = [
        _batch(images, windows, places.chosen(np.arange(start, min(start + BATCH, len(places.x)))))
        for start in range(0, len(places.x), BATCH)
    ]
    columns = [[getattr(one, name) for one in found] for name in ("zncc", "mutual_info", "mi")]
    return Similarity(*(np.concatenate(column) for column in columns))


Plain = tuple[Array, Mask]


def _plain(pixels: Pixels) -> Plain:
    """The first band in float32, and where it is a number."""
    values = pixels.values[0].astype(np.float32, copy=False)
    finite = np.isfinite(values)
    if pixels.all_valid and finite.all():
        return values, np.broadcast_to(np.True_, values.shape)
    valid = pixels.valid & finite
    return np.where(valid, values, np.float32(0)), valid


def _batch(images: list[Plain], windows: tuple[Window, Window], places: Places) -> Similarity:
    first = (places.y - REACH - windows[0].row, places.x - REACH - windows[0].col)
    values, seen = images[0]
    a, (b, valid) = cut(values, *first, COMPARED), _moved(images[1], windows[1], places)
    if uniform(seen) is None:
        valid &= cut(seen, *first, COMPARED)
    return similarity(a, b, None if valid.all() else valid)


def _moved(image: Plain, window: Window, places: Places) -> tuple[Array, Mask]:
    """Chips of the moving image at the displaced positions, and where they are valid."""
    values, seen = image
    row, col = places.row - REACH - window.row, places.col - REACH - window.col
    plain = _upright(places)
    if uniform(seen) is None:
        plain &= cut(seen, *needed(row, col, COMPARED)).all((1, 2))
    chips = np.empty((len(plain), COMPARED, COMPARED), np.float32)
    valid = np.ones(chips.shape, bool)
    chips[plain] = moved_cut(values, row[plain], col[plain], COMPARED)
    if not plain.all():
        rest = lanczos(values, seen, *_positions(places.chosen(~plain), window))
        chips[~plain] = rest.values.reshape(-1, COMPARED, COMPARED)
        valid[~plain] = rest.valid.reshape(-1, COMPARED, COMPARED)
    return chips, valid


def _upright(places: Places) -> NDArray[np.bool_]:
    """Which chips have the rows, columns and pixel size of the moving image."""
    steps = np.concatenate([places.along, places.down])
    return np.asarray((steps == np.array([[1.0], [0.0], [0.0], [1.0]])).all(0))


def _positions(places: Places, window: Window) -> tuple[Array, Array]:
    """Positions of the moving chips' pixels in a window, [point and row, col], float32."""
    step = np.arange(-REACH, REACH + 1)
    found = []
    for axis, (at, start) in enumerate(((places.col, window.col), (places.row, window.row))):
        across = (at - start)[:, None] + places.along[axis][:, None] * step
        rows = places.down[axis][:, None] * step
        both = across.astype(np.float32)[:, None, :] + rows.astype(np.float32)[:, :, None]
        found.append(both.reshape(-1, COMPARED))
    return found[0], found[1]


def _box(x: Array, y: Array, reach: int) -> Window:
    left, top = (int(np.floor(v.min())) - reach for v in (x, y))
    right, bottom = (int(np.ceil(v.max())) + reach + 1 for v in (x, y))
    return Window(left, top, right - left, bottom - top)
