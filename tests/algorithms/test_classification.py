# SPDX-License-Identifier: GPL-2.0-or-later
"""Training and classifying in QGIS, one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

NAMES = ("x_a", "x_b", "x_c")
CENTERS = np.array([[100, 500, 900], [500, 100, 300], [900, 900, 100]], float)


@pytest.fixture
def samples(tmp_path: Path) -> str:
    """A layer of samples of three classes."""
    from orthoweave.core.landcover.samples import Samples
    from orthoweave.core.raster import parse_crs
    from orthoweave.core.vector.samplelayer import Fields, write_samples

    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(3), 60)
    values = CENTERS[codes] + rng.normal(0, 90, (180, 3))
    place = np.arange(180) * 10.0
    table = Samples(values, codes + 11, np.arange(180) // 6, NAMES, (), place, place)
    path = str(tmp_path / "samples.gpkg")
    return write_samples(path, table, Fields("code"), parse_crs("EPSG:32633"))


def test_a_trained_model_classifies_an_image(
    samples: str, write: Any, toolbox: Any, start: Any, tmp_path: Path
) -> None:
    from osgeo import gdal

    trained, fine, feedback, _ = start(
        toolbox.algorithmById("orthoweave:trainclassifier"),
        {"SAMPLES": [samples], "FIELD": "code", "CLASSIFIER": "maxlik",
         "OUTPUT": "TEMPORARY_OUTPUT", "REPORT": str(tmp_path / "r.html")},
    )  # fmt: skip
    assert fine, feedback.textLog()
    assert trained["OUTPUT"].endswith(".owm") and trained["CLASSIFIER"] == "maxlik"
    assert trained["CLASS_COUNT"] == 3 and Path(trained["REPORT"]).is_file()
    classes = np.random.default_rng(1).integers(0, 3, (40, 50))
    image = write("a.tif", np.moveaxis(CENTERS[classes], -1, 0).astype("uint16"), names=NAMES)
    mapped, fine, feedback, _ = start(
        toolbox.algorithmById("orthoweave:classify"),
        {"IMAGE": image, "MODEL": trained["OUTPUT"], "OUTPUT": str(tmp_path / "map.tif"),
         "OUTPUT_CONFIDENCE": "TEMPORARY_OUTPUT"},
    )  # fmt: skip
    assert fine, feedback.textLog()
    np.testing.assert_array_equal(gdal.Open(mapped["OUTPUT"]).ReadAsArray(), classes + 11)
    confidence = gdal.Open(mapped["OUTPUT_CONFIDENCE"]).ReadAsArray()
    assert confidence.min() > 50 and mapped["CLASSIFIED_PIXELS"] == classes.size


def test_a_layer_of_the_project_is_read_as_samples(
    samples: str, toolbox: Any, start: Any, tmp_path: Path
) -> None:
    from qgis.core import QgsVectorLayer

    layer = QgsVectorLayer(f"{samples}|layername=samples", "samples", "ogr")
    assert layer.isValid()
    trained, fine, feedback, _ = start(
        toolbox.algorithmById("orthoweave:trainclassifier"),
        {"SAMPLES": [layer], "FIELD": "code", "CLASSIFIER": "maxlik", "FEATURES": "x_a,x_b",
         "OUTPUT": str(tmp_path / "m.owm")},
    )  # fmt: skip
    assert fine, feedback.textLog()
    assert trained["FEATURE_COUNT"] == 2
