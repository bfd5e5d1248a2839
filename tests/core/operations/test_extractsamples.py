# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.operations import extractsamples
from orthoweave.core.raster.crs import parse_crs
from orthoweave.core.vector.features import Feature
from orthoweave.core.vector.layers import Layer, write_layers
from orthoweave.core.vector.rings import wkb_of
from orthoweave.core.vector.samplelayer import Fields, read_samples

HEIGHT, WIDTH = 90, 120
LEFT, TOP, STEP = 500000.0, 5000000.0, 10.0

BOXES = [
    (1, (3, 3, 23, 13), {"seed_0": "learn", "region": "a"}),
    (1, (60, 40, 70, 50), {"seed_0": "validation", "region": "a"}),
    (2, (30.4, 60.6, 41.2, 75.3), {"seed_0": "learn", "region": "b"}),
    (2, (100, 80, 118, 89), {"seed_0": "learn", "region": "a"}),
]


@pytest.fixture
def polygons(tmp_path):
    def make(rows=BOXES, name="truth.gpkg"):
        features = []
        for label, (left, top, right, bottom), more in rows:
            corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
            ring = np.array([(LEFT + STEP * x, TOP - STEP * y) for x, y in corners])
            features.append(Feature(wkb_of([(ring,)]), {"code": label, **more}))
        extra = sorted({key for _, _, more in rows for key in more})
        fields = (("code", "integer"), *((key, "string") for key in extra))
        layer = Layer("truth", "Polygon", parse_crs("EPSG:32633"), fields, tuple(features))
        return write_layers(str(tmp_path / name), [layer])

    return make


@pytest.fixture
def features():
    """Bands that hold column, row and a sum of both."""
    row, col = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([col, row, 1000 + 3 * col + row]).astype(np.int16)


def run(image, layer, tmp_path, progress=None, **more):
    request = extractsamples.Request(
        image=image, polygons=layer, field="code", output=str(tmp_path / "samples.gpkg"), **more
    )
    found = extractsamples.run(request, *([progress] if progress else []))
    return found, read_samples([found.output], Fields("code"))


def test_samples_are_the_pixels_whose_centers_lie_in_polygons(write, polygons, features, tmp_path):
    path = write("f.tif", features, names=("col", "row", "sum"))
    found, samples = run(path, polygons(), tmp_path)
    assert samples.names == ("col", "row", "sum")
    # columns 30.4 to 41.2 hold centers 30.5 to 40.5, rows 60.6 to 75.3 hold 61.5 to 74.5
    assert found.samples == 200 + 100 + 11 * 14 + 162
    col, row, total = samples.values.T
    np.testing.assert_array_equal(total, 1000 + 3 * col + row)
    np.testing.assert_allclose(samples.x, LEFT + STEP * (col + 0.5))
    np.testing.assert_allclose(samples.y, TOP - STEP * (row + 0.5))
    assert set(samples.groups.tolist()) == {1, 2, 3, 4}


def test_counts_equal_those_of_gdal(write, polygons, features, tmp_path):
    from osgeo import gdal

    path = write("f.tif", features)
    layer = polygons()
    run(path, layer, tmp_path)
    burned = gdal.GetDriverByName("MEM").Create("", WIDTH, HEIGHT, 1, gdal.GDT_Byte)
    burned.SetGeoTransform((LEFT, STEP, 0, TOP, 0, -STEP))
    source = gdal.OpenEx(layer)
    burned.SetProjection(source.GetLayer(0).GetSpatialRef().ExportToWkt())
    gdal.RasterizeLayer(burned, [1], source.GetLayer(0), options=["ATTRIBUTE=code"])
    _, samples = run(path, layer, tmp_path)
    counts = np.bincount(samples.labels, minlength=3)[1:]
    expected = [int((burned.ReadAsArray() == label).sum()) for label in (1, 2)]
    assert counts.tolist() == expected


@pytest.mark.parametrize(("threads", "window"), [(1, 32), (4, 32), (1, 96)])
def test_windows_and_threads_change_nothing(write, polygons, features, tmp_path, threads, window):
    path, layer = write("f.tif", features), polygons()
    how = {"strategy": "percent", "amount": 30.0, "erosion": 1}
    _, whole = run(path, layer, tmp_path, **how)
    _, again = run(path, layer, tmp_path, threads=threads, window_size=window, **how)
    np.testing.assert_array_equal(whole.values, again.values)
    np.testing.assert_array_equal(whole.groups, again.groups)


def test_pixels_that_are_not_valid_are_left_out_and_counted(write, polygons, features, tmp_path):
    values = features.astype(np.float32)
    values[1, 5, 5:9] = np.nan
    values[:, 45, 62] = -9999
    found, samples = run(write("f.tif", values, nodata=-9999), polygons(), tmp_path)
    assert found.invalid_pixels == 5
    assert np.isfinite(samples.values).all()
    assert not ((samples.values[:, 0] == 62) & (samples.values[:, 1] == 45)).any()


def test_a_run_takes_its_set_and_a_region_its_polygons(write, polygons, features, tmp_path):
    path, layer = write("f.tif", features), polygons()
    _, learned = run(path, layer, tmp_path, run=0)
    assert set(learned.groups.tolist()) == {1, 3, 4}
    _, validated = run(path, layer, tmp_path, run=0, part="validation")
    assert set(validated.groups.tolist()) == {2}
    _, inside = run(path, layer, tmp_path, run=0, region="a")
    assert set(inside.groups.tolist()) == {1, 4}


def test_a_pixel_of_two_sets_belongs_to_the_first_only(write, polygons, features, tmp_path):
    rows = [*BOXES, (1, (3, 3, 13, 13), {"seed_0": "validation", "region": "a"})]
    path, layer = write("f.tif", features), polygons(rows)
    _, learned = run(path, layer, tmp_path, run=0)
    _, validated = run(path, layer, tmp_path, run=0, part="validation")
    places = [set(zip(s.x.tolist(), s.y.tolist())) for s in (learned, validated)]
    assert not places[0] & places[1]


def test_conflicts_are_left_out_and_counted(write, polygons, features, tmp_path):
    rows = [*BOXES, (2, (3, 3, 13, 8), {"seed_0": "learn", "region": "a"})]
    found, _ = run(write("f.tif", features), polygons(rows), tmp_path)
    assert found.conflict_pixels == 50


def test_erosion_takes_the_edges_off(write, polygons, features, tmp_path, listen):
    rows = [*BOXES, (1, (80, 10, 83, 12), {"seed_0": "learn", "region": "a"})]
    heard = listen()
    found, samples = run(write("f.tif", features), polygons(rows), tmp_path, heard, erosion=2)
    assert int((samples.groups == 1).sum()) == 16 * 6
    # the small one is 3 × 2 px: all of them are at its edge
    assert int((samples.groups == 5).sum()) == 6
    assert found.eroded_polygons == 1
    assert any("1 polygons are narrower than the erosion" in text for text in heard.warnings)


def test_rates_are_written_in_the_known_layout(write, polygons, features, tmp_path):
    path = write("f.tif", features)
    found, _ = run(
        path,
        polygons(),
        tmp_path,
        strategy="constant",
        amount=50,
        output_rates=str(tmp_path / "r.csv"),
    )
    with open(found.output_rates, encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert lines[0] == "#className requiredSamples totalSamples rate"
    assert lines[1] == "1 50 300 0.166667"


def test_pixels_by_class_come_from_a_file(write, polygons, features, tmp_path):
    table = tmp_path / "rates.csv"
    table.write_text("region,label,count\na,1,10\nb,2,20\na,2,30\n")
    _, samples = run(
        write("f.tif", features), polygons(), tmp_path, strategy="byclass", rates=str(table)
    )
    assert np.bincount(samples.labels).tolist() == [0, 10, 50]


def test_samples_can_be_lent_to_another_region(write, polygons, features, tmp_path):
    table = tmp_path / "transfer.csv"
    table.write_text("source_region,destination_region,class,quantity\na,b,1,25\n")
    _, samples = run(write("f.tif", features), polygons(), tmp_path, transfer=str(table))
    regions = np.array(samples.regions)
    assert ((samples.labels == 1) & (regions == "b")).sum() == 25


def test_made_samples_even_out_the_classes(write, polygons, features, tmp_path):
    path = write("f.tif", features)
    _, samples = run(path, polygons(), tmp_path, run=0, augment="jitter")
    counts = np.bincount(samples.labels)[1:]
    assert counts[0] == counts[1]


def test_text_labels_stay_texts(write, polygons, features, tmp_path):
    from osgeo import gdal

    layer = str(tmp_path / "text.gpkg")
    sql = "SELECT geom, CASE code WHEN 1 THEN 'wood' ELSE 'crop' END AS code FROM truth"
    gdal.VectorTranslate(layer, polygons(), SQLStatement=sql, layerName="truth")
    _, samples = run(write("f.tif", features), layer, tmp_path)
    assert samples.named == ((1, "crop"), (2, "wood"))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"strategy": "byclass"}, "byclass and a file in RATES"),
        ({"strategy": "constant"}, "constant needs one above 0"),
        ({"strategy": "percent", "amount": 120}, "more than there are"),
        ({"augment": "smote", "part": "validation"}, "learned from"),
    ],
)
def test_options_that_do_not_fit_are_refused(more, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        extractsamples.Request(
            image="a.tif", polygons="a.gpkg", field="code", output="b.gpkg", **more
        )


def test_polygons_elsewhere_and_empty_sets_are_said(write, polygons, features, tmp_path):
    path = write("f.tif", features)
    away = polygons([(1, (500, 500, 510, 510), {})], "away.gpkg")
    with pytest.raises(InvalidOption, match="None of the 1 polygons of away.gpkg meets f"):
        run(path, away, tmp_path)
    with pytest.raises(InvalidOption, match="has no field 'seed_3'; split it first"):
        run(path, polygons(), tmp_path, run=3)
    with pytest.raises(InvalidOption, match="is learn in run 0 in region z"):
        run(path, polygons(), tmp_path, run=0, region="z")
    nothing = write("n.tif", np.zeros_like(features), nodata=0)
    with pytest.raises(InvalidOption, match="is valid in every band"):
        run(nothing, polygons(), tmp_path)
    assert not (tmp_path / "samples.gpkg").exists()


def test_a_pixel_that_lacks_one_band_is_no_candidate(write, polygons, features, tmp_path):
    # nodata of whole numbers: the file calls a pixel invalid only when every band lacks it
    features[1, 5, 4:9] = -10000
    path = write("f.tif", features, nodata=-10000)
    found, samples = run(path, polygons(), tmp_path)
    assert found.invalid_pixels == 5
    assert samples.values.min() > -10000
    assert found.samples == 200 + 100 + 11 * 14 + 162 - 5


def test_polygons_elsewhere_are_refused_with_both_extents(write, polygons, features, tmp_path):
    layer = polygons([(1, (5000, 3, 5010, 13), {}), (2, (5030, 3, 5040, 13), {})])
    with pytest.raises(InvalidOption, match=r"extents: 550000, .*; 500000, 4999100, 501200, 50000"):
        run(write("f.tif", features), layer, tmp_path)


def test_rates_that_name_no_class_are_refused_and_left_out_ones_said(
    write, polygons, features, tmp_path, listen
):
    path, layer, rates = write("f.tif", features), polygons(), tmp_path / "rates.csv"
    rates.write_text("label,count\n1,10\n", encoding="utf-8")
    heard = listen()
    found, _ = run(path, layer, tmp_path, heard, strategy="byclass", rates=str(rates))
    assert found.samples == 10
    assert heard.warnings == ["rates.csv asks for no sample of these classes: 2."]
    rates.write_text("a,b\n", encoding="utf-8")
    with pytest.raises(InvalidOption, match="rates.csv asks for none of the classes 1, 2"):
        run(path, layer, tmp_path, strategy="byclass", rates=str(rates))


def test_polygons_without_crs_are_refused(write, features, tmp_path):
    ring = np.array([(LEFT, TOP), (LEFT + 50, TOP), (LEFT + 50, TOP - 50), (LEFT, TOP)])
    rows = tuple(Feature(wkb_of([(ring,)]), {"code": label}) for label in (1, 2))
    layer = Layer("truth", "Polygon", "", (("code", "integer"),), rows)
    path = write_layers(str(tmp_path / "plain.gpkg"), [layer])
    with pytest.raises(InvalidOption, match=r"plain.gpkg has no CRS"):
        run(write("f.tif", features), path, tmp_path)


def test_a_table_is_read_before_any_pixel_and_says_what_is_wrong(
    write, polygons, features, tmp_path
):
    path, layer = write("f.tif", features), polygons()
    table = tmp_path / "table.csv"
    for text, options, sentence in (
        ("1;5\n", {"strategy": "byclass", "rates": str(table)}, "line 1: 1;5 does not have 2 or 3"),
        ("1,-5\n", {"strategy": "byclass", "rates": str(table)}, "line 1: 1,-5 does not have"),
        (
            "1,5\n1,6\n",
            {"strategy": "byclass", "rates": str(table)},
            "line 2: 1 stands here a second",
        ),
        ("a,b,1\n", {"transfer": str(table)}, "a,b,1 does not have 4 columns"),
        (
            "",
            {"augment": "jitter", "augment_amount": "minimum:x"},
            "'minimum:x' is neither balance",
        ),
    ):
        table.write_text(text)
        with pytest.raises(InvalidOption, match=sentence):
            run(path, layer, tmp_path, **options)
    assert not (tmp_path / "samples.gpkg").exists()


def test_what_tables_ask_in_vain_is_said(write, polygons, features, tmp_path, listen):
    table = tmp_path / "table.csv"
    table.write_text("source_region,destination_region,class,quantity\n01,b,1,5\na,b,77,1\n")
    rows = [(label, box, {**more, "region": "01"}) for label, box, more in BOXES]
    heard = listen()
    path = write("f.tif", features)
    _, samples = run(path, polygons(rows), tmp_path, heard, transfer=str(table))
    assert samples.regions.count("b") == 5  # a region called 01 stays 01
    assert "table.csv names classes that truth.gpkg does not have: 77." in heard.warnings
    assert any("region a has 0 samples of class 77" in text for text in heard.warnings)


def test_the_rates_have_a_line_for_each_class(write, polygons, features, tmp_path):
    rates = tmp_path / "rates.csv"
    run(write("f.tif", features), polygons(), tmp_path, output_rates=str(rates))
    first = [line.split(" ")[0] for line in rates.read_text().splitlines()[1:]]
    assert first == ["1", "2"]  # class 2 lies in two regions


def test_polygons_that_hold_no_pixel_are_counted(write, polygons, features, tmp_path, listen):
    tiny = (2, (50.6, 50.6, 50.9, 50.9), {"seed_0": "learn", "region": "a"})
    heard, path = listen(), write("f.tif", features)
    run(path, polygons([*BOXES, tiny]), tmp_path, heard)
    assert any(text.startswith("1 polygons of truth.gpkg hold no pixel") for text in heard.warnings)
    with pytest.raises(InvalidOption, match="too small: none holds the center of a pixel of f"):
        run(path, polygons([tiny], "tiny.gpkg"), tmp_path)


@pytest.mark.parametrize("given", ["x", None])
def test_polygons_of_another_making_may_call_their_origin_anything(
    write, polygons, features, tmp_path, given
):
    rows = [(label, box, {"originfid": given or "y"}) for label, box, _ in BOXES]
    rows[0] = (rows[0][0], rows[0][1], {"originfid": given})
    _, samples = run(write("f.tif", features), polygons(rows), tmp_path)
    assert len(set(samples.groups.tolist())) == (1 if given else 4)


def test_fields_that_a_table_cannot_have_are_refused_before_work(write, polygons, tmp_path):
    image = write("f.tif", np.ones((2, 90, 120), np.uint8), names=("fid", "b"))
    with pytest.raises(InvalidOption, match="Two fields would be called fid"):
        run(image, polygons(), tmp_path)
    many = write("g.tif", np.ones((2000, 9, 9), np.uint8))
    with pytest.raises(InvalidOption, match="2000 features do not fit into samples.gpkg"):
        run(many, polygons(), tmp_path)
