# SPDX-License-Identifier: GPL-2.0-or-later
"""How alike pairs of chips are: zero-mean correlation and mutual information of raw values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..image import Array, Mask
from .keypoints import Column

CORRELATED, COMPARED = 43, 57
"""Sides of the chips that are correlated, and whose mutual information is computed, px."""

BINS = 32
ENOUGH = 0.6
"""Share of a chip that must be valid in both images."""

FLAT = 1e-6
"""Spread relative to the largest value below which a chip is flat: what float32 leaves."""

_EDGE = (COMPARED - CORRELATED) // 2


@dataclass(frozen=True)
class Similarity:
    """Scores of pairs of chips; NaN where a chip is flat or holds too few valid pixels.

    `zncc`: -1 to 1; `mutual_info`: (H(A) + H(B)) / H(A, B), 1 to 2; `mi`: 2 (H(A) + H(B) - H(A, B))
    / (H(A) + H(B)), 0 to 1.
    """

    zncc: Column
    mutual_info: Column
    mi: Column


def similarity(a: Array, b: Array, valid: Mask | None = None) -> Similarity:
    """Return the scores of chips a, b[chip, 57, 57]; `valid` in both, None = everywhere.

    The correlation is that of the inner 43 x 43 pixels.
    """
    scores = np.full((3, len(a)), np.nan)
    whole = np.ones(len(a), bool) if valid is None else valid.all((1, 2))
    for chips, mask in ((whole, None), (~whole, valid)):
        if not chips.any():
            continue
        every = bool(chips.all())
        one, other = (a, b) if every else (a[chips], b[chips])
        seen = mask if every or mask is None else mask[chips]
        scores[:, chips] = (_correlation(one, other, seen), *_information(one, other, seen))
    return Similarity(*scores)


def _correlation(a: Array, b: Array, valid: Mask | None) -> Column:
    inner = slice(_EDGE, _EDGE + CORRELATED)
    flat = [chips[:, inner, inner].reshape(len(chips), -1) for chips in (a, b)]
    if valid is None:
        weight, count = None, np.full(len(a), float(flat[0].shape[1]))
    else:
        weight = valid[:, inner, inner].reshape(len(a), -1)
        count = weight.sum(1).astype(float)
    centered = [_centered(values, weight, count) for values in flat]
    spread = [np.einsum("ij,ij->i", values, values).astype(float) for values in centered]
    product = np.einsum("ij,ij->i", *centered).astype(float)
    level = [np.abs(values).max(1) * FLAT for values in flat]
    textured = count >= ENOUGH * flat[0].shape[1]
    for energy, least in zip(spread, level):
        textured &= energy > least.astype(float) ** 2 * count
    return np.where(
        textured, product / np.sqrt(np.where(textured, spread[0] * spread[1], 1)), np.nan
    )


def _centered(values: Array, weight: Mask | None, count: Column) -> Array:
    """Values[chip, pixel] minus their mean, 0 where not valid."""
    if weight is None:
        return np.asarray(values - values.mean(1, keepdims=True))
    kept = np.where(weight, values, values.dtype.type(0))
    mean = (kept.sum(1) / np.maximum(count, 1)).astype(values.dtype)
    return np.where(weight, values - mean[:, None], values.dtype.type(0))


def _information(a: Array, b: Array, valid: Mask | None) -> tuple[Column, Column]:
    """Both scores from the joint histogram of each pair, all counted at once."""
    n = len(a)
    cells = _binned(a, valid)
    cells *= BINS
    cells += _binned(b, valid)
    index = cells + np.arange(n)[:, None, None] * BINS**2
    if valid is not None:
        index[~valid] = n * BINS**2
    counts = np.bincount(index.ravel(), minlength=n * BINS**2 + 1)[:-1].reshape(n, BINS, BINS)
    total = counts.sum((1, 2))
    own = _entropy(counts.sum(2), total) + _entropy(counts.sum(1), total)
    joint = _entropy(counts.reshape(n, -1), total)
    known = (joint > 0) & (total >= ENOUGH * COMPARED**2)
    joint, own = np.where(known, joint, 1), np.where(known, own, 1)
    scores = (own / joint, 2 * (own - joint) / own)
    return np.where(known, scores[0], np.nan), np.where(known, scores[1], np.nan)


def _binned(chips: Array, valid: Mask | None) -> Array:
    """Bins 0 to 31 between each chip's smallest and largest valid value; the last one closed."""
    low, high = (
        getattr(chips, end)(
            (1, 2), keepdims=True, **({} if valid is None else {"where": valid, "initial": start})
        )
        for end, start in (("min", np.inf), ("max", -np.inf))
    )
    step = (high - low) / chips.dtype.type(BINS)
    used = np.isfinite(step) & (step > FLAT * np.maximum(abs(low), abs(high)) / BINS)
    place = chips - np.where(used, low, 0)
    place /= np.where(used, step, np.inf)
    if valid is not None:
        place[~valid] = 0
    return np.asarray(np.minimum(place.astype(np.int32), BINS - 1))


_TERMS = np.arange(COMPARED**2 + 1) * np.log(np.maximum(1, np.arange(COMPARED**2 + 1)))
"""c log c for every count a chip can have."""


def _entropy(counts: Array, total: Array) -> Column:
    """Entropy in nats of counts[chip, bin]."""
    size = np.maximum(1, total)
    return np.asarray(np.maximum(0.0, np.log(size) - _TERMS[counts].sum(1) / size))
