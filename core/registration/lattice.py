# SPDX-License-Identifier: GPL-2.0-or-later
"""The pixels on which a pair is compared, at any level, and where they lie in the moving image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..alike import file_name
from ..displacements.crossing import Crossing, coarsened
from ..displacements.overview import block_means, finite
from ..displacements.pair import Part, crossing, pixel_ratio
from ..errors import IncompatibleImages
from ..executor import each
from ..grid import Grid, bounds_text
from ..image import Image, Mask, calculation_type, read_padded
from ..matching.patches import Mapping, Patch, coarser, patch_of
from ..placement import bounds_in
from ..progress import SILENT, Progress
from ..raster.crs import is_geographic
from ..transform.correction import Frame, frame_at
from ..transform.spline import filled
from ..transform.warped import Warped
from ..windows import Window, tiling

Floats = NDArray[np.float32]
Positions = NDArray[np.float64]

COARSER = 1.5
"""Ratio of pixel sizes from which the pair is compared on the pixels of the moving image."""

SQUARE = 1e-4
"""Relative difference of pixel sides that a rotation does not notice."""

HALF = 0.5
"""Valid share from which an averaged pixel is valid."""

TILE = 1024
"""Side of the windows in which large levels are read."""

MARGIN = 24
"""Pixels round a part that features and splines look at."""

BENT = 1e-3
"""Error of positions between nodes that is allowed, px."""

FAR = 4096.0
"""Distance over which slopes are taken, so that map units far from 0 do not round them, px."""

LEAST_SHIFT, SHIFT_SHARE, MOST_SHARE = 40.0, 0.04, 1 / 3
"""Automatic search: px of the reference, share of the longer side, most of the shorter side."""


@dataclass(frozen=True)
class Lattice:
    """A lattice over the overlap of two one-band images, and both images on it.

    `grid` may have coarser pixels than the reference, of `factor` reference pixels along its
    columns and rows; `overlap` is its part in which both images lie by their georeferencing,
    `max_shift` the largest displacement in px of the lattice. `filling`: holes of the moving image
    are filled from around them.
    """

    reference: Image
    moving: Image
    grid: Grid
    overlap: Window
    max_shift: float
    filling: bool = False

    @cached_property
    def factor(self) -> tuple[float, float]:
        """Sides of a lattice pixel in reference pixels."""
        mine, theirs = self.grid.pixel_size, self.reference.grid.pixel_size
        return (mine[0] / theirs[0], mine[1] / theirs[1])

    @cached_property
    def seen_reference(self) -> Image:
        """The reference on the lattice."""
        shift = self.reference.grid.offset(self.grid)
        if shift is not None:
            return Part(self.reference, Window(*shift, self.grid.width, self.grid.height))
        return Warped(self.reference, self.grid, "bspline", valid_weight=HALF)

    @cached_property
    def moving_pixels(self) -> float:
        """Moving pixels along a lattice pixel."""
        return 1 / pixel_ratio(self.grid, self.moving.grid)

    def level(self, factor: int) -> Grid:
        """Return the lattice with pixels `factor` times as large; what does not fill one is cut."""
        whole = Window(
            0, 0, self.grid.width // factor * factor, self.grid.height // factor * factor
        )
        return coarsened(self.grid.cropped(whole), factor)

    def read(
        self,
        factor: int = 1,
        window: Window | None = None,
        *,
        reach: float | None = None,
        threads: int = 1,
        progress: Progress = SILENT,
    ) -> Held:
        """Read a window of a level, by default all of it, and the moving pixels that may show it.

        Displacements of up to `reach` px of the level are allowed, by default the largest shift.
        """
        level = self.level(factor)
        window = level.window if window is None else window
        reach = self.max_shift / factor if reach is None else reach
        area = Window(*(factor * side for side in (window.col, window.row, *window.shape[::-1])))
        one, other = progress.part(0.0, 0.5), progress.part(0.5, 1.0)
        values, valid = averaged(self.seen_reference, area, factor, threads, one)
        side = max(1, round(factor * self.moving_pixels))
        near = self._reached(level, window.padded(math.ceil(reach) + MARGIN), side)
        shown, seen = averaged(self.moving, near, side, threads, other)
        if self.filling and seen.any() and not seen.all():
            shown, seen = filled(shown, seen), np.ones_like(seen)
        there = coarsened(self.moving.grid.cropped(near), side)
        return Held(
            values, valid, shown, seen, level.cropped(window), there, (window.col, window.row)
        )

    def _reached(self, level: Grid, area: Window, side: int) -> Window:
        """Return the window of the moving image, in whole blocks, that may show an area."""
        box = _box(crossing(level, self.moving.grid), area)
        limits = self.moving.grid.window
        found = box.clipped(limits) if box else Window(0, 0, 0, 0)
        if found.empty:
            # a patch with no valid pixel
            return Window(0, 0, side, side)
        return found.aligned(side, side)


@dataclass(frozen=True)
class Held:
    """Pixels of both images in memory: the reference on `grid`, moving ones around on `there`.

    `origin`: column and row of the first pixel on the level's lattice.
    """

    reference: Floats
    valid: Mask
    moving: Floats
    seen: Mask
    grid: Grid
    there: Grid
    origin: tuple[int, int] = (0, 0)

    @cached_property
    def patch(self) -> Patch:
        """What is matched; positions are those of the level's lattice."""
        area = Window(*self.origin, self.grid.width, self.grid.height)
        level = self.grid.cropped(Window(-area.col, -area.row, area.right, area.bottom))
        mapping = mapping_between(crossing(level, self.there), area)
        ends = (self.reference, self.valid, self.moving, self.seen)
        return replace(patch_of(*ends, mapping, self.origin), known={})

    def shown(self, step: int) -> Mask:
        """Return where a valid moving pixel lies under every step-th pixel of the reference."""
        rows, cols = self.reference.shape
        x = np.arange(self.origin[0], self.origin[0] + cols, step, dtype=np.float64)[None]
        y = np.arange(self.origin[1], self.origin[1] + rows, step, dtype=np.float64)[:, None]
        col, row = np.broadcast_arrays(*self.patch.mapping(x, y))
        tall, wide = self.seen.shape
        near = [np.rint(np.nan_to_num(at, nan=-1.0, posinf=-1.0, neginf=-1.0)) for at in (col, row)]
        inside = (near[0] >= 0) & (near[1] >= 0) & (near[0] < wide) & (near[1] < tall)
        places = [np.where(inside, at, 0).astype(np.int64) for at in near]
        return np.asarray(inside & self.seen[places[1], places[0]])

    def coarser(self, factor: int) -> Held:
        """Return the same with pixels `factor` times as large; only whole levels have some."""
        if factor == 1:
            return self
        reference, valid = coarser(self.reference, self.valid, factor)
        moving, seen = coarser(self.moving, self.seen, factor)
        grids = []
        for grid, values in ((self.grid, reference), (self.there, moving)):
            rows, cols = values.shape
            whole = grid.cropped(Window(0, 0, cols * factor, rows * factor))
            grids.append(coarsened(whole, factor))
        return Held(reference, valid, moving, seen, grids[0], grids[1])


def averaged(
    image: Image,
    window: Window,
    factor: int = 1,
    threads: int = 1,
    progress: Progress = SILENT,
) -> tuple[Floats, Mask]:
    """Return means[row, col] of blocks of a window of a one-band image, and where half is valid.

    What lies beyond the image is not valid. Types that float32 does not hold are centered first.
    """
    shape = (window.height // factor, window.width // factor)
    values, valid = np.zeros(shape, np.float32), np.zeros(shape, bool)
    side = max(1, TILE // factor) * factor
    parts = list(tiling(window, side, side))
    kind = calculation_type(image.dtype)
    middle: list[float] = []

    def work(part: Window) -> tuple[Window, Floats, Mask]:
        found = finite(read_padded(image, part, (1,), rounded=False), kind)
        means, share = block_means(found[0], found[1].astype(np.float32), factor)
        return part, means, share >= HALF

    for part, means, kept in each(
        work, parts, threads=threads, progress=progress, total=len(parts)
    ):
        if kind == np.float64 and not middle and kept.any():
            middle.append(float(np.median(means[kept])))
        at = part.shifted(-window.col, -window.row)
        col, row = at.col // factor, at.row // factor
        place = (slice(row, row + means.shape[0]), slice(col, col + means.shape[1]))
        values[place] = np.where(kept, means - middle[0], 0) if middle else means * kept
        valid[place] = kept
    return values, valid


@dataclass(frozen=True)
class Straight:
    """A mapping of positions (x, y) to (a x + b y + c, d x + e y + f)."""

    terms: tuple[float, float, float, float, float, float]

    def __call__(self, x: Positions, y: Positions) -> tuple[Positions, Positions]:
        """Return the positions."""
        a, b, c, d, e, f = self.terms
        if b == 0 and d == 0:
            return a * x + c, e * y + f
        return a * x + b * y + c, d * x + e * y + f


@dataclass(frozen=True)
class Bent:
    """A mapping by bilinear interpolation between nodes[row, col] at multiples of a step."""

    origin: tuple[int, int]
    step: int
    x: Positions
    y: Positions

    def __call__(self, x: Positions, y: Positions) -> tuple[Positions, Positions]:
        """Return the positions; beyond the nodes straight lines go on."""
        col, fx = self._cell(x, self.origin[0], self.x.shape[1])
        row, fy = self._cell(y, self.origin[1], self.x.shape[0])
        found = []
        for nodes in (self.x, self.y):
            above = nodes[row, col] * (1 - fx) + nodes[row, col + 1] * fx
            below = nodes[row + 1, col] * (1 - fx) + nodes[row + 1, col + 1] * fx
            found.append(above * (1 - fy) + below * fy)
        return found[0], found[1]

    def _cell(self, at: Positions, first: int, count: int) -> tuple[NDArray[np.int64], Positions]:
        position = (at - first) / self.step
        cell = np.clip(np.floor(position), 0, count - 2).astype(np.int64)
        return cell, position - cell


def mapping_between(across: Crossing, window: Window) -> Mapping:
    """Return where positions of a window lie in the moving image, exact to 0.001 px."""
    if across.mapping is None:
        x, y = across.at(np.array([0.0, FAR, 0.0]), np.array([0.0, 0.0, FAR]))
        a, d, b, e = (float(at[k] - at[0]) / FAR for k in (1, 2) for at in (x, y))
        if not across.working.rotated and not across.moving.rotated:
            b, d = 0.0, 0.0
        return Straight((a, b, float(x[0]), d, e, float(y[0])))
    step = 64
    while step > 1 and _bend(across, window, step) > BENT:
        step //= 2
    outer = window.aligned(step, step)
    cols = np.arange(outer.col, outer.right + step + 1, step, dtype=np.float64)
    rows = np.arange(outer.row, outer.bottom + step + 1, step, dtype=np.float64)
    x, y = across.at(*np.meshgrid(cols, rows))
    return Bent((outer.col, outer.row), step, x, y)


def _bend(across: Crossing, window: Window, step: int) -> float:
    """Return how far positions lie from straight lines between nodes, at most, px."""
    x, y = np.meshgrid(
        np.linspace(window.col, window.right, 9), np.linspace(window.row, window.bottom, 9)
    )
    middle = across.at(x + step / 2, y + step / 2)
    ends = [across.at(x + i * step, y + j * step) for i in (0, 1) for j in (0, 1)]
    with np.errstate(invalid="ignore"):
        off = [np.abs(sum(end[k] for end in ends) / 4 - middle[k]) for k in (0, 1)]
    return float(np.nanmax(np.where(np.isfinite(off), off, 0.0)))


def frame_of(reference: Grid, x: float, y: float) -> Frame:
    """Return the metric frame of the CRS of a reference round a map position."""
    return frame_at(x, y, geographic=is_geographic(reference.crs))


def lattice_of(
    reference: Image,
    moving: Image,
    *,
    max_shift: float = 0.0,
    resolutions: Sequence[float] = (),
    square: bool = True,
    filling: bool = False,
) -> Lattice:
    """Return the lattice of two one-band images.

    `max_shift` in map units, 0 = automatic; the finest of `resolutions`, map units, is that of the
    lattice; `square`: pixels are squares on the ground, so that a rotation is one.
    Raises IncompatibleImages when the images do not overlap.
    """
    grid = reference.grid
    pixel = math.sqrt(math.prod(grid.pixel_size))
    box = grid.window_of(bounds_in(moving.grid, grid.crs))
    overlap = box.clipped(grid.window)
    reach = max_shift / pixel or _automatic(overlap if not overlap.empty else grid.window)
    near = box.padded(math.ceil(reach)).clipped(grid.window)
    if near.empty:
        raise IncompatibleImages(_apart(reference, moving, reach * pixel))
    ratio = pixel_ratio(grid, moving.grid)
    factor = ratio if ratio > COARSER else 1.0
    if resolutions:
        factor = max(1.0, min(resolutions) / pixel, factor if ratio > COARSER else 1.0)
    lattice = _lattice_grid(grid, near, factor, square)
    scale = math.sqrt(math.prod(lattice.pixel_size)) / pixel
    inner = lattice.window_of(bounds_in(grid.cropped(overlap), grid.crs)).clipped(lattice.window)
    inner = lattice.window if overlap.empty or inner.empty else inner
    return Lattice(reference, moving, lattice, inner, reach / scale, filling)


def _automatic(overlap: Window) -> float:
    """Return the largest shift that is looked for, px of the reference."""
    longer, shorter = max(overlap.shape), min(overlap.shape)
    return min(max(LEAST_SHIFT, SHIFT_SHARE * longer), MOST_SHARE * shorter)


def _lattice_grid(grid: Grid, near: Window, factor: float, square: bool) -> Grid:
    """Return the reference's pixels in a window, coarser by a factor, square if they must be."""
    part = grid.cropped(near)
    middle = part.to_map(part.width / 2, part.height / 2)
    kx, ky = frame_of(grid, *middle).scale
    _, a, b, _, d, e = grid.transform
    along, down = math.hypot(a * kx, d * ky), math.hypot(b * kx, e * ky)
    crossed = abs(a * b * kx * kx + d * e * ky * ky) / (along * down)
    skew = abs(along - down) > SQUARE * down or crossed > SQUARE
    if not (square and skew):
        return coarsened(part, factor) if factor > 1 else part
    # one side per pixel, rows at a right angle to columns, on the same hand
    side = max(along, down) * factor
    unit = (a * kx / along, d * ky / along)
    hand = math.copysign(1.0, a * e - b * d)
    step = (side * unit[0] / kx, -hand * side * unit[1] / kx)
    fall = (side * unit[1] / ky, hand * side * unit[0] / ky)
    made = Grid(1, 1, (part.transform[0], *step, part.transform[3], *fall), grid.crs)
    return made.cropped(made.window_of(part.bounds))


def _box(across: Crossing, area: Window) -> Window | None:
    """Return the window of moving pixels round an area of the lattice; None when there is none."""
    x, y = np.meshgrid(
        np.linspace(area.col, area.right, 17), np.linspace(area.row, area.bottom, 17)
    )
    col, row = across.at(x, y)
    good = np.isfinite(col) & np.isfinite(row)
    if not good.any():
        return None
    left, top = math.floor(col[good].min()), math.floor(row[good].min())
    right, bottom = math.ceil(col[good].max()) + 1, math.ceil(row[good].max()) + 1
    return Window(left, top, right - left, bottom - top)


def _apart(reference: Image, moving: Image, reach: float) -> str:
    there = bounds_in(moving.grid, reference.grid.crs)
    unit = "°" if is_geographic(reference.grid.crs) else "m"
    return (
        f"MOVING {file_name(moving)} ({bounds_text(there)}) and REFERENCE {file_name(reference)} "
        f"({bounds_text(reference.grid.bounds)}) do not overlap, even allowing MAX_SHIFT "
        f"{reach:.6g} {unit}. Check the georeferencing."
    )
