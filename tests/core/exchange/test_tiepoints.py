# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.exchange.tiepoints import (
    TiePoints,
    between,
    key_points_of_ties,
    known_pairs,
    read_tie_points,
    write_tie_points,
)
from orthoweave.core.grid import Grid
from orthoweave.core.raster import CrsMapping, parse_crs

FIRST = np.array([[1 / 3, 2.0], [30.5, 40.25], [7.0, 80.0]])
SECOND = FIRST + [1.5, -0.25]


def pair(one="a.tif", other="b.tif", weights=(1.0, 0.0, 0.5)):
    return TiePoints(one, other, FIRST, SECOND, np.array(weights), np.array([0.1, 0.2, 1 / 7]))


def test_what_is_written_is_read_back_without_loss(tmp_path):
    path = write_tie_points(str(tmp_path / "t.json"), [pair(), TiePoints("b", "c", FIRST, SECOND)])
    first, second = read_tie_points(path)
    for name in ("first", "second", "weights", "sigmas"):
        np.testing.assert_array_equal(getattr(first, name), getattr(pair(), name))
    assert (first.image_1, first.image_2, len(first)) == ("a.tif", "b.tif", 3)
    assert second.weights is None and second.sigmas is None


def test_the_form_of_the_seed_system_is_read(tmp_path):
    (tmp_path / "s.json").write_text(
        json.dumps(
            {"tie_points": [{"image_1": "a", "image_2": "b", "points": [[[1, 2], [3, 4]]]}]}
        ),
        encoding="utf-8",
    )
    (found,) = read_tie_points(str(tmp_path / "s.json"))
    assert found.first.tolist() == [[1, 2]] and found.second.tolist() == [[3, 4]]
    (tmp_path / "none.json").write_text('{"tie_points": []}', encoding="utf-8")
    assert read_tie_points(str(tmp_path / "none.json")) == ()


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        "{",
        '{"tie_points": [{"image_1": "a", "image_2": "b", "points": [[[1, 2], [3]]]}]}',
        '{"tie_points": [{"image_1": "a", "image_2": "b", "points": [[[1, 2], [3, NaN]]]}]}',
        '{"tie_points": [{"image_1": "a", "image_2": "b", "points": [], "weights": [1]}]}',
    ],
)
def test_other_files_give_their_sentence(tmp_path, text):
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidOption, match=r"a\.json holds no tie points: a JSON file with"):
        read_tie_points(str(tmp_path / "a.json"))


def test_unknown_images_are_counted_and_named(listen):
    heard = listen()
    pairs = [pair("a.tif", "b.tif"), pair("x.tif", "b.tif"), pair("x.tif", "y.tif")]
    found = known_pairs(pairs, ("a", "b"), heard)
    assert [(one.image_1, one.image_2) for one in found] == [("a", "b")]
    assert heard.warnings == [
        "6 tie points belong to x.tif, which is not among the images.",
        "3 tie points belong to y.tif, which is not among the images.",
    ]


def test_the_points_of_two_images_are_found_in_either_order():
    pairs = [pair("a.tif", "b.tif"), pair("b.tif", "a.tif"), pair("a.tif", "c.tif")]
    found = between(pairs, "a", "b")
    assert len(found) == 6 and len(found.weights) == 6
    np.testing.assert_array_equal(found.first[3:], SECOND)
    np.testing.assert_array_equal(found.second[3:], FIRST)
    mixed = between([pairs[0], TiePoints("a", "b", FIRST, SECOND)], "a", "b")
    assert len(mixed) == 6 and mixed.weights is None
    assert len(between([], "a", "b")) == 0


def test_key_points_go_through_the_map():
    utm, degrees = parse_crs("EPSG:32633"), parse_crs("EPSG:4326")
    reference = Grid(200, 200, (5e5, 10.0, 0.0, 5e6, 0.0, -10.0), utm)
    moving = Grid(300, 300, (14.99, 1e-4, 0.0, 45.16, 0.0, -1e-4), degrees)
    x0, y0 = np.array([10.0, 77.25, 150.0]), np.array([20.0, 30.0, 140.5])
    dx, dy = np.array([1.0, -2.0, 0.5]), np.array([0.25, 3.0, -1.0])
    shown = CrsMapping(utm, degrees)(*reference.to_map(x0 + dx + 0.5, y0 + dy + 0.5))
    col, row = moving.to_pixel(*shown)
    ties = TiePoints(
        "r",
        "m",
        np.stack([x0, y0], 1),
        np.stack([col - 0.5, row - 0.5], 1),
        np.array([1.0, 0.0, 1.0]),
    )
    found = key_points_of_ties(ties, reference, moving)
    for name, want in (("x0", x0), ("y0", y0), ("dx", dx), ("dy", dy)):
        np.testing.assert_allclose(getattr(found, name), want, atol=1e-6)
    assert found.used.tolist() == [True, False, True]
