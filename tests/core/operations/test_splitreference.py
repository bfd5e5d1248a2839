# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import csv

import numpy as np
import pytest
from orthoweave.core.errors import InvalidOption
from orthoweave.core.operations import splitreference
from orthoweave.core.options import Kind, options_of
from orthoweave.core.raster.crs import parse_crs
from orthoweave.core.vector.features import Feature, read_polygons
from orthoweave.core.vector.layers import Layer, write_layers
from orthoweave.core.vector.rings import wkb_of


def ring(left, low, size=8.0):
    steps = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]) * size
    return (steps + (left, low),)


@pytest.fixture
def layer(tmp_path):
    """Write (values, rings) as a layer of polygons."""

    def make(rows, name="truth.gpkg"):
        values = rows[0][0]
        kinds = {str: "string", int: "integer", float: "real"}
        fields = tuple((key, kinds[type(value)]) for key, value in values.items())
        features = tuple(Feature(wkb_of(rings), dict(found)) for found, rings in rows)
        path = str(tmp_path / name)
        return write_layers(
            path, [Layer("a", "MultiPolygon", parse_crs("EPSG:32633"), fields, features)]
        )

    return make


@pytest.fixture
def fields(layer):
    """Ninety polygons of three classes on a grid of 10 m."""
    return layer(
        [({"code": 1 + (n * 7) % 3}, [ring(10 * (n % 10), 10 * (n // 10))]) for n in range(90)]
    )


def run(path, tmp_path, progress=None, **more):
    request = splitreference.Request(
        polygons=path, field="code", output=str(tmp_path / "split.gpkg"), **more
    )
    found = splitreference.run(request, *([progress] if progress else []))
    return found, read_polygons(found.output, "")


def sets(rows, seed="seed_0"):
    """Return the source polygons of each set."""
    found = {}
    for row in rows:
        found.setdefault(row.values[seed], set()).add(row.values["originfid"])
    return found


def test_each_class_is_halved_and_no_polygon_is_in_both_sets(fields, tmp_path):
    found, rows = run(fields, tmp_path)
    assert found.classes == 3
    both = sets(rows)
    assert not both["learn"] & both["validation"]
    for code in (1, 2, 3):
        mine = [row for row in rows if row.values["code"] == code]
        assert sum(row.values["seed_0"] == "learn" for row in mine) == len(mine) / 2


def test_the_output_has_the_fields_that_later_steps_read(fields, tmp_path):
    _, rows = run(fields, tmp_path, runs=2)
    names = {"code", "region", "originfid", "tile_o", "hold_out", "seed_0", "seed_1"}
    assert names <= set(rows[0].values)
    assert rows[0].values["region"] == "1"


def test_parts_of_one_polygon_stay_together(layer, tmp_path):
    path = layer([({"code": 1 + n % 2}, [ring(20 * n, 0), ring(20 * n, 50)]) for n in range(12)])
    _, rows = run(path, tmp_path)
    assert len(rows) == 24
    both = sets(rows)
    assert not both["learn"] & both["validation"]


def test_polygons_that_tiles_and_regions_cut_stay_in_one_set(fields, layer, tmp_path):
    tiles = layer(
        [({"tile": "T31TCJ"}, [ring(-5, -5, 53)]), ({"tile": "T31TDJ"}, [ring(44, -5, 200)])],
        "tiles.gpkg",
    )
    clear = layer([({"n": 1}, [ring(0, 3, 80)])], "clear.gpkg")
    _, rows = run(fields, tmp_path, tiles=tiles, area=clear)
    assert {row.values["tile_o"] for row in rows} == {"T31TCJ", "T31TDJ"}
    numbers = [row.values["originfid"] for row in rows]
    assert len(set(numbers)) < len(numbers)
    both = sets(rows)
    assert not both["learn"] & both["validation"]


def test_a_polygon_belongs_to_the_region_that_holds_most_of_it(fields, layer, tmp_path):
    regions = layer(
        [
            ({"region": "west"}, [ring(-1955, -900, 2000)]),
            ({"region": "east"}, [ring(45, -900, 2000)]),
        ],
        "regions.gpkg",
    )
    _, rows = run(fields, tmp_path, regions=regions)
    # the fifth column, from 40 to 48, has 5 of 8 m in the west
    west = {row.values["originfid"] for row in rows if row.values["region"] == "west"}
    assert west == {n + 1 for n in range(90) if n % 10 <= 4}


def test_blocks_stay_whole(fields, tmp_path):
    found, rows = run(fields, tmp_path, unit="block", block_size=30.0)
    assert found.block_side == 30
    roles = {}
    for row in rows:
        number = row.values["originfid"] - 1
        block = (10 * (number % 10) + 4) // 30, (10 * (number // 10) + 4) // 30
        roles.setdefault(block, set()).add(row.values["seed_0"])
    assert all(len(found) == 1 for found in roles.values())
    assert len(roles) == 12


def test_the_side_of_blocks_is_found_and_said(fields, tmp_path, listen):
    heard = listen()
    found, _ = run(fields, tmp_path, heard, unit="block")
    assert found.block_side >= 8
    assert any("blocks have that side" in text for text in heard.infos)


def test_groups_stay_whole(layer, tmp_path):
    rows = [({"code": 1 + n % 2, "farm": f"f{n // 6}"}, [ring(20 * n, 0)]) for n in range(60)]
    _, found = run(layer(rows), tmp_path, unit="group", group_field="farm")
    for farm in range(10):
        numbers = range(6 * farm + 1, 6 * farm + 7)
        assert len({r.values["seed_0"] for r in found if r.values["originfid"] in numbers}) == 1


def test_a_buffer_keeps_the_sets_apart(fields, tmp_path):
    _, rows = run(fields, tmp_path, buffer=2.5)
    corners = {
        row.values["originfid"]: (
            (row.values["originfid"] - 1) % 10,
            (row.values["originfid"] - 1) // 10,
        )
        for row in rows
    }
    both = sets(rows)
    for one in both.get("validation", ()):
        for other in both["learn"]:
            (a, b), (c, d) = corners[one], corners[other]
            # direct neighbors are 2 m apart, diagonal ones 2.8 m
            assert abs(a - c) + abs(b - d) > 1
    assert both["unused"]


def test_the_same_seed_splits_the_same(fields, tmp_path):
    first = sets(run(fields, tmp_path, seed=3)[1])
    assert sets(run(fields, tmp_path, seed=3)[1]) == first
    assert sets(run(fields, tmp_path, seed=4)[1]) != first


def test_a_class_with_one_polygon_is_said(layer, tmp_path, listen):
    rows = [({"code": "wood"}, [ring(20 * n, 0)]) for n in range(4)]
    rows += [
        ({"code": "water"}, [ring(0, 50)]),
        *[({"code": "crop"}, [ring(20 * n, 90)]) for n in range(4)],
    ]
    heard = listen()
    _, found = run(layer(rows), tmp_path, heard)
    assert (
        "Class 2 (water) has one polygon: used for learning only, its accuracy is undefined."
        in (heard.warnings)
    )
    assert [row.values["seed_0"] for row in found if row.values["code"] == "water"] == ["learn"]


def test_the_table_counts_polygons_and_areas(fields, tmp_path):
    found, _ = run(fields, tmp_path, output_classes=str(tmp_path / "classes.csv"))
    with open(found.output_classes, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    learned = [row for row in rows if row["set"] == "learn"]
    assert [row["class"] for row in learned] == ["1", "2", "3"]
    assert all(float(row["area"]) == 64 * int(row["polygons"]) for row in learned)
    # fields are 8 wide, every 10: the nearest other one is 2 away, or a few columns
    apart = [float(row["distance"]) for row in rows if row["set"] == "validation"]
    assert len(apart) == 3 and np.median(apart) == found.validation_distance
    assert all(not row["distance"] for row in rows if row["set"] != "validation")


def test_what_is_held_out_is_marked(fields, tmp_path):
    _, rows = run(fields, tmp_path, hold_out=0.2)
    held = {row.values["originfid"] for row in rows if row.values["hold_out"] == "yes"}
    assert len(held) == 18
    assert sets(rows)["unused"] == held


def test_one_class_is_refused(layer, tmp_path):
    path = layer([({"code": 4}, [ring(20 * n, 0)]) for n in range(4)])
    with pytest.raises(InvalidOption, match="only the class 4 .* needs at least 2"):
        run(path, tmp_path)
    assert not (tmp_path / "split.gpkg").exists()


def test_large_polygons_outside_every_region_are_refused(fields, layer, tmp_path, listen):
    regions = layer([({"region": "a"}, [ring(0, 0, 55)])], "regions.gpkg")
    sentence = "lie in no region and are larger than OUTSIDE"
    with pytest.raises(InvalidOption, match=sentence):
        run(fields, tmp_path, regions=regions, outside=1e-6)
    heard = listen()
    found, _ = run(fields, tmp_path, heard, regions=regions)
    assert found.polygons_left_out == 54
    assert any("54 of 90 polygons lie in no region" in text for text in heard.warnings)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"method": "folds"}, "folds need at least 2"),
        ({"unit": "group"}, "group and a GROUP_FIELD belong together"),
        ({"ratio": 0.99}, "0.95"),
    ],
)
def test_options_that_do_not_fit_are_refused(more, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        splitreference.Request(polygons="a.gpkg", field="code", output="b.gpkg", **more)


def test_a_class_in_one_group_or_region_is_said_with_their_names(layer, tmp_path, listen):
    rows = [({"code": 1 + n % 2, "farm": "ab"[n % 2]}, [ring(10 * n, 0)]) for n in range(6)]
    heard = listen()
    how = {"unit": "group", "group_field": "farm"}
    run(layer(rows), tmp_path, heard, **how)
    alone = (
        f"Class {label} has one group: used for learning only, its accuracy is undefined."
        for label in (1, 2)
    )
    assert heard.warnings == [*alone, "No polygon is left to validate with in run 0."]
    areas = [({"region": "north"}, [ring(0, 0, 22)]), ({"region": "south"}, [ring(30, 0, 50)])]
    heard = listen()
    run(layer(rows[:5]), tmp_path, heard, regions=layer(areas, "regions.gpkg"))
    assert heard.warnings[0].startswith("Class 2 has one polygon in region north: used for learn")


def test_nothing_with_a_default_must_be_given_in_qgis():
    # a field parameter of QGIS takes no default that is a name: qgis_process would ask for it
    known = options_of(splitreference.Request)
    assert (known["region_field"].kind, known["region_field"].default) == (Kind.TEXT, "region")
    assert (known["tile_field"].kind, known["tile_field"].default) == (Kind.TEXT, "tile")


def test_a_group_field_that_is_missing_is_no_group_of_all(layer, tmp_path):
    rows = [({"code": 1 + n % 2}, [ring(10 * n, 0)]) for n in range(6)]
    with pytest.raises(InvalidOption, match="no field 'farm'; its fields are: code"):
        run(layer(rows), tmp_path, unit="group", group_field="farm")


@pytest.mark.parametrize("name", ["region", "originfid", "seed_0"])
def test_labels_in_a_field_that_the_result_has_of_its_own_are_refused(layer, tmp_path, name):
    rows = [({name: 1 + n % 2}, [ring(10 * n, 0)]) for n in range(6)]
    with pytest.raises(InvalidOption, match=f"a field '{name}' of its own"):
        splitreference.run(
            splitreference.Request(
                polygons=layer(rows), field=name, output=str(tmp_path / "split.gpkg")
            )
        )


def test_regions_need_names_and_some_polygon(layer, tmp_path):
    rows = [({"code": 1 + n % 2}, [ring(10 * n, 0)]) for n in range(6)]
    unnamed = layer([({"region": ""}, [ring(-10, -10, 200)])], "unnamed.gpkg")
    with pytest.raises(InvalidOption, match=r"unnamed.gpkg holds nothing \(feature 1\)"):
        run(layer(rows), tmp_path, regions=unnamed)
    away = layer([({"region": "q"}, [ring(9000, 0)])], "away.gpkg")
    with pytest.raises(
        InvalidOption, match="None of the 6 polygons of truth.gpkg lies in a region"
    ):
        run(layer(rows), tmp_path, regions=away)


def test_runs_that_nothing_validates_are_said(layer, tmp_path, listen):
    rows = [({"code": 1 + n % 2}, [ring(10 * n, 0)]) for n in range(6)]
    heard = listen()
    run(layer(rows), tmp_path, heard, buffer=1e6)
    assert heard.warnings == ["No polygon is left to validate with in run 0."]
    heard = listen()
    run(layer(rows), tmp_path, heard, method="folds", runs=5)
    assert heard.warnings[0] == "No polygon is left to learn from in run 3."


def test_blanks_round_a_label_make_no_other_class(layer, tmp_path):
    rows = [
        ({"code": ("wood", "wood ", "crop", " crop")[n % 4]}, [ring(10 * n, 0)]) for n in range(8)
    ]
    found, _ = run(layer(rows), tmp_path)[:2]
    assert found.classes == 2


def test_another_class_leaves_the_split_of_texts_and_of_numbers_as_it_was(layer, tmp_path):
    def split(labels, **more):
        rows = [({"code": label}, [ring(10 * n, 0)]) for n, label in enumerate(labels)]
        _, found = run(layer(rows), tmp_path, runs=2, hold_out=0.2, **more)
        kept = ("seed_0", "seed_1", "hold_out")
        return [[row.values[name] for name in kept] for row in found][:40]

    texts = ["crop", "wood"] * 20
    # "bog" takes the first place of the alphabet
    assert split(texts) == split([*texts, *["bog"] * 5])
    assert split([2, 5] * 20) == split([*[2, 5] * 20, *[1] * 5])
    assert split(texts) != split(["crop", "heath"] * 20)
