# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import ImageIOError, InvalidOption
from orthoweave.core.exchange.transform import (
    SavedTransform,
    Side,
    read_transform,
    refuse_refused,
    write_transform,
)
from orthoweave.core.grid import Grid
from orthoweave.core.raster import parse_crs, same_crs
from orthoweave.core.transform.bspline import BSplineField
from orthoweave.core.transform.correction import Correction, Frame
from orthoweave.core.transform.models import Linear


def loaded(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


KEYS = (
    *("type", "version", "crs", "moving", "reference", "model", "model_used", "metric_used"),
    *("origin", "axis_scale", "matrix", "field", "pixel_size", "quality", "accepted", "reason"),
    "request",
)


@pytest.fixture
def saved():
    crs = parse_crs("EPSG:32633")
    grid = Grid(300, 200, (5e5 + 1 / 3, 10.0, 0.0, 5e6, 0.0, -10.0), crs)
    field = BSplineField(
        (-10 / 3, 7.0), (32.1, -32.1), *np.random.default_rng(1).normal(0, 1, (2, 4, 5))
    )
    angle = math.radians(0.15)
    c, s = math.cos(angle), math.sin(angle)
    linear = Linear("rigid", ((c, -s), (s, c)), (math.pi, -math.e), y_up=True)
    return SavedTransform(
        Correction(crs, Frame((5e5 + 1 / 7, 5e6 - 1 / 9), (1.0, 1.0)), linear, field),
        Side("moving ä", grid, 2),
        Side("reference", replace(grid, width=310), 1, -9999.0),
        "local",
        "rigid",
        "ncc",
        {"RMSE_AFTER": 0.01, "p95": math.nan},
        True,
        "",
        {"MODEL": "local"},
    )


def test_what_is_written_is_read_back_without_loss(saved, tmp_path):
    path = write_transform(str(tmp_path / "with ä.b" / "t.json"), saved)
    found = read_transform(path)
    assert found.correction.frame == saved.correction.frame
    assert found.correction.linear == saved.correction.linear
    for name in ("origin", "step"):
        assert getattr(found.correction.field, name) == getattr(saved.correction.field, name)
    np.testing.assert_array_equal(found.correction.field.dx, saved.correction.field.dx)
    np.testing.assert_array_equal(found.correction.field.dy, saved.correction.field.dy)
    for side in ("moving", "reference"):
        one, other = getattr(found, side), getattr(saved, side)
        assert (one.name, one.band, one.nodata) == (other.name, other.band, other.nodata)
        assert one.grid.transform == other.grid.transform and one.grid.width == other.grid.width
        assert same_crs(one.grid.crs, other.grid.crs)
    assert math.isnan(found.quality["p95"]) and found.quality["RMSE_AFTER"] == 0.01
    for name in ("model", "model_used", "metric_used", "accepted", "reason", "request"):
        assert getattr(found, name) == getattr(saved, name)
    again = write_transform(str(tmp_path / "again.json"), found)
    assert Path(path).read_text(encoding="utf-8") == Path(again).read_text(encoding="utf-8")


def test_the_file_has_the_members_of_the_specification(saved, tmp_path):
    document = loaded(write_transform(str(tmp_path / "t.json"), saved))
    assert tuple(document) == KEYS
    assert document["crs"].startswith("PROJCRS[")  # WKT 2
    assert document["matrix"][0][2] == math.pi and document["field"]["basis"] == "bspline3"
    assert (document["field"]["columns"], document["field"]["rows"]) == (5, 4)
    plain = replace(saved, correction=replace(saved.correction, field=None))
    document = loaded(write_transform(str(tmp_path / "p.json"), plain))
    assert document["field"] is None


def test_the_mapping_is_that_of_the_formula(saved, tmp_path):
    path = write_transform(str(tmp_path / "t.json"), saved)
    document = loaded(path)
    x, y = 5e5 + 20.0, 5e6 - 30.0
    (a, b, tu), (c, d, tv) = document["matrix"]
    u, v = x - document["origin"][0], y - document["origin"][1]
    field = document["field"]

    def b3(t):
        t = abs(t)
        return 2 / 3 - t**2 + t**3 / 2 if t < 1 else max(0.0, 2 - t) ** 3 / 6

    du, dv = (
        sum(
            table[j][i]
            * b3((u - field["origin"][0]) / field["step"][0] - i)
            * b3((v - field["origin"][1]) / field["step"][1] - j)
            for i in range(5)
            for j in range(4)
        )
        for table in (field["dx"], field["dy"])
    )
    want = (a * u + b * v + tu + du, c * u + d * v + tv + dv)
    found = read_transform(path).correction(x, y)
    assert found[0] - document["origin"][0] == pytest.approx(want[0], abs=1e-8)
    assert found[1] - document["origin"][1] == pytest.approx(want[1], abs=1e-8)


def changed(path, tmp_path, **members):
    document = {**loaded(path), **members}
    other = tmp_path / "changed.json"
    other.write_text(json.dumps(document), encoding="utf-8")
    return str(other)


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"type": "other"}, r"^changed\.json is not an Orthoweave transform\.$"),
        ({"version": "1"}, r"is not an Orthoweave transform\.$"),
        ({"version": 2}, r"of version 2; this program reads up to version 1\. Update Orthoweave"),
        ({"matrix": [[1, 0], [0, 1]]}, r"contents are damaged"),
        ({"matrix": [[0, 0, 1], [0, 0, 1]]}, r"contents are damaged"),
        ({"matrix": [[1, 0, math.inf], [0, 1, 0]]}, r"contents are damaged"),
        ({"axis_scale": [0, 1]}, r"contents are damaged"),
        ({"field": {"basis": "other"}}, r"contents are damaged"),
        (
            {
                "field": {
                    "basis": "bspline3",
                    "origin": [0, 0],
                    "step": [1, 1],
                    "rows": 2,
                    "columns": 2,
                    "dx": [[1]],
                    "dy": [[1]],
                }
            },
            "damaged",
        ),
        ({"moving": {}}, r"contents are damaged"),
    ],
)
def test_other_contents_give_their_sentence(saved, tmp_path, members, sentence):
    path = changed(write_transform(str(tmp_path / "t.json"), saved), tmp_path, **members)
    with pytest.raises(InvalidOption, match=sentence):
        read_transform(path)


@pytest.mark.parametrize("contents", [b"", b"{", b"[1]", b"\xff\xfe\x00", b"[" * 100000])
def test_other_files_give_their_sentence(tmp_path, contents):
    (tmp_path / "a.json").write_bytes(contents)
    with pytest.raises(InvalidOption, match=r"^a\.json is not an Orthoweave transform\.$"):
        read_transform(str(tmp_path / "a.json"))


def test_a_file_that_is_not_there_gives_its_sentence(tmp_path):
    with pytest.raises(ImageIOError, match=r"gone\.json cannot be read"):
        read_transform(str(tmp_path / "gone.json"))


def test_a_field_of_too_many_nodes_is_not_written(saved, tmp_path):
    wide = BSplineField((0.0, 0.0), (1.0, 1.0), np.zeros((2, 257)), np.zeros((2, 257)))
    huge = replace(saved, correction=replace(saved.correction, field=wide))
    with pytest.raises(ImageIOError, match=r"257 × 2 nodes.*Raise LOCAL_SPACING"):
        write_transform(str(tmp_path / "t.json"), huge)


def test_a_refused_correction_is_used_only_when_that_is_allowed(saved):
    refused = replace(saved, accepted=False, reason="Residual 1.2 px before, 3 px after.")
    sentence = r"t\.json was refused when it was made: Residual .* after\. Set ALLOW_REFUSED"
    with pytest.raises(InvalidOption, match=sentence):
        refuse_refused(refused, "/a/t.json", allowed=False)
    refuse_refused(refused, "t.json", allowed=True)
    refuse_refused(saved, "t.json", allowed=False)
