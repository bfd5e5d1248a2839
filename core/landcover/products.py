# SPDX-License-Identifier: GPL-2.0-or-later
"""Small linear algebra on columns of pixels whose results do not depend on their neighbors."""

from __future__ import annotations

import numpy as np

from ..image import Array

LANES = 64
"""Pixels are filled up to a multiple of this, so that each takes the same path in numpy."""


def filled_up(columns: Array) -> Array:
    """Return columns[row, pixel] with zeros behind, up to a whole number of lanes."""
    rows, count = columns.shape
    missing = -count % LANES
    if not missing and columns.flags.c_contiguous:
        return columns
    room = np.zeros((rows, count + missing), columns.dtype)
    room[:, :count] = columns
    return room


def product(weights: Array, columns: Array) -> Array:
    """Return weights[out, row] times columns[row, pixel], pixels of a whole number of lanes.

    BLAS would start threads of its own inside ours, and round by position.
    """
    return np.asarray(np.einsum("or,rn->on", weights, columns))


def softmax(scores: Array) -> Array:
    """Return exp(scores[class, pixel]) divided by its sum over the classes."""
    raised = np.exp(scores - scores.max(0))
    raised /= raised.sum(0)
    return np.asarray(raised)


def log_loss(probabilities: Array, indices: Array) -> float:
    """Return the mean of -ln P of the true class; probabilities[class, sample]."""
    true = probabilities[indices, np.arange(len(indices))]
    return float(-np.log(np.maximum(true, 1e-12)).mean())
