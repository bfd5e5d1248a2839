# SPDX-License-Identifier: GPL-2.0-or-later
"""The one table from the options of requests and results to QGIS parameters and outputs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from qgis.core import (
    Qgis,
    QgsProcessing,
    QgsProcessingOutputBoolean,
    QgsProcessingOutputDefinition,
    QgsProcessingOutputFile,
    QgsProcessingOutputFolder,
    QgsProcessingOutputHtml,
    QgsProcessingOutputMultipleLayers,
    QgsProcessingOutputNumber,
    QgsProcessingOutputRasterLayer,
    QgsProcessingOutputString,
    QgsProcessingOutputVectorLayer,
    QgsProcessingParameterBand,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterCrs,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterField,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterMapLayer,
    QgsProcessingParameterMatrix,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
    QgsProcessingParameterVectorDestination,
    QgsProcessingParameterVectorLayer,
)

from ..core.options import Kind, Option
from .texts import tr
from .values import is_null

Parameter = QgsProcessingParameterDefinition
Flag = QgsProcessingParameterDefinition.Flag
Source = QgsProcessing.SourceType

HTML = "HTML files (*.html)"
JSON = "JSON files (*.json)"
MODELS = "Classifiers (*.owm)"
TABLES = "CSV files (*.csv)"
FIGURES = "PNG files (*.png);;PDF files (*.pdf);;SVG files (*.svg)"
NEW_WIDGETS = 33900
"""From this version on the widget of creation options is chosen by type and not by class."""


def parameter(name: str, option: Option) -> Parameter:
    """Return the QGIS parameter of an option of a request."""
    made = PARAMETERS[option.kind](name.upper(), _label(option), option)
    # QGIS shows help as HTML, in which <band> would be a tag and vanish
    made.setHelp(re.sub("<([^<>]+)>", r"‹\1›", tr(option.summary)))
    flags = made.flags()
    if option.clearable or (not option.required and option.default in (None, "", ())):
        flags |= Flag.FlagOptional
    if option.advanced:
        flags |= Flag.FlagAdvanced
    made.setFlags(flags)
    return made


def output(name: str, option: Option) -> QgsProcessingOutputDefinition:
    """Return the QGIS output of a field of a result."""
    return OUTPUTS.get(option.kind, QgsProcessingOutputString)(name.upper(), tr(option.label))


class _Unopened:
    """A parameter of layers that QGIS does not open to check it; the worker does.

    QGIS opens every file up to four times, writes statistics beside it, refuses folders and
    patterns and says "Incorrect parameter value" where the worker names file and reason.
    """

    def checkValueIsAcceptable(self: Any, value: Any, context: Any = None) -> bool:
        return not is_null(value) or bool(self.flags() & Flag.FlagOptional)


class LayersParameter(_Unopened, QgsProcessingParameterMultipleLayers):
    """Layers, files, folders and patterns."""


class RasterParameter(_Unopened, QgsProcessingParameterRasterLayer):
    """A raster layer or file."""


class VectorParameter(_Unopened, QgsProcessingParameterVectorLayer):
    """A vector layer or file."""


class LayerParameter(_Unopened, QgsProcessingParameterMapLayer):
    """A raster layer, a layer of polygons or a file of either."""


class BandParameter(QgsProcessingParameterBand):
    """A band, which QGIS alone among its parameters refuses when it is left to its default."""

    def checkValueIsAcceptable(self, value: Any, context: Any = None) -> bool:
        return is_null(value) or super().checkValueIsAcceptable(value, context)


def _label(option: Option) -> str:
    """Return the label with what can be typed: the unit, the words."""
    if option.kind is Kind.CHOICE_OR_NUMBER:
        return f"{tr(option.label)} ({', '.join(option.choices)} {tr('or a number')})"
    return tr(option.label) + (f" ({option.unit})" if option.unit else "")


def _raster(name: str, label: str, _: Option) -> Parameter:
    return RasterParameter(name, label)


def _rasters(name: str, label: str, _: Option) -> Parameter:
    return LayersParameter(name, label, Source.TypeRaster)


def _vector(name: str, label: str, _: Option) -> Parameter:
    return VectorParameter(name, label, [Source.TypeVectorPolygon])


def _vectors(name: str, label: str, _: Option) -> Parameter:
    return LayersParameter(name, label, Source.TypeVectorAnyGeometry)


def _points(name: str, label: str, _: Option) -> Parameter:
    return VectorParameter(name, label, [Source.TypeVectorPoint])


def _layer(name: str, label: str, _: Option) -> Parameter:
    made = LayerParameter(name, label)
    made.setDataTypes([Source.TypeRaster, Source.TypeVectorPolygon])
    return made


def _file(name: str, label: str, option: Option) -> Parameter:
    behavior = QgsProcessingParameterFile.Behavior.File
    return QgsProcessingParameterFile(name, label, behavior, defaultValue=_default(option))


def _band(name: str, label: str, option: Option) -> Parameter:
    return BandParameter(
        name, label, option.default, parentLayerParameterName=option.parent.upper()
    )


def _field(name: str, label: str, option: Option) -> Parameter:
    return QgsProcessingParameterField(
        name, label, option.default, parentLayerParameterName=option.parent.upper()
    )


def _choice(name: str, label: str, option: Option) -> Parameter:
    default = None if option.required else option.default
    return QgsProcessingParameterEnum(
        name, label, list(option.choices), defaultValue=default, usesStaticStrings=True
    )


def _number(name: str, label: str, option: Option) -> Parameter:
    whole = option.kind is Kind.INTEGER
    types = QgsProcessingParameterNumber.Type
    made = QgsProcessingParameterNumber(name, label, types.Integer if whole else types.Double)
    made.setDefaultValue(_default(option))
    if option.minimum is not None:
        made.setMinimum(option.minimum)
    if option.maximum is not None:
        made.setMaximum(option.maximum)
    return made


def _flag(name: str, label: str, option: Option) -> Parameter:
    return QgsProcessingParameterBoolean(name, label, _default(option))


def _text(name: str, label: str, option: Option) -> Parameter:
    default = _default(option)
    listed = ",".join(map(str, default)) if isinstance(default, tuple) else default
    text = None if listed is None else str(listed)
    return QgsProcessingParameterString(name, label, text, multiLine=option.kind is Kind.JSON)


def _pairs(name: str, label: str, option: Option) -> Parameter:
    headers = [tr(title) for title in option.columns]
    return QgsProcessingParameterMatrix(name, label, 1, False, headers, list(option.default))


def _creation(name: str, label: str, option: Option) -> Parameter:
    made = QgsProcessingParameterString(name, label, _default(option), optional=True)
    old = "processing.algs.gdal.ui.RasterOptionsWidget.RasterOptionsWidgetWrapper"
    new = Qgis.versionInt() >= NEW_WIDGETS
    made.setMetadata(
        {"widget_wrapper": {"widget_type": "rasteroptions"} if new else {"class": old}}
    )
    return made


def _extent(name: str, label: str, _: Option) -> Parameter:
    return QgsProcessingParameterExtent(name, label)


def _crs(name: str, label: str, option: Option) -> Parameter:
    return QgsProcessingParameterCrs(name, label, _default(option))


def _folder(name: str, label: str, option: Option) -> Parameter:
    behavior = QgsProcessingParameterFile.Behavior.Folder
    return QgsProcessingParameterFile(name, label, behavior, defaultValue=_default(option))


def _raster_out(name: str, label: str, option: Option) -> Parameter:
    return _created(QgsProcessingParameterRasterDestination(name, label), option)


def _vector_out(name: str, label: str, option: Option) -> Parameter:
    return _created(QgsProcessingParameterVectorDestination(name, label), option)


def _html_out(name: str, label: str, option: Option) -> Parameter:
    return _created(QgsProcessingParameterFileDestination(name, label, HTML), option)


def _json_out(name: str, label: str, option: Option) -> Parameter:
    return _created(QgsProcessingParameterFileDestination(name, label, JSON), option)


def _model_out(name: str, label: str, option: Option) -> Parameter:
    return _created(QgsProcessingParameterFileDestination(name, label, MODELS), option)


def _table_out(name: str, label: str, option: Option) -> Parameter:
    return _created(QgsProcessingParameterFileDestination(name, label, TABLES), option)


def _figure_out(name: str, label: str, option: Option) -> Parameter:
    return _created(QgsProcessingParameterFileDestination(name, label, FIGURES), option)


def _folder_out(name: str, label: str, option: Option) -> Parameter:
    return _created(QgsProcessingParameterFolderDestination(name, label), option)


def _created(made: Any, option: Option) -> Parameter:
    made.setCreateByDefault(option.required or option.created)
    return made


def _default(option: Option) -> Any:
    return None if option.required else option.default


PARAMETERS: dict[Kind, Callable[[str, str, Option], Parameter]] = {
    Kind.RASTER: _raster,
    Kind.RASTERS: _rasters,
    Kind.VECTOR: _vector,
    Kind.VECTORS: _vectors,
    Kind.POINTS: _points,
    Kind.LAYER: _layer,
    Kind.FILE: _file,
    Kind.BAND: _band,
    Kind.FIELD: _field,
    Kind.CHOICE: _choice,
    Kind.CHOICE_OR_NUMBER: _text,
    Kind.NUMBER: _number,
    Kind.INTEGER: _number,
    Kind.NUMBERS: _text,
    Kind.FLAG: _flag,
    Kind.TEXT: _text,
    Kind.NAMES: _text,
    Kind.PAIRS: _pairs,
    Kind.EXTENT: _extent,
    Kind.CRS: _crs,
    Kind.JSON: _text,
    Kind.CREATION: _creation,
    Kind.FOLDER: _folder,
    Kind.RASTER_OUT: _raster_out,
    Kind.VECTOR_OUT: _vector_out,
    Kind.HTML_OUT: _html_out,
    Kind.JSON_OUT: _json_out,
    Kind.MODEL_OUT: _model_out,
    Kind.TABLE_OUT: _table_out,
    Kind.FIGURE_OUT: _figure_out,
    Kind.FOLDER_OUT: _folder_out,
}
OUTPUTS: dict[Kind, type[QgsProcessingOutputDefinition]] = {
    Kind.RASTER: QgsProcessingOutputRasterLayer,
    Kind.RASTERS: QgsProcessingOutputMultipleLayers,
    Kind.VECTOR: QgsProcessingOutputVectorLayer,
    Kind.FILE: QgsProcessingOutputFile,
    Kind.NUMBER: QgsProcessingOutputNumber,
    Kind.INTEGER: QgsProcessingOutputNumber,
    Kind.FLAG: QgsProcessingOutputBoolean,
    Kind.FOLDER: QgsProcessingOutputFolder,
    Kind.RASTER_OUT: QgsProcessingOutputRasterLayer,
    Kind.VECTOR_OUT: QgsProcessingOutputVectorLayer,
    Kind.HTML_OUT: QgsProcessingOutputHtml,
    Kind.JSON: QgsProcessingOutputFile,
    Kind.JSON_OUT: QgsProcessingOutputFile,
    Kind.MODEL_OUT: QgsProcessingOutputFile,
    Kind.TABLE_OUT: QgsProcessingOutputFile,
    Kind.FIGURE_OUT: QgsProcessingOutputFile,
    Kind.FOLDER_OUT: QgsProcessingOutputFolder,
}
