# SPDX-License-Identifier: GPL-2.0-or-later
"""Create GeoTIFFs and put whole blocks into them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from osgeo import gdal, gdal_array

from ..errors import ImageIOError, InvalidOption
from ..image import Array, Image, Pixels, representable, uniform
from ..progress import SILENT, Progress
from ..windows import Window
from .config import config
from .errors import refusing
from .pyramids import fill
from .source import NAMED_COLORS, open_image

FLUSH = 16 << 20
"""Bytes after which finished blocks leave GDAL's cache."""

COG_SIDE = 513
"""The smallest overview of a Cloud-Optimized GeoTIFF is one block of 512 px or less."""

STAMP = "ORTHOWEAVE_REQUEST"
"""The metadata of a file that tell which request has made it; no copy inherits them."""

NUMBER = ("a number",)
"""In place of the words that an option takes."""

COLORS = {name: code for code, name in NAMED_COLORS.items()}


@dataclass(frozen=True)
class Format:
    """Creation options of a GeoTIFF, as upper-case keys and values."""

    options: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str | None, dtype: np.dtype[Any], *, cog: bool = False) -> Format:
        """Read KEY=VALUE|KEY=VALUE; `cog` allows the options of GDAL's COG driver too.

        Raises InvalidOption for another form, and for keys and values that GDAL would ignore.
        """
        found: dict[str, str] = {}
        known = {**(_known_options("COG") if cog else {}), **_known_options("GTiff")}
        for piece in filter(None, (text or "").split("|")):
            key, equals, value = piece.partition("=")
            if not equals or not key.strip():
                raise InvalidOption(
                    f"Creation options: {piece!r} is not of the form KEY=VALUE; separate several "
                    "with |."
                )
            key, value = key.strip().upper(), value.strip()
            if (key, value.lower()) == ("PREDICTOR", "auto"):
                value = "3" if dtype.kind == "f" else "2"
            _refuse_unknown(key, value, known)
            found[key] = value
        if found.get("COMPRESS", "NONE").upper() not in ("DEFLATE", "LZW", "ZSTD"):
            found.pop("PREDICTOR", None)
        return cls(tuple(found.items()))

    @property
    def compressed(self) -> bool:
        """True when the pixels are compressed."""
        return dict(self.options).get("COMPRESS", "NONE").upper() != "NONE"

    def changing(self, dtype: np.dtype[Any]) -> str:
        """Return the option that lets the file hold other values than those of a type, or ""."""
        given = dict(self.options)
        compress = given.get("COMPRESS", "NONE").upper()
        exact = {
            "JPEG": False,
            "WEBP": given.get("WEBP_LOSSLESS", "NO").upper() == "YES",
            "JXL": given.get("JXL_LOSSLESS", "YES").upper() == "YES",
            "LERC": float(given.get("MAX_Z_ERROR") or 0) == 0,
        }
        if not exact.get(compress.partition("_")[0], True):
            return f"COMPRESS={compress}"
        bits = float(given.get("NBITS") or 0)
        if 0 < bits < 8 * dtype.itemsize:
            return f"NBITS={bits:g}"
        return f"DISCARD_LSB={given['DISCARD_LSB']}" if given.get("DISCARD_LSB") else ""

    def listed(self, **defaults: str) -> list[str]:
        """Return GDAL's list form; defaults fill what is not given."""
        return [f"{key}={value}" for key, value in {**defaults, **dict(self.options)}.items()]


def _known_options(driver: str) -> dict[str, tuple[str, ...]]:
    """Return the creation options of a driver with the words that each takes, () = any text."""
    text = gdal.GetDriverByName(driver).GetMetadataItem("DMD_CREATIONOPTIONLIST") or ""
    found = {}
    for declared in re.findall(r"<Option .*?(?:/>|</Option>)", text, re.DOTALL):
        name = re.search(r"name=['\"](\w+)['\"]", declared)
        if name:
            words = re.findall(r"<Value[^>]*>([^<]+)</Value>", declared)
            number = re.search(r"type=['\"](?:u?int|float)['\"]", declared)
            choices = tuple(words) if "string-select" in declared else ()
            found[name.group(1)] = NUMBER if number else choices
    return found


def _refuse_unknown(key: str, value: str, known: Mapping[str, tuple[str, ...]]) -> None:
    if key not in known:
        near = get_close_matches(key, known, 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise InvalidOption(f"Creation options: {key} is not an option of GeoTIFF.{hint}")
    if known[key] == NUMBER:
        if not re.fullmatch(r"-?\d*\.?\d+(?:[eE]-?\d+)?", value):
            raise InvalidOption(f"Creation options: {key} is {value!r}, which is no number.")
    elif known[key] and value.upper() not in known[key]:
        raise InvalidOption(
            f"Creation options: {key} is {value!r}; this GDAL knows {', '.join(known[key])}."
        )


class Target:
    """A GeoTIFF under construction."""

    def __init__(self, dataset: gdal.Dataset, image: Image, title: str) -> None:
        self.block: tuple[int, int] = tuple(dataset.GetRasterBand(1).GetBlockSize())
        self.moved = 0
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

    def note(self, key: str, value: str | None) -> None:
        """Keep a text, if there is one, in the file's metadata."""
        if value is not None:
            self._dataset.SetMetadataItem(key, value)

    def set_statistics(self, values: Array, *, exact: bool) -> None:
        """Store minimum, maximum, mean and standard deviation of valid values[band, sample]."""
        for number, band in enumerate(values, 1):
            finite = band[np.isfinite(band)]
            if not finite.size:
                continue
            with np.errstate(over="ignore"):
                moments = finite.mean(dtype=np.float64), finite.std(dtype=np.float64)
            if not np.isfinite(moments).all():
                continue
            # the order of the samples shows in the last digits
            numbers = (float(f"{value:.10g}") for value in moments)
            target = self._dataset.GetRasterBand(number)
            target.SetStatistics(float(finite.min()), float(finite.max()), *numbers)
            if not exact:
                target.SetMetadataItem("STATISTICS_APPROXIMATE", "YES")

    def close(self, overviews: str = "", progress: Progress = SILENT) -> None:
        """Finish the file; `overviews` is their resampling, "" for none.

        Raises ImageIOError when what is on disk is not complete.
        """
        path = self._dataset.GetDescription()
        with refusing(f"{self._title} cannot be written"):
            self._dataset.FlushCache()
        levels = levels_of(self._dataset) if overviews else []
        with refusing(f"{self._title} cannot be written"):
            self._dataset = None
        if levels:
            with refusing(f"{self._title} cannot be written"):
                self._dataset = gdal.OpenEx(path, gdal.OF_RASTER | gdal.OF_UPDATE)
                fill(self._dataset, levels, overviews.lower(), progress)
                self._dataset = None
        try:
            open_image(path)
        except ImageIOError as error:
            raise ImageIOError(f"{self._title} cannot be written: it ends too early.") from error

    def __enter__(self) -> Target:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file, whatever has happened."""
        self.abandon()

    def abandon(self) -> None:
        """Close the file, if it still is open, without caring what is in it."""
        gdal.PushErrorHandler("CPLQuietErrorHandler")
        try:
            self._dataset = None
        finally:
            gdal.PopErrorHandler()


@contextmanager
def heard(
    progress: Progress, flush: Callable[[], object] | None = None
) -> Iterator[Callable[..., int]]:
    """Give GDAL's callback for a listener; a stop that GDAL reports as failure is Cancelled."""

    def callback(fraction: float, _message: str, _data: Any) -> int:
        if flush is not None:
            flush()
        progress.advance(fraction)
        return 0 if progress.cancelled() else 1

    try:
        yield callback
    finally:
        progress.check()


def create(path: str, image: Image, form: Format, block: int, threads: int, title: str) -> Target:
    """Create a tiled GeoTIFF that declares what the image declares.

    Raises ImageIOError with GDAL's reason, naming the file by its title, InvalidOption for a color
    table with pixels of a type that can have none.
    """
    if image.details.color_table and image.dtype not in (np.uint8, np.uint16):
        raise InvalidOption(
            f"{title}: a color table needs pixels of type uint8 or uint16, not {image.dtype}. "
            "Choose another OUTPUT_TYPE."
        )
    mode = _validity(image)
    colored = image.details.colors[:3] == ("red", "green", "blue")
    options = form.listed(
        TILED="YES",
        **_block_options(form, image, block),
        BIGTIFF="IF_SAFER",
        SPARSE_OK="TRUE",
        NUM_THREADS=str(threads),
        # without these GDAL takes the second or fourth band for alpha
        ALPHA="NO",
        PHOTOMETRIC="RGB" if colored else "MINISBLACK",
    )
    count = image.bands + (mode == "alpha")
    code = gdal_array.NumericTypeCodeToGDALTypeCode(image.dtype)
    with refusing(f"{title} cannot be written"):
        driver = gdal.GetDriverByName("GTiff")
        grid = image.grid
        dataset = driver.Create(path, grid.width, grid.height, count, code, options)
        if dataset is None:
            raise RuntimeError(gdal.GetLastErrorMsg())
        dataset.SetGeoTransform(grid.transform)
        if grid.crs:
            dataset.SetProjection(grid.crs)
        _declare(dataset, image)
        if mode == "alpha":
            dataset.GetRasterBand(count).SetColorInterpretation(gdal.GCI_AlphaBand)
        if mode == "mask":
            with config("GDAL_TIFF_INTERNAL_MASK", "YES"):
                dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
    return Target(dataset, image, title)


def _block_options(form: Format, image: Image, block: int) -> dict[str, str]:
    """Square blocks; strips, when the user wants them, of as many pixels."""
    if dict(form.options).get("TILED", "YES").upper() in ("YES", "TRUE", "ON", "1"):
        return {"BLOCKXSIZE": str(block), "BLOCKYSIZE": str(block)}
    rows = block * block // image.grid.width
    return {"BLOCKYSIZE": str(min(block, max(1, rows), image.grid.height))}


def optimize(
    path: str, form: Format, overviews: str, title: str, progress: Progress = SILENT
) -> None:
    """Rewrite a finished GeoTIFF as Cloud-Optimized GeoTIFF; its overviews end with one block."""
    with refusing(f"{title} cannot be written"):
        dataset = gdal.OpenEx(path, gdal.OF_RASTER | gdal.OF_UPDATE)
        levels = levels_of(dataset, COG_SIDE)
        if levels:
            # the driver would make them itself, with all of them in GDAL's cache
            fill(dataset, levels, overviews.lower(), progress.part(0.0, 0.3))
        del dataset
    arrange(path, form, overviews, title, progress.part(0.3, 1.0))


def arrange(
    path: str, form: Format, overviews: str, title: str, progress: Progress = SILENT
) -> None:
    """Rewrite a GeoTIFF and its overviews as Cloud-Optimized GeoTIFF under the same name."""
    options, plain = cog_options(form, overviews), path + ".ovr"
    os.replace(path, plain)
    try:
        with refusing(f"{title} cannot be written"):
            source = gdal.OpenEx(plain, gdal.OF_RASTER)
        flush = source.FlushCache
        with refusing(f"{title} cannot be written"), heard(progress, flush) as callback:
            driver = gdal.GetDriverByName("COG")
            finished = driver.CreateCopy(path, source, 0, options, callback=callback)
            del finished, source, flush
    finally:
        os.remove(plain)


def cog_options(form: Format, overviews: str) -> list[str]:
    """Return creation options of GeoTIFF as the COG driver takes them."""
    known = _known_options("COG")
    renamed = {"ZLEVEL": "LEVEL", "ZSTD_LEVEL": "LEVEL", "JPEG_QUALITY": "QUALITY"}
    given = {renamed.get(key, key): value for key, value in form.options}
    if "PREDICTOR" in given:
        given["PREDICTOR"] = "YES"
    options = [f"{key}={value}" for key, value in given.items() if key in known]
    return [*options, f"OVERVIEW_RESAMPLING={overviews}"]


def _declare_band(band: gdal.Band, image: Image, index: int) -> None:
    details = image.details
    if any(image.band_names[index : index + 1]):
        band.SetDescription(image.band_names[index])
    if index < len(details.colors) and details.colors[index] not in ("", "palette"):
        band.SetColorInterpretation(COLORS[details.colors[index]])
    if index < len(details.scales) and details.scales[index] not in (None, 1.0):
        band.SetScale(details.scales[index])
    if index < len(details.offsets) and details.offsets[index] not in (None, 0.0):
        band.SetOffset(details.offsets[index])
    if any(details.band_metadata[index : index + 1]):
        band.SetMetadata(dict(details.band_metadata[index]))


def _declare(dataset: gdal.Dataset, image: Image) -> None:
    details = image.details
    if details.metadata:
        dataset.SetMetadata(
            {key: value for key, value in details.metadata if key not in ("AREA_OR_POINT", STAMP)}
        )
    marker = representable(image.nodata, image.dtype)
    for index in range(image.bands):
        band = dataset.GetRasterBand(index + 1)
        if marker is not None:
            band.SetNoDataValue(float(marker))
        _declare_band(band, image, index)
    if details.color_table:
        table = gdal.ColorTable()
        for value, entry in enumerate(details.color_table):
            table.SetColorEntry(value, entry)
        dataset.GetRasterBand(1).SetColorTable(table)


def _validity(image: Image) -> str:
    """How the file says which pixels are valid."""
    if representable(image.nodata, image.dtype) is not None:
        return "nodata"
    if image.details.validity == "alpha":
        # only where GDAL takes alpha for the mask of the other bands
        seen = image.bands in (1, 3) and image.dtype in (np.uint8, np.uint16)
        return "alpha" if seen else "mask"
    return "mask" if image.details.validity == "mask" else "all"


def _opacity(pixels: Pixels, dtype: np.dtype[Any]) -> Array:
    # 255 of a byte would be hardly visible among 16-bit numbers
    if pixels.alpha is not None and pixels.alpha.dtype == dtype:
        return np.where(pixels.valid, pixels.alpha, dtype.type(0))
    top = 1 if dtype.kind == "f" else np.iinfo(dtype).max
    return np.where(pixels.valid, dtype.type(top), dtype.type(0))


def levels_of(dataset: gdal.Dataset, small: int = 256) -> list[int]:
    """Return powers of two until the long side is below what is small."""
    side, levels = max(dataset.RasterXSize, dataset.RasterYSize), list[int]()
    while side >= small:
        levels.append(2 ** (len(levels) + 1))
        side = -(-side // 2)
    return levels
