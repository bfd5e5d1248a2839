# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs that draw a figure share: pixels on a lattice, small pictures, files."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..alike import refuse_other_bands
from ..errors import InvalidOption, MissingPackage
from ..executor import each
from ..image import Array, Image, Mask
from ..progress import SILENT, Progress
from ..provenance import repetition
from ..raster import RasterImage, expand, open_image, refuse_overwriting
from ..report.drawing import inline_svg
from ..report.html import Figure, Report, write_report
from ..report.saving import save_figure
from ..requests.shared.drawing import Drawing
from ..vector.features import STEPS
from ..windows import Window, tiling

MOST_PIXELS = 4_000_000
"""Pixels of an image that statistics look at; more are thinned regularly."""

TILE = 512


def opened(entries: Sequence[str], nodata: float | None) -> tuple[RasterImage, ...]:
    """Open images of an option in their order; all must have the same number of bands."""
    images = tuple(open_image(path, nodata) for path in expand(entries))
    for image in images[1:]:
        refuse_other_bands(images[0], image)
    return images


def refuse_inputs(request: Drawing, images: Sequence[RasterImage], *more: str | None) -> None:
    """Raise InvalidOption when an output would replace an input; folders are created."""
    read = [image.path for image in images]
    for path in filter(None, (request.output, request.report, *more)):
        refuse_overwriting(path, read)


def matching_order(before: Sequence[Image], after: Sequence[Image]) -> list[int]:
    """Return which image of `after` belongs to each of `before`: by name, else by order.

    Names are compared without the suffixes of steps. Raises InvalidOption for other numbers.
    """
    if len(before) != len(after):
        raise InvalidOption(
            f"BEFORE has {len(before)} images and AFTER has {len(after)}. Give one image in AFTER "
            "for each in BEFORE."
        )
    names = [[without_steps(image.name) for image in side] for side in (before, after)]
    if sorted(names[0]) == sorted(names[1]) and len(set(names[0])) == len(names[0]):
        return [names[1].index(name) for name in names[0]]
    return list(range(len(before)))


def without_steps(name: str) -> str:
    """Return a name without the suffixes that steps have added."""
    found = next((step for step in STEPS if name.endswith(step) and name != step), None)
    return name if found is None else without_steps(name[: -len(found)])


def stride_of(image: Image) -> int:
    """Return the smallest step between rows and columns that leaves 4 million pixels or fewer."""
    grid = image.grid
    step = max(1, math.isqrt(grid.window.pixels // MOST_PIXELS))
    while math.ceil(grid.width / step) * math.ceil(grid.height / step) > MOST_PIXELS:
        step += 1
    return step


def thinning_note(steps: Sequence[int]) -> str:
    """Return the sentence of a caption about pixels left out; empty when none are."""
    largest = max(steps)
    return f" Statistics use every {largest}th row and column at most." if largest > 1 else ""


def each_tile(
    image: Image,
    look: Callable[[Array, Mask], Any],
    *,
    bands: Sequence[int] | None = None,
    threads: int = 0,
    progress: Progress = SILENT,
) -> list[Any]:
    """Return look(values[band, row, col], valid[row, col]) of each tile's part of the lattice."""
    step = stride_of(image)
    windows = list(tiling(image.grid.window, TILE, TILE))

    def work(window: Window) -> Any:
        found = image.read(window, bands)
        rows, cols = (slice(-start % step, None, step) for start in (window.row, window.col))
        return look(found.values[:, rows, cols], found.valid[rows, cols])

    return list(each(work, windows, threads=threads, progress=progress, total=len(windows)))


def small_picture(
    image: Image,
    side: int,
    *,
    bands: Sequence[int] | None = None,
    threads: int = 0,
    progress: Progress = SILENT,
) -> tuple[Array, Mask]:
    """Return means[band, row, col] of square blocks of pixels, at most `side` along an axis.

    Only valid pixels count; a block without any is not valid.
    """
    grid = image.grid
    factor = max(1, math.ceil(max(grid.width, grid.height) / side))
    shape = (math.ceil(grid.height / factor), math.ceil(grid.width / factor))
    count = image.bands if bands is None else len(bands)
    values, valid = np.zeros((count, *shape), np.float32), np.zeros(shape, bool)
    reach = factor * max(1, TILE // factor)
    windows = list(tiling(grid.window, reach, reach))

    def work(window: Window) -> tuple[Window, Array, Mask]:
        found = image.read(window, bands)
        means, filled = _block_means(found.values, found.valid, factor)
        return window, means, filled

    done = each(work, windows, threads=threads, progress=progress, total=len(windows))
    for window, means, filled in done:
        row, col = window.row // factor, window.col // factor
        rows, cols = slice(row, row + means.shape[1]), slice(col, col + means.shape[2])
        values[:, rows, cols], valid[rows, cols] = means, filled
    return values, valid


def write_drawing(
    draw: Callable[[], Any], request: Drawing, title: str, caption: str, progress: Progress
) -> tuple[str | None, Figure]:
    """Write a figure and return its path, and the figure for the report.

    Without Matplotlib nothing is written: a warning says why.
    """
    try:
        figure = draw()
    except MissingPackage as error:
        progress.warn(f"{os.path.basename(request.output)} is not written: {error}")
        return None, Figure(title, caption)
    save_figure(figure, request.output, request.dpi)
    return os.path.abspath(request.output), Figure(title, caption, inline_svg(figure))


def write_drawn_report(algorithm: str, request: Drawing, report: Report) -> str | None:
    """Write the report of a figure with how to repeat it; return its path."""
    if not request.report:
        return None
    return write_report(request.report, replace(report, repeat=repetition(algorithm, request)))


def _block_means(values: Array, valid: Mask, factor: int) -> tuple[Array, Mask]:
    if factor == 1:
        return np.where(valid, values, 0).astype(np.float32), np.asarray(valid)
    rows, cols = np.arange(0, valid.shape[0], factor), np.arange(0, valid.shape[1], factor)
    counts = np.add.reduceat(np.add.reduceat(valid.astype(np.float64), rows, 0), cols, 1)
    known = np.where(valid, values, 0).astype(np.float64)
    sums = np.add.reduceat(np.add.reduceat(known, rows, 1), cols, 2)
    return (sums / np.maximum(counts, 1)).astype(np.float32), counts > 0
