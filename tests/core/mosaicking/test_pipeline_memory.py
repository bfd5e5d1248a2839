# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run of the pipeline uses again, what it computes anew, and what it is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, InvalidOption
from orthoweave.core.operations import mosaicpipeline
from orthoweave.core.operations.mosaicpipeline import Request, run
from osgeo import gdal, ogr

pytest.importorskip("shapely")
pytest.importorskip("scipy")

BOXES = {"a": (0, 0, 200, 180), "b": (140, 10, 200, 180), "c": (40, 130, 220, 160)}
GAINS = {"a": 1.0, "b": 0.8, "c": 1.2}
KEPT = {"globalregression": "reused", "localblockadjustment": "reused", "footprints": "reused"}


def scene(rows=300, cols=350):
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:rows, 0:cols] / 50.0
    waves = sum(np.sin(rng.uniform(-6, 6) * x + rng.uniform(-6, 6) * y) for _ in range(8))
    return np.stack([2000 + 300 * band + 90 * waves for band in range(3)]) + rng.normal(
        0, 12, (3, rows, cols)
    )


@pytest.fixture
def images(write):
    """Write three overlapping images of different brightness."""
    ground, paths = scene(), []
    for name, (col, row, width, height) in BOXES.items():
        part = ground[:, row : row + height, col : col + width] * GAINS[name]
        transform = (5e5 + 10 * col, 10.0, 0.0, 5e6 - 10 * row, 0.0, -10.0)
        values = np.rint(part).astype(np.uint16)
        paths.append(write(f"in/{name}.tif", values, nodata=0, transform=transform))
    return paths


def request(images, tmp_path, **how):
    how = {"build_overviews": False, **how}
    return Request(images=images, output=str(tmp_path / "out" / "mosaic.tif"), **how)


def pixels(path):
    return gdal.Open(str(path)).ReadAsArray()


def states(found):
    return json.loads((Path(found.work_folder) / "report.json").read_text())["models"]


def test_a_second_run_reads_only_to_write_and_gives_the_same_mosaic(images, tmp_path):
    first = run(request(images, tmp_path))
    expected = pixels(first.output)
    assert set(states(first).values()) == {"computed"}
    again = run(request(images, tmp_path, threads=2))
    assert states(again) == {**KEPT, "seamlines": "reused"}
    assert np.array_equal(pixels(again.output), expected)
    assert again.read_bytes < 0.6 * first.read_bytes
    for name in ("seam_length", "mean_seam_cost", "mean_center_cost", "seam_visibility"):
        assert getattr(again, name) == pytest.approx(getattr(first, name)), name
    assert again.mean_difference_before == pytest.approx(first.mean_difference_before)
    assert again.mean_difference_after == pytest.approx(first.mean_difference_after)
    assert set(states(run(request(images, tmp_path, resume=False))).values()) == {"computed"}


@pytest.mark.parametrize(
    ("changed", "computed"),
    [
        ({"blend_width": 16}, set()),
        ({"seams": "voronoi"}, {"seamlines"}),
        (
            # gains are weighed on the cells that are counted for blocks
            {"settings": {"localblockadjustment": {"NUMBER_OF_BLOCKS": 25}}},
            {"globalregression", "localblockadjustment", "seamlines"},
        ),
        ({"model_images": ("a",)}, {"globalregression", "localblockadjustment", "seamlines"}),
        ({"settings": {"leastcostseamlines": {"LENGTH_WEIGHT": 0.2}}}, {"seamlines"}),
    ],
)
def test_exactly_what_depends_on_a_change_is_computed_again(images, tmp_path, changed, computed):
    run(request(images, tmp_path))
    found = run(request(images, tmp_path, **changed))
    assert {step for step, state in states(found).items() if state == "computed"} == computed
    assert (found.mean_seam_cost is None) == ("seams" in changed)
    expected = pixels(found.output)
    shutil.rmtree(tmp_path / "out")
    fresh = run(request(images, tmp_path, **changed))
    assert np.array_equal(pixels(fresh.output), expected)


def test_a_replaced_input_makes_everything_new(images, tmp_path):
    run(request(images, tmp_path))
    dataset = gdal.Open(images[1], gdal.GA_Update)
    dataset.WriteArray(np.clip(dataset.ReadAsArray() * 1.1, 1, 65535).astype(np.uint16))
    dataset = None
    assert set(states(run(request(images, tmp_path))).values()) == {"computed"}


def test_an_edited_model_is_used_named_and_what_follows_is_computed_again(images, tmp_path, listen):
    first = run(request(images, tmp_path))
    model = Path(first.work_folder) / "regression.json"
    values = json.loads(model.read_text())
    for band in values["a"]["adjustments"].values():
        band["scale"] *= 2
    model.write_text(json.dumps(values))
    heard = listen()
    found = run(request(images, tmp_path, radiometry="globallocal"), heard)
    assert states(found) == {
        "globalregression": "edited",
        "localblockadjustment": "computed",
        "footprints": "reused",
        "seamlines": "computed",
    }
    assert any("regression.json: edited since" in text for text in heard.warnings)
    assert "regression.json: edited since" in Path(found.report).read_text()
    assert json.loads(model.read_text()) == values
    # it stays edited, and what follows is known now
    assert states(run(request(images, tmp_path))) == {
        **KEPT,
        "globalregression": "edited",
        "seamlines": "reused",
    }


def test_a_moved_seam_is_followed(images, tmp_path):
    first = run(request(images, tmp_path, rule="last"))
    path = str(Path(first.work_folder) / "seamlines.gpkg")
    layer_of = ogr.Open(path, 1)
    layer = layer_of.GetLayerByName("seamlines")
    whole = {}
    for feature in layer:
        whole[feature.GetField("image")] = feature.GetGeometryRef().Clone()
    layer.ResetReading()
    joined = whole["a"].Union(whole["b"])
    for feature in layer:
        name = feature.GetField("image")
        shape = {"a": joined, "b": ogr.CreateGeometryFromWkt("MULTIPOLYGON EMPTY")}.get(name)
        if name == "b":
            layer.DeleteFeature(feature.GetFID())
        elif shape is not None:
            feature.SetGeometry(ogr.ForceToMultiPolygon(shape))
            layer.SetFeature(feature)
    layer = layer_of = None
    found = run(request(images, tmp_path, rule="last"))
    assert states(found)["seamlines"] == "edited"
    assert not np.array_equal(pixels(found.output), pixels(tmp_path / "in" / "a.tif"))
    assert found.hole_pixels == 0
    assert "Without a seam cell, used only to fill gaps: b." in Path(found.report).read_text()


def test_a_file_that_is_no_journal_is_told_and_does_no_harm(images, tmp_path, listen):
    first = run(request(images, tmp_path))
    (Path(first.work_folder) / "pipeline.json").write_text("{broken")
    heard = listen()
    assert set(states(run(request(images, tmp_path), heard)).values()) == {"computed"}
    assert any("cannot be understood" in text for text in heard.warnings)


def test_a_cancelled_run_leaves_its_models_for_the_next_one(images, tmp_path, listen, monkeypatch):
    def stopped(*_args, **_kwargs):
        raise Cancelled

    with monkeypatch.context() as patched:
        patched.setattr(mosaicpipeline, "write", stopped)
        with pytest.raises(Cancelled):
            run(request(images, tmp_path))
    assert not (tmp_path / "out" / "mosaic.tif").exists()
    assert states(run(request(images, tmp_path))) == {**KEPT, "seamlines": "reused"}


def test_a_dry_run_estimates_and_reports_and_writes_no_image(images, tmp_path):
    found = run(request(images, tmp_path, dry_run=True, save_steps=("global",)))
    assert found.output is None and found.covered is None
    assert not list((tmp_path / "out").glob("*.tif"))
    assert not list(Path(found.work_folder).glob("*.tif"))
    assert "differ by" in Path(found.report).read_text()
    assert states(run(request(images, tmp_path))) == {**KEPT, "seamlines": "reused"}


def test_images_in_between_are_saved(images, tmp_path):
    steps = ("coregister", "align", "global", "local", "mask")
    found = run(request(images, tmp_path, save_steps=steps))
    work = Path(found.work_folder)
    raw = pixels(images[1])
    assert np.array_equal(pixels(work / "b_Coregistered.tif"), raw)
    assert np.array_equal(pixels(work / "b_Align.tif"), raw)
    model = json.loads((work / "regression.json").read_text())["b"]["adjustments"]["band_0"]
    gained = np.rint(raw[0] * model["scale"] + model["offset"])
    assert np.abs(pixels(work / "b_Global.tif")[0] - gained).max() <= 1
    local, mask = pixels(work / "b_Local.tif"), pixels(work / "b_Mask.tif")
    assert np.array_equal(mask[mask > 0], local[mask > 0]) and (mask == 0).any()


def test_masked_pixels_are_not_seen_where_another_image_is_clear(images, tmp_path, write):
    cloud = np.zeros((1, 180, 200), np.uint8)
    cloud[0, 60:150, 100:190] = 1
    transform = gdal.Open(images[0]).GetGeoTransform()
    spoiled = pixels(images[0])
    spoiled[:, cloud[0] > 0] = 60000
    bad = write("in/a.tif", spoiled, nodata=0, transform=transform)
    write("masks/a_CloudMask.tif", cloud, transform=transform)
    masks = str(tmp_path / "masks")
    for rule, seams in (("last", "voronoi"), ("multiband", "leastcost"), ("mean", "none")):
        how = {"rule": rule, "seams": seams, "resume": False}
        found = run(request([bad, *images[1:]], tmp_path, masks=masks, **how))
        values = pixels(found.output)[0]
        covered = np.zeros(values.shape, bool)
        covered[10:190, 140:340] = covered[130:290, 40:260] = True
        seen = np.zeros(values.shape, bool)
        seen[60:150, 100:190] = True
        assert values[seen & covered].max() < 20000, rule
        # where nobody else sees the ground, the cloud stays
        assert (values[seen & ~covered] > 20000).all(), rule
        assert found.covered == pytest.approx((values > 0).mean())
        assert found.mean_difference_after < 0.1


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"globalregresion": {}}, r"'globalregresion' is no step\. Did you mean globalregression"),
        ({"globalregression": {"ROBSUT": 1}}, r"no option 'ROBSUT'\. Did you mean ROBUST"),
        ({"globalregression": {"OUTPUT_FOLDER": "x"}}, "decided by the pipeline itself"),
        ({"globalregression": {"MIN_OVERLAP": 0}}, "SETTINGS, globalregression: Smallest overlap"),
        ({"mergerasters": 5}, "not followed by a table"),
        ("{broken", "SETTINGS is not JSON"),
        ("[1]", "neither a JSON table nor a file"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_near(images, tmp_path, settings, sentence):
    with pytest.raises(InvalidOption, match=sentence):
        run(request(images, tmp_path, settings=settings))
    assert not (tmp_path / "out" / "mosaic_work" / "regression.json").exists()


def test_settings_reach_every_step(images, tmp_path):
    file = tmp_path / "settings.json"
    settings = {
        "globalregression": {"STD_FACTOR": 0},
        "mergerasters": {"RULE": "last"},
        "leastcostseamlines": {"REFINE_TO": 4},
    }
    file.write_text(json.dumps(settings))
    found = run(request(images, tmp_path, settings=str(file), radiometry="global"))
    known = json.loads((Path(found.work_folder) / "pipeline.json").read_text())["steps"]
    assert known["globalregression"]["request"]["std_factor"] == 0
    assert known["seamlines"]["request"]["refine_to"] == 4
    # a hard cut shows what it shows before blending
    assert found.cut_visibility == found.seam_visibility


def test_moved_images_are_put_in_place_first(write, tmp_path):
    ground = scene(420, 420)
    ground = ground + 400 * np.sin(np.arange(420) / 3.0) * np.sin(np.arange(420)[:, None] / 4.0)
    paths = []
    for name, (col, row), off in (("a", (0, 0), 0.0), ("b", (120, 0), 3.0)):
        values = np.rint(ground[:, row : row + 400, col : col + 280]).astype(np.uint16)
        transform = (5e5 + 10 * (col + off), 10.0, 0.0, 5e6 - 10 * row, 0.0, -10.0)
        paths.append(write(f"moved/{name}.tif", values, nodata=0, transform=transform))
    found = run(request(paths, tmp_path, coregister=True))
    work = Path(found.work_folder)
    assert {"a.json", "b.json"} <= {path.name for path in (work / "transforms").iterdir()}
    assert (work / "tie_points.json").exists()
    plain = run(Request(images=paths, output=str(tmp_path / "plain" / "m.tif")))
    assert found.mean_difference_after < 0.5 * plain.mean_difference_after
    expected = pixels(found.output)
    again = run(request(paths, tmp_path, coregister=True))
    assert states(again)["coregisterset"] == "reused"
    assert np.array_equal(pixels(again.output), expected)
