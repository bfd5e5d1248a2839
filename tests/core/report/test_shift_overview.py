# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.matching.keypoints import KeyPoints
from orthoweave.core.report.drawing import Picture
from orthoweave.core.report.plot_options import OverviewPlot
from orthoweave.core.report.shift_overview import overview_figure

pytest.importorskip("matplotlib", reason="figures need Matplotlib")

PICTURE = Picture("p", np.zeros((2, 3)), np.ones((2, 3), bool), (-0.5, -0.5, 29.5, 19.5))


def drawn(dx, dy, options=OverviewPlot(), **on_map):  # noqa: B008
    dx, dy = np.asarray(dx, float), np.asarray(dy, float)
    x = np.arange(len(dx)) * 10.0
    one = np.ones(len(dx))
    points = KeyPoints(x, one, dx, dy, one, one, one, np.zeros(len(dx), np.uint8), **on_map)
    return overview_figure(points, PICTURE, PICTURE, "Title", options)


def colors(figure, panel):
    return figure.axes[panel].collections[0].get_array().tolist()


def tick_texts(figure):
    return [text.get_text() for text in figure.axes[-1].get_xticklabels()]


def test_the_scale_of_sizes_ends_at_mean_and_three_deviations():
    figure = drawn([1.0, 3.0], [0.0, 0.0])
    norm = figure.axes[2].collections[0].norm
    assert (norm.vmin, norm.vmax) == (0.0, 2.0 + 3 * 1.0)


def test_the_limit_of_the_configuration_holds_when_automatic_limits_are_off():
    options = OverviewPlot(shift_auto_axes_limit=False, shift_axes_limit=7.5)
    assert drawn([1.0], [0.0], options).axes[2].collections[0].norm.vmax == 7.5


def test_directions_are_those_of_the_map_where_it_is_known():
    # seen to the right in the image, which is south on this rotated map
    figure = drawn([1.0], [0.0], east=np.array([0.0]), north=np.array([-1.0]))
    assert colors(figure, 3) == [180.0]
    assert tick_texts(figure)[::2] == ["N", "E", "S", "W", "N"]


def test_directions_are_those_of_the_pixels_without_a_map():
    # right, down, left, up
    figure = drawn([1, 0, -1, 0], [0, 1, 0, -1])
    assert sorted(colors(figure, 3)) == [0.0, 90.0, 180.0, 270.0]
    assert tick_texts(figure)[::2] == ["up", "right", "down", "left", "up"]


def test_points_that_did_not_move_have_no_direction():
    figure = drawn([0.0, 1.0], [0.0, 0.0])
    assert colors(figure, 3) == [90.0]
    assert "every displacement is 0" in [t.get_text() for t in drawn([0.0], [0.0]).axes[3].texts]
