# SPDX-License-Identifier: GPL-2.0-or-later
"""Local block adjustment as QGIS runs it: maps that are saved, shown and taken again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def test_a_saved_map_is_shown_in_color_and_brings_another_image_to_its_level(
    toolbox: Any, start: Callable[..., Any], write: Callable[..., str], tmp_path: Path
) -> None:
    from qgis.core import QgsRasterLayer

    random = np.random.default_rng(1)
    scene = random.integers(900, 1100, (3, 120, 200)).astype(float)
    scene += 300 * np.sin(np.mgrid[0:120, 0:200][1] / 25)
    parts = {"a": scene[:, :, :120], "b": scene[:, :, 60:180] * np.linspace(0.8, 1.2, 120)}
    images = [
        write(f"{name}.tif", np.rint(part).astype("uint16"), nodata=0,
              transform=(5e5 + 600 * (name == "b"), 10.0, 0.0, 5e6, 0.0, -10.0))
        for name, part in parts.items()
    ]  # fmt: skip
    algorithm = toolbox.algorithmById("orthoweave:localblockadjustment")
    given = {"IMAGES": images, "OUTPUT_FOLDER": str(tmp_path / "out"), "SAVE_LOCAL_MAPS": "$_map",
             "SAVE_REFERENCE_MAP": str(tmp_path / "ref.tif"),
             "REPORT": "TEMPORARY_OUTPUT"}  # fmt: skip
    results, fine, feedback, _ = start(algorithm, given)
    assert fine, feedback.textLog()
    assert results["MEAN_DIFFERENCE_AFTER"] < 0.2 * results["MEAN_DIFFERENCE_BEFORE"]
    assert Path(results["REPORT"]).is_file()
    for path in (results["REFERENCE_MAP"], str(tmp_path / "out" / "b_map.tif")):
        shown = QgsRasterLayer(path, "map")
        assert shown.isValid() and shown.renderer().type() == "multibandcolor"
        assert shown.width() == results["BLOCK_COUNT_COLUMNS"]
        low = shown.renderer().redContrastEnhancement().minimumValue()
        assert 500 < low < 1500
        del shown
    again = {"IMAGES": [images[1]], "OUTPUT_FOLDER": str(tmp_path / "again"),
             "LOAD_REFERENCE_MAP": results["REFERENCE_MAP"],
             "LOAD_LOCAL_MAPS": [str(tmp_path / "out" / "$_map.tif")]}  # fmt: skip
    second, fine, feedback, _ = start(algorithm, again)
    assert fine, feedback.textLog()
    assert Path(second["OUTPUT_LAYERS"][0]).name == "b_Local.tif"
    from osgeo import gdal

    one, other = (gdal.Open(r["OUTPUT_LAYERS"][-1]) for r in (results, second))
    np.testing.assert_array_equal(one.ReadAsArray(), other.ReadAsArray())
