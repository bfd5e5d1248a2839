# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, ImageIOError, IncompatibleImages, InvalidOption
from orthoweave.core.exchange.legend import read_legend
from orthoweave.core.landcover.forest import Node, grown
from orthoweave.core.landcover.models import Model, load_model, save_model
from orthoweave.core.landcover.preparing import plain
from orthoweave.core.landcover.randomforest import ForestRule
from orthoweave.core.landcover.samples import Samples
from orthoweave.core.landcover.settings import Settings
from orthoweave.core.landcover.training import train
from orthoweave.core.operations.classify import Request, run
from osgeo import gdal, ogr

NAMES = ("x_a", "x_b", "x_c")
FOREIGN = """%YAML:1.0
opencv_ml_rtrees:
   var_count: 2
   class_labels: [ 5, 7, 9 ]
   ntrees: 2
   trees:
      - nodes:
            - { depth: 0, norm_class_idx: 0, splits:[ { var:1, quality:1., le:1.5e+00 } ] }
            - { depth: 1, norm_class_idx: 0 }
            - { depth: 1, norm_class_idx: 1 }
      - nodes:
            - { depth: 0, norm_class_idx: 2 }
"""
CENTERS = np.array([[100, 500, 900], [500, 100, 300], [900, 900, 100]], float)


@pytest.fixture
def model(tmp_path):
    """Save a Gaussian model of three classes: model(labels=(11, 12, 300))."""

    def make(labels=(11, 12, 31), name="m.owm"):
        rng = np.random.default_rng(0)
        codes = np.repeat(np.arange(3), 60)
        values = CENTERS[codes] + rng.normal(0, 90, (180, 3))
        samples = Samples(values, np.array(labels)[codes], np.arange(180) // 6, NAMES)
        found = train(samples, Settings(classifier="maxlik", shrinkage=0.1)).model
        return save_model(found, str(tmp_path / name))

    return make


def scene(shape=(70, 90), seed=1):
    """Return classes[row, col] 0-2 and features[band, row, col]."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, (shape[0] // 10 + 1, shape[1] // 10 + 1))
    classes = classes.repeat(10, 0).repeat(10, 1)[: shape[0], : shape[1]]
    values = np.moveaxis(CENTERS[classes], -1, 0) + rng.normal(0, 90, (3, *shape))
    return classes, np.clip(np.rint(values), 1, 2000).astype(np.uint16)


@pytest.fixture
def classified(tmp_path, read_back):
    """Classify: classified(image, model, mask=…) -> labels read back, with .result."""
    count = iter(range(100))

    def make(image, model, progress=None, **options):
        output = options.pop("output", str(tmp_path / "out" / f"{next(count)}.tif"))
        request = Request(image=image, model=model, output=output, **options)
        result = run(*([request, progress] if progress else [request]))
        found = read_back(result.output)
        found.result, found.labels = result, found.values[0]
        return found

    return make


def layers(tmp_path):
    return {
        "output_confidence": str(tmp_path / "conf.tif"),
        "output_probability": str(tmp_path / "prob.tif"),
    }


def test_classes_are_found_with_confidence_and_probabilities(
    write, model, classified, tmp_path, read_back
):
    classes, values = scene()
    found = classified(write("a.tif", values, names=NAMES), model(), **layers(tmp_path))
    truth = np.array([11, 12, 31])[classes]
    assert (found.labels == truth).mean() > 0.99
    assert found.nodata == 0 and found.labels.dtype == np.uint8
    confidence = read_back(str(tmp_path / "conf.tif")).values[0]
    probability = read_back(str(tmp_path / "prob.tif"))
    assert abs(probability.values.sum(0).astype(int) - 1000).max() <= 1  # rounded one by one
    winner = probability.values.argmax(0)
    sure = np.sort(probability.values, 0)[-1] > 501
    np.testing.assert_array_equal(np.array([11, 12, 31])[winner][sure], found.labels[sure])
    assert (abs(confidence * 10.0 - probability.values.max(0)) <= 10).all()
    assert probability.dataset.GetRasterBand(2).GetDescription() == "12"
    assert confidence.dtype == np.uint8 and probability.values.dtype == np.uint16
    style = Path(found.result.output).with_suffix(".qml").read_text()
    assert 'value="31"' in style
    assert found.result.classified_pixels == classes.size


@pytest.mark.parametrize("how", [{"threads": 1}, {"threads": 3, "window_size": 32}, {"memory": 64}])
def test_the_same_bytes_for_any_threads_windows_and_memory(write, model, classified, tmp_path, how):
    image = write("a.tif", scene((600, 700))[1], names=NAMES)
    path = model()
    files = [tmp_path / "conf.tif", tmp_path / "prob.tif"]
    first = classified(image, path, threads=2, **layers(tmp_path))
    before = [file.read_bytes() for file in files]
    second = classified(image, path, **how, **layers(tmp_path))
    np.testing.assert_array_equal(first.labels, second.labels)
    if "memory" not in how:
        assert [file.read_bytes() for file in files] == before


def test_nodata_nan_and_masked_pixels_get_nothing(write, model, classified, tmp_path, read_back):
    _, values = scene()
    holes = values.astype(np.float32)
    holes[1, :10] = np.nan
    holes[2, 10:20] = -9
    clear = np.full(values.shape[1:], 3, np.uint8)
    clear[20:30], clear[30:40] = 0, 1
    image = write("a.tif", holes, names=NAMES, nodata=-9)
    mask = write("mask.tif", clear)
    found = classified(image, model(), mask=mask, min_clear=2, **layers(tmp_path))
    assert (found.labels[:40] == 0).all() and (found.labels[40:] > 0).all()
    assert found.result.classified_pixels == (found.labels > 0).sum()
    for name in ("conf.tif", "prob.tif"):
        layer = read_back(str(tmp_path / name)).values
        assert (layer[:, :40] == 0).all() and (layer[:, 40:].max(0) > 0).all()
    plainly = classified(write("b.tif", values, names=NAMES), model())
    np.testing.assert_array_equal(found.labels[40:], plainly.labels[40:])


def test_an_image_without_valid_pixels_gives_an_empty_map(write, model, classified, listen):
    heard = listen()
    image = write("a.tif", np.zeros((3, 20, 20), np.uint16), names=NAMES, nodata=0)
    found = classified(image, model(), heard)
    assert (found.labels == 0).all() and any("map is empty" in text for text in heard.warnings)


@pytest.mark.parametrize("labels, kind", [((11, 12, 255), np.uint8), ((300, 12, 256), np.uint16)])
def test_the_largest_label_chooses_the_type(write, model, classified, labels, kind):
    classes, values = scene()
    found = classified(write("a.tif", values, names=NAMES), model(labels))
    assert found.labels.dtype == kind
    assert (found.labels == np.array(labels)[classes]).mean() > 0.99


def test_a_nomenclature_names_colors_and_widens(write, model, classified, tmp_path):
    names, colors = tmp_path / "n.txt", tmp_path / "c.txt"
    names.write_text("late:300\nmaize: tall:11\nwheat:12\nwood:31\n")
    colors.write_text("11 255 0 0\n12 0 255 0\n31 0 0 255\n")
    image = write("a.tif", scene()[1], names=NAMES)
    found = classified(image, model(), nomenclature=str(names), colors=str(colors))
    assert found.labels.dtype == np.uint16  # 300 stands in the list
    style = Path(found.result.output).with_suffix(".qml").read_text()
    assert "maize: tall" in style and "#0000ff" in style


def test_the_numbers_of_text_classes_are_told_beside_the_map(write, model, classified, tmp_path):
    image = write("a.tif", scene()[1], names=NAMES)
    found = load_model(model((1, 2, 3)))
    path = save_model(replace(found, names=("maize", "wheat", "wood")), str(tmp_path / "t.owm"))
    colors = tmp_path / "c.txt"
    colors.write_text("1 255 0 0\n2 0 255 0\n3 0 0 255\n")
    output = Path(classified(image, path, colors=str(colors)).result.output)
    told = output.with_suffix(".nomenclature.txt")
    assert told.read_text() == "maize:1\nwheat:2\nwood:3\n"
    assert read_legend(str(told)).names == {1: "maize", 2: "wheat", 3: "wood"}
    style = output.with_suffix(".qml").read_text()
    assert 'label="maize" color="#ff0000"' in style
    # whoever has given names needs none, and numbers name themselves
    given = classified(image, path, nomenclature=str(told)).result.output
    plain = classified(image, model((1, 2, 3))).result.output
    for one in (given, plain):
        assert not Path(one).with_suffix(".nomenclature.txt").exists()


def test_bands_are_found_by_name_in_any_order(write, model, classified, listen):
    _, values = scene()
    straight = classified(write("a.tif", values, names=NAMES), model())
    extra = np.concatenate([values[::-1], values[:1]])
    heard = listen()
    mixed = classified(write("b.tif", extra, names=("x_c", "X_B", "x_a", "y")), model(), heard)
    np.testing.assert_array_equal(mixed.labels, straight.labels)
    assert any("by their names" in text for text in heard.infos)
    unnamed = classified(write("c.tif", values), model())
    np.testing.assert_array_equal(unnamed.labels, straight.labels)


def test_features_that_are_missing_get_a_sentence(write, model, classified):
    _, values = scene()
    with pytest.raises(InvalidOption, match="lacks x_c, which the model needs; it has z instead"):
        classified(write("a.tif", values, names=("x_a", "x_b", "z")), model())
    with pytest.raises(InvalidOption, match="The model needs 3 features; b has 2"):
        classified(write("b.tif", values[:2]), model())


def votes(*shares):
    """A model whose trees vote for class k so many times, whatever the pixel."""
    trees = [[Node(0, k, None)] for k, share in enumerate(shares) for _ in range(share)]
    rule = ForestRule(grown(trees, len(shares), 3))
    labels = tuple(range(1, len(shares) + 1))
    return Model("rf", rule, plain(3), labels, tuple(map(str, labels)), NAMES)


@pytest.mark.parametrize("unit, value", [("percent", 29), ("fraction", np.float32(0.29))])
def test_confidence_is_the_exact_share_of_votes(
    write, classified, tmp_path, read_back, unit, value
):
    path = save_model(votes(28, 29, 29, 14), str(tmp_path / "v.owm"))
    image = write("a.tif", scene((5, 5))[1], names=NAMES)
    found = classified(image, path, confidence_unit=unit, **layers(tmp_path))
    assert (found.labels == 2).all()  # the lower label of a tie
    assert (read_back(str(tmp_path / "conf.tif")).values == value).all()


def test_every_share_of_100_trees_is_rounded_right():
    from orthoweave.core.landcover.classified import in_unit

    count = np.arange(1001)
    for trees in (3, 7, 100, 128, 1000):
        shares = count[: trees + 1]
        np.testing.assert_array_equal(in_unit(shares / trees, "percent"), 100 * shares // trees)


def regions(path, crs=32633):
    """Two regions side by side, and one without model."""
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    from osgeo import osr

    reference = osr.SpatialReference()
    reference.ImportFromEPSG(crs)
    layer = dataset.CreateLayer("r", reference, ogr.wkbPolygon)
    layer.CreateField(ogr.FieldDefn("region", ogr.OFTString))
    for name, left, right in (("west", 0, 300), ("east", 300, 600), ("none", 600, 900)):
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetField("region", name)
        corners = ((left, 0), (right, 0), (right, -700), (left, -700), (left, 0))
        ring = ", ".join(f"{500000 + x} {5000000 + y}" for x, y in corners)
        feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POLYGON (({ring}))"))
        layer.CreateFeature(feature)
    return str(path)


def test_each_region_has_its_model_and_bands_are_those_of_all(
    write, classified, tmp_path, read_back, listen
):
    for name, shares, labels in (("w", (3, 1), (5, 9)), ("e", (1, 3), (7, 8))):
        made = votes(*shares)
        found = Model("rf", made.rule, made.preparation, labels, ("a", "b"), NAMES)
        save_model(found, str(tmp_path / f"{name}.owm"))
    (tmp_path / "t.csv").write_text("region,model\nwest,w.owm\neast,e.owm\n")
    image, heard = write("a.tif", scene()[1], names=NAMES), listen()
    found = classified(
        image,
        None,
        heard,
        regions=regions(tmp_path / "r.gpkg"),
        model_table=str(tmp_path / "t.csv"),
        **layers(tmp_path),
    )
    expected = np.repeat([5, 8, 0], 30)[None].repeat(70, 0)
    np.testing.assert_array_equal(found.labels, expected)
    probability = read_back(str(tmp_path / "prob.tif")).values[:, 0, ::30]
    np.testing.assert_array_equal(probability.T, [[750, 0, 0, 250], [0, 250, 750, 0], [0] * 4])
    assert any("none" in text for text in heard.warnings)


def test_labels_of_a_foreign_forest_are_decoded(write, classified, tmp_path, listen):
    (tmp_path / "model.txt").write_text(FOREIGN)
    (tmp_path / "c.csv").write_text("model_label,label\n5,31\n7,11\n9,12\n")
    image = write("a.tif", np.array([[[0, 1]], [[1, 2]]], np.float32))
    heard = listen()
    found = classified(image, str(tmp_path / "model.txt"), heard, classes=str(tmp_path / "c.csv"))
    # votes: (5, 9) and (7, 9): after decoding ties go to the lowest new label
    np.testing.assert_array_equal(found.labels, [[12, 11]])
    assert any("matched by number" in text for text in heard.infos)
    (tmp_path / "c.csv").write_text("5,31\n7,11\n")
    with pytest.raises(InvalidOption, match="what the labels 9 mean"):
        classified(image, str(tmp_path / "model.txt"), classes=str(tmp_path / "c.csv"))


def objects(path, rows):
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = dataset.CreateLayer("o", None, ogr.wkbPolygon)
    for name in ("note", *NAMES):
        kind = ogr.OFTString if name == "note" else ogr.OFTReal
        layer.CreateField(ogr.FieldDefn(name, kind))
    for values in rows:
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetField("note", "kept")
        for name, value in zip(NAMES, values):
            if value is not None:
                feature.SetField(name, float(value))
        feature.SetGeometry(ogr.CreateGeometryFromWkt("POLYGON ((0 0, 1 0, 1 1, 0 0))"))
        layer.CreateFeature(feature)
    return str(path)


def test_objects_are_classified_by_their_attributes(model, tmp_path):
    source = objects(tmp_path / "o.gpkg", [*CENTERS, (100, None, 900)])
    output = str(tmp_path / "done.gpkg")
    result = run(Request(model=model(), objects=source, output_objects=output))
    assert result.classified_objects == 3 and result.output is None
    dataset = ogr.Open(output)
    rows = [(f["label"], f["note"], f["confidence"] > 90) for f in dataset.GetLayer(0)]
    assert rows == [(11, "kept", True), (12, "kept", True), (31, "kept", True), (0, "kept", False)]


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({}, "IMAGE"),
        ({"image": "a.tif", "output": None}, "OUTPUT"),
        ({"objects": "o.gpkg"}, "OUTPUT_OBJECTS"),
        ({"image": "a.tif", "output": "b.tif"}, "MODEL"),
        ({"image": "a.tif", "output": "b.tif", "regions": "r.gpkg"}, "MODEL_TABLE"),
    ],
)
def test_what_is_missing_is_named(options, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        run(Request(**options))


def test_tables_that_are_none_get_a_sentence(write, model, classified, tmp_path):
    image, path = write("a.tif", scene()[1], names=NAMES), model()
    for text, sentence in (("11;3\n", "line 1"), ("11,x\n", "no pair of labels")):
        (tmp_path / "c.csv").write_text(text)
        with pytest.raises(InvalidOption, match=sentence):
            classified(image, path, classes=str(tmp_path / "c.csv"))
    with pytest.raises(ImageIOError, match="gone.csv cannot be read"):
        classified(image, path, classes=str(tmp_path / "gone.csv"))
    (tmp_path / "t.csv").write_text("west,m.owm\n")
    with pytest.raises(InvalidOption, match="no field 'zone'"):
        classified(
            image,
            path,
            regions=regions(tmp_path / "r.gpkg"),
            model_table=str(tmp_path / "t.csv"),
            region_field="zone",
        )
    with pytest.raises(InvalidOption, match="lacks the fields x_a"):
        run(
            Request(
                model=path,
                objects=regions(tmp_path / "q.gpkg"),
                output_objects=str(tmp_path / "z.gpkg"),
            )
        )


def test_a_label_that_no_map_can_hold_gets_a_sentence():
    from orthoweave.core.landcover.classified import label_type

    with pytest.raises(InvalidOption, match="above 65535"):
        label_type(65536)


def test_a_run_that_is_stopped_leaves_no_file(write, model, classified, listen, tmp_path):
    image = write("a.tif", scene((600, 700))[1], names=NAMES)
    with pytest.raises(Cancelled):
        classified(image, model(), listen(cancel_after=2), window_size=64, **layers(tmp_path))
    assert not list(tmp_path.glob("out/*")) and not list(tmp_path.glob("*conf*"))


def test_inputs_are_never_overwritten(write, model, classified):
    image = write("a.tif", scene()[1], names=NAMES)
    with pytest.raises(InvalidOption):
        classified(image, model(), output=image)


def test_a_single_pixel_and_a_rotated_grid_are_classified(write, model, classified):
    turned = (500000.0, 8.0, 3.0, 5000000.0, 3.0, -8.0)
    _, values = scene((12, 12))
    found = classified(write("a.tif", values, names=NAMES, transform=turned), model())
    assert found.transform == turned and (found.labels > 0).all()
    one = classified(write("b.tif", values[:, :1, :1], names=NAMES), model())
    assert one.labels.shape == (1, 1) and one.labels[0, 0] == found.labels[0, 0]
    assert load_model(model()).labels == (11, 12, 31)
    assert gdal.Open(one.result.output).GetRasterBand(1).GetNoDataValue() == 0


def test_no_map_stays_when_a_layer_of_it_cannot_be_finished(
    write, model, classified, tmp_path, monkeypatch
):
    from orthoweave.core import write as writing

    finish = writing.Target.set_statistics

    def fail(target, values, **how):
        if len(values) > 1:
            raise ImageIOError("prob.tif cannot be written: the disk is full.")
        finish(target, values, **how)

    image, path = write("a.tif", scene()[1], names=NAMES), model()
    monkeypatch.setattr(writing.Target, "set_statistics", fail)
    (tmp_path / "out").mkdir()
    with pytest.raises(ImageIOError, match="disk is full"):
        classified(image, path, **layers(tmp_path))
    assert not list(tmp_path.glob("out/*")) and not list(tmp_path.glob("*conf*"))


def test_labels_and_confidence_do_not_depend_on_what_else_is_written(
    write, model, classified, tmp_path, read_back
):
    _, features = scene()
    image = write("f.tif", features, names=NAMES)
    found = []
    for name in ("", "p.tif"):
        confidence = str(tmp_path / f"confidence{name}.tif")
        more = {"output_probability": str(tmp_path / name)} if name else {}
        one = classified(image, model(), output_confidence=confidence, **more)
        found.append((one.labels, read_back(confidence).values[0]))
    for alone, beside in zip(*found):
        np.testing.assert_array_equal(alone, beside)


def corner(write, name, **how):
    """Write a mask of ones that covers the last 30 rows and 40 columns of a scene only."""
    place = (500000.0 + 50 * 10, 10.0, 0.0, 5000000.0 - 40 * 10, 0.0, -10.0)
    return write(name, np.ones((30, 40), np.uint8), transform=place, **how)


def test_a_mask_counts_where_it_lies_and_hides_what_it_does_not_reach(write, model, classified):
    image = write("a.tif", scene()[1], names=NAMES)
    found = classified(image, model(), mask=corner(write, "mask.tif"))
    inside = np.zeros((70, 90), bool)
    inside[40:, 50:] = True
    np.testing.assert_array_equal(found.labels > 0, inside)


def test_a_mask_without_crs_gets_a_sentence(write, model, classified):
    image = write("a.tif", scene()[1], names=NAMES)
    with pytest.raises(IncompatibleImages, match="mask has no CRS and .* EPSG:32633. Assign"):
        classified(image, model(), mask=corner(write, "mask.tif", crs=None))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("11,5\n12,5\n31,6\n", "Two classes of m.owm would both get the label 5"),
        ("11,1\n11,2\n12,3\n31,4\n", "classes.csv: 11 stands there a second time"),
        ("", "classes.csv is empty"),
    ],
)
def test_two_classes_never_become_one_by_decoding(
    write, model, classified, tmp_path, text, sentence
):
    (tmp_path / "classes.csv").write_text(text)
    image = write("a.tif", scene()[1], names=NAMES)
    with pytest.raises(InvalidOption, match=sentence):
        classified(image, model(), classes=str(tmp_path / "classes.csv"))


def test_two_outputs_of_one_name_are_refused_before_work(write, model, classified, tmp_path):
    image, path = write("a.tif", scene()[1], names=NAMES), str(tmp_path / "new" / "same.tif")
    with pytest.raises(InvalidOption, match="Confidence and Map would both be written as same.tif"):
        classified(image, model(), output=path, output_confidence=path)
    assert not (tmp_path / "new").exists()
