# SPDX-License-Identifier: GPL-2.0-or-later
"""An invented operation with one option of every kind, as an algorithm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.options import Kind, option, result, verify
from orthoweave.core.progress import SILENT, Progress


@dataclass(frozen=True)
class Request:
    images: tuple[str, ...] = option(Kind.RASTERS, "Images", help="What is read.")
    image: str | None = option(Kind.RASTER, "Image", None, help="One more.")
    cells: str | None = option(Kind.VECTOR, "Cells", None, help="Polygons.")
    cell_name: str | None = option(Kind.FIELD, "Name", None, parent="cells", help="A field.")
    rule: str = option(Kind.CHOICE, "Overlap rule", "last", choices=("first", "last", "mean"))
    resolution: Any = option(Kind.CHOICE_OR_NUMBER, "Resolution", "highest", help="A word.")
    width: int = option(
        Kind.INTEGER, "Blend width", 32, unit="px", minimum=2, maximum=512, advanced=True
    )
    nodata: float | None = option(Kind.NUMBER, "Nodata value", None, advanced=True)
    robust: bool = option(Kind.FLAG, "Robust", True, advanced=True, help="Weigh down outliers.")
    pattern: str = option(Kind.TEXT, "Names", "$", advanced=True, help="$ is the name.")
    names: tuple[str, ...] = option(Kind.NAMES, "Model images", (), advanced=True)
    extent: Any = option(Kind.EXTENT, "Extent", None, advanced=True, help="A box.")
    crs: str | None = option(Kind.CRS, "CRS", None, advanced=True, help="Of the output.")
    settings: Any = option(Kind.JSON, "Settings", None, advanced=True, help="A file or text.")
    creation_options: str | None = option(Kind.CREATION, "Creation", "TILED=YES", advanced=True)
    folder: str | None = option(Kind.FOLDER, "Work folder", None, advanced=True, help="Kept.")
    load_outputs: bool = option(Kind.FLAG, "Load outputs", True, advanced=True, help="Load.")
    output: str = option(Kind.RASTER_OUT, "Mosaic")
    seams: str | None = option(Kind.VECTOR_OUT, "Seams", None, advanced=True)
    report: str | None = option(Kind.HTML_OUT, "Report", None, created=True)
    model: str | None = option(Kind.JSON_OUT, "Model", None)
    output_folder: str | None = option(Kind.FOLDER_OUT, "Folder", None, advanced=True)

    def __post_init__(self) -> None:
        verify(self)
        if self.pattern == "x":
            raise InvalidOption("Names: 'x' needs a $.")


@dataclass(frozen=True)
class Result:
    output: str = result(Kind.RASTER_OUT, "Mosaic")
    report: str | None = result(Kind.HTML_OUT, "Report")
    output_layers: tuple[str, ...] = result(Kind.RASTERS, "Images")
    used: int = result(Kind.INTEGER, "Images used")
    rmse: float | None = result(Kind.NUMBER, "RMSE")
    skipped: tuple[str, ...] = result(Kind.NAMES, "Images skipped")
    passed: bool = result(Kind.FLAG, "Passed")
    folder: str | None = result(Kind.FOLDER, "Work folder")


@dataclass
class Trial:
    """The algorithm class, the requests that reached its operation and what it is to do."""

    algorithm: Any
    requests: list[Request] = field(default_factory=list)
    behavior: Callable[[Progress], None] = lambda progress: None


@pytest.fixture
def trial(toolbox: Any) -> Trial:
    """Return an invented operation that notes its request; `behavior` may do more."""
    from orthoweave.algorithms.base import OperationAlgorithm

    module = ModuleType("orthoweave.core.requests.trial", "Makes nothing of several images.")
    module.Request, module.Result = Request, Result

    def run(request: Request, progress: Progress = SILENT) -> Result:
        made.requests.append(request)
        made.behavior(progress)
        return Result(
            output=request.output,
            report=request.report,
            output_layers=request.images,
            used=len(request.images),
            rmse=float("nan"),
            skipped=("a", "b"),
            passed=True,
            folder=None,
        )

    class TrialAlgorithm(OperationAlgorithm):
        """Does nothing with images.

        Use it in <b>tests</b>
        only.
        """

        operation = module
        title = "Trial"
        group_id = "setup"
        keywords = ("trial",)

        def perform(self, request: Request, progress: Progress) -> Result:
            return run(request, progress)

    made = Trial(TrialAlgorithm)
    return made


@pytest.fixture
def start(toolbox: Any) -> Callable[..., Any]:
    """Run an algorithm: start(algorithm, {...}) -> (results, fine, feedback, context).

    Raises Refused with the sentence of the check.
    """
    from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsProject

    def run(algorithm: Any, parameters: dict[str, Any], feedback: Any = None) -> Any:
        context = QgsProcessingContext()
        feedback = feedback or QgsProcessingFeedback(False)
        context.setFeedback(feedback)
        context.setProject(QgsProject.instance())
        made = algorithm.create() if not isinstance(algorithm, type) else algorithm().create()
        fine, text = made.checkParameterValues(parameters, context)
        if not fine:
            raise Refused(text)
        results, ok = made.run(parameters, context, feedback)
        return results, ok, feedback, context

    return run


class Refused(Exception):
    """What the check of the parameters says."""
