# SPDX-License-Identifier: GPL-2.0-or-later
"""Labels of a whole image as polygons, collected while the image is read once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from osgeo import gdal, ogr

from ..grid import Grid
from ..image import Array, Pixels
from ..progress import SILENT, Progress
from ..raster.errors import refusing
from ..stage import WorkingFolder
from ..windows import Window
from .rings import Polygon
from .tracing import valid_polygons

NO_LABEL = -(2**31)
"""Pixels of no polygon."""

_OPTIONS = "COMPRESS=LZW TILED=YES BLOCKXSIZE=512 BLOCKYSIZE=512 SPARSE_OK=TRUE BIGTIFF=IF_SAFER"
_FLUSH = 16 << 20
"""Bytes after which finished blocks leave GDAL's cache."""


class LabelTrace:
    """Collects the label of each pixel of one image (an OwnCollector), and traces them at once.

    `labels_of` gives labels[row, col] of 32 bits of a window, NO_LABEL where there is none. A
    context manager: labels and traced polygons lie in a temporary folder that is removed at the
    end, so memory does not grow with the image or the number of polygons.
    """

    def __init__(self, grid: Grid, labels_of: Callable[[Pixels], Array]) -> None:
        self._labels_of = labels_of
        self._folder = WorkingFolder("orthoweave")
        self._pending, self._labels = 0, self._created(grid)
        self._layer = os.path.join(self._folder.name, "polygons.gpkg")

    def __enter__(self) -> LabelTrace:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the temporary files."""
        self._labels = None
        self._folder.cleanup()

    def __getstate__(self) -> dict[str, object]:
        """Leave the files behind: windows are looked at without them."""
        return {"_labels_of": self._labels_of}

    def feed(self, index: int, window: Window, pixels: Pixels) -> tuple[Window, Array | None]:
        """Return the labels of a window, None where there are none."""
        labels = self._labels_of(pixels)
        return window, labels if (labels != NO_LABEL).any() else None

    def merge(self, part: tuple[Window, Array | None]) -> None:
        """Add a window."""
        window, labels = part
        if labels is None:
            return
        with refusing(f"Temporary labels in {self._folder.name} cannot be written"):
            self._labels.GetRasterBand(1).WriteArray(labels, window.col, window.row)
            self._pending += labels.nbytes
            if self._pending > _FLUSH:
                self._labels.FlushCache()
                self._pending = 0

    def trace(self, *, eight_connected: bool = False, progress: Progress = SILENT) -> None:
        """Trace the regions of pixels with one label, along their edges.

        Pixels that meet only at a corner are separate unless `eight_connected`. Raises Cancelled
        when the user stops.
        """

        flushed, step = 0.0, 512 / self._labels.RasterYSize

        def listen(fraction: float, _message: str, _data: Any) -> int:
            nonlocal flushed
            if fraction - flushed > step:
                # rows that are done leave GDAL's cache, which is as large as it is allowed to be
                self._labels.FlushCache()
                flushed = fraction
            progress.advance(fraction)
            return 0 if progress.cancelled() else 1

        try:
            with refusing(f"The temporary labels in {self._folder.name} cannot be traced"):
                self._labels.FlushCache()
                band = self._labels.GetRasterBand(1)
                dataset = ogr.GetDriverByName("GPKG").CreateDataSource(self._layer)
                dataset.StartTransaction()
                layer = dataset.CreateLayer("p", None, ogr.wkbPolygon, ["SPATIAL_INDEX=NO"])
                layer.CreateField(ogr.FieldDefn("value", ogr.OFTInteger))
                options = ["8CONNECTED=8"] if eight_connected else []
                gdal.Polygonize(band, band.GetMaskBand(), layer, 0, options, callback=listen)
                dataset.CommitTransaction()
                del layer, dataset
        finally:
            progress.check()

    def areas(self) -> NDArray[np.float64]:
        """Return the area of each polygon, px."""
        return np.array([f.GetGeometryRef().GetArea() for f in self._features()], np.float64)

    def polygons(self) -> Iterator[tuple[int, tuple[Polygon, ...]]]:
        """Yield label and outline of each polygon in pixel coordinates, in the order of areas().

        An outline that touches itself at a corner has several parts.
        """
        for feature in self._features():
            geometry = feature.GetGeometryRef()
            # GDAL places pixels downward from 0 where a file has no transform
            yield feature.GetField(0), valid_polygons(geometry)

    def _features(self) -> Iterator[ogr.Feature]:
        dataset = gdal.OpenEx(self._layer, gdal.OF_VECTOR)
        layer = dataset.GetLayer(0)
        yield from layer
        del layer, dataset

    def _created(self, grid: Grid) -> Any:
        path = os.path.join(self._folder.name, "labels.tif")
        with refusing(f"Temporary labels in {self._folder.name} cannot be written"):
            driver, size = gdal.GetDriverByName("GTiff"), (grid.width, grid.height, 1)
            dataset = driver.Create(path, *size, gdal.GDT_Int32, _OPTIONS.split())
            dataset.GetRasterBand(1).SetNoDataValue(NO_LABEL)
        return dataset
