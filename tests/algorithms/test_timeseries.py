# SPDX-License-Identifier: GPL-2.0-or-later
"""The steps from dated images to features, chained through QGIS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from orthoweave.core.deps import available
from osgeo import gdal, ogr

DATES = ("20180101", "20180121", "20180210")


def dated(write: Any) -> tuple[list[str], list[str]]:
    """Write three images that grow by 20 each, clouded in the middle, and their masks."""
    images, masks = [], []
    for number, date in enumerate(DATES):
        values = np.full((2, 30, 40), 1000 + 20 * number, np.int16)
        values[1] *= 3
        clouds = np.zeros((30, 40), np.uint8)
        if number == 1:
            clouds[5:20, 5:20] = 1
            values[:, 5:20, 5:20] = 9000
        images.append(write(f"in/a_{date}.tif", values))
        masks.append(write(f"masks/a_{date}.tif", clouds))
    return images, masks


def test_a_series_is_stacked_counted_filled_and_described(
    toolbox: Any, write: Any, tmp_path: Path
) -> None:
    import processing

    images, masks = dated(write)
    place = {name: str(tmp_path / f"{name}.tif") for name in ("series", "masks", "count", "full")}
    stacked = processing.run(
        "orthoweave:stacktimeseries",
        {"IMAGES": images, "MASKS": masks, "BAND_NAMES": "red,nir", "OUTPUT": place["series"],
         "OUTPUT_MASKS": place["masks"]},
    )  # fmt: skip
    assert stacked["DATE_COUNT"] == 3 and Path(stacked["OUTPUT_DATES"]).is_file()
    counted = processing.run(
        "orthoweave:pixelvalidity",
        {"MASKS": [stacked["OUTPUT_MASKS"]], "THRESHOLD": 3, "OUTPUT": place["count"],
         "OUTPUT_AREA": str(tmp_path / "area.gpkg")},
    )  # fmt: skip
    assert counted["CLEAR_PIXELS"] == 1200 - 225
    assert ogr.Open(counted["OUTPUT_AREA"]).GetLayer(0).GetFeatureCount() == 1
    filled = processing.run(
        "orthoweave:gapfill",
        {"IMAGE": stacked["OUTPUT"], "MASKS": stacked["OUTPUT_MASKS"], "STEP": 10,
         "OUTPUT": place["full"]},
    )  # fmt: skip
    full = gdal.Open(filled["OUTPUT"]).ReadAsArray()
    assert filled["DATE_COUNT"] == 5 and full[4, 10, 10] == 1020
    described = processing.run(
        "orthoweave:spectralfeatures",
        {"IMAGE": filled["OUTPUT"], "INDICES": "ndvi", "RED": "red", "NIR": "nir",
         "EXPRESSIONS": "b2 > b1 ? 1 : 0", "KEEP_BANDS": False, "OUTPUT": str(tmp_path / "f.tif")},
    )  # fmt: skip
    values = gdal.Open(described["OUTPUT"]).ReadAsArray()
    assert values[0].min() == values[4].max() == 500 and (values[5:] == 1).all()


@pytest.mark.skipif(not available("shapely"), reason="Shapely is hidden")
def test_tiles_get_envelopes(toolbox: Any, write: Any, tmp_path: Path) -> None:
    import processing

    tiles = [
        write(f"T31TC{name}.tif", np.ones((50, 50), np.uint8),
              transform=(5e5 + shift, 10.0, 0.0, 5e6, 0.0, -10.0))
        for name, shift in (("J", 0), ("K", 400))
    ]  # fmt: skip
    found = processing.run(
        "orthoweave:tilepriority",
        {"IMAGES": tiles, "METHOD": "iota2", "MARGIN": 20, "OUTPUT": str(tmp_path / "e.gpkg"),
         "OUTPUT_FOLDER": str(tmp_path / "single")},
    )  # fmt: skip
    assert found["TILE_COUNT"] == 2 and found["OVERLAP_AREA"] == 0
    dataset = ogr.Open(found["OUTPUT"])
    areas = {row["tile"]: row.GetGeometryRef().Area() for row in dataset.GetLayer(0)}
    assert areas == {"T31TCJ": 480 * 500, "T31TCK": 420 * 500}


def test_the_dialog_says_that_functions_run_code(toolbox: Any) -> None:
    from qgis.core import QgsApplication

    tool = QgsApplication.processingRegistry().createAlgorithmById("orthoweave:spectralfeatures")
    asked = tool.parameterDefinition("PYTHON_MODULE")
    assert "runs code" in asked.description() and "all your rights" in asked.help()
    assert asked.defaultValue() is None
    assert "run code" in tool.shortHelpString()
