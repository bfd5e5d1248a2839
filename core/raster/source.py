# SPDX-License-Identifier: GPL-2.0-or-later
"""An image in a file: everything known about it, its pixels by window, their validity."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from osgeo import gdal, gdal_array

from ..errors import ImageIOError, IncompatibleImages
from ..grid import Grid
from ..image import Array, Details, Mask, Pixels, calculation, constant, representable
from ..windows import Window
from . import handles
from .errors import quiet, refusing
from .siblings import siblings

NAMED_COLORS = {
    gdal.GCI_RedBand: "red",
    gdal.GCI_GreenBand: "green",
    gdal.GCI_BlueBand: "blue",
    gdal.GCI_GrayIndex: "gray",
    gdal.GCI_PaletteIndex: "palette",
}

_DATED = re.compile(r"_\d{8}(\.\d+)?$")
"""How the names of bands of series and their masks end."""


@dataclass(frozen=True)
class RasterImage:
    """A raster file seen as an image; alpha and masks are its validity, not its bands.

    `revisited` says that windows overlap a lot: decoded blocks are kept for the next ones.
    """

    path: str
    name: str
    grid: Grid
    dtype: np.dtype[Any]
    nodata_values: tuple[float | None, ...]
    band_names: tuple[str, ...]
    details: Details
    block: tuple[int, int]
    alpha_band: int = 0
    has_mask: bool = False
    revisited: bool = False

    def __getstate__(self) -> dict[str, Any]:
        """Name the file so that another process finds it."""
        path = os.path.abspath(self.path) if os.path.exists(self.path) else self.path
        return {**self.__dict__, "path": path}

    @property
    def bands(self) -> int:
        """Number of data bands."""
        return len(self.nodata_values)

    @property
    def nodata(self) -> float | None:
        """First declared nodata value that the type can hold."""
        for value in self.nodata_values:
            if representable(value, self.dtype) is not None:
                return value
        return None

    @property
    def stored(self) -> handles.Stored:
        """How its pixels lie in the file."""
        return handles.Stored(self.path, self.grid.window, self.block, self.dtype)

    @property
    def always_valid(self) -> bool:
        """True when the file has no way to say that a pixel is not valid."""
        can = self.nodata is not None or self.alpha_band or self.has_mask or self.dtype.kind == "f"
        return not can

    def read(
        self, window: Window, bands: Sequence[int] | None = None, rounded: bool = True
    ) -> Pixels:
        """Read a window; raises ImageIOError with the file, the window and GDAL's reason."""
        values = handles.read_values(self.stored, window, keep=self.revisited)
        alpha = None
        if self.alpha_band:
            alpha = values[self.alpha_band - 1]
            values = _without(values, self.alpha_band - 1)
        valid = self._valid(values, alpha, window)
        if bands is not None:
            values = values[[band - 1 for band in bands]]
        return Pixels(values if rounded else calculation(values), valid, alpha)

    def _valid(self, values: Array, alpha: Array | None, window: Window) -> Mask:
        """Combine nodata, NaN, alpha and mask; a broadcast True where nothing is invalid."""
        invalid = self._equals_nodata(values)
        if values.dtype.kind == "f":
            holes = np.isnan(values)
            if holes.any():
                invalid = _either(invalid, holes.any(0))
        if alpha is not None:
            invalid = _either(invalid, alpha == 0)
        if self.has_mask:
            invalid = _either(invalid, handles.read_mask(self.path, window) == 0)
        if invalid is None or not invalid.any():
            return constant(True, window.shape)
        return ~invalid

    def _equals_nodata(self, values: Array) -> Mask | None:
        """Return where all bands equal their nodata; None where that cannot be."""
        found: Mask | None = None
        for band, nodata in zip(values, self.nodata_values):
            marker = representable(nodata, self.dtype)
            if marker is None:
                return None
            if np.isnan(marker):
                here = np.isnan(band)
            else:
                here = band == marker
            found = here if found is None else found & here
            if not found.any():
                return None
        return found


def _without(values: Array, band: int) -> Array:
    """Leave a band out; the last one, as alpha mostly is, without copying."""
    last = band == len(values) - 1
    return values[:-1] if last else np.delete(values, band, axis=0)


def _either(a: Mask | None, b: Mask) -> Mask:
    return b if a is None else a | b


def open_image(path: str, nodata: float | None = None) -> RasterImage:
    """Open a raster file; `nodata` replaces the declared values.

    Raises ImageIOError when GDAL cannot open it or it ends too early, IncompatibleImages when it
    holds no pixels of real numbers.
    """
    title = os.path.basename(path) or path
    beside = siblings(path)
    known = {} if beside is None else {"sibling_files": beside}
    with refusing(f"{title} cannot be opened"):
        dataset = gdal.OpenEx(path, gdal.OF_RASTER | gdal.OF_VERBOSE_ERROR, **known)
    if dataset is None or dataset.RasterCount == 0:
        raise ImageIOError(f"{title} cannot be opened: it holds no raster bands.")
    with quiet():  # GDAL may have remarks about a CRS, which the user cannot act on
        return _described(path, title, dataset, nodata)


def _described(path: str, title: str, dataset: gdal.Dataset, nodata: float | None) -> RasterImage:
    """Return what an open file is, or refuse it."""
    bands = [dataset.GetRasterBand(i + 1) for i in range(dataset.RasterCount)]
    alpha = next((i + 1 for i, b in enumerate(bands) if _is_alpha(b)), 0)
    data = [band for i, band in enumerate(bands) if i + 1 != alpha] or bands
    alpha = alpha if len(data) < len(bands) else 0
    _refuse_type(title, data)
    _refuse_control_points(title, dataset)
    _refuse_truncated(title, path, dataset, bands)
    grid = _grid(dataset)
    _refuse_transform(title, grid)
    dtype = _common_type(data)
    fits = representable(nodata, dtype) is not None
    declared = tuple(_nodata(band) if nodata is None or not fits else nodata for band in data)
    mask = bool(bands[0].GetMaskFlags() & gdal.GMF_PER_DATASET) and not (
        bands[0].GetMaskFlags() & gdal.GMF_ALPHA
    )
    return RasterImage(
        path=path,
        name=_name(path),
        grid=grid,
        dtype=dtype,
        nodata_values=declared,
        band_names=tuple(band.GetDescription() or "" for band in data),
        details=_details(dataset, data, _validity(declared, dtype, alpha, mask)),
        block=tuple(bands[0].GetBlockSize()),
        alpha_band=alpha,
        has_mask=mask,
    )


def _name(path: str) -> str:
    return os.path.splitext(os.path.basename(path.rstrip("/")))[0] or path


def _is_alpha(band: gdal.Band) -> bool:
    # GDAL calls the fourth of four bands alpha by itself; one that has a date is data
    alpha = band.GetColorInterpretation() == gdal.GCI_AlphaBand
    return bool(alpha and not _DATED.search(band.GetDescription() or ""))


def _nodata(band: gdal.Band) -> float | None:
    value = band.GetNoDataValue()
    return None if value is None else float(value)


def _validity(
    declared: tuple[float | None, ...], dtype: np.dtype[Any], alpha: int, mask: bool
) -> str:
    if any(representable(value, dtype) is not None for value in declared):
        return "nodata"
    return "alpha" if alpha else "mask" if mask else "all"


def _grid(dataset: gdal.Dataset) -> Grid:
    transform = dataset.GetGeoTransform(can_return_null=True) or (0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    crs = dataset.GetProjection() or ""
    return Grid(dataset.RasterXSize, dataset.RasterYSize, tuple(transform), crs)


def _common_type(bands: list[gdal.Band]) -> np.dtype[Any]:
    codes = [gdal_array.GDALTypeCodeToNumericTypeCode(band.DataType) for band in bands]
    return np.dtype(np.result_type(*codes))


def _details(dataset: gdal.Dataset, bands: list[gdal.Band], validity: str) -> Details:
    table = bands[0].GetColorTable()
    entries = range(table.GetCount()) if table else ()
    return Details(
        colors=tuple(NAMED_COLORS.get(band.GetColorInterpretation(), "") for band in bands),
        scales=tuple(band.GetScale() for band in bands),
        offsets=tuple(band.GetOffset() for band in bands),
        color_table=tuple(tuple(table.GetColorEntry(i)) for i in entries),
        metadata=tuple(sorted((dataset.GetMetadata() or {}).items())),
        validity=validity,
        band_metadata=tuple(_own(band) for band in bands),
    )


def _own(band: gdal.Band) -> tuple[tuple[str, str], ...]:
    """What a band says about itself, without statistics, which a changed copy would not have."""
    found = (band.GetMetadata() or {}).items()
    return tuple(sorted((key, value) for key, value in found if not key.startswith("STATISTICS_")))


def _refuse_transform(title: str, grid: Grid) -> None:
    """Raise IncompatibleImages unless every pixel has a place and a size."""
    _, a, b, _, c, d = grid.transform
    sized = all(map(math.isfinite, grid.transform)) and a * d != b * c
    if not (sized and grid.matches(grid)):
        listed = ", ".join(f"{value:g}" for value in grid.transform)
        raise IncompatibleImages(
            f"{title} has a geotransform in which pixels have no place or size of their own "
            f"({listed}). Georeference it again."
        )


def _refuse_type(title: str, bands: list[gdal.Band]) -> None:
    if any(gdal.DataTypeIsComplex(band.DataType) for band in bands):
        raise IncompatibleImages(
            f"{title} holds complex values, which cannot be used. Convert it to amplitude first."
        )
    # GDAL < 3.7 says so beside the type and hands the bytes out unsigned
    if any(b.GetMetadataItem("PIXELTYPE", "IMAGE_STRUCTURE") == "SIGNEDBYTE" for b in bands):
        raise IncompatibleImages(
            f"{title} holds signed bytes, which cannot be used. Convert it to Int16 first."
        )


def _refuse_control_points(title: str, dataset: gdal.Dataset) -> None:
    if dataset.GetGCPCount() and dataset.GetGeoTransform(can_return_null=True) is None:
        raise IncompatibleImages(
            f"{title} is placed by ground control points only. Warp it to a grid first."
        )


def _refuse_truncated(
    title: str, path: str, dataset: gdal.Dataset, bands: Sequence[gdal.Band]
) -> None:
    """Raise ImageIOError when a last block of a GeoTIFF lies behind the end of the file."""
    if dataset.GetDriver().ShortName != "GTiff" or not os.path.isfile(path):
        return
    has, needed = os.path.getsize(path), 0
    for band in bands:
        width, height = band.GetBlockSize()
        at = f"{(dataset.RasterXSize - 1) // width}_{(dataset.RasterYSize - 1) // height}"
        offset = band.GetMetadataItem(f"BLOCK_OFFSET_{at}", "TIFF")
        length = band.GetMetadataItem(f"BLOCK_SIZE_{at}", "TIFF")
        needed = max(needed, int(offset or 0) + int(length or 0))
    if needed > has:
        raise ImageIOError(
            f"{title} is cut off: it needs at least {needed} bytes and has {has}. "
            "Copy or download it again."
        )
