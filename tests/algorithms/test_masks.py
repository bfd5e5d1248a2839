# SPDX-License-Identifier: GPL-2.0-or-later
"""Masks, expressions and polygons through QGIS, with what it hands over between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def image(write: Any) -> str:
    """An image of four bands with a bright square."""
    values = np.random.default_rng(1).integers(50, 100, (4, 90, 110)).astype(np.uint16)
    values[:, 20:50, 30:70] = 900
    return str(write("a.tif", values, nodata=0))


def values(path: str) -> Any:
    from osgeo import gdal

    return gdal.Open(path).ReadAsArray()


@pytest.fixture
def step(toolbox: Any, start: Any, tmp_path: Path) -> Any:
    """Run an algorithm of ours: step("bandmath", IMAGES=[...]) -> outputs."""

    def make(name: str, **parameters: Any) -> Any:
        parameters.setdefault("OUTPUT_FOLDER", str(tmp_path / name))
        found, fine, feedback, _ = start(toolbox.algorithmById(f"orthoweave:{name}"), parameters)
        assert fine, feedback.textLog()
        return found

    return make


def test_a_mask_becomes_polygons_that_mask_the_image(step: Any, image: str) -> None:
    marked = step("thresholdraster", IMAGES=[image], EXPRESSION="b1 > 50%b1 & b2 > 500")
    assert marked["TRUE_FRACTION"] == pytest.approx(1200 / 9900)
    drawn = step("rastertopolygons", IMAGES=marked["OUTPUT_LAYERS"], EXPRESSION="b1 == 1")
    assert drawn["POLYGON_COUNT"] == 1 and drawn["OUTPUT_LAYERS"][0].endswith(".gpkg")
    cut = step(
        "maskrasters", IMAGES=[image], VECTOR_MASK=drawn["OUTPUT_LAYERS"][0], MASK_MODE="exclude"
    )
    assert cut["KEPT_PIXELS"] == 9900 - 1200
    hidden = values(cut["OUTPUT_LAYERS"][0])
    assert (hidden[:, 20:50, 30:70] == 0).all()


def test_layers_in_memory_and_fields_are_taken(step: Any, image: str) -> None:
    from qgis.core import QgsFeature, QgsGeometry, QgsProject, QgsRectangle, QgsVectorLayer

    layer = QgsVectorLayer("Polygon?crs=EPSG:32633&field=name:string", "p", "memory")
    for name, left in (("a", 500000), ("b", 500500)):
        feature = QgsFeature(layer.fields())
        box = QgsRectangle(left, 4999800, left + 100, 5000000)
        feature.setGeometry(QgsGeometry.fromRect(box))
        feature.setAttribute("name", name)
        layer.dataProvider().addFeature(feature)
    QgsProject.instance().addMapLayer(layer)
    try:
        cut = step("maskrasters", IMAGES=[image], VECTOR_MASK=layer, MASK_FIELD="name")
    finally:
        QgsProject.instance().removeMapLayer(layer)
    assert cut["KEPT_PIXELS"] == 200 and cut["MASKED_PIXELS"] == 9900 - 200


def test_bands_are_computed_and_indices_written(step: Any, image: str) -> None:
    made = step("bandmath", IMAGES=[image], EXPRESSION="b1 + b2; b1 > b2")
    assert values(made["OUTPUT_LAYERS"][0]).shape == (2, 90, 110)
    made = step("ndvi", IMAGES=[image], OUTPUT_TYPE="int16")
    assert values(made["OUTPUT_LAYERS"][0]).dtype == np.int16


def test_clouds_are_masked(step: Any, image: str) -> None:
    made = step("cloudmask", IMAGES=[image], SCALE=1000, SHADOWS=False, BUFFER=0)
    assert made["CLOUD_FRACTION"].startswith("0.12")
    assert set(np.unique(values(made["OUTPUT_LAYERS"][0]))) == {0, 1}


def test_a_mistake_in_an_expression_is_said_before_anything_is_written(
    toolbox: Any, start: Any, image: str, tmp_path: Path
) -> None:
    _, fine, feedback, _ = start(
        toolbox.algorithmById("orthoweave:bandmath"),
        {"IMAGES": [image], "EXPRESSION": "b1 > > 3", "OUTPUT_FOLDER": str(tmp_path / "no")},
    )
    assert not fine and "at character 6" in feedback.textLog()
    assert not list((tmp_path / "no").glob("*"))
