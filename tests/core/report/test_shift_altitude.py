# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.matching.altitude import altitude
from orthoweave.core.matching.keypoints import KeyPoints
from orthoweave.core.report.plot_options import DemPlot
from orthoweave.core.report.shift_altitude import Heights, altitude_figure
from orthoweave.core.windows import Window

pytest.importorskip("matplotlib", reason="figures need Matplotlib")


def drawn(heights, dx, *, bin_size=100.0, fliers=False, quantity="dx"):
    heights, dx = np.asarray(heights, float), np.asarray(dx, float)
    one, zero = np.ones(len(dx)), np.zeros(len(dx))
    x = np.linspace(0, 99, len(dx))
    points = KeyPoints(x, x, dx, zero, one, one, one, zero.astype(np.uint8), altitude=heights)
    found = altitude(points, Window(0, 0, 100, 100), bin_size)
    figure = altitude_figure(
        Heights(points, found, "ALOS"), quantity, "T", DemPlot(show_fliers=fliers)
    )
    return figure, figure.axes[0], figure.axes[1]


def test_boxes_stand_at_their_heights_and_hold_the_middle_half():
    _, axes, counts = drawn([150] * 5 + [350] * 5, [0, 1, 2, 3, 4, 10, 11, 12, 13, 14])
    boxes = [line.get_xydata() for line in axes.get_lines() if len(line.get_xdata()) == 5]
    assert [np.unique(box[:, 0]).mean() for box in boxes] == [150, 350]
    assert [(box[:, 1].min(), box[:, 1].max()) for box in boxes] == [(1, 3), (11, 13)]
    assert [text.get_text() for text in counts.texts] == ["5", "5"]
    assert counts.get_xlabel() == "altitude (ALOS)"


def test_the_slope_is_drawn_through_the_medians():
    heights = np.linspace(0, 400, 200)
    _, axes, _ = drawn(heights, 0.01 * heights)
    slope = next(line for line in axes.get_lines() if line.get_label().startswith("slope"))
    assert slope.get_ydata() == pytest.approx([0.0, 4.0])
    assert "slope 1 px per 100 of height" in slope.get_label()


def test_few_bins_show_the_points_themselves_and_many_have_no_boxes():
    heights = np.linspace(0, 99, 200)
    few = drawn(heights, heights)[1]
    many = drawn(heights, heights, bin_size=1.0)[1]
    assert any(len(drawn_dots.get_offsets()) == 200 for drawn_dots in few.collections[1:])
    assert not [line for line in many.get_lines() if len(line.get_xdata()) == 5]


@pytest.mark.parametrize(("fliers", "count"), [(False, 0), (True, 1)])
def test_points_beyond_the_whiskers_are_drawn_when_asked_for(fliers, count):
    _, axes, _ = drawn(np.linspace(0, 499, 50), np.r_[np.zeros(49), 5.0], fliers=fliers)
    dots = [line for line in axes.get_lines() if line.get_marker() == "."]
    assert sum(len(line.get_xdata()) for line in dots) == count


def test_without_heights_the_figure_says_so():
    figure = altitude_figure(Heights(KeyPoints.none(), None), "radial", "T", DemPlot())
    assert "no key points with a height" in figure.axes[0].texts[0].get_text()
    assert figure.axes[0].get_ylabel() == "radial error (px)"
