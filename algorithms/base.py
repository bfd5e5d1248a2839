# SPDX-License-Identifier: GPL-2.0-or-later
"""An operation of the core as an algorithm of the Toolbox; subclasses only name it."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
)
from qgis.PyQt.QtGui import QIcon

from ..core.errors import Cancelled, OrthoweaveError
from ..core.options import Kind, Option, build, options_of, unknown_name
from ..core.ordering import in_reading_order
from ..core.progress import Progress
from .feedback import FeedbackProgress
from .loading import announce, open_styled
from .parameters import output, parameter
from .texts import GROUPS, first_sentence, paragraphs, tr
from .values import crs_text, flattened, is_null, is_table, plain

ROOT = Path(__file__).resolve().parents[1]
PAGES = "https://github.com/orthoweave/orthoweave/blob/main/docs/algorithms"
VECTOR_FILES = ["gpkg", "shp", "geojson", "json", "fgb", "gml", "kml", "sqlite", "tab"]


class OperationAlgorithm(QgsProcessingAlgorithm):
    """Shows the request of an operation as parameters, runs it and returns its result."""

    operation: ModuleType
    """Of core.requests: what is asked and given. What is done waits in core.operations."""

    title = ""
    group_id = ""
    keywords: tuple[str, ...] = ()

    _prepared: dict[str, Any]
    _written: Sequence[str] = ()

    def createInstance(self) -> OperationAlgorithm:
        return type(self)()

    def name(self) -> str:
        return self.operation.__name__.rpartition(".")[2]

    def displayName(self) -> str:
        return tr(self.title)

    def groupId(self) -> str:
        return self.group_id

    def group(self) -> str:
        return tr(GROUPS[self.group_id])

    def tags(self) -> list[str]:
        return [tr(word) for word in self.keywords]

    def svgIconPath(self) -> str:
        return str(ROOT / "icons" / f"{self.name()}.svg")

    def icon(self) -> QIcon:
        return QIcon(self.svgIconPath())

    def shortDescription(self) -> str:
        return tr(first_sentence(self.operation.__doc__ or ""))

    def shortHelpString(self) -> str:
        return tr(paragraphs(type(self).__doc__ or ""))

    def helpUrl(self) -> str:
        return f"{PAGES}/{self.name()}.md"

    def initAlgorithm(self, configuration: Mapping[str, Any] | None = None) -> None:
        for name, option in in_reading_order(self.operation.Request).items():
            self.addParameter(parameter(name, option))
        for name, option in options_of(self.operation.Result).items():
            if self.outputDefinition(name.upper()) is None:
                self.addOutput(output(name, option))

    def options(self) -> dict[str, Option]:
        """Return the options of the request by field name."""
        return options_of(self.operation.Request)

    def checkParameterValues(
        self, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> tuple[bool, str]:
        try:
            self._request(self._given(parameters, context))
        except OrthoweaveError as error:
            return False, str(error)
        present = {name: value for name, value in parameters.items() if not is_null(value)}
        return super().checkParameterValues(present, context)

    def prepareAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> bool:
        known = self.options()
        for name in sorted(set(parameters) - {name.upper() for name in known}):
            feedback.pushWarning(unknown_name(name, known, " and was ignored"))
        try:
            given = self._given(parameters, context)
            given.update(self._inputs(given, parameters, context, feedback))
            self._request(given)
        except OrthoweaveError as error:
            raise QgsProcessingException(str(error)) from error
        self._prepared = given
        return True

    def processAlgorithm(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> dict[str, Any]:
        # QGIS forgets the layers to load that were announced while preparing in another thread
        paths = self._destinations(parameters, context)
        try:
            request = self._request({**self._prepared, **paths})
            result = self.perform(request, FeedbackProgress(feedback))
        except Cancelled:
            return {}
        except OrthoweaveError as error:
            raise QgsProcessingException(str(error)) from error
        outputs = self._outputs(request, result)
        if getattr(request, "load_outputs", False):
            for name, option in options_of(result).items():
                if option.kind is Kind.RASTERS:
                    announce(outputs.get(name.upper(), ()), name.upper(), context)
        self._written = [str(value) for value in flattened(list(outputs.values()))]
        return outputs

    def postProcessAlgorithm(
        self, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        open_styled(self._written, context)
        return {}

    def perform(self, request: Any, progress: Progress) -> Any:
        """Run the operation; only now its code is loaded, so that starting QGIS stays quick."""
        module = importlib.import_module(f"...core.operations.{self.name()}", __name__)
        return module.run(request, progress)

    def _request(self, given: Mapping[str, Any]) -> Any:
        return build(self.operation.Request, given)

    def _given(self, parameters: dict[str, Any], context: QgsProcessingContext) -> dict[str, Any]:
        """Return what the user gave, as plain values by field name; layers stay unread."""
        found: dict[str, Any] = {}
        for name, option in self.options().items():
            value = parameters.get(name.upper())
            if is_null(value):
                continue
            if option.kind is Kind.CRS:
                crs = self.parameterAsCrs(parameters, name.upper(), context)
                value = crs_text(crs) if crs.isValid() else value
            elif option.kind is Kind.EXTENT:
                value = self._extent(parameters, name, context) or value
            found[name] = plain(option.kind, value, context)
        return {name: value for name, value in found.items() if value is not None}

    def _inputs(
        self,
        given: Mapping[str, Any],
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> dict[str, Any]:
        """Return files of the vector layers given, and extents in the output CRS."""
        found: dict[str, Any] = {}
        for name in given:
            kind = self.options()[name].kind
            if self._features(kind, given[name], name.upper(), parameters, context):
                found[name] = self._file(parameters, name.upper(), context, feedback) or given[name]
            elif kind is Kind.EXTENT:
                target = _output_crs(given)
                found[name] = self._extent(parameters, name, context, target) or given[name]
        return found

    def _features(
        self,
        kind: Kind,
        source: Any,
        name: str,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
    ) -> bool:
        """Return True for features that QGIS has to hand on as a file."""
        if kind is Kind.LAYER:
            return self.parameterAsVectorLayer(parameters, name, context) is not None
        return kind is Kind.VECTOR or (kind is Kind.POINTS and not is_table(source))

    def _destinations(
        self, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> dict[str, str]:
        """Return the paths of the outputs asked for; layers among them are to be loaded."""
        found: dict[str, str] = {}
        for name in self._prepared:
            kind = self.options()[name].kind
            if kind in (Kind.RASTER_OUT, Kind.VECTOR_OUT):
                found[name] = self.parameterAsOutputLayer(parameters, name.upper(), context)
            elif kind.destination:
                found[name] = self.parameterAsFileOutput(parameters, name.upper(), context)
        return found

    def _file(
        self,
        parameters: dict[str, Any],
        name: str,
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> str:
        """Return file and layer of a vector parameter; what is not a file is saved as one."""
        path, layer = self.parameterAsCompatibleSourceLayerPathAndLayerName(
            parameters, name, context, VECTOR_FILES, "gpkg", feedback
        )
        return f"{path}|layername={layer}" if path and layer else str(path or "")

    def _extent(
        self,
        parameters: dict[str, Any],
        name: str,
        context: QgsProcessingContext,
        target: QgsCoordinateReferenceSystem | None = None,
    ) -> tuple[float, ...] | None:
        box = self.parameterAsExtent(
            parameters, name.upper(), context, target or QgsCoordinateReferenceSystem()
        )
        if box.isNull():
            return None
        return (box.xMinimum(), box.xMaximum(), box.yMinimum(), box.yMaximum())

    def _outputs(self, request: Any, result: Any) -> dict[str, Any]:
        """Return the destinations and the result by output name; what is not known is absent."""
        destinations = [name for name, option in self.options().items() if option.kind.destination]
        found = {name: getattr(request, name) for name in destinations}
        found.update({name: getattr(result, name) for name in options_of(result)})
        return {
            name.upper(): self._output(name, value)
            for name, value in found.items()
            if value is not None and not (isinstance(value, float) and not math.isfinite(value))
        }

    def _output(self, name: str, value: Any) -> Any:
        if not isinstance(value, tuple):
            return value
        as_text = self.outputDefinition(name.upper()).type() == "outputString"
        return ", ".join(map(str, value)) if as_text else list(value)


def _output_crs(given: Mapping[str, Any]) -> QgsCoordinateReferenceSystem:
    """Return the CRS asked for, else that of the first image; invalid when there is none."""
    from ..core.raster import expand, open_image

    text = given.get("crs")
    if text is None and given.get("images"):
        try:
            text = open_image(expand(given["images"][:1])[0]).grid.crs
        except OrthoweaveError:  # the worker says what is wrong with it
            text = ""
    return QgsCoordinateReferenceSystem(text or "")
