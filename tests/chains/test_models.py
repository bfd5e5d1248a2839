# SPDX-License-Identifier: GPL-2.0-or-later
"""Algorithms chained in QGIS models: lists into lists, numbers that steer later steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def child(name: str, algorithm: str, sources: dict[str, Any]) -> Any:
    """Return a step; a source is a value or (step, output).

    What is not given gets its default, as the model designer does.
    """
    from qgis.core import QgsProcessingModelChildAlgorithm, QgsProcessingModelChildParameterSource

    source = QgsProcessingModelChildParameterSource
    made = QgsProcessingModelChildAlgorithm(f"orthoweave:{algorithm}")
    made.setChildId(name)
    made.setDescription(name)
    definitions = made.algorithm().parameterDefinitions()
    defaults = {p.name(): p.defaultValue() for p in definitions if p.defaultValue() is not None}
    for parameter, given in {**defaults, **sources}.items():
        if isinstance(given, tuple):
            one = source.fromChildOutput(*given)
        else:
            one = source.fromStaticValue(given)
        made.addParameterSources(parameter, [one])
    return made


def finished(model: Any, step: Any, output: str) -> None:
    """Make an output of a step an output of the model, and add the step."""
    from qgis.core import QgsProcessingModelOutput

    result = QgsProcessingModelOutput("Mosaic")
    result.setChildId(step.childId())
    result.setChildOutputName(output)
    step.setModelOutputs({"Mosaic": result})
    model.addChildAlgorithm(step)


def sample_mosaic() -> Any:
    """Return the model: make images, merge them, merge again as wide as there are images."""
    from qgis.core import QgsProcessingModelAlgorithm

    model = QgsProcessingModelAlgorithm("Sample mosaic", "tests", "tests")
    sample = {"SCENE": "mosaic", "SIZE": 128, "LOAD_OUTPUTS": False}
    model.addChildAlgorithm(child("sample", "sampledata", sample))
    first = {"IMAGES": ("sample", "OUTPUT_LAYERS"), "RULE": "first"}
    model.addChildAlgorithm(child("merge", "mergerasters", first))
    second = {
        "IMAGES": ("sample", "OUTPUT_LAYERS"),
        "RULE": "feather",
        "BLEND_WIDTH": ("merge", "IMAGES_USED"),
    }
    step = child("again", "mergerasters", second)
    finished(model, step, "OUTPUT")
    model.updateDestinationParameters()
    return model


def run(model: Any, output: str) -> dict[str, Any]:
    """Run a model and return its results; nothing but the result is to be loaded."""
    from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsProject

    feedback, context = QgsProcessingFeedback(False), QgsProcessingContext()
    context.setProject(QgsProject.instance())
    (name,) = [p.name() for p in model.destinationParameterDefinitions()]
    results, fine = model.run({name: output}, context, feedback)
    assert fine, feedback.textLog()
    assert not context.layersToLoadOnCompletion()
    return results


@pytest.fixture
def model(toolbox: Any, tmp_path: Path) -> Any:
    """Return the model as it is after it was saved and read again."""
    from qgis.core import QgsProcessingModelAlgorithm

    fine, texts = sample_mosaic().validate()
    assert fine, texts
    path = str(tmp_path / "sample.model3")
    assert sample_mosaic().toFile(path)
    made = QgsProcessingModelAlgorithm()
    assert made.fromFile(path)
    assert made.validate()[0]
    return made


def test_a_list_output_feeds_a_list_input_and_a_number_steers_a_later_step(
    model: Any, tmp_path: Path
) -> None:
    from osgeo import gdal

    output = str(tmp_path / "mosaic.tif")
    results = run(model, output)
    steps = results["CHILD_RESULTS"]
    assert len(steps["sample"]["OUTPUT_LAYERS"]) == steps["merge"]["IMAGES_USED"] == 4
    assert steps["again"]["COVERED"] == pytest.approx(steps["merge"]["COVERED"])
    beside = json.loads(Path(f"{output}.orthoweave.json").read_text(encoding="utf-8"))
    assert beside["request"]["blend_width"] == 4  # the number of images
    assert gdal.Open(output).RasterCount == 4
