# SPDX-License-Identifier: GPL-2.0-or-later
"""Vector sources as users name them: a file, a layer of it, a part of that layer."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass

from osgeo import gdal, ogr

from ..errors import ImageIOError, InvalidOption
from ..raster.errors import refusing


@dataclass(frozen=True)
class Opened:
    """A layer that can be read; `title` is the file's name for messages.

    The dataset is held because OGR forgets a layer when its file is closed.
    """

    dataset: gdal.Dataset
    layer: ogr.Layer
    title: str

    @property
    def crs(self) -> str:
        """WKT of the layer's CRS, "" when it has none."""
        found = self.layer.GetSpatialRef()
        # what a GeoPackage says of a layer without CRS
        if found is None or (found.GetName() or "").startswith("Undefined"):
            return ""
        return str(found.ExportToWkt())


def open_layer(source: str, kinds: Collection[int], what: str) -> Opened:
    """Open "path", "path|layername=x", "path|layerid=0" or with "|subset=…" for reading.

    Without a layer name the first layer whose geometries are of the kinds is taken; `what` names
    them in messages. Raises ImageIOError when the file cannot be read, InvalidOption when it has
    no such layer.
    """
    path, options = parted(source)
    title = os.path.basename(path) or path
    with refusing(f"{title} cannot be opened"):
        dataset = gdal.OpenEx(path, gdal.OF_VECTOR | gdal.OF_VERBOSE_ERROR)
    if dataset is None:
        raise ImageIOError(f"{title} cannot be opened: it is no vector file.")
    layer = _layer(dataset, options, title, kinds, what)
    if "subset" in options:
        with refusing(f"{title} cannot be filtered"):
            layer.SetAttributeFilter(options["subset"])
    return Opened(dataset, layer, title)


def parted(source: str) -> tuple[str, dict[str, str]]:
    """Return the path of a source and its options, with lower-case names."""
    path, *options = source.split("|")
    pairs = [option.partition("=") for option in options]
    return path, {key.strip().lower(): value for key, _, value in pairs}


def _layer(
    dataset: gdal.Dataset, options: dict[str, str], title: str, kinds: Collection[int], what: str
) -> ogr.Layer:
    layers = [dataset.GetLayer(index) for index in range(dataset.GetLayerCount())]
    listed = ", ".join(layer.GetName() for layer in layers) or "none"
    if "layername" in options:
        wanted = options["layername"]
        found = next((layer for layer in layers if layer.GetName() == wanted), None)
        if found is None:
            raise InvalidOption(f"{title} has no layer {wanted!r}; it has {listed}.")
        return found
    if "layerid" in options:
        wanted = options["layerid"]
        if not wanted.isdecimal() or int(wanted) >= len(layers):
            raise InvalidOption(f"{title} has no layer number {wanted} (from 0); it has {listed}.")
        return layers[int(wanted)]
    for layer in layers:
        if ogr.GT_Flatten(layer.GetGeomType()) in kinds:
            return layer
    raise InvalidOption(f"{title} has no layer of {what}; its layers are: {listed}.")
