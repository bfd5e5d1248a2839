# SPDX-License-Identifier: GPL-2.0-or-later
"""An image seen on another grid: positions mapped back, pixels resampled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..grid import Grid, Transform
from ..image import Array, Details, Mask, Pixels, View, calculation_type, constant, settled
from ..windows import Window
from .kernels import Floats, Integers, taps

Mapping = Callable[[Any, Any], tuple[Any, Any]]
"""Map positions (x, y) of the target to those of the source."""

PIECE = 1 << 22
"""Source pixels of a window that are held at once; larger ones are done in parts."""

FAR = -1e9
"""Position of a pixel that has no place in the source."""


@dataclass(frozen=True)
class Moved(View):
    """The image below, its pixels unchanged on another grid of the same size."""

    target: Grid

    @property
    def grid(self) -> Grid:
        """The other grid."""
        return self.target

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read the image below."""
        return self.source.read(window, bands, rounded)


@dataclass(frozen=True)
class Warped(View):
    """The image below, resampled onto a target grid.

    A pixel is valid when its center lies in a valid source pixel; weights are renormalized over
    valid pixels. `strict`: only when every source pixel that counts is valid (for statistics).
    `step` is the spacing of the lattice on which `mapping` is exact; between, it is bilinear.
    """

    target: Grid
    resampling: str = "bilinear"
    mapping: Mapping | None = None
    step: int = 1
    strict: bool = False

    @property
    def grid(self) -> Grid:
        """The target grid."""
        return self.target

    @property
    def details(self) -> Details:
        """Those of the image below; where it does not reach, pixels are not valid."""
        below = self.source.details
        return replace(below, validity="mask") if below.validity == "all" else below

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Resample a window."""
        exact = rounded and self.resampling == "nearest"
        dtype = self.source.dtype if exact else calculation_type(self.source.dtype)
        found = self._resampled(window, bands, dtype)
        if rounded and not exact:
            return found.with_values(settled(found.values, self.dtype, self.nodata))
        return found

    def _resampled(
        self, window: Window, bands: Sequence[int] | None, dtype: np.dtype[Any]
    ) -> Pixels:
        cols, rows, scale = self._positions(window)
        x = taps(cols, self.resampling, scale[0])
        y = taps(rows, self.resampling, scale[1])
        needed = _needed(x, y).clipped(self.source.grid.window)
        if needed.empty:
            count = self.bands if bands is None else len(bands)
            nothing = np.zeros((count, *window.shape), dtype)
            return Pixels(nothing, constant(False, window.shape))
        if needed.pixels > PIECE and window.pixels > 1:
            return self._in_parts(window, bands, dtype)
        pixels = self.source.read(needed, bands, rounded=dtype == self.source.dtype)
        center = _at(pixels.valid, cols, rows, needed)
        iy, ix = _nearest(cols, rows, needed)
        if self.resampling == "nearest":
            return _blanked(pixels.values[:, iy, ix], center)
        resample = _separable if self._parallel else _general
        finite = _finite(pixels)
        values, share = resample(finite, x, y, needed)
        if share is not None:
            values = _renormalized(values, share, pixels.values, iy, ix)
        if finite is not pixels:
            own = pixels.values[:, iy, ix]
            values = np.where(np.isfinite(own), values, own)
        if self.strict:
            center = center & _whole(pixels.valid, x, y, needed)
        return _blanked(values.astype(dtype, copy=False), center)

    def _in_parts(
        self, window: Window, bands: Sequence[int] | None, dtype: np.dtype[Any]
    ) -> Pixels:
        """Halve the longer side until the source fits."""
        col, row, width, height = window.col, window.row, window.width, window.height
        if width >= height:
            first = Window(col, row, width // 2, height)
            second = Window(first.right, row, width - first.width, height)
        else:
            first = Window(col, row, width, height // 2)
            second = Window(col, first.bottom, width, height - first.height)
        axis = 1 if first.width < window.width else 0
        a = self._resampled(first, bands, dtype)
        b = self._resampled(second, bands, dtype)
        return Pixels(
            np.concatenate([a.values, b.values], axis + 1),
            np.concatenate([a.valid, b.valid], axis),
        )

    @property
    def _parallel(self) -> bool:
        """True when source rows and columns run along those of the target."""
        return self.mapping is None and not self.target.rotated and not self.source.grid.rotated

    def _positions(self, window: Window) -> tuple[Floats, Floats, tuple[float, float]]:
        """Source (cols, rows) of pixel centers, 0 = center of the first source pixel.

        Arrays of shape (1, w) and (h, 1) when the axes are parallel, else (h, w); and the source
        distance of neighbors along source columns and rows.
        """
        col = np.arange(window.col, window.right, dtype=np.float64)[None, :]
        row = np.arange(window.row, window.bottom, dtype=np.float64)[:, None]
        if self.mapping is None:
            c0, a, b, r0, d, e = _composed(self.target, self.source.grid)
            scale = (max(abs(a), abs(b)), max(abs(d), abs(e)))
            if self._parallel:
                return c0 + a * col - 0.5, r0 + e * row - 0.5, scale
            return c0 + a * col + b * row - 0.5, r0 + d * col + e * row - 0.5, scale
        cols, rows = self._on_lattice(window)
        return cols, rows, self._scale()

    def _exactly(self, col: Array, row: Array) -> tuple[Floats, Floats]:
        """Source positions of target pixel indices through the mapping."""
        x, y = self.target.to_map(col + 0.5, row + 0.5)
        if self.mapping is not None:
            x, y = self.mapping(x, y)
        with np.errstate(invalid="ignore"):
            cols, rows = self.source.grid.to_pixel(x, y)
        lost = ~(np.isfinite(cols) & np.isfinite(rows))
        return np.where(lost, FAR, cols - 0.5), np.where(lost, FAR, rows - 0.5)

    def _on_lattice(self, window: Window) -> tuple[Floats, Floats]:
        """Positions by bilinear interpolation between exact nodes at multiples of the step.

        Nodes lie at fixed places, so that every window sees the same positions.
        """
        step = self.step
        outer = window.aligned(step, step)
        node_cols = np.arange(outer.col, outer.right + step, step, dtype=np.float64)
        node_rows = np.arange(outer.row, outer.bottom + step, step, dtype=np.float64)
        nodes = self._exactly(*np.meshgrid(node_cols, node_rows))
        fx = (np.arange(window.col, window.right) - outer.col) / step
        fy = (np.arange(window.row, window.bottom) - outer.row) / step
        return _bilinear(nodes[0], fx, fy), _bilinear(nodes[1], fx, fy)

    def _scale(self) -> tuple[float, float]:
        """Source distance of neighboring pixels at the middle of the target."""
        middle = (self.target.width // 2, self.target.height // 2)
        at = np.array([[0.0, 1.0, 0.0]]), np.array([[0.0, 0.0, 1.0]])
        cols, rows = self._exactly(at[0] + middle[0], at[1] + middle[1])
        if cols.min() <= FAR or rows.min() <= FAR:
            return (1.0, 1.0)
        steps = cols[0, 1:] - cols[0, 0], rows[0, 1:] - rows[0, 0]
        return (float(np.abs(steps[0]).max()), float(np.abs(steps[1]).max()))


def lattice_step(view: Warped, tolerance: float = 0.005) -> int:
    """Return the widest lattice spacing whose positions are wrong by at most tolerance px."""
    width, height = view.target.width, view.target.height
    for step in (32, 8, 2):
        cols = np.linspace(0, max(0, width - 1 - step), 9)[None, :] + np.zeros((9, 1))
        rows = np.linspace(0, max(0, height - 1 - step), 9)[:, None] + np.zeros((1, 9))
        ends = [view._exactly(cols + dx, rows + dy) for dx in (0, step) for dy in (0, step)]
        middle = view._exactly(cols + step / 2, rows + step / 2)
        wrong = [np.abs(sum(e[k] for e in ends) / 4 - middle[k]) for k in (0, 1)]
        inside = np.all([e[0] > FAR for e in (*ends, middle)], axis=0)
        if inside.any() and max(w[inside].max() for w in wrong) <= tolerance:
            return step
    return 1


def _composed(target: Grid, source: Grid) -> Transform:
    """Source pixel position of target pixel centers as an affine function of pixel indices."""
    c0, r0 = source.to_pixel(*target.to_map(0.5, 0.5))
    c1, r1 = source.to_pixel(*target.to_map(1.5, 0.5))
    c2, r2 = source.to_pixel(*target.to_map(0.5, 1.5))
    parallel = not target.rotated and not source.rotated
    b, d = (0.0, 0.0) if parallel else (c2 - c0, r1 - r0)
    return (c0, c1 - c0, b, r0, d, r2 - r0)


def _bilinear(nodes: Floats, fx: Floats, fy: Floats) -> Floats:
    ix = np.minimum(fx.astype(np.int64), nodes.shape[1] - 2)
    iy = np.minimum(fy.astype(np.int64), nodes.shape[0] - 2)
    wx, wy = (fx - ix)[None, :], (fy - iy)[:, None]
    rows = nodes[iy] * (1 - wy) + nodes[iy + 1] * wy
    return np.asarray(rows[:, ix] * (1 - wx) + rows[:, ix + 1] * wx)


Taps = tuple[Integers, Floats]


def _needed(x: Taps, y: Taps) -> Window:
    """Source window that the taps touch."""
    far = int(FAR / 2)
    cols, rows = x[0], y[0]
    cols, rows = cols[cols > far], rows[rows > far]
    if not cols.size or not rows.size:
        return Window(0, 0, 0, 0)
    col, row = int(cols.min()), int(rows.min())
    right, bottom = int(cols.max()) + len(x[1]), int(rows.max()) + len(y[1])
    return Window(col, row, right - col, bottom - row)


def _clipped(index: Integers, start: int, size: int) -> tuple[Integers, Mask]:
    """Indices inside an array that starts at `start`, and where they really lie in it."""
    index = index - start
    inside = (index >= 0) & (index < size)
    return np.clip(index, 0, size - 1), inside


def _nearest(cols: Floats, rows: Floats, needed: Window) -> tuple[Integers, Integers]:
    ix, _ = _clipped(np.floor(cols + 0.5).astype(np.int64), needed.col, needed.width)
    iy, _ = _clipped(np.floor(rows + 0.5).astype(np.int64), needed.row, needed.height)
    return iy, ix


def _at(valid: Mask, cols: Floats, rows: Floats, needed: Window) -> Mask:
    """Return whether the source pixel under each position is there and valid."""
    ix, inside_x = _clipped(np.floor(cols + 0.5).astype(np.int64), needed.col, needed.width)
    iy, inside_y = _clipped(np.floor(rows + 0.5).astype(np.int64), needed.row, needed.height)
    return np.asarray(valid[iy, ix] & inside_x & inside_y)


def _whole(valid: Mask, x: Taps, y: Taps, needed: Window) -> Mask:
    """Return where every source pixel with a weight is there and valid."""
    good: Mask = np.ones(np.broadcast(x[0], y[0]).shape, bool)
    for ky, wy in enumerate(y[1]):
        iy, inside_y = _clipped(y[0] + ky, needed.row, needed.height)
        for kx, wx in enumerate(x[1]):
            ix, inside_x = _clipped(x[0] + kx, needed.col, needed.width)
            good &= (valid[iy, ix] & inside_x & inside_y) | (wx == 0) | (wy == 0)
    return good


def _blanked(values: Array, valid: Mask) -> Pixels:
    """Pixels that are 0 where not valid: what lies there would depend on the window."""
    if valid.all():
        return Pixels(values, valid)
    return Pixels(np.where(valid, values, values.dtype.type(0)), valid)


def _finite(pixels: Pixels) -> Pixels:
    """Keep infinite values from spreading; their own pixels keep them."""
    if pixels.values.dtype.kind != "f" or np.isfinite(pixels.values).all():
        return pixels
    finite = np.isfinite(pixels.values)
    valid = pixels.valid & finite.all(0)
    return Pixels(np.where(finite, pixels.values, pixels.values.dtype.type(0)), valid)


def _separable(pixels: Pixels, x: Taps, y: Taps, needed: Window) -> tuple[Array, Array | None]:
    """Resample rows, then columns; invalid pixels take no part.

    Returns sums and, where something is missing, the weight that they have; the same for a
    pixel whatever else its window holds.
    """
    weight = (
        _inside_weight(x, needed.col, needed.width),
        _inside_weight(y, needed.row, needed.height),
    )
    everywhere = pixels.all_valid
    if everywhere and all(inside for _, _, inside in weight):
        return _two_passes(pixels.values, weight), None
    values = pixels.values
    values = values if everywhere else np.where(pixels.valid, values, values.dtype.type(0))
    share = _two_passes(pixels.valid.astype(values.dtype)[None], weight)
    return _two_passes(values, weight), share


Inside = tuple[list[Integers], Floats, bool]
"""Indices of each tap, weights that are 0 beyond the image, whether nothing lies beyond."""


def _inside_weight(axis: Taps, start: int, size: int) -> Inside:
    index, weights, whole = [], [], True
    for k, weight in enumerate(axis[1]):
        at, inside = _clipped(np.ravel(axis[0]) + k, start, size)
        index.append(at)
        weights.append(np.where(inside, np.ravel(weight), 0.0))
        whole &= bool((inside | (np.ravel(weight) == 0)).all())
    return index, np.array(weights), whole


def _two_passes(values: Array, weight: tuple[Inside, Inside]) -> Array:
    (cols, wx, _), (rows, wy, _) = weight
    wx, wy = wx.astype(values.dtype), wy.astype(values.dtype)
    first = sum(values[:, at] * w[:, None] for at, w in zip(rows, wy))
    return np.asarray(sum(np.take(first, at, 2) * w for at, w in zip(cols, wx)))


def _general(pixels: Pixels, x: Taps, y: Taps, needed: Window) -> tuple[Array, Array]:
    """Resample at any positions, tap by tap; sums and their weight, as in `_separable`."""
    values = np.where(pixels.valid, pixels.values, pixels.values.dtype.type(0))
    found = np.zeros((len(values), *np.broadcast(x[0], y[0]).shape), values.dtype)
    share = np.zeros((1, *found.shape[1:]), values.dtype)
    for ky, wy in enumerate(y[1]):
        iy, inside_y = _clipped(y[0] + ky, needed.row, needed.height)
        for kx, wx in enumerate(x[1]):
            ix, inside_x = _clipped(x[0] + kx, needed.col, needed.width)
            weight = (wx * wy * (inside_x & inside_y)).astype(values.dtype)
            found += values[:, iy, ix] * weight
            share[0] += pixels.valid[iy, ix] * weight
    return found, share


def _renormalized(found: Array, share: Array, values: Array, iy: Integers, ix: Integers) -> Array:
    """Divide by the weight of valid pixels; too little of it leaves the nearest pixel's value."""
    # rounding of the weights must not show where nothing is missing
    share = np.where(np.abs(share - 1) < 1e-5, share.dtype.type(1), share)
    enough = share > 0.2
    if enough.all():
        return np.asarray(found / share)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(enough, found / share, values[:, iy, ix])
