# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything that is found out about the images of a mosaic, from one reading or earlier runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

from ...errors import NoSolution
from ...exchange.blockmaps import local_path
from ...grid import Grid
from ...image import Image
from ...masks.restricted import Restricted
from ...mosaicking.blockfacts import facts_of_blocks, read_blocks, saved_blocks
from ...mosaicking.hidden import ClearJoint, ClearOwn
from ...mosaicking.journal import KEPT, NEW, Journal
from ...mosaicking.matchfacts import facts_of_matching, known_matching
from ...mosaicking.seamcells import (
    Prices,
    SeamCells,
    cells_from,
    given_cells,
    read_cells,
    read_footprints,
)
from ...normalizing.blocking import (
    BlockCollectors,
    BlockEstimate,
    block_collectors,
    estimate_blocks,
)
from ...normalizing.counting import Collectors, collectors
from ...normalizing.knowing import known_of
from ...placement import common_canvas
from ...progress import SILENT, Progress, Recorder
from ...radiometry.agreement import PairAgreement
from ...requests.voronoiseamlines import Grounds
from ...seams.cellstore import CellSums
from ...seams.voronoi import partition
from ...stage import write_text
from ...survey import JointCollector, OwnCollector, survey
from ...vector import Burned, Footprint, FootprintTrace, write_layers
from ...vector.rings import rings_of, wkb_of
from ...vector.tracing import tidied
from .. import globalregression, leastcostseamlines, localblockadjustment
from ..footprints import footprint_layer, warn_of_empty
from ..leastcostseamlines import Outlined, clauses, priced_layers
from ..seam.areas import area_of_interest, used_ground
from ..voronoiseamlines import reasons, rule_for, seam_layers
from .cells import cells_of
from .plan import Plan
from .scene import (
    BLOCKS,
    FOOTPRINTS,
    LOCAL,
    MATCHING,
    OUTLINES,
    REFERENCE,
    REGRESSION,
    SEAMLINES,
    SEAMS,
    Scene,
    judge,
)


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
    def pairs(self) -> tuple[PairAgreement, ...]:
        """The overlaps, with their differences after all corrections."""
        pairs = self.regression.agreement.pairs if self.regression else ()
        if not self.blocks:
            return pairs
        after = self.blocks.differences[2].pairs
        return tuple(replace(pair, after=number) for pair, number in zip(pairs, after))

    @property
    def changed(self) -> bool:
        """True when blocks were matched on ground that looks changed."""
        return bool(self.blocks and self.blocks.changed)


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
        run = _Estimation(scene, plan, journal, held, Recorder(progress))
        run.look(watching)
        return run.solve()


@dataclass
class _Estimation:
    """The models of a scene on their way."""

    scene: Scene
    plan: Plan
    journal: Journal
    held: ExitStack
    progress: Recorder
    models: Models = field(default_factory=Models)
    sums: Collectors | None = None
    blocks: BlockCollectors | None = None
    trace: FootprintTrace | None = None
    cells: CellSums | None = None
    masked: tuple[str, ...] = ()

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
            self.masked = tuple(i.name for i, mask in zip(images, masks[0]) if mask)
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
            facts = known_matching(self._facts(MATCHING) or {})
            if facts:
                return globalregression.Estimate(
                    known.adjustments, *facts, band_names=images[0].band_names
                )
            unread = collectors(images, common_canvas(images), how)
            found = globalregression.estimate(images, unread, how, self.progress, known)
            return replace(found, adjustments=known.adjustments)
        counted = self.sums or collectors(images, common_canvas(images), how)
        with self._finishing(MATCHING, [REGRESSION]) as numbers:
            found = globalregression.estimate(
                images, counted, how, self.progress, masked=self.masked
            )
            write_text(path, found.adjustments.text() + "\n")
            numbers.update(facts_of_matching(found.agreement, found.groups, found.empty))
        return found

    def _evened(self) -> BlockEstimate:
        scene, how = self.scene, self.plan.blocking
        files = scene.blocks
        if self.journal.states[BLOCKS] != NEW or self.blocks is None:
            return read_blocks(files, scene.images, how, self._facts(BLOCKS))
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
            if not any(one.valid_pixels for one in found):
                raise NoSolution("No image has a valid pixel, so there is nothing to put together.")
            warn_of_empty(found, self.progress)
            write_layers(path, [footprint_layer(found, scene.grid.crs, self.plan.field)])
        # as later runs will find them
        return read_footprints(path, scene.images, self.plan.field)

    def _divided(self, how: Grounds, footprints: Sequence[Footprint]) -> SeamCells:
        scene, path, field_name = self.scene, self.scene.path(SEAMLINES), self.plan.field
        facts = self._facts(SEAMS)
        if facts is not None:
            return read_cells(path, scene.images, field_name, facts)
        if self.journal.states[SEAMS] != NEW:
            drawn = cells_of(path, scene.images, scene.grid, field_name, self.progress)
            return given_cells(drawn, [one.geometry for one in footprints], self.progress)
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

    def _facts(self, step: str) -> Mapping[str, Any] | None:
        """Return what is known of the models of an earlier run, None when somebody edited them.

        What that run had to say about them is said again.
        """
        if self.journal.states[step] != KEPT:
            return None
        numbers = self.journal.numbers(step)
        for sentence in numbers.get("warnings", ()):
            self.progress.warn(sentence)
        return numbers

    @contextmanager
    def _finishing(self, step: str, files: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Take note of a step whose models are written inside: numbers put in, and warnings."""
        started, numbers, said = monotonic(), dict[str, Any](), len(self.progress.warnings)
        self.journal.begin(step)
        yield numbers
        numbers["warnings"] = self.progress.warnings[said:]
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
