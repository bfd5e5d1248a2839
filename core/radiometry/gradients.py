# SPDX-License-Identifier: GPL-2.0-or-later
"""Gradients of two images and the angle between them, which no gain or offset changes.

After Hessel et al. 2020, doi:10.5194/isprs-annals-V-2-2020-845-2020.
"""

from __future__ import annotations

import numpy as np

from ..image import Array, Mask

REACH = 4
"""Pixels that the Gaussian (σ = 1 px) looks to either side."""

MARGIN = REACH + 1
_BELL = np.exp(-0.5 * np.arange(-REACH, REACH + 1) ** 2).astype(np.float32)


def compared_gradients(x: Array, r: Array, used: Mask, scales: Array) -> Array:
    """Return features[(magnitude, magnitude of the reference, angle in degrees), row, col].

    x and r[band, row, col] reach MARGIN px beyond the result; `scales`[side, band] make the bands
    comparable. The magnitude is the mean over the bands, and so is the angle; they are NaN where
    not all neighbors are used.
    """
    weights = _smoothed(used.astype(np.float32))
    safe = np.maximum(weights, 1e-12)
    inside = _all_around(used[REACH:-REACH, REACH:-REACH])
    found = np.zeros((3, *inside.shape), np.float32)
    for one, other, scale in zip(x, r, scales.T):
        sides = []
        for values, size in zip((one, other), scale):
            plain = np.where(used, values / size, 0).astype(np.float32)
            sides.append(_slopes(_smoothed(plain) / safe))
        (ax, ay), (bx, by) = sides
        lengths = [np.hypot(ax, ay), np.hypot(bx, by)]
        cross: Array = ax * by - ay * bx
        dot: Array = ax * bx + ay * by
        found[0] += lengths[0]
        found[1] += lengths[1]
        # the same as the arc cosine of the normalized product, exact for small angles too
        found[2] += np.degrees(np.arctan2(np.abs(cross), dot))
    found /= len(x)
    found[:, ~inside] = np.nan
    return found


def _smoothed(values: Array) -> Array:
    """Sums weighted by the Gaussian; REACH px less on each side."""
    height, width = (size - 2 * REACH for size in values.shape)
    across = sum(weight * values[:, at : at + width] for at, weight in enumerate(_BELL))
    return np.asarray(sum(weight * across[at : at + height] for at, weight in enumerate(_BELL)))


def _slopes(values: Array) -> tuple[Array, Array]:
    """Sobel's derivatives along columns and rows; 1 px less on each side."""
    across = values[:, 2:] - values[:, :-2]
    down = values[2:] - values[:-2]
    return (
        across[:-2] + 2 * across[1:-1] + across[2:],
        down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:],
    )


def _all_around(used: Mask) -> Mask:
    across = used[:, :-2] & used[:, 1:-1] & used[:, 2:]
    return np.asarray(across[:-2] & across[1:-1] & across[2:])
