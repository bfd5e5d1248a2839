# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.placement import common_canvas
from orthoweave.core.radiometry.cellmeans import Layout, cell_means, huber_weights
from orthoweave.core.radiometry.cells import blocks_of
from orthoweave.core.radiometry.moments import overlap_statistics, whole_statistics
from orthoweave.core.radiometry.shading import field_at, solve_shading
from orthoweave.core.radiometry.statistics import JointSums, OwnSums
from orthoweave.core.survey import survey

BOXES = {"a": (0, 0, 300, 260), "b": (150, 20, 300, 260), "c": (40, 140, 330, 240)}


def frame(width, height):
    v, u = np.mgrid[0:height, 0:width]
    return (2 * u + 1) / width - 1, (2 * v + 1) / height - 1


def surveyed_cells(images, side=20):
    """Cells of about `side` pixels of images of one scene, and the spread of each band."""
    canvas = common_canvas(images)
    blocks = blocks_of(canvas, canvas.height // side, canvas.width // side)
    center = np.full(images[0].bands, 3000.0)
    own = OwnSums(images, center, None)
    grids = tuple(image.grid for image in images)
    joint = JointSums(canvas, grids, False, center, None, blocks)
    survey(images, own=(own,), joint=(joint,), canvas=canvas, threads=1)
    whole, order = whole_statistics([image.name for image in images], own.images, center)
    overlaps = overlap_statistics(joint, order, whole)
    layout = Layout(canvas, joint.cells, [images[index].grid for index in order])
    ones = np.ones(whole.mean.shape)
    return cell_means(overlaps, layout, ones, 0 * ones), whole.pooled_std


def shaded(cut, ground, strength):
    """Images that a field 1 + k (ρ - 1/3) brings back to the ground."""
    images = []
    for (name, box), k in zip(BOXES.items(), strength):
        u, v = frame(*box[2:])
        field = 1 + k * ((u**2 + v**2) / 2 - 1 / 3)
        image = cut(ground, name, box)
        images.append(type(image)(name, image.grid, image.values / field, image.valid))
    return images


def test_fields_are_recovered_where_overlaps_see_them(cut, scene):
    strength = (0.15, 0.05, 0.10)
    cells, scale = surveyed_cells(shaded(cut, scene(2, 400, 460), strength))
    found = solve_shading(cells, np.ones(3, int), scale, "radial_tilt")
    ((_, trial),) = found.trials
    assert (trial.kind, trial.accepted) == ("radial_tilt", True) and trial.explained > 0.9
    for image, k in enumerate(strength):
        ends = np.array([0.0, 1.0])
        middle, corner = (1 + field_at(found.fields[image], ends, ends)).T
        # 2 % of the largest amplitude
        expected = (1 + k * 2 / 3) / (1 - k / 3)
        np.testing.assert_allclose(corner / middle, expected, atol=0.02 * 0.15)
    # a slope of the whole mosaic is what overlaps cannot see; none is invented
    assert np.abs(found.fields[:, 2:]).max() < 0.002


def test_a_slope_inside_one_image_is_found(cut, scene):
    ground = scene(1, 400, 460)
    images = [cut(ground, name, box) for name, box in BOXES.items()]
    u, v = frame(*BOXES["b"][2:])
    b = images[1]
    images[1] = type(b)("b", b.grid, b.values * (1 + 0.06 * v), b.valid)
    cells, scale = surveyed_cells(images)
    found = solve_shading(cells, np.ones(3, int), scale, "radial_tilt")
    assert found.trials[0][1].accepted
    # tilts that two images can share stay undetermined; the difference between them is seen
    assert found.fields[1, 3, 0] - found.fields[0, 3, 0] == pytest.approx(-0.06, abs=0.012)


def test_haze_is_not_explained_as_a_field(cut, scene):
    rng = np.random.default_rng(4)
    ground = scene(2, 400, 460)
    images = []
    for name, box in BOXES.items():
        u, v = frame(*box[2:])
        cloud = sum(
            300 * np.exp(-30 * ((u - x) ** 2 + (v - y) ** 2)) for x, y in rng.uniform(-1, 1, (9, 2))
        )
        image = cut(ground, name, box)
        images.append(type(image)(name, image.grid, image.values + cloud, image.valid))
    cells, scale = surveyed_cells(images)
    found = solve_shading(cells, np.ones(3, int), scale, "radial_tilt")
    assert [trial.kind for _, trial in found.trials] == ["radial_tilt", "radial"]
    assert not found.any and not any(trial.accepted for _, trial in found.trials)
    assert (found.factors(cells) == 1).all()


def test_without_evidence_nothing_is_tried(cut, scene):
    ground = scene(1, 400, 460)
    cells, scale = surveyed_cells(shaded(cut, ground, (0.1, 0.1, 0.1)))
    for kind, spread, which in (("none", scale, None), ("radial", 0 * scale, None),
                                ("radial", scale, [])):  # fmt: skip
        part = cells if which is None else cells.part(np.array(which, int))
        found = solve_shading(part, np.ones(3, int), spread, kind)
        assert found.trials == () and not found.any and found.explained is None
    few = surveyed_cells(shaded(cut, ground, (0.1, 0.1, 0.1)), side=200)[0]
    found = solve_shading(few, np.ones(3, int), scale, "radial")
    assert not found.any and found.explained == 0


def test_groups_are_solved_apart(cut, scene):
    ground = scene(1, 400, 460)
    images = shaded(cut, ground, (0.15, 0.05, 0.1))
    far = []
    for image in images:
        x, a, b, y, d, e = image.grid.transform
        grid = type(image.grid)(image.grid.width, image.grid.height, (x + 2000, a, b, y, d, e))
        grid = grid.with_crs(image.grid.crs)
        far.append(type(image)("z" + image.name, grid, image.values, image.valid))
    cells, scale = surveyed_cells([*images, *far])
    alone = solve_shading(surveyed_cells(images)[0], np.ones(3, int), scale, "radial")
    found = solve_shading(cells, np.array([1, 1, 1, 2, 2, 2]), scale, "radial")
    assert [group for group, _ in found.trials] == [1, 2]
    np.testing.assert_allclose(found.fields[:3], found.fields[3:], atol=2e-3)
    np.testing.assert_allclose(found.fields[:3], alone.fields, atol=2e-3)


def test_cells_that_disagree_weigh_less(cut, scene):
    ground = scene(1, 400, 460)
    images = [cut(ground, name, box) for name, box in BOXES.items()]
    cells, scale = surveyed_cells(images)
    residuals = np.full((1, len(cells.share)), 0.1)
    residuals[0, 0] = 50.0
    weights = huber_weights(cells, residuals, scale)
    assert weights[0, 0] < 0.02 and (weights[0, 1:] == 1).all()
