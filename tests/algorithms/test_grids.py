# SPDX-License-Identifier: GPL-2.0-or-later
"""Images of several CRSs aligned, trimmed and merged in a QGIS model, and from the Toolbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def pair(write: Any, tmp_path: Path) -> list[str]:
    """An image with holes, and the same ground in another CRS."""
    from osgeo import gdal

    values = np.random.default_rng(1).integers(60, 90, (2, 90, 120)).astype("uint16")
    values[:, :30, :40] = values[:, 60:63, 70:80] = 0
    first = write("a.tif", values, nodata=0)
    other = str(tmp_path / "b.tif")
    gdal.Warp(other, first, dstSRS="EPSG:32634").FlushCache()
    return [first, other]


def aligned_mosaic(pair: list[str]) -> Any:
    """Return the model: align two images, trim the first, merge the aligned ones."""
    from qgis.core import (
        QgsProcessingModelAlgorithm,
        QgsProcessingModelChildAlgorithm,
        QgsProcessingModelChildParameterSource,
        QgsProcessingModelOutput,
    )

    source = QgsProcessingModelChildParameterSource
    model = QgsProcessingModelAlgorithm("Aligned mosaic", "tests", "tests")

    def child(name: str, algorithm: str, given: dict[str, Any]) -> Any:
        made = QgsProcessingModelChildAlgorithm(f"orthoweave:{algorithm}")
        made.setChildId(name)
        made.setDescription(name)
        known = {p.name(): p.defaultValue() for p in made.algorithm().parameterDefinitions()}
        defaults = {name: value for name, value in known.items() if value is not None}
        for parameter, value in {**defaults, **given}.items():
            one = source.fromChildOutput(*value) if isinstance(value, tuple) else None
            made.addParameterSources(parameter, [one or source.fromStaticValue(value)])
        return made

    options = {"IMAGES": pair, "TAP": True, "RESOLUTION": "10 12", "LOAD_OUTPUTS": False}
    model.addChildAlgorithm(child("align", "alignrasters", options))
    merge = child("merge", "mergerasters", {"IMAGES": ("align", "OUTPUT_LAYERS"), "RULE": "first"})
    model.addChildAlgorithm(merge)
    options = {"IMAGE": ("merge", "OUTPUT"), "DEPTH": ("align", "IMAGES_USED"), "SCOPE": "border"}
    step = child("trim", "trimedges", options)
    result = QgsProcessingModelOutput("Trimmed")
    result.setChildId("trim")
    result.setChildOutputName("OUTPUT")
    step.setModelOutputs({"Trimmed": result})
    model.addChildAlgorithm(step)
    model.updateDestinationParameters()
    return model


def test_a_model_aligns_merges_and_trims(toolbox: Any, pair: list[str], tmp_path: Path) -> None:
    from osgeo import gdal
    from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsProcessingModelAlgorithm

    made = aligned_mosaic(pair)
    assert made.validate()[0] and made.toFile(str(tmp_path / "m.model3"))
    model = QgsProcessingModelAlgorithm()
    assert model.fromFile(str(tmp_path / "m.model3")) and model.validate()[0]
    (name,) = [p.name() for p in model.destinationParameterDefinitions()]
    feedback, output = QgsProcessingFeedback(False), str(tmp_path / "trimmed.tif")
    results, fine = model.run({name: output}, QgsProcessingContext(), feedback)
    assert fine, feedback.textLog()
    steps = results["CHILD_RESULTS"]
    assert len(steps["align"]["OUTPUT_LAYERS"]) == steps["align"]["IMAGES_RESAMPLED"] == 2
    trimmed, merged = gdal.Open(output), gdal.Open(steps["merge"]["OUTPUT"])
    assert trimmed.GetGeoTransform()[1::4] == (10.0, -12.0)
    lost = (trimmed.ReadAsArray()[0] == 0) & (merged.ReadAsArray()[0] != 0)
    assert lost.sum() == steps["trim"]["TRIMMED_PIXELS"] > 0


@pytest.mark.parametrize(("resolution", "size"), [("highest", 10), ("25", 25), ("20, 30", 20)])
def test_words_and_numbers_are_typed_as_the_resolution(
    toolbox: Any, start: Any, pair: list[str], tmp_path: Path, resolution: str, size: float
) -> None:
    from osgeo import gdal

    options = {"IMAGES": pair[:1], "OUTPUT_FOLDER": str(tmp_path / "o"), "RESOLUTION": resolution}
    algorithm = toolbox.algorithmById("orthoweave:alignrasters")
    results, fine, feedback, _ = start(algorithm, options)
    assert fine, feedback.textLog()
    assert gdal.Open(results["OUTPUT_LAYERS"][0]).GetGeoTransform()[1] == size
