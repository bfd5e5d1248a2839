# SPDX-License-Identifier: GPL-2.0-or-later
"""A user's mistake gives its sentence, through processing.run and through qgis_process."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

pytestmark = pytest.mark.noisy  # GDAL's reasons are part of the sentences


class Mistake(NamedTuple):
    """What is given beside the good images, the pattern of the sentence, who is asked."""

    given: dict[str, Any]
    sentence: str
    algorithm: str = "mergerasters"


EXTENT = (
    r"Extent: 0, 1, 2, 3 lies outside all images, which cover 500000, 500800, 4.9996e\+06, 5e\+06\."
)
ROWS = {
    "a limit": Mistake({"WINDOW_SIZE": 3}, r"Window size: 3 is below 16\."),
    "a word": Mistake(
        {"RULE": "lastt"}, r"Overlap rule: 'lastt' is not one of first, last, .*Did you mean last\?"
    ),
    "not a number": Mistake({"MEMORY": "much"}, r"Memory: 'much' is not a whole number\."),
    "a rule without seams": Mistake(
        {"RULE": "mean", "SEAMLINES": "gone.gpkg"}, r"Overlap rule: mean does not follow seams\."
    ),
    "no such file": Mistake({"IMAGES": ["a.tif", "gone.tif"]}, r"gone\.tif does not exist in "),
    "no raster": Mistake({"IMAGES": ["a.tif", "text.tif"]}, r"text\.tif cannot be opened: .+\."),
    "nothing matches": Mistake(
        {"IMAGES": ["nothing_*.tif"]}, r'"nothing_\*\.tif" matches no raster'
    ),
    "band counts": Mistake({"IMAGES": ["a.tif", "two.tif"]}, r"a\.tif has 3 bands and two\.tif 2"),
    "no CRS": Mistake(
        {"IMAGES": ["a.tif", "nocrs.tif"]},
        r"nocrs\.tif has no coordinate system and a\.tif has EPSG:32633",
    ),
    "an input as output": Mistake(
        {"OUTPUT": "a.tif"}, r"Output would overwrite the input a\.tif\. Choose another name\."
    ),
    "an extent elsewhere": Mistake({"EXTENT": "0,1,2,3"}, EXTENT),
    "no seam cells": Mistake({"SEAMLINES": "gone.gpkg"}, r"gone\.gpkg cannot be opened: .+\."),
    "different CRSs": Mistake(
        {"IMAGES": ["a.tif", "zone34.tif"]},
        r"a(\.tif)? has EPSG:32633 and zone34(\.tif)? EPSG:32634\.",
        "globalregression",
    ),
    "one name for two": Mistake(
        {"NAME_PATTERN": "same"}, r"'same' needs a \$ for 2 images\.", "globalregression"
    ),
    "two images of one name": Mistake(
        {"IMAGES": ["a.tif", "other/a.tif"]},
        r"a\.tif and .*a\.tif have the same name\.",
        "globalregression",
    ),
    "no such model image": Mistake({"MODEL_IMAGES": "c"}, r"\bc\b", "globalregression"),
    "seams without a file": Mistake({"SEAMS": "file"}, r"SEAMLINES", "mosaicpipeline"),
    "a folder that cannot be": Mistake(
        {"OUTPUT": "text.tif/m.tif"}, r"Folder .*text\.tif cannot be created: .+\."
    ),
}
HEADLESS = ("a word", "no raster", "an input as output", "band counts")
"""Rows that also go through qgis_process, which takes seconds: one of each place of refusal."""


@pytest.fixture
def images(write: Callable[..., str], tmp_path: Path) -> Path:
    """Make good and bad images and return their folder."""
    values = np.arange(3 * 40 * 50, dtype="uint16").reshape(3, 40, 50)
    write("a.tif", values, nodata=0)
    write("b.tif", values, nodata=0, transform=(500300.0, 10.0, 0.0, 5000000.0, 0.0, -10.0))
    write("two.tif", values[:2])
    write("nocrs.tif", values, crs=None)
    write("zone34.tif", values, crs="EPSG:32634")
    write("other/a.tif", values)
    (tmp_path / "text.tif").write_text("no image")
    return tmp_path


def placed(folder: Path, mistake: Mistake) -> dict[str, Any]:
    """Return the parameters of a run with absolute paths."""
    target = "OUTPUT_FOLDER" if mistake.algorithm == "globalregression" else "OUTPUT"
    parameters = {"IMAGES": ["a.tif", "b.tif"], target: "m.tif", **mistake.given}
    for name in {"IMAGES", target, "SEAMLINES"} & parameters.keys():
        value = parameters[name]
        if isinstance(value, list):
            parameters[name] = [item if "*" in item else str(folder / item) for item in value]
        else:
            parameters[name] = str(folder / value)
    return parameters


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("mistake", ROWS.values(), ids=ROWS)
def test_processing_run_says_what_is_wrong_and_leaves_no_file(
    toolbox: Any, images: Path, mistake: Mistake
) -> None:
    import processing
    from qgis.core import QgsProcessingException, QgsProcessingFeedback

    before, feedback = contents(images), QgsProcessingFeedback(False)
    with pytest.raises(QgsProcessingException) as caught:
        processing.run(
            f"orthoweave:{mistake.algorithm}", placed(images, mistake), feedback=feedback
        )
    said = f"{caught.value}\n{feedback.textLog()}"
    assert re.search(mistake.sentence, said), said
    assert "Traceback" not in said
    assert contents(images) == before


@pytest.mark.parametrize("mistake", [ROWS[name] for name in HEADLESS], ids=HEADLESS)
def test_qgis_process_says_what_is_wrong_and_leaves_no_file(
    headless: Callable[..., Any], images: Path, mistake: Mistake
) -> None:
    before = contents(images)
    arguments = []
    for name, value in placed(images, mistake).items():
        values = value if isinstance(value, list) else [value]
        arguments += [f"--{name}={item}" for item in values]
    done = headless("run", f"orthoweave:{mistake.algorithm}", *arguments)
    assert done.returncode == 1
    assert re.search(mistake.sentence, done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert contents(images) == before
