# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from orthoweave.core.errors import MissingPackage
from orthoweave.core.report import drawing
from orthoweave.core.report.html import Report, page
from orthoweave.core.report.shift_series import (
    Row,
    in_order,
    series_chart,
    series_figure,
    series_numbers,
    series_tables,
    series_verdict,
)

NUMBERS = {"n_key_points": 900, "median_dx": 0.3, "median_dy": -0.4, "ce90": 0.6, "nmad_dx": 0.1}
GOOD = Row("good.tif", "2020-02-01", "agrees", "It agrees.", NUMBERS)
SHIFTED = Row("b.tif", "2019-02-01", "constant shift", "It is shifted.", {**NUMBERS, "ce90": 2.0})
BROKEN = Row("c.tif", "", "failed", "c.tif cannot be opened.")


def test_rows_are_ordered_by_date_only_when_all_have_one():
    assert in_order([GOOD, SHIFTED]) == (SHIFTED, GOOD)
    assert in_order([GOOD, SHIFTED, BROKEN]) == (GOOD, SHIFTED, BROKEN)


@pytest.mark.parametrize(
    ("rows", "grade", "sentence"),
    [
        ([GOOD], "good", "1 of 1 images agree with r.tif within 0.5 px."),
        ([GOOD, SHIFTED], "usable", "1 of 2 images agree with r.tif within 0.5 px; the others: 1"),
        ([GOOD, BROKEN], "poor", "the others: 1 failed."),
        ([BROKEN], "failed", "0 of 1 images"),
        ([], "failed", "0 of 0 images"),
    ],
)
def test_the_verdict_counts_the_images(rows, grade, sentence):
    verdict = series_verdict(rows, "r.tif", 0.5)
    assert verdict.grade == grade
    assert sentence in verdict.sentence


def test_the_tables_have_one_row_an_image_and_only_columns_that_hold_something():
    numbers, verdicts = series_tables([GOOD, BROKEN])
    assert numbers.columns[:4] == ("Image", "Date", "Verdict", "Key points")
    assert "Rotation, °" not in numbers.columns
    assert numbers.rows[0][:5] == ("good.tif", "2020-02-01", "agrees", 900, 0.3)
    assert numbers.rows[1] == ("c.tif", "", "failed", *([None] * (len(numbers.columns) - 3)))
    assert verdicts.rows[1] == ("c.tif", "c.tif cannot be opened.")
    assert "Date" not in series_tables([BROKEN])[0].columns


def test_the_key_numbers_are_the_largest():
    found = {number.label: number.value for number in series_numbers([GOOD, SHIFTED, BROKEN])}
    assert found == {
        "Images": 3,
        "Measured": 2,
        "Largest median shift": pytest.approx(0.5),
        "Largest CE90": 2.0,
    }
    assert len(series_numbers([BROKEN])) == 2


def test_an_image_with_too_few_key_points_does_not_count_as_measured():
    guessed = replace(SHIFTED, kind="not measured")
    found = {number.label: number.value for number in series_numbers([GOOD, guessed])}
    assert (found["Images"], found["Measured"]) == (2, 1)


def test_marks_stand_at_the_medians_with_bars_of_one_nmad():
    pytest.importorskip("matplotlib", reason="figures need Matplotlib")
    axes = series_figure([BROKEN, SHIFTED], 0.5).axes[0]
    marks = [one for one in axes.containers if one.lines[0].get_xdata().size]
    assert [(m.lines[0].get_xdata().tolist(), m.lines[0].get_ydata().tolist()) for m in marks] == [
        ([0.3], [1])
    ]
    ends = marks[0].lines[2][0].get_segments()[0]
    assert ends[:, 0] == pytest.approx([0.2, 0.4])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["c.tif", "2019-02-01  b.tif"]


@pytest.mark.parametrize("count", [0, 1, 30, 100])
def test_a_series_of_any_length_is_drawn(count):
    pytest.importorskip("matplotlib", reason="figures need Matplotlib")
    rows = [Row(f"image_{n}_" + "x" * 90, kind="agrees", numbers=NUMBERS) for n in range(count)]
    chart = series_chart(rows, 0.5)
    assert chart.markup.startswith("<svg")
    report = Report(
        "T", series_verdict(rows, "r", 0.5), figures=(chart,), tables=series_tables(rows)
    )
    assert len(page(report)) < 300_000


def test_without_matplotlib_there_is_no_markup(monkeypatch):
    def absent(module, purpose):
        raise MissingPackage("absent")

    monkeypatch.setattr(drawing, "require", absent)
    assert series_chart([GOOD], 0.5).markup == ""
    assert np.isnan(BROKEN.number("median_dx"))
