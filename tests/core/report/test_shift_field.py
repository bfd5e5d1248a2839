# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.matching.accuracy import Situation, accuracy
from orthoweave.core.matching.keypoints import KeyPoints
from orthoweave.core.report.drawing import Picture
from orthoweave.core.report.plot_options import OverviewPlot
from orthoweave.core.report.shift_field import best_model, field_figure
from orthoweave.core.windows import Window

SIZE = 400
PICTURE = Picture("p", np.zeros((4, 4)), np.ones((4, 4), bool), (-0.5, -0.5, 399.5, 399.5))


def measured(move, noise=0.0):
    rng = np.random.default_rng(7)
    x, y = (rng.integers(0, SIZE, 500).astype(float) for _ in range(2))
    dx, dy = (v + rng.normal(0, noise, 500) for v in move(x, y))
    one = np.ones(500)
    points = KeyPoints(x, y, dx, dy, one, one, one, np.zeros(500, np.uint8))
    return points, accuracy(points, Situation(Window(0, 0, SIZE, SIZE)))


MOVES = {
    "median shift": lambda x, y: (0 * x + 3.0, 0 * y - 2.0),
    "similarity": lambda x, y: (1 - 0.02 * y, 0.02 * x),
    "affine model": lambda x, y: (0.01 * x + 0.03 * y, 0 * y),
}


@pytest.mark.parametrize("model", MOVES)
def test_the_simplest_model_that_explains_the_points_is_removed(model):
    left = best_model(*measured(MOVES[model], noise=0.05))
    assert left.model == model
    # noise of 0.05 px on each of two axes
    assert left.rmse == pytest.approx(0.05 * np.sqrt(2), rel=0.1)


def test_without_points_nothing_remains():
    points = KeyPoints.none()
    left = best_model(points, accuracy(points, Situation(Window(0, 0, SIZE, SIZE))))
    assert (left.model, left.rmse, len(left.dx)) == ("median shift", 0.0, 0)


def test_arrows_point_to_where_the_moving_image_lies():
    pytest.importorskip("matplotlib", reason="figures need Matplotlib")
    points, numbers = measured(MOVES["median shift"])
    figure = field_figure(points, None, numbers, PICTURE, ("T", OverviewPlot()))
    arrows = figure.axes[0].collections[0]
    assert set(arrows.U.tolist()) == {3.0} and set(arrows.V.tolist()) == {-2.0}
    # y of the axes runs downward, so that -2 points up on paper
    assert figure.axes[0].yaxis_inverted() and arrows.angles == "xy"
    told = [text.get_text() for text in figure.texts]
    assert "every displacement is 0" in told  # of the residuals


def test_the_field_gives_the_arrows_where_there_is_one():
    pytest.importorskip("matplotlib", reason="figures need Matplotlib")

    class Ramp:
        def at(self, x, y):
            return 0.1 * x, 0.0 * y

    points, numbers = measured(MOVES["median shift"])
    figure = field_figure(points, Ramp(), numbers, PICTURE, ("T", OverviewPlot()))
    arrows = figure.axes[0].collections[0]
    assert np.allclose(arrows.U, 0.1 * arrows.X)
