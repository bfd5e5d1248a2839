# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import IncompatibleImages, InvalidOption
from orthoweave.core.landcover.sieving import regions_of
from orthoweave.core.operations import classify, objectstatistics, trainclassifier
from orthoweave.core.progress import SILENT
from orthoweave.core.raster import open_image
from orthoweave.core.raster.crs import parse_crs
from orthoweave.core.vector import Feature, Layer, read_polygons, write_layers
from orthoweave.core.vector.rings import area_of, rings_of, wkb_of

CENTERS = np.array([[100, 500, 900], [500, 100, 300], [900, 900, 100]], float)
NAMES = ("x_a", "x_b", "x_c")


@pytest.fixture
def classes():
    """Squares of 25 pixels of three classes."""
    return np.kron(np.random.default_rng(0).integers(0, 3, (6, 8)), np.ones((25, 25), int))


@pytest.fixture
def image(write, classes):
    random = np.random.default_rng(1)
    values = np.moveaxis(CENTERS[classes], -1, 0) + random.normal(0, 30, (3, *classes.shape))
    values = np.clip(values, 1, None).astype(np.uint16)
    values[:, :10, :30] = 0
    return write("f.tif", values, nodata=0, names=NAMES)


def square(left, top, right, bottom):
    """Return a rectangle given in pixels."""
    x, y = (lambda col: 500000.0 + 10 * col), (lambda row: 5000000.0 - 10 * row)
    ring = [(x(left), y(top)), (x(right), y(top)), (x(right), y(bottom)), (x(left), y(bottom))]
    return wkb_of([(np.array([*ring, ring[0]]),)])


def layer(path, shapes, fields):
    features = tuple(Feature(shape, values) for shape, values in shapes)
    crs = parse_crs("EPSG:32633")
    return write_layers(str(path), [Layer("p", "Polygon", crs, tuple(fields), features)])


def run(image, tmp_path, name="out.gpkg", progress=SILENT, **more):
    request = objectstatistics.Request(image=image, output=str(tmp_path / name), **more)
    found = objectstatistics.run(request, progress)
    return found, read_polygons(found.output, "")


def segments(tmp_path, image, name="s.tif", **more):
    path = str(tmp_path / name)
    found, features = run(image, tmp_path, f"{name}.gpkg", output_segments=path, **more)
    raster = open_image(path)
    return raster.read(raster.grid.window).values[0], features


def test_superpixels_follow_the_edges_of_classes(image, classes, tmp_path):
    labels, features = segments(tmp_path, image, step=10)
    assert (labels[:10, :30] == 0).all() and np.count_nonzero(labels == 0) == 300
    assert len(features) == labels.max() == len(np.unique(labels)) - 1
    counts = np.bincount(labels.ravel() * 3 + classes.ravel(), minlength=3 * labels.max() + 3)
    pure = counts.reshape(-1, 3)[1:].max(1).sum() / np.count_nonzero(labels)
    assert pure > 0.995
    # about one for each cell; two in a row may gather on one side of an edge
    assert 0.7 < labels.max() / (150 * 200 / 100) < 1.2


def test_superpixels_hold_together_and_are_not_too_small(image, tmp_path):
    labels, features = segments(tmp_path, image, step=10)
    known = labels > 0
    assert len(np.unique(regions_of(labels)[known])) == labels.max()
    assert np.bincount(labels[known])[1:].min() >= 25
    areas = {f.values["object"]: area_of(rings_of(f.geometry)) for f in features}
    pixels = np.bincount(labels.ravel())
    assert all(areas[number] == pytest.approx(100 * pixels[number]) for number in areas)


def test_statistics_are_those_of_the_pixels(image, tmp_path):
    wanted = ("mean", "min", "max", "std", "count")
    labels, features = segments(tmp_path, image, statistics=wanted)
    values = open_image(image).read(open_image(image).grid.window).values.astype(float)
    for feature in features[::7]:
        inside = labels == feature.values["object"]
        assert feature.values["count"] == np.count_nonzero(inside)
        for name, band in zip(NAMES, values):
            for how in ("mean", "min", "max", "std"):
                expected = getattr(band[inside], how)()
                assert feature.values[f"{name}_{how}"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("more", [{"threads": 1, "buffer": 16}, {"threads": 4, "window_size": 48}])
def test_windows_and_threads_change_nothing(image, tmp_path, more):
    whole, features = segments(tmp_path, image, step=7, statistics=("mean", "std"))
    again, others = segments(tmp_path, image, "t.tif", step=7, statistics=("mean", "std"), **more)
    np.testing.assert_array_equal(whole, again)
    assert [f.values for f in features] == [f.values for f in others]
    assert [f.geometry for f in features] == [f.geometry for f in others]


def test_nan_and_nodata_belong_to_no_superpixel_and_to_no_mean(write, tmp_path):
    values = np.random.default_rng(0).normal(10, 1, (2, 30, 30)).astype(np.float32)
    values[0, 5, 5], values[1, 7, 7] = np.nan, np.inf
    values[:, 20:, 20:] = -999
    path = write("f.tif", values, nodata=-999)
    labels, _ = segments(tmp_path, path, step=8)
    assert labels[5, 5] == labels[7, 7] == 0 and (labels[20:, 20:] == 0).all()
    assert np.count_nonzero(labels == 0) == 102
    own = np.ones((30, 30), np.uint8)
    own[20:, 20:] = 9
    found, features = run(
        path, tmp_path, segments=write("s.tif", own), statistics=("mean", "count")
    )
    one, nine = (f.values for f in features)
    known = (own == 1) & np.isfinite(values).all(0)
    assert one["count"] == np.count_nonzero(known) == 798
    assert one["band_1_mean"] == pytest.approx(values[0][known].mean(dtype=float), rel=1e-12)
    assert nine["count"] == 0 and nine["band_1_mean"] is None


def test_objects_get_the_label_that_covers_most_of_them(image, write, tmp_path):
    own = np.kron(np.arange(1, 7).reshape(2, 3), np.ones((75, 70), int))[:, :200].astype(np.int32)
    shapes = [
        (square(0, 0, 60, 75), {"code": 7}),  # 1: most of it
        (square(70, 0, 100, 75), {"code": 7}),  # 2: 30 of 70 columns
        (square(100, 0, 115, 75), {"code": 8}),
        (square(140, 0, 160, 75), {"code": 9}),  # 3: 40 of 60 columns in two parts
        (square(160, 0, 180, 70), {"code": 9}),
    ]
    polygons = layer(tmp_path / "p.gpkg", shapes, [("code", "integer")])
    path = write("s.tif", own)
    more = {"segments": path, "polygons": polygons, "field": "code"}
    found, features = run(image, tmp_path, **more)
    values = {f.values["object"]: f.values for f in features}
    assert [values[n]["code"] for n in range(1, 7)] == [7, None, 9, None, None, None]
    assert [values[n]["originfid"] for n in (1, 2, 3)] == [1, None, 4]
    assert found.labeled_count == 2
    _, features = run(image, tmp_path, "b.gpkg", min_cover=0.4, **more)
    assert {f.values["object"]: f.values["code"] for f in features}[2] == 7


def test_parcels_keep_their_outlines_and_train_and_are_classified(image, classes, tmp_path):
    names = ("crop", "urban", "wood")
    shapes = []
    for row, col in np.ndindex(6, 8):
        name = names[classes[row * 25, col * 25]]
        corners = (col * 25 + 2, row * 25 + 2, col * 25 + 23, row * 25 + 23)
        shapes.append((square(*corners), {"crop": name if (row + col) % 2 else "", "truth": name}))
    parcels = layer(tmp_path / "p.gpkg", shapes, [("crop", "string"), ("truth", "string")])
    known = f"{parcels}|subset=crop <> ''"
    more = {"segments": parcels, "polygons": known, "field": "crop"}
    found, features = run(image, tmp_path, statistics=("mean", "std"), **more)
    assert found.object_count == 48 and found.labeled_count == 24
    assert features[9].geometry == read_polygons(parcels, "")[9].geometry
    model = str(tmp_path / "m.owm")
    trained = trainclassifier.run(
        trainclassifier.Request(
            samples=(found.output,), field="crop", classifier="maxlik", output=model
        )
    )
    assert (trained.sample_count, trained.feature_count, trained.class_count) == (24, 6, 3)
    result = str(tmp_path / "classified.gpkg")
    classify.run(classify.Request(model=model, objects=found.output, output_objects=result))
    labels = {f.values["object"]: f.values["label"] for f in read_polygons(result, "")}
    right = [labels[n] == names.index(v["truth"]) + 1 for n, (_, v) in enumerate(shapes, 1)]
    assert np.mean(right) > 0.95


def test_parcels_outside_the_image_are_left_out(image, tmp_path):
    shapes = [(square(40, 40, 80, 80), {}), (square(900, 900, 950, 950), {})]
    parcels = layer(tmp_path / "p.gpkg", shapes, [("x", "integer")])
    found, features = run(image, tmp_path, segments=parcels)
    assert found.object_count == 1 and features[0].values["object"] == 1
    away = layer(tmp_path / "q.gpkg", shapes[1:], [("x", "integer")])
    with pytest.raises(InvalidOption, match="No object lies on f"):
        run(image, tmp_path, segments=away)


def test_objects_in_several_parts_stay_one(image, write, tmp_path):
    own = np.zeros((150, 200), np.int32)
    own[10:20, 40:50] = own[60:70, 40:50] = own[61:75, 100:105] = 100000
    _, features = run(image, tmp_path, segments=write("s.tif", own))
    (one,) = features
    assert len(rings_of(one.geometry)) == 3 and one.values["object"] == 100000


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"statistics": ("median",)}, "'median' is none of mean, min, max, std, count"),
        ({"polygons": "p.gpkg"}, "give the field of their labels"),
        ({"step": 2}, "2 is below 4"),
    ],
)
def test_options_that_do_not_fit_are_refused(image, tmp_path, more, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        run(image, tmp_path, **more)


def test_images_that_do_not_serve_are_refused(image, write, tmp_path):
    with pytest.raises(IncompatibleImages, match="in one band of whole numbers"):
        run(image, tmp_path, segments=write("s.tif", np.ones((9, 9), np.float32)))
    with pytest.raises(InvalidOption, match="no pixels that are valid"):
        run(write("e.tif", np.zeros((2, 20, 20), np.uint8), nodata=0), tmp_path)
    twins = write("t.tif", np.random.default_rng(0).random((2, 20, 20)), names=("a", "A"))
    with pytest.raises(InvalidOption, match="Two fields would be called"):
        run(twins, tmp_path, step=5)
    with pytest.raises(InvalidOption, match="All bands of c are constant"):
        run(write("c.tif", np.full((2, 20, 20), 7, np.uint8)), tmp_path)
    large = write("l.tif", np.full((20, 20), 3 * 10**9, np.uint32))
    with pytest.raises(IncompatibleImages, match="objects have numbers up to 2147483647"):
        run(image, tmp_path, segments=large)


def test_a_pixel_that_one_band_lacks_belongs_to_no_superpixel_and_to_no_mean(write, tmp_path):
    values = np.random.default_rng(0).integers(100, 900, (3, 30, 30)).astype(np.int16)
    values[1, 5, 5] = -999
    path = write("f.tif", values, nodata=-999)
    assert np.argwhere(segments(tmp_path, path, step=8)[0] == 0).tolist() == [[5, 5]]
    wanted = ("mean", "min", "max", "std", "count")
    own = write("s.tif", np.ones((30, 30), np.uint8))
    _, (one,) = run(path, tmp_path, segments=own, statistics=wanted)
    known = values[:, values[1] > 0].astype(float)
    assert one.values["count"] == known.shape[1] == 899
    for name in ("mean", "min", "max", "std"):
        found = [one.values[f"band_{band}_{name}"] for band in (1, 2, 3)]
        assert found == pytest.approx(getattr(np, name)(known, axis=1), rel=1e-12)


def test_parcels_without_pixel_and_pixels_in_several_parcels_are_counted(image, tmp_path, listen):
    shapes = [
        (square(40, 40, 50, 50), {}),
        (square(45, 40, 55, 50), {}),
        (square(60.1, 60.1, 60.3, 60.3), {}),
        (square(70, 60, 80, 70), {}),
    ]
    parcels = layer(tmp_path / "p.gpkg", shapes, [("x", "integer")])
    heard = listen()
    found, features = run(image, tmp_path, segments=parcels, statistics=("count",), progress=heard)
    assert [one.values["count"] for one in features] == [100, 50, 100]
    assert heard.warnings == [
        "1 of 4 objects hold no center of a pixel of f and are left out.",
        "Objects overlap: 50 pixels lie in several and count for the first only.",
    ]
