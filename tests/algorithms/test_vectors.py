# SPDX-License-Identifier: GPL-2.0-or-later
"""Algorithms on polygons, run by QGIS on layers and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

shapely = pytest.importorskip("shapely.geometry")
pytest.importorskip("scipy")

from orthoweave.core.raster import parse_crs  # noqa: E402
from orthoweave.core.vector import Feature, Layer, write_layers  # noqa: E402

FIELDS = (("image", "string"), ("cloud", "real"))


@pytest.fixture
def squares(tmp_path: Path) -> list[str]:
    """Write two overlapping squares as two files."""
    found = []
    for number, name in enumerate("ab"):
        shape = shapely.box(5 * number, 0, 5 * number + 10, 10)
        feature = Feature(shape.wkb, {"image": name, "cloud": float(number)})
        crs = parse_crs("EPSG:32633")
        layer = Layer("footprints", "MultiPolygon", crs, FIELDS, (feature,))
        found.append(write_layers(str(tmp_path / f"{name}.gpkg"), [layer]))
    return found


def loaded(path: str) -> Any:
    from qgis.core import QgsVectorLayer

    found = QgsVectorLayer(path, Path(path).stem, "ogr")
    assert found.isValid()
    return found


def test_layers_and_files_are_merged_and_their_number_is_a_result(
    toolbox: Any, squares: list[str], tmp_path: Path
) -> None:
    import processing

    given = {
        "VECTORS": [loaded(squares[0]), squares[1]],
        "METHOD": "union",
        "NAME_FIELD": "from",
        "OUTPUT": str(tmp_path / "m.gpkg"),
    }
    results = processing.run("orthoweave:mergevectors", given)
    assert (results["LAYERS_USED"], results["FEATURE_COUNT"], results["REPAIRED"]) == (2, 3, 0)
    merged = loaded(results["OUTPUT"])
    found = {feature["from"]: feature.geometry().area() for feature in merged.getFeatures()}
    assert found == {"a": 50, "b": 50, "a_b": 50}
    del merged


def test_a_layer_without_a_file_gives_a_sentence(toolbox: Any, tmp_path: Path) -> None:
    import processing
    from qgis.core import QgsProcessingException, QgsVectorLayer

    memory = QgsVectorLayer("Polygon?crs=EPSG:32633", "drawn", "memory")
    given = {"VECTORS": [memory], "OUTPUT": str(tmp_path / "m.gpkg")}
    with pytest.raises(QgsProcessingException, match="Layer 'drawn' comes from no file"):
        processing.run("orthoweave:mergevectors", given)
    del memory


def test_the_merged_layers_are_ranked(toolbox: Any, squares: list[str], tmp_path: Path) -> None:
    import processing

    merged = {"VECTORS": squares, "OUTPUT": str(tmp_path / "m.gpkg")}
    layer = processing.run("orthoweave:mergevectors", merged)["OUTPUT"]
    given = {
        "FOOTPRINTS": layer,
        "RANK": "-{cloud}",
        "OUTPUT": str(tmp_path / "r.gpkg"),
    }
    results = processing.run("orthoweave:rankedseamlines", given)
    assert (results["CELL_COUNT"], results["OVERLAP_AREA"]) == (2, 0)
    cells = loaded(results["OUTPUT"])
    found = {feature["image"]: feature.geometry().area() for feature in cells.getFeatures()}
    assert found == {"a": 100, "b": 50}
    del cells
