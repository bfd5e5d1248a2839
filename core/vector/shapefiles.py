# SPDX-License-Identifier: GPL-2.0-or-later
"""Shapefiles, whose parts appear together when they are complete."""

from __future__ import annotations

import os

from osgeo import ogr

from ..errors import ImageIOError
from ..raster.crs import reference
from ..raster.errors import refusing
from ..stage import WorkingFolder, make_folder
from .layers import Layer

_TYPES = {"string": ogr.OFTString, "integer": ogr.OFTInteger, "real": ogr.OFTReal}


def write_shapefile(path: str, layer: Layer) -> str:
    """Write a layer as <path>, which ends in .shp, with .shx, .dbf, .prj, .cpg; return its path.

    Raises ImageIOError when it cannot be written.
    """
    path = os.path.abspath(path)
    folder, title = os.path.split(path)
    make_folder(folder)
    with WorkingFolder(title, folder) as place:
        with refusing(f"{title} cannot be written"):
            _fill(os.path.join(place, title), layer, title)
        for name in sorted(os.listdir(place)):
            os.replace(os.path.join(place, name), os.path.join(folder, name))
    return path


def _fill(path: str, layer: Layer, title: str) -> None:
    dataset = ogr.GetDriverByName("ESRI Shapefile").CreateDataSource(path)
    if dataset is None:
        raise ImageIOError(f"{title} cannot be written.")
    crs = reference(layer.crs) if layer.crs else None
    kind = getattr(ogr, "wkb" + layer.geometry)
    # texts of all languages; without it only those of western Europe
    table = dataset.CreateLayer(layer.name, crs, kind, ["ENCODING=UTF-8"])
    for name, declared in layer.fields:
        table.CreateField(ogr.FieldDefn(name[:10], _TYPES[declared]))
    for feature in layer.features:
        row = ogr.Feature(table.GetLayerDefn())
        for index, (name, _) in enumerate(layer.fields):
            if feature.values.get(name) is not None:
                row.SetField(index, feature.values[name])
        row.SetGeometryDirectly(ogr.CreateGeometryFromWkb(feature.geometry))
        table.CreateFeature(row)
    # closing writes the rest; OGR closes with the last references
    del table, dataset
