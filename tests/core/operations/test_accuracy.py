# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import csv
import json
import os

import numpy as np
import pytest
from orthoweave.core.errors import IncompatibleImages, InvalidOption
from orthoweave.core.exchange import assessments
from orthoweave.core.operations import accuracy
from orthoweave.core.raster import open_image
from orthoweave.core.raster.palette import palette_style, read_palette
from orthoweave.core.report import confusion
from orthoweave.core.vector.features import Feature
from orthoweave.core.vector.layers import Layer, write_layers
from orthoweave.core.vector.rings import wkb_of
from orthoweave.core.workflow import comparing

HEIGHT, WIDTH = 90, 120
LEFT, TOP, STEP = 500000.0, 5000000.0, 10.0


def box(left, top, right, bottom):
    """Return a rectangle of pixels as a shape on the grid of the fixture `write`."""
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return wkb_of([(np.array([(LEFT + STEP * x, TOP - STEP * y) for x, y in corners]),)])


@pytest.fixture
def polygons(tmp_path):
    """Write (label, box, {field: value}) as a layer; labels may be text."""

    def make(rows, name="truth.gpkg", crs="EPSG:32633"):
        from orthoweave.core.raster.crs import parse_crs

        extra = sorted({key for _, _, more in rows for key in more})
        kind = "string" if isinstance(rows[0][0], str) else "integer"
        fields = (("code", kind), *((key, "string") for key in extra))
        features = tuple(
            Feature(box(*edges), {"code": label, **more}) for label, edges, more in rows
        )
        path = str(tmp_path / name)
        return write_layers(path, [Layer("truth", "Polygon", parse_crs(crs), fields, features)])

    return make


ROWS = [
    (11, (0, 0, 20, 10), {"seed_0": "validation"}),
    (11, (0, 60, 10, 70), {"seed_0": "validation"}),
    (12, (60, 0, 80, 10), {"seed_0": "validation"}),
    (31, (90, 60, 100, 80), {"seed_0": "validation"}),
    (31, (60, 30, 70, 40), {"seed_0": "learn"}),
]


@pytest.fixture
def land():
    """A map of classes 11, 12 and 31, with a strip that nobody classified."""
    labels = np.full((HEIGHT, WIDTH), 31, np.uint8)
    labels[:, :50] = 11
    labels[:40, 50:] = 12
    labels[60:62] = 0
    return labels


def request(images, layer, tmp_path, **more):
    how = {"bootstrap": 50, "output_folder": str(tmp_path / "out"), **more}
    return accuracy.Request(images=tuple(images), polygons=layer, field="code", **how)


@pytest.fixture(autouse=True)
def plain_figures(request, monkeypatch):
    """Draw small confusion figures, which take longer than all the rest."""
    if "files_of_iota2" not in request.node.name:
        monkeypatch.setattr(assessments, "DPI", 10)
        monkeypatch.setattr(confusion, "DPI", 10)


def results(tmp_path):
    with open(tmp_path / "out" / "RESULTS.json", encoding="utf-8") as file:
        return json.load(file)


def test_every_pixel_is_counted_once_where_it_belongs(write, polygons, land, tmp_path):
    land[0, :5] = 12
    path = write("land.tif", land, nodata=0)
    found = accuracy.run(request([path], polygons(ROWS), tmp_path))
    counts = results(tmp_path)["runs"][0]
    assert counts["labels"] == [11, 12, 31]
    # two rows of the second polygon (20 px) and of the fourth (20 px) are not classified
    assert counts["counts"] == [[275, 5, 0], [0, 200, 0], [0, 0, 180]]
    assert found.pixels_not_mapped == 40
    assert found.accuracy == pytest.approx(655 / 660)
    assert counts["mapped_pixels"] == [int((land == label).sum()) for label in (11, 12, 31)]


def test_the_difference_map_says_right_and_wrong_by_role(write, polygons, land, tmp_path):
    path = write("land.tif", land, nodata=0)
    accuracy.run(request([path], polygons(ROWS), tmp_path))
    image = open_image(str(tmp_path / "out" / "diff_seed_0.tif"))
    found = image.read(image.grid.window).values[0]
    assert found.max() == 3
    assert (found[:10, :20] == 2).all()
    assert (found[60:62] == 0).all()
    # the learn polygon of 31 lies in 12
    assert (found[30:40, 60:70] == 3).all()
    assert np.count_nonzero(found) == 300 - 20 + 200 + 200 - 20 + 100


@pytest.mark.parametrize(("threads", "side"), [(1, 64), (4, 64), (1, 512)])
def test_windows_and_threads_change_nothing(
    write, polygons, land, tmp_path, monkeypatch, threads, side
):
    path = write("land.tif", land, nodata=0)
    whole = accuracy.run(request([path], polygons(ROWS), tmp_path))
    before = (tmp_path / "out" / "RESULTS.json").read_bytes()
    monkeypatch.setattr(comparing, "SIDE", side)
    again = accuracy.run(
        request([path], polygons(ROWS), tmp_path, threads=threads, window_size=side)
    )
    assert again == whole
    assert (tmp_path / "out" / "RESULTS.json").read_bytes() == before


def test_nodata_is_no_class(write, polygons, land, tmp_path):
    land[60:62] = 255
    path = write("land.tif", land, nodata=255)
    accuracy.run(request([path], polygons(ROWS), tmp_path))
    assert results(tmp_path)["runs"][0]["labels"] == [11, 12, 31]


def test_runs_get_their_own_fields_and_a_spread(write, polygons, land, tmp_path):
    rows = [
        (label, edges, {"seed_0": "validation", "seed_1": role})
        for (label, edges, _), role in zip(ROWS, ["validation", "learn"] * 3)
    ]
    second = land.copy()
    second[:10, :20] = 12
    paths = [write("a.tif", land, nodata=0), write("b.tif", second, nodata=0)]
    found = accuracy.run(request(paths, polygons(rows), tmp_path))
    runs = results(tmp_path)["runs"]
    assert runs[0]["polygons"] == [2, 1, 2]
    assert runs[1]["polygons"] == [1, 1, 1]
    text = (tmp_path / "out" / "RESULTS.txt").read_text()
    mean = (runs[0]["overall"] + runs[1]["overall"]) / 2
    half = 12.7062 * abs(runs[0]["overall"] - runs[1]["overall"]) / 2
    assert f"OA : {mean:.3f} +- {half:.3f}" in text
    assert found.accuracy == pytest.approx(mean)
    assert sorted(os.path.basename(path) for path in found.output_layers) == [
        "diff_seed_0.tif",
        "diff_seed_1.tif",
    ]


def test_the_files_of_iota2_are_there(write, polygons, land, tmp_path):
    pytest.importorskip("matplotlib")
    path = write("land.tif", land, nodata=0)
    accuracy.run(request([path], polygons(ROWS), tmp_path))
    names = set(os.listdir(tmp_path / "out"))
    assert names >= {
        "RESULTS.txt",
        "RESULTS.json",
        "RESULTS.html",
        "AREAS.csv",
        "Confusion_Matrix_Classif_Seed_0.png",
        "diff_seed_0.tif",
    }
    told = read_palette(str(tmp_path / "out" / "diff_seed_0.tif"))
    assert told[1] == ("validation: wrong", "#ca0020") and sorted(told) == [1, 2, 3, 4]
    assert set(os.listdir(tmp_path / "out" / "TMP")) == {
        "Classif_Seed_0.csv",
        "ClassificationResults_seed_0.txt",
    }


def test_areas_are_in_hectares(write, polygons, land, tmp_path):
    path = write("land.tif", land, nodata=0)
    names = tmp_path / "names.txt"
    names.write_text("summer crop:11\nwinter crop:12\nwood:31\n")
    accuracy.run(request([path], polygons(ROWS), tmp_path, nomenclature=str(names)))
    with open(tmp_path / "out" / "AREAS.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["summer crop", "winter crop", "wood"]
    # 100 m² a pixel
    assert float(rows[0]["mapped_ha"]) == pytest.approx((land == 11).sum() / 100)
    assert float(rows[0]["estimated_ha"]) == pytest.approx((land == 11).sum() / 100, rel=1e-3)


def test_text_labels_are_coded_by_the_alphabet(write, polygons, tmp_path):
    land = np.full((HEIGHT, WIDTH), 1, np.uint8)
    land[:, 60:] = 2
    path = write("land.tif", land, nodata=0)
    rows = [("wood", (70, 0, 80, 10), {}), ("crop", (0, 0, 10, 10), {})]
    found = accuracy.run(request([path], polygons(rows), tmp_path))
    assert found.accuracy == 1
    assert results(tmp_path)["classes"] == {"1": "crop", "2": "wood"}


@pytest.mark.parametrize("told", ["style", "nomenclature"])
def test_text_labels_get_the_numbers_of_the_map_whatever_classes_there_are(
    write, polygons, tmp_path, told
):
    names = {1: "crop", 2: "grass", 3: "wood"}
    land = np.full((HEIGHT, WIDTH), 1, np.uint8)
    land[:, 60:] = 3
    path, more = write("land.tif", land, nodata=0), {}
    if told == "style":
        palette_style(path, [(n, name, "#00ff00", 255) for n, name in names.items()])
    else:
        listed = tmp_path / "names.txt"
        listed.write_text("".join(f"{name}:{n}\n" for n, name in names.items()))
        more["nomenclature"] = str(listed)
    # without grass, wood would be number 2 by the alphabet; the map knows nothing of water
    rows = [("wood", (70, 0, 80, 10), {}), ("crop", (0, 0, 10, 10), {})]
    assert accuracy.run(request([path], polygons(rows), tmp_path, **more)).accuracy == 1
    rows.append(("water", (0, 20, 10, 40), {}))
    assert accuracy.run(request([path], polygons(rows), tmp_path, **more)).accuracy == 0.5
    assert results(tmp_path)["classes"] == {"1": "crop", "3": "wood", "4": "water"}


def test_each_run_has_its_areas(write, polygons, land, tmp_path):
    other = land.copy()
    other[:, :10] = 12
    paths = [write("a.tif", land, nodata=0), write("b.tif", other, nodata=0)]
    rows = [(label, box, {**values, "seed_1": "validation"}) for label, box, values in ROWS]
    accuracy.run(request(paths, polygons(rows), tmp_path))
    with open(tmp_path / "out" / "AREAS.csv", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    for run, one in enumerate((land, other)):
        mapped = [float(row["mapped_ha"]) for row in table if row["run"] == str(run)]
        assert mapped == pytest.approx([(one == label).sum() / 100 for label in (11, 12, 31)])
    page = (tmp_path / "out" / "RESULTS.html").read_text()
    assert all(f"{title}, run {run}" in page for title in ("Areas", "Reference") for run in (0, 1))


def test_polygons_of_another_crs_are_brought_to_the_map(write, polygons, land, tmp_path):
    from osgeo import gdal

    path = write("land.tif", land, nodata=0)
    there = str(tmp_path / "geographic.gpkg")
    gdal.VectorTranslate(there, polygons(ROWS), dstSRS="EPSG:4326")
    accuracy.run(request([path], there, tmp_path))
    counts = np.array(results(tmp_path)["runs"][0]["counts"])
    # centers lie half a pixel from the edges
    assert np.diag(counts).tolist() == [280, 200, 180]


def test_pixels_of_two_labels_are_left_out_and_counted(write, polygons, land, tmp_path, listen):
    path = write("land.tif", land, nodata=0)
    rows = [*ROWS, (12, (10, 0, 20, 10), {"seed_0": "validation"})]
    heard = listen()
    found = accuracy.run(request([path], polygons(rows), tmp_path), heard)
    assert found.conflict_pixels == 100
    assert any("100 pixels lie in polygons" in text for text in heard.warnings)


def test_strata_weigh_their_share(write, polygons, land, tmp_path):
    strata = np.ones((HEIGHT, WIDTH), np.uint8)
    strata[45:] = 2
    path, layer = write("land.tif", land, nodata=0), write("strata.tif", strata)
    accuracy.run(request([path], polygons(ROWS), tmp_path, strata=layer))
    estimates = results(tmp_path)["runs"][0]["estimates"]
    assert estimates["assessed"] == 1
    assert estimates["overall"] == 1


def test_a_map_that_learned_from_the_polygons_is_marked(write, polygons, land, tmp_path):
    path = write("land.tif", land, nodata=0)
    accuracy.run(request([path], polygons(ROWS), tmp_path, part="learn"))
    assert results(tmp_path)["independent"] is False
    assert "not independent" in (tmp_path / "out" / "RESULTS.txt").read_text()


def test_a_map_of_numbers_is_refused(write, polygons, land, tmp_path):
    path = write("land.tif", land.astype(np.float32))
    with pytest.raises(IncompatibleImages, match="1 band of float32; a class map has one band of"):
        accuracy.run(request([path], polygons(ROWS), tmp_path))


def test_polygons_elsewhere_are_refused_before_anything_is_written(write, polygons, land, tmp_path):
    path = write("land.tif", land, nodata=0)
    layer = polygons([(11, (500, 500, 510, 510), {})])
    with pytest.raises(InvalidOption, match="None of the 1 polygons of truth.gpkg meets land"):
        accuracy.run(request([path], layer, tmp_path))
    assert not any((tmp_path / "out").rglob("*.*"))


def test_a_set_that_is_empty_is_named(write, polygons, land, tmp_path):
    path = write("land.tif", land, nodata=0)
    rows = [(label, edges, {"seed_0": "learn"}) for label, edges, _ in ROWS]
    with pytest.raises(InvalidOption, match="No polygon of truth.gpkg is validation in .*seed_0"):
        accuracy.run(request([path], polygons(rows), tmp_path))


def test_a_map_without_classes_under_the_polygons_is_said(write, polygons, land, tmp_path):
    path = write("land.tif", np.zeros_like(land), nodata=0)
    with pytest.raises(InvalidOption, match="there is nothing to compare"):
        accuracy.run(request([path], polygons(ROWS), tmp_path))


def test_several_runs_need_a_field_for_each(tmp_path):
    with pytest.raises(InvalidOption, match="needs a \\$"):
        request(["a.tif", "b.tif"], "t.gpkg", tmp_path, run_field="seed")


def test_strata_count_where_they_lie(write, polygons, land, tmp_path):
    place = (LEFT + 60 * STEP, STEP, 0.0, TOP, 0.0, -STEP)
    strata = write("strata.tif", np.full((40, 40), 7, np.uint8), transform=place)
    accuracy.run(
        request([write("land.tif", land, nodata=0)], polygons(ROWS), tmp_path, strata=strata)
    )
    counted = results(tmp_path)["runs"][0]["estimates"]
    assert counted["not_assessed"] == [] and counted["overall"] == 1


def test_negative_labels_are_no_classes_and_large_ones_are_refused(write, polygons, land, tmp_path):
    signed = land.astype(np.int16)
    signed[land == 31] = -31
    found = accuracy.run(request([write("a.tif", signed)], polygons(ROWS), tmp_path))
    assert found.pixels_not_mapped == 220 and found.accuracy == 1
    assert "-31" not in results(tmp_path)["classes"]
    large = write("b.tif", land.astype(np.int32) * 7000)
    with pytest.raises(IncompatibleImages, match="b has the label 217000"):
        accuracy.run(request([large], polygons(ROWS), tmp_path))


def test_a_map_of_other_labels_than_the_reference_is_said(write, polygons, land, tmp_path, listen):
    heard = listen()
    path = write("land.tif", (land + (land > 0) * 100).astype(np.uint8), nodata=0)
    accuracy.run(request([path], polygons(ROWS), tmp_path), heard)
    assert any("(11, 12, 31) is on land (111, 112, 131)" in text for text in heard.warnings)


def test_results_never_replace_the_names_that_were_given(write, polygons, land, tmp_path):
    (tmp_path / "out").mkdir()
    names = tmp_path / "out" / "RESULTS.txt"
    names.write_text("crop:11\n")
    path = write("land.tif", land, nodata=0)
    with pytest.raises(InvalidOption, match="overwrite the input RESULTS.txt"):
        accuracy.run(request([path], polygons(ROWS), tmp_path, nomenclature=str(names)))
    assert names.read_text() == "crop:11\n" and len(list(tmp_path.glob("out/*"))) == 1
