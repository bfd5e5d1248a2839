# SPDX-License-Identifier: GPL-2.0-or-later
"""Fill overviews window by window: GDAL's own way lets its cache of blocks grow until it is done.

GDAL puts the pixels together also here (nearest apart), so that overviews are as it makes them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from osgeo import gdal, gdal_array

from ..image import Array
from ..progress import SILENT, Progress
from ..windows import Window, tiling

SIDE = 512
"""Side of the windows of an overview that are computed at once, px."""

FLUSH = 16 << 20
"""Bytes read after which blocks leave GDAL's cache."""

Box = tuple[float, ...]
"""Column, row, width, height; in parts of pixels too."""

METHODS = {
    "nearest": gdal.GRIORA_NearestNeighbour,
    "average": gdal.GRIORA_Average,
    "mode": gdal.GRIORA_Mode,
    "bilinear": gdal.GRIORA_Bilinear,
    "cubic": gdal.GRIORA_Cubic,
    "lanczos": gdal.GRIORA_Lanczos,
}

MARGIN = 2
"""Pixels around a window that are computed too where pixels of the level before are cut: there
GDAL takes whole pixels at the edge of what it is asked for."""


REACH = 3
"""Pixels of an overview round one that the widest kernel (lanczos) takes in."""


def fill(
    dataset: gdal.Dataset,
    levels: Sequence[int],
    resampling: str,
    progress: Progress = SILENT,
    nodata: float | None = None,
) -> None:
    """Build overviews inside of an open file, each from the one before.

    None stay when it fails, as GDAL does. `nodata` stands for the value that the file declares.
    """
    refuse_masked(dataset, nodata)
    ascending, base = sorted(set(levels)), _alone(dataset.GetDescription())
    if base is None or not _fillable(dataset, resampling):
        _by_gdal(dataset, ascending, resampling, progress, nodata)
        return
    with ExitStack() as undo:
        undo.callback(dataset.BuildOverviews, "NONE", [])
        _made(dataset.BuildOverviews("NONE", ascending))
        sizes = [_size(dataset, level) for level in ascending]
        _cascade(base, dataset, sizes, _Making(METHODS[resampling], nodata), progress)
        undo.pop_all()


def fill_beside(
    path: str,
    levels: Sequence[int],
    resampling: str,
    progress: Progress = SILENT,
    nodata: float | None = None,
) -> None:
    """Build overviews in a file .ovr beside an image, as inside of one; fails as GDAL does."""
    ascending, base, beside = sorted(set(levels)), _alone(path), path + ".ovr"
    dataset = gdal.OpenEx(path, gdal.OF_RASTER)
    refuse_masked(dataset, nodata)
    known = os.path.exists(beside) or dataset.GetRasterBand(1).GetOverviewCount()
    fillable = resampling in METHODS and dataset.GetFileList() is not None
    if base is None or known or not fillable or _masked(dataset):
        _by_gdal(dataset, ascending, resampling, progress, nodata)
        return
    sizes = [_size(dataset, level) for level in ascending]
    _made(dataset.BuildOverviews("NONE", ascending))
    del dataset
    with ExitStack() as undo:
        undo.callback(os.remove, beside)
        first = gdal.OpenEx(beside, gdal.OF_RASTER | gdal.OF_UPDATE)
        pairs = [(a, b) for a, b in zip(_planes(base), _planes(first)) if a and b]
        how = _Making(METHODS[resampling], nodata)
        _Step(pairs, how).run(progress.part(0.0, 0.75))
        del pairs, first, base
        rest = gdal.OpenEx(beside, gdal.OF_RASTER | gdal.OF_UPDATE)
        _cascade(_alone(beside), rest, sizes[1:], how, progress.part(0.75, 1.0))
        undo.pop_all()


def refuse_masked(dataset: gdal.Dataset, nodata: float | None) -> None:
    """Raise RuntimeError where a mask says what is valid, and a nodata value should."""
    if nodata is not None and _masked(dataset):
        raise RuntimeError(
            f"its mask or alpha band says what is valid, not nodata {nodata:g}. Leave NODATA empty"
        )


def _masked(dataset: gdal.Dataset) -> bool:
    return bool(dataset.GetRasterBand(1).GetMaskFlags() & (gdal.GMF_ALPHA | gdal.GMF_PER_DATASET))


def _cascade(
    base: gdal.Dataset,
    dataset: gdal.Dataset,
    sizes: Sequence[tuple[int, int]],
    how: _Making,
    progress: Progress,
) -> None:
    """Fill the overviews of these sizes, the first one from the base."""
    below, total, done = _planes(base), sum(w * h for w, h in sizes), 0
    for size in sizes:
        planes = [_overview(plane, *size) for plane in _planes(dataset)]
        share = size[0] * size[1]
        part = progress.part(done / total, (done + share) / total)
        pairs = [(a, b) for a, b in zip(below, planes) if a and b]
        _Step(pairs, how).run(part)
        below, done = planes, done + share


def _alone(path: str) -> gdal.Dataset | None:
    """Open a file without its overviews, which pixels would be read from; not with old GDAL."""
    base = gdal.OpenEx(path, gdal.OF_RASTER, open_options=["OVERVIEW_LEVEL=NONE"])
    return None if base is None or base.GetRasterBand(1).GetOverviewCount() else base


def _made(failed: int) -> None:
    if failed:
        raise RuntimeError(gdal.GetLastErrorMsg())


def _by_gdal(
    dataset: gdal.Dataset,
    levels: Sequence[int],
    resampling: str,
    progress: Progress,
    nodata: float | None,
) -> None:
    if nodata is not None:
        raise RuntimeError(
            f"beside other ones GDAL does not take nodata {nodata:g}. Remove those first (CLEAN), "
            "or leave NODATA empty"
        )

    def callback(fraction: float, _message: str, _data: Any) -> int:
        dataset.FlushCache()
        progress.advance(fraction)
        return 0 if progress.cancelled() else 1

    failed = dataset.BuildOverviews(resampling.upper(), list(levels), callback=callback)
    progress.check()
    _made(failed)


def _fillable(dataset: gdal.Dataset, resampling: str) -> bool:
    """Return True for what is made as GDAL makes it: kernels treat masks in a way of their own."""
    flags = dataset.GetRasterBand(1).GetMaskFlags()
    plain = not flags & gdal.GMF_PER_DATASET
    return resampling in ("nearest", "average") or (resampling in METHODS and plain)


def _size(dataset: gdal.Dataset, level: int) -> tuple[int, int]:
    return -(-dataset.RasterXSize // level), -(-dataset.RasterYSize // level)


@dataclass(frozen=True)
class _Plane:
    """A band ("", "alpha"), or the mask of a dataset ("mask")."""

    band: Any
    kind: str = ""


def _planes(dataset: gdal.Dataset) -> list[_Plane | None]:
    """Return the bands, and the mask that belongs to all."""
    bands = [dataset.GetRasterBand(index + 1) for index in range(dataset.RasterCount)]
    flags = bands[0].GetMaskFlags()
    alpha = gdal.GCI_AlphaBand if flags & gdal.GMF_ALPHA else None
    kinds = ["alpha" if band.GetColorInterpretation() == alpha else "" for band in bands]
    planes: list[_Plane | None] = [_Plane(band, kind) for band, kind in zip(bands, kinds)]
    mask = [_Plane(bands[0].GetMaskBand(), "mask")] if flags == gdal.GMF_PER_DATASET else []
    return [*planes, *mask]


def _overview(plane: _Plane | None, width: int, height: int) -> _Plane | None:
    """Return the overview of that size; masks beside a file may have none."""
    band = plane and plane.band
    known = [band.GetOverview(index) for index in range(band.GetOverviewCount())] if band else []
    for one in known:
        if (one.XSize, one.YSize) == (width, height):
            return _Plane(one, plane.kind if plane else "")
    return None


@dataclass(frozen=True)
class _Making:
    """How pixels are put together, and the value that stands for the declared nodata value."""

    method: int
    nodata: float | None = None


@dataclass(frozen=True)
class _Step:
    """Makes a level from the one before it."""

    pairs: Sequence[tuple[_Plane, _Plane]]
    how: _Making

    def run(self, progress: Progress) -> None:
        """Compute window after window."""
        pending = done = 0
        above = self.pairs[0][1].band
        area = Window(0, 0, above.XSize, above.YSize)
        for window in tiling(area, *self._window()):
            for source, target in self.pairs:
                values = self._values(source, target.band, window)
                target.band.WriteArray(values, window.col, window.row)
                pending += 4 * values.nbytes
            if pending > FLUSH:
                self._flush()
                pending = 0
            progress.check()
            done += window.pixels
            progress.advance(done / area.pixels)
        self._flush()

    def _flush(self) -> None:
        """Write what is done and forget it; a file does not do so for its overviews."""
        for source, target in self.pairs:
            target.band.FlushCache()
            source.band.FlushCache()

    def _window(self) -> tuple[int, int]:
        """Square windows, or as wide as the strips of a file."""
        below, above = (plane.band for plane in self.pairs[0])
        whole = below.GetBlockSize()[0] == below.XSize
        return (above.XSize, SIDE // 4) if whole else (SIDE, SIDE)

    def _values(self, source: _Plane, target: gdal.Band, window: Window) -> Array:
        cols = _Axis(source.band.XSize, target.XSize)
        rows = _Axis(source.band.YSize, target.YSize)
        if self.how.method == gdal.GRIORA_NearestNeighbour:
            return _picked(source.band, window, cols, rows)
        if source.kind == "mask":
            return _seen(source.band, window, cols, rows)
        even = cols.even and rows.even
        outer = window if even else window.padded(MARGIN)
        outer = outer.clipped(Window(0, 0, target.XSize, target.YSize))
        corner, size = (outer.col, outer.row), (outer.width, outer.height)
        box = tuple(at * axis.ratio for at, axis in zip((*corner, *size), (cols, rows) * 2))
        file, nodata = source.band, self.how.nodata
        if source.kind == "alpha" and self.how.method == gdal.GRIORA_Average:
            # transparent pixels do not count
            nodata = 0
        if nodata is not None:
            file, box = _marked(file, box, nodata, REACH * max(cols.ratio, rows.ratio))
        found = file.ReadAsArray(
            *box, buf_xsize=size[0], buf_ysize=size[1], resample_alg=self.how.method
        )
        return np.asarray(found[window.within(outer)])


@dataclass(frozen=True)
class _Axis:
    """How the columns or rows of two levels lie to each other."""

    below: int
    above: int

    @property
    def ratio(self) -> float:
        """Pixels of the level below for one above."""
        return self.below / self.above

    @property
    def even(self) -> bool:
        """True when that is a whole number."""
        return self.below % self.above == 0

    def picked(self, start: int, stop: int) -> Array:
        """Return the pixels of the level below that nearest takes."""
        found = (0.5 + np.arange(start, stop) * self.ratio).astype(int)
        return np.minimum(found, self.below - 1)

    def covered(self, start: int, stop: int) -> tuple[Array, Array]:
        """Return where the pixels that lie under each one start and stop."""
        edges = np.arange(start, stop + 1) * self.ratio
        ends = np.minimum(np.ceil(edges[1:]), self.below)
        return np.floor(edges[:-1]).astype(int), ends.astype(int)


def _marked(band: gdal.Band, box: Box, nodata: float, reach: float) -> tuple[gdal.Dataset, Box]:
    """Return a copy of a box of a band, and of what is round it, that declares a nodata value."""
    left, top = (max(0, math.floor(start - reach)) for start in box[:2])
    right = min(band.XSize, math.ceil(box[0] + box[2] + reach))
    bottom = min(band.YSize, math.ceil(box[1] + box[3] + reach))
    values = band.ReadAsArray(left, top, right - left, bottom - top)
    copy = gdal_array.OpenArray(values)
    copy.GetRasterBand(1).SetNoDataValue(nodata)
    return copy, (box[0] - left, box[1] - top, box[2], box[3])


def _picked(band: gdal.Band, window: Window, cols: _Axis, rows: _Axis) -> Array:
    """Return the nearest pixels of a window."""
    across, down = cols.picked(window.col, window.right), rows.picked(window.row, window.bottom)
    left, top = int(across[0]), int(down[0])
    size = int(across[-1]) - left + 1, int(down[-1]) - top + 1
    found = band.ReadAsArray(left, top, *size)
    return np.asarray(found[np.ix_(down - top, across - left)])


def _seen(mask: gdal.Band, window: Window, cols: _Axis, rows: _Axis) -> Array:
    """Return a mask in which each pixel is valid that has a valid one below it."""
    left, right = cols.covered(window.col, window.right)
    top, bottom = rows.covered(window.row, window.bottom)
    found = mask.ReadAsArray(
        int(left[0]), int(top[0]), int(right[-1] - left[0]), int(bottom[-1] - top[0])
    )
    valid = _any(_any(found != 0, top, bottom), left, right, axis=1)
    return np.where(valid, np.uint8(255), np.uint8(0))


def _any(valid: Array, start: Array, stop: Array, axis: int = 0) -> Array:
    """Return whether something is valid from each start to its stop along an axis."""
    pairs = np.stack([start, stop], 1).ravel()[:-1] - start[0]
    found: Array = np.logical_or.reduceat(valid, pairs, axis=axis)
    return found[::2] if axis == 0 else found[:, ::2]
