# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, IncompatibleImages, InvalidOption, OrthoweaveError
from orthoweave.core.operations import alignrasters, globalregression
from orthoweave.core.operations.alignrasters import Request, run
from orthoweave.core.requests.alignrasters import parsed
from osgeo import gdal

X, Y = 500000.0, 5000000.0


def place(x=X, y=Y, px=10.0, py=None):
    return (x, px, 0.0, y, 0.0, -(py or px))


def ramp(shape=(60, 80), x=X, y=Y, px=10.0, dtype="float32"):
    """Values that are 0.01 times the map x plus 0.02 times the way down, at pixel centers."""
    rows, cols = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    found = 0.01 * (x + px * cols - X) + 0.02 * (Y - y + px * rows) + 100
    return found.astype(dtype)


@pytest.fixture
def align(tmp_path, read_back):
    """Run the tool and read its outputs: align([a, b], tap=True)."""
    count = iter(range(100))

    def make(images, progress=None, **options):
        options.setdefault("output_folder", str(tmp_path / f"out{next(count)}"))
        request = Request(images=tuple(images), **options)
        result = run(*([request, progress] if progress else [request]))
        found = [read_back(path) for path in result.output_layers]
        for one in found:
            one.result = result
        return found

    return make


def truth_at(found):
    """Return the ramp at the pixels of an output."""
    rows, cols = np.mgrid[0 : found.valid.shape[0], 0 : found.valid.shape[1]] + 0.5
    x, px, _, y, _, py = found.transform
    return 0.01 * (x + px * cols - X) + 0.02 * (Y - (y + py * rows)) + 100


@pytest.mark.parametrize("resampling", ["bilinear", "cubic", "lanczos"])
@pytest.mark.parametrize("kind", [{}, {"tap": True}, {"resolution": "7 9"}])
def test_values_stay_where_they_lie_on_the_ground(write, align, resampling, kind):
    images = [
        write("a.tif", ramp()),
        write("b.tif", ramp(x=X + 33.7, y=Y - 21.1, px=8), transform=place(X + 33.7, Y - 21.1, 8)),
    ]
    for found in align(images, resampling=resampling, **kind):
        inner = np.zeros(found.valid.shape, bool)
        inner[4:-4, 4:-4] = True
        # a straight line is kept by every kernel; single precision
        assert np.abs(found.values[0] - truth_at(found))[inner].max() < 2e-4
        assert found.valid[inner].all()


def test_growing_pixels_are_averaged(write, align, listen):
    rng = np.random.default_rng(0)
    a = rng.integers(0, 200, (60, 90)).astype(np.float32)
    heard = listen()
    for rule in ("bilinear", "cubic", "average"):
        found = align([write("a.tif", a)], heard, resolution="30", resampling=rule)[0]
        means = a.reshape(20, 3, 30, 3).mean((1, 3))
        np.testing.assert_allclose(found.values[0], means, rtol=1e-5)
    assert any("1 of them get larger pixels and are averaged" in text for text in heard.infos)
    nearest = align([write("a.tif", a)], resolution="30", resampling="nearest")[0]
    np.testing.assert_array_equal(nearest.values[0], a[1::3, 1::3])


def test_the_resolution_holds_without_snapping(write, align):
    images = [write("a.tif", ramp()), write("b.tif", ramp(px=20), transform=place(px=20))]
    sizes = {"highest": 10, "lowest": 20, "average": 15, "5": 5, "native": None}
    for text, size in sizes.items():
        for found, own in zip(align(images, resolution=text), (10, 20)):
            assert found.transform[1] == pytest.approx(size or own)
            assert found.transform[5] == pytest.approx(-(size or own))


def test_snapped_edges_are_multiples_of_the_pixel_size(write, align):
    images = [
        write("a.tif", ramp(), transform=place(X + 3.3, Y + 4.4, 10)),
        write("b.tif", ramp(), transform=place(X - 77.7, Y + 1, 7)),
    ]
    for found, (left, right, low, top) in zip(
        align(images, tap=True, resolution="7.5 6"),
        [(X + 3.3, X + 803.3, Y - 595.6, Y + 4.4), (X - 77.7, X + 482.3, Y - 419, Y + 1)],
    ):
        x, px, _, y, _, py = found.transform
        ends = (x, x + px * found.valid.shape[1], y + py * found.valid.shape[0], y)
        for end, size in zip(ends, (7.5, 7.5, 6, 6)):
            assert end / size == pytest.approx(round(end / size), abs=1e-9)
        # outward, by less than a pixel
        assert 0 <= left - ends[0] < 7.5 and 0 <= ends[1] - right < 7.5
        assert 0 <= low - ends[2] < 6 and 0 <= ends[3] - top < 6


def test_shared_pixels_differ_by_whole_ones_and_own_corners_are_kept(write, align):
    corners = [(X, Y), (X + 33.3, Y + 14.2), (X - 47.1, Y - 3.3)]
    images = [write(f"{n}.tif", ramp(), transform=place(*at)) for n, at in enumerate(corners)]
    shared = align(images)
    for found in shared:
        for at, first in ((0, X), (3, Y)):
            steps = (found.transform[at] - first) / 10
            assert steps == pytest.approx(round(steps), abs=1e-9)
    for found, at in zip(align(images, phase="own", resolution="5"), corners):
        assert (found.transform[0], found.transform[3]) == pytest.approx(at)


KINDS = ("nodata", "alpha", "soft", "internal", "msk", "nan", "none")


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_on_the_grid_is_copied_bit_for_bit(layer, align, kind, read_back):
    dtype = "float32" if kind == "nan" else "uint16"
    images = [
        layer("a.tif", kind, dtype, seed=1),
        layer("b.tif", kind, dtype, seed=2, at=(-17, 33)),
    ]
    for found, image in zip(align([one.path for one in images], resampling="cubic"), images):
        before = read_back(image.path)
        np.testing.assert_array_equal(found.valid, image.valid)
        np.testing.assert_array_equal(found.values[:, image.valid], image.values[:, image.valid])
        assert found.transform == before.transform
        assert (found.nodata is None) == (before.nodata is None)
        assert found.result.images_resampled == 0
        if kind == "soft":
            np.testing.assert_array_equal(found.alpha, before.alpha)


def test_rotated_and_south_up_images_are_copied_when_they_are_first(write, align):
    a = np.random.default_rng(0).integers(1, 255, (20, 30)).astype(np.uint8)
    for transform in ((X, 8.0, 6.0, Y, 6.0, -8.0), (X, 10.0, 0.0, Y, 0.0, 10.0)):
        found = align([write("a.tif", a, transform=transform)])[0]
        np.testing.assert_array_equal(found.values[0], a)
        assert found.transform == transform


def test_a_turned_image_becomes_north_up_on_the_pixels_of_another(write, align):
    turned = (X + 300, 8.0, 6.0, Y, 6.0, -8.0)
    rows, cols = np.mgrid[0:60, 0:70] + 0.5
    x, y = X + 300 + 8 * cols + 6 * rows, Y + 6 * cols - 8 * rows
    a = (0.01 * (x - X) + 0.02 * (Y - y) + 100).astype(np.float32)
    images = [write("n.tif", ramp()), write("t.tif", a, transform=turned)]
    found = align(images)[1]
    assert found.transform[2] == 0 and found.valid.mean() < 0.7
    from_edges = np.abs(found.values[0] - truth_at(found))[found.valid]
    assert np.percentile(from_edges, 80) < 1e-3  # inside; at the rim only valid pixels count
    assert from_edges.max() < 0.2  # half a pixel of the ramp


def test_a_reference_gives_crs_pixels_and_phase(write, align, listen):
    reference = write("r.tif", ramp((9, 9)), transform=place(X - 4, Y + 3, 12.5), crs="EPSG:32633")
    lonely = np.full((120, 120), 7, np.float32)
    images = [
        write("a.tif", ramp()),
        write("g.tif", lonely, transform=place(15.0, 45.2, 0.0001), crs="EPSG:4326"),
    ]
    heard = listen()
    outputs = align(images, heard, reference=reference, resolution="lowest", tap=True)
    for found in outputs:
        assert found.transform[1] == 12.5 and found.transform[5] == -12.5
        for at, first in ((0, X - 4), (3, Y + 3)):
            steps = (found.transform[at] - first) / 12.5
            assert steps == pytest.approx(round(steps), abs=1e-9)
        assert "32633" in found.dataset.GetProjection()
    assert "REFERENCE gives CRS, pixel size and pixel edges; RESOLUTION, TAP are ignored." in (
        heard.warnings
    )
    # single precision
    assert np.abs(outputs[1].values[0][outputs[1].valid] - 7).max() < 1e-5


@pytest.mark.parametrize("rule", ["union", "intersection"])
def test_all_outputs_get_one_size(write, align, rule):
    images = [
        write("a.tif", ramp(dtype="uint16")),
        write("b.tif", ramp(dtype="uint16", x=X + 200), transform=place(X + 200, Y - 104)),
        write("c.tif", ramp(), transform=place(X + 100, Y - 30), nodata=-1),
    ]
    outputs = align(images, extent_rule=rule)
    assert len({(found.transform, found.valid.shape) for found in outputs}) == 1
    if rule == "intersection":
        assert all(found.valid.all() for found in outputs)
    else:
        assert all(0.3 < found.valid.mean() < 0.9 for found in outputs)
        assert outputs[0].nodata is None and outputs[2].nodata == -1
        assert outputs[0].flags == gdal.GMF_PER_DATASET


def test_no_value_is_invented_for_whole_numbers_and_nan_for_decimal_ones(write, align):
    whole, decimal = (write(f"{t}.tif", ramp(dtype=t)) for t in ("uint8", "float64"))
    outputs = align([whole, decimal], tap=True, resolution="13")
    assert outputs[0].nodata is None and np.isnan(outputs[1].nodata)
    outputs = align([whole, decimal], tap=True, resolution="13", output_nodata=0)
    assert [found.nodata for found in outputs] == [0, 0]


def test_images_of_another_crs_are_accepted_afterwards(write, tmp_path, align):
    rng = np.random.default_rng(5)
    rows, cols = np.mgrid[0:100, 0:120] / 15
    scene = np.stack([800 + 90 * np.sin(rows + b) * np.cos(cols) for b in range(2)])
    a = np.rint(scene + rng.normal(0, 3, scene.shape)).astype(np.uint16)
    first = write("a.tif", a, nodata=0)
    other = str(tmp_path / "b.tif")
    gdal.Warp(other, first, dstSRS="EPSG:32634", resampleAlg="cubic").FlushCache()
    request = {"output_folder": str(tmp_path / "radiometry")}
    with pytest.raises(IncompatibleImages, match='Use "Align to grid" first'):
        globalregression.run(globalregression.Request(images=(first, other), **request))
    outputs = align([first, other])
    paths = tuple(found.dataset.GetDescription() for found in outputs)
    assert [Path(path).name for path in paths] == ["a_Align.tif", "b_Align.tif"]
    result = globalregression.run(globalregression.Request(images=paths, **request))
    assert result.images_used == 2 and result.mean_difference_after < 2
    # names go by what stands before _Align, so that masks and models of the originals serve
    assert result.gain_min == pytest.approx(1, abs=0.05)


def test_reprojected_values_stay_where_they_lie(write, align, tmp_path):
    first = write("a.tif", ramp((150, 150)))
    other = str(tmp_path / "b.tif")
    gdal.Warp(other, first, dstSRS="EPSG:3857", resampleAlg="cubic", xRes=9, yRes=9).FlushCache()
    found = align([first, other], resampling="cubic", resolution="10")[1]
    inner = np.zeros(found.valid.shape, bool)
    inner[15:-15, 15:-15] = True
    inner &= found.valid
    wrong = (found.values[0] - truth_at(found))[inner]
    # GDAL's own warp is exact to an eighth of a pixel; .1 to .2 of the value a pixel
    assert inner.sum() > 10000 and np.abs(wrong).mean() < 0.01


def test_color_tables_force_nearest_neighbors(write, align, listen):
    labels = np.random.default_rng(0).choice([3, 9, 40], (40, 50)).astype(np.uint8)
    path = write("a.tif", labels)
    dataset = gdal.Open(path, gdal.GA_Update)
    table = gdal.ColorTable()
    table.SetColorEntry(9, (1, 2, 3, 255))
    dataset.GetRasterBand(1).SetColorTable(table)
    dataset = None
    heard = listen()
    found = align([path], heard, tap=True, resolution="17")[0]
    assert set(np.unique(found.values[0][found.valid])) == {3, 9, 40}
    assert "a.tif has a color table, so nearest neighbors are used." in heard.warnings


def holes(dtype):
    values = np.random.default_rng(3).integers(50, 200, (2, 70, 90)).astype(dtype)
    invalid = np.zeros((70, 90), bool)
    invalid[20:33, 40:60] = invalid[:9, :9] = True
    invalid[50, 13] = True
    return values, invalid


@pytest.mark.parametrize("resampling", ["bilinear", "cubic", "average", "nearest"])
def test_what_lies_in_holes_changes_nothing(write, align, resampling):
    values, invalid = holes("float32")
    outputs = []
    for fill in (-9999.0, 0.0, 65535.0, np.nan):
        given = np.where(invalid, np.float32(fill), values)
        path = write("a.tif", given, nodata=fill)
        outputs.append(align([path], resampling=resampling, tap=True, resolution="13")[0])
    for found in outputs:
        np.testing.assert_array_equal(found.valid, outputs[0].valid)
        np.testing.assert_array_equal(
            found.values[:, found.valid], outputs[0].values[:, found.valid]
        )
        if resampling in ("bilinear", "average", "nearest"):
            inside = found.values[:, found.valid]
            assert inside.min() >= 50 and inside.max() <= 200


@pytest.mark.parametrize("kind", [{"tap": True, "resolution": "13"}, {"crs": "EPSG:32634"}, {}])
def test_windows_and_threads_do_not_matter(write, align, kind):
    values, invalid = holes("uint16")
    paths = [
        write("a.tif", np.where(invalid, 0, values), nodata=0),
        write("b.tif", np.where(invalid, 0, values), nodata=0, transform=place(X + 47, Y + 1, 12)),
    ]
    how = {"extent_rule": "union", **kind}
    reference = align(paths, threads=1, **how)
    for size, threads in ((16, 2), (37, 1), (512, 4)):
        for found, truth in zip(align(paths, window_size=size, threads=threads, **how), reference):
            np.testing.assert_array_equal(found.values, truth.values)
            np.testing.assert_array_equal(found.valid, truth.valid)


@pytest.mark.parametrize(
    "options",
    [("TILED=NO", "BLOCKYSIZE=1"), ("TILED=NO", "BLOCKYSIZE=70"), ("TILED=NO", "BLOCKYSIZE=7")],
)
def test_strips_of_any_height_are_read(write, align, options):
    values, invalid = holes("uint16")
    plain = write("a.tif", np.where(invalid, 0, values), nodata=0)
    striped = write("s.tif", np.where(invalid, 0, values), nodata=0, options=options)
    for how in ({}, {"tap": True, "resolution": "7"}, {"resolution": "41"}):
        truth, found = align([plain, striped], **how)
        np.testing.assert_array_equal(found.values, truth.values)
        np.testing.assert_array_equal(found.valid, truth.valid)


def test_numbers_of_bands_and_types_may_differ(write, align, tmp_path):
    images = [
        write("a.tif", ramp(dtype="uint8")),
        write("b.tif", np.stack([ramp(), ramp()])),
        write("c.tif", ramp(dtype="int16")),
    ]
    outputs = align(images, output_folder=str(tmp_path / "o"))
    assert [found.values.dtype.name for found in outputs] == ["uint8", "float32", "int16"]
    assert [len(found.values) for found in outputs] == [1, 2, 1]
    beside = json.loads((tmp_path / "o" / "alignrasters.orthoweave.json").read_text())
    assert beside["result"]["images_used"] == 3
    assert [Path(p).name[0] for p in beside["outputs"]["output_layers"]] == ["a", "b", "c"]
    assert align(images, output_type="float64")[0].values.dtype == np.float64


@pytest.mark.parametrize(
    ("given", "found"),
    [("highest", "highest"), ("10", (10, 10)), ("10,20.5", (10, 20.5)), ("3  4", (3, 4))],
)
def test_a_resolution_is_a_word_or_numbers(given, found):
    assert parsed(given) == found


@pytest.mark.parametrize("given", [10, 10.0, (10, 20), [10.0, 20.0]])
def test_a_resolution_may_be_given_as_numbers(given):
    request = Request(images=("a.tif",), output_folder="o", resolution=given)
    assert isinstance(request.resolution, str)
    assert parsed(request.resolution)[0] == 10


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"resolution": "fine"}, "Resolution: 'fine' is not one of highest, average, lowest"),
        ({"resolution": "1 2 3"}, "not one or two numbers"),
        ({"resolution": "-5"}, "Resolution: -5 is not a pixel size above 0"),
        ({"resolution": "nan"}, "Resolution: nan is not a pixel size above 0"),
        ({"extent_rule": "all"}, "Extents: 'all' is not one of own, union, intersection"),
        ({"extent_rule": "union", "phase": "own"}, "Use PHASE=shared"),
        ({"crs": "EPSG:1"}, "CRS: 'EPSG:1' is not known"),
        ({"name_pattern": "same.tif"}, "needs a \\$ for 2 images"),
        ({"reference": "absent.tif"}, "absent.tif cannot be opened"),
        ({"output_nodata": -1, "output_type": "uint8"}, "-1 does not fit pixels of type uint8"),
    ],
)
def test_bad_options_give_a_sentence(write, align, options, text):
    images = [write("a.tif", ramp()), write("b.tif", ramp(), transform=place(X + 5))]
    with pytest.raises(OrthoweaveError, match=text):
        align(images, **options)


def test_images_without_crs_or_place_are_refused_beside_others(write, align):
    with pytest.raises(IncompatibleImages, match="b.tif has no coordinate system and a.tif has"):
        align([write("a.tif", ramp()), write("b.tif", ramp(), crs=None)])
    with pytest.raises(IncompatibleImages, match="b.tif has no coordinate system and r.tif has"):
        reference = write("r.tif", ramp())
        align([write("b.tif", ramp(), crs=None)], reference=reference)
    found = align([write("n.tif", ramp(), crs=None, transform=None)])[0]
    np.testing.assert_array_equal(found.values[0], ramp())


def test_no_input_is_overwritten(write, align, tmp_path, fingerprint):
    a, reference = write("in/a.tif", ramp()), write("in/a_Align.tif", ramp())
    before = fingerprint(tmp_path / "in")
    for how in ({"name_pattern": "$"}, {"reference": reference}):
        with pytest.raises(InvalidOption, match="would be overwritten|is one of the inputs|input"):
            align([a], output_folder=str(tmp_path / "in"), **how)
    assert fingerprint(tmp_path / "in") == before


def test_a_cancelled_run_leaves_nothing(write, align, listen, tmp_path):
    images = [write(f"{n}.tif", ramp((300, 300)), transform=place(X + n)) for n in range(3)]
    heard = listen()
    align(images, heard)
    folder = tmp_path / "cancelled"
    for asked in range(1, heard.asked, 4):
        with pytest.raises(Cancelled):
            align(images, listen(cancel_after=asked), output_folder=str(folder))
        assert not folder.exists() or not list(folder.iterdir())


def test_names_with_blanks_dots_and_umlauts(write, align, tmp_path):
    path = write("Bänder v1.2/Ort ä.b.tif", ramp(dtype="uint8"))
    folder = tmp_path / "neue Größe v2.0"
    found = align([path], output_folder=str(folder), tap=True)[0]
    assert Path(found.dataset.GetDescription()).parent == folder
    assert found.result.output_layers == (str(folder / "Ort ä.b_Align.tif"),)


def test_views_are_stacked_without_writing(write):
    from orthoweave.core.raster import open_image

    images = [open_image(write(f"{n}.tif", ramp(), transform=place(X + 5 * n))) for n in range(2)]
    request = Request(images=tuple(image.path for image in images), output_folder="o")
    views = alignrasters.apply(images, request)
    assert views[0] is images[0]
    assert views[1].grid.matches(images[0].grid)


@pytest.mark.noisy
def test_odd_files_work_or_give_a_sentence(shared, align):
    done, said = [], []
    for path in sorted((shared / "odd_files").iterdir()):
        if path.suffix.lower() not in (".tif", ".tiff"):
            continue
        for how in ({}, {"tap": True}, {"crs": "EPSG:3857", "resampling": "cubic"}):
            try:
                align([str(path)], **how)
                done.append(path.name)
            except OrthoweaveError as error:
                said.append(f"{path.name}: {error}")
    assert len(set(done)) >= 15
    assert {text.partition(":")[0] for text in said} >= {"cog_gcps.tif", "slc.tif"}
    assert all(text.rstrip().endswith(".") for text in said)
