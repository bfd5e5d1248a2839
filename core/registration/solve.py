# SPDX-License-Identifier: GPL-2.0-or-later
"""Solve the correction of a pair: in memory where it fits, else on windows at full resolution."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..alike import file_name
from ..errors import NoSolution
from ..executor import each
from ..image import Image
from ..masks.restricted import Restricted
from ..matching.alignment import (
    FIRST_RADIUS,
    HALF_POINT,
    Aligning,
    Quality,
    Settled,
    quality,
    radius_after,
    refined_on,
    search,
    settle,
)
from ..matching.consensus import Consensus, Points, Search, consensus, linear_kind
from ..matching.local import Elastic, LocalField, solve_field
from ..matching.localpoints import solve_points
from ..matching.patches import Patch, finer
from ..matching.windowed import Windows, windows_over
from ..progress import SILENT, Progress
from ..transform.elastic import Displacements
from ..transform.models import Linear
from ..windows import Window
from .lattice import Held, Lattice
from .options import PairMatching

Column = NDArray[np.float64]

WHOLE = 4_000_000
"""Pixels of an overlap that is matched as a whole; larger ones are read in windows."""

OVERVIEW = 1_000_000
"""Pixels of the level on which the start of larger ones is searched."""

WINDOW, READ_WINDOWS = 128, 200
"""Side of windows that are read one by one, px, and most of them."""

LOCAL_WINDOW, LOCAL_APART, LOCAL_WINDOWS = 48, 64, 2500
"""The same for local models, and their least distance, px."""

REFINED = 64
"""Windows on whose pixels a model is refined where they are read one by one."""

AROUND = 40
"""Pixels round a window that is read alone: features are normalized over 12 px around."""

TINY = 128
"""Shortest side on which the valid share is counted, px."""


@dataclass(frozen=True)
class Run:
    """How a solve works; never changes its result."""

    threads: int = 0
    progress: Progress = SILENT

    def part(self, start: float, stop: float) -> Run:
        """Return the same with a part of the progress."""
        return Run(self.threads, self.progress.part(start, stop))


@dataclass(frozen=True)
class Given:
    """Points that are known beforehand, px of the lattice, and what becomes of them.

    `use`: only (nothing is matched), add (they join the windows) or start.
    """

    points: Points
    use: str = "add"


@dataclass(frozen=True)
class Solved:
    """A model on the lattice and what speaks for it.

    `kind`: what the support allows; `settled`: what windows agree on, None where points were
    given; `held`: the finest level in memory, its pixels `factor` times those of the lattice;
    `checks`: windows that took no part; `local`: the field, on the lattice.
    """

    model: Linear
    kind: str
    metric: str
    quality: Quality
    settled: Settled | None
    agreed: Consensus
    held: Held
    factor: int
    options: Aligning
    checks: Windows
    local: LocalField | None = None


def solve(
    lattice: Lattice, model: str, how: PairMatching, run: Run, given: Given | None = None
) -> Solved:
    """Return the correction of a pair of images.

    Raises NoSolution with the sentence that says why there is none.
    """
    factor = whole_factor(lattice)
    run.progress.phase("Reading the images")
    held = lattice.read(factor, threads=run.threads, progress=run.progress.part(0.0, 0.4))
    refuse_empty(lattice, held, factor, how)
    run.progress.check()
    run.progress.phase("Matching windows")
    task = _Task(lattice, model, how, given)
    if given is not None and given.use == "only":
        return _as_given(task, held, factor, given)
    start = _started(task, held, factor)
    run.progress.check()
    if factor > 1:
        return _read_apart(task, start, run.part(0.4, 1.0))
    settled = start.settled
    return _finished(task, start, [start.patch], settled, settled.windows)


@dataclass(frozen=True)
class _Task:
    """What is asked for."""

    lattice: Lattice
    model: str
    how: PairMatching
    given: Given | None

    @property
    def elastic(self) -> Elastic:
        """How the local field may bend."""
        side = math.sqrt(math.prod(self.lattice.grid.pixel_size))
        return Elastic(self.how.local_spacing / side, self.how.local_smoothness)

    def options(self, factor: int = 1) -> Aligning:
        return aligning(self.lattice, self.how, factor)


@dataclass(frozen=True)
class _Started:
    """The level in memory, and what windows on it agree on."""

    held: Held
    patch: Patch
    settled: Settled
    factor: int


def _started(task: _Task, held: Held, factor: int) -> _Started:
    """Search a start, or take it from given points, and match windows on the level in memory."""
    options, patch, given = task.options(factor), held.patch, task.given
    if given is not None and given.use == "start":
        found = _agreed(task, task.model, given).model
        first, radius = coarser_model(found, factor), FIRST_RADIUS
    else:
        start = search(patch, task.model, options)[0]
        first, radius = start.found.model, radius_after(start)
    windows = options.windows(patch.reference.shape, task.model)
    settled = settle([patch], first, task.model, windows, options, radius)
    return _Started(held, patch, settled, factor)


def whole_factor(lattice: Lattice) -> int:
    """Return how many times the pixels of the finest level in memory are those of the lattice."""
    pixels, factor = lattice.grid.window.pixels, 1
    while pixels > WHOLE and pixels / factor**2 > OVERVIEW:
        factor *= 2
    return factor


def coarser_model(model: Linear, factor: int) -> Linear:
    """Return a model of the lattice on one whose pixels are `factor` times as large."""
    half = (factor - 1) / 2
    shift = (model.shift[0] / factor, model.shift[1] / factor)
    center = ((model.center[0] - half) / factor, (model.center[1] - half) / factor)
    return replace(model, shift=shift, center=center)


def aligning(lattice: Lattice, how: PairMatching, factor: int = 1) -> Aligning:
    """Return the options of an alignment on a level of the lattice."""
    return Aligning(
        metric=how.metric,
        edges=how.edge_proxy,
        max_shift=lattice.max_shift / factor,
        max_rotation=how.max_rotation,
        window_size=how.window_size_match,
        spacing=how.grid_spacing,
        max_points=how.max_points,
        min_reliability=how.min_reliability,
        filter_level=int(how.filter_level),
        tolerance=how.ransac_tolerance / (math.sqrt(math.prod(lattice.factor)) * factor),
    )


def refuse_empty(lattice: Lattice, held: Held, factor: int, how: PairMatching) -> None:
    """Raise NoSolution when too little of the overlap is valid, or an image shows nothing."""
    side = max(1, min(held.reference.shape) // TINY)
    valid = held.valid[::side, ::side] & held.shown(side)
    share = float(np.count_nonzero(valid)) * (factor * side) ** 2 / max(1, lattice.overlap.pixels)
    if share < how.min_valid_fraction:
        raise NoSolution(
            f"Only {100 * min(share, 1):.3g} % of the overlap are valid in both images; "
            f"MIN_VALID_FRACTION asks for {100 * how.min_valid_fraction:.3g} %. Check nodata and "
            "masks, or lower it."
        )
    for image, values, kept in (
        (lattice.reference, held.reference, held.valid),
        (lattice.moving, held.moving, held.seen),
    ):
        known = values[kept]
        if not known.size or known.min() == known.max():
            band = getattr(image_below(image), "band", 1)
            raise NoSolution(
                f"{file_name(image)} band {band} shows no structure in the overlap. Choose another "
                "band or turn EDGE_PROXY off."
            )


def image_below(image: Image) -> Image:
    """Return the view of one band that masks lie on."""
    while isinstance(image, Restricted):
        image = image.source
    return image


def _read_apart(task: _Task, start: _Started, run: Run) -> Solved:
    """Match windows of the lattice itself, read one by one, and refine on some of them."""
    first = finer(start.settled.found.model, start.factor)
    radius = max(2, math.ceil(radius_after(start.settled) / 2))
    windows = _apart_windows(task)
    run.progress.phase("Matching windows at full resolution")
    fitting = windows.chosen(~windows.check)
    patches = list(patches_of(task.lattice, fitting, first, radius, run))
    settled = settle(patches, first, task.model, fitting, task.options(), radius)
    some = [patches[number] for number in _refining(settled)]
    return _finished(task, start, some, settled, windows)


def _finished(
    task: _Task, start: _Started, patches: Sequence[Patch], settled: Settled, windows: Windows
) -> Solved:
    """Refine what windows agree on, and fit the field that it leaves."""
    if task.given is not None and task.given.use == "add":
        settled = _with_given(task, settled, task.given)
    model, _, metric = refined_on(patches, settled, task.options())
    found = Solved(
        model,
        settled.found.kind,
        metric,
        _judged(settled, task.options()),
        settled,
        settled.found,
        start.held,
        start.factor,
        task.options(),
        checks_of(windows),
    )
    if found.kind != "local":
        return found
    on_pixels = start.factor == 1
    local = _field(patches[0], found, task) if on_pixels else _field_of(settled, model, task)
    return replace(found, local=local)


def checks_of(windows: Windows) -> Windows:
    """Return the check windows, at least a window apart, so that they leave most pixels alone."""
    kept: list[int] = []
    for index in np.flatnonzero(windows.check):
        apart = [
            max(abs(windows.col[index] - windows.col[k]), abs(windows.row[index] - windows.row[k]))
            for k in kept
        ]
        if all(one >= 2 * windows.size for one in apart):
            kept.append(int(index))
    return windows.chosen(np.array(kept, np.int64))


def _judged(settled: Settled, options: Aligning) -> Quality:
    """Return how far windows are to be believed: of those that pass the tests of single windows.

    Windows under clouds fail these tests; they do not speak against what the others say.
    """
    found, matches = quality(settled), settled.matches
    level = min(2, options.filter_level)
    passed = matches.good(level=level, min_reliability=options.min_reliability) & ~matches.check
    count = int(passed.sum())
    share = min(1.0, 2 * found.inliers / max(1, count))
    apart = found.agreement if math.isfinite(found.agreement) else math.inf
    reliability = 100 * share * found.coverage / (1 + (apart / HALF_POINT) ** 2)
    return replace(found, points=count, reliability=reliability)


def _field(patch: Patch, found: Solved, task: _Task) -> LocalField:
    """Fit the local field on the pixels of a patch, those of check windows left out."""
    weight = np.ones(patch.reference.shape, np.float32)
    for col, row in zip(found.checks.col, found.checks.row):
        size = found.checks.size
        weight[int(row) : int(row) + size, int(col) : int(col) + size] = 0
    return solve_field(patch, found.model, task.elastic, weight)


def _field_of(settled: Settled, model: Linear, task: _Task) -> LocalField:
    """Fit the local field on the windows that agree, where pixels would be too many."""
    matches, weights = settled.matches, settled.found.weights
    known = (weights > 0) & np.isfinite(matches.dx)
    some, weight = matches.chosen(known), weights[known]
    seen = Displacements(
        some.x, some.y, some.dx, some.dy, weight / some.sigma_x**2, weight / some.sigma_y**2
    )
    grid = task.lattice.grid
    area = (grid.height, grid.width)
    return solve_points(seen, model, area, task.elastic, window=settled.windows.size)


def _apart_windows(task: _Task) -> Windows:
    grid, how = task.lattice.grid, task.how
    local = task.model == "local"
    size = how.window_size_match or (LOCAL_WINDOW if local else WINDOW)
    limit = how.max_points or (LOCAL_WINDOWS if local else READ_WINDOWS)
    spacing = how.grid_spacing or (LOCAL_APART if local else 0)
    return windows_over((grid.height, grid.width), size, spacing, limit)


def patches_of(
    lattice: Lattice, windows: Windows, model: Linear, radius: float, run: Run
) -> Iterator[Patch]:
    """Yield a patch round each window, with the moving pixels that a model shows there."""

    def work(number: int) -> Patch:
        size = windows.size
        box = Window(int(windows.col[number]), int(windows.row[number]), size, size)
        box = box.padded(AROUND).clipped(lattice.grid.window)
        x = np.array([box.col, box.right, box.col, box.right], np.float64)
        y = np.array([box.row, box.row, box.bottom, box.bottom], np.float64)
        reach = float(np.hypot(*model.predict(x, y)).max()) + radius
        return lattice.read(1, box, reach=reach).patch

    count = len(windows)
    yield from each(work, range(count), threads=run.threads, progress=run.progress, total=count)


def _refining(settled: Settled) -> Sequence[int]:
    """Return the numbers of at most 64 windows that agree, spread evenly."""
    agreeing = np.flatnonzero(settled.found.inliers)
    step = max(1.0, len(agreeing) / REFINED)
    places = (np.arange(int(len(agreeing) / step)) * step).astype(np.int64)
    return [int(number) for number in agreeing[places]]


def _agreed(task: _Task, model: str, given: Given) -> Consensus:
    """Return what given points agree on."""
    grid = task.lattice.grid
    box = (0.0, 0.0, float(grid.width), float(grid.height))
    return consensus(model, given.points, Search(box, tolerance=task.options().tolerance))


def _with_given(task: _Task, settled: Settled, given: Given) -> Settled:
    """Return what windows and given points together agree on."""
    mine, theirs = settled.points, given.points
    names = ("x", "y", "dx", "dy", "weight")
    both = (np.concatenate((getattr(mine, name), getattr(theirs, name))) for name in names)
    found = _agreed(task, settled.found.kind, Given(Points(*both)))
    count = len(mine)
    kept = replace(found, inliers=found.inliers[:count], weights=found.weights[:count])
    return replace(settled, found=kept)


def _as_given(task: _Task, held: Held, factor: int, given: Given) -> Solved:
    """Return the model of given points alone; every window checks it."""
    found = _agreed(task, linear_kind(task.model), given)
    grid, options = task.lattice.grid, task.options()
    windows = _apart_windows(task)
    if factor == 1:
        windows = options.windows((grid.height, grid.width), task.model)
    windows = replace(windows, check=np.ones(len(windows), bool))
    count, agreeing = int((given.points.weight > 0).sum()), int(found.inliers.sum())
    reliability = 100 * min(1.0, 2 * agreeing / max(1, count))
    judged = Quality(count, agreeing, 1.0, 0.0, reliability)
    return Solved(
        found.model, found.kind, "tie points", judged, None, found, held, factor, options, windows
    )
