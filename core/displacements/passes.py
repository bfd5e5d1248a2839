# SPDX-License-Identifier: GPL-2.0-or-later
"""Passes over all pixels of a level, window by window: features, candidates, points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..executor import Ended, each, processors
from ..image import Array, Mask, uniform
from ..matching import bandpass, capture, corners, phase, subpixel
from ..matching.corners import Candidates
from ..matching.smoothing import PHASE, box_mean
from ..matching.subpixel import Compared
from ..progress import SILENT, Progress
from ..transform.planes import Column
from ..windows import Window, swaths
from .added import added, unbent
from .crossing import Displacement, route
from .frame import Frame
from .front import ALIGNMENT, Level, compared, sight
from .staged import Plane

Index = NDArray[np.int64]

COUNTED = 64
"""Side of the blocks in which valid pixels are counted, px."""

FOLLOWED = 640
"""Side of the blocks in which points are followed. It does not follow WINDOW_SIZE: tracking ends
by a threshold, so that the last digits of a position in its array would change the result."""

CAPTURE = 64
"""Pixels round a window that tracking may look at."""

BYTES = 128
"""Memory that a window takes for each of its pixels, with what the allocator leaves unused."""

MEBIBYTE = 1 << 20
SWATH = 8192
SMALLEST, LARGEST = 256, 2048


@dataclass(frozen=True)
class Run:
    """How windows are worked on; never changes a result."""

    threads: int = 0
    memory: int = 256
    window_size: int = 0
    progress: Progress = SILENT

    def part(self, start: float, stop: float) -> Run:
        """Return the same with a part of the progress."""
        return Run(self.threads, self.memory, self.window_size, self.progress.part(start, stop))

    def windows(self, level: Level) -> list[Window]:
        """Return the windows of a level, of multiples of 64 px."""
        side = self.window_size or self._fitting(level.margin + ALIGNMENT)
        side = max(COUNTED, side // COUNTED * COUNTED)
        return list(swaths(level.window, max(SWATH, side), side, side))

    def _fitting(self, margin: int) -> int:
        pixels = self.memory * MEBIBYTE / processors(self.threads) / BYTES
        return int(min(LARGEST, max(SMALLEST, pixels**0.5 - 2 * margin)))


@dataclass(frozen=True)
class Tracking:
    """What is tried at a level: corners, capture, measuring window."""

    threshold: float = 0.0
    box: int = 15
    window: int = 25
    support: float = subpixel.FIRST_SUPPORT
    correlation: float = 1.0
    method: str = "key_points"
    first_column: int = 0


@dataclass(frozen=True)
class Scene:
    """A level, the planes that keep its features, and what is tried in it."""

    level: Level
    planes: tuple[Plane, ...]
    tracking: Tracking


@dataclass(frozen=True)
class _Features:
    """Features of a window, of both images or one, which are to be kept."""

    window: Window
    valid: Mask
    ends: tuple[Array, ...]

    def write(self, planes: Sequence[Plane]) -> None:
        """Keep them."""
        for plane, f in zip(planes, self.ends):
            plane.write(self.window, f, self.valid)


@dataclass(frozen=True)
class _Block:
    """Features (f, valid) of both images round a block, and points x, y that are followed there."""

    outer: Window
    ends: tuple[tuple[Array, Mask], ...]
    points: tuple[Index, Index]


@dataclass(frozen=True)
class Stage:
    """Candidates of each window of a level, and its valid pixels in blocks of 64 px."""

    parts: list[Candidates]
    counts: NDArray[np.int64]

    def strongest(self, max_points: int, min_distance: float) -> Candidates:
        """Return the candidates that can be selected: selecting takes memory for each one.

        One that is not among the first of its cell in its window is not so in the whole image.
        """
        if max_points <= 0:
            return Candidates.joined(self.parts)
        side = corners.cell_side(float(self.counts.sum()), max_points, min_distance)
        return Candidates.joined([_first_of_cells(part, side) for part in self.parts])


def _first_of_cells(found: Candidates, side: float) -> Candidates:
    """Return the strongest candidates of each cell, in the order that `corners.select` takes."""
    col, row = (found.x / side).astype(np.int64), (found.y / side).astype(np.int64)
    cell = row * (int(col.max(initial=0)) + 1) + col
    order = np.lexsort((found.x, found.y, -found.strength, cell))
    ordered = cell[order]
    rank = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return found.chosen(order[rank < corners.RESERVE * corners.PER_CELL])


@dataclass(frozen=True)
class Tracks:
    """Points measured: total displacements, standard deviations; and where capture found them.

    `caught_x, caught_y` are NaN where capture did not trust a point or was not asked for.
    """

    dx: Column
    dy: Column
    residual: Column
    sigma_x: Column
    sigma_y: Column
    caught_x: Column
    caught_y: Column

    @classmethod
    def unknown(cls, count: int) -> Tracks:
        """Return columns of NaN."""
        return cls(*(np.full(count, np.nan) for _ in range(7)))

    def put(self, which: Index, found: Tracks) -> None:
        """Replace some points."""
        for name in self.__dataclass_fields__:
            getattr(self, name)[which] = getattr(found, name)


def stage(scene: Scene, displacement: Displacement, run: Run) -> Stage:
    """Compute the features of both images once, keep them, and return the candidates in them."""
    level, tracking = scene.level, scene.tracking
    windows = run.windows(level)
    area = level.window.padded(-corners.EDGE)
    shift = max(0, tracking.first_column - area.col)
    area = Window(area.col + shift, area.row, area.width - shift, area.height)
    reach = max(corners.margin(tracking.box), 1)
    margin = max(level.margin + reach, 3 * round(tracking.support))

    def work(window: Window) -> tuple[_Features, tuple[Candidates, NDArray[np.int64]]]:
        outer = level.outer(window, margin)
        part = compared(level, sight(level, displacement, outer))
        here = window.within(outer)
        found = _candidates(part, outer, area.clipped(window), tracking)
        ends = part.reference[here], part.moving[here]
        return _Features(window, part.valid[here], ends), (found, _counted(part.valid[here]))

    def keep(
        done: tuple[_Features, tuple[Candidates, NDArray[np.int64]]],
    ) -> tuple[Candidates, NDArray[np.int64]]:
        features, counted = done
        features.write(scene.planes)
        return counted

    ended = Ended(work, after=keep)
    counts = np.zeros([-(-size // COUNTED) for size in level.window.shape], np.int64)
    lists = []
    outcomes = each(ended, windows, threads=run.threads, progress=run.progress, total=len(windows))
    for window, (found, count) in zip(windows, outcomes):
        row, col = window.row // COUNTED, window.col // COUNTED
        counts[row : row + count.shape[0], col : col + count.shape[1]] = count
        lists.append(found)
    return Stage(lists, counts)


def _candidates(part: Compared, outer: Window, area: Window, tracking: Tracking) -> Candidates:
    if area.empty:
        return Candidates.joined([])
    near = area.padded(corners.margin(tracking.box)).clipped(outer)
    here = near.within(outer)
    strength = corners.strength(part.reference[here], part.valid[here], tracking.box)
    share = None
    if not part.valid.all():
        weight = part.valid.astype(np.float32)
        share = box_mean(weight, None, tracking.support)[here]
        share[~part.valid[here]] = 0
    return corners.candidates(strength, share, tracking.threshold, window=near, area=area)


def _counted(valid: Mask) -> NDArray[np.int64]:
    """Return the valid pixels of each block of 64 px."""
    height, width = valid.shape
    shape = (-(-height // COUNTED), -(-width // COUNTED))
    if uniform(valid) is True or bool(valid.all()):
        tall, wide = (
            np.minimum(COUNTED, s - COUNTED * np.arange(n)) for s, n in zip(valid.shape, shape)
        )
        return np.asarray(tall[:, None] * wide, np.int64)
    rows = np.add.reduceat(valid.astype(np.int64), np.arange(shape[0]) * COUNTED, axis=0)
    return np.asarray(np.add.reduceat(rows, np.arange(shape[1]) * COUNTED, axis=1))


def restage(scene: Scene, displacement: Displacement, windows: Sequence[Window], run: Run) -> None:
    """Compute the moving image's feature anew in some windows."""

    level, planes = scene.level, scene.planes[1:]

    def work(window: Window) -> _Features:
        outer = level.outer(window, level.margin)
        part = compared(level, sight(level, displacement, outer), ("moving",))
        here = window.within(outer)
        return _Features(window, part.valid[here], (part.moving[here],))

    ended = Ended(work, after=lambda found: found.write(planes))
    for _ in each(ended, windows, threads=run.threads, progress=run.progress, total=len(windows)):
        pass


def follow(
    scene: Scene,
    displacement: Displacement,
    points: tuple[Index, Index],
    run: Run,
    *,
    capturing: bool,
) -> Tracks:
    """Measure points (x, y) in the features that are kept; the first time, capture them too."""
    level, support = scene.level, scene.tracking.support
    blocks = list(swaths(level.window, SWATH, FOLLOWED, FOLLOWED))
    jobs = [(block, which) for block in blocks if len(which := _inside(points, block))]
    reach = max(subpixel.margin(support), CAPTURE)
    way = replace(scene, planes=())

    def read(job: tuple[Window, Index]) -> _Block:
        block, which = job
        outer = level.outer(block, reach)
        ends = tuple(plane.read(outer) for plane in scene.planes)
        return _Block(outer, ends, (points[0][which], points[1][which]))

    def work(block: _Block) -> Tracks:
        return _followed(way, displacement, block, capturing)

    found = Tracks.unknown(len(points[0]))
    outcomes = each(
        Ended(work, before=read), jobs, threads=run.threads, progress=run.progress, total=len(jobs)
    )
    for (_, which), tracks in zip(jobs, outcomes):
        found.put(which, tracks)
    return found


def _inside(points: tuple[Index, Index], window: Window) -> Index:
    x, y = points
    inside = (x >= window.col) & (x < window.right) & (y >= window.row) & (y < window.bottom)
    return np.flatnonzero(inside)


def _followed(scene: Scene, displacement: Displacement, block: _Block, capturing: bool) -> Tracks:
    level, tracking = scene.level, scene.tracking
    points, outer = block.points, block.outer
    (reference, good), (moving, seen) = block.ends
    way = route(level.crossing, displacement, outer)
    rounding = unbent(added(level, way), displacement, outer)
    x, y = points[0] - outer.col, points[1] - outer.row
    at = points[0].astype(np.float64), points[1].astype(np.float64)
    found = subpixel.measure(
        Compared(reference, moving, good & seen, rounding, (outer.col, outer.row)),
        at[0] - float(outer.col),
        at[1] - float(outer.row),
        support=tracking.support,
        correlation=tracking.correlation,
    )
    seen_through = Frame.of(displacement, at[0], at[1], tracking.support)
    caught = (np.full(len(x), np.nan), np.full(len(x), np.nan))
    if capturing:
        dx, dy, kept = CAPTURES[tracking.method](reference, moving, x, y, tracking.window)
        near = y // PHASE, x // PHASE
        ends = seen_through.total(dx + rounding[0][near], dy + rounding[1][near])
        caught = (np.where(kept, ends[0], np.nan), np.where(kept, ends[1], np.nan))
    totals = seen_through.total(found.dx, found.dy)
    return Tracks(*totals, found.residual, found.sigma_x, found.sigma_y, *caught)


Caught = tuple[Column, Column, Mask]


def _tracked(reference: Array, moving: Array, x: Index, y: Index, window: int) -> Caught:
    ends = bandpass.eight_bit(reference), bandpass.eight_bit(moving)
    return capture.track(*ends, x.astype(float), y.astype(float), window=window)


def _correlated(reference: Array, moving: Array, x: Index, y: Index, window: int) -> Caught:
    half = phase.WINDOW // 2
    padded = np.pad(reference, half), np.pad(moving, half)
    return phase.capture(*padded, x + half, y + half)


CAPTURES: dict[str, Callable[[Array, Array, Index, Index, int], Caught]] = {
    "key_points": _tracked,
    "phase_correlation": _correlated,
}
"""How points are found again: by tracking, or without OpenCV by phase correlation."""
