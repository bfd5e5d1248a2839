# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything that is found out about the images of a mosaic, from one reading or earlier runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

from ...exchange.blockmaps import local_path
from ...grid import Grid
from ...image import Image
from ...masks.restricted import Restricted
from ...mosaicking.blockfacts import facts_of_blocks, read_blocks, saved_blocks
from ...mosaicking.hidden import ClearJoint, ClearOwn
from ...mosaicking.journal import KEPT, NEW, Journal, facts_of, telling
from ...mosaicking.seamcells import Prices, SeamCells, cells_from, read_cells, read_footprints
from ...normalizing.blocking import (
    BlockCollectors,
    BlockEstimate,
    Blocking,
    block_collectors,
    estimate_blocks,
)
from ...normalizing.counting import Collectors, collectors
from ...normalizing.knowing import known_of
from ...placement import common_canvas
from ...progress import SILENT, Progress
from ...raster import RasterImage
from ...requests.footprints import Outlining
from ...requests.shared.regression import Estimating
from ...requests.voronoiseamlines import Grounds
from ...seams.cellstore import CellSums
from ...seams.hints import Hint
from ...seams.voronoi import partition
from ...stage import write_text
from ...survey import JointCollector, OwnCollector, survey
from ...transform.correction import Correction
from ...vector import Burned, Footprint, FootprintTrace, write_layers
from ...vector.rings import rings_of, wkb_of
from ...vector.tracing import tidied
from .. import globalregression, leastcostseamlines, localblockadjustment
from ..footprints import footprint_layer, warn_of_empty
from ..leastcostseamlines import Outlined, clauses, priced_layers
from ..seam.areas import area_of_interest, used_ground
from ..seam.masks import masks_of
from ..voronoiseamlines import reasons, rule_for, seam_layers
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
class Models:
    """What was found out about the images before anything is written."""

    regression: globalregression.Estimate | None = None
    blocks: BlockEstimate | None = None
    footprints: tuple[Footprint, ...] = ()
    cells: SeamCells | None = None

    @property
    def differences(self) -> tuple[float | None, float | None]:
        """Overlap differences before and after all corrections, % of the mean."""
        if not self.regression:
            return None, None
        found = self.regression.agreement
        return found.before, self.blocks.differences[2].pooled if self.blocks else found.after

    @property
    def changed(self) -> bool:
        """True when blocks were matched on ground that looks changed."""
        return bool(self.blocks and self.blocks.changed)


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


def corrected(image: Image, models: Models, plan: Plan, output_type: str = "same") -> Image:
    """Return an image with the corrections of its models, as a view."""
    if models.regression:
        image = globalregression.apply(image, models.regression.adjustments, output_type)
    if models.blocks:
        image = localblockadjustment.apply(image, models.blocks.maps, plan.blocking, output_type)
    return image


def estimate(
    scene: Scene,
    plan: Plan,
    journal: Journal,
    watching: Sequence[OwnCollector] = (),
    progress: Progress = SILENT,
) -> Models:
    """Estimate the models that are not known yet, from one reading; all are in the work folder."""
    judge(scene, plan, journal, progress)
    with ExitStack() as held:
        run = _Estimation(scene, plan, journal, held, progress)
        run.look(watching)
        return run.solve()


def judge(scene: Scene, plan: Plan, journal: Journal, progress: Progress = SILENT) -> None:
    """Tell for each step whether its models are known."""
    facts, before = scene.facts, list(scene.upstream)
    if plan.matches:
        given = telling(plan.matching, Estimating)
        made_of = [facts, plan.masked(scene.files), facts_of(plan.read_by(plan.matching))]
        journal.judge(MATCHING, given, made_of, before, progress)
        if plan.evens:
            given = telling(plan.blocking, Blocking)
            before = [*before, MATCHING]
            journal.judge(BLOCKS, given, made_of, before, progress)
    if plan.seaming is not None:
        given = telling(plan.seaming, Outlining)
        journal.judge(OUTLINES, given, facts, scene.upstream, progress)
        priced = plan.seams == "leastcost"
        before = [*before, *([BLOCKS] if plan.evens else [MATCHING] if plan.matches else [])]
        before = [*(dict.fromkeys(before) if priced else scene.upstream), OUTLINES]
        priced_by = [plan.seams, plan.masked(scene.files), facts_of(plan.read_by(plan.seaming))]
        given = telling(plan.seaming)
        for name in ("images", "output_type"):
            given.pop(name, None)
        journal.judge(SEAMS, given, [facts, *priced_by], before, progress)


@dataclass
class _Estimation:
    """The models of a scene on their way."""

    scene: Scene
    plan: Plan
    journal: Journal
    held: ExitStack
    progress: Progress
    models: Models = field(default_factory=Models)
    sums: Collectors | None = None
    blocks: BlockCollectors | None = None
    trace: FootprintTrace | None = None
    cells: CellSums | None = None

    def look(self, watching: Sequence[OwnCollector]) -> None:
        """Read the images once, when something must be counted."""
        scene, images = self.scene, self.scene.images
        canvas = common_canvas(images)
        own, joint = self._collectors(canvas)
        if not (own or self.trace or self.cells):
            return
        masks = [
            scene.masks(grids, self.plan, self.progress)
            for grids in ([image.grid for image in images], [canvas] * len(images))
        ]
        if masks[0]:
            own = [ClearOwn(one, masks[0]) for one in own]
            joint = [ClearJoint(one, masks[1]) for one in joint]
        own += [self.trace] if self.trace else []
        joint += [self.cells] if self.cells else []
        survey(
            images,
            own=[*watching, *own],
            joint=joint if len(scene.images) > 1 else (),
            canvas=canvas,
            threads=self.plan.merging.threads,
            progress=self.progress.part(0.0, 0.7),
        )

    def _collectors(self, canvas: Grid) -> tuple[list[OwnCollector], list[JointCollector]]:
        """Return what must count, masked parts left out; the rest is in the fields."""
        states, plan, images = self.journal.states, self.plan, self.scene.images
        own: list[OwnCollector] = []
        joint: list[JointCollector] = []
        if states.get(BLOCKS) == NEW:
            counted = block_collectors(images, canvas, plan.blocking, plan.matching, self.progress)
            self.blocks, self.sums = counted, counted.globals
            own, joint = [counted.sums], [counted.shared]
        elif states.get(MATCHING) == NEW:
            self.sums = collectors(images, canvas, plan.matching, self.progress)
        if self.sums:
            own, joint = [self.sums.own, *own], [self.sums.joint, *joint]
        if states.get(OUTLINES) == NEW:
            self.trace = self.held.enter_context(FootprintTrace(images))
        if states.get(SEAMS) == NEW and isinstance(plan.seaming, leastcostseamlines.Request):
            sums = leastcostseamlines.collectors(images, canvas, plan.seaming)
            self.cells = self.held.enter_context(sums)
        return own, joint

    def solve(self) -> Models:
        """Return all models; those that are new are written as soon as they are known."""
        plan = self.plan
        if plan.matches:
            self.models = replace(self.models, regression=self._matched())
        if plan.evens:
            self.models = replace(self.models, blocks=self._evened())
        if plan.seaming is not None:
            footprints = self._outlined(plan.seaming)
            self.models = replace(self.models, footprints=footprints)
            cells = self._divided(plan.seaming, footprints)
            self.models = replace(self.models, cells=cells)
        return self.models

    def _matched(self) -> globalregression.Estimate:
        images, how, path = self.scene.images, self.plan.matching, self.scene.path(REGRESSION)
        if self.journal.states[MATCHING] != NEW:
            known = known_of(path, images, keep=True)
            for image in images:
                known.adjustments.of(image.name)
            unread = collectors(images, common_canvas(images), how)
            found = globalregression.estimate(images, unread, how, self.progress, known)
            return replace(found, adjustments=known.adjustments)
        counted = self.sums or collectors(images, common_canvas(images), how)
        with self._finishing(MATCHING, [REGRESSION]) as numbers:
            found = globalregression.estimate(images, counted, how, self.progress)
            write_text(path, found.adjustments.text() + "\n")
            numbers["mean_difference_before"] = found.agreement.before
            numbers["mean_difference_after"] = found.agreement.after
        return found

    def _evened(self) -> BlockEstimate:
        scene, how = self.scene, self.plan.blocking
        state, files = self.journal.states[BLOCKS], scene.blocks
        if state != NEW or self.blocks is None:
            facts = self.journal.numbers(BLOCKS) if state == KEPT else None
            return read_blocks(files, scene.images, how, facts)
        matched = self.models.regression
        names = [REFERENCE, *(local_path(LOCAL, image.name) for image in scene.images)]
        with self._finishing(BLOCKS, names) as numbers:
            found = estimate_blocks(
                scene.images,
                self.blocks,
                how,
                matched.adjustments if matched else None,
                self.progress,
            )
            found = saved_blocks(found, files, scene.images, how)
            numbers.update(facts_of_blocks(found))
        return found

    def _outlined(self, how: Grounds) -> tuple[Footprint, ...]:
        scene, path = self.scene, self.scene.path(FOOTPRINTS)
        if self.trace is None:
            return read_footprints(path, scene.images, self.plan.field)
        with self._finishing(OUTLINES, [FOOTPRINTS]):
            step = self.progress.part(0.7, 0.75)
            found = self.trace.footprints(scene.grid.crs, progress=step)
            warn_of_empty(found, self.progress)
            write_layers(path, [footprint_layer(found, scene.grid.crs, self.plan.field)])
        # as later runs will find them
        return read_footprints(path, scene.images, self.plan.field)

    def _divided(self, how: Grounds, footprints: Sequence[Footprint]) -> SeamCells:
        scene, path, field_name = self.scene, self.scene.path(SEAMLINES), self.plan.field
        state = self.journal.states[SEAMS]
        if state != NEW:
            known = self.journal.numbers(SEAMS) if state == KEPT else None
            return read_cells(path, scene.images, field_name, known)
        crs = scene.grid.crs
        exact, guides = _grounds(footprints, scene.images, crs, how, self.progress)
        within = area_of_interest(how, crs, self.progress)
        with self._finishing(SEAMS, [SEAMLINES]) as numbers:
            if self.cells is not None and isinstance(how, leastcostseamlines.Request):
                outlined = Outlined(
                    exact,
                    guides,
                    within,
                    limited=bool(how.vector_mask),
                    contained=how.contained,
                    name=field_name,
                    moves=scene.moves,
                )
                laid = self._priced(self.cells, outlined, how)
                layers = priced_layers(laid, scene.files, crs, field_name)
                prices = Prices(laid.found.seam_cost, laid.found.center_cost, laid.crossed)
                found = cells_from(laid.partition, clauses(laid.partition, scene.files), prices)
            else:
                rule = rule_for(scene.images, crs, how)  # type: ignore[arg-type]
                step = self.progress.part(0.75, 1.0)
                cut = partition(exact, rule, guides=guides, within=within, progress=step)
                layers = seam_layers(cut, scene.files, crs, field_name)
                found = cells_from(cut, reasons(cut, scene.files), Prices())
            write_layers(path, layers)
            numbers.update(found.numbers)
        return found

    def _priced(
        self, sums: CellSums, outlined: Outlined, how: leastcostseamlines.Request
    ) -> leastcostseamlines.LeastCost:
        """Lay seams of least cost between the images as they will be corrected."""

        def seen(image: Image) -> Image:
            return corrected(image, self.models, self.plan, "float32")

        step = self.progress.part(0.75, 1.0)
        return leastcostseamlines.estimate(
            self.scene.images, sums, outlined, how, corrected=seen, progress=step
        )

    @contextmanager
    def _finishing(self, step: str, files: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Take note of a step whose models are written inside, and of the numbers put in."""
        started, numbers = monotonic(), dict[str, Any]()
        yield numbers
        self.journal.finish(step, files, monotonic() - started, numbers)
        self.progress.check()


def _grounds(
    footprints: Sequence[Footprint],
    images: Sequence[Image],
    crs: str,
    how: Grounds,
    progress: Progress,
) -> tuple[list[bytes], list[bytes] | None]:
    """Return the ground of each image, and the same without small holes and parts if asked for."""
    whole = [footprint.geometry for footprint in footprints]
    exact = used_ground(whole, images, crs, how, progress)
    if not (how.min_hole > 0 or how.min_part > 0):
        return exact, None
    areas = [image.grid.pixel_size[0] * image.grid.pixel_size[1] for image in images]
    tidy = [
        wkb_of(tidied(rings_of(wkb), how.min_part * area, how.min_hole * area))
        for wkb, area in zip(whole, areas)
    ]
    return exact, used_ground(tidy, images, crs, how)


def clipped(image: Image, cells: SeamCells, number: int) -> Image:
    """Return an image that is valid in its seam cell only."""
    shapes = tuple((wkb, 1) for wkb in cells.shapes.get(number, ()))
    return Restricted(image, Burned(image.grid, shapes))
