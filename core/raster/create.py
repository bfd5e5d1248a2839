# SPDX-License-Identifier: GPL-2.0-or-later
"""Create GeoTIFFs and put whole blocks into them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from osgeo import gdal, gdal_array

from ..errors import InvalidOption
from ..image import Array, Image, Pixels, representable, uniform
from ..windows import Window
from .errors import refusing
from .source import NAMED_COLORS

FLUSH = 16 << 20
"""Bytes after which finished blocks leave GDAL's cache."""

COLORS = {name: code for code, name in NAMED_COLORS.items()}


@dataclass(frozen=True)
class Format:
    """Creation options of a GeoTIFF, as upper-case keys and values."""

    options: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str | None, dtype: np.dtype[Any]) -> Format:
        """Read KEY=VALUE|KEY=VALUE; raises InvalidOption for anything else."""
        found: dict[str, str] = {}
        for piece in filter(None, (text or "").split("|")):
            key, equals, value = piece.partition("=")
            if not equals or not key.strip():
                raise InvalidOption(
                    f"Creation options: {piece!r} is not of the form KEY=VALUE; separate several "
                    "with |."
                )
            found[key.strip().upper()] = value.strip()
        if found.get("PREDICTOR", "").lower() == "auto":
            found["PREDICTOR"] = "3" if dtype.kind == "f" else "2"
        if found.get("COMPRESS", "NONE").upper() not in ("DEFLATE", "LZW", "ZSTD"):
            found.pop("PREDICTOR", None)
        return cls(tuple(found.items()))

    @property
    def compressed(self) -> bool:
        """True when the pixels are compressed."""
        return dict(self.options).get("COMPRESS", "NONE").upper() != "NONE"

    def listed(self, **defaults: str) -> list[str]:
        """Return GDAL's list form; defaults fill what is not given."""
        return [f"{key}={value}" for key, value in {**defaults, **dict(self.options)}.items()]


@contextmanager
def _config(key: str, value: str) -> Iterator[None]:
    """Set a GDAL option for this thread only, and only for a moment."""
    before = gdal.GetThreadLocalConfigOption(key)
    gdal.SetThreadLocalConfigOption(key, value)
    try:
        yield
    finally:
        gdal.SetThreadLocalConfigOption(key, before)


class Target:
    """A GeoTIFF under construction."""

    def __init__(self, dataset: gdal.Dataset, image: Image, block: int, title: str) -> None:
        self.block = block
        self._dataset: Any = dataset
        self._bands = image.bands
        self._title = title
        self._mode = _validity(image)
        self._nodata = representable(image.nodata, image.dtype)
        self._pending = 0

    def put(self, window: Window, pixels: Pixels) -> None:
        """Write a window of whole blocks; one without valid pixels stays sparse."""
        if uniform(pixels.valid) is False:
            return
        values = pixels.values
        if self._mode == "alpha":
            values = np.concatenate([values, _opacity(pixels, values.dtype)[None]])
        with refusing(f"{self._title} cannot be written"):
            self._dataset.WriteArray(np.ascontiguousarray(values), window.col, window.row)
            if self._mode == "mask":
                mask = np.where(pixels.valid, np.uint8(255), np.uint8(0))
                self._dataset.GetRasterBand(1).GetMaskBand().WriteArray(
                    mask, window.col, window.row
                )
            self._pending += values.nbytes
            if self._pending > FLUSH:
                self._dataset.FlushCache()
                self._pending = 0

    def set_statistics(self, values: Array, *, exact: bool) -> None:
        """Store minimum, maximum, mean and standard deviation of valid values[band, sample]."""
        for number, band in enumerate(values, 1):
            finite = band[np.isfinite(band)]
            if not finite.size:
                continue
            numbers = (finite.min(), finite.max(), finite.mean(), finite.std(dtype=np.float64))
            target = self._dataset.GetRasterBand(number)
            target.SetStatistics(*map(float, numbers))
            if not exact:
                target.SetMetadataItem("STATISTICS_APPROXIMATE", "YES")

    def close(self, overviews: str = "") -> None:
        """Finish the file; `overviews` is their resampling, "" for none."""
        path = self._dataset.GetDescription()
        with refusing(f"{self._title} cannot be written"):
            self._dataset.FlushCache()
            if overviews:
                levels = _levels(self._dataset)
                if levels:
                    self._dataset.BuildOverviews(overviews, levels)
            self._dataset = None
        with refusing(f"{self._title} cannot be written"):
            gdal.OpenEx(path, gdal.OF_RASTER | gdal.OF_VERBOSE_ERROR)

    def abandon(self) -> None:
        """Close the file without caring what is in it."""
        gdal.PushErrorHandler("CPLQuietErrorHandler")
        try:
            self._dataset = None
        finally:
            gdal.PopErrorHandler()


def create(path: str, image: Image, form: Format, block: int, threads: int, title: str) -> Target:
    """Create a tiled GeoTIFF that declares what the image declares.

    Raises ImageIOError with GDAL's reason, naming the file by its title.
    """
    mode = _validity(image)
    options = form.listed(
        TILED="YES",
        BLOCKXSIZE=str(block),
        BLOCKYSIZE=str(block),
        BIGTIFF="IF_SAFER",
        SPARSE_OK="TRUE",
        NUM_THREADS=str(threads),
        **({"ALPHA": "UNSPECIFIED"} if mode == "alpha" else {}),
        **({"PHOTOMETRIC": "RGB"} if image.details.colors[:3] == ("red", "green", "blue") else {}),
    )
    count = image.bands + (mode == "alpha")
    code = gdal_array.NumericTypeCodeToGDALTypeCode(image.dtype)
    with refusing(f"{title} cannot be written"):
        driver = gdal.GetDriverByName("GTiff")
        grid = image.grid
        dataset = driver.Create(path, grid.width, grid.height, count, code, options)
        dataset.SetGeoTransform(grid.transform)
        if grid.crs:
            dataset.SetProjection(grid.crs)
        _declare(dataset, image)
        if mode == "alpha":
            dataset.GetRasterBand(count).SetColorInterpretation(gdal.GCI_AlphaBand)
        if mode == "mask":
            with _config("GDAL_TIFF_INTERNAL_MASK", "YES"):
                dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
    return Target(dataset, image, block, title)


def optimize(path: str, form: Format, overviews: str, title: str) -> None:
    """Rewrite a finished GeoTIFF as Cloud-Optimized GeoTIFF under the same name."""
    keep = {"COMPRESS", "LEVEL", "QUALITY", "NUM_THREADS", "BIGTIFF"}
    options = [f"{key}={value}" for key, value in form.options if key in keep]
    options += [f"RESAMPLING={overviews}"]
    if any(key == "PREDICTOR" for key, _ in form.options):
        options.append("PREDICTOR=YES")
    plain = path + ".ovr"
    os.replace(path, plain)
    try:
        with refusing(f"{title} cannot be written"):
            source = gdal.OpenEx(plain, gdal.OF_RASTER)
            finished = gdal.GetDriverByName("COG").CreateCopy(path, source, 0, options)
            del finished, source
    finally:
        os.remove(plain)


def _declare(dataset: gdal.Dataset, image: Image) -> None:
    details = image.details
    if details.metadata:
        dataset.SetMetadata(
            {key: value for key, value in details.metadata if key != "AREA_OR_POINT"}
        )
    marker = representable(image.nodata, image.dtype)
    for index in range(image.bands):
        band = dataset.GetRasterBand(index + 1)
        if marker is not None:
            band.SetNoDataValue(float(marker))
        if index < len(image.band_names) and image.band_names[index]:
            band.SetDescription(image.band_names[index])
        if index < len(details.colors) and details.colors[index] not in ("", "palette"):
            band.SetColorInterpretation(COLORS[details.colors[index]])
        if index < len(details.scales) and details.scales[index] not in (None, 1.0):
            band.SetScale(details.scales[index])
        if index < len(details.offsets) and details.offsets[index] not in (None, 0.0):
            band.SetOffset(details.offsets[index])
    if details.color_table:
        table = gdal.ColorTable()
        for value, entry in enumerate(details.color_table):
            table.SetColorEntry(value, entry)
        dataset.GetRasterBand(1).SetColorTable(table)


def _validity(image: Image) -> str:
    """How the file says which pixels are valid."""
    if representable(image.nodata, image.dtype) is not None:
        return "nodata"
    return image.details.validity if image.details.validity in ("alpha", "mask") else "all"


def _opacity(pixels: Pixels, dtype: np.dtype[Any]) -> Array:
    if pixels.alpha is not None:
        return np.where(pixels.valid, pixels.alpha.astype(dtype), dtype.type(0))
    top = 1 if dtype.kind == "f" else np.iinfo(dtype).max
    return np.where(pixels.valid, dtype.type(top), dtype.type(0))


def _levels(dataset: gdal.Dataset) -> list[int]:
    """Powers of two until the long side is below 256."""
    side, levels = max(dataset.RasterXSize, dataset.RasterYSize), list[int]()
    while side >= 512:
        levels.append(2 ** (len(levels) + 1))
        side //= 2
    return levels
