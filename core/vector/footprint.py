# SPDX-License-Identifier: GPL-2.0-or-later
"""Footprints of images: their valid pixels as polygons, collected while they are read once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple

import numpy as np
from osgeo import gdal

from ..errors import IncompatibleImages
from ..grid import Grid
from ..image import Image, Mask, Pixels
from ..progress import SILENT, Progress
from ..raster.crs import CrsMapping, crs_title, same_crs
from ..raster.errors import refusing
from ..stage import WorkingFolder
from ..windows import Window
from .rings import Polygon, area_of, densified, mapped, rings_of, wkb_of
from .tracing import quadrilateral, simplified, tidied, trace_pixels

_OPTIONS = [
    "NBITS=1",
    "COMPRESS=LZW",
    "TILED=YES",
    "BLOCKXSIZE=512",
    "BLOCKYSIZE=512",
    "SPARSE_OK=TRUE",
    "BIGTIFF=IF_SAFER",
]
_OPEN = 32
"""Temporary masks that are open at a time."""

_STEP = 10.0
"""Pixels between the points by which an edge is brought to another CRS."""


@dataclass(frozen=True)
class Footprint:
    """Where an image is valid, as a MultiPolygon (well-known binary) in one CRS."""

    name: str
    path: str
    geometry: bytes
    valid_pixels: int
    pixels: int
    bands: int
    pixel_size: tuple[float, float]

    @property
    def empty(self) -> bool:
        """True when there is nothing to outline."""
        return not rings_of(self.geometry)

    @property
    def area(self) -> float:
        """Area in squared map units."""
        return area_of(rings_of(self.geometry))


def always_valid(image: Image) -> bool:
    """Return True when nothing in a file can make a pixel invalid, so that it need not be read."""
    return image.details.validity == "all" and image.dtype.kind != "f"


class _Part(NamedTuple):
    image: int
    window: Window
    valid_pixels: int
    valid: Mask | None


class FootprintTrace:
    """Collects where each image is valid (an OwnCollector of the survey).

    A context manager: masks lie compressed, one bit a pixel, in a temporary folder that is removed
    at the end, and only for images that have invalid pixels. An image that is not fed at all is
    valid everywhere.
    """

    def __init__(self, images: Sequence[Image]) -> None:
        self._images = tuple(images)
        self._counts: dict[int, int] = {}
        self._full: list[list[Window] | None] = [[] for _ in images]
        self._masks: dict[int, gdal.Dataset] = {}
        self._folder = WorkingFolder("orthoweave")

    def __enter__(self) -> FootprintTrace:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the temporary masks."""
        self._masks.clear()
        self._folder.cleanup()

    def __getstate__(self) -> dict[str, object]:
        """Leave everything behind: windows are looked at without it."""
        return {}

    def feed(self, index: int, window: Window, pixels: Pixels) -> _Part:
        """Return what is valid in a window of an image."""
        if pixels.all_valid:
            return _Part(index, window, window.pixels, None)
        return _Part(index, window, int(np.count_nonzero(pixels.valid)), pixels.valid)

    def merge(self, part: _Part) -> None:
        """Add a window."""
        self._counts[part.image] = self._counts.get(part.image, 0) + part.valid_pixels
        full = self._full[part.image]
        if part.valid is None and full is not None:
            full.append(part.window)
            return
        for window in full or ():
            self._burn(part.image, window, None)
        self._full[part.image] = None
        if part.valid_pixels:
            self._burn(part.image, part.window, part.valid)

    def footprints(
        self,
        crs: str,
        *,
        min_part: float = 0.0,
        min_hole: float = 0.0,
        simplify: float = 0.0,
        progress: Progress = SILENT,
    ) -> tuple[Footprint, ...]:
        """Return the footprint of each image in a CRS.

        Parts and holes smaller than `min_part` and `min_hole` pixels are left out; edges may be
        simplified by `simplify` pixels. Raises IncompatibleImages when an image reaches beyond
        the area of the CRS.
        """
        found = []
        for index, (image, part) in enumerate(zip(self._images, progress.split(len(self._images)))):
            part.check()
            polygons = tidied(self._traced(index), min_part, min_hole)
            polygons = simplified(polygons, simplify)
            polygons = placed(polygons, image.grid, crs)
            if not all(np.isfinite(ring).all() for polygon in polygons for ring in polygon):
                raise IncompatibleImages(
                    f"{image.name} ({crs_title(image.grid.crs)}) reaches beyond the area of "
                    f"{crs_title(crs)}. Choose another CRS."
                )
            found.append(self._footprint(index, polygons))
            part.advance(1.0)
        return tuple(found)

    def _footprint(self, index: int, polygons: tuple[Polygon, ...]) -> Footprint:
        image = self._images[index]
        return Footprint(
            name=image.name,
            path=getattr(image, "path", ""),
            geometry=wkb_of(polygons),
            valid_pixels=self._counts.get(index, image.grid.window.pixels),
            pixels=image.grid.window.pixels,
            bands=image.bands,
            pixel_size=image.grid.pixel_size,
        )

    def _traced(self, index: int) -> tuple[Polygon, ...]:
        grid = self._images[index].grid
        count = self._counts.get(index, grid.window.pixels)
        if count == grid.window.pixels:
            return (quadrilateral(grid),)
        if count == 0:
            return ()
        self._masks.pop(index, None)
        return trace_pixels(self._path(index))

    def _path(self, index: int) -> str:
        return os.path.join(self._folder.name, f"{index}.tif")

    def _burn(self, index: int, window: Window, valid: Mask | None) -> None:
        values = np.ones(window.shape, np.uint8) if valid is None else valid.astype(np.uint8)
        with refusing(f"A temporary mask in {self._folder.name} cannot be written"):
            band = self._mask(index).GetRasterBand(1)
            band.WriteArray(values, window.col, window.row)

    def _mask(self, index: int) -> gdal.Dataset:
        """Return the open mask of an image; the one used longest ago is closed for it."""
        mask = self._masks.pop(index, None)
        if mask is None and os.path.exists(self._path(index)):
            mask = gdal.OpenEx(self._path(index), gdal.OF_RASTER | gdal.OF_UPDATE)
        elif mask is None:
            grid = self._images[index].grid
            size = (grid.width, grid.height, 1, gdal.GDT_Byte)
            mask = gdal.GetDriverByName("GTiff").Create(self._path(index), *size, _OPTIONS)
        self._masks[index] = mask
        if len(self._masks) > _OPEN:
            del self._masks[next(iter(self._masks))]
        return mask


def placed(polygons: Sequence[Polygon], grid: Grid, crs: str) -> tuple[Polygon, ...]:
    """Return polygons in pixel coordinates of a grid as polygons in map units of a CRS.

    On the way to another CRS edges are divided every 10 px, into 20 pieces at most.
    """
    if not crs or not grid.crs or same_crs(grid.crs, crs):
        return mapped(polygons, grid.to_map)
    dense = mapped(densified(polygons, _STEP), grid.to_map)
    return mapped(dense, CrsMapping(grid.crs, crs))
