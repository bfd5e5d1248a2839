# SPDX-License-Identifier: GPL-2.0-or-later
"""The models behind a mosaic, and what its report says about each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..image import Image
from ..normalizing.blocking import BlockEstimate, Blocking
from ..raster import RasterImage
from ..report import localblocks, overlaps
from ..report.html import Figure, Table
from ..report.mosaic import before_and_after, cells_figure, images_table
from ..report.thumbnail import Thumbnail
from ..seams.cells import Partition
from ..vector import Footprint
from ..vector.rings import points_of, rings_of
from . import globalregression, localblockadjustment
from .voronoiseamlines import reasons


@dataclass(frozen=True)
class Models:
    """What was found out about the images before anything is written."""

    regression: globalregression.Estimate | None = None
    blocks: BlockEstimate | None = None
    footprints: tuple[Footprint, ...] = ()
    partition: Partition | None = None

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

    @property
    def reading(self) -> tuple[str, ...]:
        """How to read the numbers."""
        blocks = localblocks.READING if self.blocks else ()
        return (*(overlaps.READING if self.regression else ()), *blocks)


def overlap_numbers(models: Models) -> list[dict[str, Any]]:
    """Return the numbers of each overlap for report.json."""
    pairs = models.regression.agreement.pairs if models.regression else ()
    found = [asdict(pair) for pair in pairs]
    after = models.blocks.differences[2].pairs if models.blocks else ()
    for pair, number in zip(found, after):
        pair["after_local"] = number
    return found


def pictures(before: Thumbnail, after: Thumbnail) -> tuple[Figure, ...]:
    """Return the pictures; there is none of the images when nothing was surveyed."""
    return (before_and_after(before, after),) if before.valid.any() else ()


def figures(models: Models, images: Sequence[Image]) -> Iterator[Figure]:
    """Yield the figures of seam cells, overlaps, gains and blocks."""
    if models.partition:
        shapes = {
            images[number].name: [ring for polygon in rings_of(wkb) for ring in polygon]
            for number, wkb in sorted(models.partition.cells.items())
        }
        yield cells_figure(shapes, [points_of(cut.geometry) for cut in models.partition.cuts])
    if models.regression:
        after = models.blocks.differences[2].pairs if models.blocks else None
        yield from globalregression.figures(models.regression, after)
    if models.blocks:
        yield from localblockadjustment.figures(models.blocks, Blocking())


def tables(models: Models) -> Iterator[Table]:
    """Yield the tables of images, overlaps, gains and blocks."""
    if models.partition:
        areas = models.partition.areas
        yield images_table(
            [
                (one.name, one.valid_pixels, one.pixels, areas.get(number, 0.0))
                for number, one in enumerate(models.footprints)
            ]
        )
    if models.regression:
        after = "after gains" if models.blocks else "after"
        yield from globalregression.tables(models.regression, after)
    if models.blocks:
        steps = ("Before", "After gains", "After blocks")
        yield from localblockadjustment.tables(models.blocks, steps, models.blocks.differences)


def without_cell(models: Models, images: Sequence[RasterImage]) -> tuple[tuple[str, str], ...]:
    """Return the images that have no seam cell, with the reason."""
    cells = models.partition
    return tuple((clause, "no seam cell") for clause in reasons(cells, images)) if cells else ()
