# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os

import numpy as np
import pytest

shapely = pytest.importorskip("shapely")
pytest.importorskip("scipy")

from orthoweave.core.errors import Cancelled, InvalidOption  # noqa: E402
from orthoweave.core.operations.rankedseamlines import Request, run  # noqa: E402
from orthoweave.core.raster import parse_crs  # noqa: E402
from orthoweave.core.vector import Feature, Layer, write_layers  # noqa: E402
from shapely import affinity, wkb  # noqa: E402
from shapely.geometry import MultiPolygon, Polygon, box  # noqa: E402
from shapely.ops import unary_union  # noqa: E402

EXACT = 1e-9  # part of the union
FIELDS = (("image", "string"), ("cloud cover", "real"), ("year", "integer"), ("note", "string"))


@pytest.fixture
def prints(tmp_path):
    """Write (shape, image, cloud cover, year, note) as a layer of footprints."""

    def make(*rows, name="f.gpkg", layer="footprints", crs="EPSG:32633"):
        names = [field for field, _ in FIELDS]
        features = tuple(Feature(shape.wkb, dict(zip(names, values))) for shape, *values in rows)
        made = Layer(layer, "MultiPolygon", parse_crs(crs), FIELDS, features)
        return write_layers(str(tmp_path / name), [made])

    return make


def rank(source, tmp_path, expression, progress=None, **how):
    request = Request(
        footprints=source, rank=expression, output=str(tmp_path / "out" / "r.gpkg"), **how
    )
    return run(request, progress) if progress else run(request)


def cells(result, name="seamlines"):
    from osgeo import gdal

    dataset = gdal.OpenEx(result.output, gdal.OF_VECTOR)
    return [
        (f.items(), wkb.loads(bytes(f.GetGeometryRef().ExportToWkb())))
        for f in dataset.GetLayer(name)
    ]


THREE = (
    (box(0, 0, 10, 10), "img_10", 10.0, 2019, "x"),
    (box(5, 0, 15, 10), "img_2", 30.0, 2021, "y"),
    (box(8, 0, 18, 10), "img_1", 20.0, 2020, None),
)


def test_the_best_image_keeps_all_its_ground_and_others_what_is_left(prints, tmp_path):
    result = rank(prints(*THREE), tmp_path, "{year} - 2000")
    found = {values["image"]: (values, cell) for values, cell in cells(result)}
    areas = {name: cell.area for name, (_, cell) in found.items()}
    assert areas == {"img_2": 100, "img_1": 30, "img_10": 50}
    ranks = {name: values["weighted_rank"] for name, (values, _) in found.items()}
    assert ranks == {"img_2": 1, "img_1": 2, "img_10": 3}
    assert found["img_1"][0]["weighted_score"] == 20
    assert found["img_1"][0]["cloud cover"] == 20 and found["img_1"][0]["note"] is None
    assert found["img_10"][1].geom_type == "MultiPolygon"
    assert (result.cell_count, result.skipped) == (3, "")


def test_smaller_is_better_when_asked_and_field_names_may_hold_blanks(prints, tmp_path):
    result = rank(prints(*THREE), tmp_path, "{cloud cover}", rank_descending=False)
    assert [v["image"] for v, _ in cells(result)] == ["img_10", "img_1"]
    assert result.skipped == "img_2 is covered by better ones"


def test_equal_ranks_follow_the_natural_order_of_names(prints, tmp_path):
    result = rank(prints(*THREE), tmp_path, "1")
    assert [values["image"] for values, _ in cells(result)] == ["img_1", "img_2", "img_10"]


def test_an_image_without_rank_lies_below_all_others(prints, tmp_path, listen):
    rows = (*THREE[:2], (box(5, 0, 30, 10), "lost", None, 2020, ""))
    progress = listen()
    result = rank(prints(*rows), tmp_path, "-{cloud cover}", progress=progress)
    found = [(values["image"], values["weighted_score"]) for values, _ in cells(result)]
    assert found == [("img_10", -10), ("img_2", -30), ("lost", None)]
    assert "Without rank, so below all others: lost." in progress.warnings


def test_parts_of_one_image_are_united_with_a_warning_when_they_differ(prints, tmp_path, listen):
    rows = (
        (box(0, 0, 10, 10), "a", 1.0, 2019, "small"),
        (box(20, 0, 40, 10), "a", 5.0, 2018, "large"),
        (box(5, 0, 25, 10), "b", 3.0, 2000, ""),
    )
    progress = listen()
    result = rank(prints(*rows), tmp_path, "{cloud cover}", progress=progress)
    (first, cell), (_, other) = cells(result)
    assert (first["image"], first["cloud cover"], first["year"]) == ("a", 5, 2019)
    assert first["note"] == "large"
    assert (cell.area, len(cell.geoms), other.area) == (300, 2, 100)
    assert any("different attributes: a." in text for text in progress.warnings)


def test_covered_images_are_listed(prints, tmp_path, listen):
    rows = ((box(0, 0, 10, 10), "a", 0.0, 2, ""), (box(2, 2, 4, 4), "b", 0.0, 1, ""))
    progress = listen()
    result = rank(prints(*rows), tmp_path, "{year}", progress=progress)
    assert (result.cell_count, result.skipped) == (1, "b is covered by better ones")
    assert "No seam cell: b is covered by better ones." in progress.warnings


def stars(count, rng, scale):
    found = []
    while len(found) < count:
        corners = rng.integers(3, 25)
        angles, radii = np.sort(rng.uniform(0, 2 * np.pi, corners)), rng.uniform(5, 30, corners)
        points = np.column_stack([np.cos(angles), np.sin(angles)]) * radii[:, None]
        star = Polygon(points + rng.uniform(0, 150, 2)).buffer(0).difference(box(60, 60, 75, 70))
        if star.area > 0:
            found.append(affinity.affine_transform(star, scale))
    return found


@pytest.mark.parametrize(
    ("crs", "scale"),
    [("EPSG:32633", (10, 0, 0, 10, 5e5, 5e6)), ("EPSG:4326", (1e-5, 0, 0, 1e-5, 15.1, 49.3))],
)
def test_cells_tile_the_union_exactly(prints, tmp_path, crs, scale):
    shapes = stars(60, np.random.default_rng(8), scale)
    rows = [(shape, f"i{n}", float(n * 7 % 60), 0, "") for n, shape in enumerate(shapes)]
    result = rank(prints(*rows, crs=crs), tmp_path, "{cloud cover}")
    found = cells(result)
    whole = unary_union(shapes)
    tiled = unary_union([cell for _, cell in found])
    assert whole.symmetric_difference(tiled).area < EXACT * whole.area
    assert sum(cell.area for _, cell in found) - tiled.area < EXACT * whole.area
    assert max(result.gap_area, result.overlap_area) < EXACT * whole.area
    above = MultiPolygon()
    for values, cell in sorted(found, key=lambda item: item[0]["weighted_rank"]):
        footprint = shapes[int(values["image"][1:])]
        seen = footprint.difference(above)
        assert cell.symmetric_difference(seen).area < 1e-8 * whole.area
        above = above.union(footprint)


def test_layers_are_read_and_written_by_name(prints, tmp_path):
    source = prints(*THREE, layer="my prints")
    result = rank(source, tmp_path, "{year}", input_layer="my prints", output_layer="top")
    assert len(cells(result, "top")) == 3
    with pytest.raises(InvalidOption, match="has no layer 'gone'; it has my prints"):
        rank(source, tmp_path, "{year}", input_layer="gone")


def test_bad_input_gives_a_sentence(prints, tmp_path):
    source = prints(*THREE)
    with pytest.raises(InvalidOption, match="f.gpkg has no field 'name'; its fields are: image,"):
        rank(source, tmp_path, "1", image_field_name="name")
    with pytest.raises(InvalidOption, match=r'Unknown field "\{yaer\}" at character 1'):
        rank(source, tmp_path, "{yaer}")
    with pytest.raises(InvalidOption, match="neither a number nor a date"):
        rank(source, tmp_path, "{note}")
    with pytest.raises(InvalidOption, match="OUTPUT_LAYER is empty"):
        rank(source, tmp_path, "1", output_layer=" ")
    with pytest.raises(InvalidOption, match="would overwrite the input f.gpkg"):
        run(Request(footprints=source, rank="1", output=source))
    nameless = prints((box(0, 0, 1, 1), None, 1.0, 1, ""), name="n.gpkg")
    with pytest.raises(InvalidOption, match="n.gpkg has no polygon with a name in field 'image'"):
        rank(nameless, tmp_path, "1")


def test_a_cancelled_run_leaves_nothing(prints, tmp_path, listen):
    source = prints(*THREE)
    with pytest.raises(Cancelled):
        rank(source, tmp_path, "1", progress=listen(cancel_after=0))
    assert not (tmp_path / "out").exists() or os.listdir(tmp_path / "out") == []


def test_an_image_may_be_called_zero(tmp_path, listen):
    fields = (("image", "integer"), ("cloud", "real"))
    rows = [(0, 5.0), (1, 3.0)]
    shapes = [box(0, 0, 10, 10), box(5, 0, 15, 10)]
    features = tuple(
        Feature(shape.wkb, {"image": name, "cloud": cloud})
        for shape, (name, cloud) in zip(shapes, rows)
    )
    layer = Layer("footprints", "MultiPolygon", parse_crs("EPSG:32633"), fields, features)
    heard = listen()
    result = rank(write_layers(str(tmp_path / "f.gpkg"), [layer]), tmp_path, "{cloud}", heard)
    assert {values["image"]: shape.area for values, shape in cells(result)} == {0: 100, 1: 50}
    assert not heard.warnings
