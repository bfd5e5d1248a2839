# SPDX-License-Identifier: GPL-2.0-or-later
"""The layers that QGIS loads once a run is over, with the style of their files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from qgis.core import QgsProcessingContext, QgsRasterLayer, QgsVectorLayer


def announce(paths: Iterable[str], output: str, context: QgsProcessingContext) -> None:
    """Ask QGIS to load images once the run is over, under their own names."""
    if context.project() is None:
        return
    for path in paths:
        details = QgsProcessingContext.LayerDetails(Path(path).stem, context.project(), output)
        context.addLayerToLoadOnCompletion(path, details)


def open_styled(paths: Iterable[str], context: QgsProcessingContext) -> None:
    """Open those of the files that QGIS is going to load, so that it finds them open.

    QGIS gives a layer the style of its file wherever it is opened, except when Processing opens
    the results of a run.
    """
    for path in paths:
        if context.willLoadLayerOnCompletion(path):
            name = Path(path).stem
            raster = Path(path).suffix != ".gpkg"
            layer = QgsRasterLayer(path, name) if raster else QgsVectorLayer(path, name, "ogr")
            if layer.isValid():
                context.temporaryLayerStore().addMapLayer(layer)
