# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import math

import numpy as np
import pytest

geometry = pytest.importorskip("shapely.geometry")
pytest.importorskip("scipy.spatial")

from orthoweave.core.errors import Cancelled  # noqa: E402
from orthoweave.core.seams.ground import Rule  # noqa: E402
from orthoweave.core.seams.voronoi import partition  # noqa: E402
from shapely import affinity, wkb  # noqa: E402
from shapely.ops import unary_union  # noqa: E402

EXACT = 1e-9
"""Part of the union that gaps and overlaps may have."""

box = geometry.box


def divided(polygons, rule=Rule(), **how):  # noqa: B008
    return partition([polygon.wkb for polygon in polygons], rule, **how)


def cells_of(found):
    return {number: wkb.loads(cell) for number, cell in found.cells.items()}


def check(polygons, found):
    """Compare the cells with the footprints by means that know nothing of their making."""
    cells = cells_of(found)
    assert all(cell.is_valid for cell in cells.values())
    whole, tiled = unary_union(list(polygons)), unary_union(list(cells.values()))
    assert whole.symmetric_difference(tiled).area <= EXACT * whole.area
    assert sum(cell.area for cell in cells.values()) - tiled.area <= EXACT * whole.area
    for number, cell in cells.items():
        assert cell.difference(polygons[number]).area <= EXACT * whole.area
    return cells


def grid(columns, rows, side=100, step=80, angle=0.0):
    tiles = [
        box(col * step, row * step, col * step + side, row * step + side)
        for row in range(rows)
        for col in range(columns)
    ]
    return [affinity.rotate(tile, angle, origin=(0, 0)) for tile in tiles]


def stars(count, rng, side=150):
    """Random star-shaped polygons, some with holes."""
    found = []
    while len(found) < count:
        corners = rng.integers(3, 25)
        angles, radii = np.sort(rng.uniform(0, 2 * np.pi, corners)), rng.uniform(5, 30, corners)
        middle = rng.uniform(0, side, 2)
        points = np.column_stack([np.cos(angles), np.sin(angles)]) * radii[:, None] + middle
        polygon = geometry.Polygon(points).buffer(0)
        for _ in range(rng.integers(0, 3)):
            x, y = rng.uniform(-8, 8, 2) + middle
            polygon = polygon.difference(box(x, y, x + rng.uniform(1, 5), y + rng.uniform(1, 5)))
        if polygon.area > 0:
            found.append(polygon)
    return found


def stairs(angle, side=400, shift=0):
    """The outline of the pixels of a rotated square, as tracing gives it."""
    rows, cols = np.mgrid[:side, :side] + 0.5 - side / 2
    u = cols * math.cos(angle) + rows * math.sin(angle)
    v = rows * math.cos(angle) - cols * math.sin(angle)
    inside = (np.abs(u) < 0.4 * side) & (np.abs(v) < 0.4 * side)
    strips = []
    for row in range(side):
        run = np.flatnonzero(inside[row])
        if len(run):
            strips.append(box(run[0] + shift, row, run[-1] + 1 + shift, row + 1))
    return unary_union(strips)


MULTI = unary_union([box(0, 0, 40, 100), box(60, 0, 100, 100)])
HOLED = box(0, 0, 100, 100).difference(box(30, 30, 70, 70))
LAYOUTS = {
    "regular grid": grid(3, 3),
    "grid of two steps": grid(3, 2, step=60),
    "rotated tiles": grid(3, 3, angle=17.3),
    "rotated and touching": grid(3, 3, step=100, angle=11.1),
    "contained": [box(0, 0, 100, 100), box(30, 30, 50, 50)],
    "contained twice": [box(0, 0, 100, 100), box(20, 20, 80, 80), box(30, 30, 50, 50)],
    "multi-part": [MULTI, box(20, 20, 80, 80)],
    "holed": [HOLED, box(20, 20, 80, 80)],
    "hole filled exactly": [HOLED, box(30, 30, 70, 70)],
    "identical": [box(0, 0, 10, 10)] * 3,
    "identical beside another": [box(0, 0, 10, 10), box(0, 0, 10, 10), box(5, 0, 15, 10)],
    "touching": [box(0, 0, 10, 10), box(10, 0, 20, 10), box(20, 20, 30, 30)],
    "apart": [box(0, 0, 10, 10), box(50, 0, 60, 10)],
    "shared sides": [box(0, 0, 100, 100), box(0, 70, 100, 200), box(50, -20, 120, 130)],
    "four crossing points": [box(0, 40, 100, 60), box(40, 0, 60, 100)],
    "almost the same": [box(0, 0, 100, 100), box(1e-10, 1e-10, 100, 100 + 1e-10)],
    "steps of pixels": [stairs(0.2), stairs(0.31, shift=150)],
    "random with holes": stars(25, np.random.default_rng(11)),
    "sixty random with holes": stars(60, np.random.default_rng(12), 220),
}
PLACES = [(0, 0, 1), (5e5, 5e6, 10), (15.1, 49.3, 1e-5)]
"""Origin and scale of plain numbers, UTM and degrees."""


def placed(polygons, place):
    x, y, scale = place
    return [affinity.affine_transform(p, (scale, 0, 0, scale, x, y)) for p in polygons]


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_cells_tile_the_union_of_the_footprints(layout, place):
    polygons = placed(LAYOUTS[layout], place)
    spacing = place[2] if len(polygons) > 30 else 0.0  # fewer seeds, for speed
    found = divided(polygons, Rule(geographic=place[2] < 1, spacing=spacing))
    check(polygons, found)
    assert found.gap_area <= EXACT * found.union_area
    assert found.overlap_area <= EXACT * found.union_area
    assert set(found.cells) | set(found.skipped) == set(range(len(polygons)))


@pytest.mark.parametrize("place", PLACES[1:], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_cells_are_exact_with_short_seams_contracted_inside_an_area(layout, place):
    polygons = placed(LAYOUTS[layout], place)
    shape = unary_union([box(-5, -5, 95, 97), box(60, 90, 160, 170)]).difference(box(5, 5, 9, 80))
    (area,) = placed([shape], place)
    rule = Rule(geographic=place[2] < 1, shortest=12 * place[2], spacing=place[2])
    found = divided(polygons, rule, within=area.wkb)
    cells = cells_of(found)
    assert all(cell.is_valid for cell in cells.values())
    whole, tiled = unary_union(polygons).intersection(area), unary_union(list(cells.values()))
    assert whole.symmetric_difference(tiled).area <= EXACT * whole.area
    assert sum(cell.area for cell in cells.values()) - tiled.area <= EXACT * whole.area
    for number, cell in cells.items():
        assert cell.difference(polygons[number]).area <= EXACT * whole.area
    assert max(found.gap_area, found.overlap_area) <= EXACT * whole.area


def test_many_tiles_are_divided_exactly():
    rng = np.random.default_rng(7)
    polygons = [
        affinity.rotate(tile, rng.uniform(-3, 3)) for tile in grid(15, 10, side=110, step=80)
    ]
    found = divided(placed(polygons, PLACES[1]), Rule(spacing=200))
    assert len(found.cells) == 150
    assert max(found.gap_area, found.overlap_area) <= EXACT * found.union_area


def test_an_area_only_clips_the_cells():
    polygons, area = LAYOUTS["regular grid"], box(30, 30, 130, 95)
    whole, part = cells_of(divided(polygons)), cells_of(divided(polygons, within=area.wkb))
    for number, cell in whole.items():
        there = cell.intersection(area)
        assert (number in part) == (there.area > 0)
        if number in part:
            assert part[number].symmetric_difference(there).area <= EXACT * area.area


def test_the_seam_of_two_rectangles_is_the_bisector_of_their_overlap():
    (cut,) = divided([box(0, 0, 100, 60), box(80, 20, 180, 90)], Rule(spacing=1)).cuts
    line = np.asarray(wkb.loads(cut.geometry).coords)
    line = line if line[0][1] > line[-1][1] else line[::-1]
    # angle bisectors at both ends and the parallel between the long sides
    truth = geometry.LineString([(80, 60), (90, 50), (90, 30), (100, 20)])
    seam = geometry.LineString(line)
    assert seam.hausdorff_distance(truth) < 0.01
    assert (cut.image_a, cut.image_b) == (0, 1)
    assert cut.length == pytest.approx(20 * math.sqrt(2) + 20, abs=0.02)


def test_the_seam_round_a_hole_has_the_parabolas_of_corners():
    found = divided([HOLED, box(20, 20, 80, 80)], Rule(spacing=1))
    line = wkb.loads(found.cuts[0].geometry)
    for x, y in np.asarray(line.coords):
        to_hole = geometry.Point(x, y).distance(box(30, 30, 70, 70))
        to_side = min(x - 20, y - 20, 80 - x, 80 - y)
        assert to_hole == pytest.approx(to_side, abs=0.01)


def test_four_images_at_one_point_share_the_ground_evenly():
    cells = check(LAYOUTS["regular grid"], divided(LAYOUTS["regular grid"], Rule(spacing=1)))
    middle = cells[4]
    assert middle.symmetric_difference(box(90, 90, 170, 170)).area < 1
    assert all(len(cell.geoms) == 1 for cell in cells.values())


def test_every_crossing_of_two_images_is_cut():
    found = divided(LAYOUTS["four crossing points"], Rule(spacing=1))
    assert len(found.cuts) == 4
    ends = {tuple(np.round(p, 6)) for cut in found.cuts for p in wkb.loads(cut.geometry).coords}
    assert {(40, 40), (60, 40), (60, 60), (40, 60)} <= ends


def test_an_image_inside_another_is_on_top_or_skipped():
    polygons = LAYOUTS["contained twice"]
    top = divided(polygons)
    assert [top.areas[number] for number in range(3)] == [6400, 3200, 400]
    skip = divided(polygons, Rule(contained="skip"))
    assert skip.areas == {0: 10000}
    assert {n: (found.reason, found.other) for n, found in skip.skipped.items()} == {
        1: ("contained", 0),
        2: ("contained", 0),
    }


def test_identical_footprints_go_to_the_first_image():
    found = divided(LAYOUTS["identical"])
    assert found.areas == {0: 100}
    assert [(n, s.reason, s.other) for n, s in found.skipped.items()] == [
        (1, "identical", 0),
        (2, "identical", 0),
    ]


def test_parts_and_holes_are_kept():
    cells = check(LAYOUTS["multi-part"], divided(LAYOUTS["multi-part"]))
    assert len(cells[0].geoms) == 2
    cells = check(LAYOUTS["hole filled exactly"], divided(LAYOUTS["hole filled exactly"]))
    assert [len(part.interiors) for part in cells[0].geoms] == [1]


def test_an_empty_footprint_has_no_cell():
    empty = geometry.MultiPolygon([])
    found = divided([box(0, 0, 1, 1), empty])
    assert (found.areas, found.skipped[1].reason) == ({0: 1}, "empty")
    assert divided([empty, empty]).cells == {}


def test_the_order_of_images_decides_ties_only():
    polygons = stars(8, np.random.default_rng(3), 60)
    one = cells_of(divided(polygons, Rule(spacing=0.5)))
    two = cells_of(divided(polygons[::-1], Rule(spacing=0.5)))
    area = unary_union(polygons).area
    for number, cell in one.items():
        assert cell.symmetric_difference(two[7 - number]).area < 1e-3 * area


def owner_by_rule(polygons, point):
    """The rule, one point at a time (no containment in these layouts)."""
    present = [n for n, polygon in enumerate(polygons) if polygon.contains(point)]
    wins = dict.fromkeys(present, 0)
    for place, a in enumerate(present):
        for b in present[place + 1 :]:
            only_a = polygons[a].boundary.difference(polygons[b].boundary)
            only_b = polygons[b].boundary.difference(polygons[a].boundary)
            wins[a if only_a.distance(point) > only_b.distance(point) else b] += 1
    return max(wins, key=lambda n: wins[n]) if wins else None


def test_random_points_belong_to_the_image_that_the_rule_names():
    polygons = stars(14, np.random.default_rng(21), 90)
    cells = check(polygons, divided(polygons, Rule(spacing=1)))
    rng, seen = np.random.default_rng(22), 0
    seams = unary_union([cell.boundary for cell in cells.values()])
    for x, y in rng.uniform(-10, 100, (400, 2)):
        point = geometry.Point(x, y)
        # within 0.05 spacings of a seam the straightened line may be on the other side
        if seams.distance(point) > 0.05:
            owner = owner_by_rule(polygons, point)
            assert [n for n, c in cells.items() if c.contains(point)] == (
                [] if owner is None else [owner]
            )
            seen += owner is not None
    assert seen > 150


def test_small_holes_that_guides_leave_out_do_not_bend_the_seam():
    speck = box(60, 49, 61, 50)
    first, second = box(0, 0, 100, 100).difference(speck), box(50, 0, 150, 100)
    plain = divided([first, second], Rule(spacing=1))
    guided = divided([first, second], Rule(spacing=1), guides=[box(0, 0, 100, 100).wkb, second.wkb])
    check([first, second], guided)
    truth = geometry.LineString([(75, 0), (75, 100)])
    straight = [c for c in guided.cuts if c.length > 50]
    assert wkb.loads(straight[0].geometry).hausdorff_distance(truth) < 0.01
    assert guided.seam_length < plain.seam_length


def test_cuts_are_lines_between_the_cells_they_name():
    polygons = grid(3, 2, angle=5)
    found = divided(polygons, Rule(spacing=1))
    cells = cells_of(found)
    for cut in found.cuts:
        line = wkb.loads(cut.geometry)
        assert line.geom_type == "LineString"
        assert line.length == pytest.approx(cut.length)
        for number in (cut.image_a, cut.image_b):
            assert line.difference(cells[number].boundary).length < 1e-6
    border = sum(cell.length for cell in cells.values()) - unary_union(polygons).length
    assert 2 * found.seam_length == pytest.approx(border)


def test_degrees_are_measured_on_the_ground():
    # at 60° north a degree of longitude is half as long: the bisector leans accordingly
    polygons = [box(0, 60, 1, 60.6), box(0.8, 60.2, 1.8, 60.8)]
    (cut,) = divided(polygons, Rule(spacing=0.005, geographic=True)).cuts
    line = wkb.loads(cut.geometry)
    scale = math.cos(math.radians(60.4))
    for x, y in np.asarray(line.coords):
        across = min(x - 0.8, 1 - x) * scale
        along = min(60.6 - y, y - 60.2)
        a = min((1 - x) * scale, 60.6 - y)
        b = min((x - 0.8) * scale, y - 60.2)
        assert a == pytest.approx(b, abs=1e-4)
        assert min(across, along) > -1e-9


def test_the_user_can_stop(listen):
    with pytest.raises(Cancelled):
        divided(grid(3, 3), progress=listen(cancel_after=2))


def test_progress_only_grows(listen):
    progress = listen()
    divided(grid(2, 2), progress=progress)
    assert progress.fractions == sorted(progress.fractions)
    assert progress.fractions[-1] <= 1
