# SPDX-License-Identifier: GPL-2.0-or-later
"""Seam cells where seams are seen least: along ground that looks the same in both images.

Costs of `costs` are minimized by alpha moves (`labelling`), from coarse cells to fine ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..deps import require
from ..grid import Grid
from ..image import Array, Image
from ..progress import SILENT, Progress
from ..windows import Window, tiling
from .arcs import arcs_of, lines_of
from .areas import valid
from .arrangement import arrange, boundaries
from .celllooks import CellsOf
from .cells import Cut, Partition, measured
from .cellstore import CellSums, cell_grid
from .costs import Costs, Weights
from .cover import Covered, Kinship, covered, kinship
from .ground import Rule
from .hints import PURPOSE, Ground
from .labelling import refine, settle
from .levels import NOBODY, Labels, Level
from .settling import absorbed, owned

MOST_CELLS = 4_000_000
MOST_SHARED = 40_000
MOST_TOGETHER = 1_500_000
"""Cells of the first level: of the union, of those that an image shares with others, and of the
latter for all images."""

_BURNED = 256
_NARROW = 1.0
"""Cells; narrower faces go to the neighbor with the longest common line."""

Burn = Callable[[Grid, tuple[tuple[bytes, int], ...]], Image]
"""Makes an image of labels out of polygons (well-known binary, label) on a grid."""


@dataclass(frozen=True)
class Layout:
    """What is divided: footprints (well-known binary, in order of priority) and how.

    `centers` are the cells that seams through the middle of the overlaps make.
    """

    footprints: Sequence[bytes]
    centers: Partition
    rule: Rule
    within: bytes | None = None


@dataclass(frozen=True)
class Taste:
    """What seams shall be like; `ranks` (0 to 1, larger is better) of the images, or none.

    `pictured` asks for a picture of the first level.
    """

    weights: Weights = Weights()
    ranks: tuple[float, ...] = ()
    pictured: bool = False


@dataclass(frozen=True)
class Picture:
    """The first level: cost[row, col] of a seam at each cell (NaN: none), and labels."""

    grid: Grid
    cost: Array
    labels: Array


@dataclass(frozen=True)
class Found:
    """Seam cells, and the mean cost along their seams and along those of the centers."""

    partition: Partition
    seam_cost: float | None
    center_cost: float | None
    picture: Picture | None = None


def cut_cheaply(
    cells: CellsOf,
    layout: Layout,
    taste: Taste,
    ground: Ground,
    burn: Burn,
    progress: Progress = SILENT,
) -> Found:
    """Return the seam cells of images.

    Raises NoSolution when rounding forbids an exact arrangement.
    """
    store = cells.store
    polygons = list(map(valid, layout.footprints))
    state = covered(arrange(boundaries(polygons), closed=True), polygons)
    kin = kinship(state, 0.5 * layout.rule.pixel**2, layout.rule.contained)
    strict = _strict(kin, taste.ranks)
    level = first_level(store)
    ground = replace(
        ground,
        yields=strict.yields,
        ranks=taste.ranks,
        depths=_depths(level, layout.footprints, burn) if taste.weights.center else (),
        base=level.side,
    )
    labels = _first(level, store, layout.centers, burn)
    costs = Costs(cells, ground, taste.weights)
    order = _order(taste.ranks, cells.views)
    costs.cover(level, labels.ids, labels.free)
    settle(labels, costs, order, progress.part(0.05, 0.4))
    picture = _picture(labels, costs) if taste.pictured else None
    if level.side > store.side:
        labels = refine(labels.finer(), costs, order, store.side, progress.part(0.4, 0.85))
    free = Kinship({}, kin.twins) if ground.masks else strict
    found = _partition(labels, state, polygons, (free, kin), layout)
    progress.check()
    # together, so that each image is looked at once
    priced = _priced((*found.cuts, *layout.centers.cuts), labels.level, costs)
    cuts, centers = priced[: len(found.cuts)], priced[len(found.cuts) :]
    progress.advance(1.0)
    return Found(replace(found, cuts=cuts), mean_cost(cuts), mean_cost(centers), picture)


def first_level(store: CellSums) -> Level:
    """Return the first level: few enough cells to be solved at once."""
    side, canvas = store.side, store.canvas
    boxes = [store.boxes(index) for index in range(len(store.images))]
    shared = [int(((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])).sum()) for b in boxes]
    least = max(
        canvas.window.pixels / MOST_CELLS,
        max(shared) * store.side**2 / MOST_SHARED,
        sum(shared) * store.side**2 / MOST_TOGETHER,
    )
    while side**2 < least:
        side *= 2
    return Level(canvas, side)


def mean_cost(cuts: Sequence[Cut]) -> float | None:
    """Return the mean cost along seams, None when there is none."""
    known = [(cut.cost, cut.length) for cut in cuts if cut.cost is not None]
    length = sum(length for _, length in known)
    return sum(cost * size for cost, size in known) / length if length else None


def _strict(kin: Kinship, ranks: Sequence[float]) -> Kinship:
    """Return who yields to whom; images that cover the same ground compete.

    So do better ones with worse ones that lie inside them.
    """
    same = {frozenset(pair) for pair in kin.twins.items()}
    kept = {
        image: frozenset(
            n
            for n in others
            if frozenset((image, n)) not in same and not (ranks and ranks[image] > ranks[n])
        )
        for image, others in kin.yields.items()
    }
    return Kinship(kept, kin.twins)


def _order(ranks: Sequence[float], images: Sequence[Image]) -> list[int]:
    """Return the images from the best to the worst, equal ones by name.

    So the order in which they were given does not matter.
    """
    names = [image.name for image in images]
    best = [-rank for rank in ranks] or [0.0] * len(names)
    return sorted(range(len(names)), key=lambda image: (best[image], names[image]))


def _first(level: Level, store: CellSums, centers: Partition, burn: Burn) -> Labels:
    """Return the labels of the center cells; all cells with means may change."""
    shapes = tuple((wkb, number + 1) for number, wkb in sorted(centers.cells.items()))
    burned = burn(cell_grid(store.canvas, level.side), shapes)
    owners = np.full(level.window.shape, NOBODY, np.int32)
    for window in tiling(level.window, _BURNED, _BURNED):
        owners[window.slices] = burned.read(window).values[0]
    stored = np.zeros(level.window.shape, bool)
    ratio = level.side // store.side
    for index in range(len(store.images)):
        for left, top, right, bottom in store.boxes(index).tolist():
            rows = slice(max(0, top // ratio), -(-bottom // ratio))
            stored[rows, max(0, left // ratio) : -(-right // ratio)] = True
    flat = owners.ravel()
    ids = np.flatnonzero(stored.ravel())
    return Labels(
        level, ids, flat[ids].copy(), lambda wanted: flat[wanted], np.ones(len(ids), bool)
    )


def _depths(
    level: Level, footprints: Sequence[bytes], burn: Burn
) -> tuple[tuple[Window, Array], ...]:
    """Return how deep inside its footprint each cell lies, 1 where it is deepest."""
    distance = require("scipy.ndimage", PURPOSE).distance_transform_edt
    grid = cell_grid(level.canvas, level.side)
    found = []
    for wkb, polygon in zip(footprints, map(valid, footprints)):
        if polygon.is_empty:
            found.append((Window(0, 0, 1, 1), np.zeros((1, 1), np.float32)))
            continue
        window = grid.window_of(polygon.bounds).padded(1)
        inside = burn(grid.cropped(window), ((wkb, 1),)).read(
            Window(0, 0, window.width, window.height)
        )
        depth = distance(inside.values[0] > 0)
        found.append((window, (depth / max(depth.max(), 1)).astype(np.float32)))
    return tuple(found)


def _partition(
    labels: Labels,
    state: Covered,
    polygons: Sequence[Any],
    kin: tuple[Kinship, Kinship],
    layout: Layout,
) -> Partition:
    """Return the cells that labels make: faces of one arrangement, so they fit exactly.

    Of the two kinships, one says who may own a face, the other why an image owns none.
    """
    level = labels.level
    area = valid(layout.within) if layout.within is not None else None
    border = [] if area is None else boundaries([area])
    fixed = [*state.arrangement.lines, *border]
    lines = lines_of(arcs_of(labels), level, polygons, fixed)
    divided = covered(arrange([*fixed, *lines], closed=False), polygons, area)
    rivals = tuple(kin[0].contenders(cover) if cover else () for cover in divided.covers)
    divided = replace(divided, covers=rivals)
    points = divided.arrangement.insides
    wanted = labels.at(level.at(points[:, 0], points[:, 1])) - 1
    owners = owned(divided, wanted.tolist())
    width = _NARROW * level.side * min(level.canvas.pixel_size)
    crumbs = [
        number
        for number, face in enumerate(divided.arrangement.faces)
        if len(rivals[number]) > 1 and 2 * face.area < width * face.length
    ]
    owners = absorbed(divided, owners, crumbs)
    return measured(divided.arrangement, owners, polygons, kin[1], area)


def _priced(cuts: Sequence[Cut], level: Level, costs: Costs) -> tuple[Cut, ...]:
    """Return cuts with the mean cost of the cells they run through.

    Cells beside ones that not both images are valid in do not count: seams that follow the border
    of an image have no choice.
    """
    met = [_along(cut, level) for cut in cuts]
    if not met:
        return ()
    ids = np.unique(np.concatenate([_around(cells, level).ravel() for cells in met]))
    ids = ids[ids >= 0]
    costs.cover(level, ids, np.zeros(len(ids), bool))
    found = []
    for cut, cells in zip(cuts, met):
        pair = costs.pair(cut.image_a, cut.image_b)
        inside = np.isfinite(pair.at(_around(cells, level).ravel())).reshape(9, -1).all(0)
        known = pair.at(cells[inside])
        found.append(replace(cut, cost=float(known.mean()) if len(known) else None))
    return tuple(found)


def _along(cut: Cut, level: Level) -> Array:
    """Return the cells that a seam runs through, one for each cell's length of it."""
    line = require("shapely.wkb", PURPOSE).loads(cut.geometry)
    x, y = np.asarray(line.coords).T
    far = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    count = max(1, round(cut.length / (level.side * min(level.canvas.pixel_size))))
    at = (np.arange(count) + 0.5) / count * far[-1]
    return level.at(np.interp(at, far, x), np.interp(at, far, y))


def _around(cells: Array, level: Level) -> Array:
    """Return [9, cell]: each cell and those around it, -1 beyond the canvas."""
    rows, cols = level.places(cells)
    steps = [(row, col) for row in (-1, 0, 1) for col in (-1, 0, 1)]
    found = [level.numbers(rows + row, cols + col) for row, col in steps]
    return np.where(cells >= 0, np.stack(found), -1)


def _picture(labels: Labels, costs: Costs) -> Picture:
    """Return the labels and, where images meet, the least cost of a seam of the owner there."""
    level = labels.level
    cost = np.full(level.window.pixels, np.nan, np.float32)
    for image in range(len(costs.cells.views)):
        for other in costs.neighbors(image):
            pair = costs.pair(image, other)
            mine = labels.at(pair.ids) == image + 1
            ids = pair.ids[mine]
            cost[ids] = np.fmin(cost[ids], pair.cost[mine])
    owners = labels.at(np.arange(level.window.pixels))
    shape = level.window.shape
    grid = cell_grid(level.canvas, level.side)
    return Picture(grid, cost.reshape(shape), owners.reshape(shape))
