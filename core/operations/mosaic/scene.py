# SPDX-License-Identifier: GPL-2.0-or-later
"""The images of a mosaic and its work folder, and which models of earlier runs still hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...grid import Grid
from ...image import Image
from ...mosaicking.journal import Journal, facts_of, telling
from ...normalizing.blocking import Blocking
from ...progress import SILENT, Progress
from ...raster import RasterImage
from ...requests.footprints import Outlining
from ...requests.shared.regression import Estimating
from ...seams.hints import Hint
from ...transform.correction import Correction
from ..seam.masks import masks_of
from .plan import Plan

MATCHING, BLOCKS, OUTLINES, SEAMS = (
    "globalregression",
    "localblockadjustment",
    "footprints",
    "seamlines",
)
"""The steps as pipeline.json calls them."""

REGRESSION, REFERENCE, LOCAL = (
    "regression.json",
    "block_maps/reference.tif",
    "block_maps/$_local.tif",
)
FOOTPRINTS, SEAMLINES = "footprints.gpkg", "seamlines.gpkg"


@dataclass(frozen=True)
class Scene:
    """The images as files, and in place in one CRS; the grid of their mosaic; where models lie.

    `moves` are the corrections that put the images in place, if any.
    """

    files: Sequence[RasterImage]
    images: Sequence[Image]
    grid: Grid
    folder: str
    upstream: tuple[str, ...] = ()
    moves: Sequence[Correction] = ()

    def masks(
        self, grids: Sequence[Grid], plan: Plan, progress: Progress = SILENT
    ) -> tuple[Hint | None, ...]:
        """Return what is masked in the images, on a grid for each; nothing without masks."""
        return masks_of(self.images, grids, plan.masks, plan.field, progress, self.moves)

    def path(self, name: str) -> str:
        """Return the path of a file of the work folder."""
        return f"{self.folder}/{name}"

    @property
    def blocks(self) -> tuple[str, str]:
        """The reference map, and the pattern of the local ones."""
        return self.path(REFERENCE), self.path(LOCAL)

    @property
    def facts(self) -> list[Any]:
        """What all models are made of."""
        grids = [(g.width, g.height, g.transform, g.crs) for g in (i.grid for i in self.images)]
        nodata = [image.nodata for image in self.files]
        return [facts_of(image.path for image in self.files), grids, nodata]


def judge(scene: Scene, plan: Plan, journal: Journal, progress: Progress = SILENT) -> None:
    """Tell for each step whether its models are known."""
    facts, before = scene.facts, list(scene.upstream)
    if plan.matches:
        given = telling(plan.matching, Estimating)
        blocks = telling(plan.blocking, Blocking) if plan.evens else {}
        made_of = [facts, plan.masked(scene.files), facts_of(plan.read_by(plan.matching))]
        # what is counted for blocks is counted for gains too
        journal.judge(MATCHING, given, [*made_of, blocks], before, progress)
        if plan.evens:
            given = blocks
            before = [*before, MATCHING]
            journal.judge(BLOCKS, given, made_of, before, progress)
    if plan.seaming is not None:
        given = telling(plan.seaming, Outlining)
        journal.judge(OUTLINES, given, [facts, plan.field], scene.upstream, progress)
        priced = plan.seams == "leastcost"
        before = [*before, *([BLOCKS] if plan.evens else [MATCHING] if plan.matches else [])]
        before = [*(dict.fromkeys(before) if priced else scene.upstream), OUTLINES]
        priced_by = [plan.seams, plan.masked(scene.files), facts_of(plan.read_by(plan.seaming))]
        given = telling(plan.seaming)
        for name in ("images", "output_type"):
            given.pop(name, None)
        journal.judge(SEAMS, given, [facts, plan.field, *priced_by], before, progress)
