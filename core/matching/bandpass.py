# SPDX-License-Identifier: GPL-2.0-or-later
"""The signed band-pass: texture with its local contrast evened out, the sign kept.

Arrays are float32 [h, w] on the working grid with bool `valid`; what lies beyond an array counts
as invalid. A result is right MARGIN px inside the array's border, and nearer where that border
is the image's own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..deps import available, require
from .smoothing import (
    PHASE,
    PURPOSE,
    Floats,
    Mask,
    Origin,
    box_mean,
    box_reach,
    enlarged,
    gaussian_mean,
    gradient,
    reduced,
    reduced_weight,
    weight_of,
)

INNER = 1.0
"""Sigma in px of the Gaussian that keeps the texture."""

OUTER = 8.0
"""Sigma in px of the mean that is taken away."""

LOCAL = 24.0
"""Sigma in px of the window whose contrast is evened out."""

FLOOR = 0.02
"""Share of the noise floor that is added to the contrast, so that flat areas stay flat."""

DIFFERENCE_MARGIN = box_reach(OUTER)
"""Pixels that `band_pass_difference` looks beyond a window."""

ROUNDING = 5e-7
"""Share of a value below which a difference may be rounding of float32."""

MARGIN = DIFFERENCE_MARGIN + PHASE * (box_reach(LOCAL / PHASE) + 2)
"""Pixels that `signed_band_pass` looks beyond a window."""

GRADIENT_MARGIN = 6
"""Pixels that `gradient_values` looks beyond a window, to be added to MARGIN."""


def band_pass_difference(values: Floats, valid: Mask) -> Floats:
    """Return b: the values under a Gaussian of 1 px less their mean over 8 px, 0 where invalid."""
    weight = weight_of(valid)
    known = _known(values, valid, weight)
    found = gaussian_mean(known, weight, INNER)
    outer = box_mean(known, weight, OUTER)
    found -= outer
    # what rounding alone can make of a flat area is no texture
    found *= np.abs(found) > ROUNDING * np.abs(outer)
    return _blank(found, weight)


def noise_floor(b: Floats, valid: Mask) -> float:
    """Return c: 1.4826 times the median absolute deviation of b; 0 where nothing is valid."""
    chosen = b[valid]
    if not chosen.size:
        return 0.0
    return float(1.4826 * np.median(np.abs(chosen - np.median(chosen))))


def signed_band_pass(
    values: Floats, valid: Mask, noise: float, *, origin: Origin = (0, 0)
) -> Floats:
    """Return f: b over its local standard deviation, 0 where invalid.

    `noise`: `noise_floor` of the whole image; `origin`: position of the first pixel on the
    working grid, of which only the phase within PHASE px counts.
    """
    b = band_pass_difference(values, valid)
    weight = weight_of(valid)
    share = reduced_weight(weight, b.shape, origin)
    energy = box_mean(reduced(b * b, origin), share, LOCAL / PHASE)
    least = max((FLOOR * noise) ** 2, float(np.finfo(np.float32).tiny))
    contrast = np.sqrt(np.maximum(energy, 0) + np.float32(least))
    b *= enlarged(np.float32(1) / contrast, b.shape, origin)
    return b


def gradient_values(values: Floats, valid: Mask, noise: float) -> Floats:
    """Return log(1 + |gradient| / noise), to be used in the place of values.

    It is alike where two sensors or bands show the same edges with other contrasts.
    """
    weight = weight_of(valid)
    gx, gy = gradient(gaussian_mean(_known(values, valid, weight), weight, INNER))
    strength = np.hypot(gx, gy)
    strength /= np.float32(noise if noise > 0 else 1)
    return _blank(np.log1p(strength, out=strength), weight)


def eight_bit(f: Floats) -> NDArray[np.uint8]:
    """Return 32 f + 128, rounded and limited to 0..255, for tracking."""
    if available("cv2"):
        cv2 = require("cv2", PURPOSE)
        return np.asarray(cv2.addWeighted(f, 32, f, 0, 128, dtype=cv2.CV_8U))
    scaled = np.rint(f * np.float32(32) + np.float32(128))
    return np.asarray(np.clip(scaled, 0, 255), np.uint8)


def _known(values: Floats, valid: Mask, weight: Floats | None) -> Floats:
    values = np.asarray(values, np.float32)
    return values if weight is None else np.where(valid, values, np.float32(0))


def _blank(values: Floats, weight: Floats | None) -> Floats:
    if weight is not None:
        values *= weight
    return values
