# SPDX-License-Identifier: GPL-2.0-or-later
"""An image seen on another grid: positions mapped back, pixels resampled."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..grid import Grid, Transform
from ..image import (
    Array,
    Details,
    Pixels,
    View,
    beyond,
    calculation_type,
    constant,
    read_padded,
    representable,
    settle,
    settled,
)
from ..windows import Window
from .fractions import WEIGHTS
from .interpolation import ROUNDING, Source, interpolated, reach
from .kernels import Floats, Integers, taps
from .sums import (
    FAR,
    blanked,
    finite_only,
    nearest,
    renormalized,
    scattered_sums,
    separable_sums,
    touched,
    valid_at,
    wholly_valid,
)

Mapping = Callable[[Any, Any], tuple[Any, Any]]
"""Map positions (x, y) of the target to those of the source."""

PIECE = 1 << 22
"""Source pixels of a window that are held at once; larger ones are done in parts."""

COARSER = 1.5
"""With `valid_weight`, areas are averaged where a target pixel spans so many source pixels."""


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
    With `valid_weight`, a pixel is valid when valid pixels have this share of the bilinear weights
    round it; kernels are used where all pixels they look at are valid, and bilinear weights of the
    valid ones elsewhere; what is cut to the type or moved away from nodata is counted.
    """

    target: Grid
    resampling: str = "bilinear"
    mapping: Mapping | None = None
    step: int = 1
    strict: bool = False
    valid_weight: float | None = None

    @property
    def grid(self) -> Grid:
        """The target grid."""
        return self.target

    @property
    def details(self) -> Details:
        """Those of the image below; where it does not reach, pixels are not valid."""
        found = self.source.details
        return replace(found, validity="mask") if found.validity == "all" else found

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Resample a window."""
        exact = rounded and self.resampling == "nearest"
        dtype = self.source.dtype if exact else calculation_type(self.source.dtype)
        found = self._resampled(window, bands, dtype)
        if exact or not rounded:
            return found
        if self.valid_weight is not None:
            return _counted(found, self.dtype, self.nodata)
        return found.with_values(settled(found.values, self.dtype, self.nodata))

    def _resampled(
        self, window: Window, bands: Sequence[int] | None, dtype: np.dtype[Any]
    ) -> Pixels:
        cols, rows, scale = self._positions(window)
        method = self._method(scale)
        if self.valid_weight is not None and method in WEIGHTS:
            return self._between(window, bands, dtype, (cols, rows))
        x, y = taps(cols, method, scale[0]), taps(rows, method, scale[1])
        needed = touched(x, y).clipped(self.source.grid.window)
        if needed.empty:
            return self._nothing(window, bands, dtype)
        if needed.pixels > PIECE and window.pixels > 1:
            return self._in_parts(window, bands, dtype)
        pixels = self.source.read(needed, bands, rounded=dtype == self.source.dtype)
        center = valid_at(pixels.valid, cols, rows, needed)
        iy, ix = nearest(cols, rows, needed)
        if method == "nearest":
            found = blanked(pixels.values[:, iy, ix], center)
            return replace(found, alpha=self._alpha(pixels, iy, ix))
        resample = separable_sums if self._parallel else scattered_sums
        finite = finite_only(pixels)
        values, share = resample(finite, x, y, needed)
        if self.valid_weight is not None:
            return self._weighed(values, share, self._alpha(pixels, iy, ix), dtype)
        if share is not None:
            values = renormalized(values, share, pixels.values, iy, ix)
        if finite is not pixels:
            own = pixels.values[:, iy, ix]
            values = np.where(np.isfinite(own), values, own)
        if self.strict:
            center = center & wholly_valid(pixels.valid, x, y, needed)
        return blanked(values.astype(dtype, copy=False), center)

    def _method(self, scale: tuple[float, float]) -> str:
        coarse = self.valid_weight is not None and max(scale) >= COARSER
        return "average" if coarse and self.resampling != "nearest" else self.resampling

    def _between(
        self,
        window: Window,
        bands: Sequence[int] | None,
        dtype: np.dtype[Any],
        at: tuple[Floats, Floats],
    ) -> Pixels:
        """Interpolate at positions (cols, rows) of the source."""
        area = _looked_at(*at, reach(self.resampling))
        needed = area.clipped(self.source.grid.window.padded(reach(self.resampling) + 1))
        if needed.clipped(self.source.grid.window).empty:
            return self._nothing(window, bands, dtype)
        if needed.pixels > PIECE and window.pixels > 1:
            return self._in_parts(window, bands, dtype)
        found = read_padded(self.source, needed, bands, rounded=dtype == self.source.dtype)
        x, y = at[0] - needed.col, at[1] - needed.row
        lost = None
        if needed != area or min(at[0].min(), at[1].min()) <= FAR / 2:
            lost = (at[0] <= FAR / 2) | (at[1] <= FAR / 2)
            ring = reach(self.resampling)
            x = np.clip(x, ring - 1, needed.width - 1 - ring)
            y = np.clip(y, ring - 1, needed.height - 1 - ring)
        source = Source.of(found.values, found.valid, dtype)
        values, share = interpolated(source, x, y, self.resampling, parallel=self._parallel)
        if lost is not None:
            share[lost] = 0
        alpha = None
        if found.alpha is not None:
            iy, ix = (np.floor(p + 0.5).astype(np.intp) for p in (y, x))
            alpha = self._alpha(found, iy, ix)
        return self._weighed(values, share, alpha, dtype)

    def _weighed(
        self, values: Array, share: Array | None, alpha: Array | None, dtype: np.dtype[Any]
    ) -> Pixels:
        """Decide what is valid by the share of valid pixels; sums of areas are divided by it."""
        if share is None:
            everywhere = constant(True, (values.shape[1], values.shape[2]))
            return Pixels(values.astype(dtype, copy=False), everywhere, alpha)
        if share.ndim == 3:
            share = np.where(np.abs(share[0] - 1) < ROUNDING, 1, share[0])
            values = values / np.where(share > 0, share, 1)
        limit = max(self.valid_weight or 0.0, 2 * ROUNDING)
        found = blanked(values.astype(dtype, copy=False), share >= limit - ROUNDING)
        if alpha is not None:
            top = 1 if alpha.dtype.kind == "f" else np.iinfo(alpha.dtype).max
            alpha = np.where(found.valid & (alpha == 0), alpha.dtype.type(top), alpha)
        return replace(found, alpha=alpha)

    def _alpha(self, pixels: Pixels, iy: Integers, ix: Integers) -> Array | None:
        """Opacity of the nearest pixels, where it is kept."""
        kept = self.valid_weight is not None and pixels.alpha is not None
        return pixels.alpha[iy, ix] if kept and pixels.alpha is not None else None

    def _nothing(self, window: Window, bands: Sequence[int] | None, dtype: np.dtype[Any]) -> Pixels:
        count = self.bands if bands is None else len(bands)
        return Pixels(np.zeros((count, *window.shape), dtype), constant(False, window.shape))

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
            _opacity((a, b), axis),
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
        cols, rows = self._exactly(col, row) if self.step == 1 else self._on_lattice(window)
        return cols, rows, self._scale()

    def _exactly(self, col: Array, row: Array) -> tuple[Floats, Floats]:
        """Source positions of target pixel indices through the mapping.

        Indices may be one row of columns and one column of rows; where the map runs along them,
        its positions are as well.
        """
        x, y = self.target.to_map(col + 0.5, row + 0.5)
        if not self.target.rotated and len(col) == 1 and row.shape[1] == 1:
            x, y = x[:1], y[:, :1]
        if self.mapping is not None:
            x, y = self.mapping(x, y)
        with np.errstate(invalid="ignore"):
            cols, rows = self.source.grid.to_pixel(x, y)
        known = np.isfinite(cols) & np.isfinite(rows)
        if known.all() and cols.shape == known.shape == rows.shape:
            return cols - 0.5, rows - 0.5
        return np.where(known, cols - 0.5, FAR), np.where(known, rows - 0.5, FAR)

    def _on_lattice(self, window: Window) -> tuple[Floats, Floats]:
        """Positions by bilinear interpolation between exact nodes at multiples of the step.

        Nodes lie at fixed places, so that every window sees the same positions.
        """
        step = self.step
        outer = window.aligned(step, step)
        node_cols = np.arange(outer.col, outer.right + step, step, dtype=np.float64)
        node_rows = np.arange(outer.row, outer.bottom + step, step, dtype=np.float64)
        nodes = self._exactly(node_cols[None, :], node_rows[:, None])
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


def lattice_step(view: Warped, tolerance: float = 0.005, steps: Sequence[int] = (32, 8, 2)) -> int:
    """Return the widest lattice spacing whose positions are wrong by at most tolerance px."""
    width, height = view.target.width, view.target.height
    for step in steps:
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


def _opacity(parts: Sequence[Pixels], axis: int) -> Array | None:
    """Join the opacity of parts; one without is not valid anywhere."""
    kinds = [part.alpha.dtype for part in parts if part.alpha is not None]
    if not kinds:
        return None
    known = [np.zeros(p.valid.shape, kinds[0]) if p.alpha is None else p.alpha for p in parts]
    return np.asarray(np.concatenate(known, axis))


def _looked_at(cols: Floats, rows: Floats, ring: int) -> Window:
    """Source window round all positions that have a place, with `ring` pixels round them."""
    cols, rows = cols[cols > FAR / 2], rows[rows > FAR / 2]
    if not cols.size or not rows.size:
        return Window(0, 0, 0, 0)
    col, row = math.floor(cols.min()) - ring, math.floor(rows.min()) - ring
    right, bottom = math.floor(cols.max()) + ring + 2, math.floor(rows.max()) + ring + 2
    return Window(col, row, right - col, bottom - row)


def _counted(found: Pixels, dtype: np.dtype[Any], nodata: float | None) -> Pixels:
    """Round, limit and keep away from nodata, and count both; pixels that are not valid are 0."""
    clipped = beyond(found.values, dtype)
    values, moved = settle(found.values, dtype, nodata)
    if moved and representable(nodata, dtype) == 0:
        moved -= int(np.count_nonzero(~found.valid)) * len(values)
    return replace(found, values=values, clipped=clipped, moved=moved)
