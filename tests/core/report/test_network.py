# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest
from orthoweave.core.report import network
from orthoweave.core.report.html import page
from orthoweave.core.report.network import (
    ImageRow,
    NetworkFacts,
    PairRow,
    finite,
    graph,
    network_report,
)

IMAGES = (
    ImageRow("a.tif", 1, (0.0, 0.0), (1.0, 0.5), 0.01, 1.0, ""),
    ImageRow("b.tif", 1, (100.0, 20.0), (-1.0, -0.5), -0.01, 1.0, "fixed"),
    ImageRow("c <&> $x$.tif", 0, (50.0, 90.0), (0.0, 0.0), 0.0, 1.0, "no tie points"),
)
PAIRS = (
    PairRow(0, 1, 40, 3.2, 0.21),
    PairRow(1, 2, 0, float("nan"), float("nan"), "Only 2 of 60 windows agree."),
)


def facts(**changed):
    values = {
        "accepted": True,
        "reason": "The correction was accepted.",
        "after": 0.21,
        "numbers": (),
        "images": IMAGES,
        "pairs": PAIRS,
        "loops": (("a.tif, b.tif, c.tif", 2.0, 0.1, "a.tif – b.tif"),),
    }
    return NetworkFacts(**{**values, **changed})


def test_the_page_names_pairs_images_and_what_could_not_be_matched():
    text = page(network_report(facts()))
    assert "a.tif – b.tif" in text and "Only 2 of 60 windows agree." in text
    assert "Triangles that do not close" in text and "no tie points" in text
    assert "c &lt;&amp;&gt;" in text and "<&>" not in text


@pytest.mark.parametrize(
    ("accepted", "after", "grade"),
    [(True, 0.2, "good"), (True, 0.9, "usable"), (False, 0.2, "failed")],
)
def test_the_grade_follows_the_residual(accepted, after, grade):
    assert network_report(facts(accepted=accepted, after=after)).verdict.grade == grade


def test_the_graph_is_drawn_also_when_nothing_moves():
    pytest.importorskip("matplotlib")
    still = [
        ImageRow(f"image {index}", 1, (float(index), 0.0), (0.0, 0.0), 0.0, 1.0, "")
        for index in range(60)
    ]
    assert "<svg" in graph(facts()).markup
    assert "<svg" in graph(facts(images=tuple(still), pairs=(PairRow(0, 1, 9, 0.0, 0.0),))).markup


def test_unknown_numbers_are_none():
    assert finite(1.5) == 1.5 and finite(float("nan")) is None


def test_arrows_lie_inside_the_graph(monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(network, "inline_svg", lambda figure: figure)
    axes = graph(facts(unit="ft")).markup.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x (ft)", "y (ft)")
    assert axes.collections  # the correction of b.tif points to the left by .15 of the extent
    ends = ((-network.LENGTH * 100, -network.LENGTH * 50), (100 + network.LENGTH * 80, 20))
    for x, y in ends:
        assert axes.get_xlim()[0] < x < axes.get_xlim()[1]
        assert axes.get_ylim()[0] < y < axes.get_ylim()[1]
