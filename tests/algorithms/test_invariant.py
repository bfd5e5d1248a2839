# SPDX-License-Identifier: GPL-2.0-or-later
"""Invariant pixels and figures through QGIS, with what it hands over between steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def images(write: Any) -> list[str]:
    """A reference and an image of the same ground with other values."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:120, 0:150] / 12.0
    scene = np.stack([1000 + 200 * np.sin(x + 0.3 * b) * np.cos(y) for b in range(3)])
    scene += rng.normal(0, 3, scene.shape)
    other = (scene + rng.normal(0, 3, scene.shape) - 90) / 0.8
    other[:, 20:60, 20:60] = 2500 + rng.normal(0, 200, (3, 40, 40))
    parts = {"ref": scene, "img": other}
    return [
        write(f"{name}.tif", np.rint(part).astype("uint16"), nodata=0)
        for name, part in parts.items()
    ]


@pytest.mark.parametrize("method", ["irmad", "gradient"])
def test_masks_are_loaded_with_their_colors_and_go_into_the_next_step(
    method: str, images: list[str], toolbox: Any, start: Any, tmp_path: Path
) -> None:
    from qgis.core import QgsPalettedRasterRenderer, QgsRasterLayer

    reference, image = images
    found, fine, feedback, _ = start(
        toolbox.algorithmById("orthoweave:pseudoinvariantfeatures"),
        {"IMAGES": [image, reference], "REFERENCE": reference, "METHOD": method,
         "OUTPUT_FOLDER": str(tmp_path / "pif"), "REPORT": "TEMPORARY_OUTPUT"},
    )  # fmt: skip
    assert fine, feedback.textLog()
    assert found["CORRELATION"] > 0.95 and found["PIF_COUNT"] > 50
    assert Path(found["REPORT"]).is_file() and len(found["OUTPUT_MASKS"]) == 2
    layer = QgsRasterLayer(found["OUTPUT_MASKS"][0], "mask")
    assert isinstance(layer.renderer(), QgsPalettedRasterRenderer)
    classes = {entry.value: entry for entry in layer.renderer().classes()}
    assert classes[1].label == "pseudo-invariant" and classes[0].color.alpha() == 0
    again, fine, feedback, _ = start(
        toolbox.algorithmById("orthoweave:globalregression"),
        {"IMAGES": [image, reference], "MODEL_IMAGES": "ref",
         "SELECTION_MASKS": str(tmp_path / "pif"), "OUTPUT_FOLDER": str(tmp_path / "g")},
    )  # fmt: skip
    assert fine, feedback.textLog()
    assert again["GAIN_MIN"] == pytest.approx(0.8, rel=0.05)


def test_masks_can_be_left_out_in_the_dialog(
    images: list[str], toolbox: Any, start: Any, tmp_path: Path
) -> None:
    algorithm = toolbox.algorithmById("orthoweave:pseudoinvariantfeatures")
    given = {"IMAGES": images[1:], "REFERENCE": images[0], "MASK_PATTERN": "",
             "OUTPUT_FOLDER": str(tmp_path / "pif")}  # fmt: skip
    found, fine, feedback, _ = start(algorithm, given)
    assert fine, feedback.textLog()
    assert found["OUTPUT_MASKS"] == [] and len(found["OUTPUT_LAYERS"]) == 1
    from qgis.core import QgsProcessingContext

    assert algorithm.create().checkParameterValues(given, QgsProcessingContext())[0]


@pytest.mark.parametrize(
    ("algorithm", "lists", "number"),
    [
        ("spectralprofiles", True, "MEAN_SPREAD_AFTER"),
        ("differencemap", False, "MEAN_DIFFERENCE"),
        ("beforeafter", True, "IMAGES"),
    ],
)
def test_figures_are_drawn(
    algorithm: str,
    lists: bool,
    number: str,
    images: list[str],
    toolbox: Any,
    start: Any,
    tmp_path: Path,
) -> None:
    pytest.importorskip("matplotlib")
    sides = [[path] if lists else path for path in images]
    for output in (str(tmp_path / "f.svg"), "TEMPORARY_OUTPUT"):
        found, fine, feedback, _ = start(
            toolbox.algorithmById(f"orthoweave:{algorithm}"),
            {"BEFORE": sides[0], "AFTER": sides[1], "OUTPUT": output, "DPI": 50,
             "REPORT": "TEMPORARY_OUTPUT"},
        )  # fmt: skip
        assert fine, feedback.textLog()
        assert Path(found["OUTPUT"]).stat().st_size > 1000 and number in found
        assert Path(found["REPORT"]).is_file()
