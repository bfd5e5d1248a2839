# SPDX-License-Identifier: GPL-2.0-or-later
"""From a solution to the model that is saved and applied, and from a loaded model to statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..image import Array
from .adjustments import Adjustments, BandStatistics, ImageAdjustment
from .moments import Moments, Overlaps, Whole
from .regression import Kept, Solution


def adjustments_of(
    whole: Whole, overlaps: Overlaps, solution: Solution, known: Adjustments | None = None
) -> Adjustments:
    """Return the model of a solution, with the statistics of images and pairs.

    Statistics that were `known` before come out as they were.
    """
    shared = _shared(whole, overlaps, overlaps.moments())
    believed = _shared(whole, overlaps, overlaps.moments(solution.weights))
    images = []
    for at, name in enumerate(whole.names):
        before = known.find(name) if known else None
        mine, trusted = ({**found[at]} for found in (shared, believed))
        if before is not None:
            mine.update(before.overlaps)
            trusted.update({**dict(before.overlaps), **dict(before.believed)})
        trusted = {other: bands for other, bands in trusted.items() if bands != mine[other]}
        size, loaded = whole.size[at], before.whole if before else ()
        own = tuple(_band(m, s, size) for m, s in zip(whole.mean[at], whole.std[at]))
        images.append(
            ImageAdjustment(
                name,
                tuple(map(float, solution.gains[at])),
                tuple(map(float, solution.offsets[at])),
                loaded or own,
                tuple(sorted(mine.items())),
                int(solution.groups[at]),
                tuple(sorted(trusted.items())),
            )
        )
    return Adjustments(tuple(images))


def with_known(whole: Whole, known: Sequence[ImageAdjustment]) -> Whole:
    """Return statistics with those of other images that are known already, in name order.

    A known image replaces one of the same name. Its smallest and largest values are not known.
    """
    known = [image for image in known if image.whole]
    others = [at for at, name in enumerate(whole.names) if name not in {k.name for k in known}]
    rest = whole.part(np.array(others, int))
    bands = whole.mean.shape[1]
    numbers = np.array([[(b.mean, b.std, b.size) for b in image.whole] for image in known])
    numbers = numbers.reshape(len(known), bands, 3)
    names = (*rest.names, *(image.name for image in known))
    order = np.array(sorted(range(len(names)), key=lambda at: names[at]), int)
    none = np.full((len(known), bands), np.inf)
    return Whole(
        names,
        np.concatenate([rest.size, numbers[:, 0, 2]]),
        np.concatenate([rest.mean, numbers[..., 0]]),
        np.concatenate([rest.std, numbers[..., 1]]),
        np.concatenate([rest.low, none]),
        np.concatenate([rest.high, -none]),
    ).part(order)


def with_known_pairs(
    overlaps: Overlaps, names: Sequence[str], whole: Whole, known: Adjustments, *, believed: bool
) -> Overlaps:
    """Return the sums of pairs with those that are known already, each as a single cell.

    `names` are the images that the pairs of `overlaps` mean, `whole` those that the result means.
    `believed` takes what was believed of an overlap instead of all its pixels.
    """
    at = {name: index for index, name in enumerate(whole.names)}
    pairs = np.array([[at[names[end]] for end in pair] for pair in overlaps.pairs], int)
    found = replace(overlaps, pairs=pairs.reshape(-1, 2))
    ready = {tuple(pair) for pair in found.pairs.tolist()}
    blocks = []
    for image in known.images:
        for other, bands in image.overlaps:
            ends = (at.get(image.name, -1), at.get(other, -1))
            back = known.find(other)
            if min(ends) < 0 or ends[0] >= ends[1] or ends in ready or back is None:
                continue
            sides = ((image, other), (back, image.name))
            both = tuple(one.overlap(name, believed=believed) for one, name in sides)
            if bands and bands[0].size > 0 and all(len(one) == len(bands) for one in both):
                blocks.append((ends, _cell(bands[0].size, both, overlaps.center)))
    return _joined(found, blocks) if blocks else found


def kept_of(whole: Whole, known: Adjustments) -> Kept:
    """Return the gains and offsets of the images that a model holds, as those that are kept."""
    kept = Kept.nothing(whole.mean)
    for at, name in enumerate(whole.names):
        image = known.find(name)
        if image is not None:
            kept.images[at] = True
            kept.gains[at], kept.offsets[at] = image.gains, image.offsets
    return kept


def _shared(
    whole: Whole, overlaps: Overlaps, moments: Moments
) -> list[dict[str, tuple[BandStatistics, ...]]]:
    """The statistics of each image over the pixels it shares with each other one."""
    mean = moments.mean + overlaps.center[:, None]
    shared: list[dict[str, tuple[BandStatistics, ...]]] = [{} for _ in whole.names]
    for pair, ends in enumerate(overlaps.pairs):
        for side, (image, other) in enumerate((ends, ends[::-1])):
            numbers = zip(mean[side, :, pair], moments.std[side, :, pair], moments.count[:, pair])
            shared[image][whole.names[other]] = tuple(_band(*n) for n in numbers)
    return shared


def _band(mean: float, std: float, size: float) -> BandStatistics:
    whole = float(size).is_integer()
    return BandStatistics(float(mean), float(std), int(size) if whole else float(size))


def _cell(
    size: float, both: tuple[tuple[BandStatistics, ...], ...], center: Array
) -> tuple[float, Array, Array]:
    """Count, sums[side, band] and sums of squares about the center."""
    mean = np.array([[band.mean for band in bands] for bands in both]) - center
    std = np.array([[band.std for band in bands] for bands in both])
    return size, size * mean, size * (std**2 + mean**2)


def _joined(
    overlaps: Overlaps, blocks: list[tuple[tuple[int, int], tuple[float, Array, Array]]]
) -> Overlaps:
    """Pairs of several cells and pairs of one, sorted by their images."""
    ends = np.append(overlaps.starts[1:], len(overlaps.count))
    cells = [np.arange(a, b) for a, b in zip(overlaps.starts, ends)]
    cells += [np.array([len(overlaps.count) + index]) for index in range(len(blocks))]
    pairs = np.concatenate([overlaps.pairs, np.array([b[0] for b in blocks], int).reshape(-1, 2)])
    order = np.lexsort(pairs.T[::-1])
    lengths = np.array([len(cells[at]) for at in order], int)
    chosen = np.concatenate([np.empty(0, int), *(cells[at] for at in order)])
    count = np.append(overlaps.count, [cell[0] for _, cell in blocks])
    total, square = (
        np.concatenate([old, np.stack([cell[at] for _, cell in blocks], -1)], -1)
        for at, old in ((1, overlaps.total), (2, overlaps.square))
    )
    unknown = np.full((len(blocks), len(overlaps.center)), np.nan)
    return replace(
        overlaps,
        pairs=pairs[order],
        starts=np.cumsum(lengths) - lengths,
        count=count[chosen],
        total=total[..., chosen],
        square=square[..., chosen],
        correlation=np.concatenate([overlaps.correlation, unknown])[order],
        places=np.zeros((2, 0), int),
    )
