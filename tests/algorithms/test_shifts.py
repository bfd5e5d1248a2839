# SPDX-License-Identifier: GPL-2.0-or-later
"""Shift analysis, series and field through QGIS: dialogs' values, layers, reports, sentences."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .scripted import run, texture


@pytest.fixture
def pair(write: Callable[..., str]) -> dict[str, str]:
    """Write a pair whose second bands differ by 1.2 px right and 0.6 px up."""
    two = [np.stack([texture() * 0 + 5, texture(*shift)]) for shift in ((0, 0), (1.2, -0.6))]
    return {
        "REFERENCE": write("a b/ré;f.tif", two[0]),
        "MOVING": write("mov.tif", two[1]),
    }


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the figures out, which take most of the time."""
    from orthoweave.core.exchange import results

    monkeypatch.setattr(results, "write_figures", lambda *_: ())


def test_an_analysis_gives_a_styled_layer_a_report_and_numbers(
    toolbox: Any, pair: dict[str, str], tmp_path: Path
) -> None:
    from qgis.core import QgsVectorLayer

    given = {
        **pair,
        "MOVING_BAND": "2",
        "REFERENCE_BAND": 2,
        "NO_VALUE": "0, -9999",
        "OUTPUT_FOLDER": str(tmp_path / "out"),
        "KEY_POINTS": "TEMPORARY_OUTPUT",
        "REPORT": "TEMPORARY_OUTPUT",
    }
    found = run("shiftanalysis", given)
    assert found["SHIFT_X"] == pytest.approx(1.2, abs=0.01)
    assert found["SHIFT_NORTH"] == pytest.approx(6.0, abs=0.1)
    assert found["PASSED"] == 0 and found["VERDICT"].startswith("Constant shift. ")
    assert found["OUTPUT_FOLDER"] == str(tmp_path / "out" / "mov_ré;f")
    assert json.loads(Path(found["STATISTICS"]).read_text("utf-8"))["accuracy"]["n"]
    assert "Constant shift" in Path(found["REPORT"]).read_text("utf-8")
    layer = QgsVectorLayer(found["KEY_POINTS"], "points", "ogr")
    assert layer.featureCount() >= found["N_KEY_POINTS"] > 50
    assert layer.renderer().type() == "RuleRenderer"
    del layer


def test_numbers_that_are_not_known_are_absent(
    toolbox: Any, without_figures: None, write: Callable[..., str], tmp_path: Path
) -> None:
    paths = [write(f"{n}.tif", texture(n * 0.3), crs=None, transform=None) for n in (0, 1)]
    given = {"REFERENCE": paths[0], "MOVING": paths[1], "OUTPUT_FOLDER": str(tmp_path / "o")}
    found = run("shiftanalysis", given)
    assert not {"CE90_MAP", "CE95_MAP", "SHIFT_EAST", "SHIFT_NORTH"} & set(found)
    assert found["PASSED"] == 1
    # what was not asked for is in the result folder
    assert Path(found["KEY_POINTS"]).parent == Path(found["REPORT"]).parent


def test_a_field_is_made_of_a_layer_and_of_a_table(
    toolbox: Any, without_figures: None, write: Callable[..., str], tmp_path: Path
) -> None:
    from osgeo import gdal

    paths = [write(f"{n}.tif", texture(n * 1.5)) for n in (0, 1)]
    given = {"REFERENCE": paths[0], "MOVING": paths[1], "OUTPUT_FOLDER": str(tmp_path / "o")}
    found = run("shiftanalysis", given)
    (table,) = Path(found["OUTPUT_FOLDER"]).glob("*.csv")
    for number, source in enumerate((found["KEY_POINTS"], str(table))):
        output = str(tmp_path / f"field_{number}.tif")
        made = run("shiftfield", {"KEY_POINTS": source, "REFERENCE": paths[0], "OUTPUT": output})
        assert made["OUTPUT"] == output and made["POINTS"] >= found["N_KEY_POINTS"]
        assert gdal.Open(output).ReadAsArray()[0] == pytest.approx(1.5, abs=0.05)


@pytest.mark.noisy
def test_a_series_goes_on_when_an_image_is_broken(
    toolbox: Any, without_figures: None, write: Callable[..., str], tmp_path: Path
) -> None:
    for day in (1, 2):
        write(f"in/d_2020010{day}.tif", texture(0.2 * day))
    (tmp_path / "in" / "d_20200103.tif").write_text("no image")
    given = {"IMAGES": [str(tmp_path / "in")], "OUTPUT_FOLDER": str(tmp_path / "out"),
             "REPORT": str(tmp_path / "r.html")}  # fmt: skip
    found = run("shiftseries", given)
    assert (found["IMAGES_USED"], found["IMAGES_SKIPPED"]) == (2, 1)
    assert len(found["OUTPUT_LAYERS"]) == 2 and Path(found["REPORT"]).is_file()
    rows = Path(found["TABLE"]).read_text("utf-8").splitlines()
    assert len(rows) == 4 and rows[3].startswith("d_20200103;2020-01-03;")


ROWS = {
    "no such band": ({"MOVING_BAND": 9}, "Band 9 was asked of the moving image mov.tif, which has"),
    "a word": ({"OUTLIERS": "loca"}, "Outliers: 'loca' is not one of local, global, none."),
    "a list": ({"NO_VALUE": "0 x"}, "Values without meaning: '0 x' is not a list of numbers."),
    "a limit": ({"CONFIDENCE": 2}, "Smallest score: 2 is above 1."),
    "a mask": ({"MASK": "gone.tif"}, "gone.tif cannot be opened"),
    "no texture": ({}, "has no texture in band 1 (the 2 and 98 % values are both 5)."),
}


@pytest.mark.noisy
@pytest.mark.parametrize(("given", "sentence"), ROWS.values(), ids=ROWS)
def test_a_mistake_gives_its_sentence_and_no_file(
    toolbox: Any, pair: dict[str, str], tmp_path: Path, given: dict[str, Any], sentence: str
) -> None:
    import processing
    from qgis.core import QgsProcessingException, QgsProcessingFeedback

    feedback, out = QgsProcessingFeedback(False), tmp_path / "out"
    values = {**pair, "OUTPUT_FOLDER": str(out), **given}
    with pytest.raises(QgsProcessingException) as caught:
        processing.run("orthoweave:shiftanalysis", values, feedback=feedback)
    said = f"{caught.value}\n{feedback.textLog()}"
    assert sentence in said and "Traceback" not in said
    assert not [path for path in out.rglob("*") if path.is_file()]


def test_qgis_process_and_the_dialog_take_the_same_names(
    headless: Callable[..., Any], pair: dict[str, str], tmp_path: Path
) -> None:
    given = {**pair, "MOVING_BAND": 2, "REFERENCE_BAND": 2, "OUTPUT_FOLDER": tmp_path / "out",
             "NO_VALUE": "0 -1", "CHIPS": "true", "DELTA_RASTER": "true"}  # fmt: skip
    words = [f"--{name}={value}" for name, value in given.items()]
    done = headless("--json", "run", "orthoweave:shiftanalysis", *words)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)["results"]
    assert results["MEDIAN_DY"] == pytest.approx(-0.6, abs=0.01)
    assert (Path(results["OUTPUT_FOLDER"]) / "chips" / "chips.csv").is_file()
    assert not list(tmp_path.rglob("*.aux.xml"))
    words = [word for word in words if "BAND=" not in word]
    done = headless("--json", "run", "orthoweave:shiftanalysis", *words)
    assert done.returncode == 1 and "no texture" in done.stderr
