# SPDX-License-Identifier: GPL-2.0-or-later
"""Displacements of whole pairs: truth recovered, whatever the values, windows and grids."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def run(image):
    """(reference, moving, **how) -> Measured; how: matching=, threads=, window_size=, progress="""
    from orthoweave.core.displacements.measure import Matching, measure
    from orthoweave.core.displacements.pair import pair_of

    def made(reference, moving, matching=None, **how):
        ends = [one if hasattr(one, "grid") else image(one) for one in (reference, moving)]
        return measure(pair_of(*ends), Matching(**(matching or {})), **how)

    return made


def errors(found, truth):
    """Return the radial errors of the used points."""
    points = found.key_points.chosen(found.key_points.used)
    col, row = points.x0.astype(int), points.y0.astype(int)
    true = [v[row, col] if np.ndim(v) else v for v in truth]
    return points.dx - true[0], points.dy - true[1]


def rmse(found, truth):
    ex, ey = errors(found, truth)
    return float(np.sqrt((ex**2 + ey**2).mean()))


def test_the_sign_is_moving_minus_reference_right_and_down(run, moved):
    reference, moving, _ = moved(3.0, 2.0)
    found = run(reference, moving)
    assert np.median(found.key_points.dx) == pytest.approx(3, abs=0.005)
    assert np.median(found.key_points.dy) == pytest.approx(2, abs=0.005)
    assert found.start.dx == pytest.approx(3, abs=0.5)


def test_a_part_of_a_pixel_is_found(run, moved):
    reference, moving, truth = moved(0.37, -0.62)
    found = run(reference, moving)
    assert found.key_points.used.sum() > 300
    # spec: 0.015 px, mean 0.005 px; a trial reached 0.0045
    assert rmse(found, truth) < 0.006
    assert max(abs(float(e.mean())) for e in errors(found, truth)) < 0.003


def test_a_warp_is_followed(run, moved):
    reference, moving, truth = moved(
        lambda x, y: 0.4 + 1.1 * np.sin(x / 70), lambda x, y: -0.6 + np.cos((x + y) / 90)
    )
    # spec: 0.03 px; the shortest wave of this warp is 440 px
    assert rmse(run(reference, moving), truth) < 0.02


def test_noise_is_told_honestly(run, moved):
    reference, moving, truth = moved(0.37, -0.62)
    rng = np.random.default_rng(3)
    noisy = [v + rng.normal(0, 8, v.shape).astype(np.float32) for v in (reference, 0.7 * moving)]
    found = run(*noisy)
    ex, ey = errors(found, truth)
    sigma = found.key_points.sigma[found.key_points.used]
    assert rmse(found, truth) < 0.15
    assert 0.5 < np.median(np.hypot(ex, ey) / sigma) < 1.2


def test_a_rotation_loses_no_point_and_is_exact(run, ground, image):
    from scipy import ndimage

    y, x = np.mgrid[0:420, 0:420].astype(float)
    turn = 1.005 * np.exp(1j * np.radians(1.5))
    z = (x - 209.5 + 1j * (y - 209.5)) / turn
    at = [z.imag + 449.5, z.real + 449.5]
    moving = ndimage.map_coordinates(ground, at, order=5, prefilter=False).astype(np.float32)
    at = [y + 240, x + 240]
    reference = ndimage.map_coordinates(ground, at, order=5, prefilter=False).astype(np.float32)
    there = (x - 209.5 + 1j * (y - 209.5)) * (turn - 1)
    found = run(reference, moving)
    truth = (there.real, there.imag)
    assert np.hypot(*errors(found, truth)).max() < 0.1
    assert rmse(found, truth) < 0.01
    assert found.key_points.used.mean() > 0.99
    assert found.start.rotation == pytest.approx(1.5, abs=0.2)


def test_a_large_shift_beside_nodata_is_found_and_told(run, moved, image, listen):
    reference, moving, truth = moved(23.37, -17.62)
    valid = np.ones(moving.shape, bool)
    valid[:, :25] = False
    moving = np.where(valid, moving, 0)
    heard = listen()
    found = run(reference, image(moving, valid), progress=heard)
    assert rmse(found, truth) < 0.02
    assert any("(23, -18) px" in text for text in heard.infos)


WAVES = {
    "a wave": (lambda x, y: 0.4 + 0.8 * np.sin(x / 60), -0.6),
    # blocks of one rounded offset beside others, and an edge of the moving image in sight
    "nearly one offset": (lambda x, y: 2.37 + 0.02 * np.sin(x / 90), -1.62),
}


@pytest.mark.parametrize("name", WAVES)
@pytest.mark.parametrize("spoiled", [False, True])
def test_windows_and_threads_change_nothing(run, moved, image, name, spoiled):
    reference, moving, _ = moved(*WAVES[name])
    if spoiled:
        valid = np.ones(moving.shape, bool)
        valid[60:75, 200:230] = valid[:, :11] = False
        moving = image(np.where(valid, moving, 0), valid)
    base = run(reference, moving, window_size=4096, threads=1).key_points
    for size, threads in ((128, 1), (192, 4), (0, 2)):
        other = run(reference, moving, window_size=size, threads=threads).key_points
        assert np.array_equal(base.x0, other.x0) and np.array_equal(base.y0, other.y0)
        assert np.array_equal(base.status, other.status)
        # spec: 0.001 px; but a last digit that differs is a decision that differs elsewhere
        assert np.abs(base.dx - other.dx).max() <= 1e-9
        assert np.abs(base.dy - other.dy).max() <= 1e-9


def test_points_near_window_borders_are_as_good_as_others(run, moved):
    reference, moving, truth = moved(lambda x, y: 0.4 + 0.8 * np.sin(x / 60), -0.6)
    found = run(reference, moving, window_size=128)
    points = found.key_points.chosen(found.key_points.used)
    off = np.minimum(points.x0 % 128, 128 - points.x0 % 128)
    error = np.hypot(*errors(found, truth))
    near = np.sqrt((error[off < 10] ** 2).mean())
    # the same points without any border
    whole = run(reference, moving, window_size=4096)
    same = np.sqrt((np.hypot(*errors(whole, truth))[off < 10] ** 2).mean())
    assert near == pytest.approx(same, rel=0.05)


@pytest.mark.parametrize(
    "change",
    [
        lambda v: np.rint(v * 100).astype(np.uint16),
        lambda v: np.rint(v * 100 - 12000).astype(np.int16),
        lambda v: (v / 255).astype(np.float32),
        lambda v: v.astype(float) * 1e-12,
        lambda v: v.astype(float) + 1e9,
    ],
    ids=["uint16", "int16", "float 0-1", "tiny", "far from 0"],
)
def test_the_scale_of_values_does_not_matter(run, moved, change):
    reference, moving, _ = moved(0.37, -0.62)
    base = run(reference, moving).key_points
    other = run(change(reference), change(moving)).key_points
    at = [set(zip(p.x0, p.y0)) for p in (base, other)]
    # rounding to whole numbers may move a corner by a pixel
    assert len(at[0] & at[1]) > 0.99 * len(at[0])
    assert np.median(other.dx) == pytest.approx(np.median(base.dx), abs=0.01)


def test_inverted_contrast_is_found_and_told(run, moved, listen):
    reference, moving, truth = moved(0.37, -0.62)
    heard = listen()
    found = run(reference, 255 - moving, progress=heard)
    assert found.inverted and found.start.inverted
    assert rmse(found, truth) < 0.006
    assert any("inverted" in text for text in heard.infos)


def test_gradients_are_compared_when_asked(run, moved):
    reference, moving, truth = moved(0.37, -0.62)
    found = run(reference, np.abs(moving - 120), {"feature": "gradient"})
    assert found.key_points.used.sum() > 100
    # folding the values at their middle makes edges where the other image has none
    assert rmse(found, truth) < 0.25


def test_identical_images_have_no_displacement(run, moved):
    reference, _, _ = moved(0, 0)
    found = run(reference, reference)
    assert len(found.key_points) > 300
    assert not found.key_points.dx.any() and not found.key_points.dy.any()


@pytest.mark.parametrize("kind", ["strip", "nan", "collar", "hot pixel"])
def test_invalid_pixels_change_nothing_outside(run, moved, image, kind):
    reference, moving, truth = moved(0.37, -0.62)
    base = run(reference, moving)
    spoilt, valid = reference.copy(), np.ones(reference.shape, bool)
    if kind == "hot pixel":
        spoilt[200, 200] = 65535
    else:
        valid[:30] = False
        spoilt[:30] = {"strip": -9999, "nan": np.nan, "collar": 0}[kind]
    found = run(image(spoilt, valid), moving)
    bound = -1 if kind == "hot pixel" else 90
    apart = [
        np.hypot(*errors(one, truth))[
            np.abs(one.key_points.y0[one.key_points.used] - (200 if kind == "hot pixel" else 0))
            > bound
        ]
        for one in (base, found)
    ]
    assert len(apart[1]) == pytest.approx(len(apart[0]), rel=0.02)
    assert np.sqrt((apart[1] ** 2).mean()) < 1.02 * np.sqrt((apart[0] ** 2).mean()) + 5e-5
    rows = found.key_points.y0.astype(int), found.key_points.x0.astype(int)
    assert valid[rows].all()


def test_another_zone_and_finer_pixels_are_compared_on_the_ground(run, ground, image):
    from orthoweave.core.raster import CrsMapping, parse_crs
    from scipy import ndimage

    here, there = parse_crs("EPSG:32631"), parse_crs("EPSG:32632")
    y, x = np.mgrid[0:420, 0:420].astype(float)
    at = [y + 240, x + 240]
    reference = ndimage.map_coordinates(ground, at, order=5, prefilter=False).astype(np.float32)
    first = image(reference, crs=here)
    cx, cy = CrsMapping(here, there)(np.array([502100.0]), np.array([4997900.0]))
    corner = (float(cx[0]) - 2400, 8.0, 0.0, float(cy[0]) + 2400, 0.0, -8.0)
    row, col = np.mgrid[0:600, 0:600] + 0.5
    east, north = CrsMapping(there, here)(corner[0] + 8 * col, corner[3] - 8 * row)
    px, py = first.grid.to_pixel(east, north)
    at = [py - 0.5 + 240 + 2.21, px - 0.5 + 240 - 1.37]
    moving = ndimage.map_coordinates(ground, at, order=5, prefilter=False, mode="mirror")
    found = run(first, image(moving.astype(np.float32), transform=corner, crs=there))
    assert rmse(found, (1.37, -2.21)) < 0.01


def test_a_coarser_moving_image_gives_reference_pixels(run, ground, image):
    from scipy import ndimage

    y, x = np.mgrid[0:600, 0:600].astype(float)
    at = [y + 140, x + 140]
    reference = ndimage.map_coordinates(ground, at, order=5, prefilter=False)
    at = [y + 140 + 1.5, x + 140 - 2.4]
    fine = ndimage.map_coordinates(ground, at, order=5, prefilter=False)
    coarse = fine.reshape(300, 2, 300, 2).mean((1, 3)).astype(np.float32)
    transform = (500000.0, 20.0, 0.0, 5000000.0, 0.0, -20.0)
    found = run(reference.astype(np.float32), image(coarse, transform=transform))
    assert found.key_points.x0.max() > 400
    assert rmse(found, (2.4, -1.5)) < 0.03


def test_a_step_is_measured_on_both_sides(run, ground):
    from scipy import ndimage

    y, x = np.mgrid[0:420, 0:420].astype(float)
    at = [y + 240, x + 240]
    reference = ndimage.map_coordinates(ground, at, order=5, prefilter=False).astype(np.float32)
    step = np.where(x < 210, 0.0, 2.0)
    at = [y + 240, x + 240 - step]
    moving = ndimage.map_coordinates(ground, at, order=5, prefilter=False).astype(np.float32)
    found = run(reference, moving).key_points
    used = found.chosen(found.used)
    away = np.abs(used.x0 - 210) > 30
    truth = np.where(used.x0 < 210, 0.0, 2.0)
    assert np.abs(used.dx - truth)[away].max() < 0.1
    assert {bool(v) for v in used.x0[away] < 210} == {True, False}


def test_points_left_of_the_first_column_are_not_tried(run, moved):
    reference, moving, _ = moved(0.37, -0.62)
    found = run(reference, moving, {"first_column": 200, "max_points": 50, "min_distance": 20.0})
    assert found.key_points.x0.min() >= 200
    assert 20 < found.tried <= 50


def test_displacements_beyond_the_limit_are_not_believed(run, moved, listen):
    reference, moving, _ = moved(3.0, 2.0)
    heard = listen()
    found = run(reference, moving, {"max_displacement": 2.0}, progress=heard)
    assert not found.key_points.used.any()
    assert any("MAX_DISPLACEMENT (2 px)" in text for text in heard.warnings)


def test_without_search_the_georeferencing_is_trusted(run, moved):
    reference, moving, truth = moved(1.37, -0.62)
    found = run(reference, moving, {"search": "none", "outliers": "global", "support": "12"})
    assert found.start.kind == "georeferencing"
    assert found.support == 12
    assert rmse(found, truth) < 0.01


def test_phase_correlation_reaches_the_same_accuracy(run, moved):
    reference, moving, truth = moved(0.37, -0.62)
    found = run(reference, moving, {"method": "phase_correlation"})
    assert found.method == "phase_correlation"
    assert rmse(found, truth) < 0.006


def test_missing_opencv_is_told(moved, run, listen, monkeypatch):
    from orthoweave.core.displacements import measure

    monkeypatch.setattr(measure, "available", lambda name: False)
    reference, moving, _ = moved(0.37, -0.62, 200)
    heard = listen()
    assert run(reference, moving, progress=heard).method == "phase_correlation"
    assert sum("OpenCV is not installed" in text for text in heard.infos) == 1


def test_progress_never_goes_back_and_ends(run, moved, listen):
    reference, moving, _ = moved(0.37, -0.62)
    heard = listen()
    run(reference, moving, window_size=128, progress=heard)
    assert heard.fractions[-1] == pytest.approx(1)
    assert all(b >= a - 1e-9 for a, b in zip(heard.fractions, heard.fractions[1:]))
    assert max(b - a for a, b in zip(heard.fractions, heard.fractions[1:])) < 0.4


def test_cancel_is_heard_at_any_time(run, moved, listen):
    from orthoweave.core.errors import Cancelled

    reference, moving, _ = moved(0.37, -0.62)
    whole = listen()
    run(reference, moving, progress=whole)
    for after in (1, whole.asked // 2, whole.asked - 2):
        with pytest.raises(Cancelled):
            run(reference, moving, progress=listen(cancel_after=after))


def test_flat_images_are_refused(run, moved):
    from orthoweave.core.errors import IncompatibleImages

    reference, moving, _ = moved(0, 0, 200)
    words = r"The {} has no texture in band 1 \(the 2 and 98 % values are both 12\)"
    with pytest.raises(IncompatibleImages, match=words.format("reference")):
        run(0 * reference + 12, moving)
    with pytest.raises(IncompatibleImages, match=words.format("moving image")):
        run(reference, 0 * reference + 12)


def test_no_valid_pixel_is_refused_with_what_took_them(run, moved, image):
    from orthoweave.core.errors import IncompatibleImages
    from orthoweave.core.masks.restricted import OneBand, Restricted, WithoutValues

    reference, moving, _ = moved(0, 0, 100)
    valid = np.ones((100, 100), bool)
    valid[:10] = False
    values = np.where(np.arange(100) < 50, 0, 7).astype(np.uint8) * np.ones((100, 1), np.uint8)
    first = WithoutValues(OneBand(image(values, valid), 1), (0.0,), "NO_VALUE")
    empty = Restricted(first, image(np.zeros((100, 100), np.uint8)))
    words = "10000 pixels, 1000 are nodata, 4500 more are left out by NO_VALUE, 4500 more .* mask"
    with pytest.raises(IncompatibleImages, match=words):
        run(empty, moving)


def test_nothing_in_common_has_no_solution(run, moved, image):
    from orthoweave.core.errors import NoSolution

    reference, _, _ = moved(0, 0, 200)
    other = np.random.default_rng(1).normal(size=(200, 200)).astype(np.float32)
    with pytest.raises(NoSolution, match="best correlation is 0.*georeferencing"):
        run(reference, other)


def test_measured_is_sorted_and_says_what_it_did(run, moved):
    reference, moving, _ = moved(0.37, -0.62)
    found = run(reference, moving)
    order = np.lexsort((found.key_points.y0, found.key_points.x0))
    assert np.array_equal(order, np.arange(len(order)))
    assert found.valid_pixels == pytest.approx(420 * 420, rel=0.02)
    assert found.tried >= len(found.key_points)
    assert found.support == 8
    assert found.field is not None
    dx, dy = found.field.at(np.array([210.0]), np.array([210.0]))
    assert (dx[0], dy[0]) == pytest.approx((0.37, -0.62), abs=0.01)
    assert min(found.noise) > 0


def test_candidates_that_cannot_be_selected_are_dropped_and_no_other():
    from orthoweave.core.displacements.passes import Stage
    from orthoweave.core.matching.corners import Candidates, select

    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 640, (2, 30000)).astype(np.int32)
    strength = np.round(rng.random(30000), 2).astype(np.float32)  # many are equal
    whole = Candidates(x, y, strength)
    parts = [whole.chosen((x // 320 == i) & (y // 256 == j)) for i in (0, 1) for j in (0, 1, 2)]
    counts = np.full((10, 10), 64 * 64)
    stage = Stage(parts, counts)
    for points in (100, 1000, 0):
        few = stage.strongest(points, 10.0)
        assert points == 0 or len(few) < len(whole)
        ends = [select(one, counts, 64, max_points=points) for one in (whole, few)]
        assert np.array_equal(ends[0].x, ends[1].x) and np.array_equal(ends[0].y, ends[1].y)
