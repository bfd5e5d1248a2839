# SPDX-License-Identifier: GPL-2.0-or-later
"""Radiometric algorithms one after the other, with what QGIS hands over between them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def images(write: Any) -> list[str]:
    """Two overlapping images of one scene with other values."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:120, 0:200] / 20.0
    scene = np.stack([1000 + 200 * np.sin(x + b) * np.cos(y) for b in range(2)])
    scene += rng.normal(0, 10, scene.shape)
    parts = {"a": scene[:, :, :120], "b": 0.7 * scene[:, :, 60:180] + 90}
    return [
        write(f"{name}.tif", np.rint(part).astype("uint16"), nodata=0,
              transform=(5e5 + 600 * (name == "b"), 10.0, 0.0, 5e6, 0.0, -10.0))
        for name, part in parts.items()
    ]  # fmt: skip


def values(path: str) -> Any:
    from osgeo import gdal

    return gdal.Open(path).ReadAsArray().astype(float)


@pytest.mark.parametrize(
    ("algorithm", "more"),
    [
        ("globalregression", {}),
        ("histogrammatch", {"METHOD": "histogram", "PIXELS": "overlap"}),
        ("histogrammatch", {"METHOD": "mean_std"}),
        ("lirrn", {"SAMPLES": 200}),
    ],
)
def test_a_saved_model_is_applied_again(
    algorithm: str,
    more: dict[str, Any],
    images: list[str],
    toolbox: Any,
    start: Any,
    tmp_path: Path,
) -> None:
    if algorithm != "globalregression":
        more = {**more, "REFERENCE": images[0]}
    first, fine, feedback, _ = start(
        toolbox.algorithmById(f"orthoweave:{algorithm}"),
        {"IMAGES": images, "OUTPUT_FOLDER": str(tmp_path / "one"), "REPORT": "TEMPORARY_OUTPUT",
         "OUTPUT_MODEL": str(tmp_path / "m.json"), **more},
    )  # fmt: skip
    assert fine, feedback.textLog()
    assert Path(first["REPORT"]).is_file() and first["IMAGES_USED"] == 2
    again, fine, feedback, _ = start(
        toolbox.algorithmById("orthoweave:applyadjustments"),
        {"IMAGES": images, "MODEL": first["OUTPUT_MODEL"], "OUTPUT_FOLDER": str(tmp_path / "two"),
         "BAND_ENTRIES": [1, 0, 2, 1]},
    )  # fmt: skip
    assert fine, feedback.textLog()
    for one, other in zip(first["OUTPUT_LAYERS"], again["OUTPUT_LAYERS"]):
        np.testing.assert_array_equal(values(one), values(other))


def test_tables_of_names_and_bands_come_from_the_dialog(
    images: list[str], toolbox: Any, start: Any, tmp_path: Path
) -> None:
    model = tmp_path / "m.json"
    bands = {f"band_{k}": {"scale": 1, "offset": 10 * (k + 1)} for k in range(3)}
    model.write_text(json.dumps({"other": {"adjustments": bands}}), encoding="utf-8")
    found, fine, feedback, _ = start(
        toolbox.algorithmById("orthoweave:applyadjustments"),
        {"IMAGES": images[:1], "MODEL": str(model), "OUTPUT_FOLDER": str(tmp_path / "out"),
         "IMAGE_NAMES": ["a", "other"], "BAND_ENTRIES": ["2", "2"]},
    )  # fmt: skip
    assert fine, feedback.textLog()
    (path,) = found["OUTPUT_LAYERS"]
    apart = values(path) - values(images[0])
    assert (apart[0] == 10).all() and (apart[1] == 30).all()


def test_only_the_model_is_made_when_no_images_are_wanted(
    images: list[str], toolbox: Any, start: Any, tmp_path: Path
) -> None:
    found, fine, feedback, _ = start(
        toolbox.algorithmById("orthoweave:globalregression"),
        {"IMAGES": images, "OUTPUT_FOLDER": str(tmp_path / "out"), "WRITE_IMAGES": False,
         "OUTPUT_MODEL": str(tmp_path / "m.json")},
    )  # fmt: skip
    assert fine, feedback.textLog()
    assert found["OUTPUT_LAYERS"] == [] and not list((tmp_path / "out").glob("*.tif"))
    more, fine, feedback, _ = start(
        toolbox.algorithmById("orthoweave:globalregression"),
        {"IMAGES": images, "OUTPUT_FOLDER": str(tmp_path / "out"),
         "LOAD_ADJUSTMENTS": found["OUTPUT_MODEL"], "KEEP_ADJUSTMENTS": True},
    )  # fmt: skip
    assert fine, feedback.textLog()
    assert more["GAIN_MIN"] == found["GAIN_MIN"]
