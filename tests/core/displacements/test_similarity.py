# SPDX-License-Identifier: GPL-2.0-or-later
"""Similarity round key points: true displacements score best, wherever and however images lie."""

from __future__ import annotations

import time

import numpy as np
import pytest
from orthoweave.core.displacements import similarity as module
from orthoweave.core.displacements.pair import pair_of
from orthoweave.core.displacements.similarity import with_similarity
from orthoweave.core.grid import Grid
from orthoweave.core.image import ArrayImage, constant
from orthoweave.core.matching.keypoints import LOW_SCORE, OUTLIER, KeyPoints
from orthoweave.core.raster import parse_crs

UTM = parse_crs("EPSG:32633")
SIZE = 400


def texture(x, y):
    """A smooth texture that is known at every position."""
    rng = np.random.default_rng(0)
    total = np.zeros(np.broadcast(x, y).shape)
    for _ in range(40):
        fx, fy, phase = *rng.uniform(-0.9, 0.9, 2), rng.uniform(0, 7)
        total += np.sin(fx * x + fy * y + phase)
    return 1000 * total + 30000


def image(
    name, *, transform=(5e5, 10.0, 0.0, 5e6, 0.0, -10.0), moved=(0.0, 0.0), size=(SIZE, SIZE)
):
    """The texture, displaced on the map by `moved` pixels of 10 m (x right, y down)."""
    grid = Grid(*size, transform, UTM)
    col, row = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    x, y = grid.to_map(col + 0.5, row + 0.5)
    values = texture((x - 5e5) / 10 - 0.5 - moved[0], (5e6 - y) / 10 - 0.5 - moved[1])
    return ArrayImage(name, grid, values[None].astype(np.float32), constant(True, values.shape))


def points(d=(0.0, 0.0), n=60, seed=1, low=60, high=SIZE - 60):
    rng = np.random.default_rng(seed)
    x, y = (rng.integers(low, high, n).astype(float) for _ in range(2))
    dx, dy = np.full(n, d[0]), np.full(n, d[1])
    return KeyPoints(x, y, dx, dy, np.full(n, 0.9), *np.ones((2, n)), np.zeros(n))


def scores(found):
    return np.array([found.zncc_score, found.mutual_info_score, found.mi_score])


TRANSFORMS = {
    "same": ((5e5, 10.0, 0.0, 5e6, 0.0, -10.0), (SIZE, SIZE)),
    "offset": ((5e5 - 203, 10.0, 0.0, 5e6 + 147, 0.0, -10.0), (SIZE, SIZE)),
    "finer": ((5e5, 8.5, 0.0, 5e6, 0.0, -8.5), (480, 480)),
    "rotated": ((5e5 - 500, 9.8, 2.0, 5e6 + 300, 2.0, -9.8), (430, 460)),
    "south-up": ((5e5, 10.0, 0.0, 5e6 - 4000, 0.0, 10.0), (SIZE, SIZE)),
}


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("d", [(0.37, -0.62), (23.37, -17.62)])
def test_the_true_displacement_gives_full_correlation_on_any_grid(name, d):
    transform, size = TRANSFORMS[name]
    pair = pair_of(image("r"), image("m", transform=transform, moved=d, size=size))
    found = with_similarity(pair, points(d, low=90, high=SIZE - 90), 0.4)
    assert found.zncc_score.min() > 0.9995  # Lanczos of 8 taps at up to 0.9 of a radian per pixel
    assert found.mi_score.min() > 0.8
    off = with_similarity(pair, points((d[0] + 0.5, d[1]), low=90, high=SIZE - 90), 0.4)
    assert (off.zncc_score < found.zncc_score).all()
    assert (off.mutual_info_score < found.mutual_info_score).all()


def test_scores_are_those_of_the_chips_cut_by_hand():
    pair = pair_of(image("r"), image("m", moved=(3, -2)))
    given = points((2.0, -2.0), n=3)
    found = with_similarity(pair, given, 0.4)
    for chip in range(3):
        x, y = int(given.x0[chip]), int(given.y0[chip])
        a = pair.reference.values[0, y - 21 : y + 22, x - 21 : x + 22].astype(float)
        b = pair.moving.values[0, y - 23 : y + 20, x - 19 : x + 24].astype(float)
        expected = np.corrcoef(a.ravel(), b.ravel())[0, 1]
        assert found.zncc_score[chip] == pytest.approx(expected, abs=1e-5)


def test_only_accepted_points_of_a_good_score_are_compared():
    given = points(n=30)
    status = np.select([np.arange(30) % 3 == 1, np.arange(30) % 3 == 2], [OUTLIER, LOW_SCORE], 0)
    given = given.with_columns(status=status, score=np.where(status == LOW_SCORE, 0.2, 0.9))
    pair = pair_of(image("r"), image("m"))
    found = with_similarity(pair, given, 0.4)
    assert np.array_equal(np.isfinite(found.zncc_score), status == 0)
    everything = with_similarity(pair, given, 0.0)
    assert np.array_equal(np.isfinite(everything.mi_score), status != OUTLIER)


def test_points_near_the_edge_are_counted_once(listen):
    given = points(n=6).with_columns(
        x0=np.array([20.0, 21, 27, 28, 200, 378]), y0=np.full(6, 200.0)
    )
    heard = listen()
    found = with_similarity(pair_of(image("r"), image("m")), given, 0.4, progress=heard)
    assert np.isfinite(found.zncc_score).tolist() == [False, True, True, True, True, True]
    assert np.isfinite(found.mi_score).tolist() == [False, False, False, True, True, False]
    assert heard.infos == [
        "4 key points lie too near the edge of an image for all similarity scores."
    ]
    moved = given.with_columns(dx=np.full(6, 180.0))
    found = with_similarity(pair_of(image("r"), image("m")), moved, 0.4)
    assert np.isfinite(found.zncc_score).tolist() == [False, True, True, True, False, False]


def holed(one, hole, value):
    values, valid = one.values.copy(), np.ones(one.values.shape[1:], bool)
    valid[hole] = False
    values[0][~valid] = value
    return ArrayImage(one.name, one.grid, values, valid)


@pytest.mark.parametrize("value", [0, -9999, 65535, np.nan])
def test_what_stands_in_holes_never_counts(value):
    hole = np.s_[150:260, 100:180]
    first, second = image("r"), image("m", moved=(0.4, 0.3))
    given = points((0.4, 0.3), n=80)
    plain = with_similarity(pair_of(first, second), given, 0.4)
    pair = pair_of(holed(first, hole, value), holed(second, np.s_[300:320, :], value))
    found = with_similarity(pair, given, 0.4)
    known = np.isfinite(found.zncc_score)
    assert 40 < known.sum() < 80
    assert found.zncc_score[known].min() > 0.9995
    inside = (given.y0 > 165) & (given.y0 < 245) & (given.x0 > 115) & (given.x0 < 165)
    assert not known[inside].any()
    far = (given.y0 < 115) & known
    assert np.array_equal(found.zncc_score[far], plain.zncc_score[far])


def test_threads_and_batches_change_nothing(monkeypatch):
    pair = pair_of(image("r"), image("m", moved=(0.4, 0.3)))
    given = points((0.4, 0.3), n=150)
    monkeypatch.setattr("orthoweave.core.displacements.squares.SIDE", 128)
    first = scores(with_similarity(pair, given, 0.4, threads=1))
    monkeypatch.setattr(module, "BATCH", 5)
    monkeypatch.setattr("orthoweave.core.displacements.squares.SIDE", 1024)
    second = scores(with_similarity(pair, given, 0.4, threads=4))
    assert np.allclose(first, second, atol=1e-6)


def test_scattered_displacements_are_read_in_smaller_parts(monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 100 * 100)
    pair = pair_of(image("r"), image("m"))
    rng = np.random.default_rng(3)
    given = points(n=40, low=150, high=250)
    given = given.with_columns(dx=rng.uniform(-80, 80, 40), dy=rng.uniform(-80, 80, 40))
    found = with_similarity(pair, given, 0.4)
    monkeypatch.setattr(module, "LARGEST", 1 << 30)
    assert np.allclose(scores(found), scores(with_similarity(pair, given, 0.4)), atol=1e-6)


def test_no_points_need_no_reading():
    found = with_similarity(pair_of(image("r"), image("m")), KeyPoints.none(), 0.4)
    assert len(found) == 0


def test_a_coarser_moving_image_is_compared_on_its_own_pixels():
    d = (0.6, -0.8)
    coarse = image("m", transform=(5e5, 20.0, 0.0, 5e6, 0.0, -20.0), moved=d, size=(200, 200))
    pair = pair_of(image("r"), coarse)
    assert pair.factor == pytest.approx(2)
    found = with_similarity(pair, points(d, low=120, high=280), 0.4)
    # averages of 2 x 2 pixels against single values of the texture
    assert found.zncc_score.min() > 0.95
    off = with_similarity(pair, points((d[0] + 2, d[1]), low=120, high=280), 0.4)
    assert (off.zncc_score < found.zncc_score).all()


def test_a_thousand_points_take_little_processor_time():
    pytest.importorskip("cv2")
    pair = pair_of(image("r"), image("m", moved=(0.4, 0.3)))
    given = points((0.4, 0.3), n=1000)
    with_similarity(pair, given.chosen(slice(0, 10)), 0.4)
    start = time.process_time()
    with_similarity(pair, given, 0.4, threads=1)
    assert time.process_time() - start < 0.5  # 0.1 s on a quiet machine
