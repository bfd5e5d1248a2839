# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from orthoweave.core.errors import ImageIOError, InvalidOption
from orthoweave.core.exchange.confusions import (
    areas_text,
    read_confusion,
    results_text,
    runs_of,
    scores_values,
    write_confusion,
)
from orthoweave.core.landcover.areas import area_weighted
from orthoweave.core.landcover.confusion import Confusion, scores_of

FIRST = Confusion((11, 12, 31), np.array([[90, 10, 0], [5, 80, 15], [0, 20, 100]]))
SECOND = Confusion((11, 12, 31), np.array([[95, 5, 0], [5, 85, 10], [0, 10, 110]]))
NAMES = {11: "summer crop", 12: "winter crop"}


def test_a_matrix_is_written_in_the_known_layout_and_read_back(tmp_path):
    path = write_confusion(str(tmp_path / "Classif_Seed_0.csv"), FIRST)
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert lines[0] == "#Reference labels (rows):11,12,31"
    assert lines[1] == "#Produced labels (columns):11,12,31"
    assert lines[2] == "90,10,0"
    found = read_confusion(path)
    assert found.labels == FIRST.labels
    assert np.array_equal(found.counts, FIRST.counts)


def test_rows_and_columns_may_have_other_labels(tmp_path):
    path = tmp_path / "otb.csv"
    path.write_text(
        "#Reference labels (rows):1,3\n#Produced labels (columns):1,2,3\n5,1,0\n0,2,7\n"
    )
    found = read_confusion(str(path))
    assert found.labels == (1, 2, 3)
    assert found.counts.tolist() == [[5, 1, 0], [0, 0, 0], [0, 2, 7]]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1,2\n3,4\n", "must begin with"),
        ("#Reference labels (rows):1,2\n#Produced labels (columns):1,2\n5,1\n", "1 × 2"),
        ("#Reference labels (rows):a\n#Produced labels (columns):1\n5\n", "is no confusion matrix"),
    ],
)
def test_other_files_are_refused(tmp_path, text, sentence):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(InvalidOption, match=sentence):
        read_confusion(str(path))


def test_a_missing_matrix_is_said(tmp_path):
    with pytest.raises(ImageIOError, match="none.csv cannot be read"):
        read_confusion(str(tmp_path / "none.csv"))


def test_results_of_one_run_have_no_spread():
    text = results_text(runs_of([FIRST]), NAMES, "run 0")
    lines = text.splitlines()
    assert lines[:2] == ["#row = reference", "#col = production"]
    assert "KAPPA : 0.765" in lines
    assert "OA : 0.844" in lines
    assert "+-" not in text


def test_results_of_runs_have_a_spread_and_name_the_most_frequent_classes():
    text = results_text(runs_of([FIRST, SECOND]), NAMES, "runs 0 to 1")
    # t(0.975, 1) · sd / sqrt(2) of .84375 and .90625
    assert "OA : 0.875 +- 0.397" in text
    row = next(line for line in text.splitlines() if line.strip().startswith("winter crop |"))
    assert [cell.strip() for cell in row.split("|")][-1] == "winter crop, 31, summer crop"


def test_the_matrix_stands_in_cells_of_one_width():
    text = results_text(runs_of([FIRST, SECOND]), NAMES, "runs")
    rows = [line for line in text.splitlines() if line.count("|") == 3]
    assert len({len(row) for row in rows}) == 1
    assert [cell.strip() for cell in rows[1].split("|")] == ["summer crop", "92.50", "7.50", "0.00"]


def test_what_is_undefined_is_a_dash_and_null():
    never = Confusion((1, 2), np.array([[5, 1], [0, 0]]))
    text = results_text(runs_of([never]), {}, "run 0")
    row = next(line for line in text.splitlines() if line.split("|")[0].strip() == "2")
    assert row
    last = [line for line in text.splitlines() if line.strip().startswith("2 ")][-1]
    assert [cell.strip() for cell in last.split("|")] == ["2", "0.000", "-", "-", "-"]
    assert scores_values(scores_of(never))["classes"]["2"]["recall"] is None


def test_areas_are_hectares_with_half_widths():
    mapped = np.array([1000, 2000, 3000])
    rows = list(
        csv.DictReader(
            io.StringIO(areas_text([(area_weighted(FIRST, mapped), mapped)], 0.01, NAMES))
        )
    )
    assert [row["label"] for row in rows] == ["11", "12", "31"]
    assert rows[0]["mapped_ha"] == "10.00"
    assert sum(float(row["estimated_ha"]) for row in rows) == pytest.approx(60, abs=0.02)
    assert float(rows[1]["user"]) == pytest.approx(80 / 110, abs=1e-4)
