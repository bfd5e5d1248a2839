# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.grid import Grid
from orthoweave.core.vector.features import Feature
from orthoweave.core.vector.groundtruth import Burning, GroundTruth, labels_of, read_truth
from orthoweave.core.vector.layers import Layer, write_layers
from orthoweave.core.vector.points import point_features
from orthoweave.core.vector.rings import wkb_of
from orthoweave.core.windows import Window

GRID = Grid(40, 30, (100.0, 10.0, 0.0, 500.0, 0.0, -10.0))


def box(left, top, right, bottom):
    """Return a rectangle of pixels as a shape in map units."""
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    x, y = GRID.to_map(*np.array(corners, float).T)
    return wkb_of([(np.stack([x, y], 1),)])


def truth(*boxes):
    """Return a ground truth of (label, left, top, right, bottom)."""
    features = tuple(Feature(box(*edges), {}, 10 + n) for n, (_, *edges) in enumerate(boxes))
    return GroundTruth("truth.gpkg", features, np.array([label for label, *_ in boxes]))


def layer(path, features, fields, geometry="Polygon"):
    return write_layers(str(path), [Layer("truth", geometry, "", fields, features)])


def test_pixels_belong_to_the_feature_that_holds_their_center():
    held = Burning(GRID, truth((5, 2, 3, 6, 5), (7, 10.6, 0, 12, 1))).read(GRID.window)
    expected = np.zeros((30, 40), int)
    expected[3:5, 2:6] = 1
    expected[0, 11] = 2
    np.testing.assert_array_equal(held.features, expected)
    assert not held.conflicts.any()


def test_pixels_of_two_labels_belong_to_none():
    held = Burning(GRID, truth((5, 0, 0, 4, 4), (7, 2, 0, 6, 4), (5, 3, 0, 5, 4))).read(GRID.window)
    # columns 2 and 3 lie in 5 and 7; column 4 lies in 7 and in the second 5
    assert held.conflicts[:4].sum(0).tolist()[:7] == [0, 0, 4, 4, 4, 0, 0]
    assert held.features[0].tolist()[:7] == [1, 1, 0, 0, 0, 2, 0]


def test_windows_see_what_the_whole_sees():
    burning = Burning(GRID, truth((5, 2, 3, 26, 25), (7, 10, 10, 38, 29)))
    whole = burning.read(GRID.window)
    for window in burning.windows(16):
        part = burning.read(window)
        np.testing.assert_array_equal(part.features, whole.features[window.within(GRID.window)])
    seen = sum(np.count_nonzero(burning.read(w).features) for w in burning.windows(16))
    assert seen == np.count_nonzero(whole.features)


def test_only_windows_that_features_reach_are_named():
    burning = Burning(GRID, truth((5, 17, 1, 18, 2), (7, 200, 200, 210, 210)))
    assert list(burning.windows(16)) == [Window(16, 0, 16, 16)]
    assert burning.outside == 1


def test_a_point_holds_the_pixel_that_it_lies_in(tmp_path):
    x, y = GRID.to_map(np.array([3.01, 39.99]), np.array([2.99, 29.5]))
    path = layer(
        tmp_path / "p.gpkg",
        point_features(x, y, {"code": [4, 9]}),
        (("code", "integer"),),
        "Point",
    )
    found = read_truth(path, "code", "")
    assert found.points
    held = Burning(GRID, found).read(GRID.window).features
    assert held[2, 3] == 1
    assert held[29, 39] == 2
    assert np.count_nonzero(held) == 2


def test_features_keep_their_number_in_the_layer(tmp_path):
    features = tuple(Feature(box(n, 0, n + 1, 1), {"code": 3 + n}) for n in range(3))
    path = layer(tmp_path / "t.gpkg", features, (("code", "integer"),))
    found = read_truth(path, "code", "")
    assert found.numbers.tolist() == [1, 2, 3]
    assert found.labels.tolist() == [3, 4, 5]
    assert found.only(found.labels > 3).numbers.tolist() == [2, 3]


def test_text_labels_are_coded_in_alphabetical_order():
    features = [Feature(b"", {"class": name}, n) for n, name in enumerate(["wood", "crop", "wood"])]
    labels, named = labels_of(features, "class", "t.shp")
    assert labels.tolist() == [2, 1, 2]
    assert named == ((1, "crop"), (2, "wood"))


@pytest.mark.parametrize("value", [3.5, 0, -1, 70000, None, " "])
def test_what_cannot_be_a_label_is_said_with_its_feature(value):
    sentence = "Field 'code' of t.shp holds .*feature 12.*whole numbers from 1 to 65535 or text"
    with pytest.raises(InvalidOption, match=sentence):
        labels_of([Feature(b"", {"code": value}, 12)], "code", "t.shp")


def test_a_missing_field_is_said_with_those_there_are():
    with pytest.raises(InvalidOption, match="no field 'code'; its fields are: a, b"):
        labels_of([Feature(b"", {"a": 1, "b": 2}, 12)], "code", "t.shp")
