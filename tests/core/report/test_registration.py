# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.matching.keypoints import LOW_SCORE, OUTLIER, USED, KeyPoints
from orthoweave.core.report.drawing import Picture
from orthoweave.core.report.html import Number, page
from orthoweave.core.report.registration import Facts, registration_report
from orthoweave.core.report.registration_figures import (
    Drawn,
    Place,
    Windows,
    blinking,
    coverage_figure,
    figures,
    red_cyan,
    residual_figure,
    vector_figure,
)

RNG = np.random.default_rng(1)
SIZE = (60, 90)


def place():
    base = RNG.normal(size=(40, 40))
    return Place("column 3, row 4", base, np.roll(base, 2, 1), base, np.ones((40, 40), bool))


def drawn(count=20):
    x, y = RNG.uniform(0, 60, (2, count))
    status = np.where(np.arange(count) % 5 == 0, OUTLIER, USED)
    status[: count // 4] = LOW_SCORE
    ones = np.ones(count)
    points = KeyPoints(x, y, 3 * ones, -2 * ones, ones, 0.02 * ones, 0.02 * ones, status)
    role = np.where(np.arange(count) % 7 == 6, "check", "fit")
    agree = (status == USED) & (role == "fit")
    rest = tuple(0.02 * RNG.normal(size=(2, count)))
    picture = Picture("ref", RNG.normal(size=SIZE), np.ones(SIZE, bool), (-0.5, -0.5, 89.5, 59.5))
    windows = Windows(points, 16.0, role, agree, rest)
    checked = (np.full(5, 3.6), np.full(5, 0.02))
    return Drawn(picture, (place(),), windows, checked)


def test_equal_values_are_gray_and_holes_are_white():
    values = RNG.normal(size=(8, 8))
    valid = np.ones((8, 8), bool)
    valid[0, 0] = False
    colors = red_cyan(values, 2 * values + 5, valid)
    assert (colors[valid][:, 0] == colors[valid][:, 1]).all() and (colors[0, 0] == 255).all()


def test_figures_tell_factors_and_counts():
    pytest.importorskip("matplotlib")
    shown = drawn()
    texts = [text.get_text() for text in vector_figure(shown).texts]
    assert any("times as long" in text for text in texts)
    labels = coverage_figure(shown).axes[0].get_legend().get_texts()
    agree = int(shown.windows.agree.sum())
    assert labels[0].get_text() == f"agrees ({agree})"
    names = [text.get_text() for text in residual_figure(shown).axes[1].get_legend().get_texts()]
    assert names == ["before: RMSE 3.6 px", "after: RMSE 0.02 px"]
    assert blinking(shown.places[0]).count("data:image/jpeg") == 4


def test_the_legend_of_a_tall_map_is_in_the_figure():
    agg = pytest.importorskip("matplotlib.backends.backend_agg")
    base = drawn()
    tall = Picture("ref", RNG.normal(size=(90, 60)), np.ones((90, 60), bool), (0, 0, 60, 90))
    figure = coverage_figure(Drawn(tall, base.places, base.windows, base.checked))
    canvas = agg.FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    legend = figure.axes[0].get_legend().get_window_extent(renderer)
    assert legend.y0 >= 0 and legend.x1 <= figure.bbox.x1
    assert figure.axes[0].xaxis.label.get_window_extent(renderer).y0 > legend.y1 - 1


def test_all_figures_are_inside_the_page():
    pytest.importorskip("matplotlib")
    found = figures(drawn())
    assert [one.title for one in found][:2] == ["Overlay before and after", "Blinking"]
    assert all(one.markup for one in found)
    facts = Facts("Co-registration: a onto b", True, "Accepted.", (Number("Reliability", 90),))
    text = page(registration_report(facts, found))
    assert "<script" not in text and text.count("<figure>") == len(found)


def test_nothing_to_draw_is_said():
    pytest.importorskip("matplotlib")
    assert all(one.markup for one in figures(drawn(0)))


@pytest.mark.parametrize(
    ("accepted", "after", "grade"),
    [(True, 0.1, "good"), (True, 0.6, "usable"), (False, 0.1, "failed")],
)
def test_the_grade_follows_acceptance_and_residual(accepted, after, grade):
    names = ("rmse_before", "correlation_before", "correlation_after", "information_before")
    names += ("information_after", "median", "p95", "coverage", "agreement", "reliability")
    quality = dict.fromkeys(names, 0.5)
    quality |= {"rmse_after": after, "check_windows": 6, "check_windows_excluded": 1}
    quality |= {"checked_on_fit": False, "n_points": 9, "n_inliers": 8}
    facts = Facts("t", accepted, "Because.", (), quality, (("weak match", 3),))
    report = registration_report(facts, ())
    assert report.verdict.grade == grade and report.verdict.sentence == "Because."
    assert [table.title for table in report.tables] == [
        "Before and after",
        "Support",
        "Windows left out",
    ]
