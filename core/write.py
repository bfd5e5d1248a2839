# SPDX-License-Identifier: GPL-2.0-or-later
"""Put the pixels of an image on disk: the only place that writes rasters."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from .errors import ImageIOError
from .executor import each, processors
from .image import Array, Image, Pixels, beside, representable, uniform
from .progress import SILENT, Progress
from .raster.create import Format, Target, create, optimize
from .raster.stage import staged
from .raster.style import image_style
from .windows import Window, swaths, tiling

BLOCK = 512
SWATH = 8192
"""Width of the columns in which windows run: the blocks that two rows share stay in memory."""

SAMPLES = 1_000_000
"""Pixels looked at for the statistics and the stretch of the style."""


class Options(Protocol):
    """The options of a request that writing needs (mixins Memory and Writing)."""

    @property
    def memory(self) -> int:
        """Memory of the windows, MiB."""

    @property
    def threads(self) -> int:
        """Threads; 0 = all."""

    @property
    def window_size(self) -> int:
        """Side of the computing windows; 0 = automatic."""

    @property
    def cog(self) -> bool:
        """Whether to write a Cloud-Optimized GeoTIFF."""

    @property
    def creation_options(self) -> str | None:
        """KEY=VALUE|KEY=VALUE."""

    @property
    def build_overviews(self) -> bool:
        """Whether to add overviews."""


@dataclass(frozen=True)
class Written:
    """What was written: path, pixels, bytes, and the 2-98 % stretch of each band."""

    path: str
    valid_pixels: int
    moved_from_nodata: int
    bytes: int
    stretch: tuple[tuple[float, float], ...]


@dataclass
class _Tally:
    """Counts and samples collected while the windows pass."""

    stride: int
    valid: int = 0
    moved: int = 0
    samples: list[Array] = field(default_factory=list)

    def add(self, window: Window, pixels: Pixels) -> None:
        everywhere = uniform(pixels.valid)
        if everywhere is False:
            return
        self.valid += window.pixels if everywhere else int(np.count_nonzero(pixels.valid))
        rows = slice(-window.row % self.stride, None, self.stride)
        cols = slice(-window.col % self.stride, None, self.stride)
        self.samples.append(pixels.values[:, rows, cols][:, pixels.valid[rows, cols]])

    def sampled(self, bands: int) -> Array:
        """Return the sampled valid values[band, sample]."""
        return np.concatenate(self.samples, 1) if self.samples else np.empty((bands, 0))


def write(image: Image, path: str, request: Options, progress: Progress = SILENT) -> Written:
    """Write an image as GeoTIFF and its style beside it; every window is computed once.

    The file appears under its name when it is complete. Raises ImageIOError with GDAL's reason.
    """
    form = Format.parse(request.creation_options, image.dtype)
    _refuse_full_disk(image, path, form)
    threads = processors(request.threads)
    tally = _Tally(math.ceil(math.sqrt(max(1, image.grid.window.pixels / SAMPLES))))
    name = os.path.basename(path)
    with staged(path) as temporary:
        block = _block_size(image, request.memory, threads)
        target = create(temporary, image, form, block, threads, name)
        try:
            _copy(image, target, request, tally, progress.part(0.0, 0.9))
            values = tally.sampled(image.bands)
            target.set_statistics(values, exact=tally.stride == 1)
        except BaseException:
            target.abandon()
            raise
        target.close(_resampling(image) if request.build_overviews and not request.cog else "")
        if request.cog:
            progress.phase("Arranging the file for cloud access")
            optimize(temporary, form, _resampling(image), name)
        progress.check()
        _forget_companions(path)
    stretch = _stretch(values)
    if not image.details.color_table:
        image_style(path, image.band_names, image.bands, stretch)
    if tally.moved:
        progress.warn(
            f"{name}: {tally.moved} valid pixels had the output's nodata value in every band and "
            "were moved to the value beside it."
        )
    progress.advance(1.0)
    return Written(path, tally.valid, tally.moved, os.path.getsize(path), stretch)


def _copy(
    image: Image, target: Target, request: Options, tally: _Tally, progress: Progress
) -> None:
    """Compute window after window over the executor and write whole blocks."""
    threads = processors(request.threads)
    width, height = _chunk(image, target.block, request.memory, threads)
    area = image.grid.window
    total = math.ceil(area.width / width) * math.ceil(area.height / height)
    marker = representable(image.nodata, image.dtype)

    def compute(window: Window) -> tuple[Window, Pixels, int]:
        pixels = _assembled(image, window, request.window_size)
        return (window, *_marked(pixels, marker))

    windows = _windows(area, width, height)
    for window, pixels, moved in each(
        compute, windows, threads=threads, progress=progress, total=total
    ):
        tally.add(window, pixels)
        tally.moved += moved
        target.put(window, pixels)


def _windows(area: Window, width: int, height: int) -> Iterator[Window]:
    return swaths(area, max(width, SWATH // width * width), width, height)


def _assembled(image: Image, window: Window, size: int) -> Pixels:
    """Read a window in computing windows of the size the user asked for."""
    if size == 0:
        return image.read(window)
    values = np.empty((image.bands, *window.shape), image.dtype)
    valid = np.empty(window.shape, bool)
    alpha: Array | None = None
    for part in tiling(window, size, size):
        pixels = image.read(part)
        rows, cols = part.within(window)
        values[:, rows, cols], valid[rows, cols] = pixels.values, pixels.valid
        if pixels.alpha is not None:
            alpha = np.zeros(window.shape, pixels.alpha.dtype) if alpha is None else alpha
            alpha[rows, cols] = pixels.alpha
    return Pixels(values, valid, alpha)


def _marked(pixels: Pixels, marker: Any) -> tuple[Pixels, int]:
    """Write nodata where not valid, and keep valid pixels from looking like nodata."""
    values, everywhere = pixels.values, uniform(pixels.valid)
    if marker is None or everywhere is False:
        return pixels, 0
    moved = 0
    if not np.isnan(marker):
        clash = _all_equal(values, marker)
        if clash is not None:
            clash &= pixels.valid
            moved = int(np.count_nonzero(clash))
        if moved:
            values = values.copy()
            values[:, clash] = beside(marker, values.dtype)
    if everywhere is None:
        values = np.where(pixels.valid, values, marker)
    return pixels.with_values(values), moved


def _all_equal(values: Array, marker: Any) -> Array | None:
    """Return where all bands equal a value, None as soon as that is nowhere."""
    found: Array | None = None
    for band in values:
        here = band == marker
        found = here if found is None else found & here
        if not found.any():
            return None
    return found


def _pixel_bytes(image: Image) -> int:
    """Memory of a pixel while it is computed: twice as it is, once in float."""
    return image.bands * (2 * image.dtype.itemsize + 8) + 8


def _block_size(image: Image, memory: int, threads: int) -> int:
    """Side of the blocks: 512 px, less when one window of it would not fit the memory."""
    block = BLOCK
    room = (memory << 20) / (2 * threads + 2) / _pixel_bytes(image)
    while block > 64 and block * block > room:
        block //= 2
    return block


def _chunk(image: Image, block: int, memory: int, threads: int) -> tuple[int, int]:
    """Width and height of the windows: whole blocks, a few of them side by side."""
    room = (memory << 20) / (2 * threads + 2) / _pixel_bytes(image)
    across = max(1, min(4, int(room // (block * block))))
    fair = math.ceil(image.grid.width / block / threads)
    return (block * max(1, min(across, fair)), block)


def _resampling(image: Image) -> str:
    return "NEAREST" if image.details.color_table else "AVERAGE"


def _stretch(values: Array) -> tuple[tuple[float, float], ...]:
    """Return the 2 and 98 % of each band's finite samples."""
    pairs = []
    for band in values:
        finite = band[np.isfinite(band)]
        low, high = np.percentile(finite, (2, 98)) if finite.size else (0.0, 1.0)
        pairs.append((float(low), float(high)))
    return tuple(pairs)


def _refuse_full_disk(image: Image, path: str, form: Format) -> None:
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        return
    pixel = image.bands * image.dtype.itemsize
    # compressed imagery rarely shrinks below a third
    needed = image.grid.window.pixels * pixel * (0.3 if form.compressed else 1.0)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ImageIOError(
            f"This run needs about {_size(needed)} on disk; {_size(free)} are free in {folder}."
        )


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def _forget_companions(path: str) -> None:
    """Remove overviews, masks and statistics of the file that is being replaced."""
    for extension in (".ovr", ".msk", ".aux.xml"):
        with suppress(FileNotFoundError):
            os.remove(path + extension)
