# SPDX-License-Identifier: GPL-2.0-or-later
"""Co-registration through QGIS: layers as masks, layers out, sentences."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .scripted import SIDE, run, texture


@pytest.fixture
def pair(write: Callable[..., str]) -> dict[str, str]:
    """Write a pair whose second image is displaced by 1.2 px to the right and 0.6 px up."""
    return {
        "REFERENCE": write("a b/réf.tif", texture()),
        "MOVING": write("a b/möv.tif", texture(1.2, -0.6)),
    }


def test_an_image_is_moved_and_a_second_one_follows(
    toolbox: Any, pair: dict[str, str], tmp_path: Path
) -> None:
    from qgis.core import QgsRasterLayer, QgsVectorLayer

    given = {
        **pair,
        "MODEL": "translation",
        "OUTPUT": str(tmp_path / "out.tif"),
        "TRANSFORM": str(tmp_path / "t.json"),
        "KEY_POINTS": str(tmp_path / "kp.gpkg"),
        "REPORT": None,
    }
    found = run("coregister", given)
    assert found["SHIFT_X"] == pytest.approx(1.2, abs=0.01) and found["ACCEPTED"] == 1
    assert found["SHIFT_NORTH"] == pytest.approx(6.0, abs=0.1)
    assert QgsRasterLayer(found["OUTPUT"], "out").isValid()
    points = QgsVectorLayer(found["KEY_POINTS"] + "|layername=key_points", "kp", "ogr")
    names = [field.name() for field in points.fields()]
    assert {"reliability", "role", "reason", "residual_x", "outlier", "weight"} <= set(names)
    follow = {"IMAGE": pair["MOVING"], "TRANSFORM": found["TRANSFORM"]}
    second = run("applytransform", {**follow, "OUTPUT": str(tmp_path / "two.tif")})
    assert Path(second["OUTPUT"]).read_bytes()[:4] == Path(found["OUTPUT"]).read_bytes()[:4]


def test_layers_of_the_project_are_masks(
    toolbox: Any, pair: dict[str, str], write: Callable[..., str]
) -> None:
    from qgis.core import QgsFeature, QgsGeometry, QgsRasterLayer, QgsRectangle, QgsVectorLayer

    image = QgsRasterLayer(pair["REFERENCE"], "ref")
    box = image.extent()
    half = QgsRectangle(box.xMinimum(), box.yMinimum(), box.center().x(), box.yMaximum())
    layer = QgsVectorLayer("Polygon?crs=EPSG:32633", "clouds", "memory")
    feature = QgsFeature()
    feature.setGeometry(QgsGeometry.fromRect(half))
    layer.dataProvider().addFeatures([feature])
    corner = np.zeros((SIDE, SIDE), "uint8")
    corner[:40, 150:] = 1
    raster = QgsRasterLayer(write("cloud.tif", corner), "cloud")
    masks = {"REFERENCE_MASK": layer, "MOVING_MASK": raster, "MODEL": "translation"}
    whole = run("coregister", {**pair, "MODEL": "translation"})
    found = run("coregister", {**pair, **masks})
    assert found["SHIFT_X"] == pytest.approx(1.2, abs=0.02)
    assert found["N_POINTS"] < 0.8 * whole["N_POINTS"]


def test_a_refusal_is_the_sentence_of_the_run(
    toolbox: Any, pair: dict[str, str], write: Callable[..., str]
) -> None:
    from qgis.core import QgsProcessingException

    rng = np.random.default_rng(1)
    noise = write("noise.tif", rng.normal(1000, 100, (SIDE, SIDE)).astype("float32"))
    given = {**pair, "MOVING": noise, "MODEL": "translation"}
    with pytest.raises(QgsProcessingException, match="windows agree"):
        run("coregister", given)
