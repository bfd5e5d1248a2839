# SPDX-License-Identifier: GPL-2.0-or-later
"""Yearly curves through the clear dates of pixels: a constant and a few waves, least squares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..image import Array, Mask

YEAR = 365.25
SINGULAR = 1e-10
"""Directions with a share of the largest eigenvalue below this are not determined by the dates."""


def waves(days: Sequence[int], harmonics: int) -> Array:
    """Return basis[day, term]: 1, then cosine and sine of each harmonic of the year."""
    turns = 2 * np.pi / YEAR * np.asarray(days, np.float64)
    terms = [np.ones(len(turns))]
    for number in range(1, harmonics + 1):
        terms += [np.cos(number * turns), np.sin(number * turns)]
    return np.stack(terms, 1)


def fitted(values: Array, clear: Mask, basis: Array) -> Array:
    """Return coefficients[term, band, pixel] of curves through values[date, band, pixel].

    Only clear[date, pixel] dates count. What they do not determine is the smallest possible.
    """
    weights = clear.astype(np.float64)
    pairs = basis[:, :, None] * basis[:, None, :]
    normal = np.einsum("dn,dij->nij", weights, pairs)
    right = np.einsum("dbn,dn,di->nib", values.astype(np.float64), weights, basis)
    inverse = np.linalg.pinv(normal, rcond=SINGULAR, hermitian=True)
    return np.asarray(np.einsum("nij,njb->ibn", inverse, right))


def curve(coefficients: Array, terms: Array) -> Array:
    """Return the values[band, pixel] of curves where the basis has these terms."""
    return np.asarray(np.einsum("ibn,i->bn", coefficients, terms))
