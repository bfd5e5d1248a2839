# SPDX-License-Identifier: GPL-2.0-or-later
"""Halving and doubling of arrays with the five-tap kernel (1 4 6 4 1)/16, as in Burt and Adelson.

Pixel (0, 0) of an array lies on an even pixel of the level below, whatever part of the whole it
is; beyond the array everything is 0. A value depends on its neighbors only, so every window sees
the same pyramid (doi:10.1145/245.247).
"""

from __future__ import annotations

import numpy as np

from ..image import Array


def halved(fine: Array) -> Array:
    """Return every second value[..., row, col] of the smoothed array; its sides are even."""
    return _halved(_halved(fine).swapaxes(-1, -2)).swapaxes(-1, -2)


def doubled(coarse: Array) -> Array:
    """Return the values[..., row, col] between, twice as many in each direction."""
    return _doubled(_doubled(coarse.swapaxes(-1, -2)).swapaxes(-1, -2))


def _halved(fine: Array) -> Array:
    """Halve the rows."""
    even, odd = fine[..., 0::2, :], fine[..., 1::2, :]
    out = even * 1.5
    out[..., 1:, :] += odd[..., :-1, :]
    out += odd
    half = even * 0.25
    out[..., 1:, :] += half[..., :-1, :]
    out[..., :-1, :] += half[..., 1:, :]
    out *= 0.25
    return out


def _doubled(coarse: Array) -> Array:
    """Double the rows."""
    shape = (*coarse.shape[:-2], 2 * coarse.shape[-2], coarse.shape[-1])
    out = _like(coarse, shape)
    even, odd = out[..., 0::2, :], out[..., 1::2, :]
    half = coarse * 0.5
    odd[...] = half
    odd[..., :-1, :] += half[..., 1:, :]
    half *= 0.25
    even[...] = coarse
    even *= 0.75
    even[..., 1:, :] += half[..., :-1, :]
    even[..., :-1, :] += half[..., 1:, :]
    return out


def _like(array: Array, shape: tuple[int, ...]) -> Array:
    """Return an empty array of another shape whose axes lie in memory as those of the array."""
    if array.ndim > 1 and array.strides[-1] > array.strides[-2]:
        turned = np.empty((*shape[:-2], shape[-1], shape[-2]), array.dtype)
        return turned.swapaxes(-1, -2)
    return np.empty(shape, array.dtype)
