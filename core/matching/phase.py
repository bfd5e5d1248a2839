# SPDX-License-Identifier: GPL-2.0-or-later
"""Shifts by phase correlation: of whole arrays, and of small windows round points.

Kuglin and Hines 1975, "The phase correlation image alignment method".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..image import Array, Mask

DAMPING = 0.05
"""Share of the strongest frequency that is added to every frequency before the division."""

PEAKS = 5
WINDOW = 64
"""Side of the windows round points, px."""

DISTINCT = 1.3
"""How much higher than any other peak that of a window must be."""

AGREEMENT = 0.5
"""Largest distance of the way back from the way there, px."""

BATCH = 256


class Peak(NamedTuple):
    """A shift (dx, dy), moving minus reference, px, and the height of its peak."""

    dx: float
    dy: float
    height: float


def peaks(reference: Array, moving: Array, valid: tuple[Mask, Mask]) -> list[Peak]:
    """Return the best shifts between two arrays[row, col] of one shape, strongest peak first.

    `valid` of both: invalid pixels count as 0. Shifts lie within half of each side. The height is
    negative where contrasts are inverted.
    """
    taper = (
        np.hanning(reference.shape[0] + 2)[1:-1, None] * np.hanning(reference.shape[1] + 2)[1:-1]
    )
    ends = [np.fft.rfft2(f * taper * v) for f, v in zip((reference, moving), valid)]
    surface = _surface(ends[0], ends[1], reference.shape)
    found: list[Peak] = []
    for _ in range(PEAKS):
        row, col = np.unravel_index(int(np.argmax(np.abs(surface))), surface.shape)
        height = float(surface[row, col])
        if height == 0:
            break
        near = _around(surface, np.array([row]), np.array([col]))
        off = _summit(near if height > 0 else -near)
        at = _signed(np.array([col, row]), np.array(surface.shape[::-1]))
        found.append(Peak(float(at[0] + off[0][0]), float(at[1] + off[1][0]), height))
        _blank(surface, int(row), int(col))
    return found


def capture(
    reference: Array, moving: Array, x: NDArray[np.int64], y: NDArray[np.int64]
) -> tuple[Array, Array, Mask]:
    """Return displacements (dx, dy) of points (x, y) and which of them can be trusted.

    The arrays[row, col] hold features of both images; a window of 64 px round each point must
    lie inside. Kept: peaks that stand out, there and back.
    """
    dx, dy, kept = np.zeros(len(x)), np.zeros(len(x)), np.zeros(len(x), bool)
    for start in range(0, len(x), BATCH):
        part = slice(start, start + BATCH)
        dx[part], dy[part], kept[part] = _captured(reference, moving, x[part], y[part])
    return dx, dy, kept


def _captured(
    reference: Array, moving: Array, x: NDArray[np.int64], y: NDArray[np.int64]
) -> tuple[Array, Array, Mask]:
    there_x, there_y, good = _windows(reference, moving, (x, y), (x, y))
    step_x, step_y = np.rint(there_x).astype(int), np.rint(there_y).astype(int)
    good &= _fits(moving.shape, x + step_x, y + step_y)
    to = np.where(good, x + step_x, x), np.where(good, y + step_y, y)
    # with both windows on the same ground the way back is short, and its peak sharp
    back_x, back_y, sure = _windows(moving, reference, to, (x, y))
    dx, dy = to[0] - x - back_x, to[1] - y - back_y
    apart = np.maximum(np.abs(there_x - dx), np.abs(there_y - dy))
    return dx, dy, good & sure & (apart < AGREEMENT)


def _fits(shape: tuple[int, ...], x: NDArray[np.int64], y: NDArray[np.int64]) -> Mask:
    half = WINDOW // 2
    inside = (x >= half) & (y >= half) & (x + half <= shape[1]) & (y + half <= shape[0])
    return np.asarray(inside)


def _windows(
    a: Array,
    b: Array,
    at_a: tuple[NDArray[np.int64], NDArray[np.int64]],
    at_b: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> tuple[Array, Array, Mask]:
    """Return the shift of what b shows against a, window by window, and whether it stands out."""
    taper = np.hanning(WINDOW + 2)[1:-1]
    taper = (taper[:, None] * taper).astype(np.float32)
    ends = [np.fft.rfft2(_cut(f, *at) * taper) for f, at in ((a, at_a), (b, at_b))]
    surface = _surface(ends[0], ends[1], (WINDOW, WINDOW))
    best = surface.reshape(len(surface), -1).argmax(1)
    row, col = best // WINDOW, best % WINDOW
    near = np.array([_around(s, r[None], c[None])[0] for s, r, c in zip(surface, row, col)])
    near = near.reshape(-1, 3, 3)
    off_x, off_y = _summit(near)
    heights = near[:, 1, 1].copy()
    for one, r, c in zip(surface, row, col):
        _blank(one, int(r), int(c))
    second = surface.reshape(len(surface), -1).max(1)
    distinct = heights >= DISTINCT * np.maximum(second, 1e-12)
    return _signed(col, WINDOW) + off_x, _signed(row, WINDOW) + off_y, distinct


def _cut(values: Array, x: NDArray[np.int64], y: NDArray[np.int64]) -> Array:
    """Return the windows[point, row, col] round pixels of an array."""
    views = np.lib.stride_tricks.sliding_window_view(values, (WINDOW, WINDOW))
    return np.asarray(views[y - WINDOW // 2, x - WINDOW // 2])


def _surface(a: Array, b: Array, shape: tuple[int, ...]) -> Array:
    """Return the correlation surface[..., row, col] of spectra of the last two axes."""
    cross = np.conj(a) * b
    size = np.abs(cross)
    size += DAMPING * size.max(axis=(-2, -1), keepdims=True)
    size[size == 0] = 1.0
    return np.asarray(np.fft.irfft2(cross / size, s=shape))


def _around(surface: Array, row: NDArray[np.int64], col: NDArray[np.int64]) -> Array:
    """Return the 3 x 3 values round pixels of a surface that repeats."""
    steps = np.arange(-1, 2)
    rows = (row[:, None, None] + steps[:, None]) % surface.shape[0]
    cols = (col[:, None, None] + steps) % surface.shape[1]
    return np.asarray(surface[rows, cols])


def _summit(near: Array) -> tuple[Array, Array]:
    """Return where quadratics through values[point, 3, 3] are highest, x and y, within 0.5 px."""
    return _parabola(near[:, 1, :]), _parabola(near[:, :, 1])


def _parabola(line: Array) -> Array:
    bend = line[:, 0] - 2 * line[:, 1] + line[:, 2]
    flat = bend >= 0
    top = 0.5 * (line[:, 0] - line[:, 2]) / np.where(flat, 1.0, bend)
    return np.asarray(np.where(flat, 0.0, np.clip(top, -0.5, 0.5)))


def _signed(index: Array, size: Array | int) -> Array:
    """Return the shift that an index of a surface that repeats stands for."""
    return np.asarray((index + size // 2) % size - size // 2, float)


def _blank(surface: Array, row: int, col: int) -> None:
    """Take the 5 x 5 pixels round a peak out of a surface that repeats."""
    steps = np.arange(-2, 3)
    surface[np.ix_((row + steps) % surface.shape[0], (col + steps) % surface.shape[1])] = 0.0
