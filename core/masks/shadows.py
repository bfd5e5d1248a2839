# SPDX-License-Identifier: GPL-2.0-or-later
"""Shadows of clouds: dark ground, where the clouds lie when they are moved away from the sun."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..image import Array, Mask
from ..windows import Window, tiling
from .objects import grown

FARTHEST = 200
"""How far a shadow lies from its cloud at most, px."""

NEIGHBORHOOD = 40
"""Half the side of the squares, px, whose share of dark ground a shadow must exceed."""

APART, DISTINCT = 25, 1.5
"""The best move must be so many times as good as the best one farther than so many px from it."""

LEAST = 0.25
"""Share of the ground under moved clouds that must be dark."""

TILE = 768
"""Clouds are moved in parts of so many px, which keeps memory small."""

SWEEPS = 200
"""How often depressions are filled from four sides at most."""


@dataclass(frozen=True)
class ShadowSearch:
    """Where shadows lie: the direction (cols, rows) of their clouds' move, None for any.

    A pixel is dark when it lies deeper than `depth` below its surroundings; with None, than a
    quarter of the median. The move is taken when more than LEAST of the ground under the moved
    clouds is dark.
    """

    direction: tuple[float, float] | None = None
    depth: float | None = 0.04
    buffer: int = 4


def shadows(dark_band: Array, ground: Mask, clouds: Mask, search: ShadowSearch) -> Mask:
    """Return the shadows[row, col] of clouds on ground."""
    nothing = np.zeros(clouds.shape, bool)
    ground = ground & ~clouds
    if not clouds.any() or not ground.any():
        return nothing
    depth = 0.25 * float(np.median(dark_band[ground]))
    if search.depth is not None:
        depth = min(depth, search.depth)
    level = float(np.percentile(dark_band[ground], 17.5))
    band = np.where(ground | clouds, dark_band, level).astype(np.float32)
    candidates = ground & (filled(band, level) - band > depth)
    move = best_move(candidates, ground, clouds, search)
    if move is None:
        return nothing
    under = grown(moved(clouds, *move), 3)
    return np.asarray(grown(candidates & under, search.buffer) & under & ground)


def filled(band: Array, level: float) -> Array:
    """Return band[row, col] with its depressions filled up to where they would run over.

    Beyond the frame lies ground of a level. (Soille: Morphological Image Analysis, 2003,
    reconstruction by erosion; here by sweeps from four sides.)
    """
    floor = np.pad(band, 1, constant_values=level)
    water = np.full(floor.shape, np.inf, band.dtype)
    water[[0, -1]], water[:, [0, -1]] = floor[[0, -1]], floor[:, [0, -1]]
    for _ in range(SWEEPS):
        before = water.copy()
        water = _swept(floor, water)
        water = _swept(floor.T.copy(), water.T.copy()).T.copy()
        if np.array_equal(before, water):
            break
    return np.asarray(water[1:-1, 1:-1])


def _swept(floor: Array, water: Array) -> Array:
    """Let water run off downward and upward, row after row."""
    for rows in (range(1, len(floor)), range(len(floor) - 2, -1, -1)):
        step = rows.step
        for row in rows:
            lower = np.minimum(water[row], water[row - step])
            np.maximum(floor[row], lower, out=water[row])
    return water


def best_move(
    candidates: Mask, ground: Mask, clouds: Mask, search: ShadowSearch
) -> tuple[int, int] | None:
    """Return the move (cols, rows) that brings clouds onto the largest share of candidates.

    Only moves that leave at least 15 % of the clouds on ground count, and candidates by what their
    share exceeds that of their surroundings. None when the share is small or, among all
    directions, another move is nearly as good.
    """
    excess = np.where(ground, candidates - _around(candidates, ground), 0)
    hits, seen, peaks = _correlated([candidates, ground, excess], clouds)
    span = np.arange(-FARTHEST, FARTHEST + 1)
    rows, cols = np.meshgrid(span, span, indexing="ij")
    far = np.hypot(rows, cols)
    allowed = (far >= 1) & (far <= FARTHEST) & (seen >= 0.15 * np.count_nonzero(clouds))
    if search.direction is not None:
        col, row = np.divide(search.direction, math.hypot(*search.direction))
        # within a pixel of the line
        allowed &= (cols * col + rows * row > 0) & (np.abs(cols * row - rows * col) <= 1)
    # a share of few pixels says less
    score = np.where(allowed, peaks / np.maximum(seen, 1), -1.0)
    best = int(np.argmax(np.where(allowed, peaks / np.sqrt(np.maximum(seen, 1)), -np.inf)))
    move = int(cols.flat[best]), int(rows.flat[best])
    if hits.flat[best] <= LEAST * seen.flat[best]:
        return None
    other = score * np.sqrt(np.minimum(1, np.maximum(seen, 0) / seen.flat[best]))
    elsewhere = other[np.hypot(cols - move[0], rows - move[1]) > APART]
    if search.direction is None and score.flat[best] < DISTINCT * elsewhere.max():
        return None
    return move


def _around(mask: Mask, ground: Mask) -> Array:
    """Share of the ground within NEIGHBORHOOD rows and columns where a mask is set."""
    share = _boxed(mask & ground).astype(np.float32)
    share /= np.maximum(_boxed(ground), 1)
    return share


def _boxed(mask: Mask) -> Array:
    """How many pixels of a mask lie within NEIGHBORHOOD rows and columns."""
    reach = NEIGHBORHOOD
    sums = np.pad(mask.astype(np.int32), ((reach + 1, reach), (reach + 1, reach)))
    sums = sums.cumsum(0, np.int32).cumsum(1, np.int32)
    span = 2 * reach + 1
    return np.asarray(
        sums[span:, span:] - sums[:-span, span:] - sums[span:, :-span] + sums[:-span, :-span]
    )


def _correlated(fields: list[Array], clouds: Mask) -> list[Array]:
    """How many pixels of each field lie under the clouds, for each move [rows, cols]."""
    frame = Window(0, 0, clouds.shape[1], clouds.shape[0])
    found = [np.zeros((2 * FARTHEST + 1, 2 * FARTHEST + 1)) for _ in fields]
    for part in tiling(frame, TILE, TILE):
        tile = clouds[part.slices]
        if not tile.any():
            continue
        around = part.padded(FARTHEST)
        size = [_smooth(length) for length in around.shape]
        moving = np.conj(np.fft.rfft2(tile, size))
        reach = around.clipped(frame)
        for field, sums in zip(fields, found):
            seen = np.zeros(around.shape, np.float32)
            seen[reach.within(around)] = field[reach.slices]
            whole = np.fft.irfft2(np.fft.rfft2(seen, size) * moving, size)
            sums += whole[: len(sums), : len(sums)]
    return found


def _smooth(length: int) -> int:
    """The next length with small factors only, which is fast to transform."""
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1


def moved(mask: Mask, cols: int, rows: int) -> Mask:
    """Return a mask moved by whole pixels."""
    found = np.zeros(mask.shape, bool)
    height, width = mask.shape
    into = (slice(max(0, rows), height + min(0, rows)), slice(max(0, cols), width + min(0, cols)))
    out = (slice(max(0, -rows), height - max(0, rows)), slice(max(0, -cols), width - max(0, cols)))
    found[into] = mask[out]
    return found
