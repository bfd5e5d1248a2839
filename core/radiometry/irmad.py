# SPDX-License-Identifier: GPL-2.0-or-later
"""Which pixels of two images did not change, whatever gain and offset lies between them.

The iteratively re-weighted multivariate alteration detection of Canty & Nielsen 2008,
doi:10.1016/j.rse.2007.07.013.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import NoSolution
from ..image import Array
from .chances import chi_square_tail

ROUNDS = 50
SETTLED = 1e-3
RIDGE = 1e-6
"""Part of the trace added to the diagonal of covariances, so that equal bands can be inverted."""

LEAST_VARIANCE = 1e-12
PIECE = 1 << 16
"""Pixels summed at once."""


@dataclass(frozen=True)
class Alteration:
    """Turns pixels into differences that have nothing in common, and says what chance is of them.

    Values are standardized by `means` and `scales` [2 · band]; `directions`[variate, 2 · band]
    are those of the image and, with a minus, of the reference; `variances`[variate] what the
    differences spread without change; `rounds` how often weights were renewed.
    """

    means: Array
    scales: Array
    directions: Array
    variances: Array
    correlations: Array
    rounds: int

    def no_change(self, x: Array, r: Array) -> Array:
        """Return the chance of no change, 0-1, for x[band, …] and r[band, …]."""
        shape = x.shape[1:]
        total = np.zeros(shape)
        for direction, variance in zip(self.directions, self.variances):
            variate = np.zeros(shape)
            for at, values in enumerate((*x, *r)):
                variate += direction[at] * ((values - self.means[at]) / self.scales[at])
            total += variate**2 / variance
        return chi_square_tail(total, len(self.variances))


def alteration(x: Array, r: Array) -> Alteration:
    """Return how pixels x[band, sample] of an image and r of a reference changed.

    Raises NoSolution when a band has no contrast.
    """
    bands = len(x)
    means = np.array([values.mean(dtype=np.float64) for values in (*x, *r)])
    scales = np.array([values.std(dtype=np.float64) for values in (*x, *r)])
    if not (scales > 1e-9 * np.maximum(np.abs(means), 1e-99)).all():
        flat = int(np.argmin(scales)) % bands + 1
        raise NoSolution(f"Band {flat} has no contrast where the images overlap.")
    both = np.concatenate([x, r])
    weights = np.ones(x.shape[1])
    before = np.zeros(bands)
    for rounds in range(1, ROUNDS + 1):
        center, covariance = _moments(both, weights, means, scales)
        directions, correlations = _canonical(covariance, bands)
        found = Alteration(
            means + center * scales,
            scales,
            directions,
            np.maximum(2 * (1 - correlations), LEAST_VARIANCE),
            correlations,
            rounds,
        )
        if np.abs(correlations - before).max() < SETTLED:
            break
        before = correlations
        for start in range(0, len(weights), PIECE):
            part = slice(start, start + PIECE)
            weights[part] = found.no_change(x[:, part], r[:, part])
        if not weights.sum() > 2 * bands:
            raise NoSolution("No pixels are left that could be unchanged.")
    return found


def _moments(both: Array, weights: Array, means: Array, scales: Array) -> tuple[Array, Array]:
    """Weighted mean and covariance of standardized values, summed piece by piece."""
    size = len(both)
    total, square = np.zeros(size), np.zeros((size, size))
    for start in range(0, len(weights), PIECE):
        part = slice(start, start + PIECE)
        values = (both[:, part] - means[:, None]) / scales[:, None]
        weighted = values * weights[part]
        total += weighted.sum(1)
        square += weighted @ values.T
    count = weights.sum()
    mean = total / count
    return mean, square / count - np.outer(mean, mean)


def _canonical(covariance: Array, bands: int) -> tuple[Array, Array]:
    """Directions of image and (negative) reference of unit variance, most alike; correlations."""
    blocks = [covariance[:bands, :bands], covariance[bands:, bands:]]
    try:
        roots = [np.linalg.cholesky(b + RIDGE * np.trace(b) * np.eye(bands)) for b in blocks]
    except np.linalg.LinAlgError as error:
        raise NoSolution("No pixels with contrast are left that could be unchanged.") from error
    whitened = np.linalg.solve(roots[0], covariance[:bands, bands:])
    whitened = np.linalg.solve(roots[1], whitened.T).T
    left, correlations, right = np.linalg.svd(whitened)
    first = np.linalg.solve(roots[0].T, left).T
    second = np.linalg.solve(roots[1].T, right.T).T
    return np.concatenate([first, -second], axis=1), np.minimum(correlations, 1.0)
