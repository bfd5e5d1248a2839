# SPDX-License-Identifier: GPL-2.0-or-later
"""Superpixels of tiles, and the classes that a map has in and around them (auto-context)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...executor import each
from ...grid import Grid
from ...image import ArrayImage, Image, constant
from ...landcover.context import Part, Surroundings, looked_at
from ...landcover.models import load_model
from ...progress import SILENT, Progress
from ...raster import open_image
from ...stage import WorkingFolder, staged
from ...windows import Window, tiling
from ...workflow.segmenting import Segmenting, superpixels
from ...write import write
from .mapping import labels_of, pieces_of
from .plan import Plan
from .tiles import Tile

SIDE = 512
"""Windows in which maps are counted, px."""

SPACING = 10
"""Of superpixels whose size is not given, px; fields are larger in most places."""


def spacing(plan: Plan) -> int:
    """Return the distance of the points from which superpixels grow."""
    return max(4, plan.request.object_size or SPACING)


@dataclass(frozen=True)
class Segment:
    """Make the superpixels of a tile."""

    plan: Plan
    tile: Tile

    def __call__(self, progress: Progress, share: float) -> None:
        """Write their numbers, which begin with 1; 0 where a feature is missing."""
        plan, tree, name = self.plan, self.plan.tree, self.tile.name
        how = Segmenting(spacing(plan), threads=plan.request.threads)
        image, writing = plan.features(self.tile), plan.writing(share)
        with WorkingFolder("superpixels", tree.feature(name, "tmp")) as folder:
            found = superpixels(image, how, folder, progress.part(0.0, 0.95))
            write(found, tree.superpixels(name), writing, progress.part(0.95, 1.0))


def nothing(grid: Grid) -> Image:
    """Return an image in which no pixel belongs to a superpixel, which takes no memory."""
    shape = (grid.height, grid.width)
    none = np.broadcast_to(np.int32(0), (1, *shape))
    return ArrayImage("segments", grid, none, constant(False, shape), 0.0, ("",))


@dataclass(frozen=True)
class Surround:
    """Count the classes of a tile's map around its superpixels."""

    plan: Plan
    run: int
    tile: Tile

    def __call__(self, progress: Progress, share: float) -> None:
        """Write the shares of classes of each superpixel."""
        plan, tree = self.plan, self.plan.tree
        segments = open_image(tree.superpixels(self.tile.name))
        found = self._counted(segments, progress)
        with staged(tree.shares(self.tile.name, self.run)) as path, open(path, "wb") as file:
            np.save(file, found.shares(), allow_pickle=False)
        progress.info(
            f"{found.count} superpixels of {self.tile.name}, {len(found.labels)} classes in run "
            f"{self.run} of round {plan.round}."
        )

    def _counted(self, segments: Image, progress: Progress) -> Surroundings:
        labels = labels_of(pieces_of(self.plan, self.run, self.tile))
        found = Surroundings(known_labels(self.plan, self.run))
        windows = list(tiling(segments.grid.window, SIDE, SIDE))
        return counted(found, segments, labels, windows, self.plan.request.threads, progress)


def counted(
    found: Surroundings,
    segments: Image,
    labels: Image,
    windows: Sequence[Window],
    threads: int,
    progress: Progress = SILENT,
) -> Surroundings:
    """Add what a map holds in windows of superpixels."""
    area, known, total = segments.grid.window, found.labels, len(windows)

    def look(window: Window) -> Part:
        wide = Window(window.col, window.row, window.width + 1, window.height + 1)
        numbers = segments.read(wide.clipped(area)).values[0]
        return looked_at(numbers, labels.read(window).values[0], known)

    for partial in each(look, windows, threads=threads, progress=progress, total=total):
        found.merge(partial)
    return found


def known_labels(plan: Plan, run: int) -> tuple[int, ...]:
    """Return the labels that any model of a run can give."""
    models = [load_model(plan.tree.model(model.name, run)) for model in plan.models]
    return tuple(sorted({label for model in models for label in model.labels}))
