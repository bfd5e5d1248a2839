# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, ImageIOError
from orthoweave.core.exchange.chips import ChipSource, chip_points, read_chips, write_chips
from orthoweave.core.exchange.table import read_table
from orthoweave.core.image import ArrayImage
from orthoweave.core.raster import open_image
from orthoweave.core.windows import Window

SHIFT = (12.4, -7.6)
"""Rounded: 12 px to the right, 8 px up."""

FILES = ("chips.csv", "monitored_chips.vrt", "reference_chips.vrt")


@pytest.fixture
def scene(grids):
    """Return a source of chips: scene(kind); the moving image shows the same, displaced."""

    def make(kind="north up", names=("mon é.tif", "ref; 1.tif"), dtype="uint16", nodata=None):
        rng = np.random.default_rng(3)
        values = rng.integers(1, 4000, (340, 440)).astype(dtype)
        grid = grids[kind]
        sides = [values[20:320, 20:420], values[28:328, 8:408]]
        reference, moving = (
            ArrayImage("a", grid, side[None], np.ones(side.shape, bool), nodata) for side in sides
        )
        return ChipSource(moving, reference, *names, grid, grid.window)

    return make


def shifted(key_points, count=400, **columns):
    return key_points(count, dx=np.full(count, SHIFT[0]), dy=np.full(count, SHIFT[1]), **columns)


def cells_of(points, area=(0, 0, 400, 300)):
    col, row, width, height = area
    return [
        (int((x + 0.5 - col) * 5 // width), int((y + 0.5 - row) * 5 // height))
        for x, y in zip(points.x0, points.y0)
    ]


def test_at_most_five_points_come_from_each_cell_and_all_fit(key_points, scene):
    found = chip_points(shifted(key_points, 4000), scene())
    counts = {cell: cells_of(found).count(cell) for cell in set(cells_of(found))}
    # cells at the border have quarters in which no chip fits
    assert len(found) == 105 and max(counts.values()) == 5 and len(counts) == 25
    # 28 px around both positions
    assert found.x0.min() >= 28 and found.x0.max() + 12 < 400 - 28
    assert found.y0.min() - 8 >= 28 and found.y0.max() < 300 - 28


def test_points_below_the_confidence_and_rejected_ones_give_no_chips(key_points, scene):
    points = shifted(key_points, status=np.arange(400) % 4)
    found = chip_points(points, scene())
    assert len(found) and found.used.all()


def brute(points, area):
    """Choose as the specification says, one point after the other."""
    chosen = []
    for column, row in itertools.product(range(5), range(5)):
        middle = (area.col + (column + 0.5) * area.width / 5 - 0.5,
                  area.row + (row + 0.5) * area.height / 5 - 0.5)  # fmt: skip
        box = (area.col, area.row, area.width, area.height)
        members = [i for i, cell in enumerate(cells_of(points, box)) if cell == (column, row)]
        off = {i: np.hypot(points.x0[i] - middle[0], points.y0[i] - middle[1]) for i in members}
        if not members:
            continue
        first = min(members, key=lambda i: (round(off[i], 6), -points.score[i]))
        chosen.append(first)
        for right, down in itertools.product((False, True), repeat=2):
            here = [
                i for i in members
                if i != first and (points.x0[i] >= middle[0]) == right
                and (points.y0[i] >= middle[1]) == down
            ]  # fmt: skip
            if here:
                half = np.median([off[i] for i in here])
                chosen.append(
                    min(here, key=lambda i: (round(abs(off[i] - half), 6), -points.score[i]))
                )
    return sorted(chosen)


@pytest.mark.parametrize("area", [Window(0, 0, 400, 300), Window(60, 40, 211, 173)])
def test_the_choice_is_that_of_the_specification(key_points, scene, area):
    source = scene()
    source = ChipSource(source.moving, source.reference, "a", "b", source.frame, area)
    points = shifted(key_points, 900)
    inside = (points.x0 >= max(28, area.col)) & (points.x0 < min(area.right, 400 - 40))
    inside &= (points.y0 >= max(36, area.row)) & (points.y0 < min(area.bottom, 300 - 28))
    points = points.chosen(inside)
    expected = points.chosen(brute(points, area))
    found = chip_points(points, source)
    assert list(zip(found.x0, found.y0)) == list(zip(expected.x0, expected.y0))


def test_equally_near_points_are_told_apart_by_their_score(key_points, scene):
    # the middle of the middle cell is (199.5, 149.5)
    points = key_points(
        3, x0=[198, 199, 200], y0=[149, 149, 149], dx=[0, 0, 0], dy=[0, 0, 0],
        score=[0.9, 0.5, 0.7],
    )  # fmt: skip
    found = chip_points(points.chosen([1, 2]), scene())
    assert sorted(found.x0) == [199, 200]
    # 200 is as near as 199 and better; in their quarter 198 and 199 are as far from the median
    assert sorted(chip_points(points, scene()).x0) == [198, 200]


@pytest.mark.parametrize("kind", ["north up", "rotated", "south up", "nowhere"])
def test_chips_are_georeferenced_pieces_with_raw_values(
    tmp_path, key_points, scene, grids, read_back, kind
):
    source = scene(kind, nodata=0)
    points = write_chips(str(tmp_path / "chips"), shifted(key_points, 60), source)
    assert 0 < len(points) < 60
    folder = tmp_path / "chips"
    for x0, y0 in zip(points.x0.astype(int), points.y0.astype(int)):
        moving = read_back(folder / "mon é.tif" / f"MON_{x0}_{y0}.TIFF")
        reference = read_back(folder / "ref; 1.tif" / f"REF_{x0}_{y0}.TIFF")
        # what both show is the same ground, for the displacement is nearly a whole number
        np.testing.assert_array_equal(moving.values, reference.values)
        assert moving.values.shape == (1, 57, 57) and moving.values.dtype == np.uint16
        assert moving.nodata == 0
        corner = grids[kind].to_map(x0 + 12 - 28, y0 - 8 - 28)
        np.testing.assert_allclose(moving.transform[::3], corner, rtol=1e-12)
        assert moving.transform[1:3] == grids[kind].transform[1:3]
        assert (moving.dataset.GetProjection() != "") == bool(grids[kind].crs)
    assert sorted(entry.name for entry in folder.iterdir() if entry.is_file()) == sorted(FILES)


def test_the_table_has_one_row_for_each_pair(tmp_path, key_points, scene):
    points = write_chips(str(tmp_path / "chips"), shifted(key_points, 60), scene())
    table = read_table(str(tmp_path / "chips" / "chips.csv"))
    names = {f"{x:.0f}_{y:.0f}" for x, y in zip(table.x0, table.y0)}
    assert len(table) == len(points) == len(names)
    for folder, prefix in (("mon é.tif", "MON"), ("ref; 1.tif", "REF")):
        for extension in ("TIFF", "png"):
            files = {entry.name for entry in (tmp_path / "chips" / folder).glob(f"*.{extension}")}
            assert files == {f"{prefix}_{name}.{extension}" for name in names}


@pytest.mark.parametrize("kind", ["north up", "rotated", "south up", "nowhere"])
@pytest.mark.parametrize("title", ["monitored", "reference"])
def test_virtual_rasters_show_all_chips_in_their_places(
    tmp_path, key_points, scene, read_back, kind, title
):
    source = scene(kind, nodata=0)
    points = write_chips(str(tmp_path / "chips"), shifted(key_points, 25), source)
    image = source.moving if title == "monitored" else source.reference
    found = open_image(str(tmp_path / "chips" / f"{title}_chips.vrt"))
    window = image.grid.placed(found.grid)
    pixels, whole = found.read(found.grid.window), image.read(window)
    covered = np.zeros(image.valid.shape, bool)
    for x0, y0 in zip(points.x0.astype(int), points.y0.astype(int)):
        col, row = (x0 + 12, y0 - 8) if title == "monitored" else (x0, y0)
        covered[row - 28 : row + 29, col - 28 : col + 29] = True
    covered = covered[window.slices]
    np.testing.assert_array_equal(pixels.valid, covered)
    np.testing.assert_array_equal(pixels.values[0][covered], whole.values[0][covered])
    assert found.nodata == 0


def test_equal_file_names_get_two_folders(tmp_path, key_points, scene):
    write_chips(str(tmp_path / "chips"), shifted(key_points, 9), scene(names=("A.tif", "a.tif")))
    folders = sorted(entry.name for entry in (tmp_path / "chips").iterdir() if entry.is_dir())
    assert folders == ["A.tif", "a.tif_reference"]


def test_pictures_of_a_pair_share_one_stretch(tmp_path, key_points, scene, read_back):
    source = scene(dtype="float32")
    dark = source.moving.values * 0.5
    dark[:, 100:110] = np.nan
    moving = ArrayImage("m", source.frame, dark, ~np.isnan(dark[0]))
    source = ChipSource(moving, source.reference, "m", "r", source.frame, source.area)
    points = shifted(key_points, 1, x0=[200], y0=[120])
    (pair,) = read_chips(points, source)
    gray, bright = pair.pictures()
    both = np.concatenate([pair.moving.values[0][pair.moving.valid], pair.reference.values.ravel()])
    low, high = np.percentile(both, (0.5, 99.5))
    expected = np.clip((pair.reference.values[0] - low) * 255 / (high - low), 0, 255)
    assert np.abs(bright - expected).max() <= 0.5 + 1e-3
    assert (gray[~pair.moving.valid] == 0).all() and not pair.moving.all_valid
    # half as bright
    assert gray.mean() < 0.6 * bright.mean()
    write_chips(str(tmp_path / "chips"), points, source)
    np.testing.assert_array_equal(
        read_back(tmp_path / "chips" / "m" / "MON_200_120.png").values[0], gray
    )


def test_a_pair_without_contrast_or_valid_pixels_has_black_pictures(key_points, grids):
    grid = grids["north up"]
    values = np.full((1, 300, 400), 7, np.uint8)
    flat = ArrayImage("a", grid, values, np.ones((300, 400), bool))
    empty = ArrayImage("b", grid, values, np.zeros((300, 400), bool))
    points = key_points(1, x0=[200], y0=[120], dx=[0], dy=[0])
    for image in (flat, empty):
        (pair,) = read_chips(points, ChipSource(image, image, "a", "b", grid, grid.window))
        assert not pair.pictures()[0].any()


def test_chips_of_images_on_other_grids_and_crss_show_the_same_place(write, key_points, grids):
    from orthoweave.core.raster import CrsMapping, parse_crs

    grid = grids["north up"]
    zone = parse_crs("EPSG:32632")
    x, y = CrsMapping(grid.crs, zone)(*(np.array([a]) for a in grid.to_map(200.5, 150.5)))
    # its pixel (100, 90), 5 m wide, lies where the reference has (200, 150)
    transform = (x[0] - 100.5 * 5, 5.0, 0.0, y[0] + 90.5 * 5, 0.0, -5.0)
    values = np.arange(200 * 180, dtype="int32").reshape(180, 200)
    moving = open_image(write("m.tif", values, transform=transform, crs="EPSG:32632"))
    reference = ArrayImage("r", grid, np.zeros((1, 300, 400), "u1"), np.ones((300, 400), bool))
    points = key_points(1, x0=[200], y0=[150], dx=[0.2], dy=[0.0])
    (pair,) = read_chips(points, ChipSource(moving, reference, "m", "r", grid, grid.window))
    assert pair.moving_window == Window(72, 62, 57, 57)
    assert pair.moving.values[0, 28, 28] == values[90, 100]


def test_points_without_a_place_in_the_other_crs_are_left_out(key_points, grids):
    from orthoweave.core.grid import Grid
    from orthoweave.core.raster import parse_crs

    world = Grid(360, 180, (-180.0, 1.0, 0.0, 90.0, 0.0, -1.0), parse_crs("EPSG:4326"))
    everywhere = ArrayImage("w", world, np.zeros((1, 180, 360), "u1"), np.ones((180, 360), bool))
    zone = grids["north up"]
    moving = ArrayImage("m", zone, np.zeros((1, 300, 400), "u1"), np.ones((300, 400), bool))
    points = key_points(1, x0=[284], y0=[90], dx=[0.0], dy=[0.0])
    source = ChipSource(moving, everywhere, "m", "w", world, world.window)
    assert len(chip_points(points, source)) == 0


def test_no_points_make_a_table_without_rows_and_no_virtual_raster(tmp_path, key_points, scene):
    folder = tmp_path / "chips"
    assert len(write_chips(str(folder), key_points(0), scene())) == 0
    assert [entry.name for entry in folder.iterdir() if entry.is_file()] == ["chips.csv"]
    assert len(read_table(str(folder / "chips.csv"))) == 0


def test_other_files_stay_and_those_of_the_same_name_are_replaced(tmp_path, key_points, scene):
    folder = tmp_path / "chips"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "chips.csv").write_text("old")
    write_chips(str(folder), shifted(key_points, 9), scene())
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "chips.csv").read_text().startswith("x0;y0;")


def test_a_stopped_run_leaves_nothing(tmp_path, key_points, scene, listen):
    with pytest.raises(Cancelled):
        write_chips(
            str(tmp_path / "chips"), shifted(key_points, 60), scene(), listen(cancel_after=3)
        )
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_folder_should_be_is_refused(tmp_path, key_points, scene):
    Path(tmp_path / "chips").write_text("a file")
    with pytest.raises(ImageIOError, match="chips"):
        write_chips(str(tmp_path / "chips"), shifted(key_points, 9), scene())
    assert [entry.name for entry in tmp_path.iterdir()] == ["chips"]
