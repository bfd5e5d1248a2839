# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import os

import numpy as np
import pytest
from orthoweave.core.errors import IncompatibleImages, InvalidOption
from orthoweave.core.operations import mosaicclassification
from orthoweave.core.raster import open_image
from orthoweave.core.raster.crs import parse_crs
from orthoweave.core.vector.features import Feature
from orthoweave.core.vector.layers import Layer, write_layers
from orthoweave.core.vector.rings import wkb_of
from osgeo import gdal

LEFT, TOP, STEP = 500000.0, 5000000.0, 10.0
SECOND = (LEFT + 60 * STEP, STEP, 0.0, TOP, 0.0, -STEP)


@pytest.fixture
def tiles(write):
    """Two tiles of 80 columns that overlap in 20: labels, confidences, counts of clear dates."""
    found = {"maps": [], "confidences": [], "validities": []}
    for number, (tile, transform) in enumerate(
        [("T31TCJ", (LEFT, STEP, 0.0, TOP, 0.0, -STEP)), ("T31TDJ", SECOND)], 1
    ):
        labels = np.full((50, 80), 10 * number, np.uint8)
        labels[:5] = 0
        how = {"transform": transform}
        found["maps"].append(write(f"Classif_{tile}_model_1_seed_0.tif", labels, nodata=0, **how))
        sure = np.full((50, 80), 0.29 * number, np.float32)
        found["confidences"].append(write(f"{tile}_confidence.tif", sure, **how))
        clear = np.full((50, 80), 5 * number, np.uint8)
        found["validities"].append(write(f"{tile}_nbView.tif", clear, **how))
    return found


@pytest.fixture
def envelopes(tmp_path):
    """The first tile up to column 70, the second from there."""

    def make(edge=70):
        features = []
        for tile, left, right in (("T31TCJ", 0, edge), ("T31TDJ", edge, 140)):
            corners = [(left, 0), (right, 0), (right, 50), (left, 50), (left, 0)]
            ring = np.array([(LEFT + STEP * x, TOP - STEP * y) for x, y in corners])
            features.append(Feature(wkb_of([(ring,)]), {"tile": tile}))
        layer = Layer(
            "e", "Polygon", parse_crs("EPSG:32633"), (("tile", "string"),), tuple(features)
        )
        return write_layers(str(tmp_path / "envelopes.gpkg"), [layer])

    return make


def run(images, tmp_path, **more):
    request = mosaicclassification.Request(
        images=tuple(images), output_folder=str(tmp_path / "final"), **more
    )
    found = mosaicclassification.run(request)
    return found, {os.path.basename(path): open_image(path) for path in found.output_layers}


def values(image):
    return image.read(image.grid.window).values[0]


def test_envelopes_say_what_is_taken_from_each_tile(tiles, envelopes, tmp_path):
    found, layers = run(
        tiles["maps"],
        tmp_path,
        envelopes=envelopes(),
        confidences=tuple(tiles["confidences"]),
        validities=tuple(tiles["validities"]),
    )
    assert set(layers) == {
        "Classif_Seed_0.tif",
        "Classif_Seed_0_ColorIndexed.tif",
        "Confidence_Seed_0.tif",
        "PixelsValidity.tif",
    }
    expected = np.full((50, 140), 10)
    expected[:, 70:] = 20
    expected[:5] = 0
    np.testing.assert_array_equal(values(layers["Classif_Seed_0.tif"]), expected)
    # confidence and validity come from the map that gave the label, 0 where there is none
    np.testing.assert_array_equal(values(layers["Confidence_Seed_0.tif"]), expected // 10 * 29)
    np.testing.assert_array_equal(values(layers["PixelsValidity.tif"]), expected // 2)
    assert found.classified_pixels == 45 * 140
    assert layers["Confidence_Seed_0.tif"].nodata is None


def test_a_tile_without_class_leaves_its_place_to_another(tiles, envelopes, tmp_path, write):
    labels = np.full((50, 80), 10, np.uint8)
    labels[20:30, 60:] = 0
    first = write("Classif_T31TCJ_model_1_seed_0.tif", labels, nodata=0)
    _, layers = run([first, tiles["maps"][1]], tmp_path, envelopes=envelopes())
    found = values(layers["Classif_Seed_0.tif"])
    assert (found[20:30, 60:70] == 20).all()
    assert (found[30:, 60:70] == 10).all()


def test_without_envelopes_the_first_map_with_a_class_wins(tiles, tmp_path):
    _, layers = run(tiles["maps"], tmp_path)
    found = values(layers["Classif_Seed_0.tif"])
    assert (found[5:, :80] == 10).all()
    assert (found[5:, 80:] == 20).all()


def test_regions_of_one_tile_are_put_together_first(tiles, envelopes, tmp_path, write):
    parts = []
    for number, columns in enumerate([slice(0, 40), slice(40, 80)], 1):
        labels = np.zeros((50, 80), np.uint8)
        labels[:, columns] = 30 + number
        parts.append(write(f"Classif_T31TCJ_model_{number}_seed_0.tif", labels, nodata=0))
    _, layers = run([*parts, tiles["maps"][1]], tmp_path, envelopes=envelopes())
    found = values(layers["Classif_Seed_0.tif"])
    assert np.unique(found[6]).tolist() == [20, 31, 32]
    assert (found[:, 40:70] == 32).all()


@pytest.mark.parametrize(("threads", "window"), [(1, 32), (4, 64)])
def test_windows_and_threads_change_nothing(tiles, envelopes, tmp_path, threads, window):
    how = {"envelopes": envelopes(), "confidences": tuple(tiles["confidences"])}
    _, layers = run(tiles["maps"], tmp_path, **how)
    whole = {name: values(image) for name, image in layers.items()}
    _, again = run(tiles["maps"], tmp_path, threads=threads, window_size=window, **how)
    for name, image in again.items():
        np.testing.assert_array_equal(values(image), whole[name])


def test_classes_have_names_and_colors(tiles, tmp_path):
    names, colors = tmp_path / "n.txt", tmp_path / "c.txt"
    names.write_text("water:10\nwood:20\n")
    colors.write_text("10 0 0 255\n20 0 128 0\n")
    run(tiles["maps"], tmp_path, nomenclature=str(names), colors=str(colors))
    dataset = gdal.Open(str(tmp_path / "final" / "Classif_Seed_0_ColorIndexed.tif"))
    band = dataset.GetRasterBand(1)
    assert band.GetColorTable().GetColorEntry(20)[:3] == (0, 128, 0)
    table = band.GetDefaultRAT()
    assert [table.GetValueAsString(row, 2) for row in range(2)] == ["water", "wood"]
    style = (tmp_path / "final" / "Classif_Seed_0.qml").read_text()
    assert 'label="wood"' in style
    assert "#008000" in style


def test_labels_above_255_are_kept_when_a_later_map_has_them(tiles, tmp_path, write):
    wide = write("b_T31TDJ.tif", np.full((50, 80), 300, np.uint16), nodata=0, transform=SECOND)
    _, layers = run([tiles["maps"][0], wide], tmp_path)
    assert values(layers["Classif_Seed_0.tif"])[10, 130] == 300


def test_a_tile_without_envelope_is_refused(tiles, envelopes, tmp_path, write):
    other = write("Classif_T30TXX.tif", np.ones((50, 80), np.uint8), nodata=0)
    sentence = "No envelope of envelopes.gpkg has the name of a tile in Classif_T30TXX"
    with pytest.raises(InvalidOption, match=sentence):
        run([*tiles["maps"], other], tmp_path, envelopes=envelopes())


def test_confidences_that_belong_to_no_map_are_refused(tiles, tmp_path):
    with pytest.raises(InvalidOption, match="Confidences: 1 for 2 maps"):
        run(tiles["maps"], tmp_path, confidences=(tiles["confidences"][0],))


@pytest.mark.parametrize("with_envelopes", [True, False])
def test_confidences_in_another_order_are_found_by_their_tiles(
    tiles, envelopes, tmp_path, with_envelopes
):
    how = {"envelopes": envelopes()} if with_envelopes else {}
    backward = tuple(reversed(tiles["confidences"]))
    _, layers = run(tiles["maps"], tmp_path, confidences=backward, **how)
    labels = values(layers["Classif_Seed_0.tif"])
    sure = values(layers["Confidence_Seed_0.tif"])
    np.testing.assert_array_equal(sure[labels == 10], 29)
    np.testing.assert_array_equal(sure[labels == 20], 58)


def test_envelopes_name_tiles_in_any_way(tiles, envelopes, tmp_path, write):
    maps, sure = [], []
    for number, name in enumerate("ab"):
        transform = SECOND if number else (LEFT, STEP, 0.0, TOP, 0.0, -STEP)
        labels = np.full((50, 80), 1 + number, np.uint8)
        maps.append(write(f"{name}_map.tif", labels, nodata=0, transform=transform))
        confidence = np.full((50, 80), 10 + number, np.uint8)
        sure.insert(0, write(f"sure_{name}.tif", confidence, transform=transform))
    path = envelopes()
    layer = gdal.OpenEx(path, gdal.OF_VECTOR | gdal.OF_UPDATE)
    layer.ExecuteSQL("UPDATE e SET tile = CASE tile WHEN 'T31TCJ' THEN 'a' ELSE 'b' END")
    del layer
    _, layers = run(maps, tmp_path, confidences=tuple(sure), envelopes=path)
    labels = values(layers["Classif_Seed_0.tif"])
    np.testing.assert_array_equal(values(layers["Confidence_Seed_0.tif"]), labels + 9)


def test_no_input_is_replaced_and_no_folder_left(tiles, write, tmp_path):
    inside = [
        write("o/Confidence_Seed_0.tif", np.ones((50, 80), np.uint8)),
        tiles["confidences"][1],
    ]
    how = {"images": tuple(tiles["maps"]), "confidences": tuple(inside)}
    with pytest.raises(InvalidOption, match="overwrite the input Confidence_Seed_0.tif"):
        mosaicclassification.run(
            mosaicclassification.Request(output_folder=str(tmp_path / "o"), **how)
        )
    assert os.listdir(tmp_path / "o") == ["Confidence_Seed_0.tif"]
    with pytest.raises(InvalidOption, match="names a folder; that is OUTPUT_FOLDER"):
        mosaicclassification.Request(output_folder="o", product_pattern="../$", **how)


def test_a_map_of_decimal_numbers_is_refused(write, tmp_path):
    path = write("a.tif", np.ones((9, 9), np.float32))
    with pytest.raises(IncompatibleImages, match="1 band of float32; a class map has one band"):
        mosaicclassification.run(
            mosaicclassification.Request(images=(path,), output_folder=str(tmp_path / "o"))
        )
