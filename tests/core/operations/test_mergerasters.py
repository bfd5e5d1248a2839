# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import IncompatibleImages, InvalidOption
from osgeo import gdal

TYPES = ("uint8", "int16", "uint16", "float32")
KINDS = ("nodata", "alpha", "soft", "internal", "msk", "nan", "none")
TABLE = [(k, t) for k in KINDS for t in TYPES if k != "nan" or t == "float32"]
RULES = ("first", "last", "minimum", "maximum", "mean", "median", "count")
SHAPE = (90, 100)


@pytest.fixture
def five(layer):
    """Five images of random validity with holes, all over each other."""
    places = ((0, 0), (31, 7), (11, 38), (40, 40), (3, 22))
    return [layer(f"i{n}.tif", seed=n, at=at) for n, at in enumerate(places)]


@pytest.mark.parametrize(("kind", "dtype"), TABLE)
def test_valid_pixels_in_are_valid_pixels_out_and_have_their_values(
    layer, merge, slow_mosaic, kind, dtype
):
    images = [layer(f"{n}.tif", kind, dtype, seed=n, at=(23 * n, 17 * n)) for n in range(2)]
    found = merge(images)
    values, valid = slow_mosaic(images, (67, 83), "last")
    np.testing.assert_array_equal(found.valid, valid)
    assert found.values.dtype == dtype
    moved = (found.values != values).any(0) & valid
    assert not moved.any()


@pytest.mark.parametrize(("kind", "dtype"), TABLE)
def test_one_image_alone_keeps_every_valid_value(layer, merge, kind, dtype):
    image = layer("a.tif", kind, dtype, seed=5)
    found = merge([image])
    np.testing.assert_array_equal(found.valid, image.valid)
    np.testing.assert_array_equal(found.values[:, image.valid], image.values[:, image.valid])


def test_soft_alpha_counts_as_valid_and_binary_alpha_is_written(layer, merge):
    images = [layer("a.tif", "soft"), layer("b.tif", "soft", seed=1, at=(20, 20))]
    found = merge(images)
    assert set(np.unique(found.alpha)) == {0, 255}
    assert found.nodata is None


def test_images_with_alpha_nodata_and_neither_mix(layer, merge, slow_mosaic):
    kinds = ("nodata", "alpha", "none", "msk")
    images = [layer(f"{k}.tif", k, seed=n, at=(9 * n, 7 * n)) for n, k in enumerate(kinds)]
    for image in images:
        image.values[1][(image.values == 0).all(0) & image.valid] = 1
    found = merge(images)
    values, valid = slow_mosaic(images, (71, 87), "last")
    np.testing.assert_array_equal(found.valid, valid)
    clash = (values == 0).all(0) & valid
    np.testing.assert_array_equal(found.values[:, valid & ~clash], values[:, valid & ~clash])


def test_a_valid_pixel_that_equals_nodata_in_all_bands_is_moved_and_counted(write, merge, listen):
    a = np.full((3, 20, 30), 7, np.uint8)
    a[:, 4, 5] = 255  # valid: this file declares nothing
    a[0, 9, 9] = 255
    b = np.full((3, 20, 30), 9, np.uint8)
    b[:, 0, 0] = 255
    heard = listen()
    images = [
        write("b.tif", b, nodata=255, transform=(500200.0, 10, 0, 5e6, 0, -10)),
        write("a.tif", a),
    ]
    found = merge(images, heard)
    assert found.valid.all()
    assert found.values[:, 4, 5].tolist() == [254, 254, 254]
    assert found.values[:, 9, 9].tolist() == [255, 7, 7]
    assert any(text.startswith("m0.tif: 1 valid pixels") for text in heard.warnings)


def test_values_are_rounded_half_to_even_and_limited_and_never_wrap(write, merge):
    a = np.array([[-5, 0.5, 1.5, 2.5, 254.5, 255.4, 300, 7]], np.float32)
    found = merge([write("a.tif", a)], output_type="uint8")
    assert found.values[0].tolist() == [[0, 0, 2, 2, 254, 255, 255, 7]]
    big = np.array([[0, 255, 256, 65535, 300, 1]], np.uint16)
    assert merge([write("b.tif", big)], output_type="uint8").values[0].tolist() == [
        [0, 255, 255, 255, 255, 1]
    ]
    negative = np.array([[-32768, -1, 0, 32767]], np.int16)
    assert merge([write("c.tif", negative)], output_type="uint16").values[0].tolist() == [
        [0, 0, 0, 32767]
    ]


def test_nan_of_invalid_pixels_is_silent_in_whole_number_outputs(layer, merge):
    image = layer("a.tif", "nan", "float32")
    found = merge([image], output_type="int16", output_nodata=-1)
    np.testing.assert_array_equal(found.valid, image.valid)
    np.testing.assert_array_equal(found.values[:, image.valid], image.values[:, image.valid])


def test_a_rounded_value_never_becomes_nodata(write, merge):
    a = np.array([[0.2, 0.4, -3, 8, -9999]], np.float32)
    found = merge([write("a.tif", a, nodata=-9999)], output_type="uint8", output_nodata=0)
    assert found.valid.tolist() == [[True, True, True, True, False]]
    assert found.values[0, 0].tolist() == [1, 1, 1, 8, 0]


def test_a_pixel_is_invalid_only_where_every_band_has_its_own_nodata(write, merge):
    a = np.array([[[0, 0, 1, 0]], [[7, 1, 7, 7]], [[9, 9, 9, 8]]], np.uint8)
    path = write("a.tif", a)
    dataset = gdal.Translate(path.replace(".tif", ".vrt"), path, format="VRT")
    for band, nodata in enumerate((0, 7, 9), 1):
        dataset.GetRasterBand(band).SetNoDataValue(nodata)
    dataset = None
    found = merge([path.replace(".tif", ".vrt")])
    assert found.valid.tolist() == [[False, True, True, True]]
    np.testing.assert_array_equal(found.values[:, found.valid], a[:, :, 1:][:, 0])


def test_nodata_that_the_type_cannot_hold_makes_nothing_invalid(write, merge):
    a = np.arange(20, dtype=np.uint8).reshape(4, 5)
    found = merge([write("a.tif", a, nodata=-9999)])
    assert found.valid.all() and found.nodata is None and found.flags == gdal.GMF_ALL_VALID


def test_undeclared_zero_is_data_and_holes_between_images_are_masked(write, merge):
    a = np.zeros((2, 10, 12), np.uint16)
    far = (500200.0, 10, 0, 5e6 - 50, 0, -10)
    found = merge([write("a.tif", a), write("b.tif", a, transform=far)])
    expected = np.zeros((15, 32), bool)
    expected[:10, :12] = expected[5:, 20:] = True
    np.testing.assert_array_equal(found.valid, expected)
    assert found.flags == gdal.GMF_PER_DATASET
    assert found.result.covered == expected.mean()


def test_nan_pixels_stay_invalid_when_other_images_cover_nothing_of_them(write, merge):
    a = np.ones((2, 20, 20), np.float32)
    a[1, 3, 4] = np.nan
    found = merge([write("a.tif", a), write("b.tif", a, transform=(500170, 10, 0, 5e6, 0, -10))])
    assert not found.valid[3, 4] and not found.valid[3, 21] and found.valid.sum() == 740 - 2
    assert np.isnan(found.nodata)


def test_an_infinite_pixel_is_data(write, merge):
    a = np.ones((20, 20), np.float32)
    a[5, 5] = np.inf
    shifted = (500003.0, 10, 0, 4999997.0, 0, -10)
    found = merge([write("a.tif", a, nodata=-9999), write("b.tif", a, transform=shifted)])
    assert found.valid[:20, :20].all()
    assert np.isinf(found.values[0, 5, 5])


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_equals_the_mosaic_made_pixel_by_pixel(five, merge, slow_mosaic, rule):
    found = merge(five, rule=rule)
    values, valid = slow_mosaic(five, SHAPE, rule)
    np.testing.assert_array_equal(found.valid, valid)
    np.testing.assert_array_equal(found.values[:, valid], values[:, valid])
    assert found.values.dtype == (np.uint16 if rule == "count" else np.uint8)


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize("rule", ["minimum", "maximum", "mean", "median"])
def test_rules_hold_for_other_types(layer, merge, slow_mosaic, rule, dtype):
    images = [layer(f"{n}.tif", "msk", dtype, seed=n, at=(11 * n, 9 * n)) for n in range(3)]
    found = merge(images, rule=rule)
    values, valid = slow_mosaic(images, (68, 82), rule)
    np.testing.assert_array_equal(found.valid, valid)
    np.testing.assert_array_equal(found.values[:, valid], values[:, valid])


def cells(tmp_path, shapes, field="image"):
    """Write seam cells: shapes are (name, left, top, right, bottom) in pixels."""
    from orthoweave.core.vector import Feature, Layer, write_layers
    from osgeo import ogr, osr

    reference = osr.SpatialReference()
    reference.ImportFromEPSG(32633)
    features = []
    for name, left, top, right, bottom in shapes:
        x0, x1, y0, y1 = 5e5 + 10 * left, 5e5 + 10 * right, 5e6 - 10 * bottom, 5e6 - 10 * top
        ring = f"(({x0} {y0},{x1} {y0},{x1} {y1},{x0} {y1},{x0} {y0}))"
        polygon = ogr.CreateGeometryFromWkt(f"POLYGON {ring}")
        features.append(Feature(bytes(polygon.ExportToWkb()), {field: name}))
    layer = Layer(
        "seamlines", "Polygon", reference.ExportToWkt(), ((field, "string"),), tuple(features), ""
    )
    return write_layers(str(tmp_path / "cells.gpkg"), (layer,))


QUARTERS = (
    ("i0", 0, 0, 45, 45),
    ("i1", 45, 0, 100, 45),
    ("i2", 0, 45, 45, 90),
    ("i3", 45, 45, 100, 90),
)


def quarters():
    labels = np.zeros(SHAPE, int)
    for number, (_, left, top, right, bottom) in enumerate(QUARTERS, 1):
        labels[top:bottom, left:right] = number
    return labels


@pytest.mark.parametrize("fill", [True, False])
@pytest.mark.parametrize("rule", ["first", "last"])
def test_seam_cells_cut_hard_and_gaps_are_filled_in_the_order_of_the_rule(
    five, merge, slow_mosaic, tmp_path, listen, rule, fill
):
    heard = listen()
    found = merge(five, heard, rule=rule, seamlines=cells(tmp_path, QUARTERS), fill_gaps=fill)
    values, valid = slow_mosaic(five, SHAPE, rule, quarters(), fill)
    np.testing.assert_array_equal(found.valid, valid)
    np.testing.assert_array_equal(found.values[:, valid], values[:, valid])
    assert "Without a seam cell, used only to fill gaps: i4." in heard.warnings


def test_feather_leaves_pixels_farther_than_half_the_width_from_a_seam_alone(
    layer, merge, tmp_path
):
    places = ((0, 0), (30, 0), (0, 30), (30, 30))
    images = [
        layer(f"i{n}.tif", "none", "uint16", seed=n, at=at, size=(60, 70))
        for n, at in enumerate(places)
    ]
    seams = cells(tmp_path, QUARTERS)
    hard = merge(images, rule="first", seamlines=seams)
    soft = merge(images, rule="feather", seamlines=seams, blend_width=10)
    rows, cols = np.mgrid[0.5:90, 0.5:100]
    far = (np.abs(rows - 45) > 5) & (np.abs(cols - 45) > 5)
    np.testing.assert_array_equal(soft.values[:, far], hard.values[:, far])
    np.testing.assert_array_equal(soft.valid, hard.valid)
    assert (soft.values[:, ~far] != hard.values[:, ~far]).mean() > 0.8


def ramp(value, shape=(80, 120)):
    return np.full(shape, value, np.float32)


@pytest.mark.parametrize("overlap", [60, 20, 10])
def test_feather_leaves_no_step_even_where_the_overlap_is_narrow(write, merge, tmp_path, overlap):
    start = 120 - overlap
    a = write("i0.tif", ramp(1000))
    b = write("i1.tif", ramp(1320), transform=(5e5 + 10 * start, 10.0, 0.0, 5e6, 0.0, -10.0))
    seam = start + overlap // 2
    seams = cells(tmp_path, (("i0", 0, 0, seam, 80), ("i1", seam, 0, 240 - overlap, 80)))
    row = merge([a, b], rule="feather", seamlines=seams, blend_width=32).values[0, 40]
    steps = np.diff(row)
    # a ramp over the overlap or the blend width, whichever is narrower, may be steeper inside
    assert steps.min() >= 0 and steps.max() <= 3.2 * 320 / min(32, overlap)
    assert row[0] == 1000 and row[-1] == 1320
    assert (row[: seam - 16] == 1000).all() and (row[seam + 16 :] == 1320).all()


def test_feather_without_seams_weighs_by_the_distance_to_the_edge(write, merge):
    a = write("a.tif", ramp(1000))
    b = write("b.tif", ramp(1320), transform=(5e5 + 10 * 80, 10.0, 0.0, 5e6, 0.0, -10.0))
    row = merge([a, b], rule="feather", blend_width=32).values[0, 40]
    assert (row[:80] == 1000).all() and (row[120:] == 1320).all()
    ahead = np.minimum(np.arange(1, 41), 32.0)
    # float32 sums
    np.testing.assert_allclose(
        row[80:120], (1000 * ahead[::-1] + 1320 * ahead) / (ahead + ahead[::-1]), rtol=1e-6
    )


def test_feather_never_takes_from_invalid_pixels(layer, merge, slow_mosaic):
    images = [layer(f"i{n}.tif", seed=n, at=(15 * n, 10 * n), dtype="uint16") for n in range(3)]
    for image in images:
        image.values[image.values > 0] %= 100
    found = merge(images, rule="feather", blend_width=8)
    _, valid = slow_mosaic(images, (70, 90), "first")
    np.testing.assert_array_equal(found.valid, valid)
    lowest, _ = slow_mosaic(images, (70, 90), "minimum")
    assert found.values.max() < 30001 and lowest.shape == found.values.shape


@pytest.mark.parametrize("rule", ["last", "mean", "median", "feather", "multiband"])
def test_windows_and_threads_do_not_change_a_byte(layer, merge, tmp_path, rule):
    images = [
        layer(
            f"i{n}.tif", kind, "uint16", seed=n, at=at, size=(700, 1500), bands=2, options=options
        )
        for n, (kind, at, options) in enumerate(
            (
                ("nodata", (0, 0), ("TILED=YES", "BLOCKXSIZE=512", "BLOCKYSIZE=512")),
                ("nodata", (1013, 57), ("BLOCKYSIZE=1",)),
                ("nodata", (333, 611), ("TILED=YES", "BLOCKXSIZE=208", "BLOCKYSIZE=48")),
            )
        )
    ]
    virtual = images[1].path.replace(".tif", ".vrt")
    gdal.Translate(virtual, images[1].path, format="VRT")
    paths = [images[0].path, virtual, images[2].path]
    seams = None
    if rule in ("feather", "multiband"):
        shapes = (("i0", 0, 0, 1100, 620), ("i1", 1100, 0, 2513, 757), ("i2", 0, 620, 1100, 1311))
        seams = cells(tmp_path, (*shapes, ("i2", 1100, 757, 1833, 1311)))
    expected = merge(paths, rule=rule, seamlines=seams, threads=1)
    assert expected.values.shape == (2, 1311, 2513)
    whole = Path(expected.path).read_bytes()
    for size, threads in ((0, 2), (128, 2), (250, 1), (512, 4), (2048, 1), (0, 4)):
        found = merge(paths, rule=rule, seamlines=seams, window_size=size, threads=threads)
        assert Path(found.path).read_bytes() == whole, (size, threads)


@pytest.mark.parametrize("resampling", ["bilinear", "lanczos"])
def test_resampled_mosaics_do_not_depend_on_windows_and_threads(layer, merge, resampling):
    turned = (500400.0, 7.1, 2.3, 4999000.0, 2.3, -7.1)
    images = [
        layer("a.tif", "msk", "float32", seed=1, size=(300, 600)),
        layer("b.tif", "nan", "float32", seed=2, size=(400, 300), transform=turned),
        layer("c.tif", "nodata", "float32", seed=3, size=(211, 400), transform=(
            500003.7, 13, 0, 4998004.1, 0, -9)),
    ]  # fmt: skip
    expected = merge(images, resampling=resampling, threads=1)
    whole = Path(expected.path).read_bytes()
    for size, threads in ((67, 1), (128, 2), (250, 4), (0, 4)):
        found = merge(images, resampling=resampling, window_size=size, threads=threads)
        assert Path(found.path).read_bytes() == whole, (size, threads)


def test_strips_odd_blocks_and_one_row_strips_give_the_same_pixels(write, merge):
    a = np.random.default_rng(3).integers(1, 60000, (3, 311, 777)).astype(np.uint16)
    layouts = (
        ("BLOCKYSIZE=1",),
        ("BLOCKYSIZE=7",),
        ("BLOCKYSIZE=311",),
        ("TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=48"),
        ("TILED=YES", "BLOCKXSIZE=272", "BLOCKYSIZE=64", "INTERLEAVE=BAND"),
        ("TILED=YES", "BLOCKXSIZE=1024", "BLOCKYSIZE=1024", "COMPRESS=DEFLATE"),
    )
    half = np.zeros((3, 100, 100), np.uint16)
    corner = write("z.tif", half, transform=(5e5 - 370, 10.0, 0.0, 5e6 + 510, 0.0, -10.0))
    for number, options in enumerate(layouts):
        found = merge([corner, write(f"{number}.tif", a, options=options)], threads=2)
        np.testing.assert_array_equal(found.values[:, 51:, 37:], a)


def test_different_bands_tables_and_scales_are_refused_with_both_files(write, merge):
    a = write("a.tif", np.ones((3, 9, 9), np.uint8))
    b = write("b.tif", np.ones((2, 9, 9), np.uint8))
    with pytest.raises(IncompatibleImages, match="a.tif has 3 bands and b.tif 2"):
        merge([a, b])
    c = write("c.tif", np.ones((3, 9, 9), np.uint8))
    dataset = gdal.Open(c, gdal.GA_Update)
    dataset.GetRasterBand(1).SetScale(0.1)
    dataset = None
    with pytest.raises(IncompatibleImages, match="c.tif declares scale 0.1 and a.tif none"):
        merge([a, c])


def paletted(path, shift=0, offset=(0, 0), size=(40, 50)):
    classes = np.random.default_rng(1).integers(0, 16, size).astype(np.uint8)
    dataset = gdal.GetDriverByName("GTiff").Create(path, size[1], size[0], 1, gdal.GDT_Byte)
    dataset.SetGeoTransform((5e5 + 10 * offset[0], 10, 0, 5e6 - 10 * offset[1], 0, -10))
    table = gdal.ColorTable()
    for value in range(16):
        table.SetColorEntry(value, (value * 16, shift, 255 - value, 255))
    dataset.GetRasterBand(1).SetColorTable(table)
    dataset.GetRasterBand(1).WriteArray(classes)
    return path, classes


def test_equal_palettes_are_kept_and_different_ones_refused(tmp_path, merge, listen):
    a, classes = paletted(str(tmp_path / "a.tif"))
    b, _ = paletted(str(tmp_path / "b.tif"), offset=(20.5, 3.4))
    heard = listen()
    found = merge([b, a], heard, crs=None)
    table = found.dataset.GetRasterBand(1).GetColorTable()
    assert table.GetColorEntry(3) == (48, 0, 252, 255)
    assert set(np.unique(found.values[0][found.valid])) <= set(range(16))
    assert "Images with a color table are resampled with nearest neighbors." in heard.warnings
    c, _ = paletted(str(tmp_path / "c.tif"), shift=9)
    with pytest.raises(IncompatibleImages, match="a.tif and c.tif have different color tables"):
        merge([a, c])
    with pytest.raises(IncompatibleImages, match="class values cannot be mixed"):
        merge([a, a.replace("a.tif", "b.tif")], rule="mean")
    counted = merge([a, b], rule="count")
    assert counted.dataset.GetRasterBand(1).GetColorTable() is None


def test_a_pattern_that_matches_the_output_later_does_not_count_it_as_skipped(write, merge):
    path = write("in/a.tif", np.ones((5, 5), np.uint8))
    folder = path.rsplit("/", 1)[0]
    result = merge([folder + "/*.tif"], output=folder + "/b.tif").result
    assert (result.images_used, result.images_skipped) == (1, 0)


def test_unreadable_images_are_skipped_with_a_warning_when_asked(write, merge, tmp_path, listen):
    (tmp_path / "bad.tif").write_text("not a tif")
    heard = listen()
    good = write("a.tif", np.ones((5, 5), np.uint8))
    result = merge([good, str(tmp_path / "bad.tif")], heard, skip_unreadable=True).result
    assert (result.images_used, result.images_skipped) == (1, 1)
    assert any(text.startswith("bad.tif cannot be opened") for text in heard.warnings)


@pytest.mark.parametrize("reason", ["pixels", "values"])
def test_a_mosaic_without_a_valid_pixel_is_said(write, merge, listen, reason):
    heard, values = listen(), np.full((1, 30, 30), int(reason == "pixels"), np.uint8)
    path = write("a.tif", values, nodata=0)
    result = merge([path], heard, resolution=2e3 if reason == "pixels" else None).result
    assert result.covered == 0
    assert any(text.startswith("The mosaic has no valid pixel: ") for text in heard.warnings)
    heard = listen()
    merge([write("b.tif", np.ones((1, 30, 30), np.uint8), nodata=0)], heard)
    assert not heard.warnings


def test_wrong_choices_are_refused_before_anything_is_written(write, merge, tmp_path):
    a = write("a.tif", np.ones((5, 5), np.uint8))
    with pytest.raises(InvalidOption, match="mean does not follow seams"):
        merge([a], rule="mean", seamlines="x.gpkg")
    with pytest.raises(InvalidOption, match="Nodata -1 cannot be stored as uint8"):
        merge([a], output_nodata=-1)
    with pytest.raises(InvalidOption, match="lies outside all images, which cover 500000"):
        merge([a], extent=(0, 10, 0, 10))
    with pytest.raises(InvalidOption, match="would overwrite the input a.tif"):
        merge([a], output=a)
    seams = cells(tmp_path, (("a", 0, 0, 5, 5),), field="name")
    with pytest.raises(InvalidOption, match="cells.gpkg has no field 'image'; its fields are: na"):
        merge([a], seamlines=seams)
    assert not list(tmp_path.glob("out/*.tif"))


def test_cells_of_unknown_images_are_named(write, merge, tmp_path, listen):
    heard = listen()
    a = write("a.tif", np.ones((5, 5), np.uint8))
    merge([a], heard, seamlines=cells(tmp_path, (("a", 0, 0, 5, 5), ("zz", 0, 0, 1, 1))))
    assert any("no image has the name of these cells: zz" in text for text in heard.warnings)


def test_mixed_types_become_the_one_that_holds_all(write, merge):
    a = write("a.tif", np.full((5, 5), 60000, np.uint16))
    b = write("b.tif", np.full((5, 5), -30000, np.int16), transform=(500050, 10, 0, 5e6, 0, -10))
    found = merge([a, b])
    assert found.values.dtype == np.int32
    assert found.values[0, 0].tolist() == [60000] * 5 + [-30000] * 5
    c = write("c.tif", np.full((5, 5), 2**32 - 1, np.uint32))
    d = write("d.tif", np.full((5, 5), -(2**31), np.int32), transform=(500050, 10, 0, 5e6, 0, -10))
    assert merge([c, d]).values[0, 0].tolist() == [2.0**32 - 1] * 5 + [-(2.0**31)] * 5
