# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from orthoweave.core.errors import MissingPackage
from orthoweave.core.report import figures
from orthoweave.core.report.figures import (
    adjustment_chart,
    ground_map,
    overlap_chart,
    picture_strip,
    quick_look,
)

NAMES = ["a.tif", "b $x$ <&>.tif", "圖像"]
SQUARE = np.array([(0, 0), (4, 0), (4, 3), (0, 3)], float)


def drawings():
    return {
        "overlaps": overlap_chart(["a – b", "a – $c$", "b – c"], [20, 10, None], [1, 2, None]),
        "many overlaps": overlap_chart([str(n) for n in range(90)], range(90), range(90)),
        "adjustments": adjustment_chart(NAMES, np.ones((3, 4)), np.zeros((3, 4)), bands=("blue",)),
        "many images": adjustment_chart(["x"] * 80, np.ones((80, 1)), np.zeros((80, 1))),
        "map": ground_map({n: [SQUARE + i, SQUARE / 2 + i] for i, n in enumerate(NAMES)}),
        "pictures": picture_strip([("$before", np.zeros((9, 6, 3), np.uint8))] * 2),
    }


@pytest.fixture(scope="module")
def drawn():
    pytest.importorskip("matplotlib", reason="figures need Matplotlib")
    return drawings()


@pytest.mark.parametrize("name", ["overlaps", "many overlaps", "adjustments", "many images", "map"])
def test_charts_are_svg_that_stands_alone(drawn, name):
    markup = drawn[name].markup
    # a page of HTML knows the prefix; plain XML must be told
    assert ElementTree.fromstring(markup.replace("<svg", '<svg xmlns:xlink="x"', 1)).tag == "svg"
    assert "http" not in markup
    assert "<script" not in markup
    assert len(markup) < 200_000


def test_pictures_are_embedded(drawn):
    assert drawn["pictures"].markup.startswith("data:image/jpeg;base64,")


def test_pairs_without_both_numbers_are_left_out(drawn):
    assert overlap_chart(["a – b"], [None], [1]).markup == ""
    assert len(drawn["overlaps"].markup) > 1000


def test_without_matplotlib_there_is_no_markup(monkeypatch):
    def absent(module, purpose):
        raise MissingPackage("absent")

    monkeypatch.setattr(figures, "require", absent)
    assert [figure.markup for figure in drawings().values()] == [""] * 6
    assert overlap_chart(["a"], [2], [1]).title == "Difference in the overlaps"


def test_a_quick_look_stretches_and_grays_what_is_not_valid():
    values = np.array([[[0, 10, 20, 30]]] * 3, np.uint16)
    valid = np.array([[True, True, True, False]])
    picture = quick_look(values, valid, [(0, 20)] * 3)
    assert picture.shape == (1, 4, 3) and picture.dtype == np.uint8
    assert picture[0, 0, 0] == 0 and picture[0, 2, 0] == 255 and picture[0, 3, 0] == 236
    assert 100 < picture[0, 1, 0] < 200


def test_a_quick_look_is_thinned_to_its_size_and_takes_one_band():
    values, valid = np.zeros((1, 50, 1000), np.float32), np.ones((50, 1000), bool)
    values[0, 0, 0] = np.nan
    picture = quick_look(values, valid, [(0.0, 0.0)], size=100)
    assert picture.shape == (5, 100, 3)
