# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from functools import partial

import numpy as np
import pytest

shapely = pytest.importorskip("shapely")
pytest.importorskip("scipy")

from orthoweave.core.errors import InvalidOption  # noqa: E402
from orthoweave.core.operations import voronoiseamlines  # noqa: E402
from orthoweave.core.operations.voronoiseamlines import Request, run  # noqa: E402
from orthoweave.core.raster import parse_crs  # noqa: E402
from orthoweave.core.vector import Feature, Layer, write_layers  # noqa: E402
from shapely import wkb  # noqa: E402
from shapely.geometry import LineString, box  # noqa: E402
from shapely.ops import unary_union  # noqa: E402

from . import readback  # noqa: E402

cut = partial(readback.cut, voronoiseamlines)

EXACT = 1e-9  # part of the union
X, Y = 500000.0, 5000000.0


@pytest.fixture
def tile(write):
    """Write a tile of 40 × 30 pixels of 10 m whose first pixel is (col, row) of a common grid."""

    def make(name, col, row, values=None, **how):
        transform = (X + 10 * col, 10.0, 0.0, Y - 10 * row, 0.0, -10.0)
        values = np.ones((30, 40), "u1") if values is None else values
        return write(name, values, transform=transform, **how)

    return make


@pytest.fixture
def polygons(tmp_path):
    """Write (shape in pixels of the common grid, image) as a layer of polygons."""

    def make(name, *rows, crs="EPSG:32633"):
        features = tuple(Feature(placed(shape).wkb, {"image": image}) for shape, image in rows)
        fields = (("image", "string"),)
        layer = Layer("polygons", "MultiPolygon", parse_crs(crs), fields, features)
        return write_layers(str(tmp_path / name), [layer])

    return make


def placed(shape):
    return shapely.affinity.affine_transform(shape, (10, 0, 0, -10, X, Y))


def layers(path):
    """Read all layers with plain OGR: (attributes, shapely geometry) of each feature, by name."""
    from osgeo import gdal

    dataset = gdal.OpenEx(path, gdal.OF_VECTOR)
    tables = [dataset.GetLayer(index) for index in range(dataset.GetLayerCount())]
    return {
        table.GetName(): [
            (f.items(), wkb.loads(bytes(f.GetGeometryRef().ExportToWkb()))) for f in table
        ]
        for table in tables
        if table.GetName() != "layer_styles"
    }


def cells(result):
    return {values["image"]: cell for values, cell in layers(result.output)["seamlines"]}


def test_cells_are_clipped_to_the_area_of_interest(tile, polygons, tmp_path):
    paths = [tile("a.tif", 0, 0), tile("b.tif", 30, 0), tile("c.tif", 60, 0)]
    area = box(10, 5, 45, 20)
    result = cut(paths, tmp_path, aoi=polygons("aoi.gpkg", (area, "x")))
    found = cells(result)
    wanted = {"a": box(10, 5, 35, 20), "b": box(35, 5, 45, 20)}
    assert found.keys() == wanted.keys()
    for name, shape in wanted.items():
        assert found[name].symmetric_difference(placed(shape)).area < EXACT * placed(area).area
    assert max(result.gap_area, result.overlap_area) < EXACT * placed(area).area
    assert result.skipped == "c lies outside the area of interest"
    assert result.seam_length == pytest.approx(150)


def test_an_area_in_another_crs_is_brought_to_the_images(tile, tmp_path):
    paths = [tile("a.tif", 0, 0), tile("b.tif", 30, 0)]
    ring = box(15.0, 45.15, 15.004, 45.16)
    layer = Layer("aoi", "MultiPolygon", parse_crs("EPSG:4326"), (), (Feature(ring.wkb),))
    area = write_layers(str(tmp_path / "aoi.gpkg"), [layer])
    found = unary_union(list(cells(cut(paths, tmp_path, aoi=area)).values()))
    assert found.bounds[2] == pytest.approx(500314.6, abs=0.5)  # 0.004 degrees at that latitude


def test_footprints_are_cut_by_polygons_first(tile, polygons, tmp_path):
    paths = [tile("a.tif", 0, 0), tile("b.tif", 30, 0)]
    mask = polygons("m.gpkg", (box(38, 0, 45, 30), "x"))
    without, only = (
        cells(cut(paths, tmp_path, f"{mode}.gpkg", vector_mask=mask, mask_mode=mode))
        for mode in ("exclude", "include")
    )
    # both end at column 38 now, which decides nothing: only b's border at column 30 counts
    assert without["a"].area == pytest.approx(38 * 30 * 100)
    assert without["b"].area == pytest.approx(25 * 30 * 100)
    # inside the polygon a covers columns 38 to 40 and lies inside b
    assert only["a"].area == pytest.approx(2 * 30 * 100)
    assert only["b"].area == pytest.approx(5 * 30 * 100)


def test_polygons_of_an_image_count_for_it_only(tile, polygons, tmp_path, listen):
    paths = [tile("img_1.tif", 0, 0), tile("img_10.tif", 30, 0)]
    rows = [(box(30, 0, 40, 30), "img_10.tif"), (box(60, 0, 65, 30), "img_10.tif")]
    mask = polygons("m.gpkg", *rows)
    how = {"vector_mask": mask, "mask_field": "image"}
    found = cells(cut(paths, tmp_path, mask_mode="exclude", **how))
    assert found["img_1"].area == pytest.approx(40 * 30 * 100)
    assert found["img_10"].area == pytest.approx(25 * 30 * 100)
    progress = listen()
    only = cut(paths, tmp_path, "t.gpkg", progress=progress, **how)
    assert cells(only).keys() == {"img_10"}
    assert "Without polygon in VECTOR_MASK, so not used: img_1." in progress.warnings
    assert only.skipped == "img_1 has no valid pixel"


def test_short_pieces_of_seams_are_drawn_together(tile, tmp_path):
    # four tiles whose seams meet in two points 2 px apart
    paths = [tile("a.tif", 0, 0), tile("b.tif", 30, 0), tile("c.tif", 0, 20), tile("d.tif", 30, 22)]
    usual, short = cut(paths, tmp_path), cut(paths, tmp_path, "t.gpkg", min_cut_length=40)
    pieces = [
        [values["length"] for values, _ in layers(result.output)["cuts"]]
        for result in (usual, short)
    ]
    assert min(pieces[0]) < 40 < min(pieces[1])
    assert (len(pieces[0]), len(pieces[1])) == (5, 4)
    tiled = cells(short)
    whole = unary_union(list(cells(usual).values()))
    assert whole.symmetric_difference(unary_union(list(tiled.values()))).area < EXACT * whole.area
    assert sum(cell.area for cell in tiled.values()) - whole.area < EXACT * whole.area
    assert max(short.gap_area, short.overlap_area) < EXACT * whole.area


def test_the_steps_of_the_construction_can_be_looked_at(tile, tmp_path):
    paths = [tile("a.tif", 0, 0), tile("b.tif", 30, 10), tile("c.tif", 200, 0)]
    seen = str(tmp_path / "out" / "steps.gpkg")
    result = cut(paths, tmp_path, debug_vectors=seen)
    assert result.debug_vectors == seen
    found = layers(seen)
    assert list(found) == ["emp_outline", "intersections", "voronoi_seeds", "cutlines", "voronoi_1"]
    ((values, outline),) = found["emp_outline"]
    assert values == {"number": 1, "image_a": "a", "image_b": "b"}
    overlap = placed(box(30, 10, 40, 30))
    assert outline.symmetric_difference(overlap).area < EXACT * overlap.area
    crossings = {(round(p.x - X) / 10, round(Y - p.y) / 10) for _, p in found["intersections"]}
    assert crossings == {(40, 10), (30, 30)}
    assert {values["image"] for values, _ in found["voronoi_seeds"]} == {"a", "b"}
    for values, point in found["voronoi_seeds"]:
        assert point.distance(overlap.boundary) < 1e-6, values
    seam = layers(result.output)["cuts"][0][1]
    assert unary_union([line for _, line in found["cutlines"]]).buffer(1e-6).contains(seam)
    assert len(found["voronoi_1"]) == len(found["voronoi_seeds"])
    assert sum(cell.area for _, cell in found["voronoi_1"]) == pytest.approx(overlap.area, rel=1e-6)


def test_images_of_one_area_are_not_divided_into_patchwork(tile, tmp_path):
    """Borders that differ by a pixel here and there, as of repeated acquisitions."""
    rng = np.random.default_rng(4)

    def ragged():
        values = np.ones((200, 240), "u1")
        for line in (values, values[::-1], values.T, values.T[::-1]):
            depth = rng.integers(0, 3, line.shape[1])
            line[np.arange(line.shape[0])[:, None] < depth] = 0
        return values

    paths = [tile(f"{n}.tif", 0, 0, ragged(), nodata=0) for n in range(3)]
    result = cut(paths, tmp_path)
    found = cells(result)
    union = unary_union(list(found.values()))
    assert len(found["0"].geoms) == 1
    assert found["0"].area > 0.97 * union.area
    assert result.gap_area < EXACT * union.area


def test_images_of_one_area_that_cross_twice_keep_their_center_line(tile, tmp_path):
    paths = [tile("a.tif", 0, 0), tile("b.tif", 1, 1)]
    ((_, line),) = layers(cut(paths, tmp_path).output)["cuts"]
    ends = placed(LineString([(1, 30), (40, 1)]))
    assert [round(line.distance(shapely.geometry.Point(p)), 6) for p in ends.coords] == [0, 0]


def test_bad_input_gives_a_sentence(tile, polygons, tmp_path):
    images = [tile("a.tif", 0, 0), tile("b.tif", 30, 0)]
    with pytest.raises(InvalidOption, match="MASK_FIELD needs polygons in VECTOR_MASK"):
        Request(images=images, output="s.gpkg", mask_field="image")
    with pytest.raises(InvalidOption, match="Shortest seam: -1 is below 0 map units"):
        Request(images=images, output="s.gpkg", min_cut_length=-1)
    mask = polygons("m.gpkg", (box(0, 0, 1, 1), "a"))
    with pytest.raises(InvalidOption, match="no field 'name'"):
        cut(images, tmp_path, vector_mask=mask, mask_field="name")
    with pytest.raises(InvalidOption, match="would overwrite the input m.gpkg"):
        run(Request(images=images, aoi=mask, output=mask))
    with pytest.raises(InvalidOption, match="would both be written as s.gpkg"):
        run(
            Request(
                images=images,
                output=str(tmp_path / "s.gpkg"),
                debug_vectors=str(tmp_path / "s.gpkg"),
            )
        )
