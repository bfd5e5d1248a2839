# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from orthoweave.core.matching.accuracy import Situation, accuracy
from orthoweave.core.matching.altitude import altitude
from orthoweave.core.matching.keypoints import LOW_SCORE, OUTLIER, KeyPoints
from orthoweave.core.matching.verdict import CLASSES, Finding, Judging, Verdict, judge
from orthoweave.core.matching.zones import zones
from orthoweave.core.report.drawing import Picture
from orthoweave.core.report.html import GRADES, Figure, Repeat, page
from orthoweave.core.report.shift_accuracy import Setting
from orthoweave.core.report.shift_figures import Shown
from orthoweave.core.report.shift_links import Chip, Product
from orthoweave.core.report.shift_report import Extras, Input, page_verdict, shift_report
from orthoweave.core.windows import Window


def shown(count=60, *, ground=10.0):
    rng = np.random.default_rng(1)
    x, y = (rng.integers(0, 90, count).astype(float) for _ in range(2))
    dx, dy = rng.normal(3, 0.1, count), rng.normal(-2, 0.1, count)
    status = np.zeros(count, np.uint8)
    status[:3] = OUTLIER
    status[3:4] = LOW_SCORE
    one = np.full(count, 0.05)
    on_map = {"east": dx * ground, "north": -dy * ground}
    made = KeyPoints(x, y, dx, dy, one, one, one, status, **on_map, altitude=100 + y)
    area = Window(0, 0, 90, 90)
    numbers = accuracy(made, Situation(area, count, 8100, unit="m"))
    finding = Finding(numbers, zones(made, area), altitude(made, area))
    picture = Picture("moving", np.zeros((2, 2)), np.ones((2, 2), bool), (0, 0, 90, 90))
    reference = replace(picture, name="reference")
    return Shown(made, finding, judge(made, finding, Judging()), reference, picture)


def chip(number):
    gray = np.zeros((57, 57), np.uint8)
    return Chip(number, 2, 3.0, -2.0, 0.5, 0.25, gray, gray)


EXTRAS = Extras(
    "/results",
    (Input("moving", "m.tif, band 1", "90 × 90", "10 × 10 m", "UTM"),),
    (Product("/results/statistics.json", "all numbers"),),
    tuple(map(chip, range(30))),
    (("5 % of the overlap", "nodata"),),
    ("Mind this.",),
    12.3456,
    Repeat({"moving": "m.tif"}, {"numpy": "1"}, ("run it",)),
)
FIGURES = (Figure("Overview", "What it shows", '<svg id="a"></svg>'),)


@pytest.fixture
def text():
    return page(shift_report(shown(), FIGURES, EXTRAS))


def test_everything_stands_on_one_page_with_the_verdict_first(text):
    marks = (
        *("<h1>Shift analysis: moving against reference", "Constant shift. The moving image"),
        *(
            "Warnings",
            "Key numbers",
            "<h2>Overview",
            "Products",
            "Chips, least similar first",
            "Statistics",
        ),
        *("What would remain", "Models", "By zone", "By altitude: slopes", "By altitude: bins"),
        *("Inputs", "Skipped", "How to read it", "Request", "Versions", "Repeat"),
    )
    places = [text.index(mark, text.index("<body>")) for mark in marks]
    assert places == sorted(places)
    assert "<script" not in text and "http" not in text


def test_numbers_have_both_units(text):
    numbers = re.findall(r"<dt>(.*?)</dt> <dd>(.*?)</dd>", text)
    told = {(name, re.sub(r"[-\d.]+ <small>|</small>", "", value)) for name, value in numbers}
    assert {("CE90", "px"), ("CE90", "m"), ("Median dy, down", "px"), ("Median north", "m")} <= told
    assert ("Time", "s") in told
    assert "<th>dy (down), px</th>" in text and "<th>north, m</th>" in text


def test_what_was_left_out_is_told_with_its_reason(text):
    assert "3 key points (outlier): they disagree with their neighbors" in text
    assert "1 key point (low score): their score is below CONFIDENCE" in text
    assert "5 % of the overlap: nodata" in text


def test_without_points_no_empty_tables_are_shown():
    found = shift_report(shown(0), FIGURES, replace(EXTRAS, chips=(), products=()))
    assert [table.title for table in found.tables] == ["By zone", "Inputs"]
    assert [figure.title for figure in found.figures] == ["Overview"]
    assert found.verdict.grade == "failed"
    assert "not computed" in page(found)


def test_without_map_units_there_are_pixels_alone():
    text = page(shift_report(shown(ground=np.nan), FIGURES, EXTRAS))
    assert "<th>dx (right), px</th>" in text
    assert "Median east" not in text and "east," not in text


def test_the_page_stays_small_with_many_chips(text):
    assert text.count("<img") == 2 * 25
    assert "The least similar of the chips" in text
    assert len(text) < 100_000


@pytest.mark.parametrize("kind", CLASSES)
def test_each_class_has_a_grade(kind):
    found = page_verdict(Verdict(kind, "It is so.", ("Few points.",)), 0.7)
    assert found.grade in GRADES
    assert found.sentence.endswith(". It is so. Few points.")
    assert found.sentence.lower().startswith(kind)
    assert "0.7 px (TOLERANCE)" in found.thresholds


def test_errors_decide_how_many_decimals_a_model_has():
    models = {table.title: table for table in shift_report(shown(), (), EXTRAS).tables}["Models"]
    assert models.rows[0][0] == "similarity"
    assert all(re.fullmatch(r"-?[\d.]+( ± [\d.]+)?", cell) for cell in models.rows[1][1:])
    value, _, error = models.rows[1][1].partition(" ± ")
    assert len(value.split(".")[1]) == len(error.split(".")[1])


def test_the_defaults_are_those_of_the_request():
    assert (Setting().confidence, Setting().tolerance) == (0.4, 0.5)
