# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.deps import available
from orthoweave.core.report.localblocks import (
    corrections_figure,
    difference_table,
    shading_figure,
    shading_table,
)


def test_fields_are_drawn_one_panel_per_band():
    fields = np.zeros((3, 4, 2))
    assert shading_figure(fields, "abc").markup == ""
    fields[1, 1] = 0.1
    found = shading_figure(fields, ("a", "b", "c"), ("red", "nir"))
    assert found.title == "Shading inside images"
    if available("matplotlib"):
        assert found.markup.count("<svg") == 1


def test_corrections_are_pictures_of_blocks():
    change = np.full((3, 4), 0.02)
    change[0, 0] = np.nan
    found = corrections_figure([("a", change), ("b", -change)], 5)
    assert "2 %" in found.caption and "The first 2 of 5 images" in found.caption
    if available("matplotlib"):
        assert found.markup.startswith("data:image/jpeg")
    corrections_figure([("a", np.full((2, 2), np.nan))], 1)


def test_overlaps_are_listed_worst_first():
    steps = (("Before", (9.0, 8.0)), ("After", (0.1, None)))
    found = difference_table("abc", [(0, 1), (1, 2)], [50, 60], steps)
    assert found.columns == ("Image", "Image", "Common pixels", "Before, %", "After, %")
    assert found.rows == (("a", "b", 50, 9.0, 0.1), ("b", "c", 60, 8.0, None))
    assert difference_table("ab", [(0, 1)], [5], (("Before", ()), ("After", ()))).rows == ()


@pytest.mark.parametrize(("accepted", "word"), [(True, "accepted"), (False, "rejected")])
def test_fields_that_were_tried_are_listed_with_their_limit(accepted, word):
    found = shading_table([(1, "radial", 0.7, 0.4, accepted)])
    assert found.rows == ((1, "radial", 0.7, 0.4, word),)
