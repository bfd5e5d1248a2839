# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from itertools import count

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, OrthoweaveError
from orthoweave.core.operations.maskrasters import Request, run
from orthoweave.core.vector import Feature, Layer, write_layers
from osgeo import ogr, osr

LEFT, TOP = 500000.0, 5000000.0
"""The corner of the images that tests write, whose pixels are 10 m wide."""


def wkt(crs):
    found = osr.SpatialReference()
    found.SetFromUserInput(crs)
    return found.ExportToWkt()


def shape(*corners):
    """Return a polygon through (col, row) corners of the images' pixels."""
    points = ", ".join(f"{LEFT + 10 * col} {TOP - 10 * row}" for col, row in (*corners, corners[0]))
    return bytes(ogr.CreateGeometryFromWkt(f"POLYGON(({points}))").ExportToWkb(ogr.wkbNDR))


def box(left, top, right, bottom):
    return shape((left, top), (right, top), (right, bottom), (left, bottom))


@pytest.fixture
def polygons(tmp_path):
    """Write polygons and return the path: polygons([wkb], names=["a"])."""
    numbers = count()

    def make(shapes, names=None, crs="EPSG:32633"):
        names = names or [""] * len(shapes)
        features = tuple(Feature(wkb, {"image": name}) for wkb, name in zip(shapes, names))
        layer = Layer("cells", "Polygon", wkt(crs), (("image", "string"),), features)
        return write_layers(str(tmp_path / f"p{next(numbers)}.gpkg"), [layer])

    return make


@pytest.fixture
def mask(tmp_path, read_back):
    """Run the tool and read its first output back: mask(path, polygons, mask_mode="exclude")."""
    numbers = count()

    def make(paths, vector, progress=None, **options):
        folder = options.pop("output_folder", str(tmp_path / f"out{next(numbers)}"))
        paths = (paths,) if isinstance(paths, str) else tuple(paths)
        request = Request(images=paths, vector_mask=vector, output_folder=folder, **options)
        result = run(*([request, progress] if progress else [request]))
        found = read_back(result.output_layers[0]) if result.output_layers else None
        return found, result

    return make


def star(seed, center=(30, 25), count=9):
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, count))
    reach = rng.uniform(3, 24, count)
    return [(center[0] + r * np.cos(a), center[1] + r * np.sin(a)) for a, r in zip(angle, reach)]


def test_include_and_exclude_keep_opposite_pixels(write, mask, polygons):
    path = write("a.tif", np.full((1000, 1000), 7, np.uint8))
    layer = polygons([box(100, 200, 500, 600)])
    assert mask(path, layer)[1].kept_pixels == 160_000
    found, result = mask(path, layer, mask_mode="exclude")
    assert (result.kept_pixels, result.masked_pixels) == (840_000, 160_000)
    assert not found.valid[200:600, 100:500].any() and found.nodata is None


@pytest.mark.parametrize("kind", ["nodata", "alpha", "soft", "internal", "msk", "nan", "none"])
@pytest.mark.parametrize("touched", [False, True])
def test_modes_are_complements_and_kept_values_stay_bit_for_bit(
    layer, mask, polygons, kind, touched
):
    dtype = "float32" if kind == "nan" else "uint16"
    image = layer("a.tif", kind, dtype, size=(50, 60))
    shapes = polygons([shape(*star(1)), shape(*star(2, (12, 40))), box(40, 5, 50, 9)])
    both = [
        mask(image.path, shapes, mask_mode=mode, include_touched_pixels=touched)[0]
        for mode in ("include", "exclude")
    ]
    assert not (both[0].valid & both[1].valid).any()
    np.testing.assert_array_equal(both[0].valid | both[1].valid, image.valid)
    for found in both:
        np.testing.assert_array_equal(found.values[:, found.valid], image.values[:, found.valid])
        assert (found.alpha is not None) == (kind in ("alpha", "soft"))
        if kind == "none":
            assert found.nodata is None  # never an undeclared value


@pytest.mark.parametrize("seed", range(6))
def test_centers_or_touch_decide_as_geometry_says(write, mask, polygons, seed):
    corners = star(seed)
    path = write("a.tif", np.ones((50, 60), np.uint8))
    layer = polygons([shape(*corners)])
    whole = ogr.CreateGeometryFromWkb(shape(*corners))
    center, touch = np.zeros((50, 60), bool), np.zeros((50, 60), bool)
    for row, col in np.ndindex(50, 60):
        point = ogr.CreateGeometryFromWkt(f"POINT({LEFT + 10 * col + 5} {TOP - 10 * row - 5})")
        center[row, col] = whole.Contains(point)
        pixel = ogr.CreateGeometryFromWkb(box(col, row, col + 1, row + 1))
        if whole.Intersects(pixel):
            # square meters; rounding of coordinates gives less
            touch[row, col] = whole.Intersection(pixel).Area() > 1e-4
    np.testing.assert_array_equal(mask(path, layer)[0].valid, center)
    found, _ = mask(path, layer, include_touched_pixels=True)
    np.testing.assert_array_equal(found.valid, touch)


def test_polygons_along_pixels_touch_no_others(write, mask, polygons):
    path = write("a.tif", np.ones((30, 30), np.uint8))
    layer = polygons([box(5, 6, 12, 20), box(20, 3, 20.3, 3.2), box(22, 10, 25, 10.4)])
    found, _ = mask(path, layer, include_touched_pixels=True)
    assert found.valid.sum() == 7 * 14 + 1 + 3
    assert mask(path, layer)[0].valid.sum() == 7 * 14


def test_each_image_has_the_polygons_that_name_it(write, mask, polygons, tmp_path, listen):
    names = ("img_1", "img_10", "other")
    paths = [write(f"{name}.tif", np.ones((20, 20), np.uint8)) for name in names]
    shapes = [box(0, 0, 5, 5), box(10, 0, 15, 5), box(5, 10, 15, 20)]
    layer = polygons(shapes, ["img_10", "img_1.tif", "img_10"])
    heard = listen()
    _, result = mask(paths, layer, heard, mask_field="image")
    kept = [path.rpartition("/")[2] for path in result.output_layers]
    assert kept == ["img_1_Mask.tif", "img_10_Mask.tif"] and result.skipped == ("other",)
    assert result.kept_pixels == 25 + 25 + 100 and result.images_skipped == 1
    assert any("No polygon has the name of other" in text for text in heard.warnings)
    _, result = mask(paths, layer, mask_field="image", mask_mode="exclude")
    assert result.kept_pixels == 375 + 275 + 400 and result.skipped == ()


def test_polygons_come_from_any_crs(write, mask, polygons):
    path = write("a.tif", np.ones((60, 60), np.uint8))
    source, target = osr.SpatialReference(), osr.SpatialReference()
    source.SetFromUserInput("EPSG:32633")
    target.SetFromUserInput("EPSG:4326")
    target.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    moved = ogr.CreateGeometryFromWkb(box(10.2, 10.2, 40.2, 50.2))
    moved.Transform(osr.CoordinateTransformation(source, target))
    layer = polygons([bytes(moved.ExportToWkb(ogr.wkbNDR))], crs="EPSG:4326")
    found, _ = mask(path, layer)
    assert found.valid.sum() == 30 * 40 and found.valid[10:50, 10:40].all()


def test_a_nodata_value_is_written_and_no_kept_pixel_looks_like_it(write, mask, polygons):
    values = np.arange(400, dtype=np.uint16).reshape(1, 20, 20)
    path = write("a.tif", values)
    found, result = mask(path, polygons([box(0, 0, 20, 10)]), nodata=5)
    assert found.nodata == 5 and (found.values[0, 10:] == 5).all()
    assert found.valid[:10].all() and found.values[0, 0, 5] == 6
    assert result.moved_from_nodata == 1
    changed = found.values[0, :10] != values[0, :10]
    assert changed.sum() == 1


def test_crop_keeps_the_box_of_what_stays(write, mask, polygons, read_back):
    values = np.random.default_rng(1).integers(1, 200, (2, 700, 800)).astype(np.uint8)
    path = write("a.tif", values, nodata=0)
    layer = polygons([box(600, 500, 640, 530), box(610, 480, 615, 600)])
    found, result = mask(path, layer, crop=True)
    assert found.values.shape == (2, 120, 40)
    assert found.transform == (LEFT + 6000, 10, 0, TOP - 4800, 0, -10)
    np.testing.assert_array_equal(
        found.values[:, found.valid], values[:, 480:600, 600:640][:, found.valid]
    )
    plain = mask(path, layer)[1]
    assert (result.kept_pixels, result.masked_pixels) == (plain.kept_pixels, plain.masked_pixels)


def test_windows_and_threads_do_not_matter(layer, mask, polygons):
    image = layer("a.tif", "nodata", size=(560, 620))
    shapes = polygons([shape(*star(3, (300, 280), 12)), box(20.3, 20.7, 500, 60)])
    truth, _ = mask(image.path, shapes, include_touched_pixels=True, threads=1)
    for size, threads in ((16, 2), (100, 1), (0, 3)):
        found, _ = mask(
            image.path, shapes, include_touched_pixels=True, window_size=size, threads=threads
        )
        np.testing.assert_array_equal(found.values, truth.values)


def test_polygons_elsewhere_are_said_and_counted(write, mask, polygons, listen):
    path = write("a.tif", np.ones((20, 20), np.uint8))
    heard = listen()
    found, result = mask(path, polygons([box(100, 0, 110, 9)]), heard)
    assert result.polygons_outside == 1 and result.kept_pixels == 0 and not found.valid.any()
    assert any("No polygon lies on a.tif" in text for text in heard.warnings)
    assert "Polygons outside all images: 1." in heard.warnings
    _, result = mask(path, polygons([box(100, 0, 110, 9)]), crop=True)
    assert result.kept_pixels == 0


def test_a_polygon_on_the_image_that_names_another_one_is_not_called_outside(
    write, mask, polygons, listen
):
    path = write("img_1.tif", np.ones((20, 20), np.uint8))
    shapes = [box(0, 0, 5, 5), box(8, 8, 9, 9), box(50, 0, 60, 9)]
    heard = listen()
    layer = polygons(shapes, ["img_1", "img_10", "img_1"])
    _, result = mask(path, layer, heard, mask_field="image")
    assert (result.kept_pixels, result.polygons_outside) == (25, 2)
    assert heard.warnings == ["Polygons on no image that their 'image' names: 2."]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"mask_mode": "inside"}, "'inside' is not one of include, exclude"),
        ({"mask_field": "name"}, r"p\d+.gpkg has no field 'name'; its fields are: image"),
        ({"nodata": -1}, "-1 does not fit pixels of type uint8"),
        ({"vector_mask": "none.gpkg"}, "none.gpkg cannot be opened"),
        ({"vector_mask": "empty"}, "has no polygons"),
    ],
)
@pytest.mark.noisy
def test_bad_options_give_a_sentence(write, polygons, tmp_path, options, text):
    path = write("a.tif", np.ones((9, 9), np.uint8))
    if options.get("vector_mask") == "empty":
        options = {"vector_mask": polygons([])}
    given = {"vector_mask": polygons([box(0, 0, 5, 5)]), **options}
    with pytest.raises(OrthoweaveError, match=text):
        run(Request(images=(path,), output_folder=str(tmp_path / "out"), **given))
    assert not list((tmp_path / "out").glob("*"))


def test_a_cancelled_run_leaves_nothing(layer, mask, polygons, listen, tmp_path):
    image, shapes, heard = (
        layer("a.tif", size=(600, 600)),
        polygons([box(9, 9, 400, 400)]),
        listen(),
    )
    mask(image.path, shapes, heard, crop=True)
    assert heard.fractions == sorted(heard.fractions) and heard.fractions[-1] == 1
    for asked in range(heard.asked - 1):
        stop = listen(cancel_after=asked)
        with pytest.raises(Cancelled):
            mask(image.path, shapes, stop, crop=True, output_folder=str(tmp_path / "c"))
        assert not list((tmp_path / "c").glob("*"))


def test_an_image_without_valid_pixel_gives_a_warning(write, mask, polygons, listen):
    heard = listen()
    path = write("a.tif", np.zeros((2, 20, 20), np.uint8), nodata=0)
    found, _ = mask(path, polygons([box(2, 2, 9, 9)]), heard)
    assert not found.valid.any()
    assert heard.warnings == ["Without any valid pixel, so their outputs are empty: a.tif."]


def test_images_without_polygon_are_said_together(write, mask, polygons, listen):
    paths, heard = [write(f"{n}.tif", np.ones((9, 9), np.uint8)) for n in "ab"], listen()
    mask(paths, polygons([box(100, 0, 110, 9)]), heard)
    assert len([text for text in heard.warnings if "No polygon lies on a.tif, b.tif" in text]) == 1


@pytest.mark.parametrize(("mode", "where"), [("include", "inside"), ("exclude", "outside")])
def test_an_image_of_which_nothing_is_kept_is_warned_of(write, mask, polygons, listen, mode, where):
    path, heard = write("a.tif", np.ones((20, 20), np.uint8)), listen()
    # its box reaches the image, which lies in its hole
    ring = ogr.CreateGeometryFromWkb(box(-50, -50, 90, 90)).Difference(
        ogr.CreateGeometryFromWkb(box(-9, -9, 40, 40))
    )
    shape = bytes(ring.ExportToWkb(ogr.wkbNDR)) if mode == "include" else box(-9, -9, 40, 40)
    _, result = mask(path, polygons([shape]), heard, mask_mode=mode)
    assert result.kept_pixels == 0 and result.masked_pixels == 400
    assert heard.warnings == [
        f"No valid pixel of a.tif lies {where} the polygons; nothing is kept."
    ]
