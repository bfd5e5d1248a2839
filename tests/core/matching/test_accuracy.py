# SPDX-License-Identifier: GPL-2.0-or-later
"""Statistics of displacements against plain numpy, and the numbers of no and one point."""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pytest
from orthoweave.core.matching.accuracy import Situation, accuracy, circular_error, in_json
from orthoweave.core.matching.keypoints import LOW_SCORE, OUTLIER, KeyPoints
from orthoweave.core.transform.models import Linear
from orthoweave.core.windows import Window

AREA = Window(0, 0, 1000, 800)


def to_map(x, y, dx, dy):
    """A rotated map with pixels of 10 x 20."""
    return 6 * dx + 16 * dy, 8 * dx - 12 * dy


class Known:
    """A field that is known everywhere."""

    def __init__(self, model):
        self.model = model

    def at(self, x, y):
        return self.model.predict(x, y)


def made(n=2000, seed=0, model=None, noise=0.1):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 1000, n).astype(float), rng.integers(0, 800, n).astype(float)
    model = model or Linear("translation", shift=(0.37, -0.62))
    dx, dy = np.array(model.predict(x, y)) + rng.normal(0, noise, (2, n))
    status = np.where(rng.random(n) < 0.1, LOW_SCORE, np.where(rng.random(n) < 0.1, OUTLIER, 0))
    sigma = rng.uniform(0.05, 0.15, (2, n))
    east, north = to_map(x, y, dx, dy)
    return KeyPoints(x, y, dx, dy, np.ones(n), *sigma, status, east=east, north=north)


def slow_circular_error(lengths, share):
    """The rule as the page writes it, index by index."""
    v, n = sorted(lengths), len(lengths)
    k = int(math.floor(share * n + 1e-9))
    below, above = (v[min(max(index, 0), n - 1)] for index in (k - 1, k))
    return below + (above - below) * max(0.0, share * n - k)


@pytest.mark.parametrize("n", [1, 2, 9, 10, 11, 1000])
@pytest.mark.parametrize("share", [0.90, 0.95])
def test_circular_errors_follow_the_rule(n, share):
    lengths = np.random.default_rng(n).rayleigh(1, n)
    assert circular_error(lengths, share) == pytest.approx(slow_circular_error(lengths, share))


@pytest.mark.parametrize(
    ("n", "ce90"),
    [(1, 1.0), (2, 1.8), (9, 8.1), (10, 9.0), (11, 9.9), (1000, 900.0)],
)
def test_circular_errors_of_whole_numbers_are_as_worked_out_by_hand(n, ce90):
    assert circular_error(np.arange(n) + 1.0, 0.9) == pytest.approx(ce90)


def test_lengths_without_points_have_no_circular_error():
    assert math.isnan(circular_error(np.empty(0), 0.9))


@pytest.mark.parametrize("side", ["pixels", "ground"])
def test_every_number_is_that_of_plain_numpy_over_the_used_points(side):
    points = made()
    found = accuracy(points, Situation(AREA, 2500, 800000, None, to_map, "m"))
    used = points.chosen(points.status == 0)
    vectors = (used.dx, used.dy) if side == "pixels" else (used.east, used.north)
    numbers = getattr(found, side)
    for axis, values in zip((numbers.x, numbers.y, numbers.radial), (*vectors, np.hypot(*vectors))):
        assert axis.minimum == values.min()
        assert axis.maximum == values.max()
        assert axis.median == pytest.approx(np.median(values))
        assert axis.mean == pytest.approx(np.mean(values))
        assert axis.std == pytest.approx(np.std(values))
        assert axis.nmad == pytest.approx(1.4826 * np.median(np.abs(values - np.median(values))))
        assert axis.rmse == pytest.approx(np.sqrt(np.mean(values**2)))
        assert axis.le90 == pytest.approx(slow_circular_error(np.abs(values), 0.9))
        assert axis.median_interval.low <= axis.median <= axis.median_interval.high
    assert numbers.rmse == pytest.approx(np.sqrt(np.mean(vectors[0] ** 2 + vectors[1] ** 2)))
    assert numbers.ce90 == pytest.approx(slow_circular_error(np.hypot(*vectors), 0.9))
    assert numbers.ce95 == pytest.approx(slow_circular_error(np.hypot(*vectors), 0.95))


def test_counts_shares_and_uncertainty():
    points = made()
    found = accuracy(points, Situation(AREA, 2500, 800000))
    used = points.chosen(points.status == 0)
    assert found.n == len(used) < len(points)
    assert found.percent_matched == pytest.approx(100 * len(used) / 2500)
    assert found.percent_confident == pytest.approx(100 * len(used) / 800000)
    lengths = np.hypot(used.dx, used.dy)
    assert found.shares == tuple(np.mean(lengths < limit) for limit in (0.25, 0.5, 1))
    assert found.uncertainty == np.median(np.hypot(used.sigma_x, used.sigma_y))


TURNED = Linear("similarity", ((1.002, -0.004), (0.004, 1.002)), (1.0, 2.0), (500.0, 400.0))
BENT = Linear("affine", ((1.004, 0.003), (0.001, 0.998)), (1.0, 2.0), (500.0, 400.0))


@pytest.mark.parametrize(("model", "name"), [(TURNED, "similarity"), (BENT, "affine")])
def test_what_remains_after_the_true_cause_is_the_noise(model, name):
    field = Known(model)
    found = accuracy(made(model=model), Situation(AREA, 0, 0, field, to_map, "m"))
    left = found.pixels.remaining
    noise = 0.1 * math.sqrt(2)
    assert getattr(left, name) == pytest.approx(noise, rel=0.05)  # 1600 points know it to 2 %
    assert left.field == pytest.approx(noise, rel=0.05)
    assert left.mean == pytest.approx(math.hypot(found.pixels.x.std, found.pixels.y.std))
    assert left.median >= left.mean
    assert left.mean > left.similarity >= left.affine * 0.999
    # a pixel of 10 x 20 map units
    assert found.ground.remaining.field == pytest.approx(0.1 * math.hypot(10, 20), rel=0.05)


def test_rotation_and_scale_come_with_errors_that_hold():
    found = accuracy(made(model=TURNED), Situation(AREA)).similarity
    assert abs(found.rotation - TURNED.rotation) < 4 * found.errors.rotation < 0.01
    assert abs(found.scale - TURNED.scale) < 4 * found.errors.scale < 1e-4
    up = accuracy(made(model=TURNED), Situation(AREA, y_up=True)).similarity
    assert up.rotation == -found.rotation


def test_map_numbers_need_a_pixel_size():
    points = made().with_columns(east=np.full(2000, np.nan), north=np.full(2000, np.nan))
    assert accuracy(points, Situation(AREA)).ground is None


@pytest.mark.parametrize("n", [0, 1])
def test_no_point_and_one_point_make_no_trouble(n):
    points = made(50)
    points = points.chosen(points.used).chosen(slice(0, n))
    found = accuracy(points, Situation(AREA, 10, 100, Known(TURNED), to_map, "m"))
    assert found.n == n
    assert found.similarity is None
    assert math.isnan(found.pixels.remaining.similarity)
    expected = math.hypot(points.dx[0], points.dy[0]) if n else math.nan
    assert found.pixels.ce90 == pytest.approx(expected, nan_ok=True)
    text = json.dumps(in_json(found), allow_nan=False)
    assert json.loads(text)["pixels"]["x"]["median_interval"]["error"] is None


def test_identical_images_have_no_error_at_all():
    points = made(noise=0, model=Linear("translation"))
    found = accuracy(points, Situation(AREA))
    assert (found.pixels.rmse, found.pixels.ce95, found.pixels.remaining.affine) == (0, 0, 0)
    assert (found.similarity.rotation, found.similarity.scale) == (0, 1)
    assert found.shares == (1, 1, 1)


def test_equal_displacements_have_no_spread():
    # 341 times 0.1 has a mean that differs from 0.1 in the last digit
    found = accuracy(
        made(341, model=Linear("translation", shift=(0.1, 0.1)), noise=0.0), Situation(AREA)
    )
    assert (found.pixels.x.std, found.pixels.y.std) == (0.0, 0.0)
    assert found.pixels.x.mean == 0.1


def test_statistics_of_20000_points_take_less_than_a_second_of_processor_time():
    points = made(24000)
    start = time.process_time()
    accuracy(points, Situation(AREA, 1, 1, Known(TURNED), to_map, "m"))
    assert time.process_time() - start < 1
