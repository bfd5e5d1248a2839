# SPDX-License-Identifier: GPL-2.0-or-later
"""Local fields: a smooth warp is found, nothing is made up where nothing is seen."""

from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import NoSolution
from orthoweave.core.matching import local
from orthoweave.core.matching.local import Elastic, LocalField, solve_field
from orthoweave.core.matching.patches import patch_of
from orthoweave.core.transform.models import Linear

pytest.importorskip("scipy")
from scipy import ndimage  # noqa: E402

SHAPE = (224, 288)
MARGIN = 12
STILL = Linear("affine")
SHIFTED = Linear("affine", ((1.002, -0.003), (0.002, 0.999)), (3.3, -2.1), (140.0, 110.0))


def warp(x, y):
    """2 px, wavelengths of 180 to 230 px."""
    return (
        1.4 * np.sin(2 * np.pi * x / 210 + 0.4) * np.cos(2 * np.pi * y / 230),
        1.4 * np.cos(2 * np.pi * x / 230) * np.sin(2 * np.pi * y / 180 + 0.7),
    )


def nothing(x, y):
    return np.zeros(np.broadcast(x, y).shape), np.zeros(np.broadcast(x, y).shape)


def lattice():
    return np.arange(SHAPE[1], dtype=float)[None], np.arange(SHAPE[0], dtype=float)[:, None]


@pytest.fixture(scope="module")
def scene():
    """(displacement, linear=) -> reference and moving values with gain, offset and noise."""
    rows, cols = (size + 2 * MARGIN for size in SHAPE)
    rng = np.random.default_rng(7)
    ground = sum(
        sigma * ndimage.gaussian_filter(rng.standard_normal((rows, cols)), sigma)
        for sigma in (1.2, 3.0, 8.0)
    )
    ground *= 100 / ground.std()
    spline = ndimage.spline_filter(ground, 5)

    def made(displacement, linear=STILL, noise=1.0):
        x, y = (at + np.zeros(SHAPE) for at in lattice())
        back = linear.inverse()
        p, q = x, y
        for _ in range(40):
            dx, dy = displacement(p, q)
            p, q = back.at(x - dx, y - dy)
        at = (q + MARGIN, p + MARGIN)
        moved = ndimage.map_coordinates(spline, at, order=5, prefilter=False, mode="mirror")
        here = ground[MARGIN:-MARGIN, MARGIN:-MARGIN]
        noises = np.random.default_rng(8).standard_normal((2, *SHAPE)) * noise
        moved = 1.08 * moved + 60 + noises[1]
        return (here + noises[0]).astype(np.float32), moved.astype(np.float32)

    return made


def everywhere():
    return np.ones(SHAPE, bool)


def patch(ends, valid=None, moving_valid=None, origin=(0, 0)):
    valid = everywhere() if valid is None else valid
    moving_valid = everywhere() if moving_valid is None else moving_valid

    def mapping(x, y):
        return x - origin[0], y - origin[1]

    return patch_of(ends[0], valid, ends[1], moving_valid, mapping, origin)


def wrong(found, displacement, linear=STILL):
    """What is left at each pixel, px; 8 px at the border are seen by one image only."""
    x, y = lattice()
    dx, dy = displacement(x, y)
    px, py = linear.predict(x, y)
    mx, my = found.predict(x, y)
    return np.hypot(mx - px - dx, my - py - dy)[8:-8, 8:-8]


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def test_a_warp_of_2_px_is_found_to_hundredths(scene):
    found = solve_field(patch(scene(warp)), STILL)
    assert rms(wrong(found, warp)) < 0.03  # 0.02 measured; noise 1 %
    assert found.supported == 1.0
    assert not found.edges


def test_a_linear_motion_that_is_known_is_kept_beside_the_field(scene):
    found = solve_field(patch(scene(warp, SHIFTED)), SHIFTED)
    assert found.linear == SHIFTED
    assert rms(wrong(found, warp, SHIFTED)) < 0.03


def test_inverted_contrast_is_no_hindrance(scene):
    reference, moving = scene(warp)
    found = solve_field(patch((reference, 500 - moving)), STILL)
    assert rms(wrong(found, warp)) < 0.03


def test_edges_alone_suffice(scene):
    found = solve_field(patch(scene(warp)), STILL, Elastic(edges=True))
    assert rms(wrong(found, warp)) < 0.06  # a strength has no sign, and half of its slopes
    assert found.edges


def test_without_a_warp_there_is_no_field_and_no_half_pixel(scene):
    found = solve_field(patch(scene(nothing)), STILL)
    dx, dy = found.predict(*lattice())
    assert abs(dx.mean()) < 0.003
    assert abs(dy.mean()) < 0.003
    assert np.hypot(dx, dy).max() < 0.05
    assert found.least_determinant()[0] > 0.99


def test_an_image_onto_itself_gives_nothing_at_all(scene):
    values = scene(nothing)[0]
    found = solve_field(patch((values, values)), STILL)
    assert max(np.abs(at).max() for at in found.predict(*lattice())) < 1e-3


def test_the_patch_may_begin_anywhere(scene):
    ends = scene(warp)
    here = solve_field(patch(ends), STILL)
    there = solve_field(patch(ends, origin=(37, 1021)), STILL)
    x, y = lattice()
    # positions near 1000 round differently from positions near 0
    for one, other in zip(here.predict(x, y), there.predict(x + 37, y + 1021)):
        assert np.abs(one - other).max() < 1e-3


def test_what_invalid_pixels_hold_changes_no_bit(scene):
    ends = scene(warp)
    holes = everywhere(), everywhere()
    holes[0][60:100, 80:140] = False
    holes[1][130:170, 150:230] = False
    fields = []
    for value in (np.nan, -9999.0, 65535.0):
        filled = [np.where(hole, end, np.float32(value)) for hole, end in zip(holes, ends)]
        fields.append(solve_field(patch(filled, *holes), STILL).field)
    for other in fields[1:]:
        np.testing.assert_array_equal(fields[0].dx, other.dx)
        np.testing.assert_array_equal(fields[0].dy, other.dy)


def test_holes_spoil_nothing_beside_them(scene):
    hole = everywhere()
    hole[70:120, 90:150] = False
    found = solve_field(patch(scene(warp), hole), STILL)
    assert rms(wrong(found, warp)[hole[8:-8, 8:-8]]) < 0.04


def test_clouds_in_each_image_are_not_believed(scene):
    rng = np.random.default_rng(3)
    ends = []
    covers = []
    for values in scene(warp):
        rough = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 20)
        cover = ndimage.gaussian_filter((rough > np.quantile(rough, 0.8)).astype(float), 2)
        inside = 900 + 60 * ndimage.gaussian_filter(rng.standard_normal(SHAPE), 4) * 14
        ends.append((values * (1 - cover) + cover * inside).astype(np.float32))
        covers.append(cover > 0.01)
    found = solve_field(patch(ends), STILL)
    clear = ~(covers[0] | covers[1])[8:-8, 8:-8]
    # at the borders of clouds the field is held by one side only
    assert np.median(wrong(found, warp)[clear]) < 0.05


def test_far_from_what_is_seen_the_field_fades_to_the_linear_model(scene):
    seen = everywhere()
    seen[:, 120:] = False

    def drift(x, y):
        return 1.2 + 0 * (x + y), -0.8 + 0 * (x + y)

    found = solve_field(patch(scene(drift), seen), STILL, Elastic(spacing=16))
    dx, dy = found.predict(*lattice())
    assert np.hypot(dx[:, 16:104] - 1.2, dy[:, 16:104] + 0.8).max() < 0.05
    assert np.hypot(dx, dy)[:, -32:].max() < 0.15


def test_flat_images_have_no_field():
    flat = np.full(SHAPE, 1234.5, np.float32)
    found = solve_field(patch((flat, flat)), STILL)
    assert max(np.abs(at).max() for at in found.predict(*lattice())) == 0
    assert found.supported == 0


def test_noise_alone_makes_no_field():
    rng = np.random.default_rng(5)
    ends = [rng.standard_normal(SHAPE).astype(np.float32) for _ in range(2)]
    found = solve_field(patch(ends), STILL)
    assert max(np.abs(at).max() for at in found.predict(*lattice())) < 0.2
    assert found.supported < 0.02


def test_check_pixels_are_left_out(scene):
    shown = np.ones(SHAPE, np.float32)
    shown[40:104, 60:124] = 0
    ends = patch(scene(warp))
    checked = solve_field(ends, STILL, weight=shown)
    whole = solve_field(ends, STILL)
    hidden = (shown == 0)[8:-8, 8:-8]
    assert rms(wrong(checked, warp)[~hidden]) < 0.03
    assert rms(wrong(whole, warp)[hidden]) < rms(wrong(checked, warp)[hidden])


def test_a_smoother_field_bends_less(scene):
    ends = patch(scene(warp))
    bends = [solve_field(ends, STILL, Elastic(0, stiff)).field.bend for stiff in (0.0, 1.0, 1e5)]
    assert bends[0] >= bends[1] > 3 * bends[2]


def test_automatic_spacing_keeps_a_number_of_nodes():
    assert Elastic().step((400, 500)) == 32
    assert Elastic().step((9000, 12800)) == 50
    assert Elastic(12.5).step((400, 500)) == 12.5


def test_a_field_that_folds_over_is_refused(scene, monkeypatch):
    monkeypatch.setattr(local, "FOLDED", 1.5)
    with pytest.raises(NoSolution, match=r"folds over near column \d+, row \d+. Raise LOCAL_SPAC"):
        solve_field(patch(scene(warp)), STILL)


def test_a_field_that_nearly_folds_over_is_made_stiffer(scene, monkeypatch):
    ends = patch(scene(warp))
    loose = solve_field(ends, STILL)
    least = loose.least_determinant()[0]
    monkeypatch.setattr(local, "FOLDED", least + 0.003)
    firm = solve_field(ends, STILL)
    assert firm.stiffness > loose.stiffness
    assert firm.least_determinant()[0] > least


def test_a_local_field_adds_both_parts():
    field = solve_field(patch((np.zeros(SHAPE, np.float32),) * 2), STILL).field
    both = LocalField(SHIFTED, field)
    x, y = np.array([3.0, 70.0]), np.array([8.0, 100.0])
    np.testing.assert_allclose(both.at(x, y), SHIFTED.at(x, y))
