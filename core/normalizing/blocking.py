# SPDX-License-Identifier: GPL-2.0-or-later
"""How block maps are estimated: what the survey counts for them, and the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InvalidOption
from ..grid import Bounds, Grid
from ..image import Array, Image
from ..progress import SILENT, Progress
from ..radiometry.adjustments import Adjustments
from ..radiometry.balanced import Rating
from ..radiometry.blockadjusted import BlockAdjusted
from ..radiometry.blockagreement import Differences, corrected_cells, overlap_differences
from ..radiometry.blockmaking import (
    Blocks,
    Limits,
    adjusted_means,
    balanced_maps,
    cell_beliefs,
    mean_maps,
)
from ..radiometry.blockmaps import (
    BlockMaps,
    block_layout,
    correction_of,
    gamma_limits,
    variation_blocks,
)
from ..radiometry.blocksums import BlockSums, SharedCounts, block_means
from ..radiometry.cellmeans import CellMeans, Layout, cell_means
from ..radiometry.cells import block_counts, blocks_of
from ..radiometry.moments import Overlaps, Whole, overlap_statistics, whole_statistics
from ..radiometry.regression import connected
from ..radiometry.remarks import listed
from ..radiometry.shading import Shading, solve_shading
from ..radiometry.statistics import OwnSums, canvas_box
from ..requests import UsedPixels
from ..requests.shared.blocks import Blocking as Blocking
from ..requests.shared.regression import Estimating
from ..survey import survey
from .counting import Collectors, collectors
from .selecting import canvas_selection, own_selection

CHANGED, MUCH = 0.2, 0.3
UNLIKE, SOME = 0.5, 0.1
"""A pair is told when more than MUCH of its pixels lie in cells that differ by more than CHANGED;
or when its pixels correlate less than UNLIKE and more than SOME lie in cells that differ by half
of that."""

LEAST_OVERLAP = 100
"""Common pixels that connect two images."""


@dataclass(frozen=True)
class BlockCollectors:
    """What is counted while the images pass once; `globals` serve a global regression too."""

    layout: Layout
    blocks: Grid
    globals: Collectors
    sums: BlockSums
    shared: SharedCounts

    @property
    def own(self) -> tuple[OwnSums, BlockSums]:
        """Collectors of each image's own pixels."""
        return self.globals.own, self.sums


@dataclass(frozen=True)
class BlockEstimate:
    """The maps, what is known about the fields, and how images differ before and after.

    Differences are those of the input, of the images with gains and offsets, and after the blocks.
    `pairs` are numbers of `names`; `pixels` count what the two share; `changed` names pairs whose
    common ground looks changed in large parts.
    """

    maps: BlockMaps
    shading: Shading
    names: tuple[str, ...]
    differences: tuple[Differences, Differences, Differences]
    blocks_used: int
    limited: int = 0
    pairs: tuple[tuple[int, int], ...] = ()
    pixels: tuple[int, ...] = ()
    band_names: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    @property
    def titles(self) -> list[str]:
        """Names of the two images of each pair."""
        return [f"{self.names[first]} – {self.names[second]}" for first, second in self.pairs]


def block_grid(
    images: Sequence[Image], canvas: Grid, how: Blocking, progress: Progress = SILENT
) -> Grid:
    """Return the blocks on the ground of the images, one pixel for each.

    Raises InvalidOption when they are too many, or their ground is empty or without images.
    """
    bounds = _bounds(how)
    area = canvas.window_of(bounds) if bounds else canvas.window
    boxes = [canvas_box(canvas, image.grid).clipped(area) for image in images]
    if all(box.empty for box in boxes):
        raise InvalidOption(f"Ground of the blocks: {how.bounds} lies outside all images.")
    if how.block_rule == "rows_columns" and how.block_rows and how.block_columns:
        return blocks_of(canvas, how.block_rows, how.block_columns, bounds)
    if how.block_rule == "coefficient_of_variation":
        counts = variation_blocks(*_first_band(images, canvas, how, progress))
        return blocks_of(canvas, *counts, bounds)
    moved = [box.shifted(-area.col, -area.row) for box in boxes]
    ground = canvas.cropped(area).window
    return blocks_of(
        canvas, *block_layout(*block_counts(ground, moved, how.number_of_blocks)), bounds
    )


def block_collectors(
    images: Sequence[Image],
    canvas: Grid,
    how: Blocking,
    estimating: Estimating,
    progress: Progress = SILENT,
) -> BlockCollectors:
    """Return what the survey must count so that `estimate_blocks` can work."""
    blocks = block_grid(images, canvas, how, progress)
    shared = collectors(images, canvas, estimating, progress, blocks)
    own = own_selection(images, how, progress)
    joint = canvas_selection(images, canvas, how, progress)
    ordered = sorted(images, key=lambda image: image.name)
    layout = Layout(canvas, shared.joint.cells, [image.grid for image in ordered])
    return BlockCollectors(
        layout,
        blocks,
        shared,
        BlockSums(images, canvas, blocks, shared.joint.center, own),
        SharedCounts(images, canvas, blocks, joint),
    )


def estimate_blocks(
    images: Sequence[Image],
    counted: BlockCollectors,
    how: Blocking,
    adjustments: Adjustments | None = None,
    progress: Progress = SILENT,
) -> BlockEstimate:
    """Make block maps from the sums of a survey, for images corrected by adjustments or none."""
    names = [image.name for image in images]
    whole, order = whole_statistics(names, counted.globals.own.images, counted.sums.center)
    overlaps = overlap_statistics(counted.globals.joint, order, whole)
    gains, offsets = _adjusting(whole, adjustments)
    raw = cell_means(overlaps, counted.layout, np.ones_like(gains), np.zeros_like(offsets))
    cells = cell_means(overlaps, counted.layout, gains, offsets)
    area = np.prod(counted.layout.canvas.pixel_size)
    scale = np.array([area / np.prod(image.grid.pixel_size) for image in images])
    found = block_means(counted.sums, counted.shared, scale)
    blocks = Blocks(
        counted.blocks,
        whole.names,
        list(counted.layout.grids),
        adjusted_means([found[index] for index in order], gains, offsets),
        how.block_valid_threshold,
    )
    maps, shading = _maps(blocks, cells, whole, (gains, offsets), how, progress)
    corrections = [correction_of(maps, maps.of(name), how.max_change) for name in whole.names]
    after = corrected_cells(cells, corrections, how.alpha)
    size = whole.size[:, None] / max(1.0, float(whole.size.sum()))
    levels = [whole.pooled_mean, *2 * [(size * (gains * whole.mean + offsets)).sum(0)]]
    used = overlaps.size >= LEAST_OVERLAP
    steps = zip((raw, cells, after), levels)
    differences = [overlap_differences(one, used, level) for one, level in steps]
    outcome = BlockEstimate(
        maps,
        shading,
        whole.names,
        (differences[0], differences[1], differences[2]),
        blocks.filled(),
        maps.limited + sum(one.limited for one in corrections),
        *pairs_of(overlaps),
        images[0].band_names,
        _changed(whole, cells.times(shading.factors(cells)), used),
    )
    for sentence in _remarks(outcome, matched=adjustments is not None):
        progress.warn(sentence)
    return outcome


def pairs_of(overlaps: Overlaps) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...]]:
    """Return the two images of each pair, and how many pixels they share."""
    pairs = tuple((int(first), int(second)) for first, second in overlaps.pairs)
    return pairs, tuple(int(size) for size in overlaps.size)


def _maps(
    blocks: Blocks,
    cells: CellMeans,
    whole: Whole,
    adjusting: tuple[Array, Array],
    how: Blocking,
    progress: Progress,
) -> tuple[BlockMaps, Shading]:
    """Fields and maps; bands with values around 0 are corrected by differences."""
    gains, offsets = adjusting
    scale = np.sqrt((gains**2).mean(0)) * whole.pooled_std
    ratios = blocks.ratios(scale) if how.correction_method != "offset" else scale < 0
    methods = tuple(how.correction_method if one else "offset" for one in ratios)
    if how.correction_method != "offset" and not ratios.all():
        numbers = listed([str(band + 1) for band in np.flatnonzero(~ratios)])
        progress.warn(
            f"Block means of band {numbers} are near or below 0, where ratios say nothing; these "
            "bands are corrected by differences (offset)."
        )
    ends = [gains * side + offsets for side in (whole.low, whole.high)]
    seen = (whole.size > 0)[:, None]
    low = np.minimum(*ends).min(0, where=seen, initial=np.inf)
    high = np.maximum(*ends).max(0, where=seen, initial=-np.inf)
    limits = Limits(how.max_change, *gamma_limits(low, high))
    if how.target == "mean":
        return mean_maps(blocks, methods, limits), Shading.nothing(gains.shape)
    cells = cells.part(_used_pairs(cells.overlaps))
    groups = connected(len(whole.names), cells.overlaps.pairs)
    logs = np.array([method != "offset" for method in methods])
    shading = solve_shading(cells, groups, np.where(logs, scale, 0.0), how.shading, progress)
    weights = cell_beliefs(cells, shading, scale, how.robust)
    rating = Rating(weights, logs, scale, how.robust)
    return balanced_maps(blocks, cells, shading, rating, methods, limits), shading


def _used_pairs(overlaps: Overlaps) -> Array:
    return np.flatnonzero(overlaps.size >= LEAST_OVERLAP)


def _adjusting(whole: Whole, adjustments: Adjustments | None) -> tuple[Array, Array]:
    if adjustments is None:
        return np.ones(whole.mean.shape), np.zeros(whole.mean.shape)
    mine = [adjustments.of(name) for name in whole.names]
    return np.array([one.gains for one in mine]), np.array([one.offsets for one in mine])


def _bounds(how: Blocking) -> Bounds | None:
    if how.bounds is None:
        return None
    left, right, low, high = how.bounds
    if not (left < right and low < high):
        raise InvalidOption(
            f"Ground of the blocks: {how.bounds} is empty. Give xmin, xmax, ymin, ymax."
        )
    return left, low, right, high


def _first_band(
    images: Sequence[Image], canvas: Grid, how: Blocking, progress: Progress
) -> tuple[float, float]:
    """Mean and spread of the first band of all images, from a reading of its own."""
    plain = collectors(images, canvas, estimating_of(how), progress)
    survey(images, own=(plain.own,), canvas=canvas, progress=progress.part(0.0, 0.1))
    names = [image.name for image in images]
    whole, _ = whole_statistics(names, plain.own.images, plain.joint.center)
    return float(whole.pooled_mean[0]), float(whole.pooled_std[0])


def estimating_of(how: UsedPixels) -> Estimating:
    """Return the same limits of what is looked at, as options of a global regression."""
    return Estimating(
        vector_mask=how.vector_mask,
        mask_mode=how.mask_mode,
        mask_field=how.mask_field,
        selection_masks=how.selection_masks,
        ignore_saturated=how.ignore_saturated,
    )


def _changed(whole: Whole, cells: CellMeans, used: Array) -> tuple[str, ...]:
    """The pairs whose common ground looks changed in large parts."""
    if not len(cells.share):
        return ()
    overlaps = cells.overlaps
    level = np.abs(cells.means).mean(0)
    apart = (np.abs(cells.residuals()) / np.where(level > 0, level, np.inf)).mean(0)
    much, some = (
        overlaps.over_pairs((apart > limit) * cells.weight) / np.maximum(1.0, overlaps.size)
        for limit in (CHANGED, CHANGED / 2)
    )
    unlike = np.nan_to_num(overlaps.correlation, nan=1.0).mean(1) < UNLIKE
    told = np.flatnonzero(used & ((much > MUCH) | (unlike & (some > SOME))))
    return tuple(
        " and ".join(whole.names[index] for index in overlaps.pairs[pair]) for pair in told
    )


def _remarks(found: BlockEstimate, *, matched: bool) -> Iterator[str]:
    """Sentences about ground that looks changed; `matched` when gains were solved before."""
    if found.changed:
        although, before = " although gains were matched", ""
        if not matched:
            although, before = "", " Use global regression first when that is not done yet."
        yield (
            f"Large parts of the common ground differ{although}: {listed(found.changed)}.{before} "
            "Where that is real change, clouds, snow or a wrong position, blocks carry it from one "
            "image into the other: keep it out of the statistics with polygons or masks, or use "
            "global regression alone."
        )
    if found.maps.left:
        yield (
            f"In {found.maps.left} of {found.blocks_used} blocks images differ so much that it "
            "looks like clouds or real change; they are not made alike there."
        )


def block_corrected(image: Image, maps: BlockMaps, how: Blocking, output_type: str) -> Image:
    """Return the image corrected by its block map, as a view."""
    mine = correction_of(maps, maps.of(image.name), how.max_change)
    return BlockAdjusted(image, mine, how.alpha, output_type)
