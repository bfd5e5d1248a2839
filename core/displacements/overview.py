# SPDX-License-Identifier: GPL-2.0-or-later
"""The coarse levels of a pair, from one read of all its pixels."""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..deps import available, require
from ..executor import each
from ..grid import Grid
from ..image import Array, ArrayImage, Image, Mask, Pixels, calculation_type, read_padded
from ..progress import Progress
from ..windows import Window, swaths, tiling
from .crossing import Crossing, coarsened
from .front import Level
from .pair import Pair
from .spots import spotless, spots
from .tones import Tone, tone_of

COARSE = 1024
"""Longest side of the coarse level, px."""

NARROW = 64
"""Shortest side that the coarse level keeps where the image is long and narrow, px."""

HELD = 6_500_000
"""Pixels of the finest level that is kept in memory."""

SIDE, SWATH = 512, 8192
"""Windows of the read, and the width of the columns in which they run."""

BEYOND = 0.5
"""How far the moving image is looked at beyond the overlap, in sides of the overlap."""

Spots = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Columns and rows of defective pixels."""

WHOLE = 255
HALF = 0.5
"""Valid share from which an averaged pixel is valid."""


@dataclass(frozen=True)
class Overview:
    """The levels of a pair from 2 ** first to 2 ** coarse; exponents of the pixel size.

    `reference`, `moving`: both images as they are seen, without defective pixels.
    """

    levels: dict[int, Level]
    tones: tuple[Tone, Tone]
    reference: Image
    moving: Image

    @property
    def coarse(self) -> int:
        """Exponent of the coarsest level."""
        return max(self.levels)

    @property
    def finest(self) -> int:
        """Exponent of the finest level in memory."""
        return min(self.levels)


def coarse_exponent(grid: Grid) -> int:
    """Return the power of two that brings the longer side to 1024 px, the shorter above 64."""
    longer, shorter = max(grid.width, grid.height), min(grid.width, grid.height)
    wanted = max(0, math.ceil(math.log2(longer / COARSE)))
    return max(0, min(wanted, int(math.log2(max(1, shorter / NARROW)))))


def overview(pair: Pair, threads: int, progress: Progress) -> Overview:
    """Read every pixel of both images once and return their coarse levels as area averages.

    The finest level in memory has at most 6.5 million pixels.
    """
    coarse = coarse_exponent(pair.grid)
    finest = coarse
    while finest > min(1, coarse) and pair.grid.window.pixels / 4 ** (finest - 1) <= HELD:
        finest -= 1
    area = reached(pair, 2**coarse)
    crossing = Crossing(pair.grid, pair.seen_moving.grid.cropped(area), pair.crossing.mapping)
    sources = ((pair.seen_reference, pair.grid.window), (pair.seen_moving, area))
    ends, defects = _averaged(sources, 2**finest, threads, progress)
    tones = tuple(_tone(end) for end in ends)
    levels = {}
    for exponent in range(finest, coarse + 1):
        factor = 2**exponent
        images = [_image(end, factor) for end in ends]
        levels[exponent] = Level(images[0], images[1], crossing.coarser(factor), tones=tones)  # type: ignore[arg-type]
        ends = [end.halved() for end in ends] if exponent < coarse else ends
    seen = [spotless(image, spots) for (image, _), spots in zip(sources, defects)]
    return Overview(levels, tones, *seen)  # type: ignore[arg-type]


def reached(pair: Pair, unit: int) -> Window:
    """Return the window of the moving image that matters, aligned to a unit of pixels."""
    image, grid = pair.seen_moving, pair.grid
    along = np.linspace(-BEYOND, 1 + BEYOND, 33)
    x, y = np.meshgrid(along * grid.width, along * grid.height)
    cols, rows = pair.crossing.at(x, y)
    good = np.isfinite(cols) & np.isfinite(rows)
    limits = image.grid.window
    if not good.any():
        return limits
    left, top = math.floor(cols[good].min()), math.floor(rows[good].min())
    right, bottom = math.ceil(cols[good].max()) + 1, math.ceil(rows[good].max()) + 1
    box = Window(left, top, right - left, bottom - top).clipped(limits)
    return box.aligned(unit, unit).clipped(limits) if not box.empty else limits


@dataclass
class _Averages:
    """Means[row, col] of blocks of an image's window, and how much of each is valid, of 255."""

    image: Image
    window: Window
    values: Array
    share: NDArray[np.uint8]

    def put(self, at: Window, values: Array, share: Array) -> None:
        self.values[at.slices] = values
        self.share[at.slices] = np.rint(share * WHOLE)

    def halved(self) -> _Averages:
        """Return means over twice as large blocks."""
        height, width = (-(-size // 2) for size in self.share.shape)
        half = _Averages(
            self.image,
            self.window,
            zeros((height, width), self.values.dtype),
            zeros((height, width), self.share.dtype),
        )
        for part in tiling(Window(0, 0, width, height), SIDE, SIDE):
            here = Window(2 * part.col, 2 * part.row, 2 * part.width, 2 * part.height).slices
            share = self.share[here] / np.float32(WHOLE)
            half.put(part, *block_means(self.values[here], share, 2))
        return half


def _averaged(
    sources: tuple[tuple[Image, Window], ...], factor: int, threads: int, progress: Progress
) -> tuple[list[_Averages], list[list[Spots]]]:
    """Read windows of all images and average blocks of factor x factor pixels.

    Defective pixels are told, and take no part.
    """
    ends, jobs = [], []
    defects: list[list[Spots]] = [[] for _ in sources]
    side = max(1, SIDE // factor) * factor
    for index, (image, window) in enumerate(sources):
        shape = (math.ceil(window.height / factor), math.ceil(window.width / factor))
        kind = calculation_type(image.dtype)
        ends.append(_Averages(image, window, zeros(shape, kind), zeros(shape, np.dtype(np.uint8))))
        jobs += [(index, part) for part in swaths(window, SWATH, side, side)]

    def work(job: tuple[int, Window]) -> tuple[int, Window, Array, Array, Spots]:
        index, part = job
        image, window = sources[index]
        found = finite(read_padded(image, part, (1,)), ends[index].values.dtype)
        values, share = block_means(found[0], found[1].astype(np.float32), factor)
        rows, cols = spots(*found, values[share > 0])
        if len(rows):
            valid = np.array(found[1])
            valid[rows, cols] = False
            values, share = block_means(found[0], valid.astype(np.float32), factor)
        at = part.shifted(-window.col, -window.row)
        place = Window(at.col // factor, at.row // factor, values.shape[1], values.shape[0])
        return index, place, values, share, (cols + part.col, rows + part.row)

    for index, place, values, share, found in each(
        work, jobs, threads=threads, progress=progress, total=len(jobs)
    ):
        ends[index].put(place, values, share)
        if len(found[0]):
            defects[index].append(found)
    return ends, defects


def zeros(shape: tuple[int, int], dtype: np.dtype[Any]) -> Array:
    """Return zeros in memory of their own, given back as soon as nobody needs them.

    An array of megabytes that passes through malloc once makes glibc hold on to as much in every
    thread from then on.
    """
    size = int(np.prod(shape)) * dtype.itemsize
    return np.frombuffer(mmap.mmap(-1, max(1, size)), dtype, int(np.prod(shape))).reshape(shape)


def finite(found: Pixels, dtype: np.dtype[np.generic]) -> tuple[Array, Mask]:
    """Return values[row, col] of one band in a calculation type, 0 where not valid."""
    values, valid = found.values[0].astype(dtype, copy=False), found.valid
    if found.values.dtype.kind == "f":
        valid = valid & np.isfinite(values)
    return (values, valid) if valid.all() else (np.where(valid, values, 0), valid)


def block_means(values: Array, share: Array, factor: int) -> tuple[Array, Array]:
    """Return the means of blocks weighted by their valid share, and the share of each block.

    What lies beyond the arrays is not valid. Means are 0 where nothing is.
    """
    if factor == 1:
        return values, share
    bottom, right = (-size % factor for size in values.shape)
    if bottom or right:
        values, share = (np.pad(v, ((0, bottom), (0, right))) for v in (values, share))
    whole = bool((share == 1).all())
    if whole:
        return _shrunk(values, factor), _shrunk(share, factor)
    means, weight = _shrunk(values * share, factor), _shrunk(share, factor)
    return np.where(weight > 0, means / np.where(weight > 0, weight, 1), 0), weight


def _shrunk(values: Array, factor: int) -> Array:
    height, width = (size // factor for size in values.shape)
    if available("cv2"):
        cv2 = require("cv2", "Averaging pixels fast")
        return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA))
    blocks = values.reshape(height, factor, width, factor)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float64), values.dtype)


def _image(end: _Averages, factor: int) -> ArrayImage:
    grid = coarsened(end.image.grid.cropped(end.window), factor)
    valid = zeros((grid.height, grid.width), np.dtype(bool))
    np.greater_equal(end.share, HALF * WHOLE, out=valid)
    return ArrayImage(end.image.name, grid, end.values[None], valid)


def _tone(end: _Averages) -> Tone:
    if end.image.dtype.itemsize <= 2:
        return Tone()
    return tone_of(end.values[end.share >= HALF * WHOLE], end.image.dtype)
