# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import shutil
from functools import partial

import numpy as np
import pytest

shapely = pytest.importorskip("shapely")
pytest.importorskip("scipy")

from orthoweave.core.errors import (  # noqa: E402
    Cancelled,
    IncompatibleImages,
    InvalidOption,
    MissingPackage,
)
from orthoweave.core.operations import footprints, leastcostseamlines  # noqa: E402
from orthoweave.core.operations.leastcostseamlines import Request, run  # noqa: E402
from orthoweave.core.raster import bytes_read  # noqa: E402
from shapely import wkb  # noqa: E402
from shapely.geometry import LineString, box  # noqa: E402
from shapely.ops import unary_union  # noqa: E402

from . import readback  # noqa: E402
from .readback import layer, refuse_untiled  # noqa: E402

cut = partial(readback.cut, leastcostseamlines)

EXACT = 1e-9  # part of the union
SIDE = 10.0  # m, of a pixel
ROWS, COLS, SHIFT = 120, 160, 80  # the second image begins at column 80: both share 80 columns


@pytest.fixture
def ground():
    """Gray noise with smooth structure, three bands: what every image sees."""
    noise = np.random.default_rng(3).normal(0, 3, (3, ROWS, COLS + SHIFT))
    rows, cols = np.mgrid[:ROWS, : COLS + SHIFT]
    return 110 + 8 * np.sin(cols / 17) + 8 * np.cos(rows / 13) + noise


@pytest.fixture
def see(write, ground):
    """Write what an image sees of the ground from a column on."""

    def make(name, col=0, row=0, change=None, size=(ROWS, COLS), **how):
        rows, cols = size
        values = ground[:, row : row + rows, col : col + cols].copy()
        if change is not None:
            change(values)
        transform = (500000.0 + SIDE * col, SIDE, 0.0, 5000000.0 - SIDE * row, 0.0, -SIDE)
        values = np.clip(np.rint(values), 1, 255).astype("u1")
        if "valid" in how:
            values[:, ~how.pop("valid")] = 0
            how.setdefault("nodata", 0)
        return write(name, values, transform=transform, **how)

    return make


def cells_of(path):
    return {values["image"]: cell for values, cell in layer(path, "seamlines")}


def seams_of(path):
    return unary_union([line for _, line in layer(path, "cuts")])


def placed(left, top, right, bottom):
    """A rectangle of the ground in pixels of the first image, on the map."""
    return box(
        500000 + SIDE * left, 5000000 - SIDE * bottom, 500000 + SIDE * right, 5000000 - SIDE * top
    )


def drawn(path, shapes, field=None):
    """Write polygons as a GeoPackage; `field` gives the image of each."""
    from osgeo import ogr, osr

    crs = osr.SpatialReference()
    crs.ImportFromEPSG(32633)
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    table = dataset.CreateLayer("shapes", crs, ogr.wkbPolygon)
    table.CreateField(ogr.FieldDefn("image", ogr.OFTString))
    for number, shape in enumerate(shapes):
        feature = ogr.Feature(table.GetLayerDefn())
        feature.SetGeometry(ogr.CreateGeometryFromWkb(wkb.dumps(shape)))
        if field:
            feature.SetField("image", field[number])
        table.CreateFeature(feature)
    return str(path)


def assert_exact(result, cells):
    whole = unary_union(list(cells.values())).area
    assert result.gap_area < EXACT * whole
    assert result.overlap_area < EXACT * whole


def test_a_seam_goes_round_what_only_one_image_shows(see, tmp_path):
    def parked(values):
        values[:, 30:90, 34:48] = 250  # columns 114 to 128: on the center line at 120

    result = cut([see("a.tif"), see("b.tif", SHIFT, change=parked)], tmp_path)
    assert not seams_of(result.output).intersects(placed(115, 31, 127, 89))
    assert result.mean_seam_cost < 0.6 * result.mean_center_cost  # the target of section 8
    cells = cells_of(result.output)
    assert_exact(result, cells)
    assert (result.cell_count, result.skipped, result.obstacles_crossed) == (2, "", 0)
    ((values, line),) = layer(result.output, "cuts")
    assert (values["image_a"], values["image_b"]) == ("a", "b")
    assert values["length"] == pytest.approx(line.length)
    assert values["cost"] == pytest.approx(result.mean_seam_cost)


def test_a_dark_road_is_crossed_straight(see, tmp_path):
    def road(values):
        values[:, 55:63] = 30

    paths = [see("a.tif", change=road), see("b.tif", SHIFT, change=road)]
    result = cut(paths, tmp_path)
    crossing = seams_of(result.output).intersection(placed(0, 55, 240, 63))
    # a way along the edges of the road, or aslant, would be longer than its width of 8 px
    assert crossing.length < 1.5 * 8 * SIDE


def test_a_step_of_brightness_does_not_move_the_seam(see, tmp_path):
    def parked(values):
        values[:, 30:90, 34:48] = 190

    def brighter(values):
        parked(values)
        values += 40

    first = see("a.tif")
    plain = cut([first, see("b.tif", SHIFT, change=parked)], tmp_path)
    stepped = cut([first, see("c.tif", SHIFT, change=brighter)], tmp_path, "t.gpkg")
    # means are kept with steps of 1/257: equally good ways may change places
    assert seams_of(plain.output).hausdorff_distance(seams_of(stepped.output)) < 4 * SIDE


def test_masked_pixels_are_not_shown_where_the_other_image_is_clear(see, write, tmp_path, listen):
    cloud = np.zeros((ROWS, COLS), "u1")
    cloud[20:60, 82:130] = 1
    cloud[70:80, 90:100] = 3
    cloud[100:110, 90:120] = 7  # no class that is masked
    write("a_CloudMask.tif", cloud)
    paths = [see("a.tif"), see("b.tif", SHIFT)]
    progress = listen()
    pattern = str(tmp_path / "$_CloudMask.tif")
    result = cut(paths, tmp_path, masks=pattern, progress=progress)
    mine = cells_of(result.output)["a"]
    assert mine.intersection(placed(82, 20, 130, 60)).area == 0
    assert mine.intersection(placed(90, 70, 100, 80)).area == 0
    assert "Without mask, so taken as clear: b." in progress.warnings
    assert_exact(result, cells_of(result.output))
    folder = cut(paths, tmp_path, "t.gpkg", masks=str(tmp_path))
    assert cells_of(folder.output)["a"].equals(mine)


def test_masks_may_be_polygons_with_the_images_name(see, tmp_path):
    paths = [see("a.tif"), see("b.tif", SHIFT)]
    shapes = drawn(tmp_path / "clouds.gpkg", [placed(85, 20, 150, 60)] * 2, ["a", "other"])
    result = cut(paths, tmp_path, masks=shapes)
    assert cells_of(result.output)["a"].intersection(placed(85, 20, 150, 60)).area == 0


def test_a_masked_image_inside_another_one_leaves_the_ground_to_it(see, write, tmp_path):
    paths = [see("a.tif"), see("small.tif", 20, 20, size=(60, 60))]
    whole = cut(paths, tmp_path)
    inside = placed(20, 20, 80, 80)
    assert cells_of(whole.output)["small"].symmetric_difference(inside).area == 0
    cloud = np.zeros((60, 60), "u1")
    cloud[20:40, 20:40] = 1
    transform = (500000.0 + SIDE * 20, SIDE, 0.0, 5000000.0 - SIDE * 20, 0.0, -SIDE)
    write("small_Mask.tif", cloud, transform=transform)
    masked = cut(paths, tmp_path, "t.gpkg", masks=str(tmp_path / "$_Mask.tif"))
    assert cells_of(masked.output)["small"].intersection(placed(40, 40, 60, 60)).area == 0
    assert_exact(masked, cells_of(masked.output))
    skipped = cut(paths, tmp_path, "u.gpkg", contained="skip")
    assert (skipped.cell_count, skipped.skipped) == (1, "small lies inside a")


def test_obstacles_are_not_crossed_when_there_is_a_way_round(see, tmp_path):
    paths = [see("a.tif"), see("b.tif", SHIFT)]
    plain = cut(paths, tmp_path)
    middle = seams_of(plain.output).interpolate(0.5, normalized=True)
    col, row = (middle.x - 500000) / SIDE, (5000000 - middle.y) / SIDE
    shapes = [placed(col - 15, row - 20, col + 12, row + 20), placed(0, 0, 20, 20)]
    obstacles = drawn(tmp_path / "houses.gpkg", shapes)
    result = cut(paths, tmp_path, "t.gpkg", obstacles=obstacles)
    assert not seams_of(result.output).crosses(shapes[0])
    assert result.obstacles_crossed == 0
    barrier = drawn(tmp_path / "wall.gpkg", [placed(70, 50, 170, 54)])
    assert cut(paths, tmp_path, "u.gpkg", obstacles=barrier).obstacles_crossed == 1


def test_priority_changes_the_share(see, tmp_path):
    paths = [see("a_20240601.tif"), see("b_20230601.tif", SHIFT)]
    plain = cells_of(cut(paths, tmp_path).output)
    newest = cells_of(cut(paths, tmp_path, "t.gpkg", priority="{date}").output)
    oldest = cells_of(cut(paths, tmp_path, "u.gpkg", priority="-{date}").output)
    assert newest["a_20240601"].area > 1.1 * plain["a_20240601"].area
    assert oldest["b_20230601"].area > 1.1 * plain["b_20230601"].area
    with pytest.raises(InvalidOption, match=r'Unknown field "{clouds}" at character 4'):
        cut(paths, tmp_path, priority="1 -{clouds}")


def test_an_image_without_priority_is_named(see, tmp_path, listen):
    heard = listen()
    request = Request(
        images=(see("a_20240601.tif"), see("b.tif", SHIFT)),
        output=str(tmp_path / "o.gpkg"),
        priority="{date}",
    )
    run(request, heard)
    assert any("Without priority, so behind all others: b." in text for text in heard.warnings)


def test_priority_may_name_fields_of_the_footprints(see, tmp_path):
    paths = [see("a.tif"), see("b.tif", SHIFT)]
    made = footprints.run(footprints.Request(images=paths, output=str(tmp_path / "f.gpkg")))
    from osgeo import gdal

    dataset = gdal.OpenEx(made.output, gdal.OF_VECTOR | gdal.OF_UPDATE)
    dataset.ExecuteSQL("ALTER TABLE footprints ADD COLUMN grade REAL")
    dataset.ExecuteSQL("UPDATE footprints SET grade = CASE image WHEN 'b' THEN 9 ELSE 1 END")
    del dataset
    before = bytes_read()
    plain = cut(paths, tmp_path)
    overlaps = bytes_read() - before
    graded = cut(paths, tmp_path, "t.gpkg", footprints=made.output, priority="{grade}")
    assert cells_of(graded.output)["b"].area > 1.1 * cells_of(plain.output)["b"].area
    # images without nodata are read in their overlap only
    assert overlaps <= 2 * 3 * ROWS * COLS


def test_further_costs_push_the_seam_away(see, write, tmp_path):
    paths = [see("a.tif"), see("b.tif", SHIFT)]
    costs = np.zeros((ROWS // 2, (COLS + SHIFT) // 2), "f4")
    costs[:, 30:65] = 5  # pixels of 20 m: columns 60 to 130 of the images
    coarse = (500000.0, 2 * SIDE, 0.0, 5000000.0, 0.0, -2 * SIDE)
    path = write("costs.tif", costs, transform=coarse)
    pushed = cut(paths, tmp_path, "t.gpkg", cost_rasters=(f"{path}=2",))
    zone = placed(60, 0, 128, ROWS)
    assert seams_of(pushed.output).intersection(zone).length < 2 * SIDE
    for wrong in (f"{path}=-1", f"{path}=much"):
        with pytest.raises(InvalidOption, match="is not a weight of 0 or more"):
            cut(paths, tmp_path, cost_rasters=(wrong,))


def test_seams_keep_away_from_invalid_pixels(see, tmp_path):
    valid = np.ones((ROWS, COLS), bool)
    valid[50:54, 38:42] = False
    paths = [see("a.tif"), see("b.tif", SHIFT, valid=valid)]
    result = cut(paths, tmp_path, border=8)
    hole = placed(SHIFT + 38, 50, SHIFT + 42, 54)
    cuts = [line for _, line in layer(result.output, "cuts") if line.length > 20 * SIDE]
    # cells of 2 px: the last one may lie half in the zone
    assert min(line.distance(hole) for line in cuts) > 6 * SIDE
    assert_exact(result, cells_of(result.output))
    assert cells_of(result.output)["a"].contains(hole) or cells_of(result.output)["b"].area


def test_cells_follow_the_exact_footprints_whatever_the_layout(see, tmp_path):
    rng = np.random.default_rng(5)
    rows, cols = np.mgrid[:ROWS, :COLS]
    paths = []
    for number in range(7):
        aslant = np.abs(rows - 60 + rng.uniform(-1, 1) * (cols - 80)) < rng.uniform(20, 55)
        aslant[rng.integers(10, 100) :][:6, rng.integers(0, 100) :][:, :9] = False
        paths.append(see(f"i{number}.tif", 10 * number, valid=aslant))
    paths.append(see("twin.tif", 0, valid=np.ones((ROWS, COLS), bool)))
    paths.append(see("twins.tif", 0, valid=np.ones((ROWS, COLS), bool)))
    paths.append(see("touching.tif", 160, size=(40, 60)))
    result = cut(paths, tmp_path)
    outlines = footprints.run(
        footprints.Request(images=paths, output=str(tmp_path / "out" / "f.gpkg"))
    )
    refuse_untiled(outlines.output, result.output, EXACT)
    reordered = cut(paths[::-1], tmp_path, "t.gpkg")
    other = cells_of(reordered.output)
    for name, cell in cells_of(result.output).items():
        if not name.startswith("twin"):  # their order decides a tie
            # crumbs of a pixel or two may go to either neighbor
            assert cell.symmetric_difference(other[name]).area < 5 * SIDE**2


def test_the_result_does_not_depend_on_threads(see, tmp_path):
    valid = np.ones((ROWS, COLS), bool)
    valid[:10, :30] = False
    paths = [see("a.tif", valid=valid), see("b.tif", SHIFT), see("c.tif", 40)]
    one, four = (cut(paths, tmp_path, f"{n}.gpkg", threads=n) for n in (1, 4))
    for name in ("seamlines", "cuts"):
        first, second = layer(one.output, name), layer(four.output, name)
        assert [values for values, _ in first] == [values for values, _ in second]
        assert all(a.equals(b) for (_, a), (_, b) in zip(first, second))


def test_nodata_and_nan_are_not_compared(see, write, ground, tmp_path):
    values = ground[:, :, SHIFT : SHIFT + COLS].astype("f4")
    values[:, 40:60, 30:50] = np.nan
    transform = (500000.0 + SIDE * SHIFT, SIDE, 0.0, 5000000.0, 0.0, -SIDE)
    hole = np.zeros((ROWS, COLS), bool)
    hole[40:60, 30:50] = True
    first = see("a.tif")
    lost = cut([first, write("b.tif", values, transform=transform)], tmp_path)
    marked = np.where(hole, -9999, ground[:, :, SHIFT : SHIFT + COLS]).astype("f4")
    told = cut(
        [first, write("c.tif", marked, transform=transform, nodata=-9999)], tmp_path, "t.gpkg"
    )
    one, other = cells_of(lost.output), cells_of(told.output)
    assert one["a"].equals(other["a"]) and one["b"].equals(other["c"])
    assert one["a"].contains(placed(SHIFT + 30, 40, SHIFT + 50, 60))
    assert lost.mean_seam_cost == pytest.approx(told.mean_seam_cost)


def test_images_in_other_crss_and_on_other_grids_are_compared_too(see, write, ground, tmp_path):
    half = ground[:, ::2, SHIFT : SHIFT + COLS : 2].astype("u1")
    coarse = (500000.0 + SIDE * SHIFT + 3, 2 * SIDE, 0.0, 5000000.0 - 4, 0.0, -2 * SIDE)
    degrees = (15.006, 1e-4, 0.0, 45.153, 0.0, -1e-4)
    paths = [
        see("a.tif"),
        write("coarse.tif", half, transform=coarse),
        write("degrees.tif", half, transform=degrees, crs="EPSG:4326", nodata=0),
    ]
    result = cut(paths, tmp_path)
    assert result.cell_count == 3
    assert_exact(result, cells_of(result.output))


def test_area_of_interest_and_polygons_for_footprints_limit_the_cells(see, tmp_path):
    paths = [see("a.tif"), see("b.tif", SHIFT)]
    area = drawn(tmp_path / "aoi.gpkg", [placed(30, 20, 200, 100)])
    result = cut(paths, tmp_path, aoi=area)
    cells = cells_of(result.output)
    whole = placed(30, 20, 200, 100)
    assert unary_union(list(cells.values())).symmetric_difference(whole).area < EXACT * whole.area
    mask = drawn(tmp_path / "mask.gpkg", [placed(80, 0, 150, 40)], ["a"])
    how = {"vector_mask": mask, "mask_mode": "exclude", "mask_field": "image"}
    masked = cells_of(cut(paths, tmp_path, "t.gpkg", **how).output)
    assert masked["a"].intersection(placed(80, 0, 150, 40)).area == 0
    assert masked["b"].contains(placed(81, 1, 149, 39))


def test_costs_and_labels_are_saved(see, tmp_path):
    from osgeo import gdal

    path = str(tmp_path / "out" / "cost.tif")
    result = cut([see("a.tif"), see("b.tif", SHIFT)], tmp_path, save_cost=path)
    dataset = gdal.Open(result.save_cost)
    cost, labels = dataset.ReadAsArray()
    assert dataset.GetGeoTransform()[1] >= 2 * SIDE
    assert set(np.unique(labels[np.isfinite(labels)])) == {1, 2}
    # cells of 2 px: both images lie in columns 40 to 79
    assert np.isnan(cost[:, :39]).all() and np.isfinite(cost[:, 41:79]).all()


def test_bands_are_chosen(see, tmp_path):
    def strange(values):
        values[2] = np.random.default_rng(1).uniform(0, 255, values[2].shape)

    paths = [see("a.tif"), see("b.tif", SHIFT, change=strange)]
    result = cut(paths, tmp_path, bands=(1, 2))
    assert result.mean_seam_cost < cut(paths, tmp_path, "t.gpkg").mean_center_cost
    with pytest.raises(InvalidOption, match="there is no band 4; the images have 3"):
        cut(paths, tmp_path, bands=(4,))


def test_seams_serve_for_merging(see, tmp_path):
    from orthoweave.core.operations import mergerasters

    paths = [see("a.tif"), see("b.tif", SHIFT)]
    cells = cut(paths, tmp_path)
    merged = mergerasters.run(
        mergerasters.Request(
            images=paths,
            output=str(tmp_path / "m.tif"),
            rule="first",
            seamlines=cells.output,
            build_overviews=False,
        )
    )
    assert merged.hole_pixels == 0


def test_bad_input_gets_a_sentence(see, write, tmp_path):
    first, second = see("a.tif"), see("b.tif", SHIFT)
    with pytest.raises(InvalidOption, match="Give two or more"):
        cut([first], tmp_path)
    gray = write("gray.tif", np.ones((20, 20), "u1"))
    with pytest.raises(IncompatibleImages, match=r"gray.tif"):
        cut([first, gray], tmp_path)
    with pytest.raises(InvalidOption, match=r"has none for a"):
        cut([first, second], tmp_path, masks=str(tmp_path / "$_none.tif"))
    with pytest.raises(InvalidOption, match="numbers of bands"):
        cut([first, second], tmp_path, bands=(1.5,))
    with pytest.raises(InvalidOption, match=r"Distance from invalid pixels: -1 is below 0 px"):
        cut([first, second], tmp_path, border=-1)
    assert not list((tmp_path / "out").glob("*"))


def test_a_run_can_be_stopped_and_leaves_nothing(see, tmp_path, listen):
    paths = [see("a.tif"), see("b.tif", SHIFT)]
    with pytest.raises(Cancelled):
        cut(paths, tmp_path, progress=listen(cancel_after=6))
    assert not list((tmp_path / "out").glob("*"))


def test_without_shapely_it_says_what_to_install(see, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "shapely", None)
    with pytest.raises(MissingPackage, match="Least-cost seamlines needs Shapely"):
        cut([see("a.tif"), see("b.tif", SHIFT)], tmp_path)
    shutil.rmtree(tmp_path)


def test_images_that_overlap_nobody_keep_their_footprint(see, tmp_path):
    paths = [see("a.tif", size=(ROWS, 60)), see("b.tif", 100, size=(ROWS, 60))]
    result = cut(paths, tmp_path)
    assert (result.cell_count, result.seam_length) == (2, 0)
    assert (result.mean_seam_cost, result.mean_center_cost) == (None, None)


def test_a_seam_is_a_line_with_smooth_pieces(see, tmp_path):
    result = cut([see("a.tif"), see("b.tif", SHIFT)], tmp_path)
    ((_, line),) = layer(result.output, "cuts")
    assert isinstance(line, LineString)
    # a staircase along cells of 2 px has a corner every cell or two
    assert len(line.coords) < 0.5 * line.length / (2 * SIDE)
