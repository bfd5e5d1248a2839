# SPDX-License-Identifier: GPL-2.0-or-later
"""Bring images to block maps that were saved before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..exchange.blockmaps import Loaded
from ..grid import Grid
from ..image import Array, Image
from ..placement import common_canvas
from ..progress import SILENT, Progress
from ..radiometry.blockagreement import Differences, corrected_cells, overlap_differences
from ..radiometry.blockmaking import Blocks, plain_maps
from ..radiometry.blockmaps import (
    BlockMaps,
    LocalMap,
    correction_of,
    gamma_limits,
    mean_reference,
)
from ..radiometry.blocksums import BlockSums, block_means
from ..radiometry.cellmeans import Layout, cell_means
from ..radiometry.moments import overlap_statistics, whole_statistics
from ..radiometry.shading import Shading
from ..radiometry.statistics import OwnSums
from ..survey import survey
from .blocking import LEAST_OVERLAP, BlockEstimate, Blocking, estimating_of, pairs_of
from .counting import Collectors, collectors
from .selecting import own_selection

UNKNOWN = (Differences(None, ()),) * 3


def estimate_loaded(
    images: Sequence[Image],
    loaded: Loaded,
    how: Blocking,
    *,
    threads: int = 0,
    reading: bool = False,
    progress: Progress = SILENT,
) -> tuple[BlockEstimate, OwnSums | None]:
    """Return the maps that images are brought to; images without a map get one computed.

    The images are read only when something must be computed, or with `reading`; else there are no
    sums.
    """
    missing = [image.name for image in images if image.name not in loaded.names]
    methods = loaded.methods(how.correction_method, images[0].bands)
    bent = "gamma" in methods and not loaded.low
    shape = (images[0].bands, loaded.grid.height, loaded.grid.width)
    reference = loaded.reference
    if reference is None:
        reference = mean_reference(loaded.local, shape, loaded.grid.window)
    maps = BlockMaps(loaded.grid, reference, loaded.local, methods, loaded.low, loaded.high)
    used = int(np.isfinite(reference).any(0).sum())
    if not (missing or bent or reading):
        return BlockEstimate(maps, _unshaded(images), _names(images), UNKNOWN, used), None
    canvas = common_canvas(images)
    plain = collectors(images, canvas, estimating_of(how), progress)
    own = own_selection(images, how, progress)
    sums = BlockSums(images, canvas, loaded.grid, plain.joint.center, own)
    survey(
        images,
        own=(plain.own, sums),
        joint=(plain.joint,) if len(images) > 1 else (),
        canvas=canvas,
        threads=threads,
        progress=progress.part(0.0, 0.4),
    )
    computed = _computed(images, sums, loaded.grid, how)
    local = (*loaded.local, *(one for one in computed if one.name in missing))
    maps = replace(maps, local=local)
    if bent:
        low, high = _ends(plain)
        maps = replace(maps, low=low, high=high)
    return _judged(images, canvas, maps, plain, how, used), plain.own


def _computed(
    images: Sequence[Image], sums: BlockSums, grid: Grid, how: Blocking
) -> tuple[LocalMap, ...]:
    names = tuple(image.name for image in images)
    grids = [image.grid for image in images]
    means = block_means(sums, None, np.ones(len(images)))
    return plain_maps(Blocks(grid, names, grids, means, how.block_valid_threshold))


def _judged(
    images: Sequence[Image],
    canvas: Grid,
    maps: BlockMaps,
    plain: Collectors,
    how: Blocking,
    used: int,
) -> BlockEstimate:
    """Say how images differ in their overlaps with the maps and without."""
    names = [image.name for image in images]
    whole, order = whole_statistics(names, plain.own.images, plain.joint.center)
    overlaps = overlap_statistics(plain.joint, order, whole)
    layout = Layout(canvas, plain.joint.cells, [images[index].grid for index in order])
    before = cell_means(overlaps, layout, np.ones_like(whole.mean), np.zeros_like(whole.mean))
    corrections = [correction_of(maps, maps.of(name), how.max_change) for name in whole.names]
    after = corrected_cells(before, corrections, how.alpha)
    enough = overlaps.size >= LEAST_OVERLAP
    raw, matched = (overlap_differences(c, enough, whole.pooled_mean) for c in (before, after))
    return BlockEstimate(
        maps,
        Shading.nothing(whole.mean.shape),
        whole.names,
        (raw, raw, matched),
        used,
        sum(one.limited for one in corrections),
        *pairs_of(overlaps),
        images[0].band_names,
    )


def _ends(plain: Collectors) -> tuple[tuple[float, ...], tuple[float, ...]]:
    sums = plain.own.images
    low: Array = np.min([one.low for one in sums], axis=0)
    return gamma_limits(low, np.max([one.high for one in sums], axis=0))


def _names(images: Sequence[Image]) -> tuple[str, ...]:
    return tuple(sorted(image.name for image in images))


def _unshaded(images: Sequence[Image]) -> Shading:
    return Shading.nothing((len(images), images[0].bands))
