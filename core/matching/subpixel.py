# SPDX-License-Identifier: GPL-2.0-or-later
"""Displacements to a few hundredths of a pixel, with their standard deviation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .smoothing import (
    NO_WEIGHT,
    PHASE,
    REACH,
    Floats,
    Mask,
    Origin,
    box_reach,
    box_sum,
    gradient,
    inner,
    reduced,
)

Column = NDArray[np.float64]
Table = NDArray[np.float64]

SUPPORTS = (8.0, 12.0, 16.0, 24.0)
"""Sigmas of the measuring window that can be chosen, px."""

FIRST_SUPPORT = 12.0
"""Sigma with which the sample blocks are measured before the image's own is chosen."""

SMALLEST_SIGMA = 0.005
"""Standard deviation below which no axis of a point is believed, px."""

NO_SCORE = 0.5
"""Standard deviation of a point at which its score is 0, px."""

LEAST_TEXTURE = 1e-3
"""Smallest ratio of the gradients' energy along and across edges."""

CLEAR = 4.0
"""Standard deviations by which texture must exceed what noise makes look like it."""

TINY = 1e-20

LAGS = 8
"""Largest lag of the autocorrelations, px."""


def margin(support: float) -> int:
    """Return how many pixels of f `measure` looks around a point."""
    return REACH + PHASE * (box_reach(support / PHASE) + 2)


@dataclass(frozen=True)
class Compared:
    """What both images show in a window of the working grid.

    `reference, moving`: band-pass f, float32 [h, w], the moving one sampled at p + applied;
    `valid`: bool, both are; `applied`: (dx, dy) of the sampling, px, numbers or means over the
    blocks of `reduced`; `origin`: column and row of the first pixel, of which only the phase
    within PHASE counts.
    """

    reference: Floats
    moving: Floats
    valid: Mask
    applied: tuple[Floats | float, Floats | float] = (0.0, 0.0)
    origin: Origin = (0, 0)


@dataclass(frozen=True)
class Measurement:
    """Displacements of points: total (dx, dy), what the last step added, standard deviations.

    All px. dx, dy, residual are NaN and the standard deviations infinite where nothing can be
    measured: no valid pixel, no texture.
    """

    dx: Column
    dy: Column
    residual: Column
    sigma_x: Column
    sigma_y: Column

    @property
    def sigma(self) -> Column:
        """Standard deviation of both axes together."""
        return np.hypot(self.sigma_x, self.sigma_y)


def measure(
    compared: Compared, x: Column, y: Column, *, support: float, correlation: float = 1.0
) -> Measurement:
    """Return the displacements at positions x, y of the arrays, px.

    One step of least squares on the gradient of the mean of both images, in a window of sigma
    `support` px. Noise of the two images adds to the squares of that gradient, not to products
    of one image's gradient with the other's: these say how much t changes with a displacement.
    `correlation`: `correlation_count` of the image. Points lie `margin(support)` px inside the
    array, or at the image's own border.
    """
    means = _Means.of(compared, x, y, support)
    pixels = np.maximum(4 * np.pi * support**2 * means.share / correlation, 1.0)
    inverse = _inverse(means, pixels)
    with np.errstate(invalid="ignore"):
        (ix, iy), (jx, jy) = inverse
        ex, ey = -(ix * means.xt + iy * means.yt), -(jx * means.xt + jy * means.yt)
        left = np.maximum(0.0, means.tt - _least(means)) / pixels
        sigma_x, sigma_y = (
            np.maximum(SMALLEST_SIGMA, np.sqrt(left * _squared(means, row))) for row in inverse
        )
    known = np.isfinite(ex) & np.isfinite(ey)
    return Measurement(
        means.applied_x + ex,
        means.applied_y + ey,
        np.hypot(ex, ey),
        np.where(known, sigma_x, np.inf),
        np.where(known, sigma_y, np.inf),
    )


def _inverse(means: _Means, pixels: Column) -> tuple[tuple[Column, Column], tuple[Column, Column]]:
    """Return the inverse of the gradients' products across images; NaN without texture.

    Its smaller eigenvalue must stand out of what noise makes of it.
    """
    xx, xy, yy = means.xx - means.xx_noise, means.xy - means.xy_noise, means.yy - means.yy_noise
    half = (xx + yy) / 2
    smaller = half - np.hypot((xx - yy) / 2, xy)
    noise = (means.xx_noise + means.yy_noise) / np.sqrt(pixels)
    textured = smaller > np.maximum(LEAST_TEXTURE * half + CLEAR * noise, TINY)
    det = np.where(textured, xx * yy - xy * xy, np.nan)
    return ((yy / det, -xy / det), (-xy / det, xx / det))


def _least(means: _Means) -> Column:
    """Return how much of the squared difference any displacement could explain."""
    det = np.maximum(means.xx * means.yy - means.xy * means.xy, TINY)
    along = means.yy * means.xt**2 - 2 * means.xy * means.xt * means.yt + means.xx * means.yt**2
    return np.asarray(along / det, np.float64)


def _squared(means: _Means, row: tuple[Column, Column]) -> Column:
    """Return row A row', A being the products of the mean gradient."""
    a, b = row
    total: Column = a * a * means.xx + 2 * a * b * means.xy + b * b * means.yy
    return np.maximum(total, 0.0)


def correlation_count(blocks: Sequence[Compared]) -> float:
    """Return how many pixels vary together: 1 when the remaining difference is white.

    Sum over lags up to 8 px of the autocorrelations of the difference that is left in each block
    after its own shift, times those of the gradients.
    """
    parts = [_lagged_products(block) for block in blocks if block.valid.any()]
    if not parts:
        return 1.0
    left, along_x, along_y = np.sum(parts, axis=0)
    zero = (LAGS, LAGS)
    if not (left[zero] > 0 and along_x[zero] > 0 and along_y[zero] > 0):
        return 1.0
    edges = along_x / along_x[zero] + along_y / along_y[zero]
    return max(1.0, float((left / left[zero] * edges / 2).sum()))


@dataclass(frozen=True)
class _Means:
    """Means over the measuring windows of points.

    Products of the mean gradient (x, y) and the difference t; `_noise`: those of half the
    difference of the two gradients; the displacement applied; `share`: that is valid.
    """

    share: Column
    xx: Column
    xy: Column
    yy: Column
    xt: Column
    yt: Column
    tt: Column
    xx_noise: Column
    xy_noise: Column
    yy_noise: Column
    applied_x: Column
    applied_y: Column

    @classmethod
    def of(cls, compared: Compared, x: Column, y: Column, support: float) -> _Means:
        place = _Place.of(x, y, compared.origin)
        product = np.empty(compared.valid.shape, np.float32)

        def mean(blocks: Floats) -> Column:
            return place.read(box_sum(blocks, support / PHASE))

        def total(one: Floats, other: Floats) -> Column:
            return mean(reduced(np.multiply(one, other, out=product), compared.origin))

        weight = reduced(_weight(compared.valid), compared.origin)
        share = mean(weight)
        whole = np.maximum(share, NO_WEIGHT)
        t, gx, gy, hx, hy = (_weighted(part, compared.valid) for part in _differences(compared))
        pairs = ((gx, gx), (gx, gy), (gy, gy), (gx, t), (gy, t), (t, t))
        noise = ((hx, hx), (hx, hy), (hy, hy))
        means = [total(*pair) / whole for pair in (*pairs, *noise)]
        for applied in compared.applied:
            full = np.asarray(applied, np.float32)
            means.append(mean(full * weight) / whole if full.ndim else np.full(len(x), float(full)))
        return cls(share, *means)


def _weight(valid: Mask) -> Floats:
    """Return 1 where a pixel and those that its derivatives touch are valid, else 0."""
    if not valid.all():
        return inner(valid).astype(np.float32)
    return _weighted(np.ones(valid.shape, np.float32), valid)


def _weighted(values: Floats, valid: Mask) -> Floats:
    """Make values 0, in place, where derivatives touch invalid pixels; beyond the array is such."""
    if not valid.all():
        values *= inner(valid)
        return values
    for edge in (slice(None, REACH), slice(-REACH, None)):
        values[edge] = 0
        values[:, edge] = 0
    return values


@dataclass(frozen=True)
class _Place:
    """Where points lie among the block centers of `reduced`: column and row, from 0."""

    col: Column
    row: Column

    @classmethod
    def of(cls, x: Column, y: Column, origin: Origin) -> _Place:
        left, top = origin[0] % PHASE, origin[1] % PHASE
        return cls((x + left + 0.5) / PHASE - 0.5, (y + top + 0.5) / PHASE - 0.5)

    def read(self, values: Floats) -> Column:
        """Return values at the points, bilinear, the border held."""
        parts = []
        for at, size in ((self.row, values.shape[0]), (self.col, values.shape[1])):
            at = np.clip(at, 0, size - 1)
            first = np.minimum(at.astype(np.int64), max(0, size - 2))
            parts.append((first, np.minimum(first + 1, size - 1), at - first))
        (row, below, down), (col, right, across) = parts
        upper = values[row, col] * (1 - across) + values[row, right] * across
        lower = values[below, col] * (1 - across) + values[below, right] * across
        return np.asarray(upper * (1 - down) + lower * down)


def _differences(compared: Compared) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return t = moving - reference, the gradient of their mean, that of half of t."""
    half = np.float32(0.5)
    t = compared.moving - compared.reference
    gx, gy = gradient((compared.reference + compared.moving) * half)
    hx, hy = gradient(t * half)
    return t, gx, gy, hx, hy


def _lagged_products(block: Compared) -> tuple[Table, Table, Table]:
    """Return the mean products at all lags of what is left of t, and of both gradients."""
    t, gx, gy = (part.astype(np.float64) for part in _differences(block)[:3])
    known = inner(block.valid)
    known[[0, 1, -2, -1]] = False
    known[:, [0, 1, -2, -1]] = False
    t, gx, gy = t * known, gx * known, gy * known
    xx, xy, yy = (gx * gx).sum(), (gx * gy).sum(), (gy * gy).sum()
    xt, yt, det = (gx * t).sum(), (gy * t).sum(), xx * yy - xy * xy
    if det > 0:
        t += gx * ((xy * yt - yy * xt) / det) + gy * ((xy * xt - xx * yt) / det)
    pairs = np.maximum(_autocorrelated(known.astype(np.float64)), 0.5)
    left, along_x, along_y = (_autocorrelated(part) / pairs for part in (t, gx, gy))
    return left, along_x, along_y


def _autocorrelated(values: Table) -> Table:
    """Return sums of products at lags -LAGS to LAGS along y and x."""
    shape = tuple(size + LAGS for size in values.shape)
    power = np.abs(np.fft.rfft2(values, shape)) ** 2
    sums = np.fft.irfft2(power, shape)
    lags = np.arange(-LAGS, LAGS + 1)
    return np.asarray(sums[np.ix_(lags, lags)])


def support_for(sigma: float) -> float:
    """Return the sigma of the measuring window that suits a median sigma measured with 12 px."""
    if sigma > 0.15:
        return 24.0
    if sigma > 0.06:
        return 16.0
    return 8.0 if sigma < 0.02 else 12.0


def score_of(sigma: Column) -> Column:
    """Return 1 for a standard deviation of 0, 0.4 for 0.3 px, 0 from 0.5 px on."""
    return np.maximum(0.0, 1.0 - sigma / NO_SCORE)
