# SPDX-License-Identifier: GPL-2.0-or-later
"""What dialogs, models and the command line hand over, as the plain values a request takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsMapLayer,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingUtils,
    QgsProperty,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QVariant

from ..core.errors import InvalidOption
from ..core.options import Kind

EXTENSIONS = {
    Kind.RASTER_OUT: ".tif",
    Kind.VECTOR_OUT: ".gpkg",
    Kind.HTML_OUT: ".html",
    Kind.JSON_OUT: ".json",
    Kind.MODEL_OUT: ".owm",
    Kind.TABLE_OUT: ".csv",
    Kind.FIGURE_OUT: ".png",
    Kind.FOLDER_OUT: "",
}
WEB = ("wms", "wcs", "arcgismapserver")


def is_null(value: Any) -> bool:
    """Return True for None and for the NULL of Qt."""
    return value is None or (isinstance(value, QVariant) and value.isNull())


def plain(kind: Kind, value: Any, context: QgsProcessingContext) -> Any:
    """Return a value without QGIS's wrappers; None where nothing was given."""
    if isinstance(value, QgsProperty):
        value = value.valueAsString(context.expressionContext())[0]
    if is_null(value):
        return None
    if kind is Kind.RASTERS:
        return [raster_source(item, context) for item in flattened(value)] or None
    if kind is Kind.VECTORS:
        return [stored_source(item, context) for item in flattened(value)] or None
    if kind is Kind.RASTER:
        return raster_source(value, context)
    if kind in (Kind.VECTOR, Kind.POINTS):
        return vector_source(value)
    if kind is Kind.LAYER:
        return layer_source(value, context)
    if kind.destination:
        return destination(kind, value)
    if isinstance(value, (list, tuple)):
        return list(flattened(value)) or None
    return value


def flattened(value: Any) -> Iterator[Any]:
    """Yield the entries of a list, of lists in it and of a single value; NULL is left out."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from flattened(item)
    elif not is_null(value):
        yield value


def raster_source(value: Any, context: QgsProcessingContext) -> str:
    """Return what GDAL opens for a layer, its id or its name; other text is a file already.

    Raises InvalidOption for a layer that does not come from GDAL.
    """
    layer = value
    if not isinstance(value, QgsMapLayer):
        layer = QgsProcessingUtils.mapLayerFromString(str(value), context, False)
    if layer is None:
        return str(value)
    if layer.providerType() != "gdal":
        origin = "a web service" if layer.providerType() in WEB else "no file that GDAL can read"
        raise InvalidOption(f"Layer '{layer.name()}' comes from {origin}. Save it as a file first.")
    return str(layer.source()).partition("|option:")[0]


def vector_source(value: Any) -> str:
    """Return the source of a vector layer as text."""
    if isinstance(value, QgsProcessingFeatureSourceDefinition):
        value = value.source.staticValue()
    return str(value.source() if isinstance(value, QgsMapLayer) else value)


def stored_source(value: Any, context: QgsProcessingContext) -> str:
    """Return the file of a vector layer, its id or its name; other text is a file already.

    Raises InvalidOption for a layer that does not come from a file.
    """
    layer = value
    if not isinstance(value, QgsMapLayer):
        layer = QgsProcessingUtils.mapLayerFromString(str(value), context, False)
    if layer is not None and layer.providerType() != "ogr":
        raise InvalidOption(f"Layer '{layer.name()}' comes from no file. Save it as a file first.")
    return str(value if layer is None else layer.source())


def layer_source(value: Any, context: QgsProcessingContext) -> str:
    """Return what is read for a raster layer or a layer of polygons."""
    layer = value
    if not isinstance(value, QgsMapLayer):
        layer = QgsProcessingUtils.mapLayerFromString(str(value), context, False)
    if isinstance(layer, QgsVectorLayer):
        return vector_source(layer)
    return raster_source(value, context)


def is_table(source: str) -> bool:
    """Return True for a table of points, which the core reads itself."""
    return source.lower().endswith(".csv")


def destination(kind: Kind, value: Any) -> str | None:
    """Return where something is to be written; a temporary output gets a name for the checks."""
    if isinstance(value, QgsProcessingOutputLayerDefinition):
        value = value.sink.staticValue()
    if value == QgsProcessing.TEMPORARY_OUTPUT:
        return "temporary" + EXTENSIONS[kind]
    return str(value) if value else None


def crs_text(crs: QgsCoordinateReferenceSystem) -> str:
    """Return the code of a CRS, or its definition when it has none."""
    return str(crs.authid() or crs.toWkt(QgsCoordinateReferenceSystem.WktVariant.WKT_PREFERRED))
