# SPDX-License-Identifier: GPL-2.0-or-later
"""Sample an image at any positions for measuring: 8 x 8 Lanczos taps, positions told exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..deps import available, require
from ..image import Array, Mask, constant, uniform
from ..windows import Window

STEPS = 32
"""Positions are rounded to 1 / STEPS px, the fineness of OpenCV's tables of weights."""

HALF = 4
"""Taps on each side of a position: pixels needed around the sampled area."""

ENOUGH = 0.25
"""Share of the weight that may be missing at a sampled position that still counts as valid."""

ROUNDING = 1e-5
"""Share of the weight that rounding can take away or add."""

PIECE = 1 << 16
"""Positions that are gathered at once without OpenCV."""


@dataclass(frozen=True)
class Sampled:
    """Values[row, col] and valid[row, col] at the rounded positions, and what rounding added.

    `off_x, off_y` = rounded minus requested position, px; a later step must use the rounded ones.
    """

    values: Array
    valid: Mask
    off_x: Array
    off_y: Array


def lanczos(values: Array, valid: Mask, x: Array, y: Array) -> Sampled:
    """Return values[row, col] sampled at positions (x, y), 0 = center of the first pixel.

    Positions are rounded to 1/32 px here: OpenCV's `remap` rounds them silently, which would
    displace every measurement by up to 0.016 px. The weights of valid pixels are normalized; a
    sample is valid when the nearest pixel is and at most a quarter of the weight is missing.
    """
    (at_x, off_x), (at_y, off_y) = rounded(x), rounded(y)
    return Sampled(*sampled(values, valid, at_x, at_y), off_x, off_y)


def rounded(position: Array) -> tuple[Array, Array]:
    """Return positions rounded to 1/32 px, float32, and rounded minus given ones."""
    given = np.asarray(position, np.float32)
    found = given * np.float32(STEPS)
    np.rint(found, out=found)
    found *= np.float32(1 / STEPS)
    return found, found - given


def sampled(values: Array, valid: Mask, x: Array, y: Array) -> tuple[Array, Mask]:
    """Return (values, valid) at positions that are rounded to 1/32 px already; see `lanczos`."""
    everywhere = uniform(valid) is True or bool(valid.all())
    source = values.astype(np.float32, copy=False)
    source = source if everywhere else np.where(valid, source, np.float32(0))
    take = _remapped if available("cv2") else _gathered
    found = take(source, x, y)
    if everywhere and _inside(values.shape, x, y):
        return found, constant(True, (found.shape[0], found.shape[1]))
    good = _nearest(_surrounded(valid), x, y)
    if good.all():
        return found, good
    part = _box(~good)
    share = take(np.asarray(valid, np.float32), x[part], y[part])
    return _completed(found, good, part, (share, _nearest(valid, x[part], y[part])))


def shifted(
    values: Array, valid: Mask, window: Window, step_x: int, step_y: int
) -> tuple[Array, Mask]:
    """Return (values, valid)[row, col] of a window moved by 0 to 31 steps of 1/32 px along x and y.

    What `sampled` returns for positions that have one fraction, but for the last digits, at a
    tenth of the cost. A pixel does not depend on what else the window holds.
    """
    wide = window.padded(HALF)
    known = _cut(valid, wide)
    everywhere = uniform(known) is True or bool(known.all())
    source = _cut(values, wide).astype(np.float32, copy=False)
    if everywhere:
        return _moved(source, step_x, step_y), constant(True, window.shape)
    found = _moved(np.where(known, source, np.float32(0)), step_x, step_y)
    right, down = (HALF + (2 * step >= STEPS) for step in (step_x, step_y))
    here = Window(right, down, window.width, window.height).slices
    good = _surrounded(known)[here].copy()
    if good.all():
        return found, good
    share = _moved(np.asarray(known, np.float32), step_x, step_y)
    return _completed(found, good, (slice(None), slice(None)), (share, known[here]))


def _completed(
    found: Array, good: Mask, part: tuple[slice, slice], seen: tuple[Array, Mask]
) -> tuple[Array, Mask]:
    """Make what was found in a part good where enough of the weight is valid.

    `seen`: the share of the weight, and whether the nearest pixel is valid.
    """
    share, nearest = seen
    missing = np.abs(share - 1)
    enough = (missing <= ENOUGH) & nearest
    # where nothing is missing the result must not depend on what else lies in the window
    share[good[part] | (missing < ROUNDING) | ~enough] = 1
    good[part] |= enough
    found[part] /= share
    found[~good] = 0
    return found, good


def _moved(wide: Array, step_x: int, step_y: int) -> Array:
    """Return the inner part of an array, moved; HALF pixels around it are needed."""
    inner = (slice(HALF, -HALF), slice(HALF, -HALF))
    if step_x == step_y == 0:
        return wide[inner].copy()
    along_x, along_y = weights()[step_x], weights()[step_y]
    if available("cv2"):
        cv2 = require("cv2", "Sampling images")
        anchor = (HALF - 1, HALF - 1)
        return np.asarray(cv2.sepFilter2D(wide, cv2.CV_32F, along_x, along_y, anchor=anchor)[inner])
    height, width = (size - 2 * HALF for size in wide.shape)
    rows = sum(wide[k + 1 : k + 1 + height] * w for k, w in enumerate(along_y))
    return np.asarray(sum(rows[:, k + 1 : k + 1 + width] * w for k, w in enumerate(along_x)))


def _cut(values: Array, window: Window) -> Array:
    """Return a window of an array; 0 or False lies beyond it."""
    inside = window.clipped(Window(0, 0, values.shape[1], values.shape[0]))
    if inside == window:
        return np.asarray(values[window.slices])
    out = np.zeros(window.shape, values.dtype)
    if not inside.empty:
        out[inside.within(window)] = values[inside.slices]
    return out


def _surrounded(valid: Mask) -> Mask:
    """Return which pixels are valid with all that taps touch from positions nearest to them."""
    padded = np.pad(valid, HALF)
    height, width = valid.shape
    steps = range(2 * HALF + 1)
    down = np.logical_and.reduce([padded[k : k + height, :] for k in steps])
    return np.asarray(np.logical_and.reduce([down[:, k : k + width] for k in steps]))


def _box(flags: Mask) -> tuple[slice, slice]:
    """Return the rows and columns that hold all true values."""
    found = []
    for axis in (1, 0):
        at = np.flatnonzero(flags.any(axis))
        found.append(slice(int(at[0]), int(at[-1]) + 1) if len(at) else slice(0, 0))
    return found[0], found[1]


def _inside(shape: tuple[int, ...], x: Array, y: Array) -> bool:
    """True when all taps of all positions lie in an array."""
    if not x.size:
        return True
    low = min(float(x.min()), float(y.min())) >= HALF - 1
    right, bottom = shape[1] - HALF, shape[0] - HALF
    return low and float(x.max()) < right and float(y.max()) < bottom


def _nearest(valid: Mask, x: Array, y: Array) -> Mask:
    """Return what a mask holds at the nearest pixel, False outside."""
    if available("cv2"):
        cv2 = require("cv2", "Sampling images")
        flags = valid.astype(np.uint8)
        places = _pixel(x), _pixel(y)
        outside = cv2.BORDER_CONSTANT
        taken = cv2.remap(flags, *places, cv2.INTER_NEAREST, borderMode=outside, borderValue=0)
        return np.asarray(taken, bool)
    height, width = valid.shape
    col, row = (_pixel(v).astype(np.int64) for v in (x, y))
    inside = (col >= 0) & (col < width) & (row >= 0) & (row < height)
    found: Mask = valid[np.clip(row, 0, height - 1), np.clip(col, 0, width - 1)] & inside
    return found


def _pixel(position: Array) -> Array:
    """Return the nearest pixel; halfway the later one, wherever the array begins."""
    return np.asarray(np.floor(position + np.float32(0.5)))


def _remapped(values: Array, x: Array, y: Array) -> Array:
    """Sample by OpenCV; what lies outside counts as 0."""
    cv2 = require("cv2", "Sampling images")
    x, y = (v.astype(np.float32, copy=False) for v in (x, y))
    return np.asarray(
        cv2.remap(values, x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    )


@lru_cache(maxsize=1)
def weights() -> Any:
    """Return the normalized Lanczos weights[step, tap] (a = 4) for the fractions 0/32 to 31/32."""
    fraction = np.arange(STEPS)[:, None] / STEPS
    distance = fraction - np.arange(1 - HALF, HALF + 1)
    table = np.sinc(distance) * np.sinc(distance / HALF)
    return (table / table.sum(1, keepdims=True)).astype(np.float32)


def delays(frequency: Array, power: Array) -> Array:
    """Return how far beyond each fraction 0/32 to 31/32 px the taps really look, on average.

    Eight taps do not delay all frequencies alike: slow waves are seen up to 0.014 px away from
    the position asked for. `frequency` (radians a pixel) and `power` tell which waves a
    measurement on gradients rests on.
    """
    weight = power * frequency**2
    total = float(weight.sum())
    if total <= 0:
        return np.zeros(STEPS)
    tap = np.arange(1 - HALF, HALF + 1)
    response = weights().astype(float) @ np.exp(1j * tap[:, None] * frequency)
    late = np.angle(response * np.exp(-1j * np.arange(STEPS)[:, None] / STEPS * frequency))
    shift = np.divide(late, frequency, out=np.zeros_like(late), where=frequency > 0)
    return np.asarray((shift * weight).sum(1) / total)


def _gathered(values: Array, x: Array, y: Array) -> Array:
    """Sample by gathering each tap; what lies outside counts as 0."""
    padded = np.pad(values, 2 * HALF)
    out = np.empty(x.size, np.float32)
    columns, rows = x.ravel(), y.ravel()
    for start in range(0, x.size, PIECE):
        part = slice(start, start + PIECE)
        out[part] = _taps(padded, columns[part], rows[part])
    return out.reshape(x.shape)


def _taps(padded: Array, x: Array, y: Array) -> Array:
    """Sum the 64 weighted taps of positions in an array with 2 HALF empty pixels around."""
    col, step_x = _split(x, padded.shape[1] - 4 * HALF)
    row, step_y = _split(y, padded.shape[0] - 4 * HALF)
    flat, width = padded.ravel(), padded.shape[1]
    first = (row + HALF + 1) * width + col + HALF + 1
    along_x, along_y = weights()[step_x].T, weights()[step_y].T
    out = np.zeros(x.shape, np.float32)
    for down, weight in enumerate(along_y):
        line = sum(flat[first + (down * width + k)] * w for k, w in enumerate(along_x))
        out += line * weight
    return out


def _split(position: Array, size: int) -> tuple[Array, Array]:
    """Return the pixel before each position, kept near the array, and the step beyond it."""
    steps = np.rint(np.clip(position, -HALF, size + HALF - 1) * STEPS).astype(np.int64)
    return steps // STEPS, steps % STEPS
