# SPDX-License-Identifier: GPL-2.0-or-later
"""Solve the correction of a pair: in memory where it fits, else on windows at full resolution."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..executor import each
from ..matching.alignment import (
    FIRST_RADIUS,
    HALF_POINT,
    SHARES,
    Aligning,
    Quality,
    Settled,
    quality,
    radius_after,
    search,
    settle,
    settled_best,
)
from ..matching.consensus import Consensus, Points, Search, consensus, linear_kind
from ..matching.finishing import refined_on, unlike
from ..matching.local import Elastic, LocalField, solve_field
from ..matching.localpoints import solve_points
from ..matching.patches import Patch, finer
from ..matching.refinement import CORRELATION
from ..matching.windowed import Windows, windows_over
from ..progress import SILENT, Progress
from ..requests.shared.matching import PairMatching
from ..transform.elastic import Displacements
from ..transform.models import Linear
from ..windows import Window
from .lattice import Held, Lattice
from .preparing import aligning, coarser_model, refuse_empty, whole_factor

Column = NDArray[np.float64]

WINDOW, READ_WINDOWS = 128, 200
"""Side of windows that are read one by one, px, and most of them."""

LOCAL_WINDOW, LOCAL_APART, LOCAL_WINDOWS = 48, 64, 2500
"""The same for local models, and their least distance, px."""

REFINED = 64
"""Windows on whose pixels a model is refined where they are read one by one."""

AROUND = 40
"""Pixels round a window that is read alone: features are normalized over 12 px around."""

SUPPORTED = 0.15
"""Share of the overlap that must support a local field; below it the model is affine."""

DOUBT = (
    "The images are unlike in places (other bands or sensors, clouds), where a local field may "
    "follow what they show instead of where it lies. Compare it with MODEL = affine in the report."
)


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
    `checks`: windows that took no part; `local`: the field, on the lattice; `doubt`: what a user
    must know about the model.
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
    doubt: str = ""

    @property
    def least(self) -> float:
        """Reliability from which single windows counted."""
        return self.settled.least if self.settled else self.options.min_reliability


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
        edges = None if self.how.edge_proxy else False
        return Elastic(self.how.local_spacing / side, self.how.local_smoothness, edges)

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
        coarse, first, radius = None, coarser_model(found, factor), FIRST_RADIUS
    else:
        coarse = search(patch, task.model, options)[0]
        first, radius = coarse.found.model, radius_after(coarse)
    windows = [options.windows(patch.reference.shape, task.model, share) for share in SHARES]
    settled = settled_best([patch], first, task.model, windows, options, radius)
    if coarse is not None and not settled.sure and coarse.rank > settled.rank:
        settled = coarse  # details differ, but not what is larger
    return _Started(held, patch, settled, factor)


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
    found = Solved(
        settled.found.model,
        settled.found.kind,
        CORRELATION.name,
        _judged(settled, task.options()),
        settled,
        settled.found,
        start.held,
        start.factor,
        task.options(),
        checks_of(windows),
    )
    if found.kind == "local":
        on_pixels = start.factor == 1
        local = _field(patches[0], found, task) if on_pixels else _field_of(settled, found, task)
        if local.supported >= SUPPORTED:
            doubt = DOUBT if unlike(patches, settled, local) else ""
            return replace(found, local=local, doubt=doubt)
        agreed = replace(settled.found, kind="affine", lowered=_unsupported(local))
        found = replace(found, kind="affine", agreed=agreed)
    model, _, metric = refined_on(patches, settled, task.options())
    return replace(found, model=model, metric=metric)


def _unsupported(local: LocalField) -> str:
    return (
        f"only {100 * local.supported:.0f} % of the overlap show structure that both images have "
        "in common"
    )


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
    passed = matches.good(level=level, min_reliability=settled.least) & ~matches.check
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


def _field_of(settled: Settled, found: Solved, task: _Task) -> LocalField:
    """Fit the local field on the windows that agree, where pixels would be too many."""
    matches, weights = settled.matches, settled.found.weights
    known = (weights > 0) & np.isfinite(matches.dx)
    some, weight = matches.chosen(known), weights[known]
    seen = Displacements(
        some.x, some.y, some.dx, some.dy, weight / some.sigma_x**2, weight / some.sigma_y**2
    )
    grid = task.lattice.grid
    area = (grid.height, grid.width)
    return solve_points(seen, found.model, area, task.elastic, window=settled.windows.size)


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
        return replace(lattice.read(1, box, reach=reach).patch, known=None)

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
