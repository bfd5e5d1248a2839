# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.matching.accuracy import Situation, accuracy
from orthoweave.core.matching.keypoints import KeyPoints
from orthoweave.core.report.plot_options import CePlot
from orthoweave.core.report.shift_accuracy import Setting, accuracy_figure
from orthoweave.core.windows import Window


def drawn(dx, dy, *, ground=None, setting=Setting()):  # noqa: B008
    pytest.importorskip("matplotlib", reason="figures need Matplotlib")
    dx, dy = np.asarray(dx, float), np.asarray(dy, float)
    one, x = np.ones(len(dx)), np.arange(len(dx), dtype=float)
    on_map = {} if ground is None else {"east": ground * dx, "north": -ground * dy}
    points = KeyPoints(x, one, dx, dy, one, one, one, np.zeros(len(dx), np.uint8), **on_map)
    numbers = accuracy(points, Situation(Window(0, 0, 50, 50), 60, 2500, unit="ft"))
    return accuracy_figure(points, numbers, setting, "Title", CePlot())


def texts(figure):
    return "\n".join(text.get_text() for text in figure.texts)


def test_north_is_up_with_a_map_and_down_is_down_without():
    dx, dy = [1.0, 1.2], [-2.0, -2.2]
    plain, mapped = drawn(dx, dy).axes[0], drawn(dx, dy, ground=3.0).axes[0]
    assert plain.get_ylabel() == "dy (px, positive = down)"
    assert plain.yaxis_inverted() and not mapped.yaxis_inverted()
    assert mapped.get_ylabel() == "north (ft)"
    drawn_points = np.sort(mapped.collections[0].get_offsets().data, 0)
    assert drawn_points == pytest.approx(np.array([[3.0, 6.0], [3.6, 6.6]]))


def test_the_circles_have_the_radius_that_is_told():
    figure = drawn(np.linspace(0, 1, 101), np.zeros(101))
    lines = {line.get_label().split(" ")[0]: line for line in figure.axes[0].get_lines()}
    assert lines["CE90"].get_xdata().max() == pytest.approx(0.899)  # v[k-1] + 0.9 (v[k] - v[k-1])
    assert "CE90     0.899 px" in texts(figure)


def test_the_numbers_have_both_units():
    told = texts(drawn([1.0, 1.0], [2.0, 2.0], ground=10.0, setting=Setting("A", "A", (10, 10))))
    assert "CE90     2.236 px = 22.36 ft" in told
    assert "median             1          2         10        -20" in told
    assert "pixel size: 10 x 10 ft" in told
    assert "CRS: A" in told


@pytest.mark.parametrize(
    ("setting", "doubt"),
    [
        (Setting("A", "A"), ""),
        (Setting("A", "B"), "The CRS differ: reference A, moving image B."),
        (Setting("A", ""), "The CRS differ: reference A, moving image none."),
        (Setting("", ""), "The images have no CRS: map units are not known."),
        (Setting("", "", (2.0, 2.0)), "The images have no CRS: map units come from PIXEL_SIZE."),
        (Setting("", "B"), "The reference has no CRS: map units are not known."),
    ],
)
def test_a_doubtful_crs_is_told_in_red(setting, doubt):
    assert setting.doubt == doubt
    red = [
        t.get_text() for t in drawn([1], [1], setting=setting).texts if t.get_color() == "#b3261e"
    ]
    assert " ".join(red).replace("\n", " ") == doubt


def test_points_beyond_the_axes_are_counted():
    dx = np.r_[np.random.default_rng(3).normal(0, 0.1, 999), 50.0]
    assert "outside of the axes: " in texts(drawn(dx, np.zeros(1000)))
    assert "outside" not in texts(drawn([1.0], [1.0]))


def test_a_small_cloud_far_from_0_is_drawn_enlarged():
    noise = np.random.default_rng(4).normal(0, 0.05, 200)
    inset = drawn(20 + noise, -9 + noise).axes[0].child_axes
    assert len(inset) == 1
    low, high = inset[0].get_xlim()
    assert low < 20 < high and high - low < 1
    assert drawn(noise, noise).axes[0].child_axes == []


def test_the_tolerance_is_drawn_in_the_unit_of_the_axis():
    figure = drawn(
        [1.0, 1.1], [0.0, 0.0], ground=10.0, setting=Setting("A", "A", (10, 10), 0.4, 0.7)
    )
    lines = {line.get_label(): line for axes in figure.axes for line in axes.get_lines()}
    assert lines["tolerance 0.7 px"].get_xdata()[0] == pytest.approx(7.0)


def test_a_normal_curve_is_drawn_only_where_it_is_wider_than_a_bar():
    rng = np.random.default_rng(0)
    narrow = drawn(5 + rng.normal(0, 0.01, 50), rng.normal(0, 0.01, 50)).axes[1]
    wide = drawn(rng.normal(0, 1, 50), rng.normal(0, 1, 50)).axes[1]
    assert not narrow.get_lines() and narrow.get_yticks().tolist() == [50]
    (curve,) = wide.get_lines()
    assert curve.get_ydata().max() < wide.get_ylim()[1]


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (((1.0, 0.0), (0.0, 1.0)), ""),
        (((0.99, -0.14), (0.14, 0.99)), ""),
        (((1.0, 0.0), (0.0, -1.0)), "run upward on the map"),
        (((0.8, -0.6), (0.6, 0.8)), "turned or mirrored"),
        (((-1.0, 0.0), (0.0, 1.0)), "turned or mirrored"),
    ],
)
def test_right_and_down_are_explained_where_the_map_shows_them_otherwise(seen, told):
    turned = Setting("A", "A", seen=seen).turned
    assert told in turned and bool(told) == bool(turned)
