# SPDX-License-Identifier: GPL-2.0-or-later
"""Polygons of classes and objects in QGIS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def labels() -> Any:
    """Squares of three classes."""
    return np.kron([[11, 12, 11], [12, 31, 12]], np.ones((30, 30), int)).astype(np.uint8)


def test_a_class_map_becomes_polygons_in_its_colors(
    labels: Any, write: Any, toolbox: Any, start: Any, tmp_path: Path
) -> None:
    from orthoweave.core.raster.palette import palette_style
    from qgis.core import QgsVectorLayer

    image = write("map.tif", labels, nodata=0)
    palette_style(image, [(11, "maize", "#ffcc00", 255), (12, "wheat", "#00cc00", 255)])
    found, fine, feedback, _ = start(
        toolbox.algorithmById("orthoweave:vectorizeclasses"),
        {"IMAGE": image, "CONFIDENCE": image, "OUTPUT": str(tmp_path / "map.gpkg")},
    )
    assert fine, feedback.textLog()
    assert found["POLYGON_COUNT"] == 6
    layer = QgsVectorLayer(found["OUTPUT"], "map", "ogr")
    assert {f["Name"] for f in layer.getFeatures()} == {"maize", "wheat", "31"}
    colors = {c.label(): c.symbol().color().name() for c in layer.renderer().categories()}
    assert colors["maize"] == "#ffcc00" and colors["wheat"] == "#00cc00"
    assert sum(f["Area"] for f in layer.getFeatures()) == pytest.approx(labels.size * 100)


@pytest.mark.parametrize("own", [False, True])
def test_objects_are_described(
    own: bool, labels: Any, write: Any, toolbox: Any, start: Any, tmp_path: Path
) -> None:
    from qgis.core import QgsVectorLayer

    values = np.stack([labels, 100 - labels]).astype(np.int16)
    options = {
        "IMAGE": write("f.tif", values, names=("x_a", "x_b")),
        "STATISTICS": "mean,count",
        "OUTPUT": str(tmp_path / "objects.gpkg"),
        "OUTPUT_SEGMENTS": "TEMPORARY_OUTPUT",
    }
    if own:
        options["SEGMENTS"] = write("s.tif", labels)
    algorithm = toolbox.algorithmById("orthoweave:objectstatistics")
    found, fine, feedback, _ = start(algorithm, options)
    assert fine, feedback.textLog()
    layer = QgsVectorLayer(found["OUTPUT"], "objects", "ogr")
    assert layer.featureCount() == found["OBJECT_COUNT"]
    assert sum(f["count"] for f in layer.getFeatures()) == labels.size
    means = {f["x_a_mean"] for f in layer.getFeatures()}
    assert means == {11.0, 12.0, 31.0} if own else 11.0 <= min(means) < max(means) <= 31.0
    assert Path(found["OUTPUT_SEGMENTS"]).is_file()
