# SPDX-License-Identifier: GPL-2.0-or-later
"""Normalized cross-correlation of arrays with holes, for all whole shifts at once.

Padfield 2012, "Masked object registration in the Fourier domain",
doi:10.1109/TIP.2011.2181402.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..image import Mask

Floats = NDArray[np.float32]

COMMON = 0.2
"""Shifts at which fewer than this share of the most common pixels meet are not looked at."""

FLAT = 1e-6
"""Share of the largest denominator below which a correlation means nothing."""

APART = 3
"""Cells between two peaks that count as different."""


class Surface(NamedTuple):
    """Correlation[..., dy + reach_y, dx + reach_x] of f(p) with g(p + d); -1 where unknown."""

    values: Floats
    reach: tuple[int, int]

    def peak(self) -> tuple[int, int, float]:
        """Return the shift (dx, dy) of the highest correlation, and its height."""
        row, col = np.unravel_index(int(np.argmax(self.values)), self.values.shape)
        return int(col) - self.reach[0], int(row) - self.reach[1], float(self.values[row, col])

    def peaks(self, count: int) -> list[tuple[int, int, float]]:
        """Return the highest peaks that lie APART cells from each other, best first."""
        rest, found = Surface(self.values.copy(), self.reach), []
        for _ in range(count):
            dx, dy, height = rest.peak()
            if height <= -1:
                break
            found.append((dx, dy, height))
            row, col = dy + self.reach[1], dx + self.reach[0]
            near = (
                slice(max(0, row - APART), row + APART + 1),
                slice(max(0, col - APART), col + APART + 1),
            )
            rest.values[near] = -1.0
        return found


def masked_correlation(
    reference: Floats, moving: Floats, valid: tuple[Mask, Mask], reach: tuple[int, int]
) -> Surface:
    """Correlate features of one shape[..., row, col] for shifts up to `reach` px along x and y.

    `valid` of both; features must be 0 where they are not valid.
    """
    height, width = reference.shape[-2:]
    reach = min(reach[0], width - 1), min(reach[1], height - 1)
    size = fast(height + reach[1]), fast(width + reach[0])
    ends = [
        [forward(part, size) for part in (values, values * values, mask.astype(np.float32))]
        for values, mask in zip((reference, moving), valid)
    ]
    (f, ff, a), (g, gg, b) = ends

    def met(one: Any, other: Any) -> NDArray[np.float64]:
        return _cut(backward(np.conj(one) * other, size), reach)

    count = np.rint(met(a, b))
    known = np.maximum(count, 1.0)
    sums = met(f, b), met(a, g)
    spread = [
        np.maximum(met(*pair) - total * total / known, 0.0)
        for pair, total in (((ff, b), sums[0]), ((a, gg), sums[1]))
    ]
    below = np.sqrt(spread[0] * spread[1])
    above = met(f, g) - sums[0] * sums[1] / known
    most = count.max(axis=(-2, -1), keepdims=True)
    top = below.max(axis=(-2, -1), keepdims=True)
    usable = (count >= COMMON * most) & (count > 1) & (below > FLAT * top)
    found = np.where(usable, above / np.where(usable, below, 1.0), -1.0)
    return Surface(np.clip(found, -1.0, 1.0).astype(np.float32), reach)


def _cut(surface: NDArray[Any], reach: tuple[int, int]) -> NDArray[np.float64]:
    """Put shift 0 in the middle of a surface that repeats, and keep the shifts within reach."""
    rows, cols = np.arange(-reach[1], reach[1] + 1), np.arange(-reach[0], reach[0] + 1)
    return np.asarray(surface[..., rows[:, None], cols], np.float64)


def fast(size: int) -> int:
    """Return a size of at least `size` whose transform is fast."""
    best = 1 << (size - 1).bit_length()
    for factor in (3, 5, 9, 15):
        power = factor
        while power < size:
            power *= 2
        best = min(best, power)
    return best


def forward(values: Floats, size: tuple[int, ...]) -> NDArray[Any]:
    """Return the Fourier transform of real values[..., row, col] filled up to a size.

    By numpy: importing scipy.fft takes longer than all transforms of a usual pair.
    """
    return np.asarray(np.fft.rfft2(values, size), np.complex64)


def backward(spectrum: NDArray[Any], size: tuple[int, ...]) -> NDArray[Any]:
    """Return the real values[..., row, col] of a spectrum."""
    return np.asarray(np.fft.irfft2(spectrum, size), np.float32)
