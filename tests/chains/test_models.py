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


def matched_mosaic() -> Any:
    """Return the model: make images, match and even their colors, cut seams, merge along them."""
    from qgis.core import QgsProcessingModelAlgorithm

    model = QgsProcessingModelAlgorithm("Matched mosaic", "tests", "tests")
    sample = {"SCENE": "mosaic", "SIZE": 128, "LOAD_OUTPUTS": False}
    model.addChildAlgorithm(child("sample", "sampledata", sample))
    matching = {"IMAGES": ("sample", "OUTPUT_LAYERS"), "LOAD_OUTPUTS": False}
    model.addChildAlgorithm(child("match", "globalregression", matching))
    evening = {"IMAGES": ("match", "OUTPUT_LAYERS"), "LOAD_OUTPUTS": False}
    model.addChildAlgorithm(child("even", "localblockadjustment", evening))
    cutting = {"IMAGES": ("even", "OUTPUT_LAYERS")}
    model.addChildAlgorithm(child("cut", "voronoiseamlines", cutting))
    merging = {
        "IMAGES": ("even", "OUTPUT_LAYERS"),
        "SEAMLINES": ("cut", "OUTPUT"),
        "RULE": "feather",
    }
    finished(model, child("merge", "mergerasters", merging), "OUTPUT")
    model.updateDestinationParameters()
    return model


def measured_field(pair: list[str]) -> Any:
    """Return the model: a series of images, an analysis, a field of its key points."""
    from qgis.core import QgsProcessingModelAlgorithm

    model = QgsProcessingModelAlgorithm("Measured field", "tests", "tests")
    model.addChildAlgorithm(child("series", "shiftseries", {"IMAGES": pair}))
    shift = {"REFERENCE": pair[0], "MOVING": pair[1], "MAX_POINTS": 40}
    model.addChildAlgorithm(child("shift", "shiftanalysis", shift))
    field = {
        "KEY_POINTS": ("shift", "KEY_POINTS"),
        "REFERENCE": pair[0],
        "MAX_DISTANCE": ("shift", "POINTS"),
    }
    finished(model, child("field", "shiftfield", field), "OUTPUT")
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


def read_again(model: Any, path: Path) -> Any:
    """Return a model as it is after it was saved and read again."""
    from qgis.core import QgsProcessingModelAlgorithm

    fine, texts = model.validate()
    assert fine, texts
    assert model.toFile(str(path))
    made = QgsProcessingModelAlgorithm()
    assert made.fromFile(str(path))
    assert made.validate()[0]
    return made


def test_a_list_output_feeds_a_list_input_and_a_number_steers_a_later_step(
    toolbox: Any, tmp_path: Path
) -> None:
    from osgeo import gdal

    output = str(tmp_path / "mosaic.tif")
    results = run(read_again(sample_mosaic(), tmp_path / "sample.model3"), output)
    steps = results["CHILD_RESULTS"]
    assert len(steps["sample"]["OUTPUT_LAYERS"]) == steps["merge"]["IMAGES_USED"] == 4
    assert steps["again"]["COVERED"] == pytest.approx(steps["merge"]["COVERED"])
    beside = json.loads(Path(f"{output}.orthoweave.json").read_text(encoding="utf-8"))
    assert beside["request"]["blend_width"] == 4  # the number of images
    assert gdal.Open(output).RasterCount == 4


def test_seam_cells_and_corrected_images_feed_the_merge(toolbox: Any, tmp_path: Path) -> None:
    pytest.importorskip("shapely", reason="seams need Shapely")
    pytest.importorskip("scipy", reason="seams need SciPy")
    output = str(tmp_path / "mosaic.tif")
    steps = run(read_again(matched_mosaic(), tmp_path / "m.model3"), output)["CHILD_RESULTS"]
    assert steps["cut"]["CELL_COUNT"] == steps["merge"]["IMAGES_USED"] == 4
    assert steps["match"]["MEAN_DIFFERENCE_AFTER"] < steps["match"]["MEAN_DIFFERENCE_BEFORE"]
    beside = json.loads(Path(f"{output}.orthoweave.json").read_text(encoding="utf-8"))
    assert beside["request"]["seamlines"].startswith(steps["cut"]["OUTPUT"])
    assert not beside["warnings"]


def test_key_points_feed_a_field_and_their_number_limits_it(toolbox: Any, tmp_path: Path) -> None:
    import processing
    from osgeo import gdal

    made = {"SCENE": "pair", "SIZE": 160, "OUTPUT_FOLDER": str(tmp_path / "made")}
    pair = processing.run("orthoweave:sampledata", made)["OUTPUT_LAYERS"]
    pair = sorted(pair, key=lambda path: "reference" not in path)
    output = str(tmp_path / "field.tif")
    steps = run(read_again(measured_field(pair), tmp_path / "f.model3"), output)["CHILD_RESULTS"]
    assert steps["series"]["IMAGES_USED"] == 2
    # the sample pair is shifted by (2.3, -1.7) px
    assert steps["shift"]["SHIFT_X"] == pytest.approx(2.3, abs=0.05)
    assert 0 < steps["shift"]["POINTS"] <= 40
    field = gdal.Open(output).ReadAsArray()
    assert field[1][~(field[1] != field[1])] == pytest.approx(-1.7, abs=0.2)
    beside = json.loads(Path(f"{output}.orthoweave.json").read_text(encoding="utf-8"))
    assert beside["request"]["max_distance"] == steps["shift"]["POINTS"]
    assert beside["request"]["key_points"].startswith(steps["shift"]["KEY_POINTS"])


def classified_series(images: list[str], masks: list[str], polygons: str) -> Any:
    """Return the model: dated images and polygons to a map, every step fed by those before."""
    from qgis.core import QgsProcessingModelAlgorithm

    model = QgsProcessingModelAlgorithm("Classified series", "tests", "tests")
    stacking = {"IMAGES": images, "MASKS": masks, "BAND_NAMES": "b4,b8"}
    filling = {"IMAGE": ("stack", "OUTPUT"), "MASKS": ("stack", "OUTPUT_MASKS"), "STEP": 20}
    describing = {"IMAGE": ("fill", "OUTPUT"), "INDICES": ["ndvi"], "RED": "b4", "NIR": "b8"}
    taking = {"IMAGE": ("describe", "OUTPUT"), "POLYGONS": ("split", "OUTPUT"), "RUN": 0}
    mapping = {"IMAGE": ("describe", "OUTPUT"), "MODEL": ("train", "OUTPUT")}
    for step in (
        child("stack", "stacktimeseries", stacking),
        child("fill", "gapfill", filling),
        child("describe", "spectralfeatures", describing),
        child("split", "splitreference", {"POLYGONS": polygons, "FIELD": "name"}),
        child("take", "extractsamples", {**taking, "FIELD": "name"}),
        child(
            "train",
            "trainclassifier",
            {"SAMPLES": ("take", "OUTPUT"), "FIELD": "name", "CLASSIFIER": "maxlik"},
        ),
    ):
        model.addChildAlgorithm(step)
    finished(model, child("map", "classify", mapping), "OUTPUT")
    model.updateDestinationParameters()
    return model


def test_dated_images_and_named_polygons_become_a_map(
    toolbox: Any, write: Any, tmp_path: Path
) -> None:
    import numpy as np
    from osgeo import gdal, ogr, osr

    random = np.random.default_rng(0)
    truth = np.kron(random.permutation(36).reshape(6, 6) % 2, np.ones((10, 10), int))
    images, masks = [], []
    for number, day in enumerate(("20180101", "20180131", "20180302")):
        levels = np.array([[900, 2500], [1500, 1600]])[truth] + 100 * number
        clouds = (random.random(truth.shape) < 0.2).astype(np.uint8)
        values = np.moveaxis(levels, -1, 0) + random.normal(0, 100, (2, *truth.shape))
        values[:, clouds > 0] = 9000
        images.append(write(f"image_{day}.tif", values.astype(np.uint16)))
        masks.append(write(f"mask_{day}.tif", clouds))
    grid = gdal.Open(images[0]).GetGeoTransform()
    path = str(tmp_path / "réf.gpkg")
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(path)
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(32633)
    layer = dataset.CreateLayer("réf", crs, ogr.wkbPolygon)
    layer.CreateField(ogr.FieldDefn("name", ogr.OFTString))
    for number in range(36):
        x, y = grid[0] + 100 * (number % 6), grid[3] - 100 * (number // 6)
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetField("name", ("blé", "forêt ☃")[truth[number // 6 * 10, number % 6 * 10]])
        corners = ((15, 15), (85, 15), (85, 85), (15, 85), (15, 15))
        ring = ", ".join(f"{x + dx} {y - dy}" for dx, dy in corners)
        feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POLYGON(({ring}))"))
        layer.CreateFeature(feature)
    del feature, layer, dataset
    model = read_again(classified_series(images, masks, path), tmp_path / "c.model3")
    output = str(tmp_path / "map.tif")
    steps = run(model, output)["CHILD_RESULTS"]
    assert steps["split"]["POLYGONS_USED"] == 36 and steps["train"]["CLASS_COUNT"] == 2
    found = gdal.Open(output).ReadAsArray()
    assert (found == truth + 1).mean() > 0.97  # classes are coded by the alphabet
