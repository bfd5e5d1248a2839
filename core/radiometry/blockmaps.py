# SPDX-License-Identifier: GPL-2.0-or-later
"""Maps of blocks: what images show on average in each block, and what they should show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InvalidOption
from ..grid import Grid
from ..image import Array
from ..windows import Window

WIDENED = 0.05
"""Part of the range of values by which gamma's limits reach beyond it."""

EDGE = 1e-6
"""Gamma bends values this far inside its limits; beyond, they are shifted."""

MOST_BLOCKS = 4_000_000
NEIGHBORS = ((0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))


@dataclass(frozen=True)
class LocalMap:
    """What an image shows: values[band, row, col] of the blocks in a window, NaN for none."""

    name: str
    window: Window
    values: Array


@dataclass(frozen=True)
class BlockMaps:
    """A reference map and the local maps of images that are brought to it.

    `grid` has one pixel per block; `reference`[band, row, col] is NaN where it says nothing. `low`
    and `high` are the limits of gamma per band; `methods` has one of METHODS per band. `limited`
    counts the factors that were cut to the largest change, `left` the blocks where images differ
    too much to be compared.
    """

    grid: Grid
    reference: Array
    local: tuple[LocalMap, ...]
    methods: tuple[str, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    target: str = "balanced"
    limited: int = 0
    left: int = 0

    def of(self, name: str) -> LocalMap:
        """Return the local map of an image; raises InvalidOption when there is none."""
        for local in self.local:
            if local.name == name:
                return local
        raise InvalidOption(f"The block maps have no local map for {name}.")


@dataclass(frozen=True)
class Correction:
    """What an image's values are corrected by, block by block; for the blocks of a window.

    `factor`[band, row, col] multiplies (linear), is added (offset) or is the exponent (gamma), and
    `shift` is added where gamma cannot bend; NaN where nothing is known.
    """

    grid: Grid
    window: Window
    methods: tuple[str, ...]
    factor: Array
    shift: Array
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    limited: int = 0

    def relative(self, local: Array) -> Array:
        """Return by what part of themselves the block means `local`[band, row, col] change."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.shift / np.abs(local))


def correction_of(maps: BlockMaps, local: LocalMap, max_change: float) -> Correction:
    """Return the correction that brings an image with this local map to the reference."""
    target = maps.reference[local.window.banded(maps.grid.window)]
    factor, shift = np.empty_like(target), target - local.values
    limited = 0
    for band, method in enumerate(maps.methods):
        if method == "offset":
            factor[band] = shift[band]
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = target[band] / local.values[band]
            # a ratio of values around 0 says nothing
            ratio[(target[band] <= 0) | (local.values[band] <= 0)] = np.nan
            kept = np.clip(ratio, 1 / max_change, max_change)
        limited += int(np.count_nonzero(kept != ratio) - np.count_nonzero(np.isnan(ratio)))
        factor[band] = kept
        shift[band] = target[band] - target[band] / kept
        if method == "gamma":
            limits = maps.low[band], maps.high[band]
            factor[band] = _exponent(target[band], target[band] / kept, *limits)
    return Correction(
        maps.grid, local.window, maps.methods, factor, shift, maps.low, maps.high, limited
    )


def gamma_limits(low: Array, high: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the limits of gamma for values between low and high[band]."""
    low, high = (np.where(np.isfinite(end), end, 0.0) for end in (low, high))
    reach = WIDENED * (high - low)
    return tuple(map(float, low - reach)), tuple(map(float, high + reach))


def spread_out(values: Array, allowed: Array) -> Array:
    """Return values[band, row, col] with one ring of neighbors where they are NaN and allowed.

    A block takes the value of the nearest block that has one, edges before corners.
    """
    rows, cols = values.shape[1:]
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    out = values.copy()
    for row, col in NEIGHBORS:
        beside = padded[:, 1 + row : 1 + row + rows, 1 + col : 1 + col + cols]
        empty = np.isnan(out) & allowed
        out[empty] = beside[empty]
    return out


def mean_reference(local: Sequence[LocalMap], shape: tuple[int, int, int], place: Window) -> Array:
    """Return the mean of local maps, block by block, without weights; NaN where there is none."""
    total, count = np.zeros(shape), np.zeros(shape)
    for one in local:
        known = np.isfinite(one.values)
        at = one.window.banded(place)
        total[at] += np.where(known, one.values, 0.0)
        count[at] += known
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / count)


def block_layout(rows: int, cols: int) -> tuple[int, int]:
    """Return rows and columns when they are not too many.

    Raises InvalidOption beyond 4 million blocks.
    """
    if rows * cols > MOST_BLOCKS:
        raise InvalidOption(
            f"Blocks: {rows} × {cols} are more than {MOST_BLOCKS:,}. Give fewer blocks."
        )
    return rows, cols


def variation_blocks(mean: float, std: float) -> tuple[int, int]:
    """Return spectralmatch's (rows, columns) for images of this mean and spread."""
    side = max(1, round(10 * (std / mean) / (45 / 125))) if mean > 0 else 1
    return side, side


def _exponent(target: Array, local: Array, low: float, high: float) -> Array:
    span = high - low
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = [np.clip((z - low) / span, EDGE, 1 - EDGE) for z in (target, local)]
        return np.asarray(np.log(ends[0]) / np.log(ends[1]))
